// recorder.c - the arrays that references and facts are kept in until they are columns.
#include "heap/recorder.h"

#include <stdlib.h>

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

static struct recorded_big *big_find(const struct recorder *recorder, uint32_t object)
{
    size_t low = 0, high = recorder->big_sizes.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recorder->big_sizes.items[middle].object < object)
            low = middle + 1;
        else
            high = middle;
    }
    return low < recorder->big_sizes.count && recorder->big_sizes.items[low].object == object
               ? &recorder->big_sizes.items[low]
               : NULL;
}

uint64_t recorder_size_of(const struct recorder *recorder, uint32_t object)
{
    const struct recorded_big *big =
        recorder->sizes[object] == UINT32_MAX ? big_find(recorder, object) : NULL;
    return big ? big->value : recorder->sizes[object];
}

void recorder_drop_size(struct recorder *recorder, uint32_t object)
{
    struct recorded_big *big =
        recorder->sizes[object] == UINT32_MAX ? big_find(recorder, object) : NULL;
    if (big)
        big->value = 0;
    else
        recorder->sizes[object] = 0;
}
