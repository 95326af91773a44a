// dominators.c - Semi-NCA, without recursion, on flat arrays.
//
// L. Georgiadis, R. Tarjan, R. Werneck, "Finding dominators in practice", J. Graph Algorithms Appl. 10
// (2006). In numbers of a depth-first search, a node's semidominator is the smallest from which a path
// leads to it over larger numbers alone. Its immediate dominator is then the deepest node that is an
// ancestor of both its parent and its semidominator in the tree of those found before.
//
// The second step of the paper climbs that tree node by node, and a chain of k objects whose last
// refers to n more that its first refers to as well takes k * n steps. Here each node has a link that
// jumps, laid as in E. Myers, "An applicative random-access stack", Inf. Process. Lett. 17 (1983):
// no climb takes more than some 2 log n steps.
#include "graph/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

#define AHEAD 16 // edges: they are asked for from behind, node by node

// While semidominators are found: the path above a node, as far as it has been seen, in one step.
struct path {
    uint32_t top;   // where it ends; not a part of it while its number is not above the current one
    uint32_t least; // semidominator of the nodes on it
};

// While the tree is made, in the same place.
struct jump {
    uint32_t to, depth;
};

union link {
    struct path path;
    struct jump jump;
};

// The least semidominator on the path from the node to the last ancestor whose number is above
// `floor`. Every node on the way gets the whole path as its step.
static uint32_t least_above(union link *links, uint32_t node, uint32_t floor, uint32_t *stack)
{
    size_t depth = 0;
    uint32_t at = node;
    for (; links[at].path.top > floor; at = links[at].path.top)
        stack[depth++] = at;
    struct path above = links[at].path;
    while (depth) {
        struct path *path = &links[stack[--depth]].path;
        if (path->least < above.least)
            above.least = path->least;
        *path = above;
    }
    return above.least;
}

// numbering->highest, which is the semidominator as far as edges from ancestors tell, becomes it.
static void find_semidominators(struct numbering *numbering, union link *links, uint32_t *stack)
{
    for (uint32_t node = numbering->reached; node; node--) {
        uint32_t semi = numbering->highest[node];
        for (uint64_t i = numbering->first[node]; i < numbering->first[node + 1]; i++) {
            if (i >= AHEAD)
                __builtin_prefetch(&links[numbering->later[i - AHEAD]]);
            uint32_t least = least_above(links, numbering->later[i], node, stack);
            if (least < semi)
                semi = least;
        }
        numbering->highest[node] = semi;
        links[node].path = (struct path){numbering->parent[node], semi};
    }
}

// numbering->parent, in the tree of the search, becomes the immediate dominator.
static void find_immediate(struct numbering *numbering, union link *links)
{
    uint32_t *parent = numbering->parent;
    links[0].jump = (struct jump){0, 0};
    for (uint32_t node = 1; node <= numbering->reached; node++) {
        uint32_t at = parent[node], semi = numbering->highest[node];
        while (at > semi)
            at = links[at].jump.to > semi ? links[at].jump.to : parent[at];
        parent[node] = at;
        struct jump above = links[at].jump, next = links[above.to].jump;
        bool same =
            above.depth - links[above.to].jump.depth == next.depth - links[next.to].jump.depth;
        links[node].jump = (struct jump){same ? next.to : at, above.depth + 1};
    }
}

void dominators_free(struct dominators *dominators)
{
    free(dominators->parent);
    free(dominators->order);
    free(dominators->added);
    *dominators = (struct dominators){0};
}

mx_status dominators_find(const struct flow *flow, struct dominators *ret, struct mx_error *err)
{
    struct numbering numbering;
    mx_status status = numbering_find(flow, &numbering, err);
    if (status)
        return status;
    union link *links = malloc(((size_t)numbering.reached + 1) * sizeof *links);
    if (!links) {
        numbering_free(&numbering);
        return fail_no_memory(err);
    }
    uint32_t count = flow->graph->node_count;
    uint32_t *parent = steal(numbering.number); // pages that are at hand: new ones cost more than
    find_semidominators(&numbering, links, parent); // what is written there
    find_immediate(&numbering, links);
    memset(parent, 0xFF, count * sizeof *parent);
    for (uint32_t i = 0; i < numbering.reached; i++) {
        uint32_t above = numbering.parent[i + 1];
        parent[numbering.order[i]] = above ? numbering.order[above - 1] : DOMINATOR_ROOT;
    }
    *ret = (struct dominators){.node_count = count,
                               .reached = numbering.reached,
                               .parent = parent,
                               .order = steal(numbering.order),
                               .added = steal(numbering.added),
                               .added_count = numbering.added_count};
    free(links);
    numbering_free(&numbering);
    return MX_OK;
}

void dominators_retained(const struct dominators *dominators, const uint64_t *sizes,
                         uint64_t *retained)
{
    for (uint32_t node = 0; node < dominators->node_count; node++)
        retained[node] = dominators->parent[node] == DOMINATOR_NONE ? 0 : sizes[node];
    for (uint32_t i = dominators->reached; i--;) {
        uint32_t node = dominators->order[i], above = dominators->parent[node];
        if (above != DOMINATOR_ROOT)
            retained[above] += retained[node];
    }
}
