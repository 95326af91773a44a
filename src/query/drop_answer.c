// drop_answer.c - the public questions about what would happen if a reference went away.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "query/drop.h"

const char *mx_drop_fate_name(mx_drop_fate fate)
{
    switch (fate) {
    case MX_DROP_FREED:
        return "freed";
    case MX_DROP_COLLECTED:
        return "collected";
    case MX_DROP_LOST:
        return "lost";
    case MX_DROP_STAYS:
        return "stays";
    }
    return "?";
}

const char *mx_drop_reason_name(mx_drop_reason reason)
{
    switch (reason) {
    case MX_STAYS_HELD:
        return "held";
    case MX_STAYS_ROOT:
        return "root";
    case MX_STAYS_NATIVE:
        return "native";
    case MX_STAYS_IMMORTAL:
        return "immortal";
    case MX_STAYS_UNKNOWN:
        return "unknown";
    }
    return "?";
}

// ---- making the answer --------------------------------------------------------------------------

// What roots keep, but for what never goes, and what they keep because nothing does.
static void index_roots(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        if (!reference->keeps || s->roots[reference->root].kind == ROOT_GARBAGE ||
            drop_never_goes(s, reference->to))
            continue;
        uint64_t *rooted = map_put(&drop->rooted, (uint64_t)reference->to + 1);
        if (!rooted) {
            drop->failed = true;
            return;
        }
        if (!*rooted || drop_is_surplus(s, &s->root_references[(*rooted & ROOTED_PLACE) - 1]))
            *rooted = (*rooted & ROOTED_UNCOUNTED) | (i + 1);
        if (reference->hold != MX_OWNED)
            *rooted |= ROOTED_UNCOUNTED;
    }
}

// All references but those that nobody found. With none at all only a stack may have kept it.
static void give_up_all(struct mx_drop *drop)
{
    int64_t count = (int64_t)column_at(&drop->snapshot->refcount, drop->object);
    int64_t missing = zagzig(column_at(&drop->snapshot->unexplained, drop->object));
    int64_t found = missing > 0 ? count - missing : count;
    uint64_t *state = map_put(&drop->states, (uint64_t)drop->object + 1);
    if (!state || !vector_push(&drop->touched, drop->object)) {
        drop->failed = true;
        return;
    }
    if (found > 1)
        *state = (uint64_t)(found - 1) & STATE_LOST;
    if (found > 0 || count == 0)
        drop_give_up(drop, drop->object);
}

static int compare_types(const void *a, const void *b)
{
    const struct mx_drop_type *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    int order = strcmp(x->type, y->type);
    return order ? order : (int)x->fate - (int)y->fate;
}

static void sum_up_types(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    struct map places = {0}; // type and fate -> place in types + 1
    for (size_t i = 0; i < drop->objects.count && !drop->failed; i++) {
        const struct mx_drop_object *gone = &drop->objects.items[i];
        uint64_t type = column_at(&s->type, gone->object);
        uint64_t *place = map_put(&places, (type + 1) << 2 | gone->fate);
        struct mx_drop_type made = {s->types[type].name, gone->fate, 0, 0};
        if (!place || (!*place && !vector_push(&drop->types, made))) {
            drop->failed = true;
            break;
        }
        if (!*place)
            *place = drop->types.count;
        drop->types.items[*place - 1].count++;
        drop->types.items[*place - 1].bytes += gone->bytes;
    }
    map_free(&places);
    if (drop->types.count > 1)
        qsort(drop->types.items, drop->types.count, sizeof *drop->types.items, compare_types);
}

static bool is_common(const struct snapshot *s, uint32_t object)
{
    uint8_t family = snapshot_type_of(s, object)->family;
    return family == SNAPSHOT_STR || family == SNAPSHOT_TYPE || family == SNAPSHOT_CODE ||
           family == SNAPSHOT_INT;
}

