// drop_answer.c - the public questions about what would happen if a reference went away.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "query/drop.h"

#define LIMIT_REFERRERS 1000 // looked at beyond those that go, in search of one that stays
#define LARGE 1000           // references of an object that is worth an index

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

// ---- references that go -------------------------------------------------------------------------

// heap/retained.c: the root of those whose counts say more than was found. It stands for no reference.
static bool is_surplus(const struct snapshot *s, const struct snapshot_root_reference *reference)
{
    const struct snapshot_root *root = &s->roots[reference->root];
    return root->kind == ROOT_NATIVE && strcmp(root->name, "native code") == 0;
}

static bool root_goes(const struct snapshot *s, const struct snapshot_root_reference *reference)
{
    return reference->hold == MX_OWNED && !is_surplus(s, reference);
}

// Those of objects by their addresses, then roots.
static void list_all(struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t end = column_at(&s->referrer_first, (uint64_t)object + 1);
    uint32_t before = MX_NO_OBJECT;
    for (uint64_t at = column_at(&s->referrer_first, object); at < end; at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (column_at(&s->referrer_hold, at) != MX_OWNED || from == before)
            continue;
        before = from; // ascending: those of one object stand together
        uint64_t last = drop_end(s, from);
        for (uint64_t k = column_at(&s->first, from); k < last; k++)
            if (column_at(&s->target, k) == object && column_at(&s->hold, k) == MX_OWNED &&
                !vector_push(&drop->going, ((struct drop_going){from, k})))
                drop->failed = true;
    }
    for (size_t i = 0; i < s->root_reference_count; i++)
        if (s->root_references[i].to == object && root_goes(s, &s->root_references[i]) &&
            !vector_push(&drop->going, ((struct drop_going){MX_NO_OBJECT, i})))
            drop->failed = true;
}

static void describe_root(const struct snapshot *s, size_t place, struct mx_reference *ret)
{
    const struct snapshot_root_reference *reference = &s->root_references[place];
    *ret = (struct mx_reference){
        .from = MX_NO_OBJECT, .to = reference->to, .ownership = (mx_ownership)reference->hold};
    s->texts.root_label(s->texts.data, place, ret->label, sizeof ret->label);
    snprintf(ret->root, sizeof ret->root, "%s", s->roots[reference->root].name);
}

static void describe(const struct snapshot *s, uint32_t from, uint64_t reference,
                     struct mx_reference *ret)
{
    *ret = (struct mx_reference){.from = from,
                                 .to = (uint32_t)column_at(&s->target, reference),
                                 .ownership = (mx_ownership)column_at(&s->hold, reference)};
    snapshot_label(s, from, reference, ret->label, sizeof ret->label);
}

void mx_drop_reference(const mx_drop *drop, size_t place, struct mx_reference *ret)
{
    const struct snapshot *s = drop->snapshot;
    struct drop_going going = {drop->from, drop->reference};
    if (drop->reference == DROP_ALL)
        going = drop->going.items[place];
    if (going.from == MX_NO_OBJECT)
        describe_root(s, going.place, ret);
    else
        describe(s, going.from, going.place, ret);
}

// ---- what stays ---------------------------------------------------------------------------------

// Many objects that stay are held by one: it is gone through once for all of them.
static void make_index(struct mx_drop *drop, uint32_t from)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t end = drop_end(s, from);
    map_free(&drop->index);
    for (uint64_t at = column_at(&s->first, from); at < end; at++) {
        uint64_t *place = column_at(&s->hold, at) == MX_OWNED
                              ? map_put(&drop->index, column_at(&s->target, at) + 1)
                              : NULL;
        if (place && !*place)
            *place = at + 1;
    }
    drop->indexed = from;
}

// The first owned reference from one object to another, but for the one that goes.
static uint64_t find_reference(const struct mx_drop *drop, uint32_t from, uint32_t to)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t first = column_at(&s->first, from), end = drop_end(s, from);
    if (end - first > LARGE && (from != drop->from || to != drop->object)) {
        if (drop->indexed != from) // a cache: no change that a caller can see
            make_index((struct mx_drop *)(uintptr_t)drop, from);
        const uint64_t *place = map_find(&drop->index, (uint64_t)to + 1);
        return place ? *place - 1 : NO_REFERENCE;
    }
    for (uint64_t at = first; at < end; at++)
        if (column_at(&s->target, at) == to && column_at(&s->hold, at) == MX_OWNED &&
            at != drop->reference)
            return at;
    return NO_REFERENCE;
}

static bool find_holder(const struct mx_drop *drop, uint32_t object, struct mx_reference *ret)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t end = column_at(&s->referrer_first, (uint64_t)object + 1);
    if (drop->reference == DROP_ALL && object == drop->object)
        return false;
    uint32_t looked = 0;
    for (uint64_t at = column_at(&s->referrer_first, object); at < end && looked < LIMIT_REFERRERS;
         at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (column_at(&s->referrer_hold, at) != MX_OWNED || drop_state(drop, from) & STATE_GONE)
            continue;
        looked++;
        uint64_t reference = find_reference(drop, from, object);
        if (reference != NO_REFERENCE) {
            describe(s, from, reference, ret);
            return true;
        }
    }
    return false;
}

void mx_drop_stays(const mx_drop *drop, size_t place, struct mx_drop_stay *ret)
{
    const struct snapshot *s = drop->snapshot;
    uint32_t object = drop->staying.items[place];
    *ret = (struct mx_drop_stay){.object = object,
                                 .lost = drop_state(drop, object) & STATE_LOST,
                                 .refcount = drop_count(drop, object),
                                 .reason = MX_STAYS_UNKNOWN};
    ret->holder = (struct mx_reference){.from = MX_NO_OBJECT, .to = object};
    if (drop_never_goes(s, object)) {
        ret->reason = MX_STAYS_IMMORTAL;
        ret->refcount = -1;
        return;
    }
    const uint64_t *rooted = map_find(&drop->rooted, (uint64_t)object + 1);
    size_t root = rooted ? (*rooted & ROOTED_PLACE) - 1 : 0;
    bool all = drop->reference == DROP_ALL && object == drop->object;
    if (find_holder(drop, object, &ret->holder)) {
        ret->reason = MX_STAYS_HELD;
    } else if (rooted && !all && !is_surplus(s, &s->root_references[root])) {
        describe_root(s, root, &ret->holder);
        ret->reason = MX_STAYS_ROOT;
    } else if (drop_flags(s, object) & OBJECT_NATIVE) {
        ret->reason = MX_STAYS_NATIVE;
    }
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
        if (!*rooted || is_surplus(s, &s->root_references[(*rooted & ROOTED_PLACE) - 1]))
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
    for (size_t i = 0; i < drop->touched.count; i++) {
        uint32_t object = drop->touched.items[i];
        if (drop_state(drop, object) & (STATE_GONE | STATE_BELOW))
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
    drop->indexed = MX_NO_OBJECT;
    if (!label)
        list_all(drop, object);
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
    mx_status status = drop_make(drop, address, label, err);
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
    mx_status status = heap_labels(heap, err);
    if (!status)
        status = heap_snapshot(heap, &s, err);
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
