// test_drop.c - what goes when a reference goes, on small heaps that stand here as numbers and names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/dominators.h"
#include "graph_random.h"
#include "query/drop.h"
#include "snapshot/flow.h"

enum {
    MOST = 300000, // objects and references of a world
    CHAIN = 200000,
    ROUNDS = SANITIZED ? 2000 : 20000,
};

enum { LIST, TUPLE, DICT_, INSTANCE, SLOTTED, FINALIZED, WEAKREF, CLASS, MEMBER, STRING, TYPES };
static struct snapshot_type types[TYPES] = {
    [LIST] = {.family = SNAPSHOT_LIST, .name = "builtins.list", .flags = TYPE_GC},
    [TUPLE] = {.family = SNAPSHOT_TUPLE, .name = "builtins.tuple", .flags = TYPE_GC},
    [DICT_] = {.family = SNAPSHOT_DICT, .name = "builtins.dict", .flags = TYPE_GC},
    [INSTANCE] = {.family = SNAPSHOT_INSTANCE,
                  .name = "app.Node",
                  .flags = TYPE_HEAP | TYPE_GC | TYPE_PYTHON},
    [SLOTTED] = {.family = SNAPSHOT_INSTANCE,
                 .name = "app.Slotted",
                 .flags = TYPE_HEAP | TYPE_GC | TYPE_PYTHON},
    [FINALIZED] = {.family = SNAPSHOT_INSTANCE,
                   .name = "app.Finalized",
                   .flags = TYPE_HEAP | TYPE_GC | TYPE_PYTHON | TYPE_FINALIZER},
    [WEAKREF] = {.family = SNAPSHOT_WEAKREF, .name = "weakref.ReferenceType", .flags = TYPE_GC},
    [CLASS] = {.family = SNAPSHOT_TYPE, .name = "builtins.type", .flags = TYPE_GC},
    [MEMBER] = {.family = SNAPSHOT_OTHER, .name = "builtins.member_descriptor"},
    [STRING] = {.family = SNAPSHOT_STR, .name = "builtins.str"},
};

struct edge {
    uint32_t from, to;
    const char *label;
    uint8_t hold;
};

static struct world {
    struct snapshot snapshot;
    uint64_t addresses[MOST], first[MOST + 1], referrer_first[MOST + 2], unexplained[MOST];
    uint32_t types[MOST], sizes[MOST], refcounts[MOST], dominators[MOST], targets[MOST];
    uint32_t referrers[MOST];
    uint8_t flags[MOST], generations[MOST], holds[MOST], referrer_holds[MOST];
    struct edge edges[MOST];
    struct snapshot_root roots[16];
    struct snapshot_root_reference root_references[64];
    uint32_t objects, edge_count, root_count, root_reference_count;
} world;

// ---- making one ---------------------------------------------------------------------------------

static uint32_t make(uint32_t type)
{
    assert_true(world.objects < MOST);
    uint32_t object = world.objects++;
    world.types[object] = type;
    world.sizes[object] = 10;
    world.flags[object] = types[type].flags & TYPE_GC ? OBJECT_TRACKED : 0;
    world.refcounts[object] = 0; // its references are added when they are made
    world.addresses[object] = (0x10000 + object * 16) >> 3;
    return object;
}

static void refer_as(uint32_t from, const char *label, uint32_t to, mx_ownership hold)
{
    assert_true(world.edge_count < MOST);
    world.edges[world.edge_count++] = (struct edge){from, to, label, (uint8_t)hold};
    world.refcounts[to] += hold == MX_OWNED;
}

static uint32_t refer(uint32_t from, const char *label, uint32_t to)
{
    refer_as(from, label, to, MX_OWNED);
    return to;
}

static void hold_as(enum root_kind kind, const char *name, uint32_t to, mx_ownership hold)
{
    world.roots[world.root_count] = (struct snapshot_root){(uint8_t)kind, name};
    world.root_references[world.root_reference_count++] =
        (struct snapshot_root_reference){world.root_count++, to, (uint8_t)hold, true};
    world.refcounts[to] += hold == MX_OWNED && strcmp(name, "native code") != 0;
}