static void sum_up(struct mx_drop *drop)
{
    struct mx_drop_totals *totals = &drop->totals;
    const struct snapshot *s = drop->snapshot;
    totals->fate = MX_DROP_STAYS;
    for (size_t i = 0; i < drop->objects.count; i++) {
        const struct mx_drop_object *gone = &drop->objects.items[i];
        uint64_t *count = gone->fate == MX_DROP_FREED       ? &totals->freed
                          : gone->fate == MX_DROP_COLLECTED ? &totals->collected
                                                            : &totals->lost;
        uint64_t *bytes = gone->fate == MX_DROP_FREED       ? &totals->freed_bytes
                          : gone->fate == MX_DROP_COLLECTED ? &totals->collected_bytes
                                                            : &totals->lost_bytes;
        ++*count;
        *bytes += gone->bytes;
        if (gone->object == drop->object)
            totals->fate = gone->fate;
    }
    for (int pass = 0; pass < 2; pass++) // names and classes are what a person looks at last
        for (size_t i = 0; i < drop->touched.count; i++) {
            uint32_t object = drop->touched.items[i];
            if (drop_state(drop, object) & (STATE_GONE | STATE_BELOW) ||
                is_common(s, object) != (pass == 1))
                continue;
            if (drop_never_goes(s, object) && object != drop->object)
                totals->immortal++;
            else if (!vector_push(&drop->staying, object))
                drop->failed = true;
        }
    totals->stays = drop->staying.count;
}

static void simulate(struct mx_drop *drop)
{
    index_roots(drop);
    drop_find_below(drop);
    if (drop->reference == DROP_ALL)
        give_up_all(drop);
    else
        drop_give_up(drop, drop->object);
    drop_run(drop);
    drop_collect(drop);
    sum_up(drop);
    sum_up_types(drop);
}

static mx_status drop_make(struct mx_drop *drop, mx_addr address, const char *label,
                           struct mx_error *err)
{
    const struct snapshot *s = drop->snapshot;
    uint32_t object;
    if (!snapshot_find(s, address, &object))
        return fail(err, MX_NOT_FOUND,
                    "no live object at 0x%llx; 'memexplorer objects' lists those there are",
                    (unsigned long long)address);
    drop->object = object;
    drop->from = MX_NO_OBJECT;
    drop->reference = DROP_ALL;
    drop->indexed = drop->found.from = MX_NO_OBJECT;
    if (!label)
        drop_list_all(drop, object);
    drop->totals.references = label ? 1 : drop->going.count;
    if (label) {
        mx_status status = drop_find(s, object, label, &drop->from, &drop->reference, err);
        if (status)
            return status;
        drop->object = (uint32_t)column_at(&s->target, drop->reference);
    }
    drop->totals.object = drop->object;
    simulate(drop);
    return drop->failed ? fail_no_memory(err) : MX_OK;
}

mx_status drop_of_snapshot(const struct snapshot *s, mx_addr address, const char *label,
                           mx_drop **ret, struct mx_error *err)
{
    struct mx_drop *drop = calloc(1, sizeof *drop);
    if (!drop)
        return fail_no_memory(err);
    drop->snapshot = s;
    mx_status status = snapshot_answered(s, drop_make(drop, address, label, err), err);
    if (status) {
        mx_drop_free(drop);
        return status;
    }
    *ret = drop;
    return MX_OK;
}

mx_status mx_heap_drop(const mx_heap *heap, mx_addr address, const char *label, mx_drop **ret,
                       struct mx_error *err)
{
    const struct snapshot *s;
    mx_status status = heap_snapshot(heap, &s, err);
    if (!status && !s->labels_at_hand)
        status = heap_labels(heap, err);
    return status ? status : drop_of_snapshot(s, address, label, ret, err);
}

void mx_drop_free(mx_drop *drop)
{
    if (!drop)
        return;
    map_free(&drop->states);
    map_free(&drop->rooted);
    map_free(&drop->reported);
    map_free(&drop->slotted);
    vector_free(&drop->slots);
    vector_free(&drop->touched);
    vector_free(&drop->below);
    vector_free(&drop->actions);
    vector_free(&drop->order);
    vector_free(&drop->objects);
    vector_free(&drop->calls);
    vector_free(&drop->staying);
    vector_free(&drop->going);
    vector_free(&drop->types);
    map_free(&drop->index);
    free(drop);
}

const struct mx_drop_totals *mx_drop_totals(const mx_drop *drop)
{
    return &drop->totals;
}

size_t mx_drop_objects(const mx_drop *drop, const struct mx_drop_object **ret)
{
    *ret = drop->objects.items;
    return drop->objects.count;
}

size_t mx_drop_calls(const mx_drop *drop, const struct mx_drop_call **ret)
{
    *ret = drop->calls.items;
    return drop->calls.count;
}

size_t mx_drop_types(const mx_drop *drop, const struct mx_drop_type **ret)
{
    *ret = drop->types.items;
    return drop->types.count;
}
