// malloc_walk.h - every block of glibc's or musl's malloc that is in use, found without a symbol.
//
//   glibc (malloc_walk.c, malloc_caches.c):
//   main arena   chunks one after the other from the start of [heap] to its end
//   other arenas heaps at multiples of 64 MiB, each with a head, then chunks to its end
//   large blocks mappings of their own: a chunk with IS_MMAPPED at the start of a page
//
//   in use = the next chunk says so, and neither a thread's cache (tcache) nor a fast bin has it
//   musl (musl_groups.c):
//   groups of slots, each told of by a meta in an area of these
//
// Structures of glibc 2.26 and later (malloc/malloc.c, malloc/arena.c); tried on 2.36 and 2.43. Nothing is
// believed: a chain of chunks counts when it ends where its memory ends. Knows no PyObject. Does not
// find: what the main arena took by mmap when brk failed, after its first chunk is out of step; heaps
// of another size (glibc.malloc.hugetlb); other allocators (jemalloc, tcmalloc).
#ifndef MX_HEAP_MALLOC_WALK_H
#define MX_HEAP_MALLOC_WALK_H

#include "base/vector.h"
#include "heap/allocator.h"
#include "heap/statics.h"
#include "memory/maps.h"

// Chunks one after the other.
struct malloc_run {
    mx_addr start, end; // the first chunk, and where the chain ended
    bool mapped;        // one chunk with a mapping of its own
    bool complete;      // the chain ended where its memory does
};

struct malloc_runs {
    struct malloc_run *items;
    size_t count, capacity;
};

// Slots of one size one after the other, behind 16 bytes.
struct malloc_group {
    mx_addr start, end;
    mx_addr outer_end; // of the outermost group that it is in a slot of, or its own
    uint64_t slot_nbytes;
    uint32_t slot_count, free; // bits of free slots
};

struct malloc_walk {
    struct allocator *allocator;
    struct malloc_runs runs;            // by start, never overlapping
    VECTOR(mx_addr) cached;             // blocks that look used and are free, ascending
    VECTOR(struct malloc_group) groups; // by start: what is inside another comes behind it
};

// Finds the chains. `statics`: data of libraries, where the main arena is looked for; `stacks`: no
// malloc there. MX_NO_MEMORY is all that can go wrong. O(bytes copied / 32) at worst.
mx_status malloc_walk_init(struct allocator *allocator, const struct maps *maps,
                           const struct statics *statics, const struct statics *stacks,
                           struct malloc_walk *ret, struct mx_error *err);
void malloc_walk_fini(struct malloc_walk *walk);

// Is it memory that this malloc gives out, or has given out?
bool malloc_owns(const struct malloc_walk *walk, mx_addr addr);
// The chain that addr lies in, or NULL.
const struct malloc_run *malloc_run_find(const struct malloc_walk *walk, mx_addr addr);

// For every block in use that begins in [start, end): glibc's in order.
void malloc_each_used(const struct malloc_walk *walk, mx_addr start, mx_addr end, block_fn *fn,
                      void *data);

#endif
