// flow.h - a graph with places to enter it, and its nodes in the order in which a depth-first search
// from there meets them.
//
//   root --entries--> o --> o --> o        the root is virtual: it refers to the entries alone
//
// Knows numbers and nothing of what they stand for.
#ifndef MX_GRAPH_FLOW_H
#define MX_GRAPH_FLOW_H

#include "graph/csr.h"

struct flow {
    const struct graph *graph;
    const uint8_t *hold;     // [edge_count] 0: the edge is followed; NULL: all are
    const uint32_t *entries; // repeats are allowed
    size_t entry_count;
    bool close; // what the entries do not reach is entered too, where flow_close says
};

// The edge (its place in graph->targets) is one that is followed.
static inline bool flow_follows(const struct flow *flow, uint64_t edge)
{
    return !flow->hold || !flow->hold[edge];
}

// Entries that lead to all that is not reached (number[node] is 0): the nodes of each strongly
// connected component of it that no edge enters from another, in ascending order. Freed by the caller.
// O(nodes + edges of what is not reached); 4 bytes a node, and 60 bytes for each that is not reached
// with 4 for each of its edges, while it works.
mx_status flow_close(const struct flow *flow, const uint32_t *number, uint32_t **ret_nodes,
                     uint32_t *ret_count, struct mx_error *err);

// A depth-first search: nodes are numbered from 1 as it meets them, and the root is 0. Of two nodes
// with an edge from the smaller number to the larger, the smaller is an ancestor in the search's
// tree; the other edges, from larger numbers, are kept as `later`.
struct numbering {
    uint32_t reached;
    uint32_t *number;  // [node_count], 0: not reached
    uint32_t *order;   // [reached], the node of number i + 1
    uint32_t *parent;  // [reached + 1], in the tree; numbers, as all that follows
    uint32_t *highest; // [reached + 1], the ancestor closest to the root that has an edge to it
    uint64_t *first;   // [reached + 2], where the sources of its edges from larger numbers begin
    uint32_t *later;   // [first[reached + 1]]
    uint32_t *added;   // [added_count], the nodes entered because flow->close says so
    uint32_t added_count;
};

// Freed by numbering_free. No recursion. O(nodes + edges), 24 bytes a node and 4 bytes for each edge
// from a larger number; 24 bytes for each node of the longest path while it works.
mx_status numbering_find(const struct flow *flow, struct numbering *ret, struct mx_error *err);
void numbering_free(struct numbering *numbering);

#endif
