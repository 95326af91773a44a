// test_paths.c - paths from ends are the shortest, in the order that is said, and cost what they visit.
#include "graph_random.h"

#include "graph/paths.h"

// ---- small graphs, against sets of nodes by distance -----------------------------------------------

struct oracle {
    const struct small_flow *small;
    const uint8_t *kinds;
    uint32_t start;
    uint32_t inner, direct; // used: nodes as bits
};

static bool has_edge(const struct oracle *oracle, uint32_t from, uint32_t to)
{
    const struct flow *flow = &oracle->small->flow;
    for (uint64_t i = flow->graph->offsets[from]; i < flow->graph->offsets[from + 1]; i++)
        if (flow->graph->targets[i] == to && !(flow->hold && flow->hold[i]))
            return !(to == oracle->start && oracle->direct >> from & 1);
    return false;
}

static uint32_t lowest_after(const struct oracle *oracle, uint32_t from, uint32_t among)
{
    for (uint32_t to = 0; to < oracle->small->graph.node_count; to++)
        if (among >> to & 1 && has_edge(oracle, from, to) &&
            (to == oracle->start || !oracle->kinds[to]))
            return to;
    return GRAPH_NONE;
}

// The nodes of the path, and how many they are; 0: there is none.
static uint32_t oracle_path(const struct oracle *oracle, uint8_t kinds, uint32_t *ret)
{
    uint32_t levels[SMALL_NODES + 1] = {1u << oracle->start}, seen = levels[0] | oracle->inner;
    uint32_t count = oracle->small->graph.node_count;
    for (uint32_t level = 1; level <= count; level++) {
        uint32_t end = GRAPH_NONE;
        for (uint32_t node = count; node--;) {
            if (seen >> node & 1 || lowest_after(oracle, node, levels[level - 1]) == GRAPH_NONE)
                continue;
            levels[level] |= 1u << node;
            if (oracle->kinds[node] & kinds)
                end = node;
        }
        seen |= levels[level];
        if (end == GRAPH_NONE)
            continue;
        ret[0] = end;
        for (uint32_t i = 1; i <= level; i++)
            ret[i] = lowest_after(oracle, ret[i - 1], levels[level - i]);
        return level + 1;
    }
    return 0;
}

static void assert_path(const struct paths *paths, uint32_t place, const uint32_t *nodes,
                        uint32_t count)
{
    const struct path *path = &paths->found.items[place];
    assert_int_equal(path->count, count);
    assert_memory_equal(path_nodes(paths, path), nodes, count * sizeof *nodes);
}

static void oracle_use(struct oracle *oracle, const uint32_t *nodes, uint32_t count)
{
    if (count == 2)
        oracle->direct |= 1u << nodes[0];
    for (uint32_t i = 1; i + 1 < count; i++)
        oracle->inner |= 1u << nodes[i];
}

static void assert_shortest(struct oracle *oracle, const struct paths *paths, uint8_t wanted)
{
    uint8_t found = 0;
    uint32_t nodes[SMALL_NODES + 1];
    for (uint32_t i = 0; i < paths->shortest; i++) {
        const struct path *path = &paths->found.items[i];
        assert_true(i == 0 || path->count >= paths->found.items[i - 1].count);
        assert_true(path->kinds && !(path->kinds & found) && !(path->kinds & ~wanted));
        found |= path->kinds;
        for (uint8_t kind = 1; kind; kind = (uint8_t)(kind << 1)) {
            if (!(path->kinds & kind))
                continue;
            nodes[0] = oracle->start;
            bool own = oracle->kinds[oracle->start] & kind;
            uint32_t count = own ? 1 : oracle_path(oracle, kind, nodes);
            assert_path(paths, i, nodes, count);
        }
    }
    assert_int_equal(oracle->kinds[oracle->start] & wanted & ~found, 0);
    for (uint8_t kind = 1; kind; kind = (uint8_t)(kind << 1))
        if (wanted & kind & ~found)
            assert_int_equal(oracle_path(oracle, kind, nodes), 0);
    for (uint32_t i = 0; i < paths->shortest; i++)
        oracle_use(oracle, path_nodes(paths, &paths->found.items[i]), paths->found.items[i].count);
}

static void assert_further(struct oracle *oracle, const struct paths *paths,
                           const struct path_limits *limits)
{
    uint32_t nodes[SMALL_NODES + 1], count, i;
    for (i = paths->shortest; i < paths->found.count; i++) {
        count = oracle_path(oracle, limits->wanted, nodes);
        assert_true(i < limits->paths && count);
        assert_path(paths, i, nodes, count);
        assert_int_equal(paths->found.items[i].kinds, oracle->kinds[nodes[0]] & limits->wanted);
        oracle_use(oracle, nodes, count);
    }
    if (i && i < limits->paths)
        assert_int_equal(oracle_path(oracle, limits->wanted, nodes), 0);
}

