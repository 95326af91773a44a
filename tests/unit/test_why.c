// test_why.c - why objects are alive and what they retain, on snapshots that stand here as numbers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_random.h"
#include "heap/columns.h"

enum { MOST = 4000, MOST_ROOTS = 40, ROUNDS = SANITIZED ? 150 : 1500 };
enum { MODULE, DICT_, LIST, INSTANCE, FUNCTION, CELL, LOCAL, NODE, TYPES };
static const struct snapshot_type types[TYPES] = {
    [MODULE] = {.family = SNAPSHOT_MODULE, .name = "builtins.module"},
    [DICT_] = {.family = SNAPSHOT_DICT, .name = "builtins.dict"},
    [LIST] = {.family = SNAPSHOT_LIST, .name = "builtins.list"},
    [INSTANCE] = {.family = SNAPSHOT_INSTANCE, .name = "app.Node"},
    [FUNCTION] = {.family = SNAPSHOT_FUNCTION, .name = "builtins.function"},
    [CELL] = {.family = SNAPSHOT_CELL, .name = "builtins.cell"},
    [LOCAL] = {.family = SNAPSHOT_OTHER, .name = "_thread._local"},
    [NODE] = {.family = SNAPSHOT_OTHER, .name = "builtins.hamt_bitmap_node"},
};

struct arrow {
    uint32_t from, to;
    const char *label;
};

static struct world {
    struct columns columns;
    struct mx_heap heap;
    uint64_t addresses[MOST], first[MOST + 1], referrer_first[MOST + 1], retained[MOST];
    uint32_t types[MOST], dominators[MOST], targets[MOST], referrers[MOST], sizes[MOST];
    uint8_t flags[MOST], holds[MOST], referrer_holds[MOST];
    struct arrow edges[MOST];
    struct snapshot_root roots[MOST_ROOTS];
    struct snapshot_root_reference root_references[MOST_ROOTS];
    const char *root_labels[MOST_ROOTS];
    uint32_t objects, edge_count, root_count;
} world;

// ---- making one ---------------------------------------------------------------------------------

static uint32_t make(uint32_t type)
{
    assert_true(world.objects < MOST);
    world.types[world.objects] = type;
    return world.objects++;
}

static void refer(uint32_t from, const char *label, uint32_t to)
{
    assert_true(world.edge_count < MOST);
    world.edges[world.edge_count++] = (struct arrow){from, to, label};
}

static void root(enum root_kind kind, const char *name, const char *label, uint32_t to)
{
    bool keeps = kind != ROOT_MODULE;
    world.roots[world.root_count] = (struct snapshot_root){(uint8_t)kind, name};
    world.root_labels[world.root_count] = label;
    world.root_references[world.root_count] =
        (struct snapshot_root_reference){world.root_count, to, MX_OWNED, keeps};
    world.root_count++;
}

// Its namespace.
static uint32_t module(const char *name)
{
    uint32_t made = make(MODULE), dict = make(DICT_);
    refer(made, ".__dict__", dict);
    root(ROOT_MODULE, name, "", made);
    root(ROOT_INTERPRETER, "interpreter 0", ".modules", made);
    return dict;
}

static void write_label(void *data, uint32_t object, uint64_t reference, char *buffer,
                        size_t nbytes)
{
    (void)data, (void)object;
    assert_true(reference < world.edge_count);
    snprintf(buffer, nbytes, "%s", world.edges[reference].label);
}

static void write_root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    assert_true(reference < world.root_count);
    snprintf(buffer, nbytes, "%s", world.root_labels[reference]);
}

static size_t write_value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data, (void)object;
    return (size_t)snprintf(buffer, nbytes, "text");
}

static int by_source(const void *a, const void *b)
{
    const struct arrow *left = a, *right = b;
    return (left->from > right->from) - (left->from < right->from);
}

