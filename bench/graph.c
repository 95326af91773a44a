// graph.c - how long the graph takes: dominators, retained sizes, unions by class, and their proof.
//
//   ninja -C build bench/graph && build/bench/graph [NODES [records|random|chain]]
//
// records  what examples/heap.py builds: records of 20 objects in six size classes, numbered as their
//          addresses would be, two and a half references an object
// random   each node refers to any others: nearly every step misses the caches
// chain    one long list, and references between any of its nodes
//
// Each step is done three times; a line says the best. Other work on the machine shows in the
// difference of wall and user time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "graph/dominated.h"

#define ROUNDS 3
#define SHARED 1000 // nodes that all may refer to: types, names, small numbers
#define POOL 256    // nodes of one size class in a row
#define CLASSES 500

static uint64_t seed = 88172645463325252ull;

static uint32_t below(uint32_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) * limit >> 32);
}

struct edges {
    uint32_t nodes;
    uint64_t count, most;
    uint32_t *from, *to;
};

static void add(struct edges *edges, uint32_t from, uint32_t to)
{
    if (edges->count == edges->most)
        return;
    edges->from[edges->count] = from;
    edges->to[edges->count++] = to;
}

// Where the objects of a record come from, by the pool of their size.
struct pools {
    uint32_t at[6], left[6], next;
};

static uint32_t take(struct pools *pools, unsigned size)
{
    if (!pools->left[size]) {
        pools->at[size] = pools->next;
        pools->next += pools->left[size] = POOL;
    }
    pools->left[size]--;
    return pools->at[size]++;
}

// Instance, its dict, name, age; orders; address with two strings and a set; two orders of number,
// total, items with two strings.
static void add_record(struct edges *edges, struct pools *pools)
{
    enum { INSTANCE, SMALL, TEXT, DICT, CONTAINER, SET };
    uint32_t customer = take(pools, INSTANCE), dict = take(pools, DICT);
    uint32_t orders = take(pools, CONTAINER), address = take(pools, DICT), set = take(pools, SET);
    add(edges, 0, customer);
    add(edges, customer, 1);
    add(edges, customer, dict);
    for (uint32_t key = 0; key < 4; key++)
        add(edges, dict, 2 + key);
    add(edges, dict, take(pools, TEXT));
    add(edges, dict, take(pools, SMALL));
    add(edges, dict, orders);
    add(edges, dict, address);
    for (uint32_t i = 0; i < 2; i++) {
        add(edges, address, 6 + i);
        add(edges, address, take(pools, TEXT));
    }
    add(edges, address, set);
    add(edges, set, 20 + below(7));
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t order = take(pools, INSTANCE), items = take(pools, CONTAINER);
        add(edges, orders, order);
        add(edges, order, 8);
        add(edges, order, take(pools, SMALL));
        add(edges, order, customer);
        add(edges, order, items);
        add(edges, order, take(pools, SMALL));
        add(edges, items, take(pools, TEXT));
        add(edges, items, take(pools, TEXT));
        add(edges, items, 30 + i);
    }
}

static void add_edges(struct edges *edges, const char *kind)
{
    uint32_t nodes = edges->nodes;
    if (!strcmp(kind, "records")) {
        struct pools pools = {.next = SHARED};
        while (pools.next + 6 * POOL < nodes)
            add_record(edges, &pools);
        for (uint32_t node = 1; node < SHARED; node++)
            add(edges, 0, node);
        while (edges->count < edges->most)
            add(edges, SHARED + below(nodes - SHARED), below(SHARED));
        return;
    }
    for (uint32_t node = 1; node < nodes; node++)
        add(edges, strcmp(kind, "chain") ? below(node) : node - 1, node);
    while (edges->count < edges->most)
        add(edges, below(nodes), below(nodes));
}

