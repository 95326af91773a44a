// test_suspects.c - what is said of small heaps that stand here as numbers and names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/suspects.h"

#define MOST 6000 // objects and references of a world
#define KIB 1024

enum {
    TYPE_MODULE,
    TYPE_TYPE,
    TYPE_DICT_,
    TYPE_LIST,
    TYPE_STR,
    TYPE_TUPLE,
    TYPE_INT,
    TYPE_OBJECT,
    TYPE_NODE,
    TYPE_PLAIN,
    TYPES
};
static const struct snapshot_type TYPES_OF_ALL[TYPES] = {
    [TYPE_MODULE] = {.family = SNAPSHOT_MODULE, .name = "builtins.module", .base = TYPE_OBJECT},
    [TYPE_TYPE] = {.family = SNAPSHOT_TYPE, .name = "builtins.type", .base = TYPE_OBJECT},
    [TYPE_DICT_] = {.family = SNAPSHOT_DICT, .name = "builtins.dict", .base = TYPE_OBJECT},
    [TYPE_LIST] = {.family = SNAPSHOT_LIST, .name = "builtins.list", .base = TYPE_OBJECT},
    [TYPE_STR] = {.family = SNAPSHOT_STR, .name = "builtins.str", .base = TYPE_OBJECT},
    [TYPE_TUPLE] = {.family = SNAPSHOT_TUPLE, .name = "builtins.tuple", .base = TYPE_OBJECT},
    [TYPE_INT] = {.family = SNAPSHOT_INT, .name = "builtins.int", .base = TYPE_OBJECT},
    [TYPE_OBJECT] = {.family = SNAPSHOT_OTHER,
                     .name = "builtins.object",
                     .base = MX_NO_OBJECT,
                     .basic_nbytes = 16},
    [TYPE_NODE] = {.family = SNAPSHOT_INSTANCE,
                   .name = "app.Node",
                   .base = TYPE_OBJECT,
                   .basic_nbytes = 32,
                   .flags = TYPE_HEAP | TYPE_GC | TYPE_DICT | TYPE_PYTHON | TYPE_USER},
    [TYPE_PLAIN] = {.family = SNAPSHOT_INSTANCE,
                    .name = "lib.Plain",
                    .base = TYPE_OBJECT,
                    .flags = TYPE_HEAP | TYPE_GC | TYPE_PYTHON},
};

struct edge {
    uint32_t from, to;
    const char *label;
};

static struct world {
    struct snapshot snapshot;
    uint64_t addresses[MOST], first[MOST + 1], retained[MOST];
    uint32_t types[MOST], sizes[MOST], dominators[MOST], targets[MOST];
    uint8_t holds[MOST];
    const char *values[MOST];
    struct edge edges[MOST];
    struct snapshot_root roots[MOST];
    struct snapshot_root_reference root_references[MOST];
    const char *root_labels[MOST];
    uint32_t objects, edge_count, root_count;
} world;

// ---- making one ---------------------------------------------------------------------------------

static uint32_t make(uint32_t type, uint32_t nbytes)
{
    assert_true(world.objects < MOST);
    world.types[world.objects] = type;
    world.sizes[world.objects] = nbytes;
    world.addresses[world.objects] = (0x10000 + world.objects * 16) >> 3;
    return world.objects++;
}

static void refer(uint32_t from, const char *label, uint32_t to)
{
    assert_true(world.edge_count < MOST);
    world.edges[world.edge_count++] = (struct edge){from, to, label};
}

static void root(enum root_kind kind, const char *name, const char *label, uint32_t to)
{
    world.roots[world.root_count] = (struct snapshot_root){(uint8_t)kind, name};
    world.root_labels[world.root_count] = label;
    world.root_references[world.root_count] =
        (struct snapshot_root_reference){world.root_count, to, MX_OWNED, true};
    world.root_count++;
}

static uint32_t text(const char *value, uint32_t nbytes)
{
    uint32_t object = make(TYPE_STR, nbytes);
    world.values[object] = value;
    return object;
}

