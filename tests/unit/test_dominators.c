// test_dominators.c - the dominator tree and what it retains are what removing nodes one by one says.
#include "graph_random.h"

#include "graph/dominators.h"

static void assert_verified(const struct flow *flow, const struct dominators *found)
{
    bool right;
    uint32_t node = 0;
    assert_int_equal(dominators_verify(flow, found, &right, &node, NULL), MX_OK);
    assert_true(right);
    assert_int_equal(node, GRAPH_NONE);
}

static void assert_order(const struct dominators *found)
{
    uint8_t *seen = calloc(found->node_count + 1, 1);
    for (uint32_t i = 0; i < found->reached; i++) {
        uint32_t node = found->order[i], above = found->parent[node];
        assert_false(seen[node]);
        assert_true(above == DOMINATOR_ROOT || seen[above]);
        seen[node] = 1;
    }
    free(seen);
}

// ---- small graphs, against the removal of each node -----------------------------------------------

static void assert_like_removal(const struct small_flow *small, const struct dominators *found,
                                const uint64_t *sizes)
{
    uint32_t count = small->graph.node_count, all = small_flow_reached(small, GRAPH_NONE);
    uint32_t dominated[SMALL_NODES]; // by each node, itself included
    uint64_t retained[SMALL_NODES];
    dominators_retained(found, sizes, retained);
    assert_int_equal(found->reached, __builtin_popcount(all));
    for (uint32_t node = 0; node < count; node++)
        dominated[node] = all >> node & 1 ? all & ~small_flow_reached(small, node) : 0;
    for (uint32_t node = 0; node < count; node++) {
        uint64_t size = 0;
        uint32_t closest = all >> node & 1 ? DOMINATOR_ROOT : DOMINATOR_NONE;
        for (uint32_t other = 0; other < count; other++) {
            if (dominated[node] >> other & 1)
                size += sizes[other];
            // Of two dominators of a node, one dominates the other.
            if (other != node && dominated[other] >> node & 1 &&
                (closest == DOMINATOR_ROOT || dominated[closest] >> other & 1))
                closest = other;
        }
        assert_int_equal(found->parent[node], closest);
        assert_int_equal(retained[node], size);
    }
}

static void test_small_graphs_have_the_dominators_that_removal_shows(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull, sizes[SMALL_NODES];
    for (int round = 0; round < SMALL_ROUNDS; round++) {
        struct small_flow small;
        struct dominators found;
        small_flow_init(&small, &seed, SMALL_NODES);
        for (int i = 0; i < SMALL_NODES; i++)
            sizes[i] = random_below(&seed, 1000);
        assert_int_equal(dominators_find(&small.flow, &found, NULL), MX_OK);
        assert_order(&found);
        assert_like_removal(&small, &found, sizes);
        assert_verified(&small.flow, &found);
        dominators_free(&found);
        small_flow_fini(&small);
    }
}

// Nodes that are not reached and that no other leads to, unless they lead back to it.
static uint32_t sources(const struct small_flow *small)
{
    uint32_t count = small->graph.node_count, leads_to[SMALL_NODES], found = 0;
    uint32_t rest = ((1u << count) - 1) & ~small_flow_reached(small, GRAPH_NONE);
    struct small_flow from = *small;
    from.flow.entries = from.entries;
    from.flow.entry_count = 1;
    for (uint32_t node = 0; node < count; node++) {
        from.entries[0] = node;
        leads_to[node] = small_flow_reached(&from, GRAPH_NONE);
    }
    for (uint32_t node = 0; node < count; node++) {
        bool first = rest >> node & 1;
        for (uint32_t other = 0; other < count; other++)
            if (rest >> other & 1 && leads_to[other] >> node & 1 && !(leads_to[node] >> other & 1))
                first = false;
        found |= (uint32_t)first << node;
    }
    return found;
}

