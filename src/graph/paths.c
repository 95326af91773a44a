// paths.c - breadth first from the node backwards, level by level, until the ends are met.
#include "graph/paths.h"

#include <string.h>

#include "base/error.h"
#include "base/map.h"

#define BATCH 64         // referrers asked for at once
#define MANY_VISITS 4096 // from so many on an array of all nodes is made

enum used {
    USED_INNER = 1,  // on a path: not to be visited again
    USED_DIRECT = 2, // an end that refers to the node directly, which is a path by itself
};

struct visit {
    uint32_t node;
    uint32_t next; // place among the visits of the one that it refers to, towards the node
    uint8_t kinds;
};

struct search {
    const struct path_source *source;
    struct paths *paths;
    uint64_t edges_left;
    uint32_t inner_left;
    bool cut;     // there were more edges
    bool limited; // there were more nodes to go on from
    VECTOR(struct visit) visits;
    struct map places; // node + 1 -> place + 1
    uint32_t *flat;    // [nodes] the same in place of `places`, when there are many; else NULL
    struct map used;   // node + 1 -> enum used
};

// Nodes come by ascending numbers, mostly: an array of all is faster than a map, when it is worth its
// making.
static void make_flat(struct search *search)
{
    search->flat = calloc((size_t)search->source->node_count + 1, sizeof *search->flat);
    for (size_t i = 0; search->flat && i < search->visits.count; i++)
        search->flat[search->visits.items[i].node] = (uint32_t)i + 1;
}

// The node's place + 1, 0 when it was not visited.
static uint64_t place_of(const struct search *search, uint32_t node)
{
    if (search->flat)
        return search->flat[node];
    const uint64_t *place = map_find(&search->places, (uint64_t)node + 1);
    return place ? *place : 0;
}

static bool add_visit(struct search *search, struct visit visit)
{
    size_t place = search->visits.count + 1;
    if (place > UINT32_MAX || !vector_push(&search->visits, visit))
        return false;
    if (!search->flat && place > MANY_VISITS && search->source->node_count)
        make_flat(search);
    if (search->flat) {
        search->flat[visit.node] = (uint32_t)place;
        return true;
    }
    uint64_t *known = map_put(&search->places, (uint64_t)visit.node + 1);
    if (known)
        *known = place;
    return known;
}

static bool search_begin(struct search *search, uint32_t node)
{
    for (size_t i = 0; search->flat && i < search->visits.count; i++)
        search->flat[search->visits.items[i].node] = 0;
    if (search->places.slots)
        memset(search->places.slots, 0, (search->places.mask + 1) * sizeof *search->places.slots);
    search->places.used = search->visits.count = 0;
    return add_visit(search, (struct visit){.node = node});
}

static bool may_visit(const struct search *search, uint32_t node, size_t from)
{
    const uint64_t *used = map_find(&search->used, (uint64_t)node + 1);
    return !used || (*used == USED_DIRECT && from != 0);
}

// `node` refers to the one at `from`. `level`: where the visits begin that are one step further.
static bool visit(struct search *search, uint32_t node, size_t from, size_t level)
{
    if (search->used.used && !may_visit(search, node, from))
        return true;
    uint64_t place = place_of(search, node);
    if (!place) {
        uint8_t kinds = search->source->kinds(search->source->data, node);
        search->limited |= !kinds && !search->inner_left;
        if (!kinds && !search->inner_left)
            return true;
        search->inner_left -= !kinds;
        return add_visit(search, (struct visit){node, (uint32_t)from, kinds});
    }
    struct visit *visits = search->visits.items, *again = &visits[place - 1];
    if (place > level && visits[from].node < visits[again->next].node)
        again->next = (uint32_t)from;
    return true;
}

// Goes on from the visits of one level, [begin, end). False when there is no memory.
static bool expand(struct search *search, size_t begin, size_t end)
{
    const struct path_source *source = search->source;
    uint32_t batch[BATCH];
    for (size_t from = begin; from < end; from++) {
        struct visit at = search->visits.items[from];
        if (at.kinds)
            continue;
        uint64_t cursor = 0;
        size_t count;
        while ((count = source->referrers(source->data, at.node, &cursor, batch, BATCH))) {
            for (size_t i = 0; i < count; i++) {
                search->cut |= !search->edges_left;
                if (search->cut)
                    return true;
                search->edges_left--;
                if (!visit(search, batch[i], from, end))
                    return false;
            }
        }
    }
    return true;
}

// The path that begins at a visit.
static bool keep(struct search *search, size_t place, uint8_t kinds)
{
    struct paths *paths = search->paths;
    struct path path = {.first = paths->nodes.count, .kinds = kinds};
    for (;;) {
        struct visit visit = search->visits.items[place];
        if (!vector_push(&paths->nodes, visit.node))
            return false;
        path.count++;
        if (!place)
            break;
        place = visit.next;
    }
    return vector_push(&paths->found, path);
}

