// drop_weak.c - what weak references to an object that goes make of it: callbacks, and the entries that a
// class has in the tables of its bases.
#include <string.h>

#include "query/drop.h"
#include "snapshot/cursor.h"

#define LABEL_NBYTES 200

// ---- weak references ----------------------------------------------------------------------------

struct weakrefs {
    const struct snapshot *snapshot;
    uint64_t at, end;
    struct cursor holds;
};

// Not as a value: most of a cursor need not be filled.
static void weakrefs_to(const struct snapshot *s, uint32_t object, struct weakrefs *ret)
{
    ret->snapshot = s;
    ret->at = column_at(&s->referrer_first, object);
    ret->end = ret->at + snapshot_referrers(s, object);
    ret->holds.column = &s->referrer_hold;
    ret->holds.begin = ret->holds.end = 0;
}

// The next weak reference to the object; MX_NO_OBJECT when there are no more.
static uint32_t next_weakref(struct weakrefs *weakrefs)
{
    const struct snapshot *s = weakrefs->snapshot;
    while (weakrefs->at < weakrefs->end) {
        uint64_t at = weakrefs->at++;
        if (cursor_near(&weakrefs->holds, at) == MX_OWNED)
            continue;
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (snapshot_type_of(s, from)->family == SNAPSHOT_WEAKREF)
            return from;
    }
    return MX_NO_OBJECT;
}

static uint32_t neighbour(const struct snapshot *s, uint32_t weakref, const char *label)
{
    uint64_t at = drop_reference(s, weakref, label);
    return at == NO_REFERENCE ? MX_NO_OBJECT : (uint32_t)column_at(&s->target, at);
}

static bool has_callback(const struct mx_drop *drop, uint32_t weakref)
{
    return !(drop_state(drop, weakref) & (STATE_GONE | STATE_CALLED)) &&
           drop_reference(drop->snapshot, weakref, ".__callback__") != NO_REFERENCE;
}

// As the weak references link each other. False when these are not all of them.
static bool follow_list(struct mx_drop *drop, uint32_t head, uint64_t most,
                        const struct drop_callbacks *known, struct drop_callbacks *ret)
{
    for (uint64_t i = 0; head != MX_NO_OBJECT && i < most; i++) {
        if (has_callback(drop, head) && !vector_push(ret, head))
            drop->failed = true;
        head = neighbour(drop->snapshot, head, ".wr_next");
    }
    return ret->count == known->count;
}

// Objects/weakrefobject.c, PyObject_ClearWeakRefs: in the order of the object's list. What goes itself
// is not called.
void drop_callbacks(struct mx_drop *drop, uint32_t object, struct drop_callbacks *ret)
{
    const struct snapshot *s = drop->snapshot;
    struct weakrefs weakrefs;
    uint64_t all = 0;
    uint32_t head = MX_NO_OBJECT;
    ret->count = 0;
    weakrefs_to(s, object, &weakrefs);
    for (uint32_t from; (from = next_weakref(&weakrefs)) != MX_NO_OBJECT;) {
        if (neighbour(s, from, ".wr_object") != object)
            continue;
        all++;
        if (neighbour(s, from, ".wr_prev") == MX_NO_OBJECT)
            head = from;
        if (has_callback(drop, from) && !vector_push(ret, from))
            drop->failed = true;
    }
    struct drop_callbacks listed = {0};
    if (ret->count > 1 && follow_list(drop, head, all, ret, &listed))
        memcpy(ret->items, listed.items, listed.count * sizeof *listed.items);
    vector_free(&listed);
}

// ---- classes ------------------------------------------------------------------------------------

// Of a static class it stands in the interpreter from 3.12 on.
static bool is_subclass_table(const struct mx_drop *drop, uint32_t dict)
{
    const struct snapshot *s = drop->snapshot;
    const uint64_t *rooted = map_find(&drop->rooted, (uint64_t)dict + 1);
    char label[LABEL_NBYTES] = "";
    if (rooted)
        s->texts.root_label(s->texts.data, (*rooted & ROOTED_PLACE) - 1, label, sizeof label);
    if (strstr(label, "tp_subclasses"))
        return true;
    uint64_t end = column_at(&s->referrer_first, (uint64_t)dict + 1);
    for (uint64_t at = column_at(&s->referrer_first, dict); at < end; at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (snapshot_type_of(s, from)->family == SNAPSHOT_TYPE &&
            neighbour(s, from, ".__subclasses__") == dict)
            return true;
    }
    return false;
}

// The entry of the weak reference in the dict: its key stands before it.
static void take_entry(struct mx_drop *drop, uint32_t dict, uint32_t weakref,
                       struct drop_callbacks *ret)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t first = column_at(&s->first, dict), end = drop_end(s, dict);
    for (uint64_t at = first; at < end; at++) {
        if (column_at(&s->target, at) != weakref)
            continue;
        if (at > first && !vector_push(ret, (uint32_t)column_at(&s->target, at - 1)))
            drop->failed = true;
        if (!vector_push(ret, weakref))
            drop->failed = true;
        return;
    }
}

// Objects/typeobject.c, remove_all_subclasses: tp_subclasses of a base has weak references to all classes
// made of it.
void drop_subclass_entries(struct mx_drop *drop, uint32_t object, struct drop_callbacks *ret)
{
    const struct snapshot *s = drop->snapshot;
    if (snapshot_type_of(s, object)->family != SNAPSHOT_TYPE)
        return;
    struct weakrefs weakrefs;
    weakrefs_to(s, object, &weakrefs);
    for (uint32_t weakref; (weakref = next_weakref(&weakrefs)) != MX_NO_OBJECT;) {
        if (drop_state(drop, weakref) & STATE_GONE)
            continue;
        uint64_t last = column_at(&s->referrer_first, (uint64_t)weakref + 1);
        for (uint64_t k = column_at(&s->referrer_first, weakref); k < last; k++) {
            uint32_t dict = (uint32_t)column_at(&s->referrer, k);
            if (column_at(&s->referrer_hold, k) == MX_OWNED &&
                snapshot_type_of(s, dict)->family == SNAPSHOT_DICT &&
                !(drop_state(drop, dict) & STATE_GONE) && is_subclass_table(drop, dict))
                take_entry(drop, dict, weakref, ret);
        }
    }
}
