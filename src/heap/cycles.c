// cycles.c - finds the cycles of a graph of objects, and groups them by how they read.
//
// Each object on a cycle goes with one group: that of the first short cycle found through it. Cycles
// are sought from instances of classes first, so that a group is called after them and not after the
// lists and dicts between them. Near-linear: a search is short, and all of them together have a limit
// after which objects go with a neighbour on the same component.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "graph/cycle.h"
#include "graph/scc.h"
#include "heap/garbage.h"

#define SEARCH_EDGES 512        // of one search, in each direction: a hub is left aside
#define SEARCH_DEPTH 24         // nodes from the start, in each direction
#define EDGES_FACTOR 32         // looked at by all searches, for each node and edge there is
#define LIMIT_GROUPS (1u << 20) // shapes: a target in nonsense may have one for each object

struct search {
    struct mx_cycles *cycles;
    struct graph reverse;
    struct components components;
    struct cycle_finder finder;
    struct map shapes; // hash of a shape -> group + 1
    uint64_t edges_left;
    VECTOR(struct shape_step) steps;  // of the cycle in the finder
    VECTOR(struct shape_step) folded; // as they read
    VECTOR(uint64_t) hashes;
    VECTOR(uint32_t) scratch;
};

static mx_status search_init(struct search *search, struct mx_error *err)
{
    struct mx_cycles *cycles = search->cycles;
    const struct graph *graph = &cycles->references.graph;
    size_t count = (size_t)graph->node_count + 1;
    search->edges_left = EDGES_FACTOR * (graph->node_count + graph->edge_count);
    cycles->group_of = malloc(count * sizeof *cycles->group_of);
    cycles->on_cycle = calloc(count, 1);
    if (!cycles->group_of || !cycles->on_cycle)
        return fail_no_memory(err);
    memset(cycles->group_of, 0xFF, count * sizeof *cycles->group_of);
    mx_status status = graph_reverse(graph, &search->reverse, err);
    if (!status)
        status = components_find(graph, &search->components, err);
    if (!status)
        status =
            cycle_finder_init(&search->finder, graph, &search->reverse, search->components.of, err);
    return status;
}

static void search_free(struct search *search)
{
    graph_fini(&search->reverse);
    components_free(&search->components);
    cycle_finder_free(&search->finder);
    map_free(&search->shapes);
    vector_free(&search->steps);
    vector_free(&search->folded);
    vector_free(&search->hashes);
    vector_free(&search->scratch);
}

// ---- groups -----------------------------------------------------------------------------------

static char *keep(struct mx_cycles *cycles, char *string)
{
    if (string && !vector_push(&cycles->strings, string)) {
        free(string);
        return NULL;
    }
    return string;
}

static bool keep_example(struct mx_cycles *cycles, const struct shape_step *steps, uint32_t count,
                         uint32_t start)
{
    char label[SHAPE_LABEL];
    struct mx_heap *heap = cycles->heap;
    uint32_t shown = count < MX_CYCLE_STEPS ? count : MX_CYCLE_STEPS;
    if (!vector_push(&cycles->first_steps, cycles->steps.count))
        return false;
    for (uint32_t i = 0; i < shown; i++) {
        const struct shape_step *step = &steps[(start + i) % count];
        uint32_t object = cycles->references.objects[step->node];
        shape_label(cycles, step, label, sizeof label);
        struct mx_cycle_step kept = {heap->addresses[object],
                                     type_qualified_name(&heap->decoder, heap->types[object]),
                                     keep(cycles, strdup(label))};
        if (!kept.label || !vector_push(&cycles->steps, kept))
            return false;
    }
    cycles->groups.items[cycles->groups.count - 1].step_count = shown;
    return true;
}

