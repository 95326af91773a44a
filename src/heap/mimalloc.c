// mimalloc.c - segments, pages and free lists of mimalloc, read as untrusted bytes.
//
//   segment, 32 MiB aligned: | header | slices[512] |  64 KiB  |  64 KiB  | ...
//                                         \--page--> one or more of them: | block | block | ...
//   in use: carved, and on none of a page's three free lists, nor on its heap's list of blocks that
//   other threads have freed
//
// Objects/mimalloc/segment.c, page.c, alloc.c; Include/internal/mimalloc/mimalloc/types.h.
#include "heap/mimalloc.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"

enum {
    SLICE_SHIFT = 16, // MI_SEGMENT_SLICE_SHIFT
    SEGMENT_SHIFT = 25,
    SLICES = 512, // MI_SLICES_PER_SEGMENT
    KINDS = 2,    // enum mi_segment_kind_e
    HUGE = 1,
};
#define SEGMENT_NBYTES (1ull << SEGMENT_SHIFT)
#define SLICE_NBYTES (1ull << SLICE_SHIFT)
#define HUGE_BLOCK (1ull << 31)   // MI_HUGE_BLOCK_SIZE: the page is one block
#define LINK_MASK (~3ull)         // xthread_free: the low bits say how to free, enum mi_delayed_e
#define LIMIT_BLOCKS 8192         // of one page: 64 KiB in blocks of 8
#define LIMIT_SLICES (1ull << 30) // of one segment: 64 TiB
#define LIMIT_DELAYED (1u << 22)  // heaps, and blocks on their lists, each of a full page

struct mi_page {
    mx_addr addr; // of the mi_page_t; 0: the slot is empty
    mx_addr start;
    uint64_t block_nbytes; // 0: there is no page
    uint32_t block_count;
    int tag;
    uint64_t free[LIMIT_BLOCKS / 64];
};

#define PAGE_SLOTS 512 // enough for the pages that a walk meets at about the same time

struct mimalloc {
    struct memory *memory;
    const struct layout *layout;
    struct map delayed; // blocks that other threads have freed, and heaps whose lists were read
    struct mi_page slots[PAGE_SLOTS];
};

mx_status mimalloc_new(struct memory *memory, const struct layout *layout, struct mimalloc **ret,
                       struct mx_error *err)
{
    struct mimalloc *mimalloc = calloc(1, sizeof *mimalloc);
    if (!mimalloc)
        return fail_no_memory(err);
    mimalloc->memory = memory;
    mimalloc->layout = layout;
    *ret = mimalloc;
    return MX_OK;
}

void mimalloc_free(struct mimalloc *mimalloc)
{
    if (mimalloc)
        map_free(&mimalloc->delayed);
    free(mimalloc);
}

static uint64_t word(struct mimalloc *mimalloc, mx_addr addr, int32_t offset)
{
    return memory_word(mimalloc->memory, addr + (uint64_t)offset);
}

static uint32_t half(struct mimalloc *mimalloc, mx_addr addr, int32_t offset)
{
    return memory_half(mimalloc->memory, addr + (uint64_t)offset);
}

// The block behind this one on a list of `owner`, a page or a heap. Debug builds mix in two keys
// (Include/internal/mimalloc/mimalloc/internal.h, mi_ptr_decode).
static mx_addr next_block(struct mimalloc *mimalloc, mx_addr block, mx_addr owner, int32_t keys)
{
    uint64_t next = word(mimalloc, block, 0);
    if (keys == ABSENT)
        return next;
    uint64_t first = word(mimalloc, owner, keys), second = word(mimalloc, owner, keys + 8);
    uint64_t turned = next - first, by = first & 63;
    next = (by ? turned >> by | turned << (64 - by) : turned) ^ second;
    return next == owner ? 0 : next;
}

// ---- blocks freed by other threads ------------------------------------------------------------

static bool is_delayed(const struct mimalloc *mimalloc, mx_addr addr)
{
    return map_find(&mimalloc->delayed, addr) != NULL;
}

