// drop.h - what would happen if a reference went away: the parts of the answer.
//
//   drop_label.c    which references are meant: an object's all, or one by its name
//   drop.c          what reference counting frees at once: an exact simulation on the counts
//   drop_order.c    the order in which an object that goes gives up its own references
//   drop_weak.c     weak references to it: callbacks, and a class's entries in its bases' tables
//   drop_collect.c  what nothing leads to any more but is on a cycle: the collector's
//   drop_hold.c     the references that go, and who holds what stays
//   drop_answer.c   the public questions
//
// Knows the columns of a snapshot alone. All of it costs what is affected and the roots, not the heap.
#ifndef MX_QUERY_DROP_H
#define MX_QUERY_DROP_H

#include "base/map.h"
#include "base/vector.h"
#include "snapshot/snapshot.h"

#define DROP_ALL UINT64_MAX     // in place of a reference's number: every reference to the object
#define NO_REFERENCE UINT64_MAX // of those that an object has

// What is known of an object that is affected, as states keeps it.
#define STATE_LOST 0xFFFFFFFFull     // so many references were given up
#define STATE_GONE (1ull << 32)      // freed at once or by the collector
#define STATE_CALLED (1ull << 33)    // a weak reference: its callback was called, and is given up
#define STATE_BELOW (1ull << 34)     // no root leads to it any more
#define STATE_CANDIDATE (1ull << 35) // BELOW, still there, and one of the collector's
#define STATE_HELD (1ull << 36)      // a candidate that the collector believes to be held
#define STATE_HAS_FINALIZER (1ull << 37) // it was called

// In rooted: place of a root reference + 1, and whether it keeps alive without counting.
#define ROOTED_PLACE 0xFFFFFFFFFFull
#define ROOTED_UNCOUNTED (1ull << 40)

// The slots that a class defines, by name: which class of its bases they are of.
struct drop_slot {
    uint32_t depth;
    char name[120];
};

// One of the references that go, when all do.
struct drop_going {
    uint32_t from; // MX_NO_OBJECT: a root
    uint64_t nth;  // of its owned references to the object; else the number of the root reference
};

struct mx_drop {
    const struct snapshot *snapshot;
    uint32_t object;     // that loses the references
    uint32_t from;       // whose one reference it is; MX_NO_OBJECT: all of them, from anywhere
    uint64_t reference;  // its number, or DROP_ALL
    struct map states;   // object + 1 -> STATE_...
    struct map rooted;   // object + 1 -> ROOTED_...
    struct map reported; // object + 1 -> references that candidates report
    struct map slotted;  // type + 1 -> place of its first slot + 1, and << 32 how many
    VECTOR(struct drop_slot) slots;
    VECTOR(uint32_t) touched;              // lost a reference, in this order
    VECTOR(uint32_t) below;                // no root leads to it any more
    VECTOR(uint64_t) actions;              // what is left to do, the next one last
    VECTOR(uint32_t) order;                // drop_order's answer
    VECTOR(struct mx_drop_object) objects; // freed, then collected, then lost
    VECTOR(struct mx_drop_call) calls;
    VECTOR(uint32_t) staying;
    VECTOR(struct drop_going) going;
    struct drop_going found; // the last one that was asked for, and
    uint64_t found_at;       // its number
    VECTOR(struct mx_drop_type) types;
    uint32_t indexed; // an object with many references: where each leads is in `index`
    struct map index; // object + 1 -> number of the first owned reference to it + 1
    size_t freed_count, collected_count;
    struct mx_drop_totals totals;
    uint32_t depth;
    bool collecting; // what goes now goes with the collector
    bool failed;     // out of memory
};

static inline uint64_t drop_state(const struct mx_drop *drop, uint32_t object)
{
    const uint64_t *state = map_find(&drop->states, (uint64_t)object + 1);
    return state ? *state : 0;
}
static inline void drop_mark(struct mx_drop *drop, uint32_t object, uint64_t bits)
{
    uint64_t *state = map_put(&drop->states, (uint64_t)object + 1);
    if (state)
        *state |= bits;
    else
        drop->failed = true;
}