static void test_a_closed_flow_is_entered_where_nothing_else_leads(void **state)
{
    (void)state;
    uint64_t seed = 271828182845ull, sizes[SMALL_NODES];
    uint32_t most = 0;
    for (int round = 0; round < SMALL_ROUNDS / 3; round++) {
        struct small_flow small;
        struct dominators found;
        small_flow_init(&small, &seed, SMALL_NODES);
        for (int i = 0; i < SMALL_NODES; i++)
            sizes[i] = random_below(&seed, 1000);
        small.flow.close = true;
        assert_int_equal(dominators_find(&small.flow, &found, NULL), MX_OK);
        assert_int_equal(found.reached, small.graph.node_count);
        assert_verified(&small.flow, &found);
        uint32_t expected = sources(&small), added = 0;
        uint32_t from_entries =
            (uint32_t)__builtin_popcount(small_flow_reached(&small, GRAPH_NONE));
        if (found.added_count)
            assert_int_equal(found.order[from_entries], found.added[0]);
        for (uint32_t i = 0; i < found.added_count; i++) {
            assert_true(i == 0 || found.added[i - 1] < found.added[i]);
            added |= 1u << found.added[i];
            small.entries[small.flow.entry_count++] = found.added[i];
        }
        assert_int_equal(added, expected);
        most = found.added_count > most ? found.added_count : most;
        small.flow.close = false; // entered there, it is a flow like any other
        assert_order(&found);
        assert_like_removal(&small, &found, sizes);
        assert_verified(&small.flow, &found);
        dominators_free(&found);
        small_flow_fini(&small);
    }
    assert_true(most > SMALL_NODES / 2);
}

static void test_a_ring_that_nothing_holds_is_entered_everywhere(void **state)
{
    (void)state;
    struct pair *edges = malloc((LONG + 1) * sizeof *edges);
    for (uint32_t i = 0; i < LONG; i++)
        edges[i] = (struct pair){i, (i + 1) % LONG};
    edges[LONG] = (struct pair){7, LONG};
    struct graph graph;
    struct dominators found;
    build_graph(&graph, LONG + 1, edges, LONG + 1);
    struct flow flow = {.graph = &graph, .close = true};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    assert_int_equal(found.added_count, LONG);
    for (uint32_t i = 0; i <= LONG; i++)
        assert_int_equal(found.parent[i], i < LONG ? DOMINATOR_ROOT : 7);
    assert_verified(&flow, &found);
    dominators_free(&found);
    free(edges);
    graph_fini(&graph);
}

// ---- trees that are not the one -------------------------------------------------------------------

// Nodes so that parents come first; false when that cannot be.
static bool put_in_order(struct dominators *tree)
{
    uint32_t placed = 0, before;
    tree->reached = 0;
    do {
        before = tree->reached;
        for (uint32_t node = 0; node < tree->node_count; node++) {
            uint32_t above = tree->parent[node];
            if (placed >> node & 1 || above == DOMINATOR_NONE ||
                (above != DOMINATOR_ROOT && !(placed >> above & 1)))
                continue;
            placed |= 1u << node;
            tree->order[tree->reached++] = node;
        }
    } while (tree->reached != before);
    for (uint32_t node = 0; node < tree->node_count; node++)
        if (!(placed >> node & 1) && tree->parent[node] != DOMINATOR_NONE)
            return false;
    return true;
}

// Every tree over all or some of the nodes.
static uint32_t try_all_trees(const struct small_flow *small, const struct dominators *found)
{
    enum { MOST = 5 };
    uint32_t count = small->graph.node_count, parent[MOST], order[MOST], rejected = 0;
    uint32_t choices = 1;
    for (uint32_t i = 0; i < count; i++)
        choices *= count + 2;
    for (uint32_t choice = 0; choice < choices; choice++) {
        struct dominators tree = {.node_count = count, .parent = parent, .order = order};
        for (uint32_t i = 0, rest = choice; i < count; i++, rest /= count + 2) {
            parent[i] = rest % (count + 2);
            if (parent[i] >= count)
                parent[i] = parent[i] == count ? DOMINATOR_ROOT : DOMINATOR_NONE;
        }
        if (!put_in_order(&tree))
            continue;
        bool right;
        uint32_t node;
        assert_int_equal(dominators_verify(&small->flow, &tree, &right, &node, NULL), MX_OK);
        assert_int_equal(right, !memcmp(parent, found->parent, count * sizeof *parent));
        assert_true(right || node < count);
        rejected += !right;
    }
    return rejected;
}

