// test_layout.c - what every table promises, and a few numbers that are known by heart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layout/layout.h"

#define POINTER_NBYTES 8

static void test_tables_are_in_order_of_version(void **state)
{
    (void)state;
    assert_true(layout_count() > 0);
    assert_null(layout_at(layout_count()));
    for (size_t i = 1; i < layout_count(); i++) {
        const struct layout *before = layout_at(i - 1), *table = layout_at(i);
        bool is_later = before->version_hex < table->version_hex;
        int variant = before->debug + 2 * before->free_threaded;
        assert_true(is_later || (before->version_hex == table->version_hex &&
                                 variant < table->debug + 2 * table->free_threaded));
    }
}

static void test_headers_have_the_known_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        assert_int_equal(table->object_size, table->free_threaded ? 32 : 16);
        assert_int_equal(table->object_type, table->object_size - 8);
        assert_int_equal(table->var_size, table->object_size);
        assert_int_equal(table->gc_head_size, 16);
        assert_int_equal(table->list_items, table->object_size + 8);
        assert_int_equal(table->bytes_data, table->object_size + 16);
        assert_int_equal(table->type_name, table->object_size + 8);
        assert_true(table->pool_nbytes == 4096 || table->pool_nbytes == 16384);
    }
}

static void test_numbers_of_3_11_are_those_of_its_debug_information(void **state)
{
    (void)state;
    const struct layout *table = layout_for(0x030b07f0, false, false);
    assert_non_null(table);
    assert_string_equal(table->name, "3.11.7");
    assert_int_equal(table->interp_size, 107752);
    assert_int_equal(table->interp_modules, 888);
    assert_int_equal(table->interp_gc + table->gc_generations, 672);
    assert_int_equal(table->keys_indices, 32);
    assert_int_equal(table->tuple_items, 24);
    assert_int_equal(table->tstate_frame, ABSENT);
    assert_int_equal(table->frame_shape, FRAME_INTERPRETER_311);
}

// Sorted, not overlapping, aligned, and within nbytes where the size is known.
static void check_members(const struct layout_member *members, size_t count, size_t nbytes)
{
    for (size_t i = 0; i < count; i++) {
        const struct layout_member *member = &members[i];
        assert_true(strlen(member->name) > 0);
        assert_true(member->count > 0);
        assert_true(member->stride >= POINTER_NBYTES);
        assert_int_equal(member->offset % POINTER_NBYTES, 0);
        assert_int_equal(member->stride % POINTER_NBYTES, 0);
        size_t last = member->offset + (size_t)(member->count - 1) * member->stride;
        assert_true(nbytes == 0 || last + POINTER_NBYTES <= nbytes);
        if (i > 0)
            assert_true(member->offset > members[i - 1].offset);
    }
}

static void test_members_of_states_are_sorted_and_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        check_members(table->interp_members, table->interp_member_count,
                      (size_t)table->interp_size);
        // From 3.13 the list goes on in the struct around the thread state.
        check_members(table->tstate_members, table->tstate_member_count, 0);
        check_members(table->runtime_members, table->runtime_member_count,
                      (size_t)table->runtime_size);
    }
}

static void test_members_of_objects_are_sorted_and_behind_the_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        for (size_t k = 0; k < table->object_count; k++) {
            const struct layout_object *object = &table->objects[k];
            if (object->member_count)
                assert_true(object->members[0].offset >= (uint32_t)table->object_size);
            check_members(object->members, object->member_count, 0);
            assert_ptr_equal(layout_object_members(table, object->type_name), object);
        }
    }
}

static void assert_inside(const struct layout *table, const char *type_name, int32_t nbytes)
{
    const struct layout_object *object = layout_object_members(table, type_name);
    assert_non_null(object);
    check_members(object->members, object->member_count, (size_t)nbytes);
}

