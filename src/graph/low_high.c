// low_high.c - a low-high order out of two spanning trees that part wherever they can.
//
// Of each node the depth-first tree has the parent, and the search for semidominators has another
// edge to it, on which a path from the semidominator ends. Low and high are these two, so chosen that
// the paths up along low and up along high meet in common dominators alone (after L. Georgiadis and
// R. Tarjan, "Dominator tree verification and vertex-disjoint paths", SODA 2005): where the path to
// the parent passes the semidominator at a node, that node goes up by its other edge.
// Siblings of the tree are then sorted so that all come after what their low edge comes from, and
// before what their high edge comes from.
#include "graph/low_high.h"

#include <stdlib.h>

#include "base/error.h"

// As in dominators.c, but the path is known by the node on it whose semidominator is least.
struct path {
    uint32_t top, best;
};

struct finder {
    struct numbering numbers; // highest becomes the semidominator
    const struct tree *tree;
    struct path *paths;    // [reached + 1], numbers
    uint32_t *other;       // [reached + 1], where the edge comes from that is not the tree's
    uint32_t *head, *next; // [reached + 1], lists
    uint32_t *low, *high;  // [reached + 1]
    uint32_t *scratch;     // [reached + 1]
    uint32_t *all;         // where these eight are
};

static uint32_t best_above(struct finder *finder, uint32_t node, uint32_t floor)
{
    struct path *paths = finder->paths;
    const uint32_t *semi = finder->numbers.highest;
    size_t depth = 0;
    for (; paths[node].top > floor; node = paths[node].top)
        finder->scratch[depth++] = node;
    struct path above = paths[node];
    while (depth) {
        struct path *path = &paths[finder->scratch[--depth]];
        if (semi[path->best] < semi[above.best])
            above.best = path->best;
        *path = above;
    }
    return above.best;
}

static void push(struct finder *finder, uint32_t list, uint32_t item)
{
    finder->next[item] = finder->head[list];
    finder->head[list] = item;
}

static void clear_lists(struct finder *finder)
{
    for (uint32_t i = 0; i <= finder->numbers.reached; i++)
        finder->head[i] = 0;
}

static void find_semidominator(struct finder *finder, uint32_t node)
{
    struct numbering *numbers = &finder->numbers;
    uint32_t semi = numbers->highest[node], other = semi;
    for (uint64_t i = numbers->first[node]; i < numbers->first[node + 1]; i++) {
        uint32_t least = numbers->highest[best_above(finder, numbers->later[i], node)];
        if (least < semi) {
            semi = least;
            other = numbers->later[i];
        }
    }
    numbers->highest[node] = semi;
    finder->other[node] = other;
    finder->paths[node] = (struct path){numbers->parent[node], node};
    push(finder, semi, node);
}

// low[node], for now, is the node on the path from below its semidominator to it whose own
// semidominator is least: the one where a path up can pass.
static void find_edges(struct finder *finder)
{
    struct numbering *numbers = &finder->numbers;
    clear_lists(finder);
    for (uint32_t node = numbers->reached;; node--) {
        for (uint32_t at = finder->head[node]; at; at = finder->next[at])
            finder->low[at] = best_above(finder, at, node);
        if (!node)
            break;
        find_semidominator(finder, node);
    }
}

static uint32_t place_of(const struct finder *finder, uint32_t number)
{
    return number ? finder->tree->place[finder->numbers.order[number - 1]] : 0;
}

// low and high, as places by place.
static void find_low_and_high(struct finder *finder)
{
    const struct numbering *numbers = &finder->numbers;
    uint32_t *swapped = finder->head;
    for (uint32_t node = 1; node <= numbers->reached; node++) {
        uint32_t best = finder->low[node];
        bool passes = numbers->highest[best] < numbers->highest[node];
        swapped[node] = passes && !swapped[best];
    }
    for (uint32_t node = 1; node <= numbers->reached; node++) {
        uint32_t parent = place_of(finder, numbers->parent[node]);
        uint32_t other = place_of(finder, finder->other[node]), place = place_of(finder, node);
        finder->scratch[place] = swapped[node] ? other : parent;
        finder->high[place] = swapped[node] ? parent : other;
    }
    for (uint32_t place = 1; place <= numbers->reached; place++)
        finder->low[place] = finder->scratch[place];
}

