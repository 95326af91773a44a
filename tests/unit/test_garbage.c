// test_garbage.c - the collector's reckoning on a fake process: what is garbage, and what holds it.
#include "decode/counts.h"
#include "fake_process.h"

static struct fake_process process;
static struct fake *fake = &process.fake;
static mx_heap *heap;
static mx_cycles *cycles;
static struct mx_error error;

#define FOR_EACH_PROCESS                                                                           \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (bool once_ = (fake_process_init(&process, layout_at(i_)), true); once_;               \
             teardown(), once_ = false)

static void teardown(void)
{
    mx_cycles_free(cycles);
    mx_heap_free(heap);
    cycles = NULL;
    heap = NULL;
    fake_process_fini(&process);
}

static const struct mx_cycle_group *look(bool garbage, size_t *ret_count)
{
    const struct mx_cycle_group *groups;
    mx_cycles_free(cycles);
    mx_heap_free(heap);
    cycles = NULL;
    heap = fake_process_heap(&process, &fake->memory);
    heap->runtime.version_hex = fake->l->version_hex;
    assert_int_equal(heap_build(heap, &error), MX_OK);
    assert_int_equal(garbage ? mx_heap_garbage(heap, &cycles, &error)
                             : mx_heap_cycles(heap, &cycles, &error),
                     MX_OK);
    *ret_count = mx_cycles_groups(cycles, &groups);
    return groups;
}

// The only group there is.
static const struct mx_cycle_group *only(bool garbage)
{
    size_t count;
    const struct mx_cycle_group *groups = look(garbage, &count);
    if (count != 1)
        fail_msg("%s: %zu groups", fake->l->name, count);
    return groups;
}

static void assert_nothing(bool garbage)
{
    size_t count;
    look(garbage, &count);
    if (count)
        fail_msg("%s: %zu groups", fake->l->name, count);
    assert_int_equal(mx_cycles_totals(cycles)->objects, 0);
}

static bool has_address(const struct mx_cycle_group *group, mx_addr addr)
{
    for (uint64_t i = 0; i < group->objects + group->held; i++)
        if (group->addresses[i] == addr)
            return true;
    return false;
}

static void put(mx_addr list, size_t i, mx_addr item)
{
    fake_word(fake, field_at(&fake->decoder, list, fake->l->list_items) + 8 * i, item);
}

// Two lists that refer to each other and to nothing else, with nobody else's reference.
struct pair {
    mx_addr one, two;
};

static struct pair make_pair(int generation)
{
    mx_addr name = process.name;
    struct pair pair = {fake_list(fake, &name, 1), fake_list(fake, &name, 1)};
    put(pair.one, 0, pair.two);
    put(pair.two, 0, pair.one);
    fake_track(&process, generation, pair.one);
    fake_track(&process, generation, pair.two);
    return pair;
}

static void test_lists_that_only_refer_to_each_other_are_garbage_in_every_generation(void **state)
{
    (void)state;
    for (int generation = 0; generation < 3; generation++)
        FOR_EACH_PROCESS
        {
            struct pair pair = make_pair(generation);
            const struct mx_cycle_group *group = only(true);
            assert_int_equal(group->objects, 2);
            assert_int_equal(group->cycles, 1);
            assert_int_equal(group->shortest, 2);
            assert_int_equal(group->longest, 2);
            assert_int_equal(group->held + group->freed + group->finalizers, 0);
            assert_true(has_address(group, pair.one) && has_address(group, pair.two));
            assert_string_equal(group->shape, "list[...]* -> list");
        }
}

static void test_a_count_that_nothing_explains_keeps_a_cycle_alive(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct pair pair = make_pair(0);
        fake_refcount(fake, pair.two, 2);
        assert_nothing(true);
    }
}

static void test_what_was_frozen_is_not_collected_and_holds_what_it_refers_to(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        make_pair(3);
        struct pair pair = make_pair(2);
        mx_addr holder = fake_list(fake, &pair.one, 1);
        fake_track(&process, 3, holder);
        fake_refcount(fake, pair.one, 2);
        assert_nothing(true);
    }
}

static void test_what_is_immortal_is_none_of_the_collectors(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        if (fake->l->refcount_shape == REFCOUNT_PLAIN)
            continue;
        struct pair pair = make_pair(0);
        fake_refcount(fake, pair.one, 0xFFFFFFFF);
        assert_nothing(true);
    }
}

static void test_an_object_that_is_not_tracked_holds_as_native_code_does(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct pair pair = make_pair(0);
        mx_addr holder = fake_list(fake, &pair.one, 1); // in no list of the collector
        fake_refcount(fake, pair.one, 2);
        put(process.list, 0, holder);
        assert_nothing(true);
    }
}

