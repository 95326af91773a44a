// malloc_caches.c - blocks that look used and are free: in threads' caches and in fast bins.
//
//   tcache: counts | entries[bins] -> block -> block ...   a block of malloc's own, one a thread
//   arena:  ... fastbinsY[10] | top | ...                  found by its `top`: where a chain ends
//
// Each proves itself: what is listed for a size has to be chunks of that size, to the end of the list.
// From 2.32 on the links are mangled with the address where they stand (PROTECT_PTR).
#include <stdlib.h>

#include "heap/malloc_parts.h"

#define LIMIT_LIST (1u << 16)          // entries of one bin: glibc.malloc.tcache_count allows 65535
#define FAST_BINS 10                   // NFASTBINS on 64 bits
#define LIMIT_ARENA_NBYTES (64u << 20) // static data of the program or libc: main_arena is in it

// struct tcache_perthread_struct: counts of one byte to 2.29, of two from 2.30 on, free places and
// bins for larger blocks from 2.42 on.
static const struct {
    uint32_t entries, bins;
} TCACHES[] = {{64, 64}, {128, 64}, {152, 76}};

// The same lists in all versions that are known; larger bins of 2.42 hold blocks of several sizes.
#define EXACT_BINS 64

enum link { LINK_PLAIN, LINK_MANGLED };

static mx_addr link_follow(const struct malloc_walk *walk, mx_addr place, enum link link)
{
    uint64_t word = memory_word(walk->allocator->memory, place);
    return link == LINK_MANGLED ? word ^ place >> 12 : word;
}

// Adds the blocks of one list, all of `size` or, for 0, of any; false when it is none.
static bool list_add(struct malloc_walk *walk, mx_addr block, uint64_t size, enum link link)
{
    for (unsigned i = 0; block && i < LIMIT_LIST; i++) {
        mx_addr chunk = block - CHUNK_HEAD;
        const struct malloc_run *run = malloc_run_find(walk, chunk);
        uint64_t has = chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS;
        if (block % CHUNK_ALIGNMENT || !run || run->mapped || (size ? has != size : has < 1024) ||
            !vector_push(&walk->cached, block))
            return false;
        block = link_follow(walk, block, link);
    }
    return !block;
}

static bool tcache_add(struct malloc_walk *walk, mx_addr entries, uint32_t bins, enum link link)
{
    size_t before = walk->cached.count;
    for (uint32_t i = 0; i < bins; i++) {
        uint64_t head = 0;
        uint64_t size = i < EXACT_BINS ? CHUNK_LEAST + (uint64_t)i * CHUNK_ALIGNMENT : 0;
        if (!memory_u64(walk->allocator->memory, entries + 8ull * i, &head) ||
            !list_add(walk, head, size, link)) {
            walk->cached.count = before;
            return false;
        }
    }
    return walk->cached.count > before;
}

static void tcache_try(void *data, mx_addr block, uint64_t nbytes)
{
    struct malloc_walk *walk = data;
    for (size_t i = 0; i < sizeof TCACHES / sizeof *TCACHES; i++) {
        uint64_t wanted = TCACHES[i].entries + 8ull * TCACHES[i].bins;
        if (nbytes < wanted || nbytes > wanted + 24)
            continue;
        if (tcache_add(walk, block + TCACHES[i].entries, TCACHES[i].bins, LINK_MANGLED) ||
            tcache_add(walk, block + TCACHES[i].entries, TCACHES[i].bins, LINK_PLAIN))
            return;
    }
}

// Fast bins stand in front of `top` (struct malloc_state), and hold chunks instead of blocks.
static void fast_bins_add(struct malloc_walk *walk, mx_addr top_place)
{
    for (uint32_t i = 0; i < FAST_BINS; i++) {
        uint64_t chunk = 0, size = CHUNK_LEAST + (uint64_t)i * CHUNK_ALIGNMENT;
        mx_addr place = top_place - 8ull * (FAST_BINS - i);
        for (unsigned k = 0; k < 2; k++) {
            size_t before = walk->cached.count;
            if (!memory_u64(walk->allocator->memory, place, &chunk) || !chunk)
                break;
            bool ok = true;
            for (unsigned n = 0; chunk && ok && n < LIMIT_LIST; n++) {
                ok = malloc_run_find(walk, chunk) && chunk % CHUNK_ALIGNMENT == 0 &&
                     (chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS) == size &&
                     vector_push(&walk->cached, chunk + CHUNK_HEAD);
                if (ok)
                    chunk = link_follow(walk, chunk + CHUNK_HEAD, k ? LINK_PLAIN : LINK_MANGLED);
            }
            if (ok && !chunk)
                break;
            walk->cached.count = before;
        }
    }
}

// The last chunk of a chain is its arena's top, unless another heap followed.
static mx_addr run_top(const struct malloc_walk *walk, const struct malloc_run *run)
{
    mx_addr chunk = run->start;
    for (;;) {
        uint64_t size = chunk_word(walk, chunk) & ~(uint64_t)CHUNK_FLAGS;
        if (size < CHUNK_LEAST || size >= run->end - chunk)
            return chunk;
        chunk += size;
    }
}

static int compare_addresses(const void *a, const void *b)
{
    const mx_addr *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

// Words that are some chain's top, in [start, end): arenas.
static void arenas_find(struct malloc_walk *walk, mx_addr start, mx_addr end, const mx_addr *tops,
                        size_t count)
{
    for (mx_addr page = (start + 7) & ~7ull; page < end;) {
        mx_addr next = (page & ~(mx_addr)4095) + 4096;
        if (next > end)
            next = end;
        const uint8_t *bytes = memory_at(walk->allocator->memory, page, next - page);
        for (mx_addr place = page; bytes && place + 8 <= next; place += 8) {
            uint64_t word;
            memcpy(&word, bytes + (place - page), sizeof word);
            if (word >= tops[0] && word <= tops[count - 1] &&
                bsearch(&word, tops, count, sizeof word, compare_addresses))
                fast_bins_add(walk, place);
        }
        page = next;
    }
}

#define STATE_REACH 256 // from the start of a heap to the `top` in its arena

bool malloc_caches_find(struct malloc_walk *walk, const struct statics *statics)
{
    VECTOR(mx_addr) tops = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < walk->runs.count; i++)
        if (!walk->runs.items[i].mapped) {
            chunks_each_used(walk, &walk->runs.items[i], tcache_try, walk);
            ok = vector_push(&tops, run_top(walk, &walk->runs.items[i]));
        }
    for (size_t i = 0; tops.count && i < statics->ranges.count; i++) {
        const struct static_range *range = &statics->ranges.items[i];
        if (range->end - range->start <= LIMIT_ARENA_NBYTES)
            arenas_find(walk, range->start, range->end, tops.items, tops.count);
    }
    for (size_t i = 0; tops.count && i < walk->runs.count; i++) {
        mx_addr heap = walk->runs.items[i].start & ~((64ull << 20) - 1);
        if (!walk->runs.items[i].mapped)
            arenas_find(walk, heap, heap + STATE_REACH, tops.items, tops.count);
    }
    if (walk->cached.count)
        qsort(walk->cached.items, walk->cached.count, sizeof *walk->cached.items,
              compare_addresses);
    vector_free(&tops);
    return ok;
}
