// test_heap.c - a whole fake process: every object found, every reference named, every count.
#include "fake_process.h"

static struct fake_process process;
static mx_heap *heap;
static struct mx_error error;

#define FOR_EACH_PROCESS                                                                           \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (bool once_ = (setup(layout_at(i_)), true); once_; teardown(), once_ = false)

static void build(void)
{
    heap = fake_process_heap(&process, &process.fake.memory);
    assert_int_equal(heap_build(heap, &error), MX_OK);
}

static void setup(const struct layout *layout)
{
    fake_process_init(&process, layout);
    build();
}

static void teardown(void)
{
    mx_heap_free(heap);
    fake_process_fini(&process);
}

static uint32_t index_of(mx_addr addr)
{
    uint32_t index;
    if (!mx_heap_find(heap, addr, &index))
        fail_msg("%s: 0x%llx was not found", process.fake.l->name, (unsigned long long)addr);
    return index;
}

struct told {
    size_t count, stop_after;
    struct mx_reference items[64];
};

static bool remember(const struct mx_reference *reference, void *data)
{
    struct told *told = data;
    assert_true(told->count < 64);
    told->items[told->count++] = *reference;
    return told->count != told->stop_after;
}

static const struct mx_reference *told_label(const struct told *told, const char *label)
{
    for (size_t i = 0; i < told->count; i++)
        if (strcmp(told->items[i].label, label) == 0)
            return &told->items[i];
    for (size_t i = 0; i < told->count; i++)
        print_message("%s from %u (%s)\n", told->items[i].label, told->items[i].from,
                      told->items[i].root);
    fail_msg("%s: no reference %s", process.fake.l->name, label);
    return NULL;
}

static void test_objects_are_found_from_modules_frames_and_lists(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        const mx_addr expected[] = {process.app,       process.app_dict, process.list,
                                    process.session,   process.name,     process.local,
                                    process.frame_code};
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
            index_of(expected[i]);
        struct mx_object object;
        assert_int_equal(mx_heap_object(heap, index_of(process.list), &object, &error), MX_OK);
        assert_true(object.alive && object.tracked && !object.immortal);
        bool lists = process.fake.l->gc_shape != GC_WITHOUT_LISTS;
        assert_int_equal(object.generation, lists ? 0 : MX_NO_GENERATION);
        assert_string_equal(object.type, "builtins.list");
        assert_memory_equal(object.preview, "['alice', <app.Session object at 0x", 35);
        assert_int_equal(mx_heap_object(heap, index_of(process.session), &object, &error), MX_OK);
        assert_int_equal(object.generation, lists ? 2 : MX_NO_GENERATION);
        assert_int_equal(mx_heap_summary(heap)->generations[0].objects,
                         lists ? 1 : process.tracked_count);
        assert_int_equal(mx_heap_summary(heap)->generations[0].threshold, 700);
        assert_true(mx_heap_summary(heap)->gc_enabled);
        assert_int_equal(mx_heap_summary(heap)->undecoded, 0);
    }
}

static void test_objects_are_numbered_by_address_without_gaps(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        mx_addr before = 0;
        uint64_t bytes = 0;
        uint32_t count = (uint32_t)mx_heap_summary(heap)->objects;
        assert_true(count > 80);
        for (uint32_t i = 0; i < count; i++) {
            struct mx_object object;
            mx_heap_facts(heap, i, &object, NULL);
            assert_true(object.address > before);
            assert_int_equal(index_of(object.address), i);
            before = object.address;
            bytes += object.size;
        }
        assert_int_equal(bytes, mx_heap_summary(heap)->bytes);
    }
}

static void test_types_sum_up_to_all_objects(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        const struct mx_type *types;
        size_t type_count = mx_heap_types(heap, &types);
        uint64_t objects = 0, sessions = 0;
        for (size_t i = 0; i < type_count; i++) {
            objects += types[i].count;
            sessions += strcmp(types[i].name, "app.Session") == 0 ? types[i].count : 0;
        }
        assert_int_equal(objects, mx_heap_summary(heap)->objects);
        assert_int_equal(sessions, 1);
    }
}

static void test_referrers_of_a_session_are_named(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct told told = {0};
        assert_int_equal(
            mx_heap_referrers(heap, index_of(process.session), remember, &told, &error), MX_OK);
        assert_int_equal(told_label(&told, "['user:1']")->ownership, MX_OWNED);
        assert_int_equal(told_label(&told, "[1]")->from, index_of(process.list));
        told_label(&told, ".__self__");
        bool weak = false;
        for (size_t i = 0; i < told.count; i++)
            weak |= told.items[i].ownership != MX_OWNED;
        assert_true(weak); // the weak reference does not count
        told = (struct told){.stop_after = 1};
        mx_heap_referrers(heap, index_of(process.session), remember, &told, &error);
        assert_int_equal(told.count, 1);
    }
}

static void test_references_are_counted_as_they_are_told(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        uint32_t count = (uint32_t)mx_heap_summary(heap)->objects;
        uint64_t counted, all = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct told references = {0}, referrers = {0};
            mx_heap_references(heap, i, remember, &references, &error);
            assert_int_equal(mx_heap_count_references(heap, i, &counted, &error), MX_OK);
            assert_int_equal(counted, references.count);
            all += counted;
            mx_heap_referrers(heap, i, remember, &referrers, &error);
            assert_int_equal(mx_heap_count_referrers(heap, i, &counted, &error), MX_OK);
            assert_int_equal(counted, referrers.count);
        }
        assert_true(all > count);
    }
}