static void test_of_all_trees_the_dominator_tree_alone_is_verified(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    uint32_t rejected = 0;
    for (int round = 0; round < SMALL_ROUNDS / 200; round++) {
        struct small_flow small;
        struct dominators found;
        small_flow_init(&small, &seed, round % 16 ? 4 : 5);
        assert_int_equal(dominators_find(&small.flow, &found, NULL), MX_OK);
        rejected += try_all_trees(&small, &found);
        dominators_free(&found);
        small_flow_fini(&small);
    }
    assert_true(rejected > SMALL_ROUNDS / 10);
}

static void test_of_larger_graphs_no_tree_with_one_node_elsewhere_is_verified(void **state)
{
    (void)state;
    uint64_t seed = 7654321;
    uint32_t rejected = 0;
    for (int round = 0; round < SMALL_ROUNDS / 20; round++) {
        struct small_flow small;
        struct dominators found;
        small_flow_init(&small, &seed, SMALL_NODES);
        assert_int_equal(dominators_find(&small.flow, &found, NULL), MX_OK);
        uint32_t node = random_below(&seed, small.graph.node_count), was = found.parent[node];
        uint32_t now = random_below(&seed, small.graph.node_count + 1);
        found.parent[node] = now < small.graph.node_count ? now : DOMINATOR_ROOT;
        bool right;
        if (found.parent[node] != was && put_in_order(&found)) {
            assert_int_equal(dominators_verify(&small.flow, &found, &right, &node, NULL), MX_OK);
            assert_false(right);
            rejected++;
        }
        dominators_free(&found);
        small_flow_fini(&small);
    }
    assert_true(rejected > SMALL_ROUNDS / 200);
}

static void test_what_is_no_tree_is_not_verified(void **state)
{
    (void)state;
    struct graph graph;
    build_graph(&graph, 3, (struct pair[]){{0, 1}, {1, 2}}, 2);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){0}, .entry_count = 1};
    static const struct {
        uint32_t reached, parent[3], order[3], wrong;
    } cases[] = {
        {3, {DOMINATOR_ROOT, 0, 1}, {0, 2, 1}, 2},              // before its parent
        {3, {DOMINATOR_ROOT, 2, 1}, {0, 1, 2}, 1},              // above each other
        {3, {DOMINATOR_ROOT, 0, 2}, {0, 1, 2}, 2},              // above itself
        {3, {DOMINATOR_ROOT, 0, 1}, {0, 1, 1}, 1},              // twice
        {3, {DOMINATOR_ROOT, 0, 1}, {0, 1, 3}, 3},              // not a node
        {3, {DOMINATOR_ROOT, 0, 7}, {0, 1, 2}, 2},              // under no node
        {2, {DOMINATOR_ROOT, 0, 1}, {0, 1}, 2},                 // left out
        {2, {DOMINATOR_ROOT, 0, DOMINATOR_NONE}, {0, 1}, 2},    // reached, and said not to be
        {3, {DOMINATOR_ROOT, 0, DOMINATOR_NONE}, {0, 1, 2}, 2}, // placed, and said not to be
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool right = true;
        uint32_t node = 99, parent[3], order[3];
        memcpy(parent, cases[i].parent, sizeof parent);
        memcpy(order, cases[i].order, sizeof order);
        struct dominators tree = {
            .node_count = 3, .reached = cases[i].reached, .parent = parent, .order = order};
        assert_int_equal(dominators_verify(&flow, &tree, &right, &node, NULL), MX_OK);
        assert_false(right);
        assert_int_equal(node, cases[i].wrong);
    }
    graph_fini(&graph);
}