// An instance that the program holds: what it refers to is dropped.
static uint32_t owner(void)
{
    uint32_t object = make(INSTANCE);
    hold_as(ROOT_MODULE, "module app", object, MX_OWNED);
    return object;
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data, (void)object;
    snprintf(buffer, nbytes, "?");
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    assert_true(reference >= world.first[object] && reference < world.first[object + 1]);
    snprintf(buffer, nbytes, "%s", world.edges[reference].label);
}

static void root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data, (void)reference;
    snprintf(buffer, nbytes, "local x");
}

static void sort_edges(void)
{
    static struct edge sorted[MOST];
    memset(world.first, 0, sizeof world.first);
    memset(world.referrer_first, 0, sizeof world.referrer_first);
    for (uint32_t i = 0; i < world.edge_count; i++) {
        world.first[world.edges[i].from + 1]++;
        world.referrer_first[world.edges[i].to + 2]++;
    }
    for (uint32_t i = 0; i < world.objects; i++) {
        world.first[i + 1] += world.first[i];
        world.referrer_first[i + 2] += world.referrer_first[i + 1];
    }
    static uint64_t next[MOST];
    memcpy(next, world.first, sizeof next);
    for (uint32_t i = 0; i < world.edge_count; i++)
        sorted[next[world.edges[i].from]++] = world.edges[i];
    memcpy(world.edges, sorted, world.edge_count * sizeof *sorted);
    for (uint32_t i = 0; i < world.edge_count; i++) {
        uint64_t place = world.referrer_first[world.edges[i].to + 1]++;
        world.targets[i] = world.edges[i].to;
        world.holds[i] = world.edges[i].hold;
        world.referrers[place] = world.edges[i].from;
        world.referrer_holds[place] = world.edges[i].hold;
    }
}

static void find_dominators(struct snapshot *s)
{
    struct snapshot_flow flow;
    struct dominators dominators;
    assert_int_equal(snapshot_flow_init(s, &flow, NULL), MX_OK);
    flow.flow.close = true;
    assert_int_equal(dominators_find(&flow.flow, &dominators, NULL), MX_OK);
    for (uint32_t i = 0; i < world.objects; i++)
        world.dominators[i] = dominators.parent[i] < DOMINATOR_ROOT ? dominators.parent[i] + 1 : 0;
    dominators_free(&dominators);
    snapshot_flow_free(&flow);
}

// Counts are as the references were made, but for what a test has changed.
static const struct snapshot *finish(void)
{
    struct snapshot *s = &world.snapshot;
    sort_edges();
    s->object_count = world.objects;
    s->reference_count = world.edge_count;
    s->type_count = TYPES;
    s->types = types;
    s->root_count = world.root_count;
    s->root_reference_count = world.root_reference_count;
    s->roots = world.roots;
    s->root_references = world.root_references;
    s->texts =
        (struct snapshot_texts){.preview = preview, .label = label, .root_label = root_label};
    s->address = column_plain(world.addresses, world.objects, COLUMN_U64);
    s->type = column_plain(world.types, world.objects, COLUMN_U32);
    s->size = column_plain(world.sizes, world.objects, COLUMN_U32);
    s->extra = column_plain(NULL, world.objects, COLUMN_U32);
    s->refcount = column_plain(world.refcounts, world.objects, COLUMN_U32);
    s->unexplained = column_plain(world.unexplained, world.objects, COLUMN_U64);
    s->flags = column_plain(world.flags, world.objects, COLUMN_U8);
    s->generation = column_plain(world.generations, world.objects, COLUMN_U8);
    s->first = column_plain(world.first, world.objects + 1, COLUMN_U64);
    s->target = column_plain(world.targets, world.edge_count, COLUMN_U32);
    s->hold = column_plain(world.holds, world.edge_count, COLUMN_U8);
    s->referrer_first = column_plain(world.referrer_first, world.objects + 1, COLUMN_U64);
    s->referrer = column_plain(world.referrers, world.edge_count, COLUMN_U32);
    s->referrer_hold = column_plain(world.referrer_holds, world.edge_count, COLUMN_U8);
    find_dominators(s);
    s->dominator = column_plain(world.dominators, world.objects, COLUMN_U32);
    return s;
}

static mx_addr address_of(uint32_t object)
{
    return (mx_addr)world.addresses[object] << 3;
}