static void test_members_of_objects_are_inside_their_structs(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        assert_inside(table, "function", table->function_size);
        assert_inside(table, "code", table->code_size);
        assert_inside(table, "frame", table->frame_size);
        assert_inside(table, "module", table->module_size);
        assert_inside(table, "type", table->heaptype_size);
        assert_inside(table, "generator", table->generator_size);
        assert_inside(table, "coroutine", table->coroutine_size);
    }
}

static const struct layout_member *find_member(const struct layout *table, const char *type_name,
                                               const char *name)
{
    const struct layout_object *object = layout_object_members(table, type_name);
    assert_non_null(object);
    for (size_t i = 0; i < object->member_count; i++)
        if (strcmp(object->members[i].name, name) == 0)
            return &object->members[i];
    return NULL;
}

static void test_weak_references_do_not_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        bool is_old_name = layout_object_members(table, "weakref") != NULL;
        const char *type_name = is_old_name ? "weakref" : "weakref.ReferenceType";
        const struct layout_member *object = find_member(table, type_name, "wr_object");
        const struct layout_member *callback = find_member(table, type_name, "__callback__");
        assert_true(object != NULL && !object->owned);
        assert_true(callback != NULL && callback->owned);
        assert_int_equal(object->offset, table->weakref_object);
        assert_false(find_member(table, "type", "tp_weaklist")->owned);
    }
}

static void test_members_have_the_names_that_python_gives_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        assert_int_equal(find_member(table, "function", "__code__")->offset, table->function_code);
        assert_int_equal(find_member(table, "method", "__self__")->offset, table->method_self);
        assert_int_equal(find_member(table, "module", "__dict__")->offset, table->module_dict);
        assert_int_equal(find_member(table, "cell", "cell_contents")->offset, table->cell_contents);
        assert_int_equal(find_member(table, "OSError", "args")->offset, table->exception_args);
        assert_non_null(find_member(table, "property", "fget"));
    }
}

static void test_unknown_type_has_no_members(void **state)
{
    (void)state;
    assert_null(layout_object_members(layout_at(0), "no such type"));
    assert_null(layout_object_members(layout_at(0), ""));
}

static void test_exact_version_has_its_own_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *table = layout_at(i);
        assert_ptr_equal(layout_for(table->version_hex, table->free_threaded, table->debug), table);
    }
}

static void test_newer_micro_version_has_the_nearest_older_table(void **state)
{
    (void)state;
    assert_ptr_equal(layout_for(0x0308fff0, false, false), layout_for(0x030812f0, false, false));
}

static void test_older_micro_version_has_the_oldest_table_of_its_minor(void **state)
{
    (void)state;
    const struct layout *table = layout_for(0x030800f0, false, false);
    assert_non_null(table);
    assert_int_equal(table->version_hex >> 16, 0x0308);
    assert_true(table->version_hex > 0x030800f0);
}

static void test_unknown_minor_version_has_no_table(void **state)
{
    (void)state;
    assert_null(layout_for(0x030700f0, false, false));
    assert_null(layout_for(0x03ff00f0, false, false));
    assert_null(layout_for(0x030812f0, true, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_in_order_of_version),
        cmocka_unit_test(test_headers_have_the_known_sizes),
        cmocka_unit_test(test_numbers_of_3_11_are_those_of_its_debug_information),
        cmocka_unit_test(test_members_of_states_are_sorted_and_inside),
        cmocka_unit_test(test_members_of_objects_are_sorted_and_behind_the_header),
        cmocka_unit_test(test_members_of_objects_are_inside_their_structs),
        cmocka_unit_test(test_weak_references_do_not_own),
        cmocka_unit_test(test_members_have_the_names_that_python_gives_them),
        cmocka_unit_test(test_unknown_type_has_no_members),
        cmocka_unit_test(test_exact_version_has_its_own_table),
        cmocka_unit_test(test_newer_micro_version_has_the_nearest_older_table),
        cmocka_unit_test(test_older_micro_version_has_the_oldest_table_of_its_minor),
        cmocka_unit_test(test_unknown_minor_version_has_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
