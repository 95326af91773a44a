// test_dominated.c - children in the dominator tree, and what a class of nodes retains as a union.
#include "graph_random.h"

#include "graph/dominated.h"

static int by_retained(const void *a, const void *b, void *data)
{
    const uint64_t *retained = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (retained[x] != retained[y])
        return retained[x] < retained[y] ? 1 : -1;
    return x < y ? -1 : x > y;
}

static void assert_children(const struct dominators *found, const uint64_t *retained)
{
    struct dominator_children children;
    uint32_t total = 0;
    assert_int_equal(dominator_children_find(found, &children, NULL), MX_OK);
    for (uint32_t at = 0; at <= found->node_count; at++) {
        uint32_t parent = at == found->node_count ? DOMINATOR_ROOT : at, count;
        uint32_t sorted[SMALL_NODES], largest[SMALL_NODES];
        const uint32_t *nodes = dominator_children_of(&children, parent, &count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(found->parent[nodes[i]], parent);
            assert_true(i == 0 || nodes[i - 1] < nodes[i]);
            sorted[i] = nodes[i];
        }
        total += count;
        qsort_r(sorted, count, sizeof *sorted, by_retained, (void *)(uintptr_t)retained);
        for (uint32_t most = 0; most <= count + 1; most++) {
            uint32_t kept = dominator_children_largest(&children, parent, retained, most, largest);
            assert_int_equal(kept, most < count ? most : count);
            assert_memory_equal(largest, sorted, kept * sizeof *sorted);
        }
    }
    assert_int_equal(total, found->reached);
    dominator_children_free(&children);
}

static void assert_unions(const struct small_flow *small, const struct dominators *found,
                          const uint64_t *sizes, const uint64_t *retained, uint64_t *seed)
{
    enum { CLASSES = 3 };
    uint32_t classes[SMALL_NODES], inside[CLASSES] = {0};
    uint64_t expected[CLASSES] = {0}, got[CLASSES] = {7, 7, 7};
    uint32_t all = small_flow_reached(small, GRAPH_NONE);
    for (uint32_t node = 0; node < found->node_count; node++) {
        classes[node] = random_below(seed, CLASSES + 1);
        if (classes[node] < CLASSES)
            inside[classes[node]] |= all >> node & 1 ? all & ~small_flow_reached(small, node) : 0;
        else if (random_below(seed, 2))
            classes[node] = GRAPH_NONE;
    }
    for (uint32_t class = 0; class < CLASSES; class ++)
        for (uint32_t node = 0; node < found->node_count; node++)
            expected[class] += inside[class] >> node & 1 ? sizes[node] : 0;
    assert_int_equal(dominators_union(found, classes, CLASSES, retained, got, NULL), MX_OK);
    assert_memory_equal(got, expected, sizeof got);
}

static void test_small_graphs_have_the_children_and_unions_that_removal_shows(void **state)
{
    (void)state;
    uint64_t seed = 31415926535ull, sizes[SMALL_NODES], retained[SMALL_NODES];
    for (int round = 0; round < SMALL_ROUNDS / 2; round++) {
        struct small_flow small;
        struct dominators found;
        small_flow_init(&small, &seed, SMALL_NODES);
        for (int i = 0; i < SMALL_NODES; i++)
            sizes[i] = random_below(&seed, 4);
        assert_int_equal(dominators_find(&small.flow, &found, NULL), MX_OK);
        dominators_retained(&found, sizes, retained);
        assert_children(&found, retained);
        assert_unions(&small, &found, sizes, retained, &seed);
        dominators_free(&found);
        small_flow_fini(&small);
    }
}

// A linked list is one object a million times over, and not the sum of what each link retains.
static void test_a_list_of_a_million_of_a_class_retains_each_once(void **state)
{
    (void)state;
    struct pair *edges = malloc(LONG * sizeof *edges);
    uint64_t *sizes = malloc(LONG * sizeof *sizes), *retained = malloc(LONG * sizeof *retained);
    uint32_t *classes = calloc(LONG, sizeof *classes);
    for (uint32_t i = 0; i < LONG; i++) {
        edges[i] = (struct pair){i, i + 1 < LONG ? i + 1 : i};
        sizes[i] = 2;
    }
    struct graph graph;
    struct dominators found;
    uint64_t got;
    build_graph(&graph, LONG, edges, LONG);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){0}, .entry_count = 1};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    dominators_retained(&found, sizes, retained);
    assert_int_equal(dominators_union(&found, classes, 1, retained, &got, NULL), MX_OK);
    assert_int_equal(got, 2 * LONG);
    dominators_free(&found);
    free(edges);
    free(sizes);
    free(retained);
    free(classes);
    graph_fini(&graph);
}

static void test_the_largest_of_a_million_children_come_in_order(void **state)
{
    (void)state;
    enum { MOST = 100 };
    uint64_t seed = 99, *retained = malloc(LONG * sizeof *retained);
    uint32_t *parent = malloc(LONG * sizeof *parent), *order = malloc(LONG * sizeof *order);
    uint32_t *sorted = malloc(LONG * sizeof *sorted), largest[MOST];
    for (uint32_t i = 0; i < LONG; i++) {
        parent[i] = DOMINATOR_ROOT;
        order[i] = sorted[i] = i;
        retained[i] = random_below(&seed, LONG / 10);
    }
    struct dominators tree = {
        .node_count = LONG, .reached = LONG, .parent = parent, .order = order};
    struct dominator_children children;
    assert_int_equal(dominator_children_find(&tree, &children, NULL), MX_OK);
    qsort_r(sorted, LONG, sizeof *sorted, by_retained, retained);
    assert_int_equal(dominator_children_largest(&children, DOMINATOR_ROOT, retained, MOST, largest),
                     MOST);
    assert_memory_equal(largest, sorted, sizeof largest);
    assert_int_equal(dominator_children_largest(&children, DOMINATOR_ROOT, retained, LONG, order),
                     LONG);
    assert_memory_equal(order, sorted, LONG * sizeof *sorted);
    dominator_children_free(&children);
    free(retained);
    free(parent);
    free(order);
    free(sorted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_graphs_have_the_children_and_unions_that_removal_shows),
        cmocka_unit_test(test_a_list_of_a_million_of_a_class_retains_each_once),
        cmocka_unit_test(test_the_largest_of_a_million_children_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