// The namespace of a module that is the user's.
static uint32_t module(const char *name)
{
    uint32_t made = make(TYPE_MODULE, 72), dict = make(TYPE_DICT_, 232);
    refer(made, ".__dict__", dict);
    refer(dict, "['__file__']", text("/srv/app.py", 60));
    root(ROOT_MODULE, name, "", made);
    return dict;
}

// "[0]" to "[99]", over and over.
static const char *item(uint32_t number)
{
    static char labels[100][8];
    snprintf(labels[number % 100], sizeof labels[0], "[%u]", number % 100);
    return labels[number % 100];
}

static void fill(uint32_t container, uint32_t type, uint32_t count, uint32_t nbytes)
{
    for (uint32_t i = 0; i < count; i++)
        refer(container, item(i), make(type, nbytes));
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, "%s", world.values[object] ? world.values[object] : "?");
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    assert_true(reference >= world.first[object] && reference < world.first[object + 1]);
    snprintf(buffer, nbytes, "%s", world.edges[reference].label);
}

static void root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, "%s", world.root_labels[reference]);
}

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data;
    if (!world.values[object] || world.types[object] == TYPE_INT)
        return SNAPSHOT_NO_VALUE;
    size_t length = strlen(world.values[object]);
    length = length < nbytes ? length : nbytes;
    memcpy(buffer, world.values[object], length);
    return length;
}

// Marks what is reached without going through `without`.
static void reach(uint32_t without, uint8_t *reached)
{
    memset(reached, 0, MOST);
    for (uint32_t i = 0; i < world.root_count; i++)
        if (world.root_references[i].to != without)
            reached[world.root_references[i].to] = 1;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < world.edge_count; i++) {
            const struct edge *edge = &world.edges[i];
            if (reached[edge->from] && !reached[edge->to] && edge->to != without)
                reached[edge->to] = more = true;
        }
    }
}

// The object with the smallest retained size that all ways lead through: few do, so few are tried.
static void find_dominators(void)
{
    static uint8_t all[MOST], reached[MOST];
    reach(UINT32_MAX, all);
    for (uint32_t i = 0; i < world.objects; i++) {
        world.retained[i] = world.sizes[i];
        world.dominators[i] = 0;
    }
    for (uint32_t i = 0; i < world.objects; i++) {
        if (!all[i] || world.first[i] == world.first[i + 1])
            continue;
        reach(i, reached);
        world.retained[i] = 0;
        for (uint32_t k = 0; k < world.objects; k++)
            if (all[k] && !reached[k])
                world.retained[i] += world.sizes[k];
        for (uint32_t k = 0; k < world.objects; k++) {
            uint32_t known = world.dominators[k];
            if (k != i && all[k] && !reached[k] &&
                (!known || world.retained[known - 1] > world.retained[i]))
                world.dominators[k] = i + 1;
        }
    }
}

static void sort_edges(void)
{
    static struct edge sorted[MOST];
    uint32_t count = 0;
    for (uint32_t object = 0; object < world.objects; object++) {
        world.first[object] = count;
        for (uint32_t i = 0; i < world.edge_count; i++)
            if (world.edges[i].from == object)
                sorted[count++] = world.edges[i];
    }
    world.first[world.objects] = count;
    memcpy(world.edges, sorted, sizeof sorted);
    for (uint32_t i = 0; i < count; i++) {
        world.targets[i] = world.edges[i].to;
        world.holds[i] = MX_OWNED;
    }
}

