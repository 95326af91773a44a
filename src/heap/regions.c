// regions.c - mark bits over the segments, and their ranks.
#include "heap/regions.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/sorted.h"

// A process with more in one mapping is reserving, not using: its marks alone would be 16 GiB.
#define LIMIT_REGION (1ull << 40)

// Zeroed memory that costs nothing until it is touched.
static void *lazy_alloc(uint64_t nbytes)
{
    void *memory = mmap(NULL, nbytes ? nbytes : 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void lazy_free(void *memory, uint64_t nbytes)
{
    if (memory)
        munmap(memory, nbytes ? nbytes : 1);
}

static uint64_t marks_nbytes(const struct region *region)
{
    return region->block_count * (BLOCK_BITS / 8);
}

static uint64_t ranks_nbytes(const struct region *region)
{
    return region->block_count * (BLOCK_BITS / 64) * sizeof *region->ranks;
}

mx_status regions_init(struct regions *regions, const struct memory *memory, struct mx_error *err)
{
    *regions = (struct regions){0};
    regions->items = calloc(memory->segment_count + 1, sizeof *regions->items);
    if (!regions->items)
        return fail_no_memory(err);
    for (size_t i = 0; i < memory->segment_count; i++) {
        const struct segment *segment = &memory->segments[i];
        if (segment->nbytes > LIMIT_REGION) {
            regions->skipped_bytes += segment->nbytes;
            continue;
        }
        // Marks stand for 8-aligned addresses; a core's segment may begin anywhere.
        uint64_t skip = -segment->start & 7;
        if (segment->nbytes <= skip)
            continue;
        struct region *region = &regions->items[regions->count++];
        *region = (struct region){.start = segment->start + skip,
                                  .nbytes = segment->nbytes - skip,
                                  .bytes = segment->bytes + skip,
                                  .block_count = segment->nbytes / 8 / BLOCK_BITS + 1};
        region->marks = lazy_alloc(marks_nbytes(region));
        region->touched = lazy_alloc(region->block_count);
        region->ranks = lazy_alloc(ranks_nbytes(region));
        if (!region->marks || !region->touched || !region->ranks) {
            regions_fini(regions);
            return fail_no_memory(err);
        }
    }
    return MX_OK;
}

void regions_fini(struct regions *regions)
{
    for (size_t i = 0; i < regions->count; i++) {
        struct region *region = &regions->items[i];
        lazy_free(region->marks, marks_nbytes(region));
        lazy_free(region->touched, region->block_count);
        lazy_free(region->ranks, ranks_nbytes(region));
    }
    free(regions->items);
    *regions = (struct regions){0};
}

struct region *regions_find_slow(struct regions *regions, mx_addr addr)
{
    size_t after = sorted_upto(regions->items, regions->count, addr);
    if (!after || addr - regions->items[after - 1].start >= regions->items[after - 1].nbytes)
        return NULL;
    return regions->last = &regions->items[after - 1];
}

mx_status regions_number(struct regions *regions, uint32_t *ret_count, struct mx_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < regions->count; i++) {
        struct region *region = &regions->items[i];
        uint64_t before = total;
        region->first = (uint32_t)total;
        for (uint64_t block = 0; block < region->block_count; block++) {
            if (!region->touched[block])
                continue;
            for (uint64_t word = block * (BLOCK_BITS / 64); word < (block + 1) * (BLOCK_BITS / 64);
                 word++) {
                region->ranks[word] = (uint32_t)(total - before);
                total += (uint64_t)__builtin_popcountll(region->marks[word]);
            }
        }
    }
    if (total >= UINT32_MAX)
        return fail(err, MX_LIMIT, "the target has more than %u objects", UINT32_MAX - 1);
    *ret_count = (uint32_t)total;
    return MX_OK;
}

void regions_addresses(const struct regions *regions, mx_addr *ret)
{
    for (size_t i = 0; i < regions->count; i++) {
        const struct region *region = &regions->items[i];
        for (uint64_t block = 0; block < region->block_count; block++) {
            if (!region->touched[block])
                continue;
            for (uint64_t word = block * (BLOCK_BITS / 64); word < (block + 1) * (BLOCK_BITS / 64);
                 word++)
                for (uint64_t bits = region->marks[word]; bits; bits &= bits - 1)
                    *ret++ = region->start + 8 * (word * 64 + (uint64_t)__builtin_ctzll(bits));
        }
    }
}

bool region_mark_before(const struct region *region, mx_addr addr, uint64_t reach, mx_addr *ret)
{
    uint64_t bit = (addr - region->start) >> 3;
    uint64_t lowest = bit > reach / 8 ? bit - reach / 8 : 0;
    uint64_t word = bit >> 6;
    uint64_t bits = region->marks[word] & (~0ull >> (63 - (bit & 63)));
    for (;;) {
        if (bits) {
            uint64_t found = word * 64 + 63 - (uint64_t)__builtin_clzll(bits);
            *ret = region->start + 8 * found;
            return found >= lowest;
        }
        if (!word || word * 64 <= lowest)
            return false;
        bits = region->marks[--word];
    }
}
