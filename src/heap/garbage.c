// garbage.c - what CPython's cycle collector would find unreachable, worked out on the copy.
//
//   outside(object) = count in its header - references that tracked objects report to it
//   outside > 0: something that is no object of this collector holds it, and all that it reaches
//   the rest is garbage                            Python/gc.c, deduce_unreachable and update_refs
//
// An object is the collector's when it is in one of its generations; what gc.freeze() put aside and
// what is immortal only holds. Each interpreter has a collector of its own (to 3.8 all share one).
//
// A word of a C struct that nobody described is taken for a reference that is reported when the count
// says that one is missing, as everywhere; what holds an object and was not found keeps it alive.
#include "heap/garbage.h"
#include "heap/opened.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "heap/columns.h"

enum { UNREACHED = 0, REACHED = 1 };

struct collector {
    struct mx_heap *heap;
    struct references references;
    uint16_t *sets;      // [objects of the heap]
    uint8_t *chosen;     // [objects of the heap]
    uint16_t *node_sets; // [nodes]
    uint32_t *reported;  // [nodes], references that objects of the same collector report
    uint32_t *possible;  // [nodes], words of theirs that may be some more
    uint8_t *marks;      // [nodes], UNREACHED or REACHED
    uint32_t node_count;
};

static void collector_free(struct collector *collector)
{
    references_free(&collector->references);
    free(collector->sets);
    free(collector->chosen);
    free(collector->node_sets);
    free(collector->reported);
    free(collector->possible);
    free(collector->marks);
}

// As it was recorded; one whose count was not recorded as it is is looked at again.
static bool header_of(struct mx_heap *heap, uint32_t object, struct header *ret)
{
    const struct recorder *recorder = &heap->recorder;
    uint32_t refcount = recorder->refcounts[object];
    bool immortal = recorder->flags[object] & OBJECT_IMMORTAL;
    if (!immortal && (!refcount || refcount == UINT32_MAX))
        return object_header(&heap->decoder, heap->addresses[object], ret);
    *ret = (struct header){.addr = heap->addresses[object],
                           .refcount = refcount,
                           .immortal = immortal,
                           .type = heap->types[object]};
    return true;
}

// Python/gc.c, update_refs: what is immortal is none of the collector's.
static bool is_collected(struct mx_heap *heap, uint32_t object)
{
    struct header header;
    return header_of(heap, object, &header) && !header.immortal;
}

// Once the snapshot is made, the objects that no root leads to are known, and no other can be garbage: the
// way from a root to one ends with a reference by what is none of garbage, and it is owned. So the count
// has more than garbage reports, as long as no count has less than was found, and no word that is only
// possible was needed to explain it.
static bool graph_tells(const struct mx_heap *heap)
{
    const struct columns *columns = heap->columns;
    if (!columns || heap->summary.refcounts.deficit || heap->summary.gc_collecting)
        return false;
    for (uint32_t i = 0; i < heap->count; i++)
        if (heap->recorder.flags[i] & OBJECT_UNREACHED && columns->possible[i])
            return false;
    return true;
}

// Objects of a collector that may be garbage.
static void find_candidates(struct collector *collector)
{
    struct mx_heap *heap = collector->heap;
    uint8_t wanted = graph_tells(heap) ? OBJECT_UNREACHED : 0;
    bool any = !wanted;
    for (uint32_t i = 0; i < heap->count && !any; i++)
        any = heap->recorder.flags[i] & wanted;
    if (!any)
        return;
    heap_collected_sets(heap, collector->sets);
    for (uint32_t i = 0; i < heap->count; i++)
        if (collector->sets[i] && (heap->recorder.flags[i] & wanted) == wanted &&
            is_collected(heap, i)) {
            collector->chosen[i] = 1;
            collector->node_count++;
        }
}

static mx_status choose(struct collector *collector, struct mx_error *err)
{
    struct mx_heap *heap = collector->heap;
    size_t count = (size_t)heap->count + 1;
    collector->sets = calloc(count, sizeof *collector->sets);
    collector->chosen = calloc(count, 1);
    if (!collector->sets || !collector->chosen)
        return fail_no_memory(err);
    find_candidates(collector);
    size_t nodes = (size_t)collector->node_count + 1;
    collector->node_sets = calloc(nodes, sizeof *collector->node_sets);
    collector->reported = calloc(nodes, sizeof *collector->reported);
    collector->possible = calloc(nodes, sizeof *collector->possible);
    collector->marks = calloc(nodes, 1);
    if (!collector->node_sets || !collector->reported || !collector->possible || !collector->marks)
        return fail_no_memory(err);
    for (uint32_t i = 0, node = 0; i < heap->count; i++)
        if (collector->chosen[i])
            collector->node_sets[node++] = collector->sets[i];
    return MX_OK;
}

