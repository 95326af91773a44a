// large.h - arrays with an item for every object: as calloc and malloc, in huge pages where they are large.
//
// A page of 4 KiB costs a fault and as much again to clear as filling it takes: for arrays that are
// written from end to end that is half of all their cost. Freed by free(). Not for what is touched here
// and there alone, where a huge page is 2 MiB for a word.
#ifndef MX_BASE_LARGE_H
#define MX_BASE_LARGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_NBYTES ((size_t)8 << 20) // rounding up to huge pages then adds no more than a quarter
#define LARGE_PAGE ((size_t)4096)

// A hint: where there are no huge pages nothing happens.
static inline void *large_hint(void *memory, size_t nbytes)
{
    if (memory && nbytes >= LARGE_NBYTES) {
        uintptr_t first = ((uintptr_t)memory + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1);
        uintptr_t end = ((uintptr_t)memory + nbytes) & ~(uintptr_t)(LARGE_PAGE - 1);
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    }
    return memory;
}

static inline void *large_malloc(size_t count, size_t item_nbytes)
{
    size_t nbytes;
    if (__builtin_mul_overflow(count, item_nbytes, &nbytes))
        return NULL;
    return large_hint(malloc(nbytes), nbytes);
}

static inline void *large_calloc(size_t count, size_t item_nbytes)
{
    return large_hint(calloc(count, item_nbytes), count * item_nbytes); // calloc finds what overflows
}

static inline void *large_realloc(void *memory, size_t count, size_t item_nbytes)
{
    size_t nbytes;
    if (__builtin_mul_overflow(count, item_nbytes, &nbytes))
        return NULL;
    return large_hint(realloc(memory, nbytes), nbytes);
}

#endif