static void build(struct graph *graph, uint32_t nodes, const char *kind)
{
    struct edges edges = {.nodes = nodes, .most = (uint64_t)nodes * 5 / 2};
    edges.from = malloc(edges.most * sizeof *edges.from);
    edges.to = malloc(edges.most * sizeof *edges.to);
    if (!edges.from || !edges.to || graph_init(graph, nodes, NULL))
        exit(1);
    add_edges(&edges, kind);
    for (uint64_t i = 0; i < edges.count; i++)
        graph_count_edge(graph, edges.from[i]);
    if (graph_allocate(graph, NULL))
        exit(1);
    for (uint64_t i = 0; i < edges.count; i++)
        graph_add_edge(graph, edges.from[i], edges.to[i]);
    graph_finish(graph);
    free(edges.from);
    free(edges.to);
}

// ---- measuring --------------------------------------------------------------------------------

struct best {
    double wall, user;
    struct timespec began;
    struct rusage usage;
};

static void begin(struct best *best)
{
    getrusage(RUSAGE_SELF, &best->usage);
    clock_gettime(CLOCK_MONOTONIC, &best->began);
}

static void end(struct best *best)
{
    struct timespec now;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    double wall = (double)(now.tv_sec - best->began.tv_sec) +
                  (double)(now.tv_nsec - best->began.tv_nsec) / 1e9;
    double user = (double)(usage.ru_utime.tv_sec - best->usage.ru_utime.tv_sec) +
                  (double)(usage.ru_utime.tv_usec - best->usage.ru_utime.tv_usec) / 1e6;
    best->wall = best->wall == 0 || wall < best->wall ? wall : best->wall;
    best->user = best->user == 0 || user < best->user ? user : best->user;
}

static void measure(const struct flow *flow)
{
    uint32_t nodes = flow->graph->node_count;
    uint64_t *sizes = malloc(nodes * sizeof *sizes), *retained = calloc(nodes, sizeof *retained);
    uint32_t *classes = malloc(nodes * sizeof *classes);
    uint64_t *unions = calloc(CLASSES, sizeof *unions);
    for (uint32_t node = 0; node < nodes; node++) {
        sizes[node] = 16 + below(200);
        classes[node] = below(CLASSES);
    }
    struct best find = {0}, sum = {0}, unite = {0}, verify = {0};
    bool right = false;
    struct dominators found = {0};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t wrong;
        dominators_free(&found);
        begin(&find);
        if (dominators_find(flow, &found, NULL))
            exit(1);
        end(&find);
        begin(&sum);
        dominators_retained(&found, sizes, retained);
        end(&sum);
        begin(&unite);
        if (dominators_union(&found, classes, CLASSES, retained, unions, NULL))
            exit(1);
        end(&unite);
        begin(&verify);
        if (dominators_verify(flow, &found, &right, &wrong, NULL))
            exit(1);
        end(&verify);
    }
    printf("%u nodes, %llu edges, %u reached\n", nodes, (unsigned long long)flow->graph->edge_count,
           found.reached);
    printf("            wall   user\n");
    printf("dominators %5.3f  %5.3f\n", find.wall, find.user);
    printf("retained   %5.3f  %5.3f\n", sum.wall, sum.user);
    printf("unions     %5.3f  %5.3f\n", unite.wall, unite.user);
    printf("verify     %5.3f  %5.3f  %s\n", verify.wall, verify.user, right ? "right" : "WRONG");
    dominators_free(&found);
    free(sizes);
    free(retained);
    free(classes);
    free(unions);
}

int main(int argc, char **argv)
{
    uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000000;
    if (nodes < 10 * SHARED) {
        fprintf(stderr, "graph: at least %d nodes\n", 10 * SHARED);
        return 2;
    }
    struct graph graph;
    build(&graph, nodes, argc > 2 ? argv[2] : "records");
    uint8_t *hold = calloc(graph.edge_count + 1, 1); // as a heap's references have it
    uint32_t entries[] = {0, nodes / 2};
    struct flow flow = {
        .graph = &graph, .hold = hold, .entries = entries, .entry_count = 2, .close = true};
    measure(&flow);
    free(hold);
    graph_fini(&graph);
    return 0;
}