static inline uint32_t drop_flags(const struct snapshot *s, uint32_t object)
{
    return (uint32_t)column_at(&s->flags, object);
}
static inline bool drop_never_goes(const struct snapshot *s, uint32_t object)
{
    return drop_flags(s, object) & (OBJECT_IMMORTAL | OBJECT_STATIC);
}
// The count that is left, less than 1 when it goes.
static inline int64_t drop_count(const struct mx_drop *drop, uint32_t object)
{
    return (int64_t)column_at(&drop->snapshot->refcount, object) -
           (int64_t)(drop_state(drop, object) & STATE_LOST);
}
// References first .. end - 1 are the object's.
static inline uint64_t drop_end(const struct snapshot *s, uint32_t object)
{
    return column_at(&s->first, (uint64_t)object + 1);
}
// An owned reference of the object, that was not given up in the beginning.
static inline bool drop_owns(const struct mx_drop *drop, uint64_t reference)
{
    const struct snapshot *s = drop->snapshot;
    if (column_at(&s->hold, reference) != MX_OWNED || reference == drop->reference)
        return false;
    return drop->reference != DROP_ALL || column_at(&s->target, reference) != drop->object;
}

// heap/retained.c: the root of those whose counts say more than was found. It stands for no reference.
static inline bool drop_is_surplus(const struct snapshot *s,
                                   const struct snapshot_root_reference *reference)
{
    const struct snapshot_root *root = &s->roots[reference->root];
    return root->kind == ROOT_NATIVE && strcmp(root->name, "native code") == 0;
}

static inline bool drop_root_goes(const struct snapshot *s,
                                  const struct snapshot_root_reference *reference)
{
    return reference->hold == MX_OWNED && !drop_is_surplus(s, reference);
}

// The reference of the object with this label: its number, or NO_REFERENCE. O(its references).
uint64_t drop_reference(const struct snapshot *s, uint32_t object, const char *label);

// Which reference of `object` is called so: *ret_from is the object itself, or its __dict__.
// MX_NOT_FOUND names those that are nearest; MX_BAD_ARGUMENT: several are, or it is not owned.
mx_status drop_find(const struct snapshot *s, uint32_t object, const char *label,
                    uint32_t *ret_from, uint64_t *ret_reference, struct mx_error *err);

// Fills drop->going with all references to the object: those of objects by their addresses, then roots.
void drop_list_all(struct mx_drop *drop, uint32_t object);

// The objects to which `object` gives up its references as it goes, to drop->order, the first one last.
void drop_order(struct mx_drop *drop, uint32_t object);

// Weak references to the object with callbacks that are called when it goes, to `ret`, in order.
struct drop_callbacks {
    uint32_t *items; // weak references
    size_t count, capacity;
};
void drop_callbacks(struct mx_drop *drop, uint32_t object, struct drop_callbacks *ret);

// What a class lets go of beside its own references: its entries in the tables of its bases, to `ret`.
void drop_subclass_entries(struct mx_drop *drop, uint32_t object, struct drop_callbacks *ret);

// The object loses one reference, and goes with all that follows when it was the last.
void drop_give_up(struct mx_drop *drop, uint32_t object);
// It goes now. What it refers to is left in drop->actions.
void drop_run(struct mx_drop *drop);
bool drop_is_finalized(const struct mx_drop *drop, uint32_t object);
void drop_call(struct mx_drop *drop, uint32_t object, uint32_t weakref);

// mx_heap_drop, of a snapshot.
mx_status drop_of_snapshot(const struct snapshot *s, mx_addr address, const char *label,
                           mx_drop **ret, struct mx_error *err);

// Fills drop->below.
void drop_find_below(struct mx_drop *drop);
// What the collector finds of it, and what goes with that.
void drop_collect(struct mx_drop *drop);

#endif