// ---- large graphs ---------------------------------------------------------------------------------

static uint64_t *ones(uint32_t count)
{
    uint64_t *sizes = malloc(count * sizeof *sizes);
    for (uint32_t i = 0; i < count; i++)
        sizes[i] = 1;
    return sizes;
}

static void test_a_chain_of_a_million_is_one_branch(void **state)
{
    (void)state;
    struct pair *edges = malloc(2 * LONG * sizeof *edges);
    size_t count = 0;
    for (uint32_t i = 0; i + 1 < LONG; i++) { // linked both ways, met from its start
        edges[count++] = (struct pair){i, i + 1};
        edges[count++] = (struct pair){i + 1, i};
    }
    struct graph graph;
    struct dominators found;
    build_graph(&graph, LONG, edges, count);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){0}, .entry_count = 1};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    uint64_t *retained = ones(LONG);
    dominators_retained(&found, retained, retained);
    for (uint32_t i = 0; i < LONG; i++) {
        assert_int_equal(found.parent[i], i ? i - 1 : DOMINATOR_ROOT);
        assert_int_equal(retained[i], LONG - i);
    }
    assert_verified(&flow, &found);
    dominators_free(&found);
    // Held at both ends, nobody in the middle dominates anybody.
    flow.entries = (uint32_t[]){LONG - 1, 0, 0};
    flow.entry_count = 3;
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    for (uint32_t i = 0; i < LONG; i++)
        assert_int_equal(found.parent[i], DOMINATOR_ROOT);
    assert_verified(&flow, &found);
    dominators_free(&found);
    free(retained);
    free(edges);
    graph_fini(&graph);
}

static void test_in_a_complete_graph_the_entry_dominates_all(void **state)
{
    (void)state;
    enum { COUNT = 700 };
    struct pair *edges = malloc(COUNT * COUNT * sizeof *edges);
    for (uint32_t i = 0; i < COUNT * COUNT; i++)
        edges[i] = (struct pair){i / COUNT, i % COUNT};
    struct graph graph;
    struct dominators found;
    build_graph(&graph, COUNT, edges, COUNT * COUNT);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){5}, .entry_count = 1};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(found.parent[i], i == 5 ? DOMINATOR_ROOT : 5);
    assert_verified(&flow, &found);
    dominators_free(&found);
    free(edges);
    graph_fini(&graph);
}

// Two rails with rungs both ways: every node has two ways in, so the entry alone dominates.
static void test_in_a_ladder_the_first_rung_dominates_all(void **state)
{
    (void)state;
    enum { RUNGS = LONG / 4 };
    struct pair *edges = malloc(4 * RUNGS * sizeof *edges);
    size_t count = 0;
    for (uint32_t i = 0; i < RUNGS; i++) {
        edges[count++] = (struct pair){2 * i, 2 * i + 1};
        edges[count++] = (struct pair){2 * i + 1, 2 * i};
        if (i + 1 == RUNGS)
            break;
        edges[count++] = (struct pair){2 * i, 2 * i + 2};
        edges[count++] = (struct pair){2 * i + 1, 2 * i + 3};
    }
    struct graph graph;
    struct dominators found;
    build_graph(&graph, 2 * RUNGS, edges, count);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){0}, .entry_count = 1};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    for (uint32_t i = 1; i < 2 * RUNGS; i++)
        assert_int_equal(found.parent[i], 0);
    assert_verified(&flow, &found);
    dominators_free(&found);
    free(edges);
    graph_fini(&graph);
}

