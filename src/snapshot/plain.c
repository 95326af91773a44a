// plain.c - unpacking columns.
#include "snapshot/plain.h"

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

static void unpack(const struct column *column, enum column_encoding encoding, void *ret)
{
    uint64_t numbers[BLOCK];
    for (uint64_t at = 0; at < column->count; at += BLOCK) {
        uint64_t left = column->count - at, count = left < BLOCK ? left : BLOCK;
        column_read(column, at, count, numbers);
        for (uint64_t i = 0; i < count; i++)
            if (encoding == COLUMN_U8)
                ((uint8_t *)ret)[at + i] = (uint8_t)numbers[i];
            else if (encoding == COLUMN_U16)
                ((uint16_t *)ret)[at + i] = (uint16_t)numbers[i];
            else if (encoding == COLUMN_U32)
                ((uint32_t *)ret)[at + i] = (uint32_t)numbers[i];
            else
                ((uint64_t *)ret)[at + i] = numbers[i];
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
    if (!(*ret_numbers = calloc(column->count + 1, width)))
        return false;
    unpack(column, encoding, *ret_numbers);
    *column = column_plain(*ret_numbers, column->count, encoding);
    return true;
}

mx_status plain_make(const struct snapshot *s, struct plain *ret, struct mx_error *err)
{
    *ret = (struct plain){.snapshot = *s};
    struct snapshot *made = &ret->snapshot;
    struct column *columns[PLAIN_COLUMNS] = {&made->type,  &made->size,      &made->extra,
                                             &made->flags, &made->first,     &made->target,
                                             &made->hold,  &made->dominator, &made->retained};
    for (size_t i = 0; i < PLAIN_COLUMNS; i++)
        if (!make_plain(columns[i], &ret->numbers[i]))
            return fail_no_memory(err);
    return MX_OK;
}

void plain_free(struct plain *plain)
{
    for (size_t i = 0; i < PLAIN_COLUMNS; i++) {
        free(plain->numbers[i]);
        plain->numbers[i] = NULL;
    }
}