// True when it was not known before.
static bool delayed_add(struct mimalloc *mimalloc, mx_addr addr)
{
    uint64_t *known =
        mimalloc->delayed.used < LIMIT_DELAYED ? map_put(&mimalloc->delayed, addr) : NULL;
    return known && !(*known)++;
}

void mimalloc_set_free(struct mimalloc *mimalloc, mx_addr addr)
{
    delayed_add(mimalloc, addr);
}

// alloc.c, mi_free_block_mt: where a page is full, the first block that another thread frees goes on
// the heap's list. A list that bites its own tail ends at what is known.
static void read_delayed(struct mimalloc *mimalloc, mx_addr heap)
{
    if (!heap || heap % 8 || !delayed_add(mimalloc, heap))
        return;
    const struct layout *l = mimalloc->layout;
    mx_addr block = word(mimalloc, heap, l->mi_heap_delayed);
    // the heap has keys in every build; that its lists use them, a page's keys say
    int32_t keys = l->mi_page_keys == ABSENT ? ABSENT : l->mi_heap_keys;
    while (block && block % 8 == 0 && delayed_add(mimalloc, block))
        block = next_block(mimalloc, block, heap, keys);
}

// ---- pages ------------------------------------------------------------------------------------

static mx_addr segment_of(mx_addr addr)
{
    return addr & ~(SEGMENT_NBYTES - 1);
}

struct segment_facts {
    mx_addr addr;
    uint64_t slice_count; // 64 KiB each
    uint32_t entries;     // of slices[]
    uint32_t info_slices; // taken by the header
    bool huge;
};

static bool segment_read(struct mimalloc *mimalloc, mx_addr addr, struct segment_facts *ret)
{
    const struct layout *l = mimalloc->layout;
    if (!addr ||
        !memory_at(mimalloc->memory, addr, (uint64_t)(l->mi_segment_slices + l->mi_page_size)))
        return false;
    uint64_t entries = word(mimalloc, addr, l->mi_segment_slice_entries);
    uint64_t info = word(mimalloc, addr, l->mi_segment_info_slices);
    uint64_t slices = word(mimalloc, addr, l->mi_segment_slice_count);
    uint32_t kind = half(mimalloc, addr, l->mi_segment_kind);
    mx_addr first = addr + (uint64_t)l->mi_segment_slices;
    if (!entries || entries > SLICES || !info || info >= entries || kind >= KINDS ||
        slices < entries || slices > LIMIT_SLICES || (kind != HUGE && slices != entries) ||
        half(mimalloc, first, l->mi_page_slice_count) != info ||
        half(mimalloc, first, l->mi_page_slice_offset) != 0)
        return false;
    *ret = (struct segment_facts){addr, slices, (uint32_t)entries, (uint32_t)info, kind == HUGE};
    return true;
}

// What mi_page_t says without its blocks: false for a span of slices that is not in use.
static bool page_describe(struct mimalloc *mimalloc, const struct segment_facts *segment,
                          uint32_t index, struct mi_page *page)
{
    const struct layout *l = mimalloc->layout;
    mx_addr addr = page->addr;
    mx_addr area = segment->addr + ((uint64_t)index << SLICE_SHIFT);
    uint64_t nbytes = (uint64_t)half(mimalloc, addr, l->mi_page_slice_count) << SLICE_SHIFT;
    uint16_t capacity = 0;
    uint8_t tag = 0;
    memory_u16(mimalloc->memory, addr + (uint64_t)l->mi_page_capacity, &capacity);
    switch (l->mimalloc_shape) {
    case MIMALLOC_NONE:
        return false;
    case MIMALLOC_START_COMPUTED: // segment.c, _mi_segment_page_start_from_slice
        page->block_nbytes = half(mimalloc, addr, l->mi_page_block_size);
        if (page->block_nbytes >= HUGE_BLOCK)
            page->block_nbytes = nbytes;
        page->start = area + (page->block_nbytes > 512  ? 0
                              : page->block_nbytes > 64 ? page->block_nbytes
                                                        : 3 * page->block_nbytes);
        // is_committed, is_zero_init, use_qsbr, tag:4, behind the first two members
        memory_u8(mimalloc->memory, addr + (uint64_t)l->mi_page_slice_offset + 4, &tag);
        page->tag = l->free_threaded ? tag >> 3 & 15 : 0;
        break;
    case MIMALLOC_START_STORED:
        page->block_nbytes = word(mimalloc, addr, l->mi_page_block_size);
        page->start = word(mimalloc, addr, l->mi_page_start);
        memory_u8(mimalloc->memory, addr + (uint64_t)l->mi_page_tag, &tag);
        page->tag = tag;
        break;
    }
    page->block_count = capacity;
    uint64_t before = page->start - area;
    return capacity && capacity <= LIMIT_BLOCKS && page->block_nbytes >= 8 &&
           page->block_nbytes % 8 == 0 && before < nbytes &&
           page->block_nbytes <= (nbytes - before) / capacity;
}

