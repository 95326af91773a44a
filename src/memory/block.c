// block.c - local memory that stands for a piece of a target's address space.
//
// A block begins at the same offset in a huge page as the target's memory does: then huge pages
// there and here coincide, and pages can be moved to another block a whole huge page at a time.
// Except for the moment when huge pages are populated, all of a block is MADV_NOHUGEPAGE: so that
// it takes no memory for neighbours of what is written, and stays one mapping, which mremap needs.
#include "memory/block.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGE_NBYTES 4096u
#define HUGE_NBYTES ((uint64_t)2 << 20)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 // Linux 5.7
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif

bool block_reserve(mx_addr start, uint64_t nbytes, struct image_block *ret)
{
    uint64_t wanted;
    if (__builtin_add_overflow(nbytes, HUGE_NBYTES, &wanted))
        return false;
    uint8_t *whole = mmap(NULL, wanted, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED)
        return false;
    uint64_t before = (start - (uint64_t)(uintptr_t)whole) % HUGE_NBYTES;
    if (before)
        munmap(whole, before);
    if (before != HUGE_NBYTES)
        munmap(whole + before + nbytes, HUGE_NBYTES - before);
    madvise(whole + before, nbytes, MADV_NOHUGEPAGE);
    *ret = (struct image_block){start, nbytes, whole + before};
    return true;
}

void block_release(struct image_block *block)
{
    if (block->local)
        munmap(block->local, block->nbytes);
    block->local = NULL;
}

static void populate(uint8_t *local, uint64_t nbytes)
{
    if (!nbytes || madvise(local, nbytes, MADV_POPULATE_WRITE) == 0 || errno != EINVAL)
        return;
    for (uint64_t offset = 0; offset < nbytes; offset += PAGE_NBYTES)
        *(volatile uint8_t *)(local + offset) = 0;
}

void block_populate(const struct image_block *block, mx_addr start, mx_addr end)
{
    mx_addr first = (start + HUGE_NBYTES - 1) / HUGE_NBYTES * HUGE_NBYTES;
    mx_addr last = end / HUGE_NBYTES * HUGE_NBYTES;
    if (first >= last) {
        populate(block_at(block, start), end - start);
        return;
    }
    madvise(block_at(block, first), last - first, MADV_HUGEPAGE);
    populate(block_at(block, start), end - start);
    madvise(block_at(block, first), last - first, MADV_NOHUGEPAGE);
}

void block_move(const struct image_block *from, const struct image_block *to)
{
    mx_addr from_end = from->start + from->nbytes, to_end = to->start + to->nbytes;
    mx_addr start = from->start > to->start ? from->start : to->start;
    mx_addr end = from_end < to_end ? from_end : to_end;
    if (start >= end)
        return;
    // Not unmapped, because block_release still will. When it fails, pages are made in the copying.
    void *moved = mremap(block_at(from, start), end - start, end - start,
                         MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, block_at(to, start));
    (void)moved;
}
