// free_queue.h - what a free-threaded CPython frees later, when no thread can still be reading it.
#ifndef MX_HEAP_FREE_QUEUE_H
#define MX_HEAP_FREE_QUEUE_H

#include "heap/heap.h"

// `list` is the head of a list of chunks: blocks in them are taken for free, and references that they
// give up later are told to the visitor. O(what waits).
void free_queue_visit(struct mx_heap *heap, mx_addr list, struct visitor *visitor);

#endif
