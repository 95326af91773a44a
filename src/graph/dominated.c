// dominated.c - the dominator tree from above: children, and walks from dominators to dominated.
#include "graph/dominated.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

// ---- children ---------------------------------------------------------------------------------

void dominator_children_free(struct dominator_children *children)
{
    free(children->first);
    free(children->nodes);
    *children = (struct dominator_children){0};
}

static uint32_t place_of(const struct dominators *dominators, uint32_t node)
{
    uint32_t above = dominators->parent[node];
    return above == DOMINATOR_ROOT ? dominators->node_count : above;
}

mx_status dominator_children_find(const struct dominators *dominators,
                                  struct dominator_children *ret, struct mx_error *err)
{
    uint32_t count = dominators->node_count;
    struct dominator_children found = {
        .node_count = count,
        .first = calloc((size_t)count + 2, sizeof *found.first),
        .nodes = malloc(((size_t)dominators->reached + 1) * sizeof *found.nodes)};
    if (!found.first || !found.nodes) {
        dominator_children_free(&found);
        return fail_no_memory(err);
    }
    for (uint32_t i = 0; i < dominators->reached; i++)
        found.first[place_of(dominators, dominators->order[i])]++;
    uint32_t total = 0;
    for (uint32_t place = 0; place <= count; place++)
        found.first[place] = total += found.first[place];
    found.first[count + 1] = total;
    for (uint32_t node = count; node--;) // from behind: first ends as where the children begin
        if (dominators->parent[node] != DOMINATOR_NONE)
            found.nodes[--found.first[place_of(dominators, node)]] = node;
    *ret = found;
    return MX_OK;
}

// Comes before the other in the answer.
static bool larger(const uint64_t *retained, uint32_t node, uint32_t other)
{
    return retained[node] != retained[other] ? retained[node] > retained[other] : node < other;
}

// Puts `node` into the heap at `place`, whose least is at its top, or further down.
static void sift(uint32_t *heap, uint32_t count, uint32_t place, uint32_t node,
                 const uint64_t *retained)
{
    for (;;) {
        size_t child = 2 * (size_t)place + 1;
        if (child + 1 < count && larger(retained, heap[child], heap[child + 1]))
            child++;
        if (child >= count || !larger(retained, node, heap[child]))
            break;
        heap[place] = heap[child];
        place = (uint32_t)child;
    }
    heap[place] = node;
}

uint32_t dominator_children_largest(const struct dominator_children *children, uint32_t node,
                                    const uint64_t *retained, uint32_t most, uint32_t *ret)
{
    uint32_t count;
    const uint32_t *nodes = dominator_children_of(children, node, &count);
    uint32_t kept = count < most ? count : most;
    for (uint32_t i = 0; i < kept; i++)
        ret[i] = nodes[i];
    for (uint32_t place = kept / 2; place--;)
        sift(ret, kept, place, ret[place], retained);
    for (uint32_t i = kept; kept && i < count; i++)
        if (larger(retained, nodes[i], ret[0]))
            sift(ret, kept, 0, nodes[i], retained);
    for (uint32_t last = kept; last-- > 1;) { // the least goes to the end, again and again
        uint32_t moved = ret[last];
        ret[last] = ret[0];
        sift(ret, last, 0, moved, retained);
    }
    return kept;
}

// ---- classes ----------------------------------------------------------------------------------

struct walk {
    const struct dominators *dominators;
    uint32_t *child,
        *next;      // [node_count], the first child and the next of the same parent, or NONE
    uint32_t first; // child of the root
};

static bool walk_init(struct walk *walk, const struct dominators *dominators)
{
    size_t count = (size_t)dominators->node_count + 1;
    *walk = (struct walk){.dominators = dominators,
                          .child = malloc(count * sizeof *walk->child),
                          .next = malloc(count * sizeof *walk->next),
                          .first = GRAPH_NONE};
    if (!walk->child || !walk->next)
        return false;
    memset(walk->child, 0xFF, dominators->node_count * sizeof *walk->child);
    for (uint32_t i = dominators->reached; i--;) {
        uint32_t node = dominators->order[i], above = dominators->parent[node];
        uint32_t *first = above == DOMINATOR_ROOT ? &walk->first : &walk->child[above];
        walk->next[node] = *first;
        *first = node;
    }
    return true;
}

// open[class]: the node of the class that dominates where the walk is, and is not dominated by one of
// its class itself.
static void walk_classes(const struct walk *walk, const uint32_t *classes, uint32_t class_count,
                         const uint64_t *retained, uint32_t *open, uint64_t *sizes)
{
    uint32_t node = walk->first;
    while (node != GRAPH_NONE) {
        uint32_t class = classes[node];
        if (class < class_count && open[class] == GRAPH_NONE) {
            open[class] = node;
            sizes[class] += retained[node];
        }
        if (walk->child[node] != GRAPH_NONE) {
            node = walk->child[node];
            continue;
        }
        for (;;) { // leaves nodes until one has another beside it
            class = classes[node];
            if (class < class_count && open[class] == node)
                open[class] = GRAPH_NONE;
            uint32_t above = walk->dominators->parent[node];
            node = walk->next[node];
            if (node != GRAPH_NONE || above == DOMINATOR_ROOT)
                break;
            node = above;
        }
    }
}

mx_status dominators_union(const struct dominators *dominators, const uint32_t *classes,
                           uint32_t class_count, const uint64_t *retained, uint64_t *ret_sizes,
                           struct mx_error *err)
{
    struct walk walk;
    uint32_t *open = malloc(((size_t)class_count + 1) * sizeof *open);
    bool ok = walk_init(&walk, dominators) && open;
    for (uint32_t class = 0; ok && class < class_count; class ++) {
        open[class] = GRAPH_NONE;
        ret_sizes[class] = 0;
    }
    if (ok)
        walk_classes(&walk, classes, class_count, retained, open, ret_sizes);
    free(walk.child);
    free(walk.next);
    free(open);
    return ok ? MX_OK : fail_no_memory(err);
}
