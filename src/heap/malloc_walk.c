// malloc_walk.c - chains of glibc's chunks: where they begin, and whether they hold together.
//
//   chunk: | prev_size | size + flags | user data ... | next chunk: PREV_INUSE tells of this one
//
// Which of the chunks in use are free all the same is malloc_caches.c's business.
#include "heap/malloc_walk.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"
#include "heap/malloc_parts.h"

#define HEAP_MAX (64ull << 20) // malloc/arena.c: HEAP_MAX_SIZE on 64 bits
#define PAGE_NBYTES 4096u
// Pages that read as zero, of all mappings together: reservations of terabytes are never touched.
#define LIMIT_ZERO_PAGES (1u << 21)

// struct heap_info of malloc/arena.c: ar_ptr, prev, size, mprotect_size, and from 2.35 on pagesize and
// padding. struct malloc_state follows in an arena's first heap; its size is not the same everywhere.
enum {
    HEAP_ARENA = 0,
    HEAP_PREV = 8,
    HEAP_SIZE = 16,
    HEAP_HEAD_OLD = 32,
    HEAP_HEAD = 48,
    STATE_LEAST = 1024,
    STATE_MOST = 4096,
};

// ---- chains -----------------------------------------------------------------------------------

uint64_t chunk_word(const struct malloc_walk *walk, mx_addr chunk)
{
    return memory_word(walk->allocator->memory, chunk + 8);
}

// Does the chunk keep to the rules? A free one is told by the next, which repeats its size.
static bool chunk_makes_sense(const struct malloc_walk *walk, mx_addr chunk, mx_addr end,
                              uint64_t *ret_size)
{
    uint64_t word = chunk_word(walk, chunk), size = word & ~(uint64_t)CHUNK_FLAGS, before;
    if (word & IS_MMAPPED || size < CHUNK_LEAST || size % CHUNK_ALIGNMENT || size > end - chunk)
        return false;
    *ret_size = size;
    return size == end - chunk || chunk_word(walk, chunk + size) & PREV_INUSE ||
           (memory_u64(walk->allocator->memory, chunk + size, &before) && before == size);
}

// malloc/malloc.c, sysmalloc: two heads of size 16 or 0 close what does not grow any more.
static bool is_fence(const struct malloc_walk *walk, mx_addr chunk)
{
    uint64_t size = chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS;
    return size == CHUNK_HEAD &&
           (chunk_word(walk, chunk + CHUNK_HEAD) & ~(uint64_t)CHUNK_FLAGS) <= CHUNK_HEAD;
}

// Follows the chain from `chunk`, which ends at `end` at the latest.
static struct malloc_run chain_follow(const struct malloc_walk *walk, mx_addr chunk, mx_addr end)
{
    struct malloc_run run = {.start = chunk, .end = chunk};
    uint64_t size;
    while (run.end < end && chunk_makes_sense(walk, run.end, end, &size))
        run.end += size;
    run.complete = run.end == end || (run.end < end && is_fence(walk, run.end));
    return run;
}

#define CONVINCING 64 // chunks of a chain that breaks: the process may have been at work on it

// Keeps it when it holds together, or long enough to be no accident.
static bool chain_keep(struct malloc_walk *walk, const struct malloc_run *run)
{
    if (run->end == run->start || !(chunk_word(walk, run->start) & PREV_INUSE))
        return false;
    mx_addr chunk = run->start;
    for (int i = 0; !run->complete && i < CONVINCING; i++) {
        if (chunk >= run->end)
            return false;
        chunk += chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS;
    }
    return vector_push(&walk->runs, *run);
}

// ---- where they begin -------------------------------------------------------------------------

