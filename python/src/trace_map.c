// trace_map.c - a number -> a pointer, open addressing. Keys are addresses or counters, never 0.
#include "trace.h"

static size_t slot_of(const struct map *map, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(hash >> 32) & (map->capacity - 1);
    while (map->entries[i].key && map->entries[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return i;
}

void *map_find(const struct map *map, uint64_t key)
{
    return map->capacity ? map->entries[slot_of(map, key)].value : NULL;
}

static bool rebuild(struct map *map)
{
    struct map bigger = {.capacity = 64};
    while (bigger.capacity < map->live * 4)
        bigger.capacity *= 2;
    bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].value) {
            bigger.entries[slot_of(&bigger, map->entries[i].key)] = map->entries[i];
            bigger.used++;
        }
    bigger.live = bigger.used;
    free(map->entries);
    *map = bigger;
    return true;
}

bool map_put(struct map *map, uint64_t key, void *value)
{
    if ((map->used + 1) * 2 > map->capacity && !rebuild(map))
        return false;
    struct map_entry *entry = &map->entries[slot_of(map, key)];
    map->used += entry->key == 0;
    map->live += entry->value == NULL;
    *entry = (struct map_entry){key, value};
    return true;
}

void map_remove(struct map *map, uint64_t key)
{
    if (!map->capacity)
        return;
    struct map_entry *entry = &map->entries[slot_of(map, key)];
    map->live -= entry->value != NULL;
    entry->value = NULL;
}

void map_clear(struct map *map, void (*release)(void *))
{
    for (size_t i = 0; i < map->capacity && release; i++)
        if (map->entries[i].value)
            release(map->entries[i].value);
    free(map->entries);
    *map = (struct map){0};
}
