// blocks.c - every block in use: is it an object, a dead one, or memory of somebody's?
#include "heap/blocks.h"

#include "base/error.h"
#include "base/sorted.h"

// Counts up to here: what is larger in an unknown block is an address, not a count.
#define LIMIT_UNREACHED_COUNT (1 << 20)
// Bytes that an allocator may give above what was asked for, without splitting the block.
#define LIMIT_SLACK 48
#define LIMIT_HEADS 32 // bytes in front of an object in its block: GC head and pre-header

struct sorting {
    struct mx_heap *heap;
    struct blocks *blocks;
    bool failed;
};

// Bytes of the object in its own block, as its type and items say.
static uint64_t object_extent(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (type->family == FAMILY_STR)
        return object_size(decoder, addr, type);
    return type->basicsize + object_items(decoder, addr, type) * type->itemsize;
}

// Would an object of this type have been given a block with `left` bytes from its start on?
static bool object_fits(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                        uint64_t left)
{
    uint64_t extent = object_extent(decoder, addr, type);
    if (type->basicsize < sizeof(uint64_t[2]) || extent > left)
        return false;
    // pymalloc_realloc leaves what shrinks by less than a quarter where it is (Objects/obmalloc.c);
    // values of an instance stand behind it.
    return left - extent < LIMIT_SLACK || extent >= left / 4 * 3 ||
           type->flags & FLAG_INLINE_VALUES;
}

// Objects/gc.c: what the collector does not track has {0, flags} in its head, what it does hangs
// in a list.
static bool head_makes_sense(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!object_is_gc(decoder, addr, type))
        return true;
    switch (decoder->layout->gc_shape) {
    case GC_IN_RUNTIME:
    case GC_IN_INTERP:
    case GC_INCREMENTAL: {
        mx_addr head = addr - (uint64_t)decoder->layout->gc_head_size;
        uint64_t next = word_at(decoder, head) & ~3ull, prev = word_at(decoder, head + 8);
        return next ? (word_at(decoder, next + 8) & ~3ull) == head : prev <= 1;
    }
    case GC_WITHOUT_LISTS:
        return true;
    }
    return false;
}

enum candidate { CANDIDATE_NONE, CANDIDATE_DEAD, CANDIDATE_UNREACHED };

// Does the block begin like an object with `offset` bytes in front of it?
static enum candidate judge_block(struct mx_heap *heap, mx_addr block, uint64_t offset,
                                  uint64_t nbytes, struct unreached *ret)
{
    struct decoder *decoder = &heap->decoder;
    const struct layout *l = decoder->layout;
    mx_addr addr = block + offset;
    uint32_t index;
    struct header header = {0};
    if (nbytes < offset + (uint64_t)l->object_size ||
        !mx_heap_find(heap, field_at(decoder, addr, l->object_type), &index))
        return CANDIDATE_NONE;
    // What a type's own type says comes first: most words of a block that refer to objects refer to others.
    const struct type_info *meta = decoder->types[heap->types[index]];
    if (meta->addr != decoder->type_type && !(meta->flags & FLAG_TYPE_SUBCLASS))
        return CANDIDATE_NONE;
    uint32_t number = type_lookup(decoder, heap->addresses[index]);
    if (number == NO_TYPE)
        return CANDIDATE_NONE;
    const struct type_info *type = decoder->types[number];
    if (object_prefix(decoder, addr, type) != offset || !head_makes_sense(decoder, addr, type) ||
        !object_fits(decoder, addr, type, nbytes - offset))
        return CANDIDATE_NONE;
    // On a free list the count is 0 or the link to the next one. Instances of classes are on none: what
    // looks like a dead one is a block with a new owner, who has not written to all of it.
    if (!object_header(decoder, addr, &header) || header.refcount > LIMIT_UNREACHED_COUNT)
        return type->heap ? CANDIDATE_NONE : CANDIDATE_DEAD;
    if (header.immortal)
        return CANDIDATE_NONE;
    *ret = (struct unreached){addr, number, header.refcount};
    return CANDIDATE_UNREACHED;
}

static bool is_object(struct mx_heap *heap, mx_addr addr)
{
    return regions_find_marked(&heap->regions, addr) != NULL;
}

static void sort_block(void *data, mx_addr addr, uint64_t nbytes)
{
    struct sorting *sorting = data;
    struct blocks *blocks = sorting->blocks;
    struct unreached unreached;
    block_strip_hooks(&sorting->heap->allocator, &addr, &nbytes);
    for (uint64_t offset = 0; offset <= LIMIT_HEADS; offset += 16)
        if (offset < nbytes && is_object(sorting->heap, addr + offset))
            return;
    // Free-threaded builds have heaps for objects: what is in others only looks like one.
    bool may_hold_object = allocator_confirms(&sorting->heap->allocator, addr, nbytes);
    for (uint64_t offset = 0; may_hold_object && offset <= LIMIT_HEADS; offset += 16)
        switch (judge_block(sorting->heap, addr, offset, nbytes, &unreached)) {
        case CANDIDATE_NONE:
            break;
        case CANDIDATE_DEAD:
            return;
        case CANDIDATE_UNREACHED:
            sorting->failed |= !vector_push(&blocks->unreached, unreached);
            return;
        }
    sorting->failed |=
        !vector_push(&blocks->items, ((struct block){.addr = addr, .nbytes = nbytes}));
}

// ---- sorting --------------------------------------------------------------------------------

