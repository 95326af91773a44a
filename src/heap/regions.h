// regions.h - which addresses hold an object, and the number of the object at an address.
//
//   region: a segment of memory, one mark bit for every 8 bytes of it
//   number of an object = marks before its region + marks before its word + marks before its bit
//
// Exact, and two cache lines a look-up: no hash table. Knows no CPython.
#ifndef MX_HEAP_REGIONS_H
#define MX_HEAP_REGIONS_H

#include "memory/memory.h"

#define BLOCK_BITS 512 // marks that are looked through at once: 4 KiB of the target

struct region {
    mx_addr start;
    uint64_t nbytes;
    const uint8_t *bytes;
    uint64_t *marks;  // one bit for 8 bytes
    uint8_t *touched; // one byte for a block of marks: has it any?
    uint32_t *ranks;  // marks of the region before each word of 64
    uint32_t first;   // number of the first object of the region
    uint64_t block_count;
};

struct regions {
    struct region *items; // sorted by start
    size_t count;
    struct region *last;
    uint64_t skipped_bytes; // of segments above LIMIT_REGION
};

// One region for each segment of the memory. The marks take 1/64 of what is touched.
mx_status regions_init(struct regions *regions, const struct memory *memory, struct mx_error *err);
void regions_fini(struct regions *regions);

struct region *regions_find_slow(struct regions *regions, mx_addr addr);
static inline struct region *regions_find(struct regions *regions, mx_addr addr)
{
    struct region *last = regions->last;
    if (last && addr - last->start < last->nbytes)
        return last;
    return regions_find_slow(regions, addr);
}

static inline bool region_is_marked(const struct region *region, mx_addr addr)
{
    uint64_t bit = (addr - region->start) >> 3;
    return region->marks[bit >> 6] >> (bit & 63) & 1;
}

static inline void region_mark(struct region *region, mx_addr addr)
{
    uint64_t bit = (addr - region->start) >> 3;
    region->marks[bit >> 6] |= 1ull << (bit & 63);
    region->touched[bit / BLOCK_BITS] = 1;
}

// Numbers the marks; returns how many there are. MX_LIMIT past 2^32 - 2 of them.
mx_status regions_number(struct regions *regions, uint32_t *ret_count, struct mx_error *err);
// Writes the address of every mark, in order; room for all of them.
void regions_addresses(const struct regions *regions, mx_addr *ret);

// Number of the marked address. Only for marked ones, and after regions_number.
static inline uint32_t region_number(const struct region *region, mx_addr addr)
{
    uint64_t bit = (addr - region->start) >> 3;
    uint64_t before = region->marks[bit >> 6] & ((1ull << (bit & 63)) - 1);
    return region->first + region->ranks[bit >> 6] + (uint32_t)__builtin_popcountll(before);
}

// The region of a marked address, NULL when it is none: any number may be asked.
static inline struct region *regions_find_marked(struct regions *regions, mx_addr addr)
{
    struct region *region = regions_find(regions, addr);
    return region && addr % 8 == 0 && region_is_marked(region, addr) ? region : NULL;
}

// The nearest mark at or before addr, at most `reach` bytes away; false when there is none.
bool region_mark_before(const struct region *region, mx_addr addr, uint64_t reach, mx_addr *ret);

#endif
