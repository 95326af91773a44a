// references.h - the references between chosen objects as a graph of numbers.
#ifndef MX_HEAP_REFERENCES_H
#define MX_HEAP_REFERENCES_H

#include "graph/csr.h"
#include "heap/heap.h"

// Which references of those that objects report to the collector.
struct reference_choice {
    // True for a reference that belongs into the graph; nodes are numbers of the graph. Asked twice
    // for each in the same order, first to count (counting), then to keep: it may have learned from
    // the first round that fewer belong.
    bool (*wants)(void *data, uint32_t from, uint32_t to, enum hold hold, bool counting);
    // Between the two rounds; may be NULL.
    void (*counted)(void *data);
    void *data;
};

struct references {
    struct graph graph;
    uint32_t *objects; // [node_count], the object that a node stands for; ascending
};

// The chosen objects (chosen[object] is not 0) and the references between them, which are taken from what
// counting recorded where that is what objects report. Freed by
// references_free. O(references of the chosen), 4 bytes for each object of the heap while it works.
mx_status references_build(struct mx_heap *heap, const uint8_t *chosen,
                           const struct reference_choice *choice, struct references *ret,
                           struct mx_error *err);
void references_free(struct references *references);

#endif
