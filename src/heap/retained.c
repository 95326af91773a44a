// retained.c - what holds what: the dominator tree of a live heap's snapshot, and what each object retains.
//
//   entries: what a root keeps alive, what native code holds, what is immortal
//   garbage: what none of these leads to is entered at its own beginnings, by a root of that name
//            where the collector would find it
#include <stdlib.h>

#include "base/error.h"
#include "graph/dominators.h"
#include "heap/columns.h"
#include "snapshot/flow.h"

// Roots that follow from the objects' own counts.
static bool add_holders(struct columns *columns)
{
    struct mx_heap *heap = columns->heap;
    uint32_t native = columns_add_root(columns, ROOT_NATIVE, "native code");
    uint32_t immortal = columns_add_root(columns, ROOT_INTERPRETER, "immortal objects");
    bool ok = true;
    for (uint32_t i = 0; i < heap->count && ok; i++) {
        uint8_t flags = heap->recorder.flags[i];
        if (flags & OBJECT_NATIVE)
            ok = columns_add_root_reference(columns, native, i, MX_OWNED, true, NO_EDGE);
        else if (flags & OBJECT_IMMORTAL && !(flags & OBJECT_STATIC))
            ok = columns_add_root_reference(columns, immortal, i, MX_BORROWED, true, NO_EDGE);
    }
    return ok;
}

static mx_status retain(struct columns *columns, const struct dominators *dominators,
                        struct mx_error *err)
{
    const struct snapshot *s = &columns->snapshot;
    size_t room = (size_t)s->object_count + 1;
    columns->dominators = malloc(room * sizeof *columns->dominators);
    columns->retained = malloc(room * sizeof *columns->retained);
    if (!columns->dominators || !columns->retained)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t parent = dominators->parent[i];
        columns->dominators[i] = parent < DOMINATOR_ROOT ? parent + 1 : 0;
        columns->retained[i] = snapshot_nbytes(s, i);
    }
    dominators_retained(dominators, columns->retained, columns->retained);
    return MX_OK;
}

// Roots may have moved while they were added.
static void publish_roots(struct columns *columns)
{
    struct snapshot *s = &columns->snapshot;
    s->roots = columns->roots.items;
    s->root_count = columns->roots.count;
    s->root_references = columns->root_references.items;
    s->root_reference_count = columns->root_references.count;
}

mx_status columns_add_retained(struct columns *columns, struct mx_error *err)
{
    struct snapshot *s = &columns->snapshot;
    if (!add_holders(columns))
        return fail_no_memory(err);
    publish_roots(columns);
    struct snapshot_flow flow;
    struct dominators dominators;
    mx_status status = snapshot_flow_init(s, &flow, err);
    if (status)
        return status;
    flow.flow.close = true;
    status = dominators_find(&flow.flow, &dominators, err);
    snapshot_flow_free(&flow);
    if (status)
        return status;
    status = retain(columns, &dominators, err);
    if (!status)
        status = columns_add_unreached(columns, &dominators, err);
    dominators_free(&dominators);
    publish_roots(columns);
    s->dominator = column_plain(columns->dominators, s->object_count, COLUMN_U32);
    s->retained = column_plain(columns->retained, s->object_count, COLUMN_U64);
    return status;
}
