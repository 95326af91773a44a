// test_graph.c - graphs of numbers: their arrays, components, and short cycles through a node.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/csr.h"
#include "graph/cycle.h"
#include "graph/scc.h"

struct pair {
    uint32_t from, to;
};

static void build(struct graph *graph, uint32_t node_count, const struct pair *edges, size_t count)
{
    assert_int_equal(graph_init(graph, node_count, NULL), MX_OK);
    for (size_t i = 0; i < count; i++)
        graph_count_edge(graph, edges[i].from);
    assert_int_equal(graph_allocate(graph, NULL), MX_OK);
    for (size_t i = 0; i < count; i++)
        graph_add_edge(graph, edges[i].from, edges[i].to);
    graph_finish(graph);
}

#define BUILD(graph, node_count, ...)                                                              \
    build((graph), (node_count), (const struct pair[]){__VA_ARGS__},                               \
          sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

static void assert_targets(const struct graph *graph, uint32_t node, size_t count,
                           const uint32_t *targets)
{
    assert_int_equal(graph_end(graph, node) - graph_begin(graph, node), count);
    assert_memory_equal(graph_begin(graph, node), targets, count * sizeof *targets);
}

// ---- arrays -----------------------------------------------------------------------------------

static void test_targets_stand_in_the_order_in_which_they_were_added(void **state)
{
    (void)state;
    struct graph graph;
    BUILD(&graph, 4, {2, 1}, {0, 3}, {2, 2}, {0, 1}, {2, 1});
    assert_int_equal(graph.edge_count, 5);
    assert_targets(&graph, 0, 2, (uint32_t[]){3, 1});
    assert_targets(&graph, 1, 0, (uint32_t[]){0});
    assert_targets(&graph, 2, 3, (uint32_t[]){1, 2, 1});
    assert_targets(&graph, 3, 0, (uint32_t[]){0});
    graph_fini(&graph);
}

static void test_a_graph_without_nodes_or_edges_is_one(void **state)
{
    (void)state;
    struct graph graph, reverse;
    struct components components;
    build(&graph, 0, NULL, 0);
    assert_int_equal(graph_reverse(&graph, &reverse, NULL), MX_OK);
    assert_int_equal(components_find(&graph, &components, NULL), MX_OK);
    assert_int_equal(components.count, 0);
    components_free(&components);
    graph_fini(&reverse);
    graph_fini(&graph);
    build(&graph, 3, NULL, 0);
    assert_int_equal(graph.edge_count, 0);
    assert_targets(&graph, 2, 0, (uint32_t[]){0});
    graph_fini(&graph);
}

static void test_gaps_of_edges_that_were_counted_and_not_added_are_closed(void **state)
{
    (void)state;
    struct graph graph;
    assert_int_equal(graph_init(&graph, 3, NULL), MX_OK);
    for (uint32_t node = 0; node < 3; node++)
        for (int i = 0; i < 3; i++)
            graph_count_edge(&graph, node);
    assert_int_equal(graph_allocate(&graph, NULL), MX_OK);
    graph_add_edge(&graph, 2, 0);
    graph_add_edge(&graph, 0, 1);
    graph_add_edge(&graph, 0, 2);
    graph_finish(&graph);
    assert_int_equal(graph.edge_count, 3);
    assert_targets(&graph, 0, 2, (uint32_t[]){1, 2});
    assert_targets(&graph, 1, 0, (uint32_t[]){0});
    assert_targets(&graph, 2, 1, (uint32_t[]){0});
    graph_fini(&graph);
}

static void test_edges_that_were_not_counted_are_left_out(void **state)
{
    (void)state;
    struct graph graph;
    assert_int_equal(graph_init(&graph, 2, NULL), MX_OK);
    graph_count_edge(&graph, 0);
    graph_count_edge(&graph, 1);
    assert_int_equal(graph_allocate(&graph, NULL), MX_OK);
    for (int i = 0; i < 10; i++)
        graph_add_edge(&graph, 0, 1);
    graph_add_edge(&graph, 1, 0);
    graph_finish(&graph);
    assert_targets(&graph, 0, 1, (uint32_t[]){1});
    assert_targets(&graph, 1, 1, (uint32_t[]){0});
    graph_fini(&graph);
}

static void test_the_reverse_has_every_edge_the_other_way_round(void **state)
{
    (void)state;
    struct graph graph, reverse;
    BUILD(&graph, 3, {0, 1}, {0, 1}, {2, 1}, {1, 1}, {2, 0});
    assert_int_equal(graph_reverse(&graph, &reverse, NULL), MX_OK);
    assert_targets(&reverse, 0, 1, (uint32_t[]){2});
    assert_targets(&reverse, 1, 4, (uint32_t[]){0, 0, 1, 2});
    assert_targets(&reverse, 2, 0, (uint32_t[]){0});
    graph_fini(&reverse);
    graph_fini(&graph);
}

static void test_a_mark_spreads_to_all_that_is_reached_and_stops_at_other_marks(void **state)
{
    (void)state;
    struct graph graph;
    uint32_t stack[6];
    uint8_t marks[6] = {1, 0, 2, 0, 0, 0};
    BUILD(&graph, 6, {0, 1}, {1, 2}, {2, 3}, {1, 0}, {1, 4}, {4, 4});
    graph_spread(&graph, marks, 1, stack);
    assert_memory_equal(marks, ((uint8_t[]){1, 1, 2, 0, 1, 0}), 6);
    graph_fini(&graph);
}

static void test_a_selection_keeps_the_edges_between_chosen_nodes(void **state)
{
    (void)state;
    struct graph graph, chosen;
    uint32_t *nodes;
    uint8_t marks[5] = {7, 0, 7, 7, 0};
    BUILD(&graph, 5, {0, 1}, {0, 3}, {1, 0}, {2, 2}, {3, 0}, {3, 4});
    assert_int_equal(graph_select(&graph, marks, 7, &chosen, &nodes, NULL), MX_OK);
    assert_int_equal(chosen.node_count, 3);
    assert_memory_equal(nodes, ((uint32_t[]){0, 2, 3}), sizeof(uint32_t[3]));
    assert_targets(&chosen, 0, 1, (uint32_t[]){2});
    assert_targets(&chosen, 1, 1, (uint32_t[]){1});
    assert_targets(&chosen, 2, 1, (uint32_t[]){0});
    free(nodes);
    graph_fini(&chosen);
    graph_fini(&graph);
}

// ---- components -------------------------------------------------------------------------------

static void assert_component_arrays(const struct graph *graph, const struct components *components)
{
    uint32_t seen = 0;
    for (uint32_t component = 0; component < components->count; component++)
        for (uint32_t i = components->first[component]; i < components->first[component + 1]; i++) {
            assert_int_equal(components->of[components->nodes[i]], component);
            seen++;
        }
    assert_int_equal(seen, graph->node_count);
    for (uint32_t from = 0; from < graph->node_count; from++)
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            assert_true(components->of[*to] <= components->of[from]);
}

static void test_components_are_those_that_reach_each_other(void **state)
{
    (void)state;
    struct graph graph;
    struct components components;
    // 0 -> 1 -> 2 -> 0; 2 -> 3 -> 4 -> 3; 5 -> 5; 6
    BUILD(&graph, 7, {0, 1}, {1, 2}, {2, 0}, {2, 3}, {3, 4}, {4, 3}, {5, 5}, {4, 6}, {0, 1});
    assert_int_equal(components_find(&graph, &components, NULL), MX_OK);
    assert_component_arrays(&graph, &components);
    assert_int_equal(components.count, 4);
    assert_int_equal(component_size(&components, components.of[1]), 3);
    assert_int_equal(component_size(&components, components.of[3]), 2);
    assert_int_not_equal(components.of[0], components.of[3]);
    bool expected[] = {true, true, true, true, true, true, false};
    for (uint32_t node = 0; node < 7; node++)
        assert_int_equal(component_has_cycle(&graph, &components, node), expected[node]);
    components_free(&components);
    graph_fini(&graph);
}

enum { LONG = 1000000 };

// closed: the last refers to the first.
static void build_chain(struct graph *graph, uint32_t count, bool closed)
{
    assert_int_equal(graph_init(graph, count, NULL), MX_OK);
    for (uint32_t node = 0; node + 1 < count + closed; node++)
        graph_count_edge(graph, node);
    assert_int_equal(graph_allocate(graph, NULL), MX_OK);
    for (uint32_t node = 0; node + 1 < count + closed; node++)
        graph_add_edge(graph, node, (node + 1) % count);
    graph_finish(graph);
}

static void test_a_million_nodes_in_a_row_need_no_recursion(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct graph graph;
        struct components components;
        build_chain(&graph, LONG, closed);
        assert_int_equal(components_find(&graph, &components, NULL), MX_OK);
        assert_int_equal(components.count, closed ? 1 : LONG);
        assert_int_equal(component_has_cycle(&graph, &components, 5), closed);
        components_free(&components);
        graph_fini(&graph);
    }
}

