// unreached_roots.c - what leaked objects refer to, where more counts are unexplained than C code
// usually keeps.
//
// An extension that loses thousands of objects makes everything that they hold look held by nothing
// as well. Finding them takes a walk through all allocators, so that it is left to the audit unless
// many counts ask for it. That they are alive is not sure: their references are possible ones.
#include "base/error.h"
#include "heap/blocks.h"

// One object in so many may stay unexplained before the allocators are walked.
#define TOLERATED 10000

struct collector {
    struct visitor visitor;
    struct mx_heap *heap;
    uint32_t root;
    bool failed;
};

static void collect(struct visitor *visitor, struct edge edge)
{
    struct collector *collector = (struct collector *)visitor;
    uint32_t index;
    if ((edge.hold != HOLD_OWNED && edge.hold != HOLD_POSSIBLE) ||
        !mx_heap_find(collector->heap, edge.to, &index))
        return;
    edge.hold = HOLD_POSSIBLE;
    heap_add_possible(collector->heap, edge.to);
    collector->failed |=
        !vector_push(&collector->heap->root_edges, ((struct root_edge){edge, collector->root, 0}));
}

bool heap_many_unexplained(const struct mx_heap *heap)
{
    return heap->summary.refcounts.surplus > heap->count / TOLERATED;
}

mx_status heap_add_unreached_roots(struct mx_heap *heap, struct mx_error *err)
{
    const struct blocks *blocks;
    struct collector collector = {{collect, NULL}, heap, (uint32_t)heap->roots.count, false};
    mx_status status = heap_blocks(heap, &blocks, err);
    if (status)
        return status;
    struct root root = {
        .name = "an object that nothing refers to", .kind = ROOT_NATIVE, .unreached = true};
    if (!vector_push(&heap->roots, root))
        return fail_no_memory(err);
    for (size_t i = 0; i < blocks->unreached.count; i++)
        object_visit(&heap->decoder, blocks->unreached.items[i].addr,
                     blocks->unreached.items[i].type, &collector.visitor);
    return collector.failed ? fail_no_memory(err) : MX_OK;
}