static bool add_group(struct search *search, uint32_t start, uint32_t period)
{
    struct mx_cycles *cycles = search->cycles;
    uint32_t count = (uint32_t)search->folded.count;
    struct shape_step *unit = malloc(period * sizeof *unit);
    if (!unit)
        return false;
    for (uint32_t i = 0; i < period; i++)
        unit[i] = search->folded.items[(start + i) % count];
    char *shape = keep(cycles, shape_text(cycles, unit, period));
    free(unit);
    struct mx_cycle_group group = {.shape = shape, .shortest = UINT64_MAX};
    return shape && vector_push(&cycles->groups, group) &&
           keep_example(cycles, search->steps.items, (uint32_t)search->steps.count,
                        search->folded.items[start].at);
}

static uint64_t hash_shape(const struct search *search, uint32_t start, uint32_t period)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    for (uint32_t i = 0; i < period; i++)
        hash = (hash ^ search->hashes.items[(start + i) % search->hashes.count]) *
               0x9E3779B97F4A7C15ull;
    return hash ? hash : 1;
}

// The group of the cycle in the finder, made when its shape is new; NO_GROUP when out of memory.
static uint32_t group_of_cycle(struct search *search)
{
    struct cycle_finder *finder = &search->finder;
    uint32_t count = (uint32_t)finder->cycle.count, start, period;
    if (!vector_reserve(&search->steps, count) || !vector_reserve(&search->folded, count) ||
        !vector_reserve(&search->hashes, count) || !vector_reserve(&search->scratch, count))
        return NO_GROUP;
    count = shape_steps(search->cycles, finder->cycle.items, count, search->steps.items);
    search->steps.count = count;
    memcpy(search->folded.items, search->steps.items, count * sizeof *search->folded.items);
    count = shape_fold(search->folded.items, count);
    search->folded.count = search->hashes.count = count;
    for (uint32_t i = 0; i < count; i++)
        search->hashes.items[i] = search->folded.items[i].hash;
    cycle_unit(search->hashes.items, count, search->scratch.items, &start, &period);
    uint64_t *known = map_put(&search->shapes, hash_shape(search, start, period));
    if (!known)
        return NO_GROUP;
    if (!*known && search->cycles->groups.count < LIMIT_GROUPS) {
        if (!add_group(search, start, period))
            return NO_GROUP;
        *known = search->cycles->groups.count;
    }
    return *known ? (uint32_t)*known - 1 : LIMIT_GROUPS - 1;
}

static bool add_cycle(struct search *search)
{
    const struct cycle_finder *finder = &search->finder;
    uint32_t group = group_of_cycle(search);
    if (group == NO_GROUP)
        return false;
    struct mx_cycle_group *shown = &search->cycles->groups.items[group];
    uint64_t length = finder->cycle.count;
    shown->cycles++;
    shown->shortest = length < shown->shortest ? length : shown->shortest;
    shown->longest = length > shown->longest ? length : shown->longest;
    for (size_t i = 0; i < length; i++) {
        uint32_t node = finder->cycle.items[i];
        if (search->cycles->group_of[node] == NO_GROUP)
            search->cycles->group_of[node] = group;
    }
    return true;
}

// ---- searches ---------------------------------------------------------------------------------

static bool is_instance(const struct mx_cycles *cycles, uint32_t node)
{
    const struct mx_heap *heap = cycles->heap;
    return heap->decoder.types[heap->types[cycles->references.objects[node]]]->heap;
}

static mx_status search_short(struct search *search, bool instances, struct mx_error *err)
{
    static const struct cycle_limits limits = {SEARCH_EDGES, SEARCH_DEPTH};
    struct mx_cycles *cycles = search->cycles;
    for (uint32_t node = 0; node < cycles->references.graph.node_count; node++) {
        uint64_t cost = 0;
        if (!cycles->on_cycle[node] || cycles->group_of[node] != NO_GROUP ||
            is_instance(cycles, node) != instances || search->edges_left < 2 * SEARCH_EDGES)
            continue;
        bool found = cycle_find(&search->finder, node, &limits, &cost);
        search->edges_left -= cost;
        if (found && !add_cycle(search))
            return fail_no_memory(err);
    }
    return MX_OK;
}

static bool component_is_grouped(const struct search *search, uint32_t component)
{
    const struct components *components = &search->components;
    for (uint32_t i = components->first[component]; i < components->first[component + 1]; i++)
        if (search->cycles->group_of[components->nodes[i]] != NO_GROUP)
            return true;
    return false;
}

