// dominators_verify.c - whether a tree is the dominator tree, by looking at each edge twice.
//
//   1. It is a tree, over nodes that lead to each other only: a shape.
//   2. No edge enters a subtree but at its top: what stands above a node does dominate it.
//   3. There is a low-high order (low_high.h): no node dominates its sibling, so what stands directly
//      above a node is the closest that dominates it.
//
// What is trusted is in this file; the order comes from elsewhere and is checked here.
#include "graph/dominators.h"
#include "graph/low_high.h"

#include <stdlib.h>

#include "base/error.h"

enum support {
    FROM_PARENT = 1,
    FROM_LOW = 2,
    FROM_HIGH = 4,
};

struct verifier {
    const struct flow *flow;
    const struct dominators *dominators;
    struct tree tree;
    uint32_t *ranks;   // [reached]
    uint32_t *scratch; // [reached + 1]
    uint8_t *support;  // [reached + 1]
    uint32_t wrong;    // node
};

static bool wrong_node(struct verifier *verifier, uint32_t node)
{
    verifier->wrong = node;
    return false;
}

// Every node has its place, after that of its parent, or neither place nor parent.
static bool check_shape(struct verifier *verifier)
{
    const struct dominators *dominators = verifier->dominators;
    struct tree *tree = &verifier->tree;
    tree->parent[0] = 0;
    for (uint32_t i = 0; i < dominators->reached; i++) {
        uint32_t node = dominators->order[i];
        if (node >= dominators->node_count)
            return wrong_node(verifier, node);
        uint32_t above = dominators->parent[node];
        bool is_top = above == DOMINATOR_ROOT;
        if (tree->place[node] || (!is_top && above >= dominators->node_count) ||
            (!is_top && !tree->place[above]))
            return wrong_node(verifier, node);
        tree->place[node] = i + 1;
        tree->parent[i + 1] = is_top ? 0 : tree->place[above];
    }
    for (uint32_t node = 0; node < dominators->node_count; node++)
        if (!tree->place[node] && dominators->parent[node] != DOMINATOR_NONE)
            return wrong_node(verifier, node);
    return true;
}

static void find_sizes(struct tree *tree)
{
    for (uint32_t place = 0; place <= tree->count; place++)
        tree->size[place] = 1;
    for (uint32_t place = tree->count; place; place--)
        tree->size[tree->parent[place]] += tree->size[place];
}

// Of an edge between places, 0 being the root: what is to be checked.
typedef bool edge_fn(struct verifier *verifier, uint32_t from, uint32_t to);

static bool enters_at_top(struct verifier *verifier, uint32_t from, uint32_t to)
{
    return to && tree_within(&verifier->tree, from, verifier->tree.parent[to]);
}

static bool note_support(struct verifier *verifier, uint32_t from, uint32_t to)
{
    const struct tree *tree = &verifier->tree;
    if (from == tree->parent[to])
        verifier->support[to] |= FROM_PARENT;
    else if (tree->before[from] < tree->before[to])
        verifier->support[to] |= FROM_LOW;
    else if (!tree_within(tree, from, to))
        verifier->support[to] |= FROM_HIGH;
    return true;
}

static bool each_entry(struct verifier *verifier, edge_fn *check, const uint32_t *entries,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!check(verifier, 0, verifier->tree.place[entries[i]]))
            return wrong_node(verifier, entries[i]);
    return true;
}

static bool each_edge(struct verifier *verifier, edge_fn *check)
{
    const struct flow *flow = verifier->flow;
    const struct graph *graph = flow->graph;
    const uint32_t *place = verifier->tree.place;
    if (!each_entry(verifier, check, flow->entries, flow->entry_count) ||
        (flow->close && !each_entry(verifier, check, verifier->dominators->added,
                                    verifier->dominators->added_count)))
        return false;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (!place[node])
            continue;
        for (uint64_t edge = graph->offsets[node]; edge < graph->offsets[node + 1]; edge++)
            if (flow_follows(flow, edge) &&
                !check(verifier, place[node], place[graph->targets[edge]]))
                return wrong_node(verifier, graph->targets[edge]);
    }
    return true;
}

static bool all_supported(struct verifier *verifier)
{
    for (uint32_t place = 1; place <= verifier->tree.count; place++) {
        uint8_t support = verifier->support[place];
        if (!(support & FROM_PARENT) && support != (FROM_LOW | FROM_HIGH))
            return wrong_node(verifier, verifier->dominators->order[place - 1]);
    }
    return true;
}

static mx_status verify(struct verifier *verifier, bool *ret_right, struct mx_error *err)
{
    struct tree *tree = &verifier->tree;
    *ret_right = false;
    if (!check_shape(verifier))
        return MX_OK;
    find_sizes(tree);
    tree_number(tree, NULL, verifier->scratch);
    if (!each_edge(verifier, enters_at_top))
        return MX_OK;
    mx_status status = low_high_find(verifier->flow, tree, verifier->ranks, err);
    if (status)
        return status;
    tree_number(tree, verifier->ranks, verifier->scratch);
    each_edge(verifier, note_support);
    *ret_right = all_supported(verifier);
    return MX_OK;
}

mx_status dominators_verify(const struct flow *flow, const struct dominators *dominators,
                            bool *ret_right, uint32_t *ret_node, struct mx_error *err)
{
    size_t nodes = (size_t)flow->graph->node_count + 1, count = (size_t)dominators->reached + 1;
    struct verifier verifier = {
        .flow = flow,
        .dominators = dominators,
        .tree = {.count = dominators->reached,
                 .place = calloc(nodes, sizeof *verifier.tree.place),
                 .parent = malloc(count * sizeof *verifier.tree.parent),
                 .size = malloc(count * sizeof *verifier.tree.size),
                 .before = malloc(count * sizeof *verifier.tree.before)},
        .ranks = malloc(count * sizeof *verifier.ranks),
        .scratch = malloc(count * sizeof *verifier.scratch),
        .support = calloc(count, sizeof *verifier.support),
        .wrong = GRAPH_NONE,
    };
    struct tree *tree = &verifier.tree;
    bool right = false, ok = tree->place && tree->parent && tree->size && tree->before &&
                             verifier.ranks && verifier.scratch && verifier.support;
    mx_status status = ok ? verify(&verifier, &right, err) : fail_no_memory(err);
    free(tree->place);
    free(tree->parent);
    free(tree->size);
    free(tree->before);
    free(verifier.ranks);
    free(verifier.scratch);
    free(verifier.support);
    if (!status) {
        *ret_right = right;
        *ret_node = verifier.wrong;
    }
    return status;
}
