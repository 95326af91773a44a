// diff_match.c - the objects of two snapshots side by side, by address: one pass over both.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "query/diff.h"

#define BLOCK 1024      // numbers of a column, read at once
#define LIMIT_ROUNDS 16 // what an object is told by is what holds it: so deep, one of them a round

// A column read from its beginning to its end.
struct cursor {
    const struct column *column;
    uint64_t begin, end;
    uint64_t numbers[BLOCK];
};

static uint64_t cursor_at(struct cursor *cursor, uint64_t index)
{
    if (index >= cursor->end || index < cursor->begin) {
        uint64_t left = cursor->column->count - index;
        uint64_t count = left < BLOCK ? left : BLOCK;
        column_read(cursor->column, index, count, cursor->numbers);
        cursor->begin = index;
        cursor->end = index + count;
    }
    return cursor->numbers[index - cursor->begin];
}

// Which type of `after` has the address and the name of each of `before`.
static mx_status match_types(const struct snapshot *before, const struct snapshot *after,
                             uint32_t **ret, struct mx_error *err)
{
    struct map places = {0};
    uint32_t *found = malloc((before->type_count + 1) * sizeof *found);
    mx_status status = found ? MX_OK : fail_no_memory(err);
    for (size_t i = 0; !status && i < after->type_count; i++) {
        uint64_t *place =
            after->types[i].address ? map_put(&places, after->types[i].address) : NULL;
        if (place)
            *place = i;
        else if (after->types[i].address)
            status = fail_no_memory(err);
    }
    for (size_t i = 0; !status && i < before->type_count; i++) {
        const struct snapshot_type *type = &before->types[i];
        const uint64_t *place = map_find(&places, type->address);
        bool same = place && strcmp(after->types[*place].name, type->name) == 0 &&
                    after->types[*place].family == type->family;
        found[i] = same ? (uint32_t)*place : MX_NO_OBJECT;
    }
    map_free(&places);
    if (status)
        free(found);
    else
        *ret = found;
    return status;
}

// Returns how many addresses of one type have another object now.
static uint64_t merge(const struct pair *pair)
{
    const struct snapshot *before = pair->before, *after = pair->after;
    struct cursor addresses = {.column = &before->address}, others = {.column = &after->address};
    struct cursor types = {.column = &before->type}, other_types = {.column = &after->type};
    uint64_t reused = 0;
    uint32_t b = 0;
    for (uint32_t a = 0; a < before->object_count; a++) {
        uint64_t address = cursor_at(&addresses, a);
        pair->next[a] = MX_NO_OBJECT;
        while (b < after->object_count && cursor_at(&others, b) < address)
            b++;
        if (b == after->object_count || cursor_at(&others, b) != address ||
            pair->type_after[cursor_at(&types, a)] != cursor_at(&other_types, b))
            continue;
        if (diff_is_same(pair, a, b))
            pair->next[a] = b;
        else
            reused++;
        b++;
    }
    return reused;
}

mx_status diff_match(const struct snapshot *before, const struct snapshot *after, uint32_t *next,
                     uint64_t *ret_reused, struct mx_error *err)
{
    uint32_t *type_after;
    mx_status status = match_types(before, after, &type_after, err);
    if (status)
        return status;
    struct pair pair = {before, after, type_after, next};
    *ret_reused = merge(&pair);
    uint64_t apart = 1;
    for (int round = 0; apart && round < LIMIT_ROUNDS; round++) {
        apart = diff_tell_apart(&pair);
        *ret_reused += apart;
    }
    free(type_after);
    return MX_OK;
}
