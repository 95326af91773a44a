// test_diff.c - what is said of two and three small heaps that stand here as numbers and names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "query/diff.h"

#define MOST 200 // objects and references of a heap
#define HEAPS 3
#define NOBODY UINT32_MAX

enum { MODULE, DICT, LIST, STR, INT, TUPLE, NODE, TYPES };
static const struct snapshot_type TYPES_OF_ALL[TYPES] = {
    [MODULE] = {.address = 0x100, .family = SNAPSHOT_MODULE, .name = "builtins.module"},
    [DICT] = {.address = 0x200, .family = SNAPSHOT_DICT, .name = "builtins.dict"},
    [LIST] = {.address = 0x300, .family = SNAPSHOT_LIST, .name = "builtins.list"},
    [STR] = {.address = 0x400, .family = SNAPSHOT_STR, .name = "builtins.str"},
    [INT] = {.address = 0x500, .family = SNAPSHOT_INT, .name = "builtins.int"},
    [TUPLE] = {.address = 0x600, .family = SNAPSHOT_TUPLE, .name = "builtins.tuple"},
    [NODE] = {.address = 0x700, .family = SNAPSHOT_INSTANCE, .name = "app.Node"},
};

// Objects are made by ascending address, and dominated by the one that they are made for.
struct world {
    struct snapshot snapshot;
    uint64_t addresses[MOST], first[MOST + 1], retained[MOST];
    uint32_t types[MOST], sizes[MOST], dominators[MOST], targets[MOST];
    uint8_t holds[MOST];
    const char *values[MOST], *labels[MOST];
    struct {
        uint32_t from, to;
        const char *label;
    } edges[MOST];
    uint32_t objects, edge_count;
    struct snapshot_root root;
    struct snapshot_root_reference root_reference;
    uint32_t names; // the namespace of module app
};
static struct world worlds[HEAPS];

// ---- making them --------------------------------------------------------------------------------

static void refer(struct world *world, uint32_t from, const char *label, uint32_t to)
{
    assert_true(world->edge_count < MOST);
    world->edges[world->edge_count].from = from;
    world->edges[world->edge_count].to = to;
    world->edges[world->edge_count++].label = label;
}

static uint32_t make(struct world *world, uint32_t type, uint32_t place, uint32_t nbytes,
                     uint32_t holder, const char *label)
{
    uint32_t object = world->objects++;
    assert_true(object < MOST);
    world->types[object] = type;
    world->sizes[object] = nbytes;
    world->addresses[object] = (0x10000 + (uint64_t)place * 16) >> 3;
    assert_true(!object || world->addresses[object] > world->addresses[object - 1]);
    world->dominators[object] = holder == NOBODY ? 0 : holder + 1;
    if (holder != NOBODY)
        refer(world, holder, label, object);
    return object;
}

static uint32_t make_value(struct world *world, uint32_t type, uint32_t place, const char *value,
                           uint32_t holder, const char *label)
{
    uint32_t object = make(world, type, place, 50, holder, label);
    world->values[object] = value;
    return object;
}

// "[0]" to "[199]".
static const char *item(uint32_t number)
{
    static char labels[MOST][8];
    snprintf(labels[number % MOST], sizeof labels[0], "[%u]", number % MOST);
    return labels[number % MOST];
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct world *world = data;
    snprintf(buffer, nbytes, "%s", world->values[object] ? world->values[object] : "<object>");
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    const struct world *world = data;
    (void)object;
    snprintf(buffer, nbytes, "%s", world->labels[reference]);
}

static void root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    (void)reference;
    snprintf(buffer, nbytes, "%s", "");
}

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct world *world = data;
    if (!world->values[object] || world->types[object] != STR)
        return SNAPSHOT_NO_VALUE;
    size_t length = strlen(world->values[object]);
    length = length < nbytes ? length : nbytes;
    memcpy(buffer, world->values[object], length);
    return length;
}

