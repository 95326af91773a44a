// free_queue.c - blocks that are freed, and references given up, once no thread can be reading them.
//
//   list <-> {next, prev, first, end, {pointer | mark, goal}[254]} <-> ...
//
// Objects/obmalloc.c, struct _mem_work_chunk, free_delayed. Tables of dicts and lists mostly, full of
// references that are somebody else's by now.
#include "heap/free_queue.h"

#include "heap/mimalloc.h"

enum {
    CHUNK_FIRST = 16, // index of the first item that has not been dealt with
    CHUNK_END = 24,
    CHUNK_ITEMS = 32,
    ITEM_NBYTES = 16,
    ITEM_COUNT = 254, // WORK_ITEMS_PER_CHUNK
};

// The lowest bit marks an object: to 3.13 its memory, from 3.14 on a reference to it.
static void visit_item(struct mx_heap *heap, uint64_t item, struct visitor *visitor)
{
    bool marked = item & 1;
    mx_addr addr = item & ~1ull;
    switch (heap->decoder.layout->refcount_shape) {
    case REFCOUNT_PLAIN:
    case REFCOUNT_IMMORTAL_32:
    case REFCOUNT_LOW_32:
        return; // with the GIL nothing waits
    case REFCOUNT_BIASED_313:
        break;
    case REFCOUNT_BIASED:
        if (marked) {
            emit(visitor, addr, EDGE_NAMED, HOLD_OWNED,
                 (uint64_t)(uintptr_t) "to be given up later");
            return;
        }
        break;
    }
    if (heap->allocator.mimalloc)
        mimalloc_set_free(heap->allocator.mimalloc, addr);
}

void free_queue_visit(struct mx_heap *heap, mx_addr list, struct visitor *visitor)
{
    struct decoder *decoder = &heap->decoder;
    mx_addr chunk = word_at(decoder, list);
    while (chunk && chunk != list && decoder_take(decoder, 1)) {
        uint64_t first = word_at(decoder, chunk + CHUNK_FIRST);
        uint64_t end = word_at(decoder, chunk + CHUNK_END);
        for (uint64_t i = first; i < end && end <= ITEM_COUNT && decoder_take(decoder, 1); i++)
            visit_item(heap, word_at(decoder, chunk + CHUNK_ITEMS + ITEM_NBYTES * i), visitor);
        chunk = word_at(decoder, chunk);
    }
}