// ends[place] becomes the sibling of the place above it; 0 when it is the parent of the place itself.
// Walks the tree in preorder with the path from the root at hand.
static void lift_to_siblings(struct finder *finder, uint32_t *ends)
{
    const struct tree *tree = finder->tree;
    uint32_t *at = (uint32_t *)finder->paths; // two numbers for each place
    uint32_t *path = at + tree->count + 1, *depth = finder->scratch;
    clear_lists(finder);
    at[0] = path[0] = depth[0] = 0;
    for (uint32_t place = 1; place <= tree->count; place++) {
        at[tree->before[place]] = place;
        depth[place] = depth[tree->parent[place]] + 1;
        push(finder, ends[place], place);
    }
    for (uint32_t i = 0; i <= tree->count; i++) {
        uint32_t end = at[i];
        path[depth[end]] = end;
        for (uint32_t place = finder->head[end]; place; place = finder->next[place])
            ends[place] = end == tree->parent[place] ? 0 : path[depth[place]];
    }
}

static void sort_siblings(struct finder *finder, uint32_t *ranks)
{
    uint32_t count = finder->tree->count, ranked = 0, *waiting = finder->scratch;
    clear_lists(finder);
    for (uint32_t place = 0; place <= count; place++)
        waiting[place] = 0;
    for (uint32_t place = 1; place <= count; place++) {
        if (!finder->low[place] || !finder->high[place]) {
            finder->low[place] = finder->high[place] = 0;
            continue;
        }
        push(finder, finder->low[place], place);
        waiting[place]++;
        waiting[finder->high[place]]++;
    }
    for (uint32_t place = 1; place <= count; place++)
        if (!waiting[place])
            ranks[ranked++] = place;
    for (uint32_t i = 0; i < ranked; i++) {
        uint32_t place = ranks[i], high = finder->high[place];
        if (high && !--waiting[high])
            ranks[ranked++] = high;
        for (uint32_t at = finder->head[place]; at; at = finder->next[at])
            if (!--waiting[at])
                ranks[ranked++] = at;
    }
    // On a cycle: not the dominator tree, and whoever checks the order sees it.
    for (uint32_t place = 1; place <= count; place++)
        if (waiting[place])
            ranks[ranked++] = place;
}

void tree_number(struct tree *tree, const uint32_t *ranks, uint32_t *scratch)
{
    for (uint32_t place = 0; place <= tree->count; place++)
        scratch[place] = 1;
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t place = ranks ? ranks[i] : i + 1;
        tree->before[place] = scratch[tree->parent[place]];
        scratch[tree->parent[place]] += tree->size[place];
    }
    tree->before[0] = 0;
    for (uint32_t place = 1; place <= tree->count; place++)
        tree->before[place] += tree->before[tree->parent[place]];
}

mx_status low_high_find(const struct flow *flow, const struct tree *tree, uint32_t *ranks,
                        struct mx_error *err)
{
    struct finder finder = {.tree = tree};
    mx_status status = numbering_find(flow, &finder.numbers, err);
    if (status)
        return status;
    size_t count = (size_t)tree->count + 1;
    if (finder.numbers.reached != tree->count) { // not the flow's tree: any order will do
        for (uint32_t place = 1; place <= tree->count; place++)
            ranks[place - 1] = place;
    } else if (!(finder.all = malloc(8 * count * sizeof *finder.all))) {
        status = fail_no_memory(err);
    } else {
        finder.paths = (struct path *)finder.all;
        finder.other = finder.all + 2 * count;
        finder.head = finder.all + 3 * count;
        finder.next = finder.all + 4 * count;
        finder.low = finder.all + 5 * count;
        finder.high = finder.all + 6 * count;
        finder.scratch = finder.all + 7 * count;
        finder.paths[0] = (struct path){0, 0};
        find_edges(&finder);
        find_low_and_high(&finder);
        lift_to_siblings(&finder, finder.low);
        lift_to_siblings(&finder, finder.high);
        sort_siblings(&finder, ranks);
    }
    free(finder.all);
    numbering_free(&finder.numbers);
    return status;
}