static void ask(struct mx_suspects *suspects)
{
    struct snapshot *s = &world.snapshot;
    sort_edges();
    find_dominators();
    s->object_count = world.objects;
    s->reference_count = world.edge_count;
    s->type_count = TYPES;
    s->types = TYPES_OF_ALL;
    s->root_count = s->root_reference_count = world.root_count;
    s->roots = world.roots;
    s->root_references = world.root_references;
    s->texts = (struct snapshot_texts){
        .preview = preview, .label = label, .root_label = root_label, .value = value};
    s->address = column_plain(world.addresses, world.objects, COLUMN_U64);
    s->type = column_plain(world.types, world.objects, COLUMN_U32);
    s->size = column_plain(world.sizes, world.objects, COLUMN_U32);
    s->first = column_plain(world.first, world.objects + 1, COLUMN_U64);
    s->target = column_plain(world.targets, world.edge_count, COLUMN_U32);
    s->hold = column_plain(world.holds, world.edge_count, COLUMN_U8);
    s->dominator = column_plain(world.dominators, world.objects, COLUMN_U32);
    s->retained = column_plain(world.retained, world.objects, COLUMN_U64);
    *suspects = (struct mx_suspects){.snapshot = s};
    assert_int_equal(suspects_make(suspects, NULL), MX_OK);
}

static void done(struct mx_suspects *suspects)
{
    struct mx_suspects *owned = malloc(sizeof *owned);
    assert_non_null(owned);
    *owned = *suspects;
    mx_suspects_free(owned);
}

static int empty_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    return 0;
}

// ---- suspects -----------------------------------------------------------------------------------

static void test_what_a_module_collects_is_named_as_python_writes_it(void **state)
{
    (void)state;
    uint32_t names = module("module app"), cache = make(TYPE_DICT_, 10 * KIB);
    refer(names, "['CACHE']", cache);
    fill(cache, TYPE_NODE, 200, KIB);
    refer(names, "['settings']", make(TYPE_DICT_, 20 * KIB));
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 1);
    const struct mx_suspect *suspect = &suspects.list.items[0];
    assert_int_equal(suspect->kind, MX_SUSPECT_OBJECT);
    assert_string_equal(suspect->holder, "app.CACHE");
    assert_string_equal(suspect->path, "module app -> CACHE");
    assert_string_equal(suspect->user, "app.CACHE");
    assert_string_equal(suspect->text, "app.CACHE, a dict of 200 app.Node, holds 210.0 KiB (91 %)");
    assert_int_equal(suspect->address, 0x10000 + cache * 16);
    assert_int_equal(suspect->objects, 201);
    assert_int_equal(suspect->bytes, 210 * KIB);
    assert_int_equal(suspect->retained, 210 * KIB);
    assert_int_equal(suspect->type_count, 2);
    assert_string_equal(suspect->types[0].name, "app.Node");
    assert_int_equal(suspect->types[0].count, 200);
    done(&suspects);
}

static void test_a_linked_list_is_one_chain(void **state)
{
    (void)state;
    uint32_t names = module("module app"), node = make(TYPE_NODE, KIB);
    refer(names, "['current']", node);
    for (int i = 0; i < 300; i++) {
        uint32_t next = make(TYPE_NODE, KIB);
        refer(node, ".parent", next);
        node = next;
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 1);
    assert_int_equal(suspects.list.items[0].kind, MX_SUSPECT_CHAIN);
    assert_string_equal(suspects.list.items[0].text,
                        "app.current.parent, a chain of 300 app.Node, holds 301.0 KiB (100 %)");
    done(&suspects);
}

static void test_garbage_and_what_native_code_holds_say_so(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        uint32_t one = make(TYPE_NODE, KIB), other = make(TYPE_LIST, KIB);
        refer(one, ".other", other);
        refer(other, "[0]", one);
        root(ROOT_NATIVE, "libfoo.so static data", "", make(TYPE_PLAIN, KIB));
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 2);
    assert_int_equal(suspects.list.items[0].kind, MX_SUSPECT_GARBAGE);
    assert_string_equal(suspects.list.items[0].holder, "garbage");
    assert_int_equal(suspects.list.items[0].of_count, 100);
    assert_int_equal(suspects.list.items[0].bytes, 200 * KIB);
    assert_int_equal(suspects.list.items[1].kind, MX_SUSPECT_NATIVE);
    assert_string_equal(suspects.list.items[1].of_type, "lib.Plain");
    done(&suspects);
}

