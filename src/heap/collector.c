// collector.c - what the cycle collector tracks, generation by generation.
//
//   generations[i].head <-> PyGC_Head | object <-> ...    Include/internal/pycore_gc.h, Modules/gcmodule.c
//   free-threaded: the blocks of two heaps of each thread, of which a bit says that they are tracked
#include "heap/heap.h"

#include "base/error.h"
#include "decode/counts.h"
#include "heap/garbage.h"
#include "heap/mimalloc.h"
#include "layout/hidden.h"

// Flag bits in the links: Include/internal/pycore_gc.h, _PyGC_PREV_MASK. List heads may be 4-aligned.
#define LINK_MASK (~3ull)
#define PREHEADER 16 // managed dict and weak list: Include/internal/pycore_object.h

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

// ---- without lists ----------------------------------------------------------------------------

struct tracked {
    struct mx_heap *heap;
    bool frozen; // look for those, or for the others
    uint64_t count;
};

// Code, functions and classes that were made immortal keep what they refer to for ever, also when
// nothing refers to them any more (3.13t: Objects/object.c, _PyObject_SetDeferredRefcount).
static bool is_immortal(struct mx_heap *heap, mx_addr addr)
{
    const uint8_t *bytes =
        memory_at(heap->memory, addr, (uint64_t)heap->decoder.layout->object_size);
    struct header header;
    return bytes && refcount_decode(heap->decoder.layout, bytes, &header) && header.immortal;
}

// Python/gc_free_threading.c, op_from_block: every block of two of a thread's heaps is an object.
static void tracked_block(void *data, mx_addr block, uint64_t nbytes, int tag)
{
    struct tracked *tracked = data;
    struct mx_heap *heap = tracked->heap;
    const struct layout *l = heap->decoder.layout;
    mx_addr addr = block + (tag == MIMALLOC_GC_PRE ? PREHEADER : 0);
    uint8_t bits = 0;
    if (tag != MIMALLOC_GC && tag != MIMALLOC_GC_PRE)
        return;
    if (has_debug_head(&heap->allocator, block + DEBUG_HEAD))
        addr += DEBUG_HEAD;
    if (addr + (uint64_t)l->object_size > block + nbytes ||
        !memory_u8(heap->memory, addr + (uint64_t)l->object_gc_bits, &bits) ||
        !(bits & GC_BIT_FROZEN) == tracked->frozen)
        return;
    if (bits & GC_BIT_TRACKED)
        tracked->count += heap_add_object(heap, addr, true);
    else if (is_immortal(heap, addr))
        heap_add_object(heap, addr, true);
}

static uint64_t read_tracked(struct mx_heap *heap, bool frozen)
{
    struct tracked tracked = {heap, frozen, 0};
    for (size_t i = 0; heap->allocator.mimalloc && i < heap->regions.count; i++) {
        const struct region *region = &heap->regions.items[i];
        mimalloc_each_used(heap->allocator.mimalloc, region->start, region->start + region->nbytes,
                           tracked_block, &tracked);
    }
    return tracked.count;
}

// Segments that ended threads have left are found like all others. There are no generations but the
// permanent one; the numbers are kept as if there were.
static void read_heaps(struct mx_heap *heap)
{
    const struct layout *l = heap->decoder.layout;
    struct mx_heap_summary *summary = &heap->summary;
    mx_addr interp = field_at(&heap->decoder, heap->runtime.addr, l->runtime_interpreters_main);
    mx_addr gc = interp + (uint64_t)l->interp_gc;
    for (int i = 0; i < 3; i++)
        read_numbers(heap, gc, i, &summary->generations[i]);
    summary->gc_enabled = field32_at(&heap->decoder, gc, l->gc_enabled) != 0;
    summary->gc_collecting = field32_at(&heap->decoder, gc, l->gc_collecting) != 0;
    summary->generations[3].objects = read_tracked(heap, true);
    heap->generation_ends[3] = heap->queue.count;
    summary->generations[0].objects = read_tracked(heap, false);
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
        read_heaps(heap);
        return MX_OK;
    }
    return fail(err, MX_UNSUPPORTED, "pid %d: the collector of this CPython %s is not known",
                heap->info.process.pid, heap->runtime.python);
}

// ---- what a full collection looks at ----------------------------------------------------------

#define UNTRACKED_FIRST UINT16_MAX // in the sets, until they are complete

struct atoms {
    struct visitor visitor;
    struct mx_heap *heap;
    const uint16_t *sets;
    bool only; // no item may be tracked
};

