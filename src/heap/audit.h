// audit.h - what audit.c and unreached.c share.
#ifndef MX_HEAP_AUDIT_H
#define MX_HEAP_AUDIT_H

#include "heap/heap.h"

struct findings {
    struct mx_finding *items;
    size_t count, capacity;
};

// Adds a finding for each type that has objects which nothing refers to.
mx_status heap_find_unreached(struct mx_heap *heap, struct findings *findings,
                              struct mx_error *err);

#endif
