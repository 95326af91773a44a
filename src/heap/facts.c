// facts.c - what an object's own header and type say, kept while its references are counted.
#include "heap/heap.h"

// Objects come in the order of their addresses, and so do the ranges.
static bool is_static(struct mx_heap *heap, mx_addr addr)
{
    const struct static_range *ranges = heap->statics.ranges.items;
    size_t *at = &heap->recorder.static_at, count = heap->statics.ranges.count;
    while (*at < count && addr >= ranges[*at].end)
        ++*at;
    return *at < count && addr >= ranges[*at].start;
}

void heap_record_facts(struct mx_heap *heap, uint32_t index, const struct header *header,
                       const struct type_info *type)
{
    struct decoder *decoder = &heap->decoder;
    uint8_t flags = header->immortal ? OBJECT_IMMORTAL : 0;
    if (type->gc && object_is_tracked(decoder, header->addr, type))
        flags |= OBJECT_TRACKED;
    if (type->gc && object_is_finalized(decoder, header->addr, type))
        flags |= OBJECT_FINALIZED;
    if (header->deferred)
        flags |= OBJECT_DEFERRED;
    if (type->family == FAMILY_STR &&
        field32_at(decoder, header->addr, decoder->layout->ascii_state) & STR_INTERNED)
        flags |= OBJECT_INTERNED;
    if (is_static(heap, header->addr))
        flags |= OBJECT_STATIC;
    heap->recorder.flags[index] = flags;
    heap->recorder.refcounts[index] = header->immortal                ? 0
                                      : header->refcount > UINT32_MAX ? UINT32_MAX
                                      : header->refcount < 0          ? 0
                                                                      : (uint32_t)header->refcount;
}
