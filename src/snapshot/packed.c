// packed.c - reading packed columns (packed.h), which nobody vouches for.
//
// Each block is looked at against the column's bytes and their checksums before a number is read from it;
// one that does not lie within them, or is damaged, reads as zeros.
#include "snapshot/packed.h"

#include "snapshot/column.h"

struct block {
    struct packed_block facts;
    uint32_t count;      // numbers in it
    uint32_t place_size; // bytes of a place
    uint64_t base, slope;
    const uint8_t *common, *places, *exceptions, *codes;
};

static uint64_t block_count(const struct column *column)
{
    return (column->count + (1ull << column->log2_block) - 1) >> column->log2_block;
}

// Reads beyond the value, within the padding.
static uint64_t value_at(const uint8_t *values, uint32_t nbytes, uint64_t index)
{
    return bytes_u64(values + index * nbytes) & (UINT64_MAX >> (64 - 8 * nbytes));
}

static inline bool may_read(const struct column *column, const uint8_t *at, uint64_t nbytes)
{
    return !column->pieces ||
           pieces_are_right(column->pieces, (uint64_t)(at - column->bytes), nbytes);
}

static bool block_open(const struct column *column, uint64_t number, struct block *ret)
{
    const uint8_t *descriptors = column->bytes + PACKED_HEAD;
    uint64_t blocks = block_count(column);
    const uint8_t *at = descriptors + 8 * blocks;
    uint64_t room = (uint64_t)(column->bytes + column->nbytes - at) - PACKED_PADDING;
    if (!may_read(column, descriptors + 8 * number, 8))
        return false;
    struct packed_block facts = packed_described(bytes_u64(descriptors + 8 * number));
    uint64_t left = column->count - (number << column->log2_block);
    uint32_t count = left >> column->log2_block ? 1u << column->log2_block : (uint32_t)left;
    uint32_t place_size = column->log2_block > 8 ? 2 : 1, nbytes = facts.value_nbytes;
    ret->facts = facts;
    ret->count = count;
    ret->place_size = place_size;
    if (facts.offset > room)
        return false;
    at += facts.offset;
    room -= facts.offset;
    if (facts.width == PACKED_RAW) {
        ret->codes = at;
        return room >= 8ull * count && may_read(column, at, 8ull * count);
    }
    uint64_t slope_nbytes = column->sloped ? 8 : 0;
    uint64_t needed = nbytes + slope_nbytes + facts.common * nbytes +
                      facts.exceptions * (place_size + nbytes) +
                      (((uint64_t)count * facts.width + 7) >> 3);
    if (needed > room || facts.width > PACKED_WIDEST || !may_read(column, at, needed))
        return false;
    ret->base = value_at(at, nbytes, 0);
    at += nbytes;
    ret->slope = column->sloped ? bytes_u64(at) : 0;
    at += slope_nbytes;
    ret->common = at;
    at += facts.common * nbytes;
    ret->places = at;
    at += facts.exceptions * place_size;
    ret->exceptions = at;
    ret->codes = at + facts.exceptions * nbytes;
    return true;
}

static uint32_t place_at(const struct block *block, uint32_t e)
{
    return block->place_size == 1
               ? block->places[e]
               : (uint32_t)(block->places[2 * e] | block->places[2 * e + 1] << 8);
}

// The exception of number k; false when it is none. Places are in order.
static bool find_exception(const struct block *block, uint32_t k, uint64_t *ret)
{
    uint32_t low = 0, high = block->facts.exceptions;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (place_at(block, middle) < k)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == block->facts.exceptions || place_at(block, low) != k)
        return false;
    *ret = value_at(block->exceptions, block->facts.value_nbytes, low);
    return true;
}

