// map.h - uint64_t -> uint64_t by open addressing. Key 0 is no key.
//
//   uint64_t *value = map_put(&map, addr);   // 0 when the key is new; NULL when out of memory
//
// The hash is seeded from the kernel, so that a target cannot choose addresses that collide.
// Pointers to values are valid until the next map_put.
#ifndef MX_BASE_MAP_H
#define MX_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

struct map_slot {
    uint64_t key, value;
};

// All zero is an empty map. mask is the number of slots less one; at most half of them are used.
struct map {
    struct map_slot *slots;
    size_t mask, used;
    uint64_t seed; // odd
};

#define MAP_FIRST_SLOTS 256

// The key's slot, or the free one where it would stand.
static inline struct map_slot *map_slot(const struct map *map, uint64_t key)
{
    size_t i = (size_t)(((key ^ key >> 29) * map->seed) >> 24) & map->mask;
    while (map->slots[i].key && map->slots[i].key != key)
        i = (i + 1) & map->mask;
    return &map->slots[i];
}

static inline bool map_grow_(struct map *map)
{
    struct map grown = {.mask = map->slots ? map->mask * 2 + 1 : MAP_FIRST_SLOTS - 1,
                        .used = map->used,
                        .seed = map->seed};
    if (!grown.seed && getrandom(&grown.seed, sizeof grown.seed, 0) != sizeof grown.seed)
        grown.seed = 0x9E3779B97F4A7C15ull;
    grown.seed |= 1;
    if (!(grown.slots = calloc(grown.mask + 1, sizeof *grown.slots)))
        return false;
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].key)
            *map_slot(&grown, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = grown;
    return true;
}

// The key's value, to be read and written; made with 0 when the key is new. NULL when there is no
// memory, and for key 0. Amortised O(1).
static inline uint64_t *map_put(struct map *map, uint64_t key)
{
    if (!key || ((!map->slots || (map->used + 1) * 2 > map->mask) && !map_grow_(map)))
        return NULL;
    struct map_slot *slot = map_slot(map, key);
    map->used += !slot->key;
    slot->key = key;
    return &slot->value;
}

// The key's value, or NULL when it has none. O(1).
static inline uint64_t *map_find(const struct map *map, uint64_t key)
{
    if (!map->slots || !key)
        return NULL;
    struct map_slot *slot = map_slot(map, key);
    return slot->key ? &slot->value : NULL;
}

static inline void map_free(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

#endif