static void test_a_local_of_a_running_frame_is_held_by_its_thread(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct told told = {0};
        mx_heap_referrers(heap, index_of(process.local), remember, &told, &error);
        assert_int_equal(told.count, 1);
        assert_string_equal(told.items[0].label, "local request");
        if (fake_has_iframes(&process.fake)) {
            assert_int_equal(told.items[0].from, MX_NO_OBJECT);
            assert_memory_equal(told.items[0].root, "thread 812 frame handle at app.py:", 34);
        } else {
            assert_int_not_equal(told.items[0].from, MX_NO_OBJECT); // the frame is an object
        }
    }
}

static void test_threads_tell_their_frames(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        const struct mx_thread *threads;
        assert_int_equal(mx_heap_threads(heap, &threads), 1);
        assert_int_equal(threads[0].ident, 0x1234);
        if (process.fake.l->tstate_native_id != ABSENT)
            assert_int_equal(threads[0].native_id, 812);
        assert_int_equal(threads[0].frame_count, 1);
        assert_string_equal(threads[0].frames[0].function, "handle");
        assert_string_equal(threads[0].frames[0].file, "app.py");
    }
}

static void test_a_count_is_explained_surplus_or_deficit(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        // app.list is held by the module's dict alone, the session by list, dict and method.
        fake_refcount(&process.fake, process.list, 1);
        fake_refcount(&process.fake, process.session, 3);
        mx_heap_free(heap);
        build();
        struct mx_heap_summary exact = *mx_heap_summary(heap);
        assert_int_equal(mx_heap_found_count(heap, index_of(process.list)), 1);
        assert_int_equal(mx_heap_found_count(heap, index_of(process.session)), 3);
        fake_refcount(&process.fake, process.list, 2);    // one held by native code
        fake_refcount(&process.fake, process.session, 2); // one too few
        mx_heap_free(heap);
        build();
        assert_int_equal(mx_heap_summary(heap)->refcounts.explained, exact.refcounts.explained - 2);
        assert_int_equal(mx_heap_summary(heap)->refcounts.surplus, exact.refcounts.surplus + 1);
        assert_int_equal(mx_heap_summary(heap)->refcounts.deficit, exact.refcounts.deficit + 1);
    }
}

// Its size and its first item, a count and a type, where no hash stands between them.
static void test_a_pair_of_words_inside_a_tuple_of_classes_is_no_object(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct header header;
        const struct layout *l = process.fake.l;
        mx_addr list_type = fake_type(&process.fake, "list");
        mx_addr tuple = fake_tuple(&process.fake, &list_type, 1);
        mx_addr inside = tuple + (uint64_t)l->tuple_items - 8;
        fake_word(&process.fake, inside, 1);
        mx_heap_free(heap);
        build();
        assert_true(heap_check_object(heap, tuple, false, &header));
        if (l->gc_shape != GC_WITHOUT_LISTS && inside % 16 == 0)
            assert_false(heap_check_object(heap, inside, false, &header));
    }
}

static void test_numbers_and_addresses_out_of_range_are_answers(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        uint32_t index, count = (uint32_t)mx_heap_summary(heap)->objects;
        struct mx_object object;
        assert_int_equal(mx_heap_object(heap, count, &object, &error), MX_BAD_ARGUMENT);
        assert_int_equal(mx_heap_object(heap, MX_NO_OBJECT, &object, NULL), MX_BAD_ARGUMENT);
        assert_int_equal(mx_heap_references(heap, count, remember, NULL, NULL), MX_BAD_ARGUMENT);
        assert_int_equal(mx_heap_referrers(heap, count, remember, NULL, NULL), MX_BAD_ARGUMENT);
        uint64_t counted;
        assert_int_equal(mx_heap_count_references(heap, count, &counted, NULL), MX_BAD_ARGUMENT);
        assert_int_equal(mx_heap_count_referrers(heap, count, &counted, NULL), MX_BAD_ARGUMENT);
        const mx_addr nowhere[] = {0,          1,         process.list + 1, process.list + 8,
                                   UINT64_MAX, 1ull << 63};
        for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
            assert_false(mx_heap_find(heap, nowhere[i], &index));
    }
}

static void test_lists_frames_and_threads_in_rings_end(void **state)
{
    (void)state;
    FOR_EACH_PROCESS
    {
        struct fake *fake = &process.fake;
        const struct layout *l = fake->l;
        mx_addr frame = thread_current_frame(&fake->decoder, process.thread);
        fake_field(fake, frame, fake_has_iframes(fake) ? l->iframe_previous : l->frame_back, frame);
        fake_field(fake, process.thread, l->tstate_next, process.thread);
        fake_field(fake, process.interp, l->interp_next, process.interp);
        if (l->gc_shape != GC_WITHOUT_LISTS) {
            mx_addr node = process.session - (uint64_t)l->gc_head_size;
            fake_word(fake, node, node);
        }
        mx_heap_free(heap);
        build();
        index_of(process.local);
        assert_true(heap->root_edges.count < FAKE_NBYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_found_from_modules_frames_and_lists),
        cmocka_unit_test(test_objects_are_numbered_by_address_without_gaps),
        cmocka_unit_test(test_types_sum_up_to_all_objects),
        cmocka_unit_test(test_referrers_of_a_session_are_named),
        cmocka_unit_test(test_references_are_counted_as_they_are_told),
        cmocka_unit_test(test_a_local_of_a_running_frame_is_held_by_its_thread),
        cmocka_unit_test(test_threads_tell_their_frames),
        cmocka_unit_test(test_a_count_is_explained_surplus_or_deficit),
        cmocka_unit_test(test_a_pair_of_words_inside_a_tuple_of_classes_is_no_object),
        cmocka_unit_test(test_numbers_and_addresses_out_of_range_are_answers),
        cmocka_unit_test(test_lists_frames_and_threads_in_rings_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
