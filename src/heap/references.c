// references.c - two passes over the chosen objects: count the references, then keep them.
#include "heap/references.h"

#include <stdlib.h>

#include "base/error.h"

struct builder {
    struct visitor visitor;
    struct mx_heap *heap;
    const struct reference_choice *choice;
    struct references *references;
    uint32_t *numbers; // [objects of the heap], node of the object or GRAPH_NONE
    uint8_t *recorded; // [types], all that instances report was recorded
    uint32_t from;
    bool counting;
};

static void build_reference(struct builder *builder, uint32_t object, enum hold hold)
{
    uint32_t to = builder->numbers[object];
    if (to == GRAPH_NONE ||
        !builder->choice->wants(builder->choice->data, builder->from, to, hold, builder->counting))
        return;
    if (builder->counting)
        graph_count_edge(&builder->references->graph, builder->from);
    else
        graph_add_edge(&builder->references->graph, builder->from, to);
}

static void build_edge(struct visitor *visitor, struct edge edge)
{
    struct builder *builder = (struct builder *)visitor;
    struct region *region = regions_find_marked(&builder->heap->regions, edge.to);
    if (region)
        build_reference(builder, region_number(region, edge.to), (enum hold)edge.hold);
}

// Types all of whose instances report what they own: to visit them again would tell nothing new.
static mx_status find_recorded(struct builder *builder, struct mx_error *err)
{
    const struct decoder *decoder = &builder->heap->decoder;
    builder->recorded = calloc((size_t)decoder->type_count + 1, 1);
    for (uint32_t type = 0; builder->recorded && type < decoder->type_count; type++)
        builder->recorded[type] = type_reports_owned(decoder, decoder->types[type]);
    return builder->recorded ? MX_OK : fail_no_memory(err);
}

// What was laid out by the C compiler refers to its like without counting: that was recorded as borrowed.
static bool is_recorded(const struct builder *builder, uint32_t object)
{
    const struct mx_heap *heap = builder->heap;
    return builder->recorded[heap->types[object]] &&
           !(heap->recorder.flags[object] & OBJECT_STATIC);
}

static void build_recorded(struct builder *builder, uint32_t object)
{
    const struct recorder *recorder = &builder->heap->recorder;
    for (uint64_t at = recorder->first[object]; at < recorder->first[object + 1]; at++)
        if (recorder->holds[at] == MX_OWNED)
            build_reference(builder, recorder->targets[at], HOLD_OWNED);
}

static void pass(struct builder *builder, bool counting)
{
    struct mx_heap *heap = builder->heap;
    builder->counting = counting;
    decoder_refill(&heap->decoder);
    for (uint32_t node = 0; node < builder->references->graph.node_count; node++) {
        uint32_t object = builder->references->objects[node];
        builder->from = node;
        if (is_recorded(builder, object))
            build_recorded(builder, object);
        else
            object_traverse(&heap->decoder, heap->addresses[object], heap->types[object],
                            &builder->visitor);
    }
}

static mx_status number_objects(struct builder *builder, const uint8_t *chosen,
                                struct mx_error *err)
{
    uint32_t count = 0, object_count = builder->heap->count;
    builder->numbers = malloc(((size_t)object_count + 1) * sizeof *builder->numbers);
    for (uint32_t object = 0; builder->numbers && object < object_count; object++)
        builder->numbers[object] = chosen[object] ? count++ : GRAPH_NONE;
    uint32_t *objects = malloc(((size_t)count + 1) * sizeof *objects);
    builder->references->objects = objects;
    if (!builder->numbers || !objects)
        return fail_no_memory(err);
    for (uint32_t object = 0; object < object_count; object++)
        if (chosen[object])
            *objects++ = object;
    return graph_init(&builder->references->graph, count, err);
}

mx_status references_build(struct mx_heap *heap, const uint8_t *chosen,
                           const struct reference_choice *choice, struct references *ret,
                           struct mx_error *err)
{
    struct references built = {0};
    struct builder builder = {
        .visitor = {build_edge, NULL}, .heap = heap, .choice = choice, .references = &built};
    mx_status status = number_objects(&builder, chosen, err);
    if (!status)
        status = find_recorded(&builder, err);
    if (!status) {
        pass(&builder, true);
        if (choice->counted)
            choice->counted(choice->data);
        status = graph_allocate(&built.graph, err);
    }
    if (!status) {
        pass(&builder, false);
        graph_finish(&built.graph);
    }
    free(builder.numbers);
    free(builder.recorded);
    if (status) {
        references_free(&built);
        return status;
    }
    *ret = built;
    return MX_OK;
}

void references_free(struct references *references)
{
    graph_fini(&references->graph);
    free(references->objects);
    references->objects = NULL;
}
