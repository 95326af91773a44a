// block.h - local memory that stands for a piece of a target's address space. Private to
// src/memory.
#ifndef MX_MEMORY_BLOCK_H
#define MX_MEMORY_BLOCK_H

#include "memexplorer.h"

// Reserves addresses at once, and memory only for the pages that are written or populated.
struct image_block {
    mx_addr start; // in the target
    uint64_t nbytes;
    uint8_t *local;
};

// false when there is no room.
bool block_reserve(mx_addr start, uint64_t nbytes, struct image_block *ret);
void block_release(struct image_block *block);

// Gives [start, end) memory, in huge pages where whole ones fit, so that a copy to it is fast.
void block_populate(const struct image_block *block, mx_addr start, mx_addr end);

// Moves the pages that both blocks stand for from one to the other, without copying.
void block_move(const struct image_block *from, const struct image_block *to);

// Memory that this machine can still give; UINT64_MAX when that is not known.
uint64_t available_nbytes(void);

static inline bool block_holds(const struct image_block *block, mx_addr start, mx_addr end)
{
    return block->start <= start && end <= block->start + block->nbytes;
}

static inline uint8_t *block_at(const struct image_block *block, mx_addr addr)
{
    return block->local + (addr - block->start);
}

#endif