// A chain whose last refers to many that its first refers to as well: where Semi-NCA as it is
// published climbs the whole chain for each of the many.
static void test_many_held_by_both_ends_of_a_long_chain_take_no_time(void **state)
{
    (void)state;
    enum { CHAIN = LONG / 2 };
    struct pair *edges = malloc(3 * CHAIN * sizeof *edges);
    size_t count = 0;
    for (uint32_t i = 0; i + 1 < CHAIN; i++)
        edges[count++] = (struct pair){i, i + 1};
    for (uint32_t i = CHAIN; i < 2 * CHAIN; i++) {
        edges[count++] = (struct pair){0, i};
        edges[count++] = (struct pair){CHAIN - 1, i};
    }
    struct graph graph;
    struct dominators found;
    build_graph(&graph, 2 * CHAIN, edges, count);
    struct flow flow = {.graph = &graph, .entries = (uint32_t[]){0}, .entry_count = 1};
    assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
    for (uint32_t i = 0; i < 2 * CHAIN; i++)
        assert_int_equal(found.parent[i], i == 0 ? DOMINATOR_ROOT : i < CHAIN ? i - 1 : 0);
    assert_verified(&flow, &found);
    dominators_free(&found);
    free(edges);
    graph_fini(&graph);
}

static void test_large_random_graphs_are_verified(void **state)
{
    (void)state;
    uint64_t seed = 424242;
    for (uint32_t round = 0; round < 8; round++) {
        uint32_t nodes = 1 + random_below(&seed, LONG / 8), entry_count = 1 + round % 3;
        size_t count = (size_t)nodes * (1 + round) / 2;
        struct pair *edges = malloc((count + 1) * sizeof *edges);
        uint8_t *hold = malloc(count + 1);
        for (size_t i = 0; i < count; i++) {
            uint32_t from = random_below(&seed, nodes), near = 1 + random_below(&seed, 20);
            edges[i] = (struct pair){from, round % 2 ? (from + near) % nodes : i % nodes};
            hold[i] = random_below(&seed, 8) == 0;
        }
        uint32_t entries[3];
        for (uint32_t i = 0; i < entry_count; i++)
            entries[i] = random_below(&seed, nodes);
        struct graph graph;
        struct dominators found;
        build_graph(&graph, nodes, edges, count);
        struct flow flow = {.graph = &graph,
                            .hold = round % 4 == 3 ? hold : NULL,
                            .entries = entries,
                            .entry_count = entry_count,
                            .close = round % 2};
        assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
        assert_order(&found);
        assert_verified(&flow, &found);
        dominators_free(&found);
        free(hold);
        free(edges);
        graph_fini(&graph);
    }
}

static void test_a_flow_without_nodes_or_entries_reaches_nothing(void **state)
{
    (void)state;
    for (uint32_t nodes = 0; nodes < 3; nodes++) {
        struct graph graph;
        struct dominators found;
        build_graph(&graph, nodes, NULL, 0);
        struct flow flow = {.graph = &graph};
        assert_int_equal(dominators_find(&flow, &found, NULL), MX_OK);
        assert_int_equal(found.reached, 0);
        for (uint32_t i = 0; i < nodes; i++)
            assert_int_equal(found.parent[i], DOMINATOR_NONE);
        assert_verified(&flow, &found);
        dominators_free(&found);
        graph_fini(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_graphs_have_the_dominators_that_removal_shows),
        cmocka_unit_test(test_a_closed_flow_is_entered_where_nothing_else_leads),
        cmocka_unit_test(test_a_ring_that_nothing_holds_is_entered_everywhere),
        cmocka_unit_test(test_of_all_trees_the_dominator_tree_alone_is_verified),
        cmocka_unit_test(test_of_larger_graphs_no_tree_with_one_node_elsewhere_is_verified),
        cmocka_unit_test(test_what_is_no_tree_is_not_verified),
        cmocka_unit_test(test_a_chain_of_a_million_is_one_branch),
        cmocka_unit_test(test_in_a_complete_graph_the_entry_dominates_all),
        cmocka_unit_test(test_in_a_ladder_the_first_rung_dominates_all),
        cmocka_unit_test(test_many_held_by_both_ends_of_a_long_chain_take_no_time),
        cmocka_unit_test(test_large_random_graphs_are_verified),
        cmocka_unit_test(test_a_flow_without_nodes_or_entries_reaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