static void test_all_nodes_of_a_complete_graph_are_one_component(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct graph graph;
    struct components components;
    assert_int_equal(graph_init(&graph, COUNT, NULL), MX_OK);
    for (uint32_t i = 0; i < COUNT * COUNT; i++)
        graph_count_edge(&graph, i / COUNT);
    assert_int_equal(graph_allocate(&graph, NULL), MX_OK);
    for (uint32_t i = 0; i < COUNT * COUNT; i++)
        graph_add_edge(&graph, i / COUNT, i % COUNT);
    graph_finish(&graph);
    assert_int_equal(components_find(&graph, &components, NULL), MX_OK);
    assert_int_equal(components.count, 1);
    components_free(&components);
    graph_fini(&graph);
}

// ---- small random graphs, against a search through all paths ------------------------------------

enum { SMALL = 9 };

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % limit);
}

// distance[a][b]: edges of the shortest path of at least one edge; 0: none.
static void all_distances(const struct graph *graph, uint32_t distance[SMALL][SMALL])
{
    memset(distance, 0, sizeof(uint32_t[SMALL][SMALL]));
    for (uint32_t from = 0; from < graph->node_count; from++)
        for (const uint32_t *to = graph_begin(graph, from); to < graph_end(graph, from); to++)
            distance[from][*to] = 1;
    for (uint32_t k = 0; k < SMALL; k++)
        for (uint32_t a = 0; a < SMALL; a++)
            for (uint32_t b = 0; b < SMALL; b++) {
                uint32_t through = distance[a][k] + distance[k][b];
                if (distance[a][k] && distance[k][b] &&
                    (!distance[a][b] || through < distance[a][b]))
                    distance[a][b] = through;
            }
}

