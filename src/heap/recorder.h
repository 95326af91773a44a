// recorder.h - what counting the references meets anyway: every reference, and each object's facts.
//
//   walk.c counts --recorder_object, recorder_reference--> flat arrays --columns.c--> snapshot
//
// References are kept as they come, those that are only possible among them; columns.c decides
// which of them are real, when all are known.
#ifndef MX_HEAP_RECORDER_H
#define MX_HEAP_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vector.h"

#define RECORDED_POSSIBLE 3 // in `holds`, besides mx_ownership

// A number that does not fit: of objects of 4 GiB and more.
struct recorded_big {
    uint64_t object; // the first, for sorted_upto
    uint64_t value;
};

struct recorder {
    uint64_t *first;   // [count + 1], the place of each object's first reference
    uint32_t *targets; // [edge_count]
    uint8_t *holds;    // [edge_count], mx_ownership or RECORDED_POSSIBLE
    uint64_t edge_count, edge_capacity;
    uint32_t *sizes;                       // [count], bytes; UINT32_MAX: see big_sizes
    VECTOR(struct recorded_big) big_sizes; // by object
    uint32_t *refcounts;                   // [count], as in the header; 0 for immortal ones
    uint8_t *flags;                        // [count], OBJECT_...
    size_t static_at;                      // facts.c: the range of the heap's statics that has come
    bool failed;                           // out of memory
};

// Room for `count` objects; false when out of memory.
bool recorder_init(struct recorder *recorder, uint32_t count);
void recorder_free(struct recorder *recorder);

bool recorder_grow(struct recorder *recorder);

// Objects come in order; references belong to the one that came last.
static inline void recorder_object(struct recorder *recorder, uint32_t object)
{
    recorder->first[object] = recorder->edge_count;
}

static inline void recorder_reference(struct recorder *recorder, uint32_t to, uint8_t hold)
{
    if (recorder->edge_count == recorder->edge_capacity && !recorder_grow(recorder))
        return;
    recorder->targets[recorder->edge_count] = to;
    recorder->holds[recorder->edge_count++] = hold;
}

static inline void recorder_size(struct recorder *recorder, uint32_t object, uint64_t size)
{
    recorder->sizes[object] = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    if (size >= UINT32_MAX &&
        !vector_push(&recorder->big_sizes, ((struct recorded_big){object, size})))
        recorder->failed = true;
}

// Of an object that has come. O(log of those of 4 GiB and more).
uint64_t recorder_size_of(const struct recorder *recorder, uint32_t object);
// The same; from now on it has none, as another one's has it.
uint64_t recorder_take_size(struct recorder *recorder, uint32_t object);

#endif