static void publish(void)
{
    struct snapshot *s = &world.columns.snapshot;
    uint64_t objects = s->object_count = world.objects;
    uint64_t references = s->reference_count = world.edge_count;
    s->address = column_plain(world.addresses, objects, COLUMN_U64);
    s->type = column_plain(world.types, objects, COLUMN_U32);
    s->size = column_plain(world.sizes, objects, COLUMN_U32);
    s->extra = column_plain(NULL, objects, COLUMN_U64);
    s->flags = column_plain(world.flags, objects, COLUMN_U8);
    s->first = column_plain(world.first, objects + 1, COLUMN_U64);
    s->target = column_plain(world.targets, references, COLUMN_U32);
    s->hold = column_plain(world.holds, references, COLUMN_U8);
    s->referrer_first = column_plain(world.referrer_first, objects + 1, COLUMN_U64);
    s->referrer = column_plain(world.referrers, references, COLUMN_U32);
    s->referrer_hold = column_plain(world.referrer_holds, references, COLUMN_U8);
    s->dominator = column_plain(world.dominators, objects, COLUMN_U32);
    s->retained = column_plain(world.retained, objects, COLUMN_U64);
    s->types = types;
    s->type_count = TYPES;
    s->roots = world.roots;
    s->root_count = world.root_count;
    s->root_references = world.root_references;
    s->root_reference_count = world.root_count;
    s->texts.label = write_label;
    s->texts.root_label = write_root_label;
    s->texts.value = write_value;
    world.heap.columns = &world.columns;
}

// References both ways, from the edges.
static const mx_heap *finish(void)
{
    qsort(world.edges, world.edge_count, sizeof *world.edges, by_source);
    uint32_t at = 0;
    for (uint32_t i = 0; i < world.objects; i++) {
        world.addresses[i] = 0x1000 + 2 * i;
        world.first[i] = at;
        for (; at < world.edge_count && world.edges[at].from == i; at++)
            world.targets[at] = world.edges[at].to;
    }
    world.first[world.objects] = at;
    uint64_t count = 0;
    for (uint32_t i = 0; i < world.objects; i++) {
        world.referrer_first[i] = count;
        for (uint32_t k = 0; k < world.edge_count; k++)
            if (world.edges[k].to == i)
                world.referrers[count++] = world.edges[k].from;
    }
    world.referrer_first[world.objects] = count;
    publish();
    return &world.heap;
}

static int clear(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    return 0;
}

// ---- asking -------------------------------------------------------------------------------------

static mx_why *why(const mx_heap *heap, const uint32_t *objects, size_t count, uint32_t paths)
{
    mx_why *made = NULL;
    struct mx_error err;
    assert_int_equal(mx_heap_why(heap, objects, count, paths, &made, &err), MX_OK);
    return made;
}

// The ways to the object are these, ended by NULL.
static void assert_ways(uint32_t object, const char *const *expected)
{
    const struct mx_chain *chains;
    mx_why *made = why(finish(), &object, 1, 10);
    size_t count = mx_why_chains(made, &chains), i = 0;
    for (; expected[i]; i++) {
        assert_true(i < count);
        assert_string_equal(chains[i].text, expected[i]);
    }
    assert_int_equal(count, i);
    mx_why_free(made);
}
#define ASSERT_WAYS(object, ...) assert_ways(object, (const char *const[]){__VA_ARGS__, NULL})

// ---- ways ---------------------------------------------------------------------------------------

static void test_a_way_reads_like_python(void **state)
{
    uint32_t names = module("module app"), cache = make(DICT_), node = make(INSTANCE);
    uint32_t own = make(DICT_), list = make(LIST), item = make(INSTANCE);
    (void)state;
    refer(names, "['CACHE']", cache);
    refer(cache, "['user:17']", node);
    refer(node, ".__dict__", own);
    refer(own, "['session']", list);
    refer(list, "[0]", item);
    ASSERT_WAYS(item, "module app -> CACHE -> ['user:17'] -> .session -> [0]");
    ASSERT_WAYS(own, "module app -> CACHE -> ['user:17'] -> .__dict__");
}