static mx_drop *drop(uint32_t object, const char *name)
{
    mx_drop *ret = NULL;
    struct mx_error err = {0};
    if (drop_of_snapshot(finish(), address_of(object), name, &ret, &err))
        fail_msg("%s", err.message);
    return ret;
}

static int empty_world(void **state)
{
    (void)state;
    world.objects = world.edge_count = world.root_count = world.root_reference_count = 0;
    memset(world.unexplained, 0, sizeof world.unexplained);
    memset(world.generations, 0, sizeof world.generations);
    memset(&world.snapshot, 0, sizeof world.snapshot);
    types[SLOTTED].object = MX_NO_OBJECT;
    return 0;
}

// What goes, in this order, ended by MX_NO_OBJECT.
static void check(const mx_drop *drop, mx_drop_fate fate, ...)
{
    const struct mx_drop_object *objects;
    size_t count = mx_drop_objects(drop, &objects);
    va_list expected;
    va_start(expected, fate);
    for (size_t i = 0; i < count; i++)
        if (objects[i].fate == fate)
            assert_int_equal(objects[i].object, va_arg(expected, uint32_t));
    assert_int_equal(va_arg(expected, uint32_t), MX_NO_OBJECT);
    va_end(expected);
}
#define check(drop, fate, ...) check(drop, fate, ##__VA_ARGS__, MX_NO_OBJECT)

// ---- at once ------------------------------------------------------------------------------------

static void test_a_list_lets_go_from_its_end_and_each_with_all_below(void **state)
{
    (void)state;
    uint32_t from = owner(), list = refer(from, ".it", make(LIST));
    uint32_t a = refer(list, "[0]", make(STRING)), b = refer(list, "[1]", make(LIST));
    uint32_t c = refer(b, "[0]", make(STRING)), d = refer(list, "[2]", make(STRING));
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, list, d, b, c, a);
    assert_int_equal(mx_drop_totals(answer)->fate, MX_DROP_FREED);
    assert_int_equal(mx_drop_totals(answer)->freed_bytes, 50);
    assert_int_equal(mx_drop_totals(answer)->depth, 3);
    const struct mx_drop_type *of_types;
    assert_int_equal(mx_drop_types(answer, &of_types), 2);
    assert_string_equal(of_types[0].type, "builtins.str");
    assert_int_equal(of_types[0].count, 3);
    assert_int_equal(of_types[0].bytes, 30);
    assert_int_equal(of_types[1].count, 2);
    mx_drop_free(answer);
}

static void test_slots_of_the_derived_class_go_first_then_its_base_s_then_attributes(void **state)
{
    (void)state;
    uint32_t from = owner(), thing = refer(from, ".it", make(SLOTTED));
    uint32_t derived = make(CLASS), base = make(CLASS), names = make(DICT_), more = make(DICT_);
    types[SLOTTED].object = derived;
    hold_as(ROOT_MODULE, "module app", derived, MX_OWNED);
    refer(derived, ".__base__", base);
    refer(derived, ".__dict__", more);
    refer(base, ".__dict__", names);
    refer(names, "['__slots__']", make(STRING));
    refer(more, "['__slots__']", make(STRING));
    refer(names, "['of_base']", make(MEMBER));
    refer(more, "['of_derived']", make(MEMBER));
    uint32_t attribute = refer(thing, ".attribute", make(STRING));
    uint32_t of_base = refer(thing, ".of_base", make(STRING));
    uint32_t of_derived = refer(thing, ".of_derived", make(STRING));
    refer(thing, ".__class__", derived);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, thing, of_derived, of_base, attribute);
    mx_drop_free(answer);
}

static void test_what_is_held_otherwise_stays_and_says_by_whom(void **state)
{
    (void)state;
    uint32_t from = owner(), list = refer(from, ".it", make(LIST)), child = make(LIST);
    refer(list, "[0]", child);
    refer(from, ".other", child);
    uint32_t local = refer(list, "[1]", make(LIST));
    hold_as(ROOT_FRAME, "frame f", local, MX_OWNED);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, list);
    struct mx_drop_stay stay;
    assert_int_equal(mx_drop_totals(answer)->stays, 2);
    mx_drop_stays(answer, 1, &stay);
    assert_int_equal(stay.object, child);
    assert_int_equal(stay.reason, MX_STAYS_HELD);
    assert_int_equal(stay.holder.from, from);
    assert_string_equal(stay.holder.label, ".other");
    assert_int_equal(stay.refcount, 1);
    mx_drop_stays(answer, 0, &stay);
    assert_int_equal(stay.reason, MX_STAYS_ROOT);
    assert_string_equal(stay.holder.root, "frame f");
    mx_drop_free(answer);
}