static void test_one_local_of_many_frames_is_one_group(void **state)
{
    (void)state;
    static char names[20][60];
    for (int i = 0; i < 20; i++) {
        uint32_t list = make(TYPE_LIST, 100);
        snprintf(names[i], sizeof names[i], "thread %d frame talk at app.py:14", 800 + i);
        root(ROOT_FRAME, names[i], "local received", list);
        fill(list, TYPE_PLAIN, 10, KIB);
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 1);
    assert_int_equal(suspects.list.items[0].kind, MX_SUSPECT_GROUP);
    assert_string_equal(suspects.list.items[0].holder, "received (local of talk at app.py:14)");
    assert_int_equal(suspects.list.items[0].count, 20);
    assert_int_equal(suspects.list.items[0].objects, 220);
    done(&suspects);
}

static void test_two_places_of_one_object_are_told_together(void **state)
{
    (void)state;
    uint32_t names = module("module app"), server = make(TYPE_NODE, 48);
    uint32_t other = make(TYPE_LIST, 100);
    refer(names, "['SERVER']", server);
    for (int i = 0; i < 2; i++) {
        uint32_t list = make(TYPE_LIST, 100);
        refer(server, i ? ".sent" : ".got", list);
        fill(list, TYPE_PLAIN, 100, KIB);
    }
    refer(names, "['OTHER']", other);
    fill(other, TYPE_PLAIN, 150, KIB);
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 3);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(suspects.list.items[i].holder,
                            i ? "app.SERVER.sent" : "app.SERVER.got");
        assert_string_equal(suspects.list.items[i].together, "app.SERVER");
    }
    assert_string_equal(suspects.list.items[2].holder, "app.OTHER");
    assert_string_equal(suspects.list.items[2].together, "");
    done(&suspects);
}

static void test_what_two_hold_hangs_on_the_nearer_one_and_would_not_be_freed_with_it(void **state)
{
    (void)state;
    uint32_t names = module("module app"), near = make(TYPE_LIST, 100);
    uint32_t box = make(TYPE_NODE, 48), far = make(TYPE_LIST, 100);
    refer(names, "['NEAR']", near);
    refer(names, "['BOX']", box);
    refer(box, ".far", far);
    for (int i = 0; i < 100; i++) {
        uint32_t shared = make(TYPE_PLAIN, KIB);
        refer(near, "[0]", shared);
        refer(far, "[0]", shared);
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.list.count, 1);
    assert_string_equal(suspects.list.items[0].holder, "app.NEAR");
    assert_int_equal(suspects.list.items[0].retained, 100);
    done(&suspects);
}

static void test_dominators_that_make_no_sense_do_no_harm(void **state)
{
    (void)state;
    uint32_t names = module("module app"), list = make(TYPE_LIST, 100);
    refer(names, "['LIST']", list);
    fill(list, TYPE_NODE, 100, KIB);
    struct mx_suspects suspects;
    ask(&suspects);
    done(&suspects);
    srand(7);
    for (int round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < world.objects; i++) {
            world.dominators[i] = (uint32_t)rand() % (world.objects + 1);
            world.retained[i] = (uint64_t)rand() << 32;
        }
        suspects = (struct mx_suspects){.snapshot = &world.snapshot};
        assert_int_equal(suspects_make(&suspects, NULL), MX_OK);
        done(&suspects);
    }
}

// ---- waste --------------------------------------------------------------------------------------

