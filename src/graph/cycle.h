// cycle.h - a short cycle through a node, and how a cycle reads when it repeats itself.
//
//   forward from the node -->  o --> o --> o  <-- backward to the node      they meet in the middle
//
// Looked for from both ends, so that a list of a million nodes that refer back to it costs no more
// than one of ten: the list has a million edges out, the node has one in.
#ifndef MX_GRAPH_CYCLE_H
#define MX_GRAPH_CYCLE_H

#include "base/vector.h"
#include "graph/csr.h"

struct cycle_visit {
    uint32_t node, depth;
    uint32_t parent; // place in the same queue
};

struct cycle_side {
    const struct graph *graph;
    uint32_t *places; // [node_count], place of the node in the queue, or GRAPH_NONE
    VECTOR(struct cycle_visit) queue;
    size_t level; // where in the queue the last level begins
    uint64_t edges_left;
};

struct cycle_finder {
    struct cycle_side forward, backward;
    const uint32_t *component; // of each node: a cycle never leaves one
    VECTOR(uint32_t) cycle;    // the one found last, in order; the last refers to the first
};

struct cycle_limits {
    uint64_t edges; // to look at, in each direction
    uint32_t depth; // nodes from the start, in each direction
};

// graph and its reverse have to outlive the finder. 8 bytes a node.
mx_status cycle_finder_init(struct cycle_finder *finder, const struct graph *graph,
                            const struct graph *reverse, const uint32_t *component,
                            struct mx_error *err);
void cycle_finder_free(struct cycle_finder *finder);

// Fills finder->cycle with a cycle through the node, that begins with it: a shortest one, unless the
// limit of edges left out what lies on it. False when there is none within the limits. What it cost
// is in *ret_edges.
bool cycle_find(struct cycle_finder *finder, uint32_t node, const struct cycle_limits *limits,
                uint64_t *ret_edges);

// A cycle as its steps: where a reader starts (the rotation that compares lowest), and after how many
// steps it repeats (count, when it does not). `scratch` has room for count numbers. O(count).
void cycle_unit(const uint64_t *steps, uint32_t count, uint32_t *scratch, uint32_t *ret_start,
                uint32_t *ret_period);

#endif
