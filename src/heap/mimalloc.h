// mimalloc.h - mimalloc's own opinion: which blocks are in use, and which of its heaps they are of.
//
// The allocator of free-threaded builds, and of others under PYTHONMALLOC=mimalloc. Found without any
// symbol: segments are aligned to their size and say what is in them. Knows no PyObject.
#ifndef MX_HEAP_MIMALLOC_H
#define MX_HEAP_MIMALLOC_H

#include "heap/allocator.h"
#include "layout/layout.h"

// Include/internal/pycore_mimalloc.h: what the heaps of a thread are for, in free-threaded builds.
enum { MIMALLOC_MEM, MIMALLOC_OBJECT, MIMALLOC_GC, MIMALLOC_GC_PRE };

// `layout` lives longer than it. *ret is freed by mimalloc_free.
mx_status mimalloc_new(struct memory *memory, const struct layout *layout, struct mimalloc **ret,
                       struct mx_error *err);
void mimalloc_free(struct mimalloc *mimalloc);

// The state of the block at addr, and the tag of its heap where it has one (0 elsewhere).
enum block_state mimalloc_state(struct mimalloc *mimalloc, mx_addr addr, int *ret_tag);

// Is there a segment around addr?
bool mimalloc_owns(struct mimalloc *mimalloc, mx_addr addr);

// The block at addr is freed soon: taken for free from now on.
void mimalloc_set_free(struct mimalloc *mimalloc, mx_addr addr);

// Bytes of the block in use that starts at addr, 0 when none does.
uint64_t mimalloc_block_nbytes(struct mimalloc *mimalloc, mx_addr addr);

// Calls fn for every block in use of the segments that begin in [start, end), in order. Segments and
// pages whose numbers do not add up are left out.
typedef void mimalloc_block_fn(void *data, mx_addr addr, uint64_t nbytes, int tag);
void mimalloc_each_used(struct mimalloc *mimalloc, mx_addr start, mx_addr end,
                        mimalloc_block_fn *fn, void *data);

// The thread's heaps are where the layout says: nothing else tells the two mimallocs of one minor
// version apart.
bool mimalloc_fits(struct memory *memory, const struct layout *layout, mx_addr thread);

#endif
