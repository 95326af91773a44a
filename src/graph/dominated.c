// dominated.c - the dominator tree from above: children, and walks from dominators to dominated.
#include "graph/dominated.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/vector.h"

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

// A walk from the root down and up again. Where it is: the place among children.nodes of the node, and of
// each that it went down from.
struct walk {
    const struct dominator_children *children;
    VECTOR(uint32_t) above;
    uint32_t at, end; // of the node; of its siblings
};

// The node's own children, or those of the root.
static void walk_into(struct walk *walk, uint32_t place)
{
    walk->at = walk->children->first[place];
    walk->end = walk->children->first[place + 1];
}

static void walk_up(struct walk *walk)
{
    uint32_t at = walk->above.items[--walk->above.count], depth = (uint32_t)walk->above.count;
    const uint32_t *nodes = walk->children->nodes;
    walk_into(walk, depth ? nodes[walk->above.items[depth - 1]] : walk->children->node_count);
    walk->at = at;
}

struct classes {
    const uint32_t *of;
    uint32_t count;
    const uint64_t *retained;
    uint32_t *open; // [count], the node of the class that dominates where the walk is
    uint64_t *sizes;
};

static void class_enter(struct classes *classes, uint32_t node)
{
    uint32_t class = classes->of[node];
    if (class >= classes->count || classes->open[class] != GRAPH_NONE)
        return;
    classes->open[class] = node;
    classes->sizes[class] += classes->retained[node];
}

static void class_leave(struct classes *classes, uint32_t node)
{
    uint32_t class = classes->of[node];
    if (class < classes->count && classes->open[class] == node)
        classes->open[class] = GRAPH_NONE;
}

// False when out of memory.
static bool walk_classes(struct walk *walk, struct classes *classes)
{
    const uint32_t *nodes = walk->children->nodes, *first = walk->children->first;
    for (walk_into(walk, walk->children->node_count); walk->at < walk->end;) {
        uint32_t node = nodes[walk->at];
        class_enter(classes, node);
        if (first[node] < first[node + 1]) {
            if (!vector_push(&walk->above, walk->at))
                return false;
            walk_into(walk, node);
            continue;
        }
        for (;;) { // leaves nodes until one has another beside it
            class_leave(classes, nodes[walk->at]);
            if (++walk->at < walk->end || !walk->above.count)
                break;
            walk_up(walk);
        }
    }
    return true;
}

mx_status dominator_children_union(const struct dominator_children *children,
                                   const uint32_t *classes, uint32_t class_count,
                                   const uint64_t *retained, uint64_t *ret_sizes,
                                   struct mx_error *err)
{
    struct walk walk = {.children = children};
    struct classes all = {classes, class_count, retained, NULL, ret_sizes};
    all.open = malloc(((size_t)class_count + 1) * sizeof *all.open);
    if (!all.open)
        return fail_no_memory(err);
    for (uint32_t class = 0; class < class_count; class ++) {
        all.open[class] = GRAPH_NONE;
        ret_sizes[class] = 0;
    }
    bool ok = walk_classes(&walk, &all);
    vector_free(&walk.above);
    free(all.open);
    return ok ? MX_OK : fail_no_memory(err);
}

mx_status dominators_union(const struct dominators *dominators, const uint32_t *classes,
                           uint32_t class_count, const uint64_t *retained, uint64_t *ret_sizes,
                           struct mx_error *err)
{
    struct dominator_children children;
    mx_status status = dominator_children_find(dominators, &children, err);
    if (status)
        return status;
    status = dominator_children_union(&children, classes, class_count, retained, ret_sizes, err);
    dominator_children_free(&children);
    return status;
}
