// musl_groups.c - blocks of musl's malloc that are in use, found without a symbol.
//
//   area    | check | next | nslots | meta, meta, ... |          a page of its own
//   meta    | prev | next | mem | avail, freed | last_idx, sizeclass, maplen |
//   group   | meta | slot 0 | slot 1 | ...                       where `mem` points to
//   slot    | unused | head, 4 bytes | the block | reserved |    the block may be a group
//
// mallocng, musl 1.2.1 and later (src/malloc/mallocng/meta.h); tried on 1.2.3. Nothing is believed: a
// meta counts when the group that it names names it, and groups that overlap do not.
#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"
#include "heap/malloc_parts.h"

#define PAGE_NBYTES 4096u
#define LIMIT_GROUP_NBYTES (1ull << 46)

enum {
    UNIT = 16,
    TAIL = 4, // IB: the head of the next slot
    AREA_CHECK = 0,
    AREA_NSLOTS = 16,
    AREA_SLOTS = 24,
    META_MEM = 16,
    META_AVAIL = 24, // bits of slots that are free
    META_FREED = 28,
    META_BITS = 32,
    META_NBYTES = 40,
};

// Units of a slot (src/malloc/mallocng/malloc.c, size_classes).
static const uint16_t SIZE_CLASSES[] = {
    1,   2,   3,   4,    5,    6,    7,    8,    9,    10,   12,   15,   18,   20,   25,   31,
    36,  42,  50,  63,   72,   84,   102,  127,  146,  170,  204,  255,  292,  340,  409,  511,
    584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};
#define SIZE_CLASS_COUNT (sizeof SIZE_CLASSES / sizeof *SIZE_CLASSES)

static uint64_t word(const struct malloc_walk *walk, mx_addr addr)
{
    return memory_word(walk->allocator->memory, addr);
}

static uint32_t half(const struct malloc_walk *walk, mx_addr addr)
{
    return memory_half(walk->allocator->memory, addr);
}

// ---- finding them -------------------------------------------------------------------------------

// Mappings that follow each other are one memory to malloc.
static bool is_mapped(const struct maps *maps, mx_addr start, mx_addr end)
{
    const struct mapping *mapping = maps_find(maps, start), *last = maps->items + maps->count;
    while (mapping && mapping->end < end)
        mapping = ++mapping < last && mapping->start == mapping[-1].end ? mapping : NULL;
    return mapping && mapping->writable && start < end;
}

static bool group_read(const struct malloc_walk *walk, const struct maps *maps, mx_addr meta,
                       struct malloc_group *ret)
{
    mx_addr mem = word(walk, meta + META_MEM);
    if (!mem || mem % UNIT || word(walk, mem) != meta)
        return false;
    uint64_t bits = word(walk, meta + META_BITS), size_class = bits >> 6 & 63, pages = bits >> 12;
    *ret = (struct malloc_group){
        .start = mem,
        .slot_count = (uint32_t)(bits & 31) + 1,
        .free = half(walk, meta + META_AVAIL) | half(walk, meta + META_FREED),
    };
    if (ret->slot_count == 1 && pages && pages <= LIMIT_GROUP_NBYTES / PAGE_NBYTES)
        ret->slot_nbytes = pages * PAGE_NBYTES - UNIT;
    else if (size_class < SIZE_CLASS_COUNT)
        ret->slot_nbytes = (uint64_t)UNIT * SIZE_CLASSES[size_class];
    else
        return false;
    ret->end = ret->outer_end = mem + UNIT + ret->slot_nbytes * ret->slot_count;
    return is_mapped(maps, mem, ret->end);
}

// False when out of memory.
static bool area_read(struct malloc_walk *walk, const struct maps *maps, mx_addr area)
{
    uint32_t count = half(walk, area + AREA_NSLOTS);
    if (!word(walk, area + AREA_CHECK) || count > (PAGE_NBYTES - AREA_SLOTS) / META_NBYTES)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        struct malloc_group group;
        if (group_read(walk, maps, area + AREA_SLOTS + i * META_NBYTES, &group) &&
            !vector_push(&walk->groups, group))
            return false;
    }
    return true;
}

