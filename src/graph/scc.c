// scc.c - Tarjan's algorithm, with a stack of its own in the place of recursion.
//
// R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972): a component
// is complete when the walk leaves the first of its nodes that it met.
#include "graph/scc.h"

#include <stdlib.h>

#include "base/error.h"

struct visit {
    uint32_t node;
    uint64_t edge; // the next of its edges to follow
};

struct tarjan {
    const struct graph *graph;
    struct components *components;
    uint32_t *order; // [node_count], 1 for the first node met; 0: not met yet
    uint32_t *low;   // [node_count], the earliest node known to be reached that is still open
    struct visit *path;
    size_t depth;
    uint32_t *open; // nodes met whose component is not complete
    uint32_t met, open_count, closed;
};

static void enter(struct tarjan *tarjan, uint32_t node)
{
    tarjan->order[node] = tarjan->low[node] = ++tarjan->met;
    tarjan->open[tarjan->open_count++] = node;
    tarjan->path[tarjan->depth++] = (struct visit){node, tarjan->graph->offsets[node]};
}

static void close_component(struct tarjan *tarjan, uint32_t root)
{
    struct components *components = tarjan->components;
    uint32_t node;
    components->first[components->count] = tarjan->closed;
    do {
        node = tarjan->open[--tarjan->open_count];
        components->of[node] = components->count;
        components->nodes[tarjan->closed++] = node;
    } while (node != root);
    components->first[++components->count] = tarjan->closed;
}

// One step: along one edge, or back.
static void step(struct tarjan *tarjan)
{
    struct visit *visit = &tarjan->path[tarjan->depth - 1];
    uint32_t node = visit->node;
    if (visit->edge < tarjan->graph->offsets[node + 1]) {
        uint32_t to = tarjan->graph->targets[visit->edge++];
        if (!tarjan->order[to])
            enter(tarjan, to);
        else if (tarjan->components->of[to] == GRAPH_NONE && tarjan->order[to] < tarjan->low[node])
            tarjan->low[node] = tarjan->order[to];
        return;
    }
    tarjan->depth--;
    if (tarjan->low[node] == tarjan->order[node])
        close_component(tarjan, node);
    if (tarjan->depth) {
        uint32_t parent = tarjan->path[tarjan->depth - 1].node;
        if (tarjan->components->of[node] == GRAPH_NONE && tarjan->low[node] < tarjan->low[parent])
            tarjan->low[parent] = tarjan->low[node];
    }
}

void components_free(struct components *components)
{
    free(components->of);
    free(components->nodes);
    free(components->first);
    *components = (struct components){0};
}

mx_status components_find(const struct graph *graph, struct components *ret, struct mx_error *err)
{
    size_t count = (size_t)graph->node_count + 1;
    struct components found = {.of = malloc(count * sizeof *found.of),
                               .nodes = malloc(count * sizeof *found.nodes),
                               .first = calloc(count, sizeof *found.first)};
    struct tarjan tarjan = {.graph = graph,
                            .components = &found,
                            .order = calloc(count, sizeof *tarjan.order),
                            .low = malloc(count * sizeof *tarjan.low),
                            .path = malloc(count * sizeof *tarjan.path),
                            .open = malloc(count * sizeof *tarjan.open)};
    bool ok = found.of && found.nodes && found.first && tarjan.order && tarjan.low && tarjan.path &&
              tarjan.open;
    for (uint32_t node = 0; ok && node < graph->node_count; node++)
        found.of[node] = GRAPH_NONE;
    for (uint32_t node = 0; ok && node < graph->node_count; node++) {
        if (tarjan.order[node])
            continue;
        enter(&tarjan, node);
        while (tarjan.depth)
            step(&tarjan);
    }
    free(tarjan.order);
    free(tarjan.low);
    free(tarjan.path);
    free(tarjan.open);
    if (!ok) {
        components_free(&found);
        return fail_no_memory(err);
    }
    *ret = found;
    return MX_OK;
}

bool component_has_cycle(const struct graph *graph, const struct components *components,
                         uint32_t node)
{
    if (component_size(components, components->of[node]) > 1)
        return true;
    for (const uint32_t *to = graph_begin(graph, node); to < graph_end(graph, node); to++)
        if (*to == node)
            return true;
    return false;
}
