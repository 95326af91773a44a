// column.h - numbers in a row: of one width in memory, packed in a file.
//
//   plain   count numbers of 1, 2, 4 or 8 bytes
//   packed  blocks of COLUMN_BLOCK numbers (packed.c): not believed until column_check has seen it
//
// Knows nothing of what the numbers stand for. Reading one is O(1) in every encoding.
#ifndef MX_SNAPSHOT_COLUMN_H
#define MX_SNAPSHOT_COLUMN_H

#include <stdint.h>
#include <string.h>

enum column_encoding {
    COLUMN_EMPTY, // count numbers that are all 0; no bytes
    COLUMN_U8,
    COLUMN_U16,
    COLUMN_U32,
    COLUMN_U64,
    COLUMN_PACKED,
};

struct column {
    uint64_t count;
    const uint8_t *bytes; // not the column's own
    uint64_t nbytes;
    uint8_t encoding; // enum column_encoding
};

// packed.c
uint64_t packed_at(const struct column *column, uint64_t index);

// The number at `index`, which is below count.
static inline uint64_t column_at(const struct column *column, uint64_t index)
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