static int compare_groups(const void *a, const void *b)
{
    const struct malloc_group *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->end > y->end ? -1 : x->end < y->end;
}

// Within one slot of the other.
static bool is_inside(const struct malloc_group *group, const struct malloc_group *outer)
{
    mx_addr first = outer->start + UNIT;
    if (group->start < first || group->end > outer->end)
        return false;
    uint64_t slot = (group->start - first) / outer->slot_nbytes;
    return group->end <= first + (slot + 1) * outer->slot_nbytes;
}

// Leaves those that are outside of all others, or inside of a slot: false when out of memory.
static bool groups_nest(struct malloc_walk *walk)
{
    VECTOR(uint32_t) open = {0}; // numbers of those that the next may be inside of, outermost first
    struct malloc_group *items = walk->groups.items;
    size_t kept = 0;
    bool ok = true;
    for (size_t i = 0; i < walk->groups.count && ok; i++) {
        struct malloc_group group = items[i];
        while (open.count && items[open.items[open.count - 1]].end <= group.start)
            open.count--;
        if (open.count) {
            const struct malloc_group *outer = &items[open.items[open.count - 1]];
            if (!is_inside(&group, outer))
                continue;
            group.outer_end = outer->outer_end;
        }
        ok = vector_push(&open, (uint32_t)kept);
        items[kept++] = group;
    }
    walk->groups.count = kept;
    vector_free(&open);
    return ok;
}

bool musl_groups_find(struct malloc_walk *walk, const struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        const struct mapping *mapping = &maps->items[i];
        if (!may_hold_chunks(mapping))
            continue;
        for (mx_addr page = mapping->start; page < mapping->end; page += PAGE_NBYTES)
            if (!area_read(walk, maps, page) || walk->groups.count >= UINT32_MAX)
                return false;
    }
    if (walk->groups.count)
        qsort(walk->groups.items, walk->groups.count, sizeof *walk->groups.items, compare_groups);
    return groups_nest(walk);
}

// ---- their blocks -------------------------------------------------------------------------------

static const struct malloc_group *group_before(const struct malloc_walk *walk, mx_addr addr)
{
    size_t after = sorted_upto(walk->groups.items, walk->groups.count, addr);
    return after ? &walk->groups.items[after - 1] : NULL;
}

bool musl_groups_own(const struct malloc_walk *walk, mx_addr addr)
{
    const struct malloc_group *group = group_before(walk, addr);
    return group && addr < group->outer_end;
}

// The block begins some units into its slot, so that addresses do not come again soon; its head is in
// front of it: | 0 | number + 32 * reserved | units from the first slot, 16 bits |.
static bool slot_read(const struct malloc_walk *walk, const struct malloc_group *group,
                      uint32_t number, mx_addr *ret_addr, uint64_t *ret_nbytes)
{
    mx_addr slot = group->start + UNIT + number * group->slot_nbytes, addr = slot;
    mx_addr end = slot + group->slot_nbytes - TAIL;
    uint32_t head = half(walk, addr - TAIL);
    if ((head >> 13 & 7) == 7) {
        addr += (uint64_t)UNIT * (head >> 16);
        head = half(walk, addr - TAIL);
    }
    uint64_t reserved = head >> 13 & 7;
    if (reserved == 5)
        reserved = half(walk, end - TAIL);
    if (addr >= end || (head >> 8 & 31) != number || reserved > end - addr)
        return false;
    *ret_addr = addr;
    *ret_nbytes = end - addr - reserved;
    return true;
}

void musl_each_used(const struct malloc_walk *walk, mx_addr start, mx_addr end, block_fn *fn,
                    void *data)
{
    for (size_t i = 0; i < walk->groups.count; i++) {
        const struct malloc_group *group = &walk->groups.items[i];
        if (group->start >= end || group->end <= start)
            continue;
        for (uint32_t k = 0; k < group->slot_count; k++) {
            mx_addr addr;
            uint64_t nbytes;
            if (!(group->free >> k & 1) && slot_read(walk, group, k, &addr, &nbytes) &&
                addr >= start && addr < end && group_before(walk, addr)->start != addr)
                fn(data, addr, nbytes);
        }
    }
}