// False when the list leaves the page: then it is none.
static bool mark_free(struct mimalloc *mimalloc, struct mi_page *page, mx_addr block)
{
    for (uint32_t steps = page->block_count; block && steps; steps--) {
        uint64_t offset = block - page->start, number = offset / page->block_nbytes;
        if (number >= page->block_count || offset % page->block_nbytes)
            return false;
        page->free[number / 64] |= 1ull << (number % 64);
        block = next_block(mimalloc, block, page->addr, mimalloc->layout->mi_page_keys);
    }
    return true;
}

static void page_read(struct mimalloc *mimalloc, const struct segment_facts *segment,
                      uint32_t index, struct mi_page *page)
{
    const struct layout *l = mimalloc->layout;
    memset(page, 0, sizeof *page);
    page->addr =
        segment->addr + (uint64_t)(l->mi_segment_slices + (int32_t)index * l->mi_page_size);
    if (!page_describe(mimalloc, segment, index, page) ||
        !mark_free(mimalloc, page, word(mimalloc, page->addr, l->mi_page_free)) ||
        !mark_free(mimalloc, page, word(mimalloc, page->addr, l->mi_page_local_free)) ||
        !mark_free(mimalloc, page,
                   word(mimalloc, page->addr, l->mi_page_thread_free) & LINK_MASK)) {
        page->block_nbytes = 0;
        return;
    }
    read_delayed(mimalloc, word(mimalloc, page->addr, l->mi_page_heap));
}

static bool block_is_used(const struct mimalloc *mimalloc, const struct mi_page *page,
                          uint32_t number)
{
    return !(page->free[number / 64] >> (number % 64) & 1) &&
           !is_delayed(mimalloc, page->start + number * page->block_nbytes);
}

// ---- looking ----------------------------------------------------------------------------------

// The page whose slices hold addr, or NULL.
static const struct mi_page *page_at(struct mimalloc *mimalloc, mx_addr addr)
{
    const struct layout *l = mimalloc->layout;
    struct segment_facts segment;
    if (!segment_read(mimalloc, segment_of(addr), &segment))
        return NULL;
    uint32_t index = (uint32_t)((addr - segment.addr) >> SLICE_SHIFT);
    if (index < segment.info_slices || index >= segment.entries)
        return NULL;
    mx_addr slice =
        segment.addr + (uint64_t)(l->mi_segment_slices + (int32_t)index * l->mi_page_size);
    uint32_t back = half(mimalloc, slice, l->mi_page_slice_offset);
    if (back % (uint32_t)l->mi_page_size || back / (uint32_t)l->mi_page_size > index)
        return NULL;
    uint32_t first = index - back / (uint32_t)l->mi_page_size;
    struct mi_page *page =
        &mimalloc->slots[(slice - back) / (uint32_t)l->mi_page_size % PAGE_SLOTS];
    if (page->addr != slice - back)
        page_read(mimalloc, &segment, first, page);
    uint32_t slices = half(mimalloc, page->addr, l->mi_page_slice_count);
    return page->block_nbytes && index - first < slices ? page : NULL;
}

