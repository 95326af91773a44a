// collector.c - what the cycle collector tracks, generation by generation.
//
//   generations[i].head <-> PyGC_Head | object <-> ...    Include/internal/pycore_gc.h, Modules/gcmodule.c
#include "heap/heap.h"

#include "base/error.h"
#include "heap/garbage.h"

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

static mx_addr generation_at(const struct layout *l, mx_addr gc, int i)
{
    if (l->gc_shape == GC_INCREMENTAL && i > 0) // Python/gc.c of 3.14.0: the two spaces of the old
        return gc + (uint64_t)(l->gc_old + (i - 1) * l->gc_generation_size);
    return gc + (uint64_t)(l->gc_generations + i * l->gc_generation_size);
}

// The record of the last collection, whose numbers are the sums of all so far (Python/gc.c).
static mx_addr ring_record(struct decoder *decoder, mx_addr ring, int32_t index_offset)
{
    uint8_t index = 0;
    memory_u8(decoder->memory, ring + (uint64_t)index_offset, &index);
    uint64_t offset = (uint64_t)index * (uint64_t)decoder->layout->gc_stats_size;
    return offset < (uint64_t)index_offset ? ring + offset : ring;
}

static mx_addr stats_at(struct decoder *decoder, mx_addr gc, int i)
{
    const struct layout *l = decoder->layout;
    switch (l->gc_stats_shape) {
    case GC_STATS_ARRAY:
        break;
    case GC_STATS_RINGS: {
        mx_addr stats = field_at(decoder, gc, l->gc_stats);
        if (i == 0)
            return ring_record(decoder, stats, l->gc_young_index);
        stats += (uint64_t)(l->gc_old_stats + (i - 1) * l->gc_old_stats_size);
        return ring_record(decoder, stats, l->gc_old_index);
    }
    }
    return gc + (uint64_t)(l->gc_stats + i * l->gc_stats_size);
}

static void read_numbers(struct mx_heap *heap, mx_addr gc, int i, struct mx_generation *ret)
{
    const struct layout *l = heap->decoder.layout;
    struct decoder *decoder = &heap->decoder;
    mx_addr generation = generation_at(l, gc, i), stats = stats_at(decoder, gc, i);
    ret->threshold = (int)field32_at(decoder, generation, l->gc_generation_threshold);
    ret->count = (int)field32_at(decoder, generation, l->gc_generation_count);
    ret->collections = field_at(decoder, stats, l->gc_stats_collections);
    ret->collected = field_at(decoder, stats, l->gc_stats_collected);
    ret->uncollectable = field_at(decoder, stats, l->gc_stats_uncollectable);
}

static void read_collector(struct mx_heap *heap, mx_addr gc, bool first)
{
    const struct layout *l = heap->decoder.layout;
    struct mx_heap_summary *summary = &heap->summary;
    for (int i = 0; i < 3; i++) {
        summary->generations[i].objects += read_list(heap, generation_at(l, gc, i));
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

mx_status heap_read_generations(struct mx_heap *heap, struct mx_error *err)
{
    const struct layout *l = heap->decoder.layout;
    struct decoder *decoder = &heap->decoder;
    switch (l->gc_shape) {
    case GC_IN_RUNTIME:
        read_collector(heap, heap->runtime.addr + (uint64_t)l->runtime_gc, true);
        return MX_OK;
    case GC_INCREMENTAL:
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
    case GC_WITHOUT_LISTS:
        break;
    }
    return fail(err, MX_UNSUPPORTED,
                "pid %d: the collector of this CPython %s is not supported yet",
                heap->info.process.pid, heap->runtime.python);
}

// ---- what a full collection looks at ----------------------------------------------------------

// An object that is marked already ends a list that bites its own tail.
static void mark_list(struct mx_heap *heap, mx_addr head, uint16_t number, uint16_t *sets)
{
    uint64_t gc_head = (uint64_t)heap->decoder.layout->gc_head_size;
    mx_addr node = word_at(&heap->decoder, head) & LINK_MASK;
    uint32_t index;
    while (node && node != head && mx_heap_find(heap, node + gc_head, &index) && !sets[index]) {
        sets[index] = number;
        node = word_at(&heap->decoder, node) & LINK_MASK;
    }
}

static void mark_collector(struct mx_heap *heap, mx_addr gc, uint16_t number, uint16_t *sets)
{
    for (int i = 0; i < 3; i++)
        mark_list(heap, generation_at(heap->decoder.layout, gc, i), number, sets);
}

void heap_collected_sets(struct mx_heap *heap, uint16_t *sets)
{
    const struct layout *l = heap->decoder.layout;
    switch (l->gc_shape) {
    case GC_IN_RUNTIME:
        mark_collector(heap, heap->runtime.addr + (uint64_t)l->runtime_gc, 1, sets);
        return;
    case GC_INCREMENTAL:
    case GC_IN_INTERP: {
        mx_addr interp = field_at(&heap->decoder, heap->runtime.addr, l->runtime_interpreters_head);
        for (uint16_t i = 1; interp && i <= LIMIT_INTERPRETERS; i++) {
            mark_collector(heap, interp + (uint64_t)l->interp_gc, i, sets);
            interp = field_at(&heap->decoder, interp, l->interp_next);
        }
        return;
    }
    case GC_WITHOUT_LISTS:
        return;
    }
}
