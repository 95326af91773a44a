// graph_random.h - graphs for the tests of graphs: small ones of every nastiness, and large ones.
#ifndef MX_TESTS_GRAPH_RANDOM_H
#define MX_TESTS_GRAPH_RANDOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/csr.h"
#include "graph/flow.h"

// Under sanitizers everything takes ten times as long: the same tests, fewer rounds.
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
    SMALL_ROUNDS = SANITIZED ? 20000 : 120000,
    SMALL_NODES = 12,
    SMALL_EDGES = 48,
    LONG = 1000000,
};

struct pair {
    uint32_t from, to;
};

// A flow of few nodes, with all that it consists of.
struct small_flow {
    struct flow flow;
    struct graph graph;
    uint8_t hold[SMALL_EDGES];
    uint32_t entries[2 * SMALL_NODES];
};

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 32) * limit >> 32);
}

static inline void build_graph(struct graph *graph, uint32_t node_count, const struct pair *edges,
                               size_t count)
{
    assert_int_equal(graph_init(graph, node_count, NULL), MX_OK);
    for (size_t i = 0; i < count; i++)
        graph_count_edge(graph, edges[i].from);
    assert_int_equal(graph_allocate(graph, NULL), MX_OK);
    for (size_t i = 0; i < count; i++)
        graph_add_edge(graph, edges[i].from, edges[i].to);
    graph_finish(graph);
}

// The kinds differ in what is likely: edges to the same few nodes, between neighbours, all of them,
// more than once, to oneself; parts that nothing reaches; many entries, or none.
static inline void small_flow_init(struct small_flow *small, uint64_t *seed, uint32_t most_nodes)
{
    struct pair edges[SMALL_EDGES];
    uint32_t nodes = 1 + random_below(seed, most_nodes), kind = random_below(seed, 6);
    uint32_t count = random_below(seed, nodes * 4 + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = random_below(seed, nodes), to = random_below(seed, nodes);
        if (kind == 1)
            to = random_below(seed, 1 + nodes / 4);
        else if (kind == 2)
            to = (from + random_below(seed, 3) + nodes - 1) % nodes;
        else if (kind == 3 && i)
            to = edges[i - 1].to;
        else if (kind == 4 && i + 1 < nodes)
            from = i, to = i + 1;
        edges[i] = (struct pair){from, to};
    }
    if (kind == 5 && nodes * nodes <= SMALL_EDGES)
        for (count = 0; count < nodes * nodes; count++)
            edges[count] = (struct pair){count / nodes, count % nodes};
    build_graph(&small->graph, nodes, edges, count);
    bool holds = random_below(seed, 2);
    for (uint32_t i = 0; i < count; i++)
        small->hold[i] = random_below(seed, 4) == 0;
    uint32_t entries = random_below(seed, 3) ? 1 : random_below(seed, nodes + 1);
    for (uint32_t i = 0; i < entries; i++)
        small->entries[i] = kind == 4 ? 0 : random_below(seed, nodes);
    small->flow = (struct flow){.graph = &small->graph,
                                .hold = holds ? small->hold : NULL,
                                .entries = small->entries,
                                .entry_count = entries};
}

static inline void small_flow_fini(struct small_flow *small)
{
    graph_fini(&small->graph);
}

// Which nodes are reached when `without` is not there (a node, or GRAPH_NONE), as bits: by looking at
// all edges until nothing changes.
static inline uint32_t small_flow_reached(const struct small_flow *small, uint32_t without)
{
    const struct flow *flow = &small->flow;
    const struct graph *graph = flow->graph;
    uint32_t reached = 0, before;
    for (size_t i = 0; i < flow->entry_count; i++)
        if (flow->entries[i] != without)
            reached |= 1u << flow->entries[i];
    do {
        before = reached;
        for (uint32_t from = 0; from < graph->node_count; from++)
            for (uint64_t i = graph->offsets[from]; i < graph->offsets[from + 1]; i++)
                if (reached >> from & 1 && !(flow->hold && flow->hold[i]) &&
                    graph->targets[i] != without)
                    reached |= 1u << graph->targets[i];
    } while (reached != before);
    return reached;
}

#endif
