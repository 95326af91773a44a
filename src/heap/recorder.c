// recorder.c - the arrays that references and facts are kept in until they are columns.
#include "heap/recorder.h"

#include <stdlib.h>

#include "base/sorted.h"

#define FIRST_EDGES (1u << 16)

bool recorder_init(struct recorder *recorder, uint32_t count)
{
    size_t room = (size_t)count + 1;
    *recorder = (struct recorder){
        .first = calloc(room, sizeof *recorder->first),
        .sizes = calloc(room, sizeof *recorder->sizes),
        .refcounts = calloc(room, sizeof *recorder->refcounts),
        .flags = calloc(room, 1),
    };
    if (recorder->first && recorder->sizes && recorder->refcounts && recorder->flags)
        return true;
    recorder_free(recorder);
    return false;
}

void recorder_free(struct recorder *recorder)
{
    free(recorder->first);
    free(recorder->targets);
    free(recorder->holds);
    free(recorder->sizes);
    free(recorder->refcounts);
    free(recorder->flags);
    vector_free(&recorder->big_sizes);
    *recorder = (struct recorder){0};
}

bool recorder_grow(struct recorder *recorder)
{
    uint64_t capacity = recorder->edge_capacity
                            ? recorder->edge_capacity + recorder->edge_capacity / 2
                            : FIRST_EDGES;
    uint32_t *targets = realloc(recorder->targets, capacity * sizeof *targets);
    if (targets)
        recorder->targets = targets;
    uint8_t *holds = targets ? realloc(recorder->holds, capacity) : NULL;
    if (holds)
        recorder->holds = holds;
    if (holds)
        recorder->edge_capacity = capacity;
    recorder->failed |= !holds;
    return holds != NULL;
}

// NULL when its size fits, and when there was no memory to keep it.
static struct recorded_big *big_of(const struct recorder *recorder, uint32_t object)
{
    struct recorded_big *items = recorder->big_sizes.items;
    if (recorder->sizes[object] != UINT32_MAX)
        return NULL;
    size_t after = sorted_upto(items, recorder->big_sizes.count, object);
    return after && items[after - 1].object == object ? &items[after - 1] : NULL;
}

uint64_t recorder_size_of(const struct recorder *recorder, uint32_t object)
{
    const struct recorded_big *big = big_of(recorder, object);
    return big ? big->value : recorder->sizes[object];
}

uint64_t recorder_take_size(struct recorder *recorder, uint32_t object)
{
    struct recorded_big *big = big_of(recorder, object);
    uint64_t size = recorder_size_of(recorder, object);
    if (big)
        big->value = 0;
    else
        recorder->sizes[object] = 0;
    return size;
}
