// plain.c - unpacking columns.
#include "snapshot/plain.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"

#define BLOCK 4096 // numbers, at once

// Of a file it stands there, where it is less than any number.
static uint64_t largest(const struct column *column)
{
    if (column->untrusted && column->most <= UINT32_MAX)
        return column->most;
    uint64_t numbers[BLOCK], most = 0;
    for (uint64_t at = 0; at < column->count; at += BLOCK) {
        uint64_t left = column->count - at, count = left < BLOCK ? left : BLOCK;
        column_read(column, at, count, numbers);
        for (uint64_t i = 0; i < count; i++)
            most |= numbers[i]; // as wide as the largest
    }
    return most;
}

static void narrow(const uint64_t *numbers, uint64_t count, enum column_encoding encoding,
                   uint8_t *ret)
{
    switch (encoding) {
    case COLUMN_U8:
        for (uint64_t i = 0; i < count; i++)
            ret[i] = (uint8_t)numbers[i];
        return;
    case COLUMN_U16:
        for (uint64_t i = 0; i < count; i++)
            ((uint16_t *)(void *)ret)[i] = (uint16_t)numbers[i];
        return;
    case COLUMN_U32:
        for (uint64_t i = 0; i < count; i++)
            ((uint32_t *)(void *)ret)[i] = (uint32_t)numbers[i];
        return;
    case COLUMN_U64:
        memcpy(ret, numbers, count * sizeof *numbers);
        return;
    case COLUMN_EMPTY:
    case COLUMN_PACKED:
        return;
    }
}

static void unpack(const struct column *column, enum column_encoding encoding, size_t width,
                   uint8_t *ret)
{
    uint64_t numbers[BLOCK];
    for (uint64_t at = 0; at < column->count; at += BLOCK) {
        uint64_t left = column->count - at, count = left < BLOCK ? left : BLOCK;
        column_read(column, at, count, numbers);
        narrow(numbers, count, encoding, ret + at * width);
    }
}

static bool make_plain(struct column *column, void **ret_numbers)
{
    if (column->encoding != COLUMN_PACKED)
        return true;
    uint64_t most = largest(column);
    enum column_encoding encoding = most <= UINT8_MAX    ? COLUMN_U8
                                    : most <= UINT16_MAX ? COLUMN_U16
                                    : most <= UINT32_MAX ? COLUMN_U32
                                                         : COLUMN_U64;
    size_t width = encoding == COLUMN_U8    ? 1
                   : encoding == COLUMN_U16 ? 2
                   : encoding == COLUMN_U32 ? 4
                                            : 8;
    if (!(*ret_numbers = malloc((column->count + 1) * width)))
        return false;
    unpack(column, encoding, width, *ret_numbers);
    *column = column_plain(*ret_numbers, column->count, encoding);
    return true;
}

static const size_t OFFSETS[PLAIN_COUNT] = {
#define X(name) [PLAIN_NUMBER_##name] = offsetof(struct snapshot, name),
    PLAIN_COLUMNS(X)
#undef X
};

static struct column *column_of(const struct snapshot *s, int number)
{
    return (struct column *)(void *)((char *)(uintptr_t)s + OFFSETS[number]);
}

void plain_init(struct plain *plain, const struct snapshot *s)
{
    *plain = (struct plain){.of = s, .snapshot = *s};
}

mx_status plain_add(struct plain *plain, unsigned columns, struct mx_error *err)
{
    for (int i = 0; i < PLAIN_COUNT; i++)
        if (columns & 1u << i && !plain->numbers[i] &&
            !make_plain(column_of(&plain->snapshot, i), &plain->numbers[i]))
            return fail_no_memory(err);
    return MX_OK;
}

unsigned plain_column(size_t offset)
{
    for (int i = 0; i < PLAIN_COUNT; i++)
        if (OFFSETS[i] == offset)
            return 1u << i;
    return 0;
}

void plain_drop(struct plain *plain, unsigned columns)
{
    for (int i = 0; i < PLAIN_COUNT; i++)
        if (columns & 1u << i && plain->numbers[i]) {
            free(plain->numbers[i]);
            plain->numbers[i] = NULL;
            *column_of(&plain->snapshot, i) = *column_of(plain->of, i);
        }
}

void plain_free(struct plain *plain)
{
    plain_drop(plain, (1u << PLAIN_COUNT) - 1);
}
