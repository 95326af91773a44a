// flow_close.c - where else to enter a flow, so that all of it is reached.
//
//   root --> o --> o        (o <--> o) --> o        in parentheses: nothing leads there but they
//                                                   themselves; all of them become entries
//
// What is left over falls into strongly connected components. Those that no other leads into lead to
// all the others, and of one of them no node is more of a beginning than the rest.
#include "graph/flow.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "graph/scc.h"

struct rest {
    const struct flow *flow;
    const uint32_t *number;
    uint32_t *nodes; // [graph.node_count], not reached, in ascending order
    uint32_t *index; // [node_count], place in `nodes`; nothing for those that are reached
    struct graph graph;
};

static bool list_nodes(struct rest *rest)
{
    uint32_t node_count = rest->flow->graph->node_count, count = 0;
    for (uint32_t node = 0; node < node_count; node++)
        count += !rest->number[node];
    rest->nodes = malloc(((size_t)count + 1) * sizeof *rest->nodes);
    rest->index = malloc(((size_t)node_count + 1) * sizeof *rest->index);
    if (!rest->nodes || !rest->index)
        return false;
    count = 0;
    for (uint32_t node = 0; node < node_count; node++)
        if (!rest->number[node]) {
            rest->index[node] = count;
            rest->nodes[count++] = node;
        }
    rest->graph.node_count = count;
    return true;
}

// Edges that are followed, between nodes of the rest.
static void each_edge(struct rest *rest,
                      void (*add)(struct graph *graph, uint32_t from, uint32_t to))
{
    const struct graph *graph = rest->flow->graph;
    for (uint32_t from = 0; from < rest->graph.node_count; from++) {
        uint32_t node = rest->nodes[from];
        for (uint64_t edge = graph->offsets[node]; edge < graph->offsets[node + 1]; edge++) {
            uint32_t to = graph->targets[edge];
            if (!rest->number[to] && flow_follows(rest->flow, edge))
                add(&rest->graph, from, rest->index[to]);
        }
    }
}

static void count_edge(struct graph *graph, uint32_t from, uint32_t to)
{
    (void)to;
    graph_count_edge(graph, from);
}

static mx_status build(struct rest *rest, struct mx_error *err)
{
    if (!list_nodes(rest))
        return fail_no_memory(err);
    mx_status status = graph_init(&rest->graph, rest->graph.node_count, err);
    if (status)
        return status;
    each_edge(rest, count_edge);
    if ((status = graph_allocate(&rest->graph, err)))
        return status;
    each_edge(rest, graph_add_edge);
    graph_finish(&rest->graph);
    return MX_OK;
}

// The nodes of components that no edge enters move to the front; returns how many they are.
static uint32_t keep_sources(struct rest *rest, const struct components *components,
                             uint8_t *entered)
{
    const struct graph *graph = &rest->graph;
    for (uint32_t from = 0; from < graph->node_count; from++)
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            if (components->of[from] != components->of[*to])
                entered[components->of[*to]] = 1;
    uint32_t count = 0;
    for (uint32_t from = 0; from < graph->node_count; from++)
        if (!entered[components->of[from]])
            rest->nodes[count++] = rest->nodes[from];
    return count;
}

mx_status flow_close(const struct flow *flow, const uint32_t *number, uint32_t **ret_nodes,
                     uint32_t *ret_count, struct mx_error *err)
{
    struct rest rest = {.flow = flow, .number = number};
    struct components components = {0};
    uint8_t *entered = NULL;
    mx_status status = build(&rest, err);
    if (!status)
        status = components_find(&rest.graph, &components, err);
    if (!status && !(entered = calloc((size_t)components.count + 1, 1)))
        status = fail_no_memory(err);
    if (!status) {
        *ret_count = keep_sources(&rest, &components, entered);
        *ret_nodes = steal(rest.nodes);
    }
    free(entered);
    free(rest.nodes);
    free(rest.index);
    components_free(&components);
    graph_fini(&rest.graph);
    return status;
}