static int compare_blocks(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void blocks_sort(struct blocks *blocks)
{
    for (size_t i = 1; i < blocks->items.count; i++)
        if (blocks->items.items[i - 1].addr > blocks->items.items[i].addr) {
            qsort(blocks->items.items, blocks->items.count, sizeof *blocks->items.items,
                  compare_blocks);
            return;
        }
}

// ---- looking up -------------------------------------------------------------------------------

// Number + 1 of the block with which to begin to look for what lies in a page: the last that begins
// before it, when it reaches into it, else the first that begins there.
#define PAGE_SHIFT 12

// `first`: where the block begins, else it comes from before these pages.
static void pages_fill(uint32_t *pages, uint64_t from, uint64_t to, uint32_t number, bool first)
{
    for (uint64_t page = from; page <= to; page++)
        if (page > from || !first || !pages[page])
            pages[page] = number + 1;
}

static void blocks_fill_pages(struct blocks *blocks)
{
    const struct regions *regions = blocks->regions;
    size_t begin = 0;
    for (uint32_t i = 0; i < blocks->items.count; i++) {
        mx_addr start = blocks->items.items[i].addr, end = start + blocks->items.items[i].nbytes;
        while (begin < regions->count &&
               regions->items[begin].start + regions->items[begin].nbytes <= start)
            begin++;
        for (size_t k = begin; k < regions->count && regions->items[k].start < end; k++) {
            const struct region *region = &regions->items[k];
            mx_addr region_end = region->start + region->nbytes;
            mx_addr low = start > region->start ? start : region->start;
            mx_addr high = end < region_end ? end : region_end;
            if (low < high)
                pages_fill(blocks->pages[k], (low - region->start) >> PAGE_SHIFT,
                           (high - 1 - region->start) >> PAGE_SHIFT, i, low == start);
        }
    }
}

static mx_status blocks_index(struct mx_heap *heap, struct blocks *blocks, struct mx_error *err)
{
    blocks->regions = &heap->regions;
    blocks->pages = calloc(heap->regions.count + 1, sizeof *blocks->pages);
    for (size_t i = 0; blocks->pages && i < heap->regions.count; i++) {
        uint64_t count = (heap->regions.items[i].nbytes >> PAGE_SHIFT) + 1;
        if (!(blocks->pages[i] = calloc(count, sizeof **blocks->pages)))
            return fail_no_memory(err);
    }
    if (!blocks->pages)
        return fail_no_memory(err);
    blocks_fill_pages(blocks);
    return MX_OK;
}

struct block *blocks_at(const struct blocks *blocks, mx_addr addr)
{
    struct block *items = blocks->items.items;
    size_t count = blocks->items.count, first = 0, step = count;
    struct region *region = regions_find(blocks->regions, addr);
    if (region) {
        uint32_t number =
            blocks->pages[region - blocks->regions->items][(addr - region->start) >> PAGE_SHIFT];
        if (!number)
            return NULL;
        first = number - 1;
        for (step = 1; first + step < count && items[first + step].addr <= addr;)
            first += step, step *= 2;
    }
    step = first + step < count ? step : count - first;
    size_t after = first + sorted_upto(items + first, step, addr);
    return after > first && addr - items[after - 1].addr < items[after - 1].nbytes
               ? &items[after - 1]
               : NULL;
}

// ---- filling -------------------------------------------------------------------------

static mx_status blocks_fill(struct mx_heap *heap, struct blocks *blocks, struct mx_error *err)
{
    struct sorting sorting = {heap, blocks, false};
    mx_status status = malloc_walk_init(&heap->allocator, heap->maps, &heap->statics, &heap->stacks,
                                        &blocks->walk, err);
    if (status)
        return status;
    for (size_t i = 0; i < heap->regions.count; i++) {
        mx_addr start = heap->regions.items[i].start, end = start + heap->regions.items[i].nbytes;
        allocator_each_used(&heap->allocator, start, end, sort_block, &sorting);
    }
    malloc_each_used(&blocks->walk, 0, UINT64_MAX, sort_block, &sorting);
    for (size_t i = 0; i < blocks->walk.runs.count; i++)
        if (!blocks->walk.runs.items[i].complete)
            blocks->incomplete_bytes +=
                blocks->walk.runs.items[i].end - blocks->walk.runs.items[i].start;
    if (sorting.failed || blocks->items.count >= UINT32_MAX)
        return fail_no_memory(err);
    blocks_sort(blocks);
    status = blocks_index(heap, blocks, err);
    return status ? status : blocks_find_owners(heap, blocks, err);
}

mx_status heap_blocks(struct mx_heap *heap, const struct blocks **ret, struct mx_error *err)
{
    if (!heap->blocks) {
        struct blocks *blocks = calloc(1, sizeof *blocks);
        if (!blocks)
            return fail_no_memory(err);
        decoder_refill(&heap->decoder);
        mx_status status = blocks_fill(heap, blocks, err);
        if (status) {
            blocks_free(blocks);
            return status;
        }
        heap->blocks = blocks;
    }
    *ret = heap->blocks;
    return MX_OK;
}

void blocks_free(struct blocks *blocks)
{
    if (!blocks)
        return;
    malloc_walk_fini(&blocks->walk);
    for (size_t i = 0; blocks->pages && i < blocks->regions->count; i++)
        free(blocks->pages[i]);
    free(blocks->pages);
    vector_free(&blocks->items);
    vector_free(&blocks->unreached);
    free(blocks);
}