static void random_graph(struct graph *graph)
{
    struct pair edges[SMALL * 3];
    uint32_t nodes = 1 + random_below(SMALL), count = random_below(SMALL * 3);
    for (uint32_t i = 0; i < count; i++)
        edges[i] = (struct pair){random_below(nodes), random_below(nodes)};
    build(graph, nodes, edges, count);
}

static bool has_edge(const struct graph *graph, uint32_t from, uint32_t to)
{
    for (const uint32_t *at = graph_begin(graph, from); at < graph_end(graph, from); at++)
        if (*at == to)
            return true;
    return false;
}

static void assert_cycle(const struct graph *graph, const struct cycle_finder *finder,
                         uint32_t start, uint32_t length)
{
    assert_int_equal(finder->cycle.count, length);
    assert_int_equal(finder->cycle.items[0], start);
    for (uint32_t i = 0; i < length; i++)
        assert_true(has_edge(graph, finder->cycle.items[i], finder->cycle.items[(i + 1) % length]));
}

static void test_components_and_shortest_cycles_are_those_of_a_full_search(void **state)
{
    (void)state;
    const struct cycle_limits limits = {1000, 1000};
    for (int round = 0; round < 5000; round++) {
        struct graph graph, reverse;
        struct components components;
        struct cycle_finder finder;
        uint32_t distance[SMALL][SMALL];
        uint64_t cost;
        random_graph(&graph);
        all_distances(&graph, distance);
        assert_int_equal(graph_reverse(&graph, &reverse, NULL), MX_OK);
        assert_int_equal(components_find(&graph, &components, NULL), MX_OK);
        assert_component_arrays(&graph, &components);
        assert_int_equal(cycle_finder_init(&finder, &graph, &reverse, components.of, NULL), MX_OK);
        for (uint32_t a = 0; a < graph.node_count; a++) {
            for (uint32_t b = 0; b < graph.node_count; b++)
                assert_int_equal(components.of[a] == components.of[b],
                                 a == b || (distance[a][b] && distance[b][a]));
            assert_int_equal(component_has_cycle(&graph, &components, a), distance[a][a] != 0);
            assert_int_equal(cycle_find(&finder, a, &limits, &cost), distance[a][a] != 0);
            if (distance[a][a])
                assert_cycle(&graph, &finder, a, distance[a][a]);
        }
        cycle_finder_free(&finder);
        components_free(&components);
        graph_fini(&reverse);
        graph_fini(&graph);
    }
}

// ---- cycles -----------------------------------------------------------------------------------

static void find_in(const struct graph *graph, uint32_t node, struct cycle_limits limits,
                    uint32_t expected, uint64_t most_edges)
{
    struct graph reverse;
    struct components components;
    struct cycle_finder finder;
    uint64_t cost;
    assert_int_equal(graph_reverse(graph, &reverse, NULL), MX_OK);
    assert_int_equal(components_find(graph, &components, NULL), MX_OK);
    assert_int_equal(cycle_finder_init(&finder, graph, &reverse, components.of, NULL), MX_OK);
    assert_int_equal(cycle_find(&finder, node, &limits, &cost), expected != 0);
    assert_true(cost <= most_edges);
    if (expected)
        assert_cycle(graph, &finder, node, expected);
    // What one search leaves behind must not be seen by the next.
    assert_int_equal(cycle_find(&finder, node, &limits, &cost), expected != 0);
    cycle_finder_free(&finder);
    components_free(&components);
    graph_fini(&reverse);
}

