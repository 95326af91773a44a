// test_debug_offsets.c - what an interpreter says of its own structs is checked, then used.
#include <stdlib.h>

#include "fake.h"
#include "heap/debug_offsets.h"

#define RUNTIME FAKE_START
#define NBYTES 4096

static uint8_t bytes[NBYTES];
static struct memory memory;

static void write_word(const struct layout *table, int32_t at, uint64_t value)
{
    assert_true(at >= 0 && at + 8 <= table->debug_offsets_size);
    memcpy(bytes + at, &value, sizeof value);
}

// What a process of the table's own version has at the start of _PyRuntime.
static void setup(const struct layout *table)
{
    memset(bytes, 0, sizeof bytes);
    memory_fini(&memory);
    memcpy(bytes, "xdebugpy", 8);
    write_word(table, table->debug_version, table->version_hex);
    write_word(table, table->debug_free_threaded, table->free_threaded);
#define FIELD(name, ...)
#define SIZE(name, ...)
#define CONST(name, ...)
#define DEBUG(name, path)                                                                          \
    if (table->debug_##name != ABSENT)                                                             \
        write_word(table, table->debug_##name, (uint64_t)table->name);
#include "layout/fields.def"
#undef FIELD
#undef SIZE
#undef CONST
#undef DEBUG
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, RUNTIME, bytes, sizeof bytes, NULL), MX_OK);
}

#define FOR_EACH_TABLE(table)                                                                      \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (const struct layout *table = layout_at(i_);                                           \
             table && table->debug_offsets_size != ABSENT && (setup(table), true); table = NULL)

static void test_a_table_agrees_with_its_own_version(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        struct debug_offsets told;
        assert_true(debug_offsets_read(&memory, RUNTIME, &told));
        assert_int_equal(told.version_hex, table->version_hex);
        assert_int_equal(told.free_threaded, table->free_threaded);
        assert_int_equal(debug_offsets_differences(&memory, RUNTIME, table), 0);
        assert_ptr_equal(debug_offsets_apply(&memory, RUNTIME, table), table);
    }
}

static void test_without_the_cookie_there_are_none(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        struct debug_offsets told;
        bytes[0] = 'X';
        assert_false(debug_offsets_read(&memory, RUNTIME, &told));
        assert_false(debug_offsets_read(&memory, 0, &told));
        assert_false(debug_offsets_read(&memory, RUNTIME + NBYTES - 8, &told));
    }
}

static void test_what_is_behind_a_moved_member_moves_along(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        write_word(table, table->debug_interp_size, (uint64_t)table->interp_size + 24);
        write_word(table, table->debug_interp_modules, (uint64_t)table->interp_modules + 24);
        write_word(table, table->debug_interp_sysdict, (uint64_t)table->interp_sysdict + 24);
        write_word(table, table->debug_interp_builtins, (uint64_t)table->interp_builtins + 24);
        assert_int_equal(debug_offsets_differences(&memory, RUNTIME, table), 4);
        const struct layout *own = debug_offsets_apply(&memory, RUNTIME, table);
        assert_non_null(own);
        assert_int_equal(own->interp_modules, table->interp_modules + 24);
        assert_int_equal(own->interp_interned, table->interp_interned + 24);
        assert_int_equal(own->interp_gc, table->interp_gc);
        assert_int_equal(own->tstate_thread_id, table->tstate_thread_id);
        assert_int_equal(own->interp_member_count, table->interp_member_count);
        size_t last = own->interp_member_count - 1;
        assert_int_equal(own->interp_members[last].offset, table->interp_members[last].offset + 24);
        assert_ptr_equal(debug_offsets_apply(&memory, RUNTIME, table), own);
    }
}

static void test_numbers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        const uint64_t absurd[] = {UINT64_MAX, 1ull << 40, (uint64_t)table->interp_gc + 1,
                                   (uint64_t)table->interp_size};
        for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
            setup(table);
            write_word(table, table->debug_interp_gc, absurd[i]);
            assert_int_equal(debug_offsets_differences(&memory, RUNTIME, table), -1);
            assert_null(debug_offsets_apply(&memory, RUNTIME, table));
        }
        setup(table);
        write_word(table, table->debug_interp_size, 0);
        assert_int_equal(debug_offsets_differences(&memory, RUNTIME, table), -1);
    }
}

static void test_tables_of_older_versions_have_nothing_to_compare(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++)
        if (layout_at(i)->debug_offsets_size == ABSENT)
            assert_int_equal(debug_offsets_differences(&memory, RUNTIME, layout_at(i)), -1);
}

static void test_any_bytes_are_survived(void **state)
{
    (void)state;
    srand(1);
    FOR_EACH_TABLE(table)
    {
        for (int round = 0; round < 2000; round++) {
            setup(table);
            for (int k = rand() % 20; k >= 0; k--)
                bytes[rand() % table->debug_offsets_size] = (uint8_t)rand();
            struct debug_offsets told;
            (void)debug_offsets_read(&memory, RUNTIME, &told);
            const struct layout *own = debug_offsets_apply(&memory, RUNTIME, table);
            assert_true(!own || (own->interp_size > 0 && own->interp_gc < own->interp_size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_agrees_with_its_own_version),
        cmocka_unit_test(test_without_the_cookie_there_are_none),
        cmocka_unit_test(test_what_is_behind_a_moved_member_moves_along),
        cmocka_unit_test(test_numbers_that_cannot_be_are_refused),
        cmocka_unit_test(test_tables_of_older_versions_have_nothing_to_compare),
        cmocka_unit_test(test_any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