static void test_a_namespace_is_the_dict_of_its_module(void **state)
{
    uint32_t names = module("module app");
    (void)state;
    ASSERT_WAYS(names, "module app -> .__dict__", "interpreter 0 -> .modules -> .__dict__");
    ASSERT_WAYS(names - 1, "module app"); // by both of its roots
}

static void test_what_is_silent_is_named_when_it_is_asked_for(void **state)
{
    uint32_t names = module("module app"), local = make(LOCAL), values = make(DICT_);
    uint32_t own = make(DICT_), item = make(LIST);
    (void)state;
    refer(names, "['local']", local);
    refer(local, ".localdicts", values);
    refer(values, "[<dummy>]", own);
    refer(own, "['value']", item);
    ASSERT_WAYS(item, "module app -> local -> .value");
    ASSERT_WAYS(values, "module app -> local -> .localdicts");
}

static void test_equal_steps_are_counted(void **state)
{
    uint32_t names = module("module app"), node = make(INSTANCE);
    (void)state;
    refer(names, "['first']", node);
    for (int i = 0; i < 1000; i++) {
        uint32_t next = make(INSTANCE);
        refer(node, ".next", next);
        node = next;
    }
    ASSERT_WAYS(node, "module app -> first -> .next (1000 times)");
}

static void test_of_a_long_way_both_ends_are_shown(void **state)
{
    static const char *const LABELS[] = {".left", ".right"};
    uint32_t names = module("module app"), node = make(INSTANCE);
    const struct mx_chain *chains;
    (void)state;
    refer(names, "['first']", node);
    for (int i = 0; i < 1000; i++) {
        uint32_t next = make(INSTANCE);
        refer(node, LABELS[i % 2], next);
        node = next;
    }
    mx_why *made = why(finish(), &node, 1, 1);
    assert_int_equal(mx_why_chains(made, &chains), 1);
    assert_non_null(strstr(chains[0].text, "module app -> first -> .left -> .right -> "));
    assert_non_null(strstr(chains[0].text, " -> (977 more) -> "));
    assert_int_equal(chains[0].step_count, 1002);
    assert_true(strlen(chains[0].text) < 400);
    mx_why_free(made);
}

static void test_native_code_is_named_by_its_variable(void **state)
{
    uint32_t kept = make(LIST), lost = make(LIST), item = make(INSTANCE);
    (void)state;
    root(ROOT_NATIVE, "libfoo.so static data", "libfoo.so: cache", kept);
    root(ROOT_NATIVE, "native code", "", lost);
    refer(lost, "[0]", item);
    ASSERT_WAYS(kept, "native code: libfoo.so: cache");
    ASSERT_WAYS(lost, "native code");
    ASSERT_WAYS(item, "native code (list) -> [0]");
}

static void test_a_frame_and_a_stack_are_named_once(void **state)
{
    uint32_t frame = make(INSTANCE), local = make(LIST), word = make(LIST);
    (void)state;
    root(ROOT_FRAME, "thread 7 frame f at app.py:3", "running", frame);
    root(ROOT_THREAD, "thread 7 C stack", "C stack 0x7f00", word);
    refer(frame, "local job", local);
    ASSERT_WAYS(local, "thread 7 frame f at app.py:3 -> local job");
    ASSERT_WAYS(word, "thread 7 C stack 0x7f00");
}

// ---- garbage ------------------------------------------------------------------------------------

static void test_garbage_explains_garbage_alone(void **state)
{
    uint32_t names = module("module app"), list = make(LIST), item = make(INSTANCE);
    uint32_t own = make(DICT_), inner = make(LIST);
    (void)state;
    refer(names, "['alive']", list);
    refer(item, ".__dict__", own);
    refer(own, "['me']", item);
    refer(own, "['inner']", inner);
    refer(own, "['alive']", list);
    root(ROOT_GARBAGE, "garbage", "", item);
    root(ROOT_GARBAGE, "garbage", "", own);
    world.flags[item] = world.flags[own] = world.flags[inner] = OBJECT_UNREACHED;
    ASSERT_WAYS(list, "module app -> alive");
    ASSERT_WAYS(inner, "garbage (app.Node) -> .inner"); // not (dict) -> ['inner']
    uint32_t both[] = {list, item};
    mx_why *made = why(finish(), both, 2, 1);
    assert_int_equal(mx_why_totals(made)->garbage, 1);
    mx_why_free(made);
}

