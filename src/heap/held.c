// held.c - what comes with garbage: finalizers, callbacks of weak references, and the objects that are
// not the collector's and go when the garbage goes.
#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"
#include "heap/garbage.h"

// ---- finalizers -------------------------------------------------------------------------------

static mx_addr slot_of(struct mx_cycles *cycles, uint32_t node, int32_t offset)
{
    const struct mx_heap *heap = cycles->heap;
    uint32_t type = heap->types[cycles->references.objects[node]];
    return field_at(&cycles->heap->decoder, heap->decoder.types[type]->addr, offset);
}

// Python/gc.c, move_legacy_finalizers and move_legacy_finalizer_reachable: what has a tp_del and what
// such objects reach is not touched.
static mx_status mark_legacy(struct mx_cycles *cycles, uint8_t **ret, struct mx_error *err)
{
    const struct graph *graph = &cycles->references.graph;
    uint32_t *stack = malloc(((size_t)graph->node_count + 1) * sizeof *stack);
    uint8_t *marks = calloc((size_t)graph->node_count + 1, 1);
    if (!stack || !marks) {
        free(stack);
        free(marks);
        return fail_no_memory(err);
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        marks[node] = slot_of(cycles, node, cycles->heap->decoder.layout->type_del) != 0;
    graph_spread(graph, marks, 1, stack);
    free(stack);
    *ret = marks;
    return MX_OK;
}

static bool is_finalized(struct mx_cycles *cycles, uint32_t node)
{
    struct mx_heap *heap = cycles->heap;
    uint32_t object = cycles->references.objects[node];
    return object_is_finalized(&heap->decoder, heap->addresses[object],
                               heap->decoder.types[heap->types[object]]);
}

static bool node_of(const struct mx_cycles *cycles, mx_addr addr, uint32_t *ret)
{
    uint32_t object, low = 0, high = cycles->references.graph.node_count;
    if (!mx_heap_find(cycles->heap, addr, &object))
        return false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cycles->references.objects[middle] < object)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return low < cycles->references.graph.node_count && cycles->references.objects[low] == object;
}

// Python/gc.c, handle_weakrefs: of weak references to garbage, those that are garbage themselves are
// not told. wr_callback stands behind wr_object.
static void count_callbacks(struct mx_cycles *cycles)
{
    struct mx_heap *heap = cycles->heap;
    struct decoder *decoder = &heap->decoder;
    for (uint32_t i = 0; cycles->references.graph.node_count && i < heap->count; i++) {
        uint32_t target, own;
        if (decoder->types[heap->types[i]]->family != FAMILY_WEAKREF)
            continue;
        mx_addr place = heap->addresses[i] + (uint64_t)decoder->layout->weakref_object;
        if (word_at(decoder, place + 8) && node_of(cycles, word_at(decoder, place), &target) &&
            !node_of(cycles, heap->addresses[i], &own) && cycles->group_of[target] != NO_GROUP)
            cycles->groups.items[cycles->group_of[target]].callbacks++;
    }
}

mx_status garbage_count_finalizers(struct mx_cycles *cycles, struct mx_error *err)
{
    uint8_t *legacy = NULL;
    mx_status status = mark_legacy(cycles, &legacy, err);
    if (status)
        return status;
    for (uint32_t node = 0; node < cycles->references.graph.node_count; node++) {
        if (cycles->group_of[node] == NO_GROUP)
            continue;
        struct mx_cycle_group *group = &cycles->groups.items[cycles->group_of[node]];
        if (legacy[node])
            group->legacy++;
        else if (slot_of(cycles, node, cycles->heap->decoder.layout->type_finalize))
            *(is_finalized(cycles, node) ? &group->finalized : &group->finalizers) += 1;
    }
    free(legacy);
    count_callbacks(cycles);
    return MX_OK;
}

// ---- what goes with it ------------------------------------------------------------------------

#define GONE UINT32_MAX

struct gone {
    uint32_t object, group;
};

struct cascade {
    struct visitor visitor;
    struct mx_cycles *cycles;
    uint32_t *given_up; // [objects of the heap], references by what goes; GONE
    uint32_t group;
    VECTOR(struct gone) queue;
    bool failed;
};

static void give_up(struct visitor *visitor, struct edge edge)
{
    struct cascade *cascade = (struct cascade *)visitor;
    struct mx_heap *heap = cascade->cycles->heap;
    struct header header;
    uint32_t object;
    if (edge.hold != HOLD_OWNED || !mx_heap_find(heap, edge.to, &object) ||
        cascade->given_up[object] == GONE || !object_header(&heap->decoder, edge.to, &header) ||
        header.immortal || ++cascade->given_up[object] < header.refcount)
        return;
    cascade->given_up[object] = GONE;
    if (!vector_push(&cascade->queue, ((struct gone){object, cascade->group})))
        cascade->failed = true;
}

// Keys of the table that a class shares with its instances go with the class.
static bool give_up_keys(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    (void)visitor, (void)memory;
    return kind == CLAIM_TYPE_KEYS;
}

static void give_up_all(struct cascade *cascade, uint32_t object, uint32_t group)
{
    struct mx_heap *heap = cascade->cycles->heap;
    cascade->group = group;
    object_visit(&heap->decoder, heap->addresses[object], heap->types[object], &cascade->visitor);
}

static void count_gone(struct cascade *cascade)
{
    struct mx_heap *heap = cascade->cycles->heap;
    for (size_t i = 0; i < cascade->queue.count && !cascade->failed; i++) {
        uint32_t object = cascade->queue.items[i].object, group = cascade->queue.items[i].group;
        give_up_all(cascade, object, group);
        if (group == NO_GROUP)
            continue;
        struct mx_cycle_group *shown = &cascade->cycles->groups.items[group];
        shown->freed++;
        shown->freed_bytes += recorder_size_of(&heap->recorder, object);
    }
}

mx_status garbage_count_freed(struct mx_cycles *cycles, struct mx_error *err)
{
    const struct references *references = &cycles->references;
    struct cascade cascade = {.visitor = {give_up, give_up_keys}, .cycles = cycles};
    if (!references->graph.node_count)
        return MX_OK;
    cascade.given_up = calloc((size_t)cycles->heap->count + 1, sizeof *cascade.given_up);
    if (!cascade.given_up)
        return fail_no_memory(err);
    for (uint32_t node = 0; node < references->graph.node_count; node++)
        cascade.given_up[references->objects[node]] = GONE;
    decoder_refill(&cycles->heap->decoder);
    for (uint32_t node = 0; node < references->graph.node_count; node++)
        give_up_all(&cascade, references->objects[node], cycles->group_of[node]);
    count_gone(&cascade);
    free(cascade.given_up);
    vector_free(&cascade.queue);
    return cascade.failed ? fail_no_memory(err) : MX_OK;
}