static void test_one_of_two_references_between_the_same_leaves_the_other(void **state)
{
    (void)state;
    uint32_t from = owner(), child = make(LIST);
    refer(from, ".a", child);
    refer(from, ".b", child);
    mx_drop *answer = drop(from, ".b");
    check(answer, MX_DROP_FREED);
    struct mx_drop_stay stay;
    mx_drop_stays(answer, 0, &stay);
    assert_string_equal(stay.holder.label, ".a");
    mx_drop_free(answer);
}

static void test_all_references_to_an_object_are_listed_and_go(void **state)
{
    (void)state;
    uint32_t from = owner(), child = make(LIST);
    refer(from, ".a", child);
    refer(from, ".b", child);
    refer(child, "[0]", child);
    hold_as(ROOT_FRAME, "frame f", child, MX_OWNED);
    mx_drop *answer = drop(child, NULL);
    check(answer, MX_DROP_FREED, child);
    assert_int_equal(mx_drop_totals(answer)->references, 4);
    static const char *const LABELS[] = {".a", ".b", "[0]", "local x"};
    for (size_t i = 0; i < 4; i++) {
        struct mx_reference reference;
        mx_drop_reference(answer, i, &reference);
        assert_string_equal(reference.label, LABELS[i]);
        assert_int_equal(reference.from, i < 2 ? from : i == 2 ? child : MX_NO_OBJECT);
    }
    mx_drop_free(answer);
}

static void test_what_is_immortal_static_or_held_from_outside_stays(void **state)
{
    (void)state;
    uint32_t from = owner(), list = refer(from, ".it", make(LIST));
    uint32_t immortal = refer(list, "[0]", make(STRING));
    uint32_t fixed = refer(list, "[1]", make(STRING)), native = refer(list, "[2]", make(LIST));
    world.flags[immortal] |= OBJECT_IMMORTAL;
    world.refcounts[immortal] = 0;
    world.flags[fixed] |= OBJECT_STATIC;
    world.flags[native] |= OBJECT_NATIVE;
    world.refcounts[native]++;
    world.unexplained[native] = zigzag(1);
    hold_as(ROOT_NATIVE, "native code", native, MX_OWNED);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, list);
    assert_int_equal(mx_drop_totals(answer)->immortal, 2);
    struct mx_drop_stay stay;
    mx_drop_stays(answer, 0, &stay);
    assert_int_equal(stay.object, native);
    assert_int_equal(stay.reason, MX_STAYS_NATIVE);
    mx_drop_free(answer);
    answer = drop(native, NULL);
    assert_int_equal(mx_drop_totals(answer)->fate, MX_DROP_STAYS);
    assert_int_equal(mx_drop_totals(answer)->references, 1);
    mx_drop_free(answer);
}

static void test_a_stack_that_does_not_count_keeps_alive(void **state)
{
    (void)state;
    uint32_t from = owner(), list = refer(from, ".it", make(LIST));
    hold_as(ROOT_FRAME, "frame f", list, MX_BORROWED);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED);
    struct mx_drop_stay stay;
    mx_drop_stays(answer, 0, &stay);
    assert_int_equal(stay.reason, MX_STAYS_ROOT);
    mx_drop_free(answer);
    answer = drop(list, NULL);
    check(answer, MX_DROP_FREED, list);
    mx_drop_free(answer);
}

static void test_a_long_chain_goes_without_recursion(void **state)
{
    (void)state;
    uint32_t from = owner(), last = refer(from, ".it", make(LIST));
    for (uint32_t i = 1; i < CHAIN; i++)
        last = refer(last, "[0]", make(LIST));
    mx_drop *answer = drop(from, ".it");
    assert_int_equal(mx_drop_totals(answer)->freed, CHAIN);
    assert_int_equal(mx_drop_totals(answer)->depth, CHAIN);
    mx_drop_free(answer);
}

