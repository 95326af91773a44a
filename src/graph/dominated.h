// dominated.h - the dominator tree from above: what a node holds directly, and what all nodes of a
// class retain together.
//
// Knows numbers and nothing of what they stand for.
#ifndef MX_GRAPH_DOMINATED_H
#define MX_GRAPH_DOMINATED_H

#include "graph/dominators.h"

// The children of each node in one array; those of the root stand behind those of the last node.
struct dominator_children {
    uint32_t node_count;
    uint32_t *first; // [node_count + 2]
    uint32_t *nodes; // [reached], of one parent in ascending order
};

// Freed by dominator_children_free. O(nodes), 8 bytes a node.
mx_status dominator_children_find(const struct dominators *dominators,
                                  struct dominator_children *ret, struct mx_error *err);
void dominator_children_free(struct dominator_children *children);

// Of a node, or DOMINATOR_ROOT.
static inline const uint32_t *dominator_children_of(const struct dominator_children *children,
                                                    uint32_t node, uint32_t *ret_count)
{
    uint32_t place = node == DOMINATOR_ROOT ? children->node_count : node;
    *ret_count = children->first[place + 1] - children->first[place];
    return children->nodes + children->first[place];
}

// Fills `ret` with the children that retain most, at most `most` of them: the largest first, of equal
// ones the lower number. Returns how many they are. O(children log most).
uint32_t dominator_children_largest(const struct dominator_children *children, uint32_t node,
                                    const uint64_t *retained, uint32_t most, uint32_t *ret);

// ret_sizes[class]: the size of all that is dominated by one or more of its nodes, they included, each
// node counted once: the sum of retained[] over those of the class that no other of it dominates. What
// several of a class hold together and none of them alone is in none of these. A class that is not
// below class_count is none. O(nodes + classes), 4 bytes a class and for each node of the longest path down
// while it works; 8 bytes a node besides where the children are not at hand.
mx_status dominator_children_union(const struct dominator_children *children,
                                   const uint32_t *classes, uint32_t class_count,
                                   const uint64_t *retained, uint64_t *ret_sizes,
                                   struct mx_error *err);
mx_status dominators_union(const struct dominators *dominators, const uint32_t *classes,
                           uint32_t class_count, const uint64_t *retained, uint64_t *ret_sizes,
                           struct mx_error *err);

#endif