// One cycle of any length for each component that has none: a ring of a million nodes is searched
// through once.
static mx_status search_long(struct search *search, struct mx_error *err)
{
    static const struct cycle_limits limits = {UINT64_MAX / 4, UINT32_MAX};
    const struct components *components = &search->components;
    for (uint32_t component = 0; component < components->count; component++) {
        uint32_t node = components->nodes[components->first[component]];
        uint64_t cost;
        if (search->cycles->on_cycle[node] && !component_is_grouped(search, component) &&
            (!cycle_find(&search->finder, node, &limits, &cost) || !add_cycle(search)))
            return fail_no_memory(err);
    }
    return MX_OK;
}

// Groups spread along references to what has none: within components, or to all that is held.
static mx_status spread(struct search *search, bool within, struct mx_error *err)
{
    struct mx_cycles *cycles = search->cycles;
    const struct graph *graph = &cycles->references.graph;
    uint32_t *queue = malloc(((size_t)graph->node_count + 1) * sizeof *queue);
    uint32_t count = 0;
    if (!queue)
        return fail_no_memory(err);
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (cycles->group_of[node] != NO_GROUP)
            queue[count++] = node;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = queue[i];
        for (const uint32_t *to = graph_begin(graph, node); to < graph_end(graph, node); to++) {
            if (cycles->group_of[*to] != NO_GROUP ||
                (within && search->components.of[*to] != search->components.of[node]))
                continue;
            cycles->group_of[*to] = cycles->group_of[node];
            queue[count++] = *to;
        }
    }
    free(queue);
    return MX_OK;
}

// Without a GIL an object whose count fell to zero may wait for the collector, on no cycle and held by
// none (deferred reference counting). Edges lead to components of smaller numbers, so that what holds
// something is met before it.
static mx_status group_lone(struct search *search, struct mx_error *err)
{
    struct mx_cycles *cycles = search->cycles;
    const struct graph *graph = &cycles->references.graph;
    for (uint32_t i = graph->node_count; i-- > 0;) {
        uint32_t node = search->components.nodes[i];
        if (cycles->group_of[node] == NO_GROUP) {
            const struct mx_heap *heap = cycles->heap;
            uint32_t type = heap->types[cycles->references.objects[node]];
            uint64_t *known = map_put(&search->shapes, ((uint64_t)type << 1) | 1);
            search->folded.count = 1;
            if (!known || !vector_reserve(&search->steps, 1) || !vector_reserve(&search->folded, 1))
                return fail_no_memory(err);
            search->steps.items[0] = search->folded.items[0] =
                (struct shape_step){.node = node, .via = GRAPH_NONE, .next = GRAPH_NONE};
            search->steps.count = 1;
            if (!*known && !add_group(search, 0, 1))
                return fail_no_memory(err);
            if (!*known)
                *known = cycles->groups.count;
            cycles->group_of[node] = (uint32_t)*known - 1;
            cycles->on_cycle[node] = 1; // counted among the group's objects
        }
        for (const uint32_t *to = graph_begin(graph, node); to < graph_end(graph, node); to++)
            if (cycles->group_of[*to] == NO_GROUP)
                cycles->group_of[*to] = cycles->group_of[node];
    }
    return MX_OK;
}

mx_status cycles_group(struct mx_cycles *cycles, bool held, struct mx_error *err)
{
    struct search search = {.cycles = cycles};
    const struct graph *graph = &cycles->references.graph;
    mx_status status = search_init(&search, err);
    for (uint32_t node = 0; !status && node < graph->node_count; node++)
        cycles->on_cycle[node] = component_has_cycle(graph, &search.components, node);
    if (!status)
        status = search_short(&search, true, err);
    if (!status)
        status = search_short(&search, false, err);
    if (!status)
        status = search_long(&search, err);
    if (!status)
        status = spread(&search, true, err);
    if (!status && held)
        status = spread(&search, false, err);
    if (!status && held)
        status = group_lone(&search, err);
    search_free(&search);
    return status;
}
