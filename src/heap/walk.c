// walk.c - finds every object from the roots, then counts the owned references to each.
//
//   discover: GC lists, roots -> queue -> object_visit -> mark what is met, queue what has references
//   count:    every object in order of address -> object_visit -> found[number of the target]++
//
// Memory is the bottleneck: an address met waits in a short ring while its cache line is fetched.
#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "heap/heap.h"

#define RING 16       // addresses on their way from memory; a power of two
#define QUEUE_AHEAD 8 // queued objects fetched before their turn
#define PROGRESS_EVERY (1u << 18)

// A process cannot hold more: an object takes 16 bytes at least.
#define LIMIT_QUEUE (1ull << 36)

// What has a GC head is allocated, but for types, tuples of frozen code, and the empty HAMT. Else a
// pair of words in a C struct may pass for an object.
static bool may_be_static(const struct type_info *type)
{
    return !type->gc || type->family == FAMILY_TYPE || type->family == FAMILY_TUPLE ||
           type->family == FAMILY_GENERIC;
}

#define LEAST_POINTER 65536 // vm.mmap_min_addr: nothing is mapped below

// Where the executable is not PIE, it and its heap lie below 4 GiB: a pointer there looks like a count,
// and an array that goes on with a type looks like an object.
static bool looks_like_pointer(const struct mx_heap *heap, const struct header *header)
{
    int64_t count = header->refcount - refcount_unowned(heap, header);
    return count > heap->most_references ||
           (count >= LEAST_POINTER && maps_find(heap->maps, (mx_addr)count));
}

// What is not tracked has no links but a flag (Include/internal/pycore_gc.h, _PyObject_GC_UNTRACK), what
// is hangs in a list. The size and the first item of a tuple of classes look like an object, in whose
// place for the head the tuple's own header stands.
static bool gc_head_makes_sense(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    uint64_t unused;
    if (!object_is_gc(decoder, addr, type))
        return true;
    switch (decoder->layout->gc_shape) {
    case GC_IN_RUNTIME:
    case GC_IN_INTERP:
    case GC_INCREMENTAL: {
        mx_addr head = addr - (uint64_t)decoder->layout->gc_head_size;
        uint64_t next = word_at(decoder, head) & ~3ull, previous = word_at(decoder, head + 8);
        return next ? memory_u64(decoder->memory, next, &unused) : previous <= 1;
    }
    case GC_WITHOUT_LISTS:
        return true;
    }
    return false;
}

bool heap_check_object(struct mx_heap *heap, mx_addr addr, bool certain, struct header *ret)
{
    struct decoder *decoder = &heap->decoder;
    if (!object_header(decoder, addr, ret))
        return false;
    if (certain)
        return true;
    if (!ret->immortal && looks_like_pointer(heap, ret))
        return false;
    const struct type_info *type = decoder->types[ret->type];
    if (statics_find(&heap->stacks, addr))
        return false;
    if (statics_find(&heap->statics, addr))
        return may_be_static(type);
    if (!gc_head_makes_sense(decoder, addr, type))
        return false;
    mx_addr block = addr - object_prefix(decoder, addr, type);
    return allocator_confirms(&heap->allocator, block,
                              addr - block + (uint64_t)decoder->layout->object_size);
}

static bool queue_push(struct mx_heap *heap, mx_addr addr)
{
    if (heap->queue.count == heap->queue.capacity) {
        size_t capacity = heap->queue.capacity ? heap->queue.capacity * 2 : 1 << 16;
        void *moved = heap->queue.items
                          ? mremap(heap->queue.items, heap->queue.capacity * sizeof addr,
                                   capacity * sizeof addr, MREMAP_MAYMOVE)
                          : mmap(NULL, capacity * sizeof addr, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (moved == MAP_FAILED || capacity > LIMIT_QUEUE)
            return false;
        heap->queue.items = moved;
        heap->queue.capacity = capacity;
    }
    heap->queue.items[heap->queue.count++] = addr;
    return true;
}

bool heap_add_object(struct mx_heap *heap, mx_addr addr, bool certain)
{
    struct region *region = regions_find(&heap->regions, addr);
    struct header header;
    if (!region || addr % 8 || region_is_marked(region, addr) ||
        !heap_check_object(heap, addr, certain, &header))
        return false;
    region_mark(region, addr);
    if (!heap->decoder.types[header.type]->leaf)
        queue_push(heap, addr);
    return true;
}

// ---- what is told of once: shared key tables, blocks of C memory -------------------------------

bool heap_claim(struct mx_heap *heap, mx_addr memory)
{
    uint64_t *claimed = map_put(&heap->claimed, memory);
    if (!claimed || *claimed)
        return false;
    *claimed = 1;
    return true;
}

void heap_unclaim(struct mx_heap *heap)
{
    map_free(&heap->claimed);
}

void heap_claim_root_blocks(struct mx_heap *heap)
{
    for (size_t i = 0; i < heap->root_blocks.count; i++)
        (void)heap_claim(heap, heap->root_blocks.items[i]);
}

void heap_claim_counted(struct mx_heap *heap)
{
    heap_claim_root_blocks(heap);
    for (uint32_t i = 0; i < heap->decoder.type_count; i++) {
        mx_addr keys = heap->decoder.types[i]->cached_keys;
        if (keys)
            heap_claim(heap, keys); // type_visit gives them to the class
    }
}

// ---- discovery --------------------------------------------------------------------------------

struct discoverer {
    struct visitor visitor;
    struct mx_heap *heap;
    struct {
        mx_addr addr;
        bool certain;
    } ring[RING];
    uint32_t at;
};

static void ring_put(struct discoverer *discoverer, mx_addr addr, bool certain)
{
    uint32_t i = discoverer->at++ % RING;
    mx_addr ready = discoverer->ring[i].addr;
    bool ready_certain = discoverer->ring[i].certain;
    discoverer->ring[i].addr = addr;
    discoverer->ring[i].certain = certain;
    if (ready)
        heap_add_object(discoverer->heap, ready, ready_certain);
}

static void discover_edge(struct visitor *visitor, struct edge edge)
{
    struct discoverer *discoverer = (struct discoverer *)visitor;
    struct region *region = regions_find(&discoverer->heap->regions, edge.to);
    // What a weak reference points to is alive: it is cleared when that goes.
    if (!region || edge.to % 8 || region_is_marked(region, edge.to))
        return;
    __builtin_prefetch(region->bytes + (edge.to - region->start));
    ring_put(discoverer, edge.to, edge.certain);
}

static bool discover_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    return kind == CLAIM_TYPE_KEYS || heap_claim(((struct discoverer *)visitor)->heap, memory);
}

