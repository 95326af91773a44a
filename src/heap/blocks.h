// blocks.h - allocated memory that is no object: whose it is, and objects that nothing refers to.
//
//   every block in use   pymalloc's, malloc's; debug hooks stripped
//     '-- an object of the heap           left alone: its decoder tells of it
//     '-- an object that was never met    unreached
//     '-- a dead one on a free list       left out
//     '-- anything else                   a block: list items, tables, structs of native code
//
//   owner: who points to it, or to a block that points to it: objects first, then variables, the
//   interpreter, unreached objects, C stacks, other memory
#ifndef MX_HEAP_BLOCKS_H
#define MX_HEAP_BLOCKS_H

#include "heap/heap.h"
#include "heap/malloc_walk.h"

enum block_owner {
    BLOCK_LOST,           // nothing that was found points to it
    BLOCK_OF_OBJECT,      // `from` is the object
    BLOCK_OF_VARIABLE,    // `place` is in a library's data
    BLOCK_OF_INTERPRETER, // CPython's own state points to it
    BLOCK_OF_UNREACHED,   // `from` is the unreached object
    BLOCK_OF_STACK,       // `from` is the thread's place in the image's registers
    BLOCK_OF_MEMORY,      // thread-local variables, or memory of an allocator that is not known
};

struct block {
    mx_addr addr;
    uint64_t nbytes;
    mx_addr place;  // of the word that points to it; 0 for a register, and where none does
    uint32_t from;  // as `owner` says; where `steps` is not 0, the block with that word
    uint32_t first; // the block that the owner itself points to, at the start of the chain
    uint16_t steps; // blocks between the owner and this one
    uint8_t owner;  // enum block_owner
    bool counted;   // its references are those of an object whose decoder knows them
};

struct unreached {
    mx_addr addr;
    uint32_t type;
    int64_t refcount;
};

struct blocks {
    VECTOR(struct block) items; // by address
    VECTOR(struct unreached) unreached;
    struct regions *regions; // the heap's, and of each
    uint32_t **pages;        // [regions][pages of 4 KiB], where to look: blocks.c
    struct malloc_walk walk;
    uint64_t incomplete_bytes; // of chains of chunks that broke off
};

// Computed when it is first asked for; belongs to the heap. O(bytes copied).
mx_status heap_blocks(struct mx_heap *heap, const struct blocks **ret, struct mx_error *err);
void blocks_free(struct blocks *blocks); // may be NULL
// The block that holds addr, or NULL: of those that begin there or before, the last. O(log of the
// blocks in a page).
struct block *blocks_at(const struct blocks *blocks, mx_addr addr);

// blocks_owner.c: fills the owners in.
mx_status blocks_find_owners(struct mx_heap *heap, struct blocks *blocks, struct mx_error *err);

#endif
