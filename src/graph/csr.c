// csr.c - building a graph, turning it round, walking from some nodes to all they reach.
#include "graph/csr.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

mx_status graph_init(struct graph *graph, uint32_t node_count, struct mx_error *err)
{
    *graph = (struct graph){.node_count = node_count};
    graph->offsets = calloc((size_t)node_count + 1, sizeof *graph->offsets);
    return graph->offsets ? MX_OK : fail_no_memory(err);
}

void graph_fini(struct graph *graph)
{
    free(graph->offsets);
    free(graph->targets);
    free(graph->next);
    *graph = (struct graph){0};
}

mx_status graph_allocate(struct graph *graph, struct mx_error *err)
{
    uint64_t total = 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        total += graph->offsets[node + 1];
        graph->offsets[node + 1] = total;
    }
    graph->edge_count = total;
    graph->targets = calloc(total + 1, sizeof *graph->targets);
    graph->next = malloc(((size_t)graph->node_count + 1) * sizeof *graph->next);
    if (!graph->targets || !graph->next)
        return fail_no_memory(err);
    memcpy(graph->next, graph->offsets, graph->node_count * sizeof *graph->next);
    return MX_OK;
}

void graph_add_edge(struct graph *graph, uint32_t from, uint32_t to)
{
    if (graph->next[from] < graph->offsets[from + 1])
        graph->targets[graph->next[from]++] = to;
}

void graph_finish(struct graph *graph)
{
    uint64_t filled = 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint64_t start = graph->offsets[node], count = graph->next[node] - start;
        if (filled != start)
            memmove(graph->targets + filled, graph->targets + start,
                    count * sizeof *graph->targets);
        graph->offsets[node] = filled;
        filled += count;
    }
    graph->offsets[graph->node_count] = graph->edge_count = filled;
    free(graph->next);
    graph->next = NULL;
}

mx_status graph_reverse(const struct graph *graph, struct graph *ret, struct mx_error *err)
{
    mx_status status = graph_init(ret, graph->node_count, err);
    for (uint64_t i = 0; !status && i < graph->edge_count; i++)
        graph_count_edge(ret, graph->targets[i]);
    if (!status)
        status = graph_allocate(ret, err);
    if (status) {
        graph_fini(ret);
        return status;
    }
    for (uint32_t from = 0; from < graph->node_count; from++)
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            graph_add_edge(ret, *to, from);
    graph_finish(ret);
    return MX_OK;
}

void graph_spread(const struct graph *graph, uint8_t *marks, uint8_t mark, uint32_t *stack)
{
    size_t depth = 0;
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (marks[node] == mark)
            stack[depth++] = node;
    while (depth) {
        uint32_t from = stack[--depth];
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            if (!marks[*to]) {
                marks[*to] = mark;
                stack[depth++] = *to;
            }
    }
}

static void select_edges(const struct graph *graph, const uint32_t *numbers, bool counting,
                         struct graph *ret)
{
    for (uint32_t from = 0; from < graph->node_count; from++) {
        if (numbers[from] == GRAPH_NONE)
            continue;
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            if (numbers[*to] == GRAPH_NONE)
                continue;
            else if (counting)
                graph_count_edge(ret, numbers[from]);
            else
                graph_add_edge(ret, numbers[from], numbers[*to]);
    }
}

mx_status graph_select(const struct graph *graph, const uint8_t *marks, uint8_t mark,
                       struct graph *ret, uint32_t **ret_nodes, struct mx_error *err)
{
    uint32_t count = 0;
    uint32_t *numbers = malloc(((size_t)graph->node_count + 1) * sizeof *numbers);
    for (uint32_t node = 0; numbers && node < graph->node_count; node++)
        numbers[node] = marks[node] == mark ? count++ : GRAPH_NONE;
    uint32_t *nodes = malloc(((size_t)count + 1) * sizeof *nodes);
    mx_status status = numbers && nodes ? graph_init(ret, count, err) : fail_no_memory(err);
    if (status) {
        free(numbers);
        free(nodes);
        return status;
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (numbers[node] != GRAPH_NONE)
            nodes[numbers[node]] = node;
    select_edges(graph, numbers, true, ret);
    status = graph_allocate(ret, err);
    if (!status) {
        select_edges(graph, numbers, false, ret);
        graph_finish(ret);
        *ret_nodes = nodes;
    } else {
        graph_fini(ret);
        free(nodes);
    }
    free(numbers);
    return status;
}