// ---- what runs ----------------------------------------------------------------------------------

static uint32_t watch(uint32_t object, uint32_t callback, uint32_t before)
{
    uint32_t weakref = make(WEAKREF);
    refer_as(weakref, ".wr_object", object, MX_BORROWED);
    refer(weakref, ".__callback__", callback);
    if (before != MX_NO_OBJECT) {
        refer_as(before, ".wr_next", weakref, MX_BORROWED);
        refer_as(weakref, ".wr_prev", before, MX_BORROWED);
    }
    return weakref;
}

static void test_finalizers_run_before_callbacks_and_these_in_the_order_of_their_list(void **state)
{
    (void)state;
    uint32_t from = owner(), thing = refer(from, ".it", make(FINALIZED));
    uint32_t called = refer(from, ".callback", make(INSTANCE));
    uint32_t third = make(WEAKREF), first = watch(thing, called, MX_NO_OBJECT);
    uint32_t second = watch(thing, make(FINALIZED), first);
    refer_as(third, ".wr_object", thing, MX_BORROWED);
    refer(third, ".__callback__", called);
    refer_as(second, ".wr_next", third, MX_BORROWED);
    refer_as(third, ".wr_prev", second, MX_BORROWED);
    refer(from, ".first", first);
    refer(from, ".second", second);
    refer(from, ".third", third);
    uint32_t released = second - 1;
    mx_drop *answer = drop(from, ".it");
    const struct mx_drop_call *calls;
    assert_int_equal(mx_drop_calls(answer, &calls), 5);
    assert_int_equal(calls[0].object, thing);
    assert_int_equal(calls[0].weakref, MX_NO_OBJECT);
    assert_int_equal(calls[1].weakref, first);
    assert_int_equal(calls[2].weakref, second);
    assert_int_equal(calls[3].weakref, third);
    assert_int_equal(calls[4].object, released); // the callback itself is let go
    check(answer, MX_DROP_FREED, thing, released);
    assert_int_equal(mx_drop_totals(answer)->finalizers, 2);
    assert_int_equal(mx_drop_totals(answer)->callbacks, 3);
    mx_drop_free(answer);
}

static void test_what_was_finalized_is_not_again_and_what_goes_is_not_called(void **state)
{
    (void)state;
    uint32_t from = owner(), list = refer(from, ".it", make(LIST));
    uint32_t thing = refer(list, "[0]", make(FINALIZED)), called = refer(from, ".f", make(LIST));
    world.flags[thing] |= OBJECT_FINALIZED;
    refer(list, "[1]", watch(thing, called, MX_NO_OBJECT)); // goes first
    mx_drop *answer = drop(from, ".it");
    const struct mx_drop_call *calls;
    assert_int_equal(mx_drop_calls(answer, &calls), 0);
    assert_int_equal(mx_drop_totals(answer)->freed, 3);
    mx_drop_free(answer);
}

static void test_a_list_of_weak_references_that_bites_its_tail_ends(void **state)
{
    (void)state;
    uint32_t from = owner(), thing = refer(from, ".it", make(INSTANCE));
    uint32_t called = refer(from, ".f", make(LIST));
    uint32_t first = watch(thing, called, MX_NO_OBJECT), second = watch(thing, called, first);
    refer_as(second, ".wr_next", first, MX_BORROWED);
    refer_as(first, ".wr_prev", second, MX_BORROWED);
    refer(from, ".w", first);
    refer(from, ".v", second);
    mx_drop *answer = drop(from, ".it");
    assert_int_equal(mx_drop_totals(answer)->callbacks, 2);
    mx_drop_free(answer);
}

// ---- the collector's ----------------------------------------------------------------------------

static void test_a_cycle_waits_and_what_hangs_on_it_goes_with_it(void **state)
{
    (void)state;
    uint32_t from = owner(), thing = refer(from, ".it", make(FINALIZED));
    uint32_t a = refer(thing, ".a", make(FINALIZED)), b = refer(a, ".b", make(INSTANCE));
    uint32_t text = refer(b, ".text", make(STRING));
    refer(b, ".back", a);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, thing);
    check(answer, MX_DROP_COLLECTED, a, b, text);
    const struct mx_drop_call *calls;
    assert_int_equal(mx_drop_calls(answer, &calls), 2);
    assert_false(calls[0].collector);
    assert_true(calls[1].collector);
    assert_int_equal(calls[1].object, a);
    assert_int_equal(mx_drop_totals(answer)->later, 1);
    assert_int_equal(mx_drop_totals(answer)->stays, 0);
    mx_drop_free(answer);
}

