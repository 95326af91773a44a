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
