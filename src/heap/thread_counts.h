// thread_counts.h - the reference counts that threads of a free-threaded CPython keep for themselves.
#ifndef MX_HEAP_THREAD_COUNTS_H
#define MX_HEAP_THREAD_COUNTS_H

#include "decode/counts.h"

// Gives the decoder every thread's counts, so that headers tell the whole one. Nothing where the
// version keeps none. O(threads * objects with a number).
void thread_counts_read(struct decoder *decoder, mx_addr runtime);

#endif
