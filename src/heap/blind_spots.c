// blind_spots.c - what an answer cannot know, in numbers.
#include <stdio.h>

#include "heap/blocks.h"
#include "heap/malloc_walk.h"
#include "heap/opened.h"

// ---- memory -----------------------------------------------------------------------------------

// Bytes of the mapping that are in no segment. *first goes through the segments in order.
static uint64_t uncovered(const struct memory *memory, const struct mapping *mapping, size_t *first)
{
    uint64_t covered = 0;
    while (*first < memory->segment_count &&
           memory->segments[*first].start + memory->segments[*first].nbytes <= mapping->start)
        ++*first;
    for (size_t i = *first; i < memory->segment_count && memory->segments[i].start < mapping->end;
         i++) {
        const struct segment *segment = &memory->segments[i];
        mx_addr start = segment->start > mapping->start ? segment->start : mapping->start;
        mx_addr end = segment->start + segment->nbytes;
        covered += (end < mapping->end ? end : mapping->end) - start;
    }
    return mapping->end - mapping->start - covered;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

// Memory that may hold references or data; not code, which holds none, and not what the kernel maps.
static void look_at_mappings(const struct mx_heap *heap, struct mx_blind_spots *ret)
{
    size_t first = 0;
    for (size_t i = 0; i < heap->maps->count; i++) {
        const struct mapping *mapping = &heap->maps->items[i];
        if (!mapping->readable || starts_with(mapping->path, "[v") ||
            (mapping->executable && !mapping->writable))
            continue;
        uint64_t nbytes = uncovered(heap->memory, mapping, &first);
        bool device = starts_with(mapping->path, "/dev/") &&
                      !starts_with(mapping->path, "/dev/shm/") &&
                      !starts_with(mapping->path, "/dev/zero");
        if (mapping->shared)
            *(device ? &ret->device_bytes : &ret->shared_bytes) += nbytes;
        else if (mapping->inode)
            ret->file_bytes += nbytes;
    }
    ret->unreadable_bytes = heap->summary.skipped_bytes;
    ret->unforked_bytes = heap->image.unforked_bytes;
    // What should have been copied of a file, and could not be, is told as unreadable.
    uint64_t told = ret->unreadable_bytes + heap->image.behind_bytes;
    ret->file_bytes -= ret->file_bytes < told ? ret->file_bytes : told;
}

// ---- objects ----------------------------------------------------------------------------------

static bool is_scanned(const struct type_info *type)
{
    for (uint32_t i = 0; i < type->word_count; i++)
        if (type->words[i].hold == HOLD_POSSIBLE)
            return true;
    return type->family == FAMILY_GENERIC && type->itemsize == 8;
}

static void look_at_types(struct mx_heap *heap, struct mx_blind_spots *ret)
{
    for (size_t i = 0; i < heap->type_stats.count; i++) {
        const struct mx_type *stats = &heap->type_stats.items[i];
        uint32_t type = type_lookup(&heap->decoder, stats->address);
        if (type == NO_TYPE || !is_scanned(heap->decoder.types[type]))
            continue;
        ret->scanned_types++;
        ret->scanned_objects += stats->count;
    }
}

// ---- allocators -------------------------------------------------------------------------------

static void add_allocator(struct mx_blind_spots *ret, const char *name)
{
    size_t used = strlen(ret->allocators);
    if (!strstr(ret->allocators, name))
        snprintf(ret->allocators + used, sizeof ret->allocators - used, "%s%s", used ? ", " : "",
                 name);
}

static void look_at_allocators(const struct mx_heap *heap, const struct blocks *blocks,
                               struct mx_blind_spots *ret)
{
    static const struct {
        const char *file, *name;
    } KNOWN[] = {{"libjemalloc", "jemalloc"},
                 {"libtcmalloc", "tcmalloc"},
                 {"libmimalloc", "mimalloc"},
                 {"libasan", "AddressSanitizer's malloc"}};
    for (size_t i = 0; i < heap->maps->count; i++) {
        const char *slash = strrchr(heap->maps->items[i].path, '/');
        for (size_t k = 0; slash && k < sizeof KNOWN / sizeof *KNOWN; k++)
            if (starts_with(slash + 1, KNOWN[k].file))
                add_allocator(ret, KNOWN[k].name);
    }
    if (!blocks->walk.runs.count && !blocks->walk.groups.count && !ret->allocators[0])
        add_allocator(ret, "malloc");
    if (!heap->allocator.pymalloc && !heap->allocator.malloc && !heap->allocator.mimalloc &&
        !blocks->walk.groups.count)
        add_allocator(ret, "the allocator of objects");
}

static void look_at_blocks(const struct blocks *blocks, struct mx_blind_spots *ret)
{
    for (size_t i = 0; i < blocks->items.count; i++) {
        const struct block *block = &blocks->items.items[i];
        if (block->owner == BLOCK_OF_OBJECT || block->owner == BLOCK_OF_INTERPRETER)
            continue;
        ret->native_blocks++;
        ret->native_bytes += block->nbytes;
        if (block->owner != BLOCK_LOST)
            continue;
        ret->lost_blocks++;
        ret->lost_bytes += block->nbytes;
    }
    ret->broken_bytes = blocks->incomplete_bytes;
}

// ---- threads ----------------------------------------------------------------------------------

// gcore writes zeros for a whole stack where it cannot read its guard pages (glibc 2.42 on).
static bool stack_is_there(const struct mx_heap *heap, const struct thread_registers *thread)
{
    static const uint8_t ZEROS[256]; // a function that runs has more than that on its stack
    const uint8_t *bytes = memory_at(heap->memory, thread->stack_pointer, sizeof ZEROS);
    return bytes && memcmp(bytes, ZEROS, sizeof ZEROS) != 0;
}

static void look_at_threads(const struct mx_heap *heap, struct mx_blind_spots *ret)
{
    for (size_t i = 0; i < heap->threads.count; i++) {
        const struct thread_registers *thread = image_thread(
            &heap->image, heap->threads.items[i].ident, heap->threads.items[i].native_id);
        ret->threads_unseen += !thread || !stack_is_there(heap, thread);
    }
}

mx_status mx_heap_blind_spots(const mx_heap *heap, struct mx_blind_spots *ret, struct mx_error *err)
{
    if (heap->opened)
        return file_blind_spots(heap->opened, ret, err);
    // Walking the allocators fills the heap's tables: no change that a caller can see.
    struct mx_heap *self = (struct mx_heap *)(uintptr_t)heap;
    const struct blocks *blocks;
    struct mx_blind_spots spots = {.undecoded_objects = heap->summary.undecoded};
    mx_status status = heap_blocks(self, &blocks, err);
    if (status)
        return status;
    look_at_mappings(heap, &spots);
    look_at_types(self, &spots);
    for (size_t i = 0; heap->possible.slots && i <= heap->possible.mask; i++)
        spots.possible_words += heap->possible.slots[i].value;
    look_at_allocators(heap, blocks, &spots);
    look_at_blocks(blocks, &spots);
    look_at_threads(heap, &spots);
    *ret = spots;
    return MX_OK;
}
