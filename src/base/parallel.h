// parallel.h - a few independent pieces of work at once, where there are processors for it.
//
// What comes of it does not depend on which of them is faster.
#ifndef MX_BASE_PARALLEL_H
#define MX_BASE_PARALLEL_H

#include "memexplorer.h"

typedef mx_status parallel_fn(void *data, size_t i, struct mx_error *err);

// Calls work(data, 0, ..) .. work(data, count - 1, ..), some of them in threads that are over when it
// returns. What a call touches no other may. Where threads cannot be had, one after the other. All are
// called; returns how the first of them has failed that has.
mx_status parallel_do(size_t count, parallel_fn *work, void *data, struct mx_error *err);

#endif