static int empty_worlds(void **state)
{
    (void)state;
    memset(worlds, 0, sizeof worlds);
    for (size_t i = 0; i < HEAPS; i++) {
        struct world *world = &worlds[i];
        uint32_t module = make(world, MODULE, 0, 72, NOBODY, "");
        world->names = make(world, DICT, 1, 232, module, ".__dict__");
        world->root = (struct snapshot_root){ROOT_MODULE, "module app"};
        world->root_reference = (struct snapshot_root_reference){0, module, MX_OWNED, true};
    }
    return 0;
}

// Objects stand behind what dominates them here, but where a test says otherwise.
static void sum_retained(struct world *world)
{
    for (uint32_t i = 0; i < world->objects; i++)
        world->retained[i] = world->sizes[i];
    for (uint32_t i = 0; i < world->objects; i++) {
        uint32_t above = world->dominators[i];
        for (uint32_t steps = 0; above && steps < MOST; steps++) {
            world->retained[above - 1] += world->sizes[i];
            above = world->dominators[above - 1];
        }
    }
}

static void finish(struct world *world)
{
    struct snapshot *s = &world->snapshot;
    uint32_t count = 0;
    for (uint32_t object = 0; object < world->objects; object++) {
        world->first[object] = count;
        for (uint32_t i = 0; i < world->edge_count; i++)
            if (world->edges[i].from == object) {
                world->labels[count] = world->edges[i].label;
                world->holds[count] = MX_OWNED;
                world->targets[count++] = world->edges[i].to;
            }
    }
    world->first[world->objects] = count;
    s->object_count = world->objects;
    s->reference_count = count;
    s->type_count = TYPES;
    s->types = TYPES_OF_ALL;
    s->root_count = s->root_reference_count = 1;
    s->roots = &world->root;
    s->root_references = &world->root_reference;
    s->texts = (struct snapshot_texts){.preview = preview,
                                       .kind = preview,
                                       .label = label,
                                       .root_label = root_label,
                                       .value = value,
                                       .data = world};
    s->address = column_plain(world->addresses, world->objects, COLUMN_U64);
    s->type = column_plain(world->types, world->objects, COLUMN_U32);
    s->size = column_plain(world->sizes, world->objects, COLUMN_U32);
    s->first = column_plain(world->first, world->objects + 1, COLUMN_U64);
    s->target = column_plain(world->targets, count, COLUMN_U32);
    s->hold = column_plain(world->holds, count, COLUMN_U8);
    s->dominator = column_plain(world->dominators, world->objects, COLUMN_U32);
    s->retained = column_plain(world->retained, world->objects, COLUMN_U64);
}

static struct mx_diff *compare(size_t count)
{
    struct mx_diff *diff = calloc(1, sizeof *diff);
    assert_non_null(diff);
    diff->count = count;
    diff->most = MX_DIFF_ROWS;
    for (size_t i = 0; i < count; i++)
        diff->of[i] = &worlds[i].snapshot;
    assert_int_equal(diff_make(diff, NULL), MX_OK);
    return diff;
}

static struct mx_diff *ask(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum_retained(&worlds[i]);
        finish(&worlds[i]);
    }
    return compare(count);
}

// ---- two ----------------------------------------------------------------------------------------

static void test_what_is_at_another_address_is_born_and_what_is_gone_died(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100, worlds[i].names, "['LIST']");
        make(&worlds[i], NODE, 10, 48, list, "[0]");
        make(&worlds[i], NODE, i ? 12 : 11, 48, list, "[1]");
        if (i)
            make(&worlds[i], NODE, 13, 48, list, "[2]");
    }
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.born.objects, 2);
    assert_int_equal(diff->totals.died.objects, 1);
    assert_int_equal(diff->totals.reused, 0);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].count, 2);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].items[0].address, 0x10000 + 12 * 16);
    assert_int_equal(diff->objects[MX_CHANGE_DIED].items[0].address, 0x10000 + 11 * 16);
    assert_string_equal(diff->objects[MX_CHANGE_DIED].items[0].where, "app.LIST[1]");
    assert_int_equal(diff->types.count, 1);
    assert_string_equal(diff->types.items[0].name, "app.Node");
    assert_int_equal(diff->types.items[0].all[0].objects, 2);
    assert_int_equal(diff->types.items[0].all[1].objects, 3);
    mx_diff_free(diff);
}