static void test_a_cycle_that_is_held_elsewhere_stays(void **state)
{
    (void)state;
    uint32_t from = owner(), a = refer(from, ".it", make(LIST)), b = refer(a, "[0]", make(LIST));
    refer(b, "[0]", a);
    refer(from, ".b", b);
    mx_drop *answer = drop(from, ".it");
    assert_int_equal(mx_drop_totals(answer)->fate, MX_DROP_STAYS);
    const struct mx_drop_object *objects;
    assert_int_equal(mx_drop_objects(answer, &objects), 0);
    mx_drop_free(answer);
}

static void test_a_cycle_that_the_collector_does_not_see_is_lost(void **state)
{
    (void)state;
    uint32_t from = owner(), a = refer(from, ".it", make(STRING)), b = refer(a, ".b", make(LIST));
    refer(b, "[0]", a);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_LOST, a, b);
    mx_drop_free(answer);
    uint32_t frozen = refer(from, ".frozen", make(LIST));
    refer(frozen, "[0]", frozen);
    world.generations[frozen] = 3;
    answer = drop(from, ".frozen");
    check(answer, MX_DROP_LOST, frozen);
    mx_drop_free(answer);
}

static void test_a_deferred_count_is_the_collectors_even_at_zero(void **state)
{
    (void)state;
    uint32_t from = owner(), function = refer(from, ".it", make(INSTANCE));
    world.flags[function] |= OBJECT_DEFERRED;
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED);
    check(answer, MX_DROP_COLLECTED, function);
    mx_drop_free(answer);
}

// ---- names --------------------------------------------------------------------------------------

static void refuse(uint32_t object, const char *name, mx_status status, const char *message)
{
    struct mx_error err = {0};
    mx_drop *ret;
    assert_int_equal(drop_of_snapshot(finish(), address_of(object), name, &ret, &err), status);
    if (!strstr(err.message, message))
        fail_msg("'%s' is not in '%s'", message, err.message);
}

static void test_a_wrong_name_is_answered_with_the_nearest(void **state)
{
    (void)state;
    uint32_t from = owner(), dict = make(DICT_);
    refer(from, ".cache", make(LIST));
    refer(from, ".__dict__", dict);
    refer(dict, "['session']", make(LIST));
    refer_as(from, ".weak", dict, MX_BORROWED);
    refuse(from, ".cahce", MX_NOT_FOUND, "the nearest are .cache, ");
    refuse(from, ".sesion", MX_NOT_FOUND, "the nearest are .session, ");
    refuse(from, ".weak", MX_BAD_ARGUMENT, "does not count");
    refuse(dict, "", MX_NOT_FOUND, "['session']");
    refuse(make(LIST), "[0]", MX_NOT_FOUND, "it has none");
}

static void test_an_attribute_is_found_in_the_dict_and_a_key_in_either_quotes(void **state)
{
    (void)state;
    uint32_t from = owner(), dict = refer(from, ".__dict__", make(DICT_));
    uint32_t thing = refer(dict, "['session']", make(LIST));
    mx_drop *answer = drop(from, ".session");
    check(answer, MX_DROP_FREED, thing);
    mx_drop_free(answer);
    answer = drop(dict, "[\"session\"]");
    check(answer, MX_DROP_FREED, thing);
    mx_drop_free(answer);
}

static void test_members_of_a_set_are_named_by_their_address(void **state)
{
    (void)state;
    uint32_t from = owner();
    char name[40];
    refer(from, "{member}", make(STRING));
    uint32_t second = refer(from, "{member}", make(STRING));
    refuse(from, "{member}", MX_BAD_ARGUMENT, "2 references called {member}");
    snprintf(name, sizeof name, "{0x%llx}", (unsigned long long)address_of(second));
    mx_drop *answer = drop(from, name);
    check(answer, MX_DROP_FREED, second);
    mx_drop_free(answer);
}

// ---- against another way of finding it ----------------------------------------------------------

enum { FEW = 12 };

