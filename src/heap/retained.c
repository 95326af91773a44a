// retained.c - what holds what: the dominator tree of a live heap's snapshot, and what each object retains.
//
//   entries: what a root keeps alive, what native code holds, what is immortal
//   garbage: what none of these leads to is entered at its own beginnings, by a root of that name
//            where the collector would find it
//
// Blocks, which add to sizes alone, are found in the target's memory while this thread's other half turns
// the references round and finds the dominators, in numbers alone.
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "graph/dominators.h"
#include "heap/columns.h"
#include "snapshot/flow.h"

// ---- referrers ----------------------------------------------------------------------------------

static mx_status reverse(struct columns *columns, struct mx_error *err)
{
    const struct recorder *recorder = &columns->heap->recorder;
    uint32_t count = columns->heap->count;
    uint64_t *first = columns->referrer_first = calloc((size_t)count + 2, sizeof *first);
    columns->referrers = malloc((recorder->edge_count + 1) * sizeof *columns->referrers);
    columns->referrer_holds = malloc(recorder->edge_count + 1);
    if (!first || !columns->referrers || !columns->referrer_holds)
        return fail_no_memory(err);
    for (uint64_t at = 0; at < recorder->edge_count; at++)
        first[recorder->targets[at] + 2]++;
    for (uint32_t i = 0; i < count; i++)
        first[i + 2] += first[i + 1];
    for (uint32_t i = 0; i < count; i++) // first[n + 1] goes from n's beginning to its end
        for (uint64_t at = recorder->first[i]; at < recorder->first[i + 1]; at++) {
            uint64_t place = first[recorder->targets[at] + 1]++;
            columns->referrers[place] = i;
            columns->referrer_holds[place] = recorder->holds[at];
        }
    return MX_OK;
}

static void publish_referrers(struct columns *columns)
{
    struct snapshot *s = &columns->snapshot;
    s->referrer_first = columns_narrow(&columns->referrer_first, (uint64_t)s->object_count + 1);
    s->referrer = column_plain(columns->referrers, s->reference_count, COLUMN_U32);
    s->referrer_hold = column_plain(columns->referrer_holds, s->reference_count, COLUMN_U8);
}

// ---- dominators ---------------------------------------------------------------------------------

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

struct work {
    struct columns *columns;
    struct dominators dominators;
};

// Reads the columns that there are, and no memory of the target.
static mx_status find_dominators(struct work *work, struct mx_error *err)
{
    struct snapshot_flow flow;
    mx_status status = snapshot_flow_init(&work->columns->snapshot, &flow, err);
    if (status)
        return status;
    flow.flow.close = true;
    status = dominators_find(&flow.flow, &work->dominators, err);
    snapshot_flow_free(&flow);
    return status;
}

static mx_status work_on_graph_or_blocks(void *data, size_t i, struct mx_error *err)
{
    struct work *work = data;
    if (i)
        return columns_add_blocks(work->columns, err);
    mx_status status = find_dominators(work, err); // first: it takes more memory, for a while
    return status ? status : reverse(work->columns, err);
}

mx_status columns_add_retained(struct columns *columns, struct mx_error *err)
{
    struct snapshot *s = &columns->snapshot;
    struct work work = {.columns = columns};
    if (!add_holders(columns))
        return fail_no_memory(err);
    publish_roots(columns);
    mx_status status = parallel_do(2, work_on_graph_or_blocks, &work, err);
    if (!status) {
        publish_referrers(columns);
        status = retain(columns, &work.dominators, err);
    }
    if (!status)
        status = columns_add_unreached(columns, &work.dominators, err);
    dominators_free(&work.dominators);
    if (status)
        return status;
    publish_roots(columns);
    s->dominator = column_plain(columns->dominators, s->object_count, COLUMN_U32);
    s->retained = column_plain(columns->retained, s->object_count, COLUMN_U64);
    return status;
}