// subtract_refs, and the edges along which move_unreachable goes.
static bool wants(void *data, uint32_t from, uint32_t to, enum hold hold, bool counting)
{
    struct collector *collector = data;
    if (collector->node_sets[from] != collector->node_sets[to])
        return false;
    if (counting && hold == HOLD_OWNED)
        collector->reported[to]++;
    if (counting && hold == HOLD_POSSIBLE)
        collector->possible[to]++;
    return counting || hold != HOLD_POSSIBLE || collector->possible[to];
}

// gc_visit_thread_stacks: without a GIL, frames keep alive what they refer to without counting.
static void reach_from_stacks(struct collector *collector)
{
    struct mx_heap *heap = collector->heap;
    uint8_t *kept = heap->decoder.layout->gc_shape == GC_WITHOUT_LISTS
                        ? calloc((size_t)heap->count + 1, 1)
                        : NULL;
    for (size_t i = 0; kept && i < heap->root_edges.count; i++) {
        const struct edge *edge = &heap->root_edges.items[i].edge;
        uint32_t object;
        if (edge->hold == HOLD_BORROWED && mx_heap_find(heap, edge->to, &object))
            kept[object] = 1;
    }
    for (uint32_t node = 0, object = 0; kept && object < heap->count; object++)
        if (collector->chosen[object]) {
            if (kept[object])
                collector->marks[node] = REACHED;
            node++;
        }
    free(kept);
}

// From here on possible[node] says how many of the words are needed to explain its count.
static void reckon(void *data)
{
    struct collector *collector = data;
    struct mx_heap *heap = collector->heap;
    for (uint32_t node = 0, object = 0; object < heap->count; object++) {
        struct header header;
        if (!collector->chosen[object])
            continue;
        int64_t missing = 0, outside = 1;
        if (header_of(heap, object, &header)) {
            missing = refcount_missing(heap, object, &header);
            if (missing < 0)
                missing = 0;
            if (missing > collector->possible[node])
                missing = collector->possible[node];
            outside = header.refcount - collector->reported[node] - missing;
        }
        collector->possible[node] = (uint32_t)missing;
        collector->marks[node++] = outside > 0 ? REACHED : UNREACHED;
    }
    reach_from_stacks(collector);
}

static mx_status find_unreachable(struct collector *collector, struct mx_error *err)
{
    struct reference_choice choice = {wants, reckon, collector};
    mx_status status = choose(collector, err);
    if (!status)
        status = references_build(collector->heap, collector->chosen, &choice,
                                  &collector->references, err);
    if (status)
        return status;
    uint32_t *stack = malloc(((size_t)collector->node_count + 1) * sizeof *stack);
    if (!stack)
        return fail_no_memory(err);
    graph_spread(&collector->references.graph, collector->marks, REACHED, stack);
    free(stack);
    return MX_OK;
}

mx_status heap_mark_garbage(struct mx_heap *heap, uint8_t *marks, struct mx_error *err)
{
    struct collector collector = {.heap = heap};
    mx_status status = find_unreachable(&collector, err);
    for (uint32_t node = 0, object = 0; !status && object < heap->count; object++)
        if (collector.chosen[object])
            marks[object] = collector.marks[node++] == UNREACHED;
    collector_free(&collector);
    return status;
}

// The unreachable nodes' own graph; nodes are numbered anew.
static mx_status keep_unreachable(struct collector *collector, struct references *ret,
                                  struct mx_error *err)
{
    mx_status status = graph_select(&collector->references.graph, collector->marks, UNREACHED,
                                    &ret->graph, &ret->objects, err);
    for (uint32_t node = 0; !status && node < ret->graph.node_count; node++)
        ret->objects[node] = collector->references.objects[ret->objects[node]];
    return status;
}

mx_status mx_heap_garbage(const mx_heap *heap, mx_cycles **ret, struct mx_error *err)
{
    if (heap->opened)
        return opened_cycles(heap, true, ret, err);
    // Looking decodes on demand, which fills the decoder's tables: no change that a caller can see.
    struct collector collector = {.heap = (struct mx_heap *)(uintptr_t)heap};
    struct mx_cycles *cycles = calloc(1, sizeof *cycles);
    if (!cycles)
        return fail_no_memory(err);
    cycles->heap = collector.heap;
    cycles->totals.collecting = heap->summary.gc_collecting;
    mx_status status = find_unreachable(&collector, err);
    if (!status)
        status = keep_unreachable(&collector, &cycles->references, err);
    collector_free(&collector);
    if (!status)
        status = cycles_group(cycles, true, err);
    if (!status)
        status = garbage_count_finalizers(cycles, err);
    if (!status)
        status = garbage_count_freed(cycles, err);
    if (!status)
        status = cycles_finish(cycles, err);
    if (status) {
        mx_cycles_free(cycles);
        return status;
    }
    *ret = cycles;
    return MX_OK;
}