static void test_a_hub_of_a_million_edges_does_not_make_a_search_long(void **state)
{
    (void)state;
    struct graph graph;
    assert_int_equal(graph_init(&graph, LONG + 1, NULL), MX_OK);
    for (uint32_t node = 1; node <= LONG; node++) {
        graph_count_edge(&graph, 0);
        graph_count_edge(&graph, node);
    }
    assert_int_equal(graph_allocate(&graph, NULL), MX_OK);
    for (uint32_t node = 1; node <= LONG; node++) {
        graph_add_edge(&graph, 0, node);
        graph_add_edge(&graph, node, 0);
    }
    graph_finish(&graph);
    find_in(&graph, LONG, (struct cycle_limits){512, 24}, 2, 1024);
    graph_fini(&graph);
}

static void test_a_ring_longer_than_the_limit_is_found_without_one(void **state)
{
    (void)state;
    struct graph graph;
    build_chain(&graph, LONG, true);
    find_in(&graph, 5, (struct cycle_limits){512, 24}, 0, 1024);
    find_in(&graph, 5, (struct cycle_limits){UINT64_MAX / 4, UINT32_MAX}, LONG, 2 * LONG);
    graph_fini(&graph);
}

static void assert_unit(const uint64_t *steps, uint32_t count, uint32_t start, uint32_t period)
{
    uint32_t scratch[16], got_start, got_period;
    cycle_unit(steps, count, scratch, &got_start, &got_period);
    assert_int_equal(got_start, start);
    assert_int_equal(got_period, period);
}

static void test_a_cycle_starts_at_its_least_rotation_and_ends_where_it_repeats(void **state)
{
    (void)state;
    assert_unit((uint64_t[]){5}, 1, 0, 1);
    assert_unit((uint64_t[]){5, 3}, 2, 1, 2);
    assert_unit((uint64_t[]){7, 7, 7}, 3, 0, 1);
    assert_unit((uint64_t[]){3, 1, 2}, 3, 1, 3);
    assert_unit((uint64_t[]){2, 1, 2, 1}, 4, 1, 2);
    assert_unit((uint64_t[]){1, 2, 1, 2, 1}, 5, 4, 5);
    assert_unit((uint64_t[]){1, 1, 2, 1, 1, 2}, 6, 0, 3);
    assert_unit((uint64_t[]){1, 2, 1, 1, 2, 1}, 6, 2, 3);
    assert_unit(NULL, 0, 0, 0);
}

static void test_every_rotation_of_a_cycle_reads_the_same(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        uint64_t steps[10], rotated[10], first[10];
        uint32_t count = 1 + random_below(10), shift = random_below(count), scratch[10];
        uint32_t start, period, other_start, other_period;
        for (uint32_t i = 0; i < count; i++)
            steps[i] = random_below(3);
        for (uint32_t i = 0; i < count; i++)
            rotated[i] = steps[(i + shift) % count];
        cycle_unit(steps, count, scratch, &start, &period);
        cycle_unit(rotated, count, scratch, &other_start, &other_period);
        assert_int_equal(period, other_period);
        for (uint32_t i = 0; i < count; i++)
            first[i] = steps[(start + i) % count];
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(rotated[(other_start + i) % count], first[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_stand_in_the_order_in_which_they_were_added),
        cmocka_unit_test(test_a_graph_without_nodes_or_edges_is_one),
        cmocka_unit_test(test_gaps_of_edges_that_were_counted_and_not_added_are_closed),
        cmocka_unit_test(test_edges_that_were_not_counted_are_left_out),
        cmocka_unit_test(test_the_reverse_has_every_edge_the_other_way_round),
        cmocka_unit_test(test_a_mark_spreads_to_all_that_is_reached_and_stops_at_other_marks),
        cmocka_unit_test(test_a_selection_keeps_the_edges_between_chosen_nodes),
        cmocka_unit_test(test_components_are_those_that_reach_each_other),
        cmocka_unit_test(test_a_million_nodes_in_a_row_need_no_recursion),
        cmocka_unit_test(test_all_nodes_of_a_complete_graph_are_one_component),
        cmocka_unit_test(test_components_and_shortest_cycles_are_those_of_a_full_search),
        cmocka_unit_test(test_a_hub_of_a_million_edges_does_not_make_a_search_long),
        cmocka_unit_test(test_a_ring_longer_than_the_limit_is_found_without_one),
        cmocka_unit_test(test_a_cycle_starts_at_its_least_rotation_and_ends_where_it_repeats),
        cmocka_unit_test(test_every_rotation_of_a_cycle_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