static void test_equal_strings_and_tuples_are_counted_and_placed(void **state)
{
    (void)state;
    uint32_t names = module("module app"), list = make(TYPE_LIST, 100);
    refer(names, "['LIST']", list);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t pair = make(TYPE_TUPLE, 56), inner = make(TYPE_TUPLE, 48);
        uint32_t number = make(TYPE_INT, 28);
        world.values[number] = "7";
        refer(list, item(i), pair);
        refer(pair, "[0]", text("again", 54));
        refer(pair, "[1]", inner);
        refer(inner, "[0]", number);
    }
    refer(list, "[0]", text("agaim", 54));
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.totals.duplicate_groups, 3); // pair, inner, "again"
    assert_int_equal(suspects.totals.duplicates, 6);
    assert_int_equal(suspects.totals.duplicate_wasted, 2 * (56 + 48 + 54));
    assert_string_equal(suspects.duplicates.items[0].type, "builtins.tuple");
    assert_int_equal(suspects.duplicates.items[0].count, 3);
    assert_string_equal(suspects.duplicates.items[0].where, "app.LIST[...]");
    assert_int_equal(suspects.duplicates.items[0].where_count, 3);
    assert_string_equal(suspects.duplicates.items[1].preview, "again");
    done(&suspects);
}

static void test_tuples_in_tuples_without_end_are_told_by_who_they_are(void **state)
{
    (void)state;
    uint32_t names = module("module app"), first = make(TYPE_TUPLE, 48), last = first;
    refer(names, "['T']", first);
    for (int i = 0; i < 2000; i++) {
        uint32_t next = make(TYPE_TUPLE, 48);
        refer(last, "[0]", next);
        last = next;
    }
    refer(last, "[0]", first); // no Python code can do that
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.totals.duplicate_groups, 0);
    done(&suspects);
}

static void test_empty_and_nearly_empty_containers_are_told_by_place(void **state)
{
    (void)state;
    uint32_t names = module("module app"), list = make(TYPE_LIST, 9000);
    refer(names, "['LIST']", list);
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t inner = make(TYPE_LIST, i < 20 ? 56 : i < 30 ? 64 : 640);
        refer(list, item(i), inner);
        if (i >= 20)
            refer(inner, "[0]", make(TYPE_INT, 28));
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.totals.empty, 20);
    assert_int_equal(suspects.totals.nearly, 10);
    assert_int_equal(suspects.totals.sparse_wasted, 20 * 56 + 10 * (640 - 64));
    assert_int_equal(suspects.sparse.count, 1);
    assert_string_equal(suspects.sparse.items[0].where, "app.LIST[...]");
    assert_int_equal(suspects.sparse.items[0].count, 40);
    done(&suspects);
}

static void test_slots_would_save_the_dicts_of_the_users_instances(void **state)
{
    (void)state;
    uint32_t names = module("module app"), list = make(TYPE_LIST, 9000);
    refer(names, "['LIST']", list);
    for (int i = 0; i < 50; i++) {
        uint32_t node = make(TYPE_NODE, 48), dict = make(TYPE_DICT_, 104);
        refer(list, "[0]", node);
        refer(node, ".__dict__", dict);
        refer(dict, "['a']", list);
        refer(dict, "['b']", list);
    }
    struct mx_suspects suspects;
    ask(&suspects);
    assert_int_equal(suspects.slots.count, 1);
    assert_string_equal(suspects.slots.items[0].type, "app.Node");
    assert_int_equal(suspects.slots.items[0].instances, 50);
    assert_int_equal(suspects.slots.items[0].attributes, 2);
    assert_int_equal(suspects.slots.items[0].bytes, 50 * (48 + 104));
    assert_int_equal(suspects.slots.items[0].saved, 50 * (48 + 104 - (16 + 16 + 2 * 8)));
    done(&suspects);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty_world)
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_module_collects_is_named_as_python_writes_it),
        TEST(test_a_linked_list_is_one_chain),
        TEST(test_garbage_and_what_native_code_holds_say_so),
        TEST(test_one_local_of_many_frames_is_one_group),
        TEST(test_two_places_of_one_object_are_told_together),
        TEST(test_what_two_hold_hangs_on_the_nearer_one_and_would_not_be_freed_with_it),
        TEST(test_dominators_that_make_no_sense_do_no_harm),
        TEST(test_equal_strings_and_tuples_are_counted_and_placed),
        TEST(test_tuples_in_tuples_without_end_are_told_by_who_they_are),
        TEST(test_empty_and_nearly_empty_containers_are_told_by_place),
        TEST(test_slots_would_save_the_dicts_of_the_users_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