static void test_small_graphs_have_the_paths_that_sets_by_distance_show(void **state)
{
    (void)state;
    uint64_t seed = 577215664901ull;
    uint32_t most = 0, longest = 0;
    for (int round = 0; round < SMALL_ROUNDS / 2; round++) {
        struct small_flow small;
        struct graph reverse;
        struct paths paths;
        uint8_t kinds[SMALL_NODES], reverse_hold[SMALL_EDGES];
        small_flow_init(&small, &seed, SMALL_NODES);
        assert_int_equal(graph_reverse(&small.graph, &reverse, NULL), MX_OK);
        // An edge is held back with all between the same nodes, so that both directions agree.
        for (uint32_t i = 0, from = 0; i < small.graph.edge_count; i++) {
            while (i >= small.graph.offsets[from + 1])
                from++;
            small.hold[i] = (from * 7 + small.graph.targets[i] * 3) % 5 == 0;
        }
        for (uint32_t i = 0, to = 0; i < reverse.edge_count; i++) {
            while (i >= reverse.offsets[to + 1])
                to++;
            reverse_hold[i] = (reverse.targets[i] * 7 + to * 3) % 5 == 0;
        }
        for (uint32_t i = 0; i < SMALL_NODES; i++)
            kinds[i] = random_below(&seed, 4) ? 0 : (uint8_t)(1 + random_below(&seed, 7));
        struct path_limits limits = {.edges = UINT64_MAX,
                                     .inner = UINT32_MAX,
                                     .paths = random_below(&seed, 6),
                                     .wanted = (uint8_t)random_below(&seed, 8)};
        struct path_graph graph = {&reverse, small.flow.hold ? reverse_hold : NULL, kinds};
        struct path_source source = path_graph_source(&graph);
        struct oracle oracle = {
            .small = &small, .kinds = kinds, .start = random_below(&seed, reverse.node_count)};
        assert_int_equal(paths_find(&source, oracle.start, &limits, &paths, NULL), MX_OK);
        assert_true(paths.complete);
        assert_shortest(&oracle, &paths, limits.wanted);
        assert_further(&oracle, &paths, &limits);
        for (size_t i = 0; i < paths.found.count; i++)
            longest = paths.found.items[i].count > longest ? paths.found.items[i].count : longest;
        most = paths.found.count > most ? (uint32_t)paths.found.count : most;
        paths_free(&paths);
        graph_fini(&reverse);
        small_flow_fini(&small);
    }
    assert_true(most >= 4 && longest >= 5);
}

// ---- large graphs ---------------------------------------------------------------------------------

// A graph that counts what is asked of it: node n is referred to by n + 1 ... n + width, up to `last`,
// which is an end.
struct counted {
    uint32_t width, last;
    uint64_t asked;
};

static size_t counted_referrers(void *data, uint32_t node, uint64_t *at, uint32_t *ret, size_t room)
{
    struct counted *counted = data;
    size_t count = 0;
    while (count < room && *at < counted->width && node + *at + 1 <= counted->last)
        ret[count++] = node + (uint32_t)++ * at;
    counted->asked += count;
    return count;
}

static uint8_t counted_kinds(void *data, uint32_t node)
{
    return node == ((struct counted *)data)->last;
}

static void test_a_path_of_a_million_is_found(void **state)
{
    (void)state;
    struct counted counted = {1, LONG - 1, 0};
    struct path_source source = {counted_referrers, counted_kinds, &counted, LONG};
    struct path_limits limits = {.edges = LONG, .inner = UINT32_MAX, .paths = 3, .wanted = 1};
    struct paths paths;
    assert_int_equal(paths_find(&source, 0, &limits, &paths, NULL), MX_OK);
    assert_int_equal(paths.found.count, 1);
    assert_int_equal(paths.found.items[0].count, LONG);
    const uint32_t *nodes = path_nodes(&paths, &paths.found.items[0]);
    for (uint32_t i = 0; i < LONG; i++)
        assert_int_equal(nodes[i], LONG - 1 - i);
    paths_free(&paths);
}

