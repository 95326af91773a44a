// slots.c - classes of the user's code whose instances would be smaller with __slots__.
//
// An instance without a __dict__ is the struct of its first base that no class statement made, one
// word for each attribute, and the collector's head. What it is now is known: itself, and the dict or
// the values that keep its attributes.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/suspects.h"

#define SAMPLES 256           // instances of a class whose attributes are counted
#define LIMIT_ATTRIBUTES 1000 // of one that are looked at: a class with more needs a dict
#define LIMIT_BASES 64
#define WORD 8
#define COLLECTOR_HEAD 16
#define OBJECT_NBYTES 16
#define OBJECT_NBYTES_FREE_THREADED 32
#define ROW_LEAST 1024 // bytes saved, to be a row

// The bases that no class statement made; false where an installed class has a __dict__ anyway.
static bool find_base(const struct snapshot *s, uint32_t type, uint64_t *ret_nbytes)
{
    *ret_nbytes = s->info.free_threaded ? OBJECT_NBYTES_FREE_THREADED : OBJECT_NBYTES;
    uint32_t base = s->types[type].base;
    for (int i = 0; i < LIMIT_BASES && base != MX_NO_OBJECT; i++, base = s->types[base].base) {
        const struct snapshot_type *row = &s->types[base];
        if (!(row->flags & TYPE_PYTHON)) {
            *ret_nbytes = row->basic_nbytes;
            return !(row->flags & TYPE_DICT);
        }
        if (!(row->flags & TYPE_USER) && row->flags & TYPE_DICT)
            return false;
    }
    return true;
}

static uint64_t count_labels(const struct snapshot *s, uint32_t object, char first)
{
    uint64_t at = column_at(&s->first, object), end = column_at(&s->first, (uint64_t)object + 1);
    uint64_t count = 0;
    end = end - at < LIMIT_ATTRIBUTES ? end : at + LIMIT_ATTRIBUTES;
    for (char label[64]; at < end; at++) {
        s->texts.label(s->texts.data, object, at, label, sizeof label);
        count += *label == first && strncmp(label, ".__", 3) != 0;
    }
    return count;
}

// The dict of its attributes, where there is one.
static uint32_t attributes_of(const struct mx_suspects *suspects, uint32_t object)
{
    const struct snapshot *s = suspects->snapshot;
    uint64_t at = column_at(&s->first, object), end = column_at(&s->first, (uint64_t)object + 1);
    for (; at < end; at++) {
        uint32_t to = (uint32_t)column_at(&s->target, at);
        if (suspects->fold.nodes[suspects->fold.node_of[to]].is_attributes &&
            hang_holder(&suspects->hang, to) == object)
            return to;
    }
    return MX_NO_OBJECT;
}

static void look_at(const struct mx_suspects *suspects, uint32_t object, struct mx_slots *row)
{
    const struct snapshot *s = suspects->snapshot;
    uint32_t dict = attributes_of(suspects, object);
    row->instances++;
    row->bytes += snapshot_nbytes(s, object);
    if (dict != MX_NO_OBJECT)
        row->bytes += snapshot_nbytes(s, dict);
    if (row->instances > SAMPLES)
        return;
    uint64_t count = count_labels(s, object, '.');
    if (dict != MX_NO_OBJECT)
        count += count_labels(s, dict, '[');
    row->attributes = count > row->attributes ? count : row->attributes;
}

static int by_saved(const void *a, const void *b)
{
    const struct mx_slots *left = a, *right = b;
    if (left->saved != right->saved)
        return left->saved < right->saved ? 1 : -1;
    return strcmp(left->type, right->type);
}

static mx_status add_rows(struct mx_suspects *suspects, struct mx_slots *by_type,
                          struct mx_error *err)
{
    const struct snapshot *s = suspects->snapshot;
    for (uint32_t type = 0; type < s->type_count; type++) {
        struct mx_slots *row = &by_type[type];
        uint64_t base;
        if (!row->instances || !find_base(s, type, &base))
            continue;
        uint64_t head = s->info.free_threaded ? 0 : COLLECTOR_HEAD;
        uint64_t slotted = row->instances * (base + head + WORD * row->attributes);
        row->type = s->types[type].name;
        row->saved = row->bytes > slotted ? row->bytes - slotted : 0;
        suspects->totals.slots_saved += row->saved;
        if (row->saved >= ROW_LEAST && !vector_push(&suspects->slots, *row))
            return fail_no_memory(err);
    }
    if (suspects->slots.count)
        qsort(suspects->slots.items, suspects->slots.count, sizeof *suspects->slots.items,
              by_saved);
    if (suspects->slots.count > MX_SUSPECT_ROWS)
        suspects->slots.count = MX_SUSPECT_ROWS;
    return MX_OK;
}

mx_status suspects_add_slots(struct mx_suspects *suspects, struct mx_error *err)
{
    const struct snapshot *s = suspects->snapshot;
    const uint32_t wanted = TYPE_USER | TYPE_DICT | TYPE_PYTHON;
    struct mx_slots *by_type = calloc(s->type_count + 1, sizeof *by_type);
    if (!by_type)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t type = (uint32_t)column_at(&s->type, i);
        if ((s->types[type].flags & wanted) == wanted)
            look_at(suspects, i, &by_type[type]);
    }
    mx_status status = add_rows(suspects, by_type, err);
    free(by_type);
    return status;
}
