// csr.h - a directed graph in two flat arrays: the nodes that each node refers to.
//
//   offsets: | 0 | 2 | 2 | 5 |        node n refers to targets[offsets[n]] ... [offsets[n + 1] - 1]
//   targets: | 1 | 2 | 0 | 1 | 1 |    more than one reference to the same node is more than one entry
//
// Knows numbers and nothing of what they stand for. Built in two passes over whatever has the edges:
// count each, then add each. 4 bytes an edge, 8 a node.
#ifndef MX_GRAPH_CSR_H
#define MX_GRAPH_CSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memexplorer.h"

#define GRAPH_NONE UINT32_MAX // no node

struct graph {
    uint32_t node_count;
    uint64_t edge_count;
    uint64_t *offsets; // [node_count + 1]
    uint32_t *targets; // [edge_count]
    uint64_t *next;    // [node_count], while it is built: where the next target goes; else NULL
};

// Ready for graph_count_edge. MX_NO_MEMORY is all that can go wrong, here and below.
mx_status graph_init(struct graph *graph, uint32_t node_count, struct mx_error *err);
void graph_fini(struct graph *graph);

// First pass: room for one more edge.
static inline void graph_count_edge(struct graph *graph, uint32_t from)
{
    graph->offsets[from + 1]++;
}

// Between the passes.
mx_status graph_allocate(struct graph *graph, struct mx_error *err);

// Second pass, in any order: as many edges from a node as were counted for it, or fewer. What is
// more than that is left out.
void graph_add_edge(struct graph *graph, uint32_t from, uint32_t to);

// After it: closes the gaps. Only now are offsets and targets what the picture shows.
void graph_finish(struct graph *graph);

static inline const uint32_t *graph_begin(const struct graph *graph, uint32_t node)
{
    return graph->targets + graph->offsets[node];
}

static inline const uint32_t *graph_end(const struct graph *graph, uint32_t node)
{
    return graph->targets + graph->offsets[node + 1];
}

// The same edges the other way round. O(nodes + edges).
mx_status graph_reverse(const struct graph *graph, struct graph *ret, struct mx_error *err);

// Sets marks[n] to `mark` for every node n that is reached from one with that mark, over nodes whose
// mark is 0. `stack` has room for all nodes. O(nodes + edges).
void graph_spread(const struct graph *graph, uint8_t *marks, uint8_t mark, uint32_t *stack);

// The nodes with that mark, renumbered in their order, and the edges between them. *ret_nodes, freed
// by the caller, has their former numbers. O(nodes + edges).
mx_status graph_select(const struct graph *graph, const uint8_t *marks, uint8_t mark,
                       struct graph *ret, uint32_t **ret_nodes, struct mx_error *err);

#endif