static void reach_all(bool *reached, uint64_t without)
{
    memset(reached, 0, FEW);
    for (uint32_t i = 0; i < world.root_reference_count; i++)
        reached[world.root_references[i].to] = true;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < world.edge_count; i++) {
            const struct edge *edge = &world.edges[i];
            if (i != without && reached[edge->from] && !reached[edge->to])
                reached[edge->to] = more = true;
        }
    }
}

// Again and again: what has no reference left goes, with all of its own.
static void count_down(bool *gone, uint64_t without)
{
    memset(gone, 0, FEW);
    for (bool more = true; more;) {
        uint32_t counts[FEW] = {0};
        for (uint32_t i = 0; i < world.root_reference_count; i++)
            counts[world.root_references[i].to]++;
        for (uint32_t i = 0; i < world.edge_count; i++)
            counts[world.edges[i].to] += i != without && !gone[world.edges[i].from];
        more = false;
        for (uint32_t i = 0; i < world.objects; i++)
            if (!counts[i] && !gone[i])
                gone[i] = more = true;
    }
}

static void make_random(uint64_t *seed)
{
    empty_world(NULL);
    uint32_t count = 2 + random_below(seed, FEW - 1);
    for (uint32_t i = 0; i < count; i++)
        make(LIST);
    static char labels[3 * FEW][8];
    uint32_t edges = count / 2 + 1 + random_below(seed, 2 * count);
    for (uint32_t i = 0; i < edges; i++) {
        snprintf(labels[i], sizeof labels[i], "[%u]", i);
        refer(random_below(seed, count), labels[i], random_below(seed, count));
    }
    hold_as(ROOT_MODULE, "module", 0, MX_OWNED);
    if (random_below(seed, 2))
        hold_as(ROOT_FRAME, "frame", random_below(seed, count), MX_OWNED);
    // Without garbage: what no root reaches is held by one more.
    bool reached[FEW];
    for (uint32_t i = 0; i < count; i++) {
        reach_all(reached, UINT64_MAX);
        if (!reached[i])
            hold_as(ROOT_MODULE, "module", i, MX_OWNED);
    }
}

static void test_what_goes_is_what_counting_down_and_reaching_say(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull, freed = 0, collected = 0;
    for (int round = 0; round < ROUNDS; round++) {
        make_random(&seed);
        finish();
        uint32_t without = random_below(&seed, world.edge_count);
        struct edge edge = world.edges[without];
        bool reached[FEW], gone[FEW];
        reach_all(reached, without);
        count_down(gone, without);
        mx_drop *answer = drop(edge.from, edge.label);
        const struct mx_drop_object *objects;
        size_t count = mx_drop_objects(answer, &objects), expected = 0;
        for (uint32_t i = 0; i < world.objects; i++)
            expected += gone[i] || !reached[i];
        assert_int_equal(count, expected);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(objects[i].fate,
                             gone[objects[i].object] ? MX_DROP_FREED : MX_DROP_COLLECTED);
        freed += mx_drop_totals(answer)->freed;
        collected += mx_drop_totals(answer)->collected;
        mx_drop_free(answer);
    }
    assert_true(freed > ROUNDS / 20);
    assert_true(collected > ROUNDS / 20);
}

// ---- nonsense -----------------------------------------------------------------------------------

static void test_what_has_more_references_than_its_count_goes_once(void **state)
{
    (void)state;
    uint32_t from = owner(), child = refer(from, ".it", make(LIST));
    uint32_t below = refer(child, "[0]", make(STRING));
    refer(from, ".other", child);
    refer(child, "[1]", child);
    world.refcounts[child] = 1;
    world.unexplained[child] = zigzag(-2);
    mx_drop *answer = drop(from, ".it");
    check(answer, MX_DROP_FREED, child, below);
    mx_drop_free(answer);
    answer = drop(child, NULL);
    check(answer, MX_DROP_FREED, child, below);
    mx_drop_free(answer);
}