enum block_state mimalloc_state(struct mimalloc *mimalloc, mx_addr addr, int *ret_tag)
{
    if (mimalloc->layout->mimalloc_shape == MIMALLOC_NONE)
        return BLOCK_UNKNOWN;
    const struct mi_page *page = page_at(mimalloc, addr);
    if (!page)
        return BLOCK_UNKNOWN;
    *ret_tag = page->tag;
    uint64_t offset = addr - page->start, number = offset / page->block_nbytes;
    if (offset % page->block_nbytes || addr < page->start)
        return BLOCK_INSIDE;
    if (number >= page->block_count)
        return BLOCK_FREE; // not carved yet
    return block_is_used(mimalloc, page, (uint32_t)number) ? BLOCK_USED : BLOCK_FREE;
}

bool mimalloc_owns(struct mimalloc *mimalloc, mx_addr addr)
{
    struct segment_facts segment;
    return segment_read(mimalloc, segment_of(addr), &segment) &&
           addr - segment.addr < segment.slice_count << SLICE_SHIFT;
}

uint64_t mimalloc_block_nbytes(struct mimalloc *mimalloc, mx_addr addr)
{
    int tag;
    return mimalloc_state(mimalloc, addr, &tag) == BLOCK_USED
               ? page_at(mimalloc, addr)->block_nbytes
               : 0;
}

static void page_each_used(struct mimalloc *mimalloc, const struct mi_page *page,
                           mimalloc_block_fn *fn, void *data)
{
    for (uint32_t i = 0; page->block_nbytes && i < page->block_count; i++)
        if (block_is_used(mimalloc, page, i))
            fn(data, page->start + i * page->block_nbytes, page->block_nbytes, page->tag);
}

// segment.c, mi_segments_page_alloc: spans of slices, in use or not, follow each other.
static void segment_each_used(struct mimalloc *mimalloc, const struct segment_facts *segment,
                              mimalloc_block_fn *fn, void *data)
{
    const struct layout *l = mimalloc->layout;
    struct mi_page page;
    for (uint64_t index = segment->info_slices; index < segment->entries;) {
        page_read(mimalloc, segment, (uint32_t)index, &page);
        page_each_used(mimalloc, &page, fn, data);
        uint32_t slices = half(mimalloc, page.addr, l->mi_page_slice_count);
        if (!slices)
            return;
        index += slices;
    }
}

void mimalloc_each_used(struct mimalloc *mimalloc, mx_addr start, mx_addr end,
                        mimalloc_block_fn *fn, void *data)
{
    if (mimalloc->layout->mimalloc_shape == MIMALLOC_NONE)
        return;
    mx_addr addr = segment_of(start + SEGMENT_NBYTES - 1);
    while (addr >= start && addr < end) {
        struct segment_facts segment;
        uint64_t nbytes = SEGMENT_NBYTES;
        if (segment_read(mimalloc, addr, &segment)) {
            segment_each_used(mimalloc, &segment, fn, data);
            if (segment.huge) // the contents of a huge block are no segments
                nbytes = segment_of((segment.slice_count << SLICE_SHIFT) + SEGMENT_NBYTES - 1);
        }
        addr += nbytes;
    }
}

bool mimalloc_fits(struct memory *memory, const struct layout *l, mx_addr thread)
{
    for (int tag = MIMALLOC_MEM; tag <= MIMALLOC_GC_PRE; tag++) {
        mx_addr heap = thread + (uint64_t)(l->tstate_heaps + tag * l->mi_heap_size);
        uint64_t tld = 0;
        uint8_t heap_tag = 0xFF;
        if (!memory_u64(memory, heap + (uint64_t)l->mi_heap_tld, &tld) ||
            tld != thread + (uint64_t)l->tstate_tld ||
            !memory_u8(memory, heap + (uint64_t)l->mi_heap_tag, &heap_tag) || heap_tag != tag)
            return false;
    }
    return true;
}