// ---- many ---------------------------------------------------------------------------------------

static void test_ways_that_differ_in_subscripts_are_one(void **state)
{
    uint32_t names = module("module app"), cache = make(DICT_), few = make(LIST), objects[60];
    const struct mx_chain *chains;
    (void)state;
    refer(names, "['CACHE']", cache);
    refer(names, "['few']", few);
    for (int i = 0; i < 60; i++) {
        objects[i] = make(INSTANCE);
        refer(i < 50 ? cache : few, i % 2 ? "['a']" : "['b']", objects[i]);
    }
    mx_why *made = why(finish(), objects, 60, 1);
    assert_int_equal(mx_why_chains(made, &chains), 2);
    assert_string_equal(chains[0].text, "module app -> CACHE -> [...]");
    assert_string_equal(chains[1].text, "module app -> few -> [...]");
    assert_int_equal(chains[0].count, 50);
    assert_int_equal(chains[1].count, 10);
    assert_true(mx_why_totals(made)->complete);
    mx_why_free(made);
}

// ---- what a damaged file may have ---------------------------------------------------------------

// Numbers below their counts, and nothing else that fits together.
static void make_nonsense(uint64_t *seed)
{
    static const char *const LABELS[] = {".__dict__",
                                         "['a']",
                                         "[0]",
                                         "[7]",
                                         ".__closure__",
                                         ".cell_contents",
                                         ".localdicts",
                                         "",
                                         "[",
                                         "local x",
                                         ".__code__",
                                         ".co_freevars",
                                         "[18446744073709551615]"};
    static const char *const NAMES[] = {"module a", "C stack", "garbage", "x: y", ""};
    clear(NULL);
    world.objects = 1 + random_below(seed, 40);
    world.edge_count = random_below(seed, 120);
    for (uint32_t i = 0; i < world.objects; i++) {
        world.types[i] = random_below(seed, TYPES);
        world.sizes[i] = random_below(seed, 1000);
        world.dominators[i] = random_below(seed, world.objects + 1); // circles and all
        world.retained[i] = random_below(seed, 2) ? UINT64_MAX - i : random_below(seed, 5000);
        world.flags[i] = (uint8_t)random_below(seed, 256);
        world.first[i + 1] =
            i + 1 < world.objects ? world.edge_count * (i + 1) / world.objects : world.edge_count;
        world.referrer_first[i + 1] = world.first[i + 1];
    }
    for (uint32_t i = 0; i < world.edge_count; i++) {
        world.targets[i] = random_below(seed, world.objects);
        world.referrers[i] = random_below(seed, world.objects); // not who refers to it
        world.holds[i] = world.referrer_holds[i] = (uint8_t)(random_below(seed, 4) / 3);
        world.edges[i].label = LABELS[random_below(seed, sizeof LABELS / sizeof *LABELS)];
    }
    for (uint32_t i = 0, roots = random_below(seed, 20); i < roots; i++) {
        root((enum root_kind)random_below(seed, ROOT_KINDS),
             NAMES[random_below(seed, sizeof NAMES / sizeof *NAMES)],
             LABELS[random_below(seed, sizeof LABELS / sizeof *LABELS)],
             random_below(seed, world.objects));
        world.root_references[i].keeps = random_below(seed, 2);
        world.root_references[i].hold = (uint8_t)random_below(seed, 3);
    }
    publish();
}

static void ask_for_ways(void)
{
    const struct mx_chain *chains;
    uint32_t all[64];
    for (uint32_t i = 0; i < world.objects; i++) {
        mx_why *made = why(&world.heap, &i, 1, 100);
        size_t count = mx_why_chains(made, &chains);
        for (size_t k = 0; k < count; k++) {
            assert_true(strlen(chains[k].text) < 2000);
            assert_true(chains[k].step_count <= world.objects);
        }
        mx_why_free(made);
        all[i] = i;
    }
    mx_why_free(why(&world.heap, all, world.objects, 5));
}