static inline uint64_t number_in(const struct block *block, uint32_t k)
{
    uint32_t width = block->facts.width;
    if (width == PACKED_RAW)
        return bytes_u64(block->codes + 8ull * k);
    uint64_t bit = (uint64_t)k * width, highest = (1ull << width) - 1, number;
    uint64_t code = width ? bytes_u64(block->codes + (bit >> 3)) >> (bit & 7) & highest : 0;
    if (code == highest && block->facts.exceptions && find_exception(block, k, &number))
        return number;
    uint64_t slope = block->slope * k >> SLOPE_BITS;
    if (code < block->facts.common)
        return slope + value_at(block->common, block->facts.value_nbytes, code);
    return slope + block->base + ((code - block->facts.common) << block->facts.shift);
}

uint64_t packed_at(const struct column *column, uint64_t index)
{
    struct block block;
    if (!block_open(column, index >> column->log2_block, &block))
        return 0;
    return number_in(&block, (uint32_t)(index & ((1u << column->log2_block) - 1)));
}

// Are the places of exceptions as they are written, each behind the one before it?
static bool places_ascend(const struct block *block)
{
    for (uint32_t e = 1; e < block->facts.exceptions; e++)
        if (place_at(block, e - 1) >= place_at(block, e))
            return false;
    return true;
}

// Numbers that are exceptions, in place of what their codes would stand for otherwise.
static void put_exceptions(const struct block *block, uint32_t from, uint32_t count, uint64_t *ret)
{
    uint32_t width = block->facts.width;
    uint64_t highest = (1ull << width) - 1;
    for (uint32_t e = 0; e < block->facts.exceptions; e++) {
        uint32_t k = place_at(block, e);
        uint64_t bit = (uint64_t)k * width;
        if (k < from || k - from >= count)
            continue;
        if (!width || (bytes_u64(block->codes + (bit >> 3)) >> (bit & 7) & highest) == highest)
            ret[k - from] = value_at(block->exceptions, block->facts.value_nbytes, e);
    }
}

// The same numbers as number_in has, without asking of each what the block is like.
static void read_block(const struct block *block, uint32_t from, uint32_t count, uint64_t *ret)
{
    uint32_t width = block->facts.width, common = block->facts.common, shift = block->facts.shift;
    if (width == PACKED_RAW || !places_ascend(block)) {
        for (uint32_t i = 0; i < count; i++)
            ret[i] = number_in(block, from + i);
        return;
    }
    uint64_t known[PACKED_COMMON + 1], highest = (1ull << width) - 1, bit = (uint64_t)from * width;
    for (uint32_t i = 0; i < common; i++)
        known[i] = value_at(block->common, block->facts.value_nbytes, i);
    if (!width) {
        uint64_t only = common ? known[0] : block->base;
        for (uint32_t i = 0; i < count; i++)
            ret[i] = only;
    } else if (!common) {
        for (uint32_t i = 0; i < count; i++, bit += width)
            ret[i] = block->base +
                     ((bytes_u64(block->codes + (bit >> 3)) >> (bit & 7) & highest) << shift);
    } else {
        for (uint32_t i = 0; i < count; i++, bit += width) {
            uint64_t code = bytes_u64(block->codes + (bit >> 3)) >> (bit & 7) & highest;
            ret[i] = code < common ? known[code] : block->base + ((code - common) << shift);
        }
    }
    for (uint32_t i = 0; block->slope && i < count; i++)
        ret[i] += block->slope * (from + i) >> SLOPE_BITS;
    put_exceptions(block, from, count, ret);
}

static void cut_off(const struct column *column, uint64_t count, uint64_t *ret)
{
    for (uint64_t i = 0; i < count; i++)
        ret[i] = ret[i] > column->most ? 0 : ret[i];
}

// Can no number of the block be above `most`, whatever its codes are?
static bool stays_below(const struct block *block, uint64_t most)
{
    const struct packed_block *facts = &block->facts;
    uint64_t highest = (1ull << facts->width) - 1;
    if (facts->width == PACKED_RAW || facts->width + facts->shift > PACKED_WIDEST || block->slope ||
        facts->exceptions || block->base > most || highest << facts->shift > most - block->base)
        return false;
    for (uint32_t i = 0; i < facts->common; i++)
        if (value_at(block->common, facts->value_nbytes, i) > most)
            return false;
    return true;
}