static void test_a_value_at_the_address_of_another_is_another_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100, worlds[i].names, "['LIST']");
        make_value(&worlds[i], STR, 10, "kept", list, "[0]");
        make_value(&worlds[i], STR, 11, i ? "that" : "this", list, "[1]");
        make_value(&worlds[i], INT, 12, i ? "7" : "8", list, "[2]");
        make_value(&worlds[i], INT, 13, "9", list, "[3]");
        make(&worlds[i], i ? NODE : LIST, 14, 50, list, "[4]"); // no reuse by one of its type
    }
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.reused, 2);
    assert_int_equal(diff->totals.born.objects, 3);
    assert_int_equal(diff->totals.died.objects, 3);
    mx_diff_free(diff);
}

static void test_a_tuple_is_told_by_its_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100, worlds[i].names, "['LIST']");
        uint32_t one = make_value(&worlds[i], STR, 10, "one", list, "[0]");
        uint32_t two = make_value(&worlds[i], STR, 11, "two", list, "[1]");
        uint32_t same = make(&worlds[i], TUPLE, 12, 56, list, "[2]");
        uint32_t other = make(&worlds[i], TUPLE, 13, 56, list, "[3]");
        refer(&worlds[i], same, "[0]", one);
        refer(&worlds[i], other, "[0]", i ? two : one);
    }
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.reused, 1);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].count, 1);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].items[0].address, 0x10000 + 13 * 16);
    mx_diff_free(diff);
}

// The heap with a node that has a name, directly or in a dict.
static void make_node(struct world *world, const char *name, const char *holder, bool dict)
{
    uint32_t one = make(world, LIST, 2, 100, world->names, "['ONE']");
    uint32_t two = make(world, LIST, 3, 100, world->names, "['TWO']");
    uint32_t node = make(world, NODE, 10, 48, strcmp(holder, "ONE") == 0 ? one : two, "[0]");
    uint32_t of = dict ? make(world, DICT, 11, 100, node, ".__dict__") : node;
    make_value(world, STR, 12, name, of, ".name");
}

static void test_an_instance_with_another_holder_and_other_values_is_another(void **state)
{
    (void)state;
    for (int dict = 0; dict < 2; dict++) {
        empty_worlds(NULL);
        make_node(&worlds[0], "first", "ONE", dict);
        make_node(&worlds[1], "second", "TWO", dict);
        struct mx_diff *diff = ask(2);
        assert_int_equal(diff->totals.reused, dict ? 3 : 2);
        assert_int_equal(diff->totals.moved.objects, 0);
        mx_diff_free(diff);
    }
}

static void test_an_instance_with_the_same_holder_or_values_is_the_same(void **state)
{
    (void)state;
    make_node(&worlds[0], "first", "ONE", true);
    make_node(&worlds[1], "second", "ONE", true);
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.reused, 1); // the str
    mx_diff_free(diff);
    empty_worlds(NULL);
    make_node(&worlds[0], "first", "ONE", true);
    make_node(&worlds[1], "first", "TWO", true);
    diff = ask(2);
    assert_int_equal(diff->totals.reused, 0);
    assert_int_equal(diff->totals.moved.objects, 1);
    assert_string_equal(diff->objects[MX_CHANGE_MOVED].items[0].where_before, "app.ONE[0]");
    assert_string_equal(diff->objects[MX_CHANGE_MOVED].items[0].where, "app.TWO[0]");
    mx_diff_free(diff);
}

static void test_values_that_were_left_out_do_not_tell_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_value(&worlds[i], STR, 10, i ? NULL : "this", worlds[i].names, "['TEXT']");
        make_value(&worlds[i], INT, 11, i ? NULL : "8", worlds[i].names, "['NUMBER']");
    }
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.born.objects, 0);
    assert_int_equal(diff->totals.reused, 0);
    mx_diff_free(diff);
}