static void prefetch_object(struct mx_heap *heap, mx_addr addr)
{
    struct region *region = regions_find(&heap->regions, addr);
    if (region)
        __builtin_prefetch(region->bytes + (addr - region->start));
}

static void progress(struct mx_heap *heap, const char *phase, uint64_t done, uint64_t total)
{
    if (heap->progress && done % PROGRESS_EVERY == 0)
        heap->progress(phase, done, total, heap->progress_data);
}

static void drain(struct mx_heap *heap, struct discoverer *discoverer, size_t *next)
{
    struct decoder *decoder = &heap->decoder;
    for (;;) {
        if (*next == heap->queue.count) { // nothing left but what is in the ring
            for (int i = 0; i < RING; i++)
                ring_put(discoverer, 0, false);
            if (*next == heap->queue.count)
                return;
        }
        if (*next + QUEUE_AHEAD < heap->queue.count)
            prefetch_object(heap, heap->queue.items[*next + QUEUE_AHEAD]);
        mx_addr addr = heap->queue.items[(*next)++];
        struct header header;
        progress(heap, "finding objects", *next, heap->queue.count);
        if (object_header(decoder, addr, &header) &&
            !object_visit(decoder, addr, header.type, &discoverer->visitor))
            decoder->undecoded++;
    }
}

mx_status heap_discover(struct mx_heap *heap, struct mx_error *err)
{
    struct discoverer discoverer = {{discover_edge, discover_claim}, heap, {{0, false}}, 0};
    size_t next = 0;
    uint32_t types = 0;
    for (size_t i = 0; i < heap->root_edges.count; i++)
        discover_edge(&discoverer.visitor, heap->root_edges.items[i].edge);
    do { // leaves are not queued, so a type met only through them is queued here
        drain(heap, &discoverer, &next);
        for (; types < heap->decoder.type_count; types++)
            heap_add_object(heap, heap->decoder.types[types]->addr, true);
    } while (next < heap->queue.count);
    heap_unclaim(heap);
    return heap->queue.count < LIMIT_QUEUE ? MX_OK : fail_no_memory(err);
}

// ---- uncertain references ---------------------------------------------------------------------

void heap_add_possible(struct mx_heap *heap, mx_addr addr)
{
    uint64_t *count = map_put(&heap->possible, addr);
    if (count)
        ++*count;
}

uint32_t possible_count(const struct mx_heap *heap, mx_addr addr)
{
    const uint64_t *count = map_find(&heap->possible, addr);
    return count ? (uint32_t)*count : 0;
}

// ---- counting ---------------------------------------------------------------------------------

struct counter {
    struct visitor visitor;
    struct mx_heap *heap;
    uint32_t ring[RING]; // numbers of the objects whose counters are on their way
    uint32_t at;
    bool from_frozen;  // the object being visited was laid out by the C compiler
    mx_addr from_type; // its class, when that is static: `types` has this reference
    bool recording;
};

static uint8_t recorded_hold(enum hold hold, bool counted)
{
    switch (hold) {
    case HOLD_OWNED:
        return counted ? MX_OWNED : MX_BORROWED;
    case HOLD_POSSIBLE:
        return RECORDED_POSSIBLE;
    case HOLD_BORROWED:
        return MX_BORROWED;
    case HOLD_WEAK:
        return MX_WEAK;
    }
    return MX_BORROWED;
}

