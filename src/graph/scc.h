// scc.h - strongly connected components: nodes that all reach each other.
//
// Two nodes of a component lie on a cycle together; a node alone in its component lies on one only
// when it refers to itself.
#ifndef MX_GRAPH_SCC_H
#define MX_GRAPH_SCC_H

#include "graph/csr.h"

struct components {
    uint32_t *of;    // [node_count], number of the node's component
    uint32_t *nodes; // [node_count], all nodes, component by component
    uint32_t *first; // [count + 1], where the nodes of each component begin in `nodes`
    uint32_t count;
};

// Components are numbered so that every edge between two of them goes to the smaller number. Freed by
// components_free. No recursion. O(nodes + edges), 32 bytes a node while it works.
mx_status components_find(const struct graph *graph, struct components *ret, struct mx_error *err);
void components_free(struct components *components);

static inline uint32_t component_size(const struct components *components, uint32_t component)
{
    return components->first[component + 1] - components->first[component];
}

// The node is on some cycle.
bool component_has_cycle(const struct graph *graph, const struct components *components,
                         uint32_t node);

#endif