static void test_counts_and_flags_in_nonsense_end_and_no_object_goes_twice(void **state)
{
    (void)state;
    uint64_t seed = 0x9E3779B97F4A7C15ull;
    for (int round = 0; round < ROUNDS; round++) {
        static const uint32_t COUNTS[] = {0, 1, 2, 3, UINT32_MAX, INT32_MAX, 7, 1};
        make_random(&seed);
        for (uint32_t i = 0; i < world.objects; i++) {
            world.types[i] = random_below(&seed, TYPES);
            world.flags[i] = (uint8_t)random_below(&seed, 256);
            world.refcounts[i] = COUNTS[random_below(&seed, 8)];
            world.unexplained[i] = random_below(&seed, 4) ? 0 : random_below(&seed, UINT32_MAX);
            world.generations[i] = (uint8_t)random_below(&seed, 5);
        }
        for (uint32_t i = 0; i < world.edge_count; i++) {
            static const char *const LABELS[] = {
                ".wr_object", ".wr_next",   ".wr_prev",   ".__callback__",   ".__dict__",
                ".__base__",  ".a",         ".__class__", ".__subclasses__", "['__slots__']",
                "['a']",      "frame code", "local x",    "{member}"};
            if (random_below(&seed, 2))
                world.edges[i].label = LABELS[random_below(&seed, sizeof LABELS / sizeof *LABELS)];
            if (random_below(&seed, 3) == 0)
                world.edges[i].hold = MX_BORROWED;
        }
        types[SLOTTED].object = random_below(&seed, world.objects);
        finish();
        for (uint32_t i = 0; i < world.objects; i++) // a file may say anything that is in bounds
            if (random_below(&seed, 3) == 0)
                world.dominators[i] = random_below(&seed, world.objects + 1);
        mx_drop *answer;
        const struct snapshot *s = &world.snapshot;
        struct edge edge = world.edges[random_below(&seed, world.edge_count)];
        mx_status status = drop_of_snapshot(
            s, address_of(edge.from), random_below(&seed, 2) ? edge.label : NULL, &answer, NULL);
        if (status == MX_BAD_ARGUMENT) // several of that name, or one that does not count
            continue;
        assert_int_equal(status, MX_OK);
        const struct mx_drop_object *objects;
        size_t count = mx_drop_objects(answer, &objects);
        bool met[FEW] = {false};
        for (size_t i = 0; i < count; i++) {
            assert_false(met[objects[i].object]);
            met[objects[i].object] = true;
        }
        for (uint64_t i = 0; i < mx_drop_totals(answer)->stays; i++) {
            struct mx_drop_stay stay;
            mx_drop_stays(answer, i, &stay);
            assert_true(stay.object < world.objects);
        }
        for (uint64_t i = 0; i < mx_drop_totals(answer)->references; i++) {
            struct mx_reference reference;
            mx_drop_reference(answer, i, &reference);
        }
        mx_drop_free(answer);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, empty_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_list_lets_go_from_its_end_and_each_with_all_below),
        TEST(test_slots_of_the_derived_class_go_first_then_its_base_s_then_attributes),
        TEST(test_what_is_held_otherwise_stays_and_says_by_whom),
        TEST(test_one_of_two_references_between_the_same_leaves_the_other),
        TEST(test_all_references_to_an_object_are_listed_and_go),
        TEST(test_what_is_immortal_static_or_held_from_outside_stays),
        TEST(test_a_stack_that_does_not_count_keeps_alive),
        TEST(test_a_long_chain_goes_without_recursion),
        TEST(test_finalizers_run_before_callbacks_and_these_in_the_order_of_their_list),
        TEST(test_what_was_finalized_is_not_again_and_what_goes_is_not_called),
        TEST(test_a_list_of_weak_references_that_bites_its_tail_ends),
        TEST(test_a_cycle_waits_and_what_hangs_on_it_goes_with_it),
        TEST(test_a_cycle_that_is_held_elsewhere_stays),
        TEST(test_a_cycle_that_the_collector_does_not_see_is_lost),
        TEST(test_a_deferred_count_is_the_collectors_even_at_zero),
        TEST(test_a_wrong_name_is_answered_with_the_nearest),
        TEST(test_an_attribute_is_found_in_the_dict_and_a_key_in_either_quotes),
        TEST(test_members_of_a_set_are_named_by_their_address),
        TEST(test_what_goes_is_what_counting_down_and_reaching_say),
        TEST(test_what_has_more_references_than_its_count_goes_once),
        TEST(test_counts_and_flags_in_nonsense_end_and_no_object_goes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
