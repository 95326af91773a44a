// parallel.h - a few independent pieces of work at once, where there are processors for it.
#ifndef MX_BASE_PARALLEL_H
#define MX_BASE_PARALLEL_H

#include <stddef.h>

// Calls work(data, 0) .. work(data, count - 1), some of them in threads that are over when it returns.
// What a call touches no other may. Where threads cannot be had, one after the other.
void parallel_do(size_t count, void (*work)(void *data, size_t i), void *data);

#endif
