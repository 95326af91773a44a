// collector.c - what the cycle collector tracks, generation by generation.
//
//   generations[i].head <-> PyGC_Head | object <-> ...    Include/internal/pycore_gc.h, Modules/gcmodule.c
#include "heap/heap.h"

#include "base/error.h"

// Flag bits in the links: Include/internal/pycore_gc.h, _PyGC_PREV_MASK. List heads may be 4-aligned.
#define LINK_MASK (~3ull)

// Ends at the head, at something already listed, or at nonsense. heap_add_object refuses what is
// marked already, so a list that bites its own tail ends too.
static uint64_t read_list(struct mx_heap *heap, mx_addr head)
{
    uint64_t gc_head = (uint64_t)heap->decoder.layout->gc_head_size, count = 0;
    mx_addr node = word_at(&heap->decoder, head) & LINK_MASK;
    while (node && node != head && heap_add_object(heap, node + gc_head, true)) {
        count++;
        node = word_at(&heap->decoder, node) & LINK_MASK;
    }
    return count;
}

static void read_numbers(struct mx_heap *heap, mx_addr gc, int i, struct mx_generation *ret)
{
    const struct layout *l = heap->decoder.layout;
    mx_addr generation = gc + (uint64_t)(l->gc_generations + i * l->gc_generation_size);
    mx_addr stats = gc + (uint64_t)(l->gc_stats + i * l->gc_stats_size);
    struct decoder *decoder = &heap->decoder;
    ret->threshold = (int)field32_at(decoder, generation, l->gc_generation_threshold);
    ret->count = (int)field32_at(decoder, generation, l->gc_generation_count);
    // struct gc_generation_stats {collections, collected, uncollectable}
    ret->collections = field_at(decoder, stats, 0);
    ret->collected = field_at(decoder, stats, 8);
    ret->uncollectable = field_at(decoder, stats, 16);
}

static void read_collector(struct mx_heap *heap, mx_addr gc, bool first)
{
    const struct layout *l = heap->decoder.layout;
    struct mx_heap_summary *summary = &heap->summary;
    for (int i = 0; i < 3; i++) {
        mx_addr head = gc + (uint64_t)(l->gc_generations + i * l->gc_generation_size);
        summary->generations[i].objects += read_list(heap, head);
        if (first) {
            read_numbers(heap, gc, i, &summary->generations[i]);
            heap->generation_ends[i] = heap->queue.count;
        }
    }
    summary->generations[3].objects += read_list(heap, gc + (uint64_t)l->gc_permanent);
    if (!first)
        return;
    heap->generation_ends[3] = heap->queue.count;
    summary->gc_enabled = field32_at(&heap->decoder, gc, l->gc_enabled) != 0;
    summary->gc_collecting = field32_at(&heap->decoder, gc, l->gc_collecting) != 0;
}

// No process has more: each costs half a megabyte at least.
#define LIMIT_INTERPRETERS 10000

mx_status heap_read_generations(struct mx_heap *heap, struct mx_error *err)
{
    const struct layout *l = heap->decoder.layout;
    struct decoder *decoder = &heap->decoder;
    switch (l->gc_shape) {
    case GC_IN_RUNTIME:
        read_collector(heap, heap->runtime.addr + (uint64_t)l->runtime_gc, true);
        return MX_OK;
    case GC_IN_INTERP: {
        mx_addr main = field_at(decoder, heap->runtime.addr, l->runtime_interpreters_main);
        mx_addr interp = field_at(decoder, heap->runtime.addr, l->runtime_interpreters_head);
        read_collector(heap, main + (uint64_t)l->interp_gc, true);
        for (int i = 0; interp && i < LIMIT_INTERPRETERS; i++) {
            if (interp != main)
                read_collector(heap, interp + (uint64_t)l->interp_gc, false);
            interp = field_at(decoder, interp, l->interp_next);
        }
        return MX_OK;
    }
    case GC_INCREMENTAL:
    case GC_WITHOUT_LISTS:
        break;
    }
    return fail(err, MX_UNSUPPORTED,
                "pid %d: the collector of this CPython %s is not supported yet",
                heap->info.process.pid, heap->runtime.python);
}
