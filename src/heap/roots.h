// roots.h - private to roots.c and roots_native.c: how both keep what they find.
#ifndef MX_HEAP_ROOTS_H
#define MX_HEAP_ROOTS_H

#include "heap/heap.h"

#define LIMIT_ROOT_EDGES (1u << 26) // words of static data that look like objects

// A visitor whose edges become those of one root.
struct collector {
    struct visitor visitor;
    struct mx_heap *heap;
    uint32_t root;
};

// The edge function of a collector.
void root_collect(struct visitor *visitor, struct edge edge);
// Makes a new root, without a name, the collector's; false when there is no room.
bool root_add(struct mx_heap *heap, struct collector *collector, enum root_kind kind);
// The collector's root, to be given a name.
struct text root_name(struct mx_heap *heap, const struct collector *collector);
// One more dict of interned strings: they are counted in a way of their own (dict.c).
void roots_add_interned(struct mx_heap *heap, mx_addr dict);

void roots_scan_static(struct mx_heap *heap, const struct static_range *range);
void roots_scan_stack(struct mx_heap *heap, const struct thread_registers *thread);

#endif