static bool is_exact(struct mx_heap *heap, uint32_t type, enum family family, int32_t head)
{
    const struct type_info *info = heap->decoder.types[type];
    return info->family == family && !info->heap && info->basicsize == (uint32_t)head &&
           strcmp(type_qualified_name(&heap->decoder, type),
                  family == FAMILY_TUPLE ? "builtins.tuple" : "builtins.dict") == 0;
}

// Include/internal/pycore_gc.h, _PyObject_GC_MAY_BE_TRACKED
static void look_for_tracked(struct visitor *visitor, struct edge edge)
{
    struct atoms *atoms = (struct atoms *)visitor;
    struct mx_heap *heap = atoms->heap;
    struct header header;
    uint32_t index;
    if ((edge.kind != EDGE_ITEM && edge.kind != EDGE_VALUE && edge.kind != EDGE_KEY) ||
        !mx_heap_find(heap, edge.to, &index) || !object_header(&heap->decoder, edge.to, &header))
        return;
    const struct type_info *type = heap->decoder.types[header.type];
    if (!object_is_gc(&heap->decoder, edge.to, type) ||
        (is_exact(heap, header.type, FAMILY_TUPLE, heap->decoder.layout->tuple_items) &&
         (!object_is_tracked(&heap->decoder, edge.to, type) ||
          atoms->sets[index] == UNTRACKED_FIRST)))
        return;
    atoms->only = false;
}

// Before some collectors reckon, tuples without tracked items are no longer tracked: Python/gc.c of
// 3.14.0, gc_collect_full; Python/gc_free_threading.c, update_refs, in 3.13 with dicts.
static bool is_untracked_first(struct mx_heap *heap, uint32_t object, const uint16_t *sets)
{
    const struct layout *l = heap->decoder.layout;
    struct atoms atoms = {{look_for_tracked, NULL}, heap, sets, true};
    uint32_t type = heap->types[object];
    if (!is_exact(heap, type, FAMILY_TUPLE, l->tuple_items) &&
        !(layout_untracks_dicts(heap->decoder.version_hex, l->free_threaded) &&
          is_exact(heap, type, FAMILY_DICT, l->dict_size)))
        return false;
    object_visit(&heap->decoder, heap->addresses[object], type, &atoms.visitor);
    return atoms.only;
}

// An object that is marked already ends a list that bites its own tail.
static void mark_list(struct mx_heap *heap, mx_addr head, uint16_t number, bool untracks,
                      uint16_t *sets)
{
    uint64_t gc_head = (uint64_t)heap->decoder.layout->gc_head_size;
    mx_addr node = word_at(&heap->decoder, head) & LINK_MASK;
    uint32_t index;
    while (node && node != head && mx_heap_find(heap, node + gc_head, &index) && !sets[index]) {
        sets[index] = untracks && is_untracked_first(heap, index, sets) ? UNTRACKED_FIRST : number;
        node = word_at(&heap->decoder, node) & LINK_MASK;
    }
}

static void mark_collector(struct mx_heap *heap, mx_addr gc, uint16_t number, uint16_t *sets)
{
    for (int i = 0; i < 3; i++)
        mark_list(heap, generation_at(heap->decoder.layout, gc, i), number,
                  heap->decoder.layout->gc_shape == GC_INCREMENTAL && i == 0, sets);
}

static void mark_bits(struct mx_heap *heap, uint16_t *sets)
{
    const struct layout *l = heap->decoder.layout;
    for (uint32_t i = 0; i < heap->count; i++) {
        uint8_t bits = 0;
        mx_addr addr = heap->addresses[i];
        if (object_is_tracked(&heap->decoder, addr, heap->decoder.types[heap->types[i]]) &&
            memory_u8(heap->memory, addr + (uint64_t)l->object_gc_bits, &bits) &&
            !(bits & GC_BIT_FROZEN))
            sets[i] = is_untracked_first(heap, i, sets) ? UNTRACKED_FIRST : 1;
    }
}

static void mark_collectors(struct mx_heap *heap, uint16_t *sets)
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
        mark_bits(heap, sets);
        return;
    }
}

void heap_collected_sets(struct mx_heap *heap, uint16_t *sets)
{
    decoder_refill(&heap->decoder);
    mark_collectors(heap, sets);
    for (uint32_t i = 0; i < heap->count; i++)
        if (sets[i] == UNTRACKED_FIRST)
            sets[i] = 0;
}
