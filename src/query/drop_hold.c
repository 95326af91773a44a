// drop_hold.c - the references that go, and who holds what stays.
#include <stdio.h>
#include <stdlib.h>

#include "query/drop.h"
#include "snapshot/cursor.h"

#define LIMIT_REFERRERS 1000 // looked at beyond those that go, in search of one that stays
#define LARGE 1000           // references of an object that is worth an index

// ---- references that go -------------------------------------------------------------------------

static void add_going(struct mx_drop *drop, uint32_t from, uint64_t nth)
{
    if (!vector_push(&drop->going, ((struct drop_going){from, nth})))
        drop->failed = true;
}

// Those of objects by their addresses, then roots. Of an object's references it is told which when one asks:
// a class of a million instances is referred to by each.
void drop_list_all(struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t end = column_at(&s->referrer_first, (uint64_t)object + 1), nth = 0;
    uint32_t before = MX_NO_OBJECT;
    struct cursor referrers = {.column = &s->referrer}, holds = {.column = &s->referrer_hold};
    for (uint64_t at = column_at(&s->referrer_first, object); at < end; at++) {
        uint32_t from = (uint32_t)cursor_at(&referrers, at);
        if (cursor_at(&holds, at) != MX_OWNED)
            continue;
        nth = from == before ? nth + 1 : 0; // ascending: those of one object stand together
        before = from;
        add_going(drop, from, nth);
    }
    for (size_t i = 0; i < s->root_reference_count; i++)
        if (s->root_references[i].to == object && drop_root_goes(s, &s->root_references[i]))
            add_going(drop, MX_NO_OBJECT, i);
}

// The number of a reference that goes, or NO_REFERENCE in a damaged file. They are asked for in order,
// mostly: it goes on from the last one.
static uint64_t find_going(const struct mx_drop *drop, struct drop_going going)
{
    const struct snapshot *s = drop->snapshot;
    struct mx_drop *self =
        (struct mx_drop *)(uintptr_t)drop; // a cache: no change that a caller sees
    bool further = going.from == drop->found.from && going.nth > drop->found.nth;
    uint64_t nth = further ? drop->found.nth + 1 : 0, end = drop_end(s, going.from);
    uint64_t at = further ? drop->found_at + 1 : column_at(&s->first, going.from);
    for (; at < end; at++) {
        if (column_at(&s->target, at) != drop->object || column_at(&s->hold, at) != MX_OWNED ||
            nth++ < going.nth)
            continue;
        self->found = going;
        self->found_at = at;
        return at;
    }
    return NO_REFERENCE;
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
    if (drop->reference != DROP_ALL) {
        describe(s, drop->from, drop->reference, ret);
        return;
    }
    struct drop_going going = drop->going.items[place];
    if (going.from == MX_NO_OBJECT) {
        describe_root(s, going.nth, ret);
        return;
    }
    uint64_t reference = find_going(drop, going);
    *ret = (struct mx_reference){.from = going.from, .to = drop->object};
    if (reference != NO_REFERENCE)
        describe(s, going.from, reference, ret);
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
    if (snapshot_references(s, from) > LARGE && (from != drop->from || to != drop->object)) {
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
    } else if (rooted && !all && !drop_is_surplus(s, &s->root_references[root])) {
        describe_root(s, root, &ret->holder);
        ret->reason = MX_STAYS_ROOT;
    } else if (drop_flags(s, object) & OBJECT_NATIVE) {
        ret->reason = MX_STAYS_NATIVE;
    }
}
