// copy.h - copying ranges of a stopped process into blocks. Private to src/memory.
#ifndef MX_MEMORY_COPY_H
#define MX_MEMORY_COPY_H

#include "memory/block.h"
#include "memory/ranges.h"

struct copy {
    int pid;
    const struct image_block *blocks; // sorted by start
    size_t block_count;
    struct ranges holes; // what could not be read, sorted
    uint64_t copied_bytes;
    uint64_t guard_bytes;     // of holes where there is nothing that could be read
    mx_progress_fn *progress; // may be NULL
    void *progress_data;
};

// Index of the first block that ends after addr; count when there is none.
size_t blocks_after(const struct image_block *blocks, size_t count, mx_addr addr);
// The block that stands for addr, or NULL.
const struct image_block *blocks_find(const struct image_block *blocks, size_t count, mx_addr addr);

// Copies all ranges of one kind that have a block. A page that cannot be read becomes a hole.
// MX_NO_PROCESS when the process is gone, MX_NO_MEMORY.
mx_status copy_ranges(struct copy *copy, const struct ranges *ranges, enum range_kind kind,
                      struct mx_error *err);

#endif