static void test_growth_is_told_where_it_comes_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t box = make(&worlds[i], NODE, 2, 48, worlds[i].names, "['BOX']");
        uint32_t list = make(&worlds[i], LIST, 3, i ? 900 : 100, box, ".items");
        make(&worlds[i], LIST, 4, i ? 100 : 300, worlds[i].names, "['LESS']");
        for (uint32_t k = 0; k < (i ? 100 : 0); k++)
            make(&worlds[i], NODE, 10 + k, 48, list, item(k));
    }
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->totals.grew.objects, 1);
    assert_int_equal(diff->totals.grew.bytes, 800);
    assert_int_equal(diff->totals.shrank.bytes, 200);
    assert_int_equal(diff->objects[MX_CHANGE_GREW].count, 1);
    assert_string_equal(diff->objects[MX_CHANGE_GREW].items[0].where, "app.BOX.items");
    assert_int_equal(diff->objects[MX_CHANGE_GREW].items[0].retained_after, 5700);
    assert_string_equal(diff->objects[MX_CHANGE_SHRANK].items[0].where, "app.LESS");
    assert_string_equal(diff->places.items[0].name, "app.BOX.items[...]");
    assert_int_equal(diff->places.items[0].born.objects, 100);
    assert_string_equal(diff->places.items[1].name, "app.LESS");
    mx_diff_free(diff);
}

// ---- three --------------------------------------------------------------------------------------

static void test_what_stays_is_told_from_traffic_and_from_what_is_recent(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100 + 100 * i, worlds[i].names, "['LEAK']");
        uint32_t once = make(&worlds[i], LIST, 3, i ? 5000 : 100, worlds[i].names, "['ONCE']");
        for (uint32_t k = 0; k < 10 * i; k++)
            make(&worlds[i], NODE, 10 + k, 480, list, item(k));
        if (i == 1)
            make_value(&worlds[i], STR, 100, "passing", once, "[0]");
    }
    struct mx_diff *diff = ask(3);
    assert_int_equal(diff->totals.born.objects, 10);
    assert_int_equal(diff->totals.recent.objects, 10);
    assert_int_equal(diff->totals.traffic.objects, 1);
    assert_int_equal(diff->totals.died.objects, 0);
    assert_true(diff->places.items[0].every_time);
    assert_string_equal(diff->places.items[0].name, "app.LEAK[...]");
    assert_int_equal(diff->places.items[0].all[1].objects, 10);
    assert_true(diff->objects[MX_CHANGE_GREW].items[0].every_time);
    assert_string_equal(diff->objects[MX_CHANGE_GREW].items[0].where, "app.LEAK");
    assert_string_equal(diff->objects[MX_CHANGE_GREW].items[1].where, "app.ONCE");
    assert_false(diff->objects[MX_CHANGE_GREW].items[1].every_time);
    for (size_t i = 0; i < diff->objects[MX_CHANGE_BORN].count; i++)
        assert_int_equal(diff->objects[MX_CHANGE_BORN].items[i].since, 1);
    mx_diff_free(diff);
}

// ---- what is asked for --------------------------------------------------------------------------

static void test_the_largest_are_kept_when_there_are_more_than_asked_for(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 100; k++)
        make(&worlds[1], NODE, 10 + k, 16 * (k * 37 % 100 + 1), worlds[1].names, "['a']");
    struct mx_diff *diff = ask(2);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].count, MX_DIFF_ROWS);
    for (uint32_t i = 0; i < MX_DIFF_ROWS; i++)
        assert_int_equal(diff->objects[MX_CHANGE_BORN].items[i].bytes_after, 16 * (100 - i));
    mx_diff_free(diff);
}

static void test_heaps_of_two_processes_are_refused(void **state)
{
    (void)state;
    struct mx_error err;
    struct mx_diff *diff = ask(2);
    mx_diff_free(diff);
    worlds[0].root.name = worlds[1].root.name = "module sys";
    worlds[1].addresses[0] -= 2;
    diff = calloc(1, sizeof *diff);
    assert_non_null(diff);
    diff->count = 2;
    diff->of[0] = &worlds[0].snapshot;
    diff->of[1] = &worlds[1].snapshot;
    assert_int_equal(diff_make(diff, &err), MX_BAD_ARGUMENT);
    assert_non_null(strstr(err.message, "two processes"));
    mx_diff_free(diff);
    const mx_heap *none = NULL;
    assert_int_equal(mx_heap_diff(&none, 1, NULL, &diff, &err), MX_BAD_ARGUMENT);
}

