// plan.h - which pages of a process to copy, and into which local memory. Private to src/memory.
#ifndef MX_MEMORY_PLAN_H
#define MX_MEMORY_PLAN_H

#include "memory/block.h"
#include "memory/memory.h"
#include "memory/ranges.h"

struct blocks {
    struct image_block *items;
    size_t count, capacity;
};

// What is known of a process at one moment, and the local memory for it.
struct plan {
    struct maps maps;
    struct ranges ranges;
    struct blocks blocks;
};

void plan_blocks_free(struct blocks *blocks);
void plan_free(struct plan *plan);

// What the process looks like now. Takes blocks out of `old` where they fit. `original` is the process
// that it is a copy-on-write child of, or itself.
mx_status plan_read(int pid, int original, struct blocks *old, struct plan *plan,
                    struct mx_error *err);
// Refuses a copy that would make the kernel kill somebody, perhaps the process itself.
mx_status plan_check_room(int pid, const struct plan *plan, struct mx_error *err);
// Makes the local memory ready, so that the copying is fast.
void plan_populate(const struct plan *plan);
// Reads absent pages of files that the process cannot write to from the files.
void plan_read_files(const struct plan *plan, int pid);
// How much of the holes lies behind the ends of the files that are mapped there: no bytes, for anybody.
uint64_t plan_behind_files(const struct plan *plan, const struct ranges *holes, int pid);
// Turns what was copied, or is known to be zero, into segments: as few as possible.
mx_status plan_segments(const struct plan *plan, const struct ranges *holes, struct memory *memory,
                        struct mx_error *err);

#endif
