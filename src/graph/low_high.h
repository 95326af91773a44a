// low_high.h - an order of siblings in a dominator tree that shows that none dominates another.
//
// In a low-high order each node has an edge from its parent, or else two edges: one from what comes
// before it, and one from what comes after it and is not below it in the tree. L. Georgiadis and
// R. Tarjan, "Dominator tree certification and divergent spanning trees", ACM Trans. Algorithms 12
// (2015): a tree is the dominator tree when no edge enters a subtree but at its top, and when it has
// such an order; and the dominator tree always has one.
//
// Only a witness: whoever checks the order needs no trust in how it was found.
#ifndef MX_GRAPH_LOW_HIGH_H
#define MX_GRAPH_LOW_HIGH_H

#include "graph/flow.h"

// A tree over places 1 to count; 0 is the root, and parents have smaller places than their children.
struct tree {
    uint32_t count;
    uint32_t *place;  // [node_count], of each node; 0: it has none
    uint32_t *parent; // [count + 1], a place
    uint32_t *size;   // [count + 1], places in its subtree, itself included
    uint32_t *before; // [count + 1], its number in preorder, from 0
};

// The place lies in the subtree of `top`, or is `top`.
static inline bool tree_within(const struct tree *tree, uint32_t place, uint32_t top)
{
    return tree->before[place] - tree->before[top] < tree->size[top];
}

// tree->before, with siblings in the sequence of the places in `ranks` [count].
void tree_number(struct tree *tree, const uint32_t *ranks, uint32_t *scratch);

// Fills `ranks` [count] with all places so that, when the tree is the flow's dominator tree, siblings
// are in a low-high order. No edge of the flow may enter a subtree but at its top.
// O(edges log nodes) at the worst and linear in practice; some 72 bytes a node while it works.
mx_status low_high_find(const struct flow *flow, const struct tree *tree, uint32_t *ranks,
                        struct mx_error *err);

#endif