// A heap of an arena other than the main one at addr?
static bool heap_follow(struct malloc_walk *walk, mx_addr heap)
{
    uint64_t arena, prev, size;
    struct memory *memory = walk->allocator->memory;
    if (!memory_u64(memory, heap + HEAP_ARENA, &arena) ||
        !memory_u64(memory, heap + HEAP_PREV, &prev) ||
        !memory_u64(memory, heap + HEAP_SIZE, &size))
        return false;
    uint64_t head = arena % HEAP_MAX;
    if ((head != HEAP_HEAD && head != HEAP_HEAD_OLD) || prev % HEAP_MAX || size % PAGE_NBYTES ||
        size > HEAP_MAX || size < PAGE_NBYTES)
        return false;
    if (arena - head != heap) {
        struct malloc_run run = chain_follow(walk, heap + head, heap + size);
        return chain_keep(walk, &run);
    }
    struct malloc_run longest = {0};
    for (uint64_t state = STATE_LEAST; state < STATE_MOST && head + state < size; state += 16) {
        struct malloc_run run = chain_follow(walk, (arena + state + 15) & ~15ull, heap + size);
        if (run.complete && chain_keep(walk, &run))
            return true;
        if (run.end - run.start > longest.end - longest.start)
            longest = run;
    }
    return chain_keep(walk, &longest);
}

bool may_hold_chunks(const struct mapping *mapping)
{
    return mapping->writable && mapping->readable && !mapping->shared &&
           (!mapping->inode || mapping->path[0] == '[');
}

// The end of the mappings that follow each other from here on.
static mx_addr end_of_neighbours(const struct maps *maps, size_t index)
{
    mx_addr end = maps->items[index].end;
    while (++index < maps->count && maps->items[index].start == end &&
           may_hold_chunks(&maps->items[index]))
        end = maps->items[index].end;
    return end;
}

// Large blocks, anywhere in the mapping: the kernel joins neighbours. The chains are sorted by now.
static bool mapped_find(struct malloc_walk *walk, const struct mapping *mapping, mx_addr end,
                        const struct statics *stacks, struct malloc_runs *mapped,
                        uint64_t *zero_pages)
{
    for (mx_addr addr = mapping->start; addr < mapping->end && *zero_pages < LIMIT_ZERO_PAGES;) {
        uint64_t before, word = chunk_word(walk, addr);
        uint64_t size = mapped_chunk_nbytes(word & ~(uint64_t)CHUNK_FLAGS);
        const struct malloc_run *chain = NULL;
        const struct static_range *stack = statics_find(stacks, addr);
        *zero_pages += !word;
        if (stack) { // one mapping may have a stack, and behind it a large block
            addr = (stack->end + PAGE_NBYTES - 1) & ~(mx_addr)(PAGE_NBYTES - 1);
            continue;
        }
        if ((word & CHUNK_FLAGS) != IS_MMAPPED || !size || size > end - addr ||
            !memory_u64(walk->allocator->memory, addr, &before) || before ||
            (chain = malloc_run_find(walk, addr)) || allocator_owns(walk->allocator, addr)) {
            addr = chain ? (chain->end + PAGE_NBYTES - 1) & ~(mx_addr)(PAGE_NBYTES - 1)
                         : addr + PAGE_NBYTES;
            continue;
        }
        if (!vector_push(mapped, ((struct malloc_run){addr, addr + size, true, true})))
            return false;
        addr += size;
    }
    return true;
}

static bool is_known(const struct malloc_walk *walk, mx_addr addr)
{
    for (size_t i = 0; i < walk->runs.count; i++)
        if (addr >= walk->runs.items[i].start && addr < walk->runs.items[i].end)
            return true;
    return false;
}

static void chains_find(struct malloc_walk *walk, const struct maps *maps, size_t index,
                        const struct statics *statics)
{
    const struct mapping *mapping = &maps->items[index];
    mx_addr first = (mapping->start + HEAP_MAX - 1) & ~(HEAP_MAX - 1);
    bool arena = false;
    for (mx_addr heap = first; heap < mapping->end && heap >= first; heap += HEAP_MAX)
        arena |= heap_follow(walk, heap);
    if (arena || is_known(walk, mapping->start))
        return;
    struct malloc_run run = chain_follow(walk, mapping->start, end_of_neighbours(maps, index));
    if (chain_keep(walk, &run))
        return;
    // Without address randomization [heap] begins where the program's .bss ends, in one mapping.
    for (size_t i = 0; i < statics->ranges.count; i++) {
        mx_addr at = (statics->ranges.items[i].end + PAGE_NBYTES - 1) & ~(mx_addr)(PAGE_NBYTES - 1);
        if (at <= mapping->start || at >= mapping->end)
            continue;
        run = chain_follow(walk, at, mapping->end);
        if (chain_keep(walk, &run))
            return;
    }
}

