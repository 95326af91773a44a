// allocator.h - the allocators' own opinion: is the block at this address in use?
//
// pymalloc keeps a header at the start of each pool and a chain of free blocks in it; glibc's malloc
// keeps a word in front of each chunk. Both are found without any symbol (Objects/obmalloc.c; glibc
// malloc/malloc.c), and so is mimalloc (mimalloc.h). Knows no PyObject.
#ifndef MX_HEAP_ALLOCATOR_H
#define MX_HEAP_ALLOCATOR_H

#include "layout/layout.h"
#include "memory/memory.h"

enum block_state {
    BLOCK_UNKNOWN, // no allocator that is known here has a block around this address
    BLOCK_USED,    // the block starts exactly here and is in use
    BLOCK_FREE,    // it starts here and is free
    BLOCK_INSIDE,  // the address is inside a block or between blocks
};

struct pool_cache; // pools whose free chains have been read
struct mimalloc;   // mimalloc.h

struct allocator {
    struct memory *memory;
    uint32_t pool_nbytes; // POOL_SIZE of the CPython at hand
    struct pool_cache *pools;
    struct mimalloc *mimalloc; // in use here when not NULL: then pymalloc is not
    bool pymalloc, malloc;     // in use here, as far as allocator_probe could tell
    bool separates_objects;    // free-threaded: mimalloc's heap 0 has no objects
};

mx_status allocator_init(struct allocator *allocator, struct memory *memory,
                         const struct layout *layout, struct mx_error *err);
void allocator_fini(struct allocator *allocator);

// Learns which allocators the process uses, from blocks that are surely in use: a small one, and one
// of more than 512 bytes. PYTHONMALLOC, musl or jemalloc leave one or both unknown.
void allocator_probe(struct allocator *allocator, const struct layout *layout, mx_addr small,
                     mx_addr large);

// Is a block of at least nbytes in use at exactly this address? Yes where no allocator is known that
// could tell.
bool allocator_confirms(struct allocator *allocator, mx_addr addr, uint64_t nbytes);

// pymalloc's opinion of the block at addr. Also knows blocks behind debug hooks.
enum block_state pymalloc_state(struct allocator *allocator, mx_addr addr);

// A block in use. Every allocator has a function that calls one for each of its own, in order of
// address: NAME_each_used(allocator, start, end, fn, data).
typedef void block_fn(void *data, mx_addr addr, uint64_t nbytes);

// For every block of pymalloc in use in [start, end). Pools whose numbers do not add up are left out.
void pymalloc_each_used(struct allocator *allocator, mx_addr start, mx_addr end, block_fn *fn,
                        void *data);

// Is there a pool around addr, or a segment of mimalloc? Then what lies there is the allocator's.
bool allocator_owns(struct allocator *allocator, mx_addr addr);

// Where the debug hooks (PYTHONMALLOC=debug, -X dev, debug builds) stand around a block: its data and
// their size, without the heads. One that has none is left as it is.
void block_strip_hooks(struct allocator *allocator, mx_addr *addr, uint64_t *nbytes);

// The same for the allocator that objects come from, pymalloc or mimalloc; nothing where it is neither.
void allocator_each_used(struct allocator *allocator, mx_addr start, mx_addr end, block_fn *fn,
                         void *data);

// The object allocator's opinion, where it is pymalloc or mimalloc.
enum block_state allocator_state(struct allocator *allocator, mx_addr addr);

// Debug hooks have put a head in front of addr.
#define DEBUG_HEAD 16 // Objects/obmalloc.c, _PyMem_DebugRawAlloc: size, api id, 7 bytes of 0xFD
bool has_debug_head(struct allocator *allocator, mx_addr addr);

// glibc malloc's opinion of a chunk that has at least nbytes at addr. Chunks in a thread's cache of
// freed ones look used.
enum block_state malloc_state(struct allocator *allocator, mx_addr addr, uint64_t nbytes);

// Bytes that may be used from addr on in the block that starts there and is in use; 0 when none does.
uint64_t allocator_block_nbytes(struct allocator *allocator, mx_addr addr);

// Of a chunk of malloc with a mapping of its own, whose head has this size: all bytes of it; 0 when
// there is no such chunk.
uint64_t mapped_chunk_nbytes(uint64_t size);

#endif
