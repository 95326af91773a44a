// paths.h - why a node is reached: the shortest paths to it from nodes that are ends.
//
//   end --> o --> o --> node       found from right to left, over the nodes that refer to each
//
// An end has kinds, a bit for each; where one is met, the path is complete, and what refers to the end
// is not looked at. Costs what it visits and not what the graph has: a node of ten million is
// explained in microseconds, when little lies between it and the ends.
// Knows numbers and nothing of what they stand for.
#ifndef MX_GRAPH_PATHS_H
#define MX_GRAPH_PATHS_H

#include "base/vector.h"
#include "graph/csr.h"

// Where the graph comes from: arrays (struct path_graph), or the packed columns of a mapped file.
struct path_source {
    // Writes some of the nodes that refer to `node`, at most `room` (which is not 0), and returns how
    // many; 0 when there are no more. *at is 0 at first, and belongs to the function from then on.
    // The order decides nothing but what is left out when limits are met; repeats are allowed.
    size_t (*referrers)(void *data, uint32_t node, uint64_t *at, uint32_t *ret, size_t room);
    // 0 for an inner node. Asked once for each node that is visited.
    uint8_t (*kinds)(void *data, uint32_t node);
    void *data;
    uint32_t node_count; // more than any node's number; 0 when that is not known
};

struct path_limits {
    uint64_t edges; // to look at in all: a few nanoseconds each
    uint32_t inner; // nodes that are no ends to go on from in all: ten times that, and 60 bytes
    uint32_t paths; // to find in all; at least one for each kind
    uint8_t wanted; // kinds to find a path from
};

struct path {
    size_t first; // where its nodes begin in paths.nodes: the end, what it refers to, ..., the node
    uint32_t count; // 1: the node is an end itself
    uint8_t
        kinds; // those of the end for which it is the shortest; of a further path, all that it has
};

struct paths {
    VECTOR(struct path) found;
    VECTOR(uint32_t) nodes;
    // How many of the first in `found` are the shortest of their kinds, shortest first. The others
    // share no inner node with any before them, and not two of them are one edge from the same end.
    uint32_t shortest;
    bool complete; // no limit of edges or nodes was met: where a kind has no path, there is none
};

// A shortest path for each wanted kind, then further ones: each time a shortest of those that share no
// inner node with the paths before. Of paths of one length the end with the lowest number counts, then
// of each node the lowest that it can go on to. Freed by paths_free.
mx_status paths_find(const struct path_source *source, uint32_t node,
                     const struct path_limits *limits, struct paths *ret, struct mx_error *err);
void paths_free(struct paths *paths);

static inline const uint32_t *path_nodes(const struct paths *paths, const struct path *path)
{
    return paths->nodes.items + path->first;
}

// A graph in arrays.
struct path_graph {
    const struct graph *reverse; // from each node to those that refer to it
    const uint8_t *hold;         // [edge_count of reverse] 0: the edge is followed; NULL: all are
    const uint8_t *kinds;        // [node_count]
};

// It has to outlive the source.
struct path_source path_graph_source(struct path_graph *graph);

#endif