static int compare_runs(const void *a, const void *b)
{
    const struct malloc_run *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void runs_sort(struct malloc_walk *walk)
{
    if (walk->runs.count)
        qsort(walk->runs.items, walk->runs.count, sizeof *walk->runs.items, compare_runs);
}

mx_status malloc_walk_init(struct allocator *allocator, const struct maps *maps,
                           const struct statics *statics, const struct statics *stacks,
                           struct malloc_walk *ret, struct mx_error *err)
{
    *ret = (struct malloc_walk){.allocator = allocator};
    for (size_t i = 0; i < maps->count; i++)
        if (may_hold_chunks(&maps->items[i]) && !statics_find(stacks, maps->items[i].start))
            chains_find(ret, maps, i, statics);
    runs_sort(ret);
    struct malloc_runs mapped = {0};
    uint64_t zero_pages = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < maps->count; i++)
        if (may_hold_chunks(&maps->items[i]))
            ok = mapped_find(ret, &maps->items[i], end_of_neighbours(maps, i), stacks, &mapped,
                             &zero_pages);
    for (size_t i = 0; ok && i < mapped.count; i++)
        ok = vector_push(&ret->runs, mapped.items[i]);
    vector_free(&mapped);
    runs_sort(ret);
    if (ok && !ret->runs.count)
        ok = musl_groups_find(ret, maps);
    return ok && malloc_caches_find(ret, statics) ? MX_OK : fail_no_memory(err);
}

void malloc_walk_fini(struct malloc_walk *walk)
{
    vector_free(&walk->runs);
    vector_free(&walk->cached);
    vector_free(&walk->groups);
}

// ---- iterating --------------------------------------------------------------------------------

const struct malloc_run *malloc_run_find(const struct malloc_walk *walk, mx_addr addr)
{
    const struct malloc_run *runs = walk->runs.items;
    size_t after = sorted_upto(runs, walk->runs.count, addr);
    return after && addr < runs[after - 1].end ? &runs[after - 1] : NULL;
}

bool malloc_owns(const struct malloc_walk *walk, mx_addr addr)
{
    return malloc_run_find(walk, addr) || musl_groups_own(walk, addr);
}

void chunks_each_used(const struct malloc_walk *walk, const struct malloc_run *run, block_fn *fn,
                      void *data)
{
    if (run->mapped) {
        fn(data, run->start + CHUNK_HEAD, run->end - run->start - CHUNK_HEAD);
        return;
    }
    for (mx_addr chunk = run->start; chunk < run->end;) {
        uint64_t size = chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS;
        if (size < CHUNK_LEAST || size >= run->end - chunk)
            return; // the last one: it has nobody that would tell of it, or is the top
        if (chunk_word(walk, chunk + size) & PREV_INUSE)
            fn(data, chunk + CHUNK_HEAD, size - CHUNK_HEAD / 2);
        chunk += size;
    }
}

struct filter {
    const struct malloc_walk *walk;
    mx_addr start, end;
    size_t next; // of the cached ones
    block_fn *fn;
    void *data;
};

static void filter_block(void *data, mx_addr addr, uint64_t nbytes)
{
    struct filter *filter = data;
    const struct malloc_walk *walk = filter->walk;
    while (filter->next < walk->cached.count && walk->cached.items[filter->next] < addr)
        filter->next++;
    bool cached = filter->next < walk->cached.count && walk->cached.items[filter->next] == addr;
    if (!cached && addr >= filter->start && addr < filter->end)
        filter->fn(filter->data, addr, nbytes);
}

void malloc_each_used(const struct malloc_walk *walk, mx_addr start, mx_addr end, block_fn *fn,
                      void *data)
{
    struct filter filter = {walk, start, end, 0, fn, data};
    for (size_t i = 0; i < walk->runs.count; i++)
        if (walk->runs.items[i].start < end && walk->runs.items[i].end > start)
            chunks_each_used(walk, &walk->runs.items[i], filter_block, &filter);
    musl_each_used(walk, start, end, fn, data);
}