static void count_ready(struct mx_heap *heap, uint32_t number)
{
    if (number < heap->count && heap->found[number] != UINT32_MAX)
        heap->found[number]++;
}

static void count_edge(struct visitor *visitor, struct edge edge)
{
    struct counter *counter = (struct counter *)visitor;
    struct mx_heap *heap = counter->heap;
    struct region *region = regions_find_marked(&heap->regions, edge.to);
    if (!region)
        return;
    heap->summary.references++;
    if (edge.hold == HOLD_POSSIBLE)
        heap_add_possible(heap, edge.to);
    if (edge.to == counter->from_type && edge.hold == HOLD_BORROWED)
        return;
    bool counted =
        edge.hold == HOLD_OWNED && !(counter->from_frozen && statics_find(&heap->statics, edge.to));
    uint32_t to = region_number(region, edge.to);
    if (counter->recording)
        recorder_reference(&heap->recorder, to, recorded_hold((enum hold)edge.hold, counted));
    if (!counted)
        return;
    uint32_t *slot = &counter->ring[counter->at++ % RING], ready = *slot;
    *slot = to;
    __builtin_prefetch(&heap->found[*slot], 1);
    count_ready(heap, ready);
}

static bool count_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    return kind == CLAIM_TYPE_KEYS || heap_claim(((struct counter *)visitor)->heap, memory);
}

// Words inside static objects are those objects' own business.
bool heap_is_inside_object(struct mx_heap *heap, mx_addr place)
{
    struct region *region = place ? regions_find(&heap->regions, place) : NULL;
    mx_addr before;
    struct header header;
    // PyTypeObject is the largest static object by far
    if (!region ||
        !region_mark_before(region, place, (uint64_t)heap->decoder.layout->heaptype_size, &before))
        return false;
    return object_header(&heap->decoder, before, &header) &&
           place - before < object_size(&heap->decoder, before, heap->decoder.types[header.type]);
}

// Frozen code and its constants refer to each other without counting (Tools/build/deepfreeze.py).
bool heap_is_frozen(const struct mx_heap *heap, mx_addr addr, const struct type_info *type)
{
    return (type->family == FAMILY_CODE || type->family == FAMILY_TUPLE) &&
           statics_find(&heap->statics, addr);
}

static void count_object(struct mx_heap *heap, struct counter *counter, uint32_t index)
{
    struct decoder *decoder = &heap->decoder;
    mx_addr addr = heap->addresses[index];
    struct header header;
    recorder_object(&heap->recorder, index);
    if (!object_header(decoder, addr, &header))
        return; // it was one when it was marked: a table that changed its mind is full
    heap->types[index] = header.type;
    const struct type_info *type = decoder->types[header.type];
    counter->from_type = type->heap ? 0 : type->addr;
    heap_record_facts(heap, index, &header, type);
    counter->from_frozen =
        heap->recorder.flags[index] & OBJECT_STATIC && heap_is_frozen(heap, addr, type);
    if (!type->leaf)
        object_visit(decoder, addr, header.type, &counter->visitor);
    else
        count_edge(
            &counter->visitor,
            (struct edge){.to = type->addr, .hold = type->heap ? HOLD_OWNED : HOLD_BORROWED});
    uint64_t size = object_size(decoder, addr, type);
    recorder_size(&heap->recorder, index, size);
    heap->summary.bytes += size;
    if (header.type < heap->type_stats.capacity) { // a type met this late is not counted by type
        heap->type_stats.items[header.type].count++;
        heap->type_stats.items[header.type].bytes += size;
    }
}

mx_status heap_count_references(struct mx_heap *heap, struct mx_error *err)
{
    struct counter counter = {
        .visitor = {count_edge, count_claim}, .heap = heap, .recording = true};
    memset(counter.ring, 0xFF, sizeof counter.ring);
    if (!recorder_init(&heap->recorder, heap->count) ||
        !vector_reserve(&heap->type_stats, heap->decoder.type_count + 1))
        return fail_no_memory(err);
    memset(heap->type_stats.items, 0, heap->type_stats.capacity * sizeof *heap->type_stats.items);
    heap_claim_counted(heap);
    for (uint32_t i = 0; i < heap->count; i++) {
        progress(heap, "counting references", i, heap->count);
        count_object(heap, &counter, i);
    }
    recorder_object(&heap->recorder, heap->count);
    heap_drop_inner_sizes(heap);
    counter.from_frozen = counter.recording = false;
    counter.from_type = 0;
    for (size_t i = 0; i < heap->root_edges.count; i++)
        if (!heap_is_inside_object(heap, heap->root_edges.items[i].place))
            count_edge(&counter.visitor, heap->root_edges.items[i].edge);
    for (int i = 0; i < RING; i++)
        count_ready(heap, counter.ring[i]);
    heap_unclaim(heap);
    return heap->recorder.failed ? fail_no_memory(err) : MX_OK;
}