// Of the visits from `begin` on, the one of these kinds with the lowest number; 0 when there is none.
static size_t lowest_end(const struct search *search, size_t begin, uint8_t kinds)
{
    size_t lowest = 0;
    const struct visit *visits = search->visits.items;
    for (size_t i = begin; i < search->visits.count; i++)
        if (visits[i].kinds & kinds && (!lowest || visits[i].node < visits[lowest].node))
            lowest = i;
    return lowest;
}

// Keeps a path for each kind that the visits from `begin` on are the first to have: one for all kinds
// that have the same end.
static bool keep_shortest(struct search *search, size_t begin, uint8_t *wanted)
{
    uint8_t left = *wanted;
    while (left) {
        uint8_t kind = (uint8_t)(left & -left);
        size_t end = lowest_end(search, begin, kind);
        left &= (uint8_t)~kind;
        if (!end)
            continue;
        uint8_t kinds = kind;
        for (uint8_t other = left; other; other &= (uint8_t)(other - 1)) {
            uint8_t bit = (uint8_t)(other & -other);
            if (lowest_end(search, begin, bit) == end)
                kinds |= bit;
        }
        if (!keep(search, end, kinds))
            return false;
        *wanted &= (uint8_t)~kinds;
        left &= (uint8_t)~kinds;
    }
    return true;
}

static bool find_shortest(struct search *search, uint32_t node, uint8_t wanted)
{
    if (!search_begin(search, node))
        return false;
    uint8_t own = search->source->kinds(search->source->data, node) & wanted;
    if (own && !keep(search, 0, own))
        return false;
    wanted &= (uint8_t)~own;
    size_t begin = 0, end = 1;
    while (wanted && begin < end && !search->cut) {
        if (!expand(search, begin, end) || !keep_shortest(search, end, &wanted))
            return false;
        begin = end;
        end = search->visits.count;
    }
    return true;
}

static bool use(struct search *search, const struct path *path)
{
    const uint32_t *nodes = path_nodes(search->paths, path);
    bool direct = path->count == 2;
    for (uint32_t i = !direct; i + 1 < path->count; i++) {
        uint64_t *used = map_put(&search->used, (uint64_t)nodes[i] + 1);
        if (!used)
            return false;
        *used = direct ? USED_DIRECT : USED_INNER;
    }
    return true;
}

// One more path, with ends of any wanted kind. Its place in `found` tells whether there was one.
static bool find_further(struct search *search, uint32_t node, uint8_t wanted)
{
    if (!search_begin(search, node))
        return false;
    size_t begin = 0, end = 1;
    while (begin < end && !search->cut) {
        if (!expand(search, begin, end))
            return false;
        size_t place = lowest_end(search, end, wanted);
        if (place)
            return keep(search, place, search->visits.items[place].kinds & wanted);
        begin = end;
        end = search->visits.count;
    }
    return true;
}

static bool find_all(struct search *search, uint32_t node, const struct path_limits *limits)
{
    struct paths *paths = search->paths;
    if (!find_shortest(search, node, limits->wanted))
        return false;
    paths->shortest = (uint32_t)paths->found.count;
    for (size_t done = 0; done < paths->found.count; done++)
        if (!use(search, &paths->found.items[done]))
            return false;
    while (paths->found.count && paths->found.count < limits->paths && !search->cut &&
           !search->limited) {
        size_t before = paths->found.count;
        if (!find_further(search, node, limits->wanted))
            return false;
        if (paths->found.count == before)
            break;
        if (!use(search, &paths->found.items[before]))
            return false;
    }
    return true;
}

mx_status paths_find(const struct path_source *source, uint32_t node,
                     const struct path_limits *limits, struct paths *ret, struct mx_error *err)
{
    struct paths paths = {0};
    struct search search = {.source = source,
                            .paths = &paths,
                            .edges_left = limits->edges,
                            .inner_left = limits->inner};
    bool ok = find_all(&search, node, limits);
    paths.complete = !search.cut && !search.limited;
    vector_free(&search.visits);
    map_free(&search.places);
    map_free(&search.used);
    free(search.flat);
    if (!ok) {
        paths_free(&paths);
        return fail_no_memory(err);
    }
    *ret = paths;
    return MX_OK;
}

void paths_free(struct paths *paths)
{
    vector_free(&paths->found);
    vector_free(&paths->nodes);
    *paths = (struct paths){0};
}

// ---- graphs in arrays -------------------------------------------------------------------------

static size_t graph_referrers(void *data, uint32_t node, uint64_t *at, uint32_t *ret, size_t room)
{
    const struct path_graph *graph = data;
    uint64_t begin = graph->reverse->offsets[node], end = graph->reverse->offsets[node + 1];
    size_t count = 0;
    uint64_t edge = begin + *at;
    for (; edge < end && count < room; edge++)
        if (!graph->hold || !graph->hold[edge])
            ret[count++] = graph->reverse->targets[edge];
    *at = edge - begin;
    return count;
}

static uint8_t graph_kinds(void *data, uint32_t node)
{
    const struct path_graph *graph = data;
    return graph->kinds[node];
}

struct path_source path_graph_source(struct path_graph *graph)
{
    return (struct path_source){graph_referrers, graph_kinds, graph, graph->reverse->node_count};
}
