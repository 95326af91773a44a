// column.h - numbers in a row: of one width in memory, packed in a file.
//
//   plain   count numbers of 1, 2, 4 or 8 bytes
//   packed  blocks of 64 to 512 numbers, each with an encoding of its own (packed.c)
//
// Knows nothing of what the numbers stand for. Reading one is O(1) in every encoding, and safe
// whatever the bytes of a column that column_from_file has made: what lies outside of them reads as 0,
// and so does what is above `most`, or damaged.
#ifndef MX_SNAPSHOT_COLUMN_H
#define MX_SNAPSHOT_COLUMN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memexplorer.h"
#include "snapshot/pieces.h"

enum column_encoding {
    COLUMN_EMPTY, // count numbers that are all 0; no bytes
    COLUMN_U8,
    COLUMN_U16,
    COLUMN_U32,
    COLUMN_U64,
    COLUMN_PACKED,
};
#define COLUMN_ENCODINGS (COLUMN_PACKED + 1)

struct column {
    uint64_t count;
    const uint8_t *bytes; // not the column's own
    uint64_t nbytes;
    uint8_t encoding;   // enum column_encoding
    uint8_t log2_block; // packed: numbers of a block
    bool sloped;        // packed: blocks have a slope
    bool untrusted;     // from a file: what is above `most` reads as 0
    uint64_t most;
    const struct pieces *pieces; // of a file: looked at before they are read; NULL when all were
};

// A column of numbers in memory; of NULL, `count` zeros.
static inline struct column column_plain(const void *numbers, uint64_t count,
                                         enum column_encoding encoding)
{
    static const uint8_t WIDTHS[COLUMN_ENCODINGS] = {
        [COLUMN_U8] = 1, [COLUMN_U16] = 2, [COLUMN_U32] = 4, [COLUMN_U64] = 8};
    return (struct column){.count = count,
                           .bytes = numbers,
                           .nbytes = numbers ? count * WIDTHS[encoding] : 0,
                           .encoding = (uint8_t)(numbers ? encoding : COLUMN_EMPTY)};
}

// A column of a file: false when `nbytes` cannot be `count` numbers. O(1) when it is packed; `bytes` is
// aligned as its numbers are, and stays. `pieces` are those of `bytes`; NULL where all are right.
bool column_from_file(struct column *ret, enum column_encoding encoding, uint64_t count,
                      const uint8_t *bytes, uint64_t nbytes, uint64_t most,
                      const struct pieces *pieces);

// packed.c
uint64_t packed_at(const struct column *column, uint64_t index);
// Numbers from .. from + count - 1, all below the column's count; faster than one by one.
void column_read(const struct column *column, uint64_t from, uint64_t count, uint64_t *ret);
// False when a block is not what a packed column has, or a number is above `most`. O(count).
bool column_check(const struct column *column);

// pack.c: the bytes of a packed column of these numbers, at most as many as plain ones would take and
// some. *ret_bytes is the caller's to free. `rising`: the numbers rise, mostly evenly. MX_NO_MEMORY.
mx_status column_pack(const struct column *plain, bool rising, uint8_t **ret_bytes,
                      uint64_t *ret_nbytes, struct mx_error *err);

static inline uint64_t plain_at(const struct column *column, uint64_t index)
{
    switch ((enum column_encoding)column->encoding) {
    case COLUMN_EMPTY:
        return 0;
    case COLUMN_U8:
        return column->bytes[index];
    case COLUMN_U16:
        return ((const uint16_t *)(const void *)column->bytes)[index];
    case COLUMN_U32:
        return ((const uint32_t *)(const void *)column->bytes)[index];
    case COLUMN_U64:
        return ((const uint64_t *)(const void *)column->bytes)[index];
    case COLUMN_PACKED:
        return packed_at(column, index);
    }
    return 0;
}

// The number at `index`, which is below count. Of a file it may be any: numbers of a damaged one lead
// anywhere.
static inline uint64_t column_at(const struct column *column, uint64_t index)
{
    if (column->untrusted && index >= column->count)
        return 0;
    uint64_t number = plain_at(column, index);
    return column->untrusted && number > column->most ? 0 : number;
}

// Counts around zero as a column keeps them: 0, -1, 1, -2, 2 ...
static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t zagzig(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
