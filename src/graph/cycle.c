// cycle.c - breadth first from both ends, level by level, until the two meet.
#include "graph/cycle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static bool side_init(struct cycle_side *side, const struct graph *graph)
{
    *side = (struct cycle_side){.graph = graph};
    side->places = malloc(((size_t)graph->node_count + 1) * sizeof *side->places);
    if (side->places)
        memset(side->places, 0xFF, graph->node_count * sizeof *side->places);
    return side->places != NULL;
}

mx_status cycle_finder_init(struct cycle_finder *finder, const struct graph *graph,
                            const struct graph *reverse, const uint32_t *component,
                            struct mx_error *err)
{
    *finder = (struct cycle_finder){.component = component};
    if (!side_init(&finder->forward, graph) || !side_init(&finder->backward, reverse)) {
        cycle_finder_free(finder);
        return fail_no_memory(err);
    }
    return MX_OK;
}

void cycle_finder_free(struct cycle_finder *finder)
{
    free(finder->forward.places);
    free(finder->backward.places);
    vector_free(&finder->forward.queue);
    vector_free(&finder->backward.queue);
    vector_free(&finder->cycle);
    finder->forward.places = finder->backward.places = NULL;
}

static bool side_push(struct cycle_side *side, uint32_t node, uint32_t depth, uint32_t parent)
{
    side->places[node] = (uint32_t)side->queue.count;
    if (vector_push(&side->queue, ((struct cycle_visit){node, depth, parent})))
        return true;
    side->places[node] = GRAPH_NONE;
    return false;
}

static bool side_start(struct cycle_side *side, uint32_t node, uint64_t edges)
{
    side->level = 0;
    side->edges_left = edges;
    return side_push(side, node, 0, GRAPH_NONE);
}

static void side_clear(struct cycle_side *side)
{
    for (size_t i = 0; i < side->queue.count; i++)
        side->places[side->queue.items[i].node] = GRAPH_NONE;
    side->queue.count = 0;
}

// Where the two sides have met: an edge from a place of the forward queue to one of the backward's.
struct meeting {
    uint32_t forward, backward;
    uint32_t length; // edges of the cycle; 0: not met
};

// The shorter, then the one whose edges come first: copies of a structure give copies of a cycle.
static void meet(struct meeting *best, const struct cycle_finder *finder, uint32_t forward,
                 uint32_t backward)
{
    uint32_t length = finder->forward.queue.items[forward].depth + 1 +
                      finder->backward.queue.items[backward].depth;
    if (!best->length || length < best->length ||
        (length == best->length && forward < best->forward))
        *best = (struct meeting){forward, backward, length};
}

// Goes on by one level. Every node of the level is left behind by each of its edges; an edge to the
// other side is a meeting.
static bool expand(struct cycle_finder *finder, struct cycle_side *side, struct meeting *best)
{
    struct cycle_side *other = side == &finder->forward ? &finder->backward : &finder->forward;
    size_t end = side->queue.count;
    uint32_t component = finder->component[side->queue.items[0].node];
    for (size_t i = side->level; i < end; i++) {
        struct cycle_visit visit = side->queue.items[i];
        const uint32_t *to = graph_begin(side->graph, visit.node);
        for (; to < graph_end(side->graph, visit.node); to++) {
            if (!side->edges_left)
                break;
            side->edges_left--;
            if (finder->component[*to] != component)
                continue;
            uint32_t met = other->places[*to];
            if (met != GRAPH_NONE && side == &finder->forward)
                meet(best, finder, (uint32_t)i, met);
            else if (met != GRAPH_NONE)
                meet(best, finder, met, (uint32_t)i);
            if (side->places[*to] == GRAPH_NONE &&
                !side_push(side, *to, visit.depth + 1, (uint32_t)i))
                return false;
        }
    }
    side->level = end;
    return side->queue.count > end;
}

static bool keep_cycle(struct cycle_finder *finder, const struct meeting *met)
{
    finder->cycle.count = 0;
    if (!vector_reserve(&finder->cycle, met->length))
        return false;
    const struct cycle_visit *visits = finder->forward.queue.items;
    finder->cycle.count = visits[met->forward].depth + 1;
    for (uint32_t at = met->forward; at != GRAPH_NONE; at = visits[at].parent)
        finder->cycle.items[visits[at].depth] = visits[at].node;
    visits = finder->backward.queue.items;
    // The last of these is the node where it all began, which is there already.
    for (uint32_t at = met->backward; visits[at].parent != GRAPH_NONE; at = visits[at].parent)
        finder->cycle.items[finder->cycle.count++] = visits[at].node;
    return true;
}

bool cycle_find(struct cycle_finder *finder, uint32_t node, const struct cycle_limits *limits,
                uint64_t *ret_edges)
{
    struct meeting best = {0};
    bool forward = side_start(&finder->forward, node, limits->edges);
    bool backward = side_start(&finder->backward, node, limits->edges);
    for (uint32_t depth = 0; forward && backward && !best.length && depth < limits->depth;
         depth++) {
        bool more = expand(finder, &finder->forward, &best);
        if (!best.length)
            more |= expand(finder, &finder->backward, &best);
        if (!more)
            break;
    }
    *ret_edges = 2 * limits->edges - finder->forward.edges_left - finder->backward.edges_left;
    bool found = best.length && keep_cycle(finder, &best);
    side_clear(&finder->forward);
    side_clear(&finder->backward);
    return found;
}

// ---- how a cycle reads ------------------------------------------------------------------------

// Knuth, Morris, Pratt: the longest beginning that is an end as well leaves the shortest period.
static uint32_t period_of(const uint64_t *steps, uint32_t count, uint32_t *borders)
{
    uint32_t border = 0;
    borders[0] = 0;
    for (uint32_t i = 1; i < count; i++) {
        while (border && steps[i] != steps[border])
            border = borders[border - 1];
        border += steps[i] == steps[border];
        borders[i] = border;
    }
    uint32_t period = count - borders[count - 1];
    return count % period == 0 ? period : count;
}

// Two candidates move on past where they differ: each step is left behind once.
static uint32_t least_rotation(const uint64_t *steps, uint32_t count)
{
    uint32_t a = 0, b = 1, same = 0;
    while (a < count && b < count && same < count) {
        uint64_t x = steps[(a + same) % count], y = steps[(b + same) % count];
        if (x == y) {
            same++;
            continue;
        }
        if (x > y)
            a += same + 1;
        else
            b += same + 1;
        if (a == b)
            b++;
        same = 0;
    }
    return a < b ? a : b;
}

void cycle_unit(const uint64_t *steps, uint32_t count, uint32_t *scratch, uint32_t *ret_start,
                uint32_t *ret_period)
{
    *ret_period = count ? period_of(steps, count, scratch) : 0;
    *ret_start = count ? least_rotation(steps, *ret_period) : 0;
}
