// drop_collect.c - what is left behind without a way from a root: the cycle collector's.
//
//   below:      what the dropped references alone led to: a subtree of the dominator tree
//   candidate:  of these what was not freed, and the collector has on its lists
//   held:       its count says more than candidates report, or a held candidate refers to it
//   the others are found                             Python/gc.c, deduce_unreachable
//
// Every object is taken to report all that it owns, as tp_traverse should.
#include "query/drop.h"

#define PERMANENT 3 // generation that gc.freeze() filled

// ---- without a way from a root ------------------------------------------------------------------

static void reach(struct mx_drop *drop, uint32_t object)
{
    drop_mark(drop, object, STATE_BELOW);
    if (!vector_push(&drop->below, object))
        drop->failed = true;
}

// A file may say that it is dominated.
static bool is_held_for_ever(const struct snapshot *s, uint32_t object)
{
    return drop_never_goes(s, object) || drop_flags(s, object) & OBJECT_NATIVE;
}

// All that `top` dominates: on a way from it that stays below it, the dominator of each was met before.
static void spread_below(struct mx_drop *drop, uint32_t top)
{
    const struct snapshot *s = drop->snapshot;
    reach(drop, top);
    for (size_t next = 0; next < drop->below.count && !drop->failed; next++) {
        uint32_t from = drop->below.items[next];
        uint64_t end = drop_end(s, from);
        for (uint64_t at = column_at(&s->first, from); at < end; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at), above = snapshot_dominator(s, to);
            if (column_at(&s->hold, at) == MX_OWNED && above < s->object_count &&
                drop_state(drop, above) & STATE_BELOW && !(drop_state(drop, to) & STATE_BELOW) &&
                !is_held_for_ever(s, to))
                reach(drop, to);
        }
    }
}

// Is there another way than the dropped reference? Asked when all that the object dominates is known.
static bool is_held_otherwise(const struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    uint32_t object = drop->object;
    uint64_t end = column_at(&s->referrer_first, (uint64_t)object + 1), others = 0;
    for (uint64_t at = column_at(&s->referrer_first, object); at < end; at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (column_at(&s->referrer_hold, at) == MX_OWNED && !(drop_state(drop, from) & STATE_BELOW))
            others++;
    }
    bool counted = !(drop_state(drop, drop->from) & STATE_BELOW);
    return others > (counted ? 1 : 0) || map_find(&drop->rooted, (uint64_t)object + 1);
}

void drop_find_below(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    uint32_t object = drop->object;
    if (is_held_for_ever(s, object))
        return;
    bool all = drop->reference == DROP_ALL;
    if (!all && snapshot_dominator(s, object) != drop->from &&
        !(drop_flags(s, object) & OBJECT_UNREACHED))
        return;
    spread_below(drop, object);
    if (!drop->failed && !all && is_held_otherwise(drop)) {
        for (size_t i = 0; i < drop->below.count; i++)
            *map_find(&drop->states, (uint64_t)drop->below.items[i] + 1) &= ~STATE_BELOW;
        drop->below.count = 0;
    }
}

// ---- what the collector finds -------------------------------------------------------------------

static bool is_candidate(const struct mx_drop *drop, uint32_t object)
{
    return drop_state(drop, object) & STATE_CANDIDATE;
}

static void choose(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    for (size_t i = 0; i < drop->below.count; i++) {
        uint32_t object = drop->below.items[i];
        if (!(drop_state(drop, object) & STATE_GONE) && drop_flags(s, object) & OBJECT_TRACKED &&
            !drop_never_goes(s, object) && column_at(&s->generation, object) != PERMANENT)
            drop_mark(drop, object, STATE_CANDIDATE);
    }
}

// subtract_refs
static void count_reports(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    for (size_t i = 0; i < drop->below.count; i++) {
        uint32_t from = drop->below.items[i];
        uint64_t end = drop_end(s, from);
        for (uint64_t at = column_at(&s->first, from); is_candidate(drop, from) && at < end; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at);
            uint64_t *count = drop_owns(drop, at) && is_candidate(drop, to)
                                  ? map_put(&drop->reported, (uint64_t)to + 1)
                                  : NULL;
            if (count)
                ++*count;
        }
    }
}