static void read_packed(const struct column *column, uint64_t from, uint64_t count, uint64_t *ret)
{
    while (count) {
        struct block block;
        uint32_t k = (uint32_t)(from & ((1u << column->log2_block) - 1));
        bool ok = block_open(column, from >> column->log2_block, &block);
        uint64_t here = block.count - k < count ? block.count - k : count;
        if (ok)
            read_block(&block, k, (uint32_t)here, ret);
        else
            memset(ret, 0, here * sizeof *ret);
        if (ok && column->untrusted && !stays_below(&block, column->most))
            cut_off(column, here, ret);
        ret += here;
        from += here;
        count -= here;
    }
}

void column_read(const struct column *column, uint64_t from, uint64_t count, uint64_t *ret)
{
    const uint8_t *bytes = column->bytes;
    switch ((enum column_encoding)column->encoding) {
    case COLUMN_EMPTY:
        memset(ret, 0, count * sizeof *ret);
        break;
    case COLUMN_U8:
        for (uint64_t i = 0; i < count; i++)
            ret[i] = bytes[from + i];
        break;
    case COLUMN_U16:
        for (uint64_t i = 0; i < count; i++)
            ret[i] = ((const uint16_t *)(const void *)bytes)[from + i];
        break;
    case COLUMN_U32:
        for (uint64_t i = 0; i < count; i++)
            ret[i] = ((const uint32_t *)(const void *)bytes)[from + i];
        break;
    case COLUMN_U64:
        memcpy(ret, (const uint64_t *)(const void *)bytes + from, count * sizeof *ret);
        break;
    case COLUMN_PACKED:
        read_packed(column, from, count, ret);
        return;
    }
    if (column->untrusted)
        cut_off(column, count, ret);
}

bool column_check(const struct column *column)
{
    struct block block;
    uint64_t count = column->count;
    if (column->encoding != COLUMN_PACKED) {
        for (uint64_t i = 0; i < count; i++)
            if (plain_at(column, i) > column->most)
                return false;
        return true;
    }
    for (uint64_t number = 0; number < block_count(column); number++) {
        if (!block_open(column, number, &block))
            return false;
        for (uint32_t k = 0; k < block.count; k++)
            if (number_in(&block, k) > column->most)
                return false;
    }
    return true;
}

bool column_from_file(struct column *ret, enum column_encoding encoding, uint64_t count,
                      const uint8_t *bytes, uint64_t nbytes, uint64_t most,
                      const struct pieces *pieces)
{
    static const uint8_t WIDTH[COLUMN_ENCODINGS] = {0, 1, 2, 4, 8, 0};
    struct column column = {count, bytes, nbytes, (uint8_t)encoding, 0, false, true, most, pieces};
    if (encoding != COLUMN_PACKED) { // short ones: all of it at once
        *ret = column;
        return encoding == COLUMN_EMPTY ||
               (count <= UINT64_MAX / 8 && nbytes >= count * WIDTH[encoding] &&
                may_read(&column, bytes, nbytes));
    }
    if (nbytes < PACKED_HEAD + PACKED_PADDING || count > UINT64_MAX / 16 ||
        !may_read(&column, bytes, PACKED_HEAD))
        return false;
    uint32_t log2_block, sloped;
    memcpy(&log2_block, bytes, sizeof log2_block);
    memcpy(&sloped, bytes + 4, sizeof sloped);
    log2_block = le32toh(log2_block);
    sloped = le32toh(sloped);
    if (log2_block < PACKED_LEAST_LOG2 || log2_block > PACKED_MOST_LOG2 || sloped > 1)
        return false;
    column.log2_block = (uint8_t)log2_block;
    column.sloped = sloped;
    *ret = column;
    return block_count(&column) <= (nbytes - PACKED_HEAD - PACKED_PADDING) / 8;
}