static void ask_for_the_tree(void)
{
    mx_tree *tree;
    struct mx_holding *rows;
    struct mx_error err;
    size_t count;
    uint64_t objects = 0;
    bool right;
    uint32_t wrong;
    assert_int_equal(mx_heap_tree(&world.heap, &tree, &err), MX_OK);
    for (uint32_t i = 0; i < world.objects; i++) {
        uint32_t at = i, steps = 0;
        assert_int_equal(mx_tree_inside(tree, i, &rows, &count, &err), MX_OK);
        uint64_t inside = 0;
        for (size_t k = 0; k < count; k++)
            inside += rows[k].count;
        assert_in_range(inside, 1, world.objects);
        mx_holdings_free(rows);
        while ((at = mx_tree_parent(tree, at)) != MX_NO_OBJECT)
            assert_true(++steps < world.objects); // upwards, it ends
        if (mx_tree_parent(tree, i) == MX_NO_OBJECT)
            objects += inside;
    }
    assert_int_equal(objects, world.objects); // each is below one of the first level
    assert_int_equal(mx_tree_types(tree, &rows, &count, &err), MX_OK);
    mx_holdings_free(rows);
    assert_int_equal(mx_tree_verify(tree, &right, &wrong, &err), MX_OK);
    assert_true(right || wrong < world.objects);
    mx_tree_free(tree);
}

static void test_nonsense_is_answered_without_end_or_harm(void **state)
{
    uint64_t seed = 20261125;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        make_nonsense(&seed);
        ask_for_ways();
        ask_for_the_tree();
    }
}

static void test_a_circle_of_dominators_is_found_wrong(void **state)
{
    mx_tree *tree;
    struct mx_error err;
    bool right = true;
    uint32_t wrong, names = module("module app"), list = make(LIST);
    (void)state;
    refer(names, "['list']", list);
    const mx_heap *heap = finish();
    world.dominators[names] = list + 1;
    world.dominators[list] = names + 1;
    assert_int_equal(mx_heap_tree(heap, &tree, &err), MX_OK);
    assert_int_equal(mx_tree_verify(tree, &right, &wrong, &err), MX_OK);
    assert_false(right);
    mx_tree_free(tree);
}

static void test_an_object_that_is_not_there_is_refused(void **state)
{
    mx_why *made;
    mx_tree *tree;
    struct mx_holding *rows;
    struct mx_error err;
    size_t count;
    uint32_t object = 1000;
    (void)state;
    module("module app");
    assert_int_equal(mx_heap_why(finish(), &object, 1, 5, &made, &err), MX_BAD_ARGUMENT);
    assert_non_null(strstr(err.message, "object 1000: there are only 2"));
    assert_int_equal(mx_heap_tree(&world.heap, &tree, &err), MX_OK);
    assert_int_equal(mx_tree_inside(tree, object, &rows, &count, &err), MX_BAD_ARGUMENT);
    assert_int_equal(mx_tree_parent(tree, object), MX_NO_OBJECT);
    assert_int_equal(mx_tree_bytes(tree, object), 0);
    mx_tree_free(tree);
}

#define TEST(name) cmocka_unit_test_setup(name, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_way_reads_like_python),
        TEST(test_a_namespace_is_the_dict_of_its_module),
        TEST(test_what_is_silent_is_named_when_it_is_asked_for),
        TEST(test_equal_steps_are_counted),
        TEST(test_of_a_long_way_both_ends_are_shown),
        TEST(test_native_code_is_named_by_its_variable),
        TEST(test_a_frame_and_a_stack_are_named_once),
        TEST(test_garbage_explains_garbage_alone),
        TEST(test_ways_that_differ_in_subscripts_are_one),
        TEST(test_nonsense_is_answered_without_end_or_harm),
        TEST(test_a_circle_of_dominators_is_found_wrong),
        TEST(test_an_object_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
