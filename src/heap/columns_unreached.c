// columns_unreached.c - what no root leads to: garbage, if the collector would find it.
//
//   o <--> o --> o    the beginnings (each node of a cycle that no other leads into) are known; each
//                     is entered by the root "garbage", or by one that says why it is none
#include <stdlib.h>

#include "base/error.h"
#include "graph/dominators.h"
#include "heap/columns.h"
#include "heap/garbage.h"

// The search met it after all that is reached.
static void mark_unreached(struct columns *columns, const struct dominators *dominators)
{
    uint32_t at = dominators->reached;
    if (dominators->added_count)
        for (at = 0; at < dominators->reached && dominators->order[at] != dominators->added[0];)
            at++;
    for (; at < dominators->reached; at++)
        columns->heap->recorder.flags[dominators->order[at]] |= OBJECT_UNREACHED;
}

struct lost {
    struct columns *columns;
    const uint32_t *beginnings; // each node of a cycle is one
    uint32_t count;
    uint8_t *given;  // [count] a root enters it
    uint32_t *stack; // room for all that no root leads to
};

// Follows `object` through what has the flag, which it loses.
static void spread(struct lost *lost, uint32_t object, uint8_t *flags, uint8_t flag)
{
    const struct snapshot *s = &lost->columns->snapshot;
    uint32_t *stack = lost->stack;
    size_t count = 0;
    flags[object] &= (uint8_t)~flag;
    stack[count++] = object;
    while (count) {
        uint32_t from = stack[--count];
        uint64_t end = column_at(&s->first, (uint64_t)from + 1);
        for (uint64_t at = column_at(&s->first, from); at < end; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at);
            if (!(flags[to] & flag) || column_at(&s->hold, at) != MX_OWNED)
                continue;
            flags[to] &= (uint8_t)~flag;
            stack[count++] = to;
        }
    }
}

// Beginnings that are not garbage after all are entered by a root of their own.
static bool enter(struct lost *lost, bool garbage, enum root_kind kind, const char *name)
{
    struct columns *columns = lost->columns;
    uint32_t root = NO_EDGE;
    for (uint32_t i = 0; i < lost->count; i++) {
        uint32_t object = lost->beginnings[i];
        bool is_garbage = columns->heap->recorder.flags[object] & OBJECT_UNREACHED;
        if (lost->given[i] || is_garbage != garbage)
            continue;
        lost->given[i] = 1;
        if (root == NO_EDGE)
            root = columns_add_root(columns, kind, name);
        if (!columns_add_root_reference(columns, root, object, MX_BORROWED, true, NO_EDGE))
            return false;
    }
    return true;
}

// gc.freeze(): what was put aside, and what it leads to, stays.
static void leave_frozen(struct lost *lost)
{
    struct mx_heap *heap = lost->columns->heap;
    uint8_t *flags = heap->recorder.flags;
    for (uint32_t i = 0; i < lost->count; i++) {
        uint32_t object = lost->beginnings[i];
        if (flags[object] & OBJECT_UNREACHED &&
            heap->generations[object] == MX_PERMANENT_GENERATION)
            spread(lost, object, flags, OBJECT_UNREACHED);
    }
}

// A cycle through an object of a C type that takes no part in collection may be told of by another
// object of it (Modules/_functoolsmodule.c, lru_cache_tp_traverse), or by none.
static bool has_untracked(const struct lost *lost)
{
    const uint8_t *flags = lost->columns->heap->recorder.flags;
    for (uint32_t i = 0; i < lost->count; i++) {
        uint8_t own = flags[lost->beginnings[i]];
        if (own & OBJECT_UNREACHED && !(own & OBJECT_TRACKED))
            return true;
    }
    return false;
}

static mx_status leave_unseen(struct lost *lost, struct mx_error *err)
{
    enum { FOUND = 1, UNSEEN = 2 };
    struct mx_heap *heap = lost->columns->heap;
    uint8_t *flags = heap->recorder.flags;
    // While the collector runs, its lists are not where they belong.
    if (heap->summary.gc_collecting || !has_untracked(lost))
        return MX_OK;
    uint8_t *marks = calloc((size_t)heap->count + 1, 1);
    mx_status status = marks ? heap_mark_garbage(heap, marks, err) : fail_no_memory(err);
    for (uint32_t i = 0; !status && i < heap->count; i++)
        if (flags[i] & OBJECT_UNREACHED)
            marks[i] |= UNSEEN;
    for (uint32_t i = 0; !status && i < heap->count; i++)
        if (marks[i] == (FOUND | UNSEEN))
            spread(lost, i, marks, UNSEEN);
    for (uint32_t i = 0; !status && i < lost->count; i++) {
        uint32_t object = lost->beginnings[i];
        if (marks[object] & UNSEEN && flags[object] & OBJECT_UNREACHED)
            spread(lost, object, flags, OBJECT_UNREACHED);
    }
    free(marks);
    return status;
}

static mx_status settle_unreached(struct lost *lost, struct mx_error *err)
{
    leave_frozen(lost);
    bool ok = enter(lost, false, ROOT_INTERPRETER, "put aside by gc.freeze()");
    mx_status status = ok ? leave_unseen(lost, err) : fail_no_memory(err);
    if (status)
        return status;
    ok = enter(lost, false, ROOT_NATIVE, "a cycle that the collector does not see") &&
         enter(lost, true, ROOT_GARBAGE, "garbage");
    return ok ? MX_OK : fail_no_memory(err);
}

mx_status columns_add_unreached(struct columns *columns, const struct dominators *dominators,
                                struct mx_error *err)
{
    struct lost lost = {columns, dominators->added, dominators->added_count, NULL, NULL};
    if (!dominators->added_count)
        return MX_OK;
    mark_unreached(columns, dominators);
    lost.given = calloc(dominators->added_count, 1);
    lost.stack = malloc((size_t)dominators->reached * sizeof *lost.stack);
    mx_status status =
        lost.given && lost.stack ? settle_unreached(&lost, err) : fail_no_memory(err);
    free(lost.given);
    free(lost.stack);
    return status;
}
