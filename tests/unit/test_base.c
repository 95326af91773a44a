// test_base.c - maps by address, and looking up an address among sorted things.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/sorted.h"

static void test_a_map_gives_back_what_was_put_at_every_key(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct map map = {0};
    for (uint64_t i = 1; i <= COUNT; i++)
        *map_put(&map, i * 4096) = i;
    assert_int_equal(map.used, COUNT);
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(*map_find(&map, i * 4096), i);
        assert_null(map_find(&map, i * 4096 + 8));
    }
    map_free(&map);
    assert_null(map_find(&map, 4096));
}

static void test_a_new_key_has_the_value_0_and_a_known_one_keeps_its_own(void **state)
{
    (void)state;
    struct map map = {0};
    assert_int_equal(*map_put(&map, 16), 0);
    ++*map_put(&map, 16);
    ++*map_put(&map, 16);
    assert_int_equal(*map_find(&map, 16), 2);
    assert_int_equal(map.used, 1);
    map_free(&map);
}

static void test_key_0_is_no_key(void **state)
{
    (void)state;
    struct map map = {0};
    assert_null(map_put(&map, 0));
    assert_non_null(map_put(&map, UINT64_MAX));
    assert_null(map_find(&map, 0));
    map_free(&map);
}

static void test_sorted_upto_counts_what_begins_at_or_before_the_key(void **state)
{
    (void)state;
    static const struct {
        uint64_t start;
        int unused;
    } items[] = {{8, 0}, {16, 0}, {UINT64_MAX - 1, 0}};
    assert_int_equal(sorted_upto(items, 0, 100), 0);
    assert_int_equal(sorted_upto(items, 3, 0), 0);
    assert_int_equal(sorted_upto(items, 3, 7), 0);
    assert_int_equal(sorted_upto(items, 3, 8), 1);
    assert_int_equal(sorted_upto(items, 3, 15), 1);
    assert_int_equal(sorted_upto(items, 3, 16), 2);
    assert_int_equal(sorted_upto(items, 3, UINT64_MAX - 2), 2);
    assert_int_equal(sorted_upto(items, 3, UINT64_MAX), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_map_gives_back_what_was_put_at_every_key),
        cmocka_unit_test(test_a_new_key_has_the_value_0_and_a_known_one_keeps_its_own),
        cmocka_unit_test(test_key_0_is_no_key),
        cmocka_unit_test(test_sorted_upto_counts_what_begins_at_or_before_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