// As a file has it.
static uint8_t *pack(struct column *column)
{
    uint8_t *bytes;
    uint64_t nbytes;
    assert_int_equal(column_pack(column, false, &bytes, &nbytes, NULL), MX_OK);
    assert_true(
        column_from_file(column, COLUMN_PACKED, column->count, bytes, nbytes, UINT64_MAX, NULL));
    return bytes;
}

static void test_packed_columns_say_the_same(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100 + 300 * i, worlds[i].names, "['LEAK']");
        for (uint32_t k = 10 * i; k < 10 + 50 * i; k++)
            make(&worlds[i], NODE, 10 + k, 70000 * k, list, item(k));
    }
    struct mx_diff *plain = ask(2);
    uint8_t *packed[16];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        struct snapshot *s = &worlds[i].snapshot;
        struct column *columns[] = {&s->address, &s->type, &s->size,      &s->first,
                                    &s->target,  &s->hold, &s->dominator, &s->retained};
        for (size_t k = 0; k < 8; k++)
            packed[count++] = pack(columns[k]);
    }
    struct mx_diff *diff = compare(2);
    assert_memory_equal(&plain->totals, &diff->totals, sizeof diff->totals);
    assert_int_equal(diff->places.count, plain->places.count);
    assert_string_equal(diff->places.items[0].name, plain->places.items[0].name);
    assert_int_equal(diff->objects[MX_CHANGE_BORN].items[0].retained_after,
                     plain->objects[MX_CHANGE_BORN].items[0].retained_after);
    mx_diff_free(plain);
    mx_diff_free(diff);
    while (count)
        free(packed[--count]);
}

// ---- hostile ------------------------------------------------------------------------------------

// As files may have them: numbers below their counts, that make no sense.
static void test_heaps_that_make_no_sense_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAPS; i++) {
        uint32_t list = make(&worlds[i], LIST, 2, 100, worlds[i].names, "['LIST']");
        for (uint32_t k = 0; k < 90; k++)
            make_value(&worlds[i], k % 3 ? STR : NODE, 10 + k, "text", list, "[0]");
    }
    mx_diff_free(ask(3));
    srand(7);
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < HEAPS; i++)
            for (uint32_t k = 0; k < worlds[i].objects; k++) {
                struct world *world = &worlds[i];
                world->dominators[k] = (uint32_t)rand() % (world->objects + 1);
                world->retained[k] = (uint64_t)rand() << 33 | (uint64_t)rand();
                world->sizes[k] = (uint32_t)rand();
                world->types[k] = (uint32_t)rand() % TYPES;
                world->addresses[k] = round % 2 ? (uint64_t)rand() % 64 : world->addresses[k];
                if (k < world->edge_count)
                    world->targets[k] = (uint32_t)rand() % world->objects;
            }
        mx_diff_free(compare(2 + (size_t)round % 2));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty_worlds)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_at_another_address_is_born_and_what_is_gone_died),
        TEST(test_a_value_at_the_address_of_another_is_another_object),
        TEST(test_a_tuple_is_told_by_its_items),
        TEST(test_an_instance_with_another_holder_and_other_values_is_another),
        TEST(test_an_instance_with_the_same_holder_or_values_is_the_same),
        TEST(test_values_that_were_left_out_do_not_tell_apart),
        TEST(test_growth_is_told_where_it_comes_from),
        TEST(test_what_stays_is_told_from_traffic_and_from_what_is_recent),
        TEST(test_the_largest_are_kept_when_there_are_more_than_asked_for),
        TEST(test_heaps_of_two_processes_are_refused),
        TEST(test_packed_columns_say_the_same),
        TEST(test_heaps_that_make_no_sense_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
