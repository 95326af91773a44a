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

static bool has_bytearrays(const struct mx_heap *heap)
{
    for (uint32_t i = 0; i < heap->decoder.type_count && i < heap->type_stats.capacity; i++)
        if (heap->decoder.types[i]->family == FAMILY_BYTEARRAY && heap->type_stats.items[i].count)
            return true;
    return false;
}

// From 3.15 on the bytes of a bytearray are an object of their own, which sys.getsizeof of the
// bytearray has in it (Objects/bytearrayobject.c, bytearray_sizeof_impl): nothing is counted twice.
void heap_drop_inner_sizes(struct mx_heap *heap)
{
    struct decoder *decoder = &heap->decoder;
    const struct layout *l = decoder->layout;
    if (l->bytearray_object == ABSENT || !has_bytearrays(heap))
        return;
    for (uint32_t i = 0; i < heap->count; i++) {
        mx_addr addr = heap->addresses[i];
        uint32_t inner;
        if (decoder->types[heap->types[i]]->family != FAMILY_BYTEARRAY ||
            !field_at(decoder, addr, l->bytearray_alloc) ||
            !mx_heap_find(heap, field_at(decoder, addr, l->bytearray_object), &inner) ||
            decoder->types[heap->types[inner]]->family != FAMILY_BYTES)
            continue;
        uint64_t size = recorder_take_size(&heap->recorder, inner);
        heap->summary.bytes -= size;
        if (heap->types[inner] < heap->type_stats.capacity)
            heap->type_stats.items[heap->types[inner]].bytes -= size;
    }
}
