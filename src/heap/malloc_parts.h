// malloc_parts.h - what malloc_walk.c, malloc_caches.c and musl_groups.c share.
#ifndef MX_HEAP_MALLOC_PARTS_H
#define MX_HEAP_MALLOC_PARTS_H

#include "heap/malloc_walk.h"

// glibc malloc/malloc.c, struct malloc_chunk
enum {
    PREV_INUSE = 1,
    IS_MMAPPED = 2,
    CHUNK_FLAGS = 7,
    CHUNK_HEAD = 16,
    CHUNK_LEAST = 32,
    CHUNK_ALIGNMENT = 16,
};

// Size and flags of the chunk; 0 where nothing can be read.
uint64_t chunk_word(const struct malloc_walk *walk, mx_addr chunk);
// For every block of the chain that the next chunk calls used.
void chunks_each_used(const struct malloc_walk *walk, const struct malloc_run *run, block_fn *fn,
                      void *data);
// malloc keeps its own memory in private anonymous mappings.
bool may_hold_chunks(const struct mapping *mapping);
// Fills `groups`; false when out of memory.
bool musl_groups_find(struct malloc_walk *walk, const struct maps *maps);
bool musl_groups_own(const struct malloc_walk *walk, mx_addr addr);
void musl_each_used(const struct malloc_walk *walk, mx_addr start, mx_addr end, block_fn *fn,
                    void *data);
// Fills `cached`; false when out of memory.
bool malloc_caches_find(struct malloc_walk *walk, const struct statics *statics);

#endif
