// drop.c - what reference counting frees at once: the counts, less what is given up.
//
//   give up:  count - 1; at 0 the object goes:
//     its finalizer runs, or would: what it does is not foreseen
//     weak references to it are cleared, their callbacks run
//     it gives up its own references, in the order of drop_order.c, each with all that follows
//
// No recursion: what is left to do stands on drop->actions, the next one last. Counts may be nonsense:
// an object goes once, and what was given up twice is not counted twice below it.
#include "query/drop.h"

#define ACTION_END (1ull << 32) // the object is freed; else: the object loses a reference

static void push(struct mx_drop *drop, uint64_t action)
{
    if (!vector_push(&drop->actions, action))
        drop->failed = true;
}

// What keeps it alive without counting: a stack of a build without a GIL.
static bool is_kept(const struct mx_drop *drop, uint32_t object)
{
    const uint64_t *rooted = map_find(&drop->rooted, (uint64_t)object + 1);
    bool dropped = drop->reference == DROP_ALL && object == drop->object;
    return rooted && *rooted & ROOTED_UNCOUNTED && !dropped;
}

// ---- what runs ----------------------------------------------------------------------------------

// Objects/genobject.c, _PyGen_Finalize: one that has ended has no frame to close.
static bool has_frame(const struct snapshot *s, uint32_t generator)
{
    return drop_reference(s, generator, "frame code") != NO_REFERENCE ||
           drop_reference(s, generator, ".gi_frame") != NO_REFERENCE ||
           drop_reference(s, generator, ".cr_frame") != NO_REFERENCE ||
           drop_reference(s, generator, ".ag_frame") != NO_REFERENCE;
}

bool drop_is_finalized(const struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    const struct snapshot_type *type = snapshot_type_of(s, object);
    if (!(type->flags & (TYPE_FINALIZER | TYPE_LEGACY_DEL)) ||
        drop_flags(s, object) & OBJECT_FINALIZED)
        return false;
    return type->family != SNAPSHOT_GENERATOR || has_frame(s, object);
}

void drop_call(struct mx_drop *drop, uint32_t object, uint32_t weakref)
{
    struct mx_drop_call call = {object, weakref, drop->collecting};
    if (!vector_push(&drop->calls, call))
        drop->failed = true;
    if (drop->collecting)
        drop->totals.later++;
    else if (weakref == MX_NO_OBJECT)
        drop->totals.finalizers++;
    else
        drop->totals.callbacks++;
}

static bool finalize(struct mx_drop *drop, uint32_t object)
{
    bool finalized = drop_is_finalized(drop, object);
    if (finalized)
        drop_call(drop, object, MX_NO_OBJECT);
    return finalized;
}

// The callbacks are let go when all were called.
static void call_back(struct mx_drop *drop, uint32_t object, struct drop_callbacks *released)
{
    struct drop_callbacks called = {0};
    const struct snapshot *s = drop->snapshot;
    drop_callbacks(drop, object, &called);
    for (size_t i = 0; i < called.count; i++) {
        uint64_t at = drop_reference(s, called.items[i], ".__callback__");
        drop_call(drop, object, called.items[i]);
        drop_mark(drop, called.items[i], STATE_CALLED);
        if (!vector_push(released, (uint32_t)column_at(&s->target, at)))
            drop->failed = true;
    }
    vector_free(&called);
}

// ---- going --------------------------------------------------------------------------------------

static void go(struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    struct mx_drop_object gone = {.object = object,
                                  .fate = drop->collecting ? MX_DROP_COLLECTED : MX_DROP_FREED,
                                  .bytes = snapshot_nbytes(s, object)};
    struct drop_callbacks released = {0};
    // Objects/genobject.c, gen_dealloc: weak references first; Objects/typeobject.c: the finalizer.
    bool generator = snapshot_type_of(s, object)->family == SNAPSHOT_GENERATOR;
    drop_mark(drop, object, STATE_GONE);
    drop_subclass_entries(drop, object, &released);
    if (generator)
        call_back(drop, object, &released);
    gone.finalizer = finalize(drop, object);
    if (!generator)
        call_back(drop, object, &released);
    if (!vector_push(&drop->objects, gone))
        drop->failed = true;
    if (++drop->depth > drop->totals.depth)
        drop->totals.depth = drop->depth;
    push(drop, object | ACTION_END);
    drop_order(drop, object);
    for (size_t i = 0; i < drop->order.count; i++)
        push(drop, drop->order.items[i]);
    for (size_t i = released.count; i-- > 0;)
        push(drop, released.items[i]);
    vector_free(&released);
}

void drop_give_up(struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t *state = map_put(&drop->states, (uint64_t)object + 1);
    if (!state) {
        drop->failed = true;
        return;
    }
    if (*state & STATE_GONE)
        return;
    if (!(*state & STATE_LOST) && !vector_push(&drop->touched, object))
        drop->failed = true;
    if ((*state & STATE_LOST) < STATE_LOST)
        ++*state;
    if (drop_never_goes(s, object) || drop_flags(s, object) & OBJECT_DEFERRED ||
        drop_count(drop, object) > 0 || is_kept(drop, object))
        return;
    go(drop, object);
}

void drop_run(struct mx_drop *drop)
{
    while (drop->actions.count && !drop->failed) {
        uint64_t action = drop->actions.items[--drop->actions.count];
        if (action & ACTION_END)
            drop->depth--;
        else
            drop_give_up(drop, (uint32_t)action);
    }
}