// move_unreachable: what a held one refers to is held.
static void spread_held(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    drop->order.count = 0;
    for (size_t i = 0; i < drop->below.count; i++) {
        uint32_t object = drop->below.items[i];
        const uint64_t *reported = map_find(&drop->reported, (uint64_t)object + 1);
        if (!is_candidate(drop, object) ||
            drop_count(drop, object) <= (reported ? (int64_t)*reported : 0))
            continue;
        drop_mark(drop, object, STATE_HELD);
        if (!vector_push(&drop->order, object))
            drop->failed = true;
    }
    while (drop->order.count && !drop->failed) {
        uint32_t from = drop->order.items[--drop->order.count];
        uint64_t end = drop_end(s, from);
        for (uint64_t at = column_at(&s->first, from); at < end; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at);
            if (!drop_owns(drop, at) || !is_candidate(drop, to) ||
                drop_state(drop, to) & STATE_HELD)
                continue;
            drop_mark(drop, to, STATE_HELD);
            if (!vector_push(&drop->order, to))
                drop->failed = true;
        }
    }
}

static bool is_found(const struct mx_drop *drop, uint32_t object)
{
    return (drop_state(drop, object) & (STATE_CANDIDATE | STATE_HELD)) == STATE_CANDIDATE;
}

// handle_weakrefs, then finalize_garbage; weak references that are found themselves are not called.
static void call_found(struct mx_drop *drop)
{
    struct drop_callbacks callbacks = {0};
    for (size_t i = 0; i < drop->below.count; i++) {
        uint32_t object = drop->below.items[i];
        if (!is_found(drop, object))
            continue;
        drop_callbacks(drop, object, &callbacks);
        for (size_t k = 0; k < callbacks.count; k++)
            if (!is_found(drop, callbacks.items[k])) {
                drop_call(drop, object, callbacks.items[k]);
                drop_mark(drop, callbacks.items[k], STATE_CALLED);
            }
    }
    vector_free(&callbacks);
    for (size_t i = 0; i < drop->below.count; i++)
        if (is_found(drop, drop->below.items[i]) && drop_is_finalized(drop, drop->below.items[i])) {
            drop_call(drop, drop->below.items[i], MX_NO_OBJECT);
            drop_mark(drop, drop->below.items[i], STATE_HAS_FINALIZER);
        }
}

static void add(struct mx_drop *drop, uint32_t object, mx_drop_fate fate, bool finalizer)
{
    struct mx_drop_object gone = {object, fate, snapshot_nbytes(drop->snapshot, object), finalizer};
    if (!vector_push(&drop->objects, gone))
        drop->failed = true;
}

// delete_garbage, and what is no collector's and goes with it.
static void clear_found(struct mx_drop *drop)
{
    const struct snapshot *s = drop->snapshot;
    for (size_t i = 0; i < drop->below.count; i++) {
        uint32_t object = drop->below.items[i];
        if (!is_found(drop, object))
            continue;
        add(drop, object, MX_DROP_COLLECTED, drop_state(drop, object) & STATE_HAS_FINALIZER);
        drop_mark(drop, object, STATE_GONE);
    }
    struct drop_callbacks entries = {0};
    size_t found = drop->objects.count;
    for (size_t i = drop->freed_count; i < found && !drop->failed; i++) {
        uint32_t object = drop->objects.items[i].object;
        uint64_t end = drop_end(s, object);
        entries.count = 0;
        drop_subclass_entries(drop, object, &entries);
        for (size_t k = 0; k < entries.count; k++)
            drop_give_up(drop, entries.items[k]);
        for (uint64_t at = column_at(&s->first, object); at < end; at++)
            if (drop_owns(drop, at))
                drop_give_up(drop, (uint32_t)column_at(&s->target, at));
        drop_run(drop);
    }
    vector_free(&entries);
}

void drop_collect(struct mx_drop *drop)
{
    drop->freed_count = drop->objects.count;
    drop->collecting = true;
    choose(drop);
    count_reports(drop);
    spread_held(drop);
    call_found(drop);
    clear_found(drop);
    drop->collected_count = drop->objects.count - drop->freed_count;
    for (size_t i = 0; i < drop->below.count; i++)
        if (!(drop_state(drop, drop->below.items[i]) & STATE_GONE))
            add(drop, drop->below.items[i], MX_DROP_LOST, false);
}
