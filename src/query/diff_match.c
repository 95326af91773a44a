// diff_match.c - the objects of two snapshots side by side, by address: one pass over both.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "query/diff.h"
#include "snapshot/cursor.h"

#define LIMIT_ROUNDS 16 // what an object is told by is what holds it: so deep, one of them a round

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

// One of two snapshots, read object by object.
struct reading {
    struct snapshot_stored stored;
    struct cursor addresses, types, sizes, values;
};

static void begin(struct reading *reading, const struct snapshot *s)
{
    *reading = (struct reading){.stored = s->stored,
                                .addresses.column = &s->address,
                                .types.column = &s->type,
                                .sizes.column = &s->size,
                                .values.column = s->stored.first};
}

// The object's value as the file has it; NULL where it has none that stands for itself.
static const uint8_t *value_at(struct reading *reading, uint32_t object, uint64_t *ret_nbytes)
{
    if (!snapshot_stores(&reading->stored, cursor_at(&reading->types, object)))
        return NULL;
    uint64_t first = cursor_at(&reading->values, object);
    uint64_t end = cursor_at(&reading->values, (uint64_t)object + 1);
    *ret_nbytes = end - first;
    return snapshot_stored_bytes(&reading->stored, first, end);
}

// Is it an immutable value, and of both the same bytes of a file? No answer when it says no.
static bool is_same_stored(struct reading *reading, struct reading *other, uint32_t a, uint32_t b)
{
    uint64_t nbytes = 0, other_nbytes = 0;
    const uint8_t *bytes = value_at(reading, a, &nbytes);
    const uint8_t *others = bytes ? value_at(other, b, &other_nbytes) : NULL;
    return others && nbytes == other_nbytes && memcmp(bytes, others, nbytes) == 0 &&
           cursor_at(&reading->sizes, a) == cursor_at(&other->sizes, b);
}

// Returns how many addresses of one type have another object now.
static uint64_t merge(const struct pair *pair, struct reading *reading, struct reading *other)
{
    uint32_t count = pair->after->object_count, b = 0;
    uint64_t reused = 0;
    for (uint32_t a = 0; a < pair->before->object_count; a++) {
        uint64_t address = cursor_at(&reading->addresses, a);
        pair->next[a] = MX_NO_OBJECT;
        while (b < count && cursor_at(&other->addresses, b) < address)
            b++;
        if (b == count || cursor_at(&other->addresses, b) != address ||
            pair->type_after[cursor_at(&reading->types, a)] != cursor_at(&other->types, b))
            continue;
        if (is_same_stored(reading, other, a, b) || diff_is_same(pair, a, b))
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
    struct reading *readings = malloc(2 * sizeof *readings);
    if (!readings) {
        free(type_after);
        return fail_no_memory(err);
    }
    begin(&readings[0], before);
    begin(&readings[1], after);
    *ret_reused = merge(&pair, &readings[0], &readings[1]);
    free(readings);
    uint64_t apart = 1;
    for (int round = 0; apart && round < LIMIT_ROUNDS; round++) {
        apart = diff_tell_apart(&pair);
        *ret_reused += apart;
    }
    free(type_after);
    return MX_OK;
}