static void test_an_end_that_is_near_is_found_at_no_cost_in_a_graph_without_bounds(void **state)
{
    (void)state;
    struct counted counted = {3, GRAPH_NONE - 1, 0};
    struct path_source source = {counted_referrers, counted_kinds, &counted, 0};
    struct path_limits limits = {.edges = 1000000, .inner = UINT32_MAX, .paths = 1, .wanted = 1};
    struct paths paths;
    assert_int_equal(paths_find(&source, GRAPH_NONE - 20, &limits, &paths, NULL), MX_OK);
    assert_int_equal(paths.found.count, 1);
    assert_int_equal(paths.found.items[0].count, 8);
    assert_true(paths.complete);
    assert_true(counted.asked < 100);
    paths_free(&paths);
}

static void test_a_search_ends_at_the_limit_of_edges_and_says_so(void **state)
{
    (void)state;
    struct counted counted = {3, GRAPH_NONE - 1, 0};
    struct path_source source = {counted_referrers, counted_kinds, &counted, 0}; // a map of visits
    struct path_limits limits = {.edges = 10000, .inner = UINT32_MAX, .paths = 1, .wanted = 1};
    struct paths paths;
    assert_int_equal(paths_find(&source, 0, &limits, &paths, NULL), MX_OK);
    assert_int_equal(paths.found.count, 0);
    assert_false(paths.complete);
    assert_true(counted.asked < 10000 + 64);
    paths_free(&paths);
    // Met exactly, it has left nothing out.
    counted = (struct counted){1, 9, 0};
    limits.edges = 9;
    assert_int_equal(paths_find(&source, 0, &limits, &paths, NULL), MX_OK);
    assert_int_equal(paths.found.count, 1);
    assert_true(paths.complete);
    paths_free(&paths);
}

// Nodes 1 ... WIDE are ends or inner nodes that refer to 0, and WIDE + 1 refers to all of them.
static void test_as_many_paths_are_found_as_are_asked_for_and_share_nothing(void **state)
{
    (void)state;
    enum { WIDE = 1000, MOST = 20 };
    struct pair edges[2 * WIDE];
    uint8_t kinds[WIDE + 2] = {0};
    for (uint32_t i = 0; i < WIDE; i++) {
        edges[2 * i] = (struct pair){i + 1, 0};
        edges[2 * i + 1] = (struct pair){WIDE + 1, i + 1};
    }
    kinds[WIDE + 1] = 4;
    kinds[5] = kinds[7] = 1;
    struct graph graph, reverse;
    struct paths paths;
    build_graph(&graph, WIDE + 2, edges, 2 * WIDE);
    assert_int_equal(graph_reverse(&graph, &reverse, NULL), MX_OK);
    struct path_graph arrays = {&reverse, NULL, kinds};
    struct path_source source = path_graph_source(&arrays);
    struct path_limits limits = {
        .edges = UINT64_MAX, .inner = UINT32_MAX, .paths = MOST, .wanted = 0xFF};
    assert_int_equal(paths_find(&source, 0, &limits, &paths, NULL), MX_OK);
    assert_int_equal(paths.found.count, MOST);
    assert_int_equal(paths.shortest, 2);
    assert_path(&paths, 0, (uint32_t[]){5, 0}, 2);
    assert_path(&paths, 1, (uint32_t[]){WIDE + 1, 1, 0}, 3);
    assert_path(&paths, 2, (uint32_t[]){7, 0}, 2);
    for (uint32_t i = 3; i < MOST; i++) {
        uint32_t inner = i - 1 + (i >= 6) + (i >= 7); // the ends 5 and 7 are none
        assert_path(&paths, i, (uint32_t[]){WIDE + 1, inner, 0}, 3);
    }
    paths_free(&paths);
    // Ends are found beside however many nodes that are not gone on from; no further paths are looked for then.
    limits.inner = 3;
    assert_int_equal(paths_find(&source, 0, &limits, &paths, NULL), MX_OK);
    assert_false(paths.complete);
    assert_int_equal(paths.found.count, 2);
    assert_path(&paths, 0, (uint32_t[]){5, 0}, 2);
    assert_path(&paths, 1, (uint32_t[]){WIDE + 1, 1, 0}, 3);
    paths_free(&paths);
    graph_fini(&reverse);
    graph_fini(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_graphs_have_the_paths_that_sets_by_distance_show),
        cmocka_unit_test(test_a_path_of_a_million_is_found),
        cmocka_unit_test(test_an_end_that_is_near_is_found_at_no_cost_in_a_graph_without_bounds),
        cmocka_unit_test(test_a_search_ends_at_the_limit_of_edges_and_says_so),
        cmocka_unit_test(test_as_many_paths_are_found_as_are_asked_for_and_share_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
