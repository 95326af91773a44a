// dominators.h - what holds what: a node dominates those that are reached through it alone.
//
//   root --> a --> b --> d        d goes when a goes, and neither b nor c holds it alone:
//             \--> c --/          a is its immediate dominator, and d's size is retained by a
//
// The immediate dominators make a tree under the virtual root of a flow. Knows numbers and nothing of
// what they stand for.
#ifndef MX_GRAPH_DOMINATORS_H
#define MX_GRAPH_DOMINATORS_H

#include "graph/flow.h"

#define DOMINATOR_NONE UINT32_MAX       // of a node that is not reached
#define DOMINATOR_ROOT (UINT32_MAX - 1) // of a node that no other node dominates

struct dominators {
    uint32_t node_count, reached;
    uint32_t *parent; // [node_count], immediate dominator
    // [reached], nodes as a depth-first search meets them: dominators come first, and what the entries
    // lead to comes before added[0], which comes before all else that was added.
    uint32_t *order;
    uint32_t *added; // [added_count], nodes that the root refers to because flow->close says so
    uint32_t added_count;
};

// Freed by dominators_free. No recursion. O(edges log nodes) at the worst and linear in practice;
// 24 bytes a node while it works, 4 for each edge that leads back in the search's order, and before
// that 24 for each node of the longest path.
mx_status dominators_find(const struct flow *flow, struct dominators *ret, struct mx_error *err);
void dominators_free(struct dominators *dominators);

// retained[node]: the sizes of all that the node dominates, its own included; 0 when not reached.
// Both have room for all nodes and may be the same array. O(nodes). Sums wrap around at 2^64.
void dominators_retained(const struct dominators *dominators, const uint64_t *sizes,
                         uint64_t *retained);

// Whether it is the dominator tree of the flow, without trust in whatever made it: *ret_right, or
// else *ret_node is a node whose place is wrong. With flow->close, dominators->added is believed. The check is O(nodes + edges), finding the order that
// it checks (low_high.h) costs what dominators_find does; some 90 bytes a node while it works.
mx_status dominators_verify(const struct flow *flow, const struct dominators *dominators,
                            bool *ret_right, uint32_t *ret_node, struct mx_error *err);

#endif