static void test_what_hangs_on_garbage_is_garbage_and_what_does_not_track_goes_with_it(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        mx_addr text = fake_str(fake, "gone"), kept = process.name;
        mx_addr inner = fake_list(fake, &text, 1);
        mx_addr hanging = fake_list(fake, (mx_addr[]){inner, kept}, 2);
        mx_addr self = fake_list(fake, (mx_addr[]){0, hanging}, 2);
        put(self, 0, self);
        fake_refcount(fake, kept, 100);
        fake_track(&process, 0, inner);
        fake_track(&process, 1, hanging);
        fake_track(&process, 2, self);
        const struct mx_cycle_group *group = only(true);
        assert_int_equal(group->objects, 1);
        assert_int_equal(group->held, 2);
        assert_int_equal(group->freed, 1);
        assert_int_equal(group->addresses[0], self);
        assert_int_equal(mx_cycles_totals(cycles)->objects, 3);
        assert_string_equal(group->shape, "list[...] -> list");
    }
}

static mx_addr make_finalized(int32_t slot)
{
    mx_addr attribute = fake_str(fake, "me"), nothing = process.name;
    mx_addr type = fake_instance_class(fake, "Finalized", &attribute, 1);
    fake_field(fake, type, slot, 0x1234);
    mx_addr instance = fake_instance(fake, type, &attribute, &nothing, 1);
    mx_addr box = fake_list(fake, &instance, 1);
    put(box, 0, box); // box is its own, and the instance hangs on it
    fake_field(fake, box, fake->l->var_size, 2);
    fake_word(fake, field_at(&fake->decoder, box, fake->l->list_items) + 8, instance);
    fake_refcount(fake, type, 100);
    fake_track(&process, 0, box);
    fake_track(&process, 0, instance);
    return instance;
}

static void test_finalizers_are_counted_unless_they_have_run(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        mx_addr instance = make_finalized(fake->l->type_finalize);
        assert_int_equal(only(true)->finalizers, 1);
        assert_int_equal(only(true)->finalized, 0);
        if (fake->l->gc_shape == GC_WITHOUT_LISTS)
            fake_field8(fake, instance, fake->l->object_gc_bits, GC_BIT_TRACKED | GC_BIT_FINALIZED);
        else // _gc_prev
            fake_word(fake, instance - 8, word_at(&fake->decoder, instance - 8) | 1);
        assert_int_equal(only(true)->finalizers, 0);
        assert_int_equal(only(true)->finalized, 1);
    }
}

static void test_what_has_a_legacy_finalizer_is_uncollectable(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        make_finalized(fake->l->type_del);
        assert_int_equal(only(true)->legacy, 1);
        assert_int_equal(only(true)->finalizers, 0);
    }
}

static void test_callbacks_of_weak_references_from_outside_are_counted(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        const struct layout *l = fake->l;
        const char *name =
            layout_object_members(l, "weakref.ReferenceType") ? "weakref.ReferenceType" : "weakref";
        struct pair pair = make_pair(0);
        mx_addr weak = fake_object(fake, fake_type(fake, name), 256);
        fake_field(fake, weak, l->weakref_object, pair.one);
        fake_track(&process, 0, weak);
        put(process.list, 0, weak);
        assert_int_equal(only(true)->callbacks, 0);
        fake_word(fake, weak + (uint64_t)l->weakref_object + 8, process.name);
        assert_int_equal(only(true)->callbacks, 1);
    }
}

static void test_cycles_that_are_held_are_found_by_shape(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct pair pairs[5];
        for (int i = 0; i < 5; i++)
            pairs[i] = make_pair(0);
        mx_addr holder = fake_list(
            fake, (mx_addr[]){pairs[0].one, pairs[1].one, pairs[2].one, pairs[3].one, pairs[4].one},
            5);
        for (int i = 0; i < 5; i++)
            fake_refcount(fake, pairs[i].one, 2);
        put(process.list, 0, holder);
        fake_track(&process, 0, holder);
        assert_nothing(true);
        const struct mx_cycle_group *group = only(false);
        assert_int_equal(group->cycles, 5);
        assert_int_equal(group->objects, 10);
        assert_int_equal(group->held, 0);
    }
}

static void test_cycles_are_not_sought_through_modules_and_their_namespaces(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        put(process.list, 0, process.app); // app -> its dict -> app.list -> app
        assert_nothing(false);
        put(process.list, 0, process.list);
        assert_int_equal(only(false)->objects, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_that_only_refer_to_each_other_are_garbage_in_every_generation),
        cmocka_unit_test(test_a_count_that_nothing_explains_keeps_a_cycle_alive),
        cmocka_unit_test(test_what_was_frozen_is_not_collected_and_holds_what_it_refers_to),
        cmocka_unit_test(test_what_is_immortal_is_none_of_the_collectors),
        cmocka_unit_test(test_an_object_that_is_not_tracked_holds_as_native_code_does),
        cmocka_unit_test(
            test_what_hangs_on_garbage_is_garbage_and_what_does_not_track_goes_with_it),
        cmocka_unit_test(test_finalizers_are_counted_unless_they_have_run),
        cmocka_unit_test(test_what_has_a_legacy_finalizer_is_uncollectable),
        cmocka_unit_test(test_callbacks_of_weak_references_from_outside_are_counted),
        cmocka_unit_test(test_cycles_that_are_held_are_found_by_shape),
        cmocka_unit_test(test_cycles_are_not_sought_through_modules_and_their_namespaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
