// test_regions.c - marks, numbers and the nearest mark before an address.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "heap/regions.h"

#define NBYTES 65536

static const uint8_t bytes[NBYTES];
static const mx_addr STARTS[] = {0x10000, 0x7f0000000000ull, 0x7f0000010000ull};
static struct memory memory;
static struct regions regions;

static void setup(void)
{
    memory_init(&memory, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(memory_add(&memory, STARTS[i], bytes, NBYTES, NULL), MX_OK);
    assert_int_equal(regions_init(&regions, &memory, NULL), MX_OK);
}

static void teardown(void)
{
    regions_fini(&regions);
    memory_fini(&memory);
}

static void mark(mx_addr addr)
{
    region_mark(regions_find(&regions, addr), addr);
}

static void test_an_address_is_in_its_segment_s_region_or_in_none(void **state)
{
    (void)state;
    setup();
    for (int i = 0; i < 3; i++) {
        assert_true(regions_find(&regions, STARTS[i])->start == STARTS[i]);
        assert_true(regions_find(&regions, STARTS[i] + NBYTES - 1)->start == STARTS[i]);
    }
    const mx_addr nowhere[] = {0, 0xFFFF, 0x20000, STARTS[1] - 1, STARTS[2] + NBYTES, UINT64_MAX};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
        assert_null(regions_find(&regions, nowhere[i]));
    teardown();
}

static void test_marks_are_numbered_by_address_over_all_regions(void **state)
{
    (void)state;
    const mx_addr marked[] = {
        STARTS[0],       STARTS[0] + 8,    STARTS[0] + 4096 + 504, STARTS[0] + NBYTES - 8,
        STARTS[1] + 512, STARTS[2] + 32768};
    enum { COUNT = sizeof marked / sizeof marked[0] };
    mx_addr addresses[COUNT];
    uint32_t count;
    setup();
    for (int i = COUNT - 1; i >= 0; i--)
        mark(marked[i]);
    mark(marked[0]); // twice is once
    assert_int_equal(regions_number(&regions, &count, NULL), MX_OK);
    assert_int_equal(count, COUNT);
    regions_addresses(&regions, addresses);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct region *region = regions_find(&regions, marked[i]);
        assert_true(addresses[i] == marked[i]);
        assert_true(region_is_marked(region, marked[i]));
        assert_int_equal(region_number(region, marked[i]), i);
    }
    assert_false(region_is_marked(regions_find(&regions, marked[0] + 16), marked[0] + 16));
    teardown();
}

static void test_no_marks_number_nothing(void **state)
{
    (void)state;
    uint32_t count = 1;
    setup();
    assert_int_equal(regions_number(&regions, &count, NULL), MX_OK);
    assert_int_equal(count, 0);
    teardown();
}

static void test_the_nearest_mark_before_is_found_within_reach(void **state)
{
    (void)state;
    mx_addr found = 0;
    setup();
    mark(STARTS[1] + 8000);
    struct region *region = regions_find(&regions, STARTS[1]);
    assert_true(region_mark_before(region, STARTS[1] + 8000, 0, &found));
    assert_true(found == STARTS[1] + 8000);
    assert_true(region_mark_before(region, STARTS[1] + 8900, 900, &found));
    assert_true(found == STARTS[1] + 8000);
    assert_false(region_mark_before(region, STARTS[1] + 9000, 900, &found));
    assert_false(region_mark_before(region, STARTS[1] + 7992, 100000, &found));
    assert_false(region_mark_before(region, STARTS[1], UINT64_MAX, &found));
    teardown();
}

static void test_a_segment_that_begins_anywhere_marks_aligned_addresses(void **state)
{
    (void)state;
    uint32_t count;
    mx_addr found;
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, 0x1003, bytes, 100, NULL), MX_OK);
    assert_int_equal(memory_add(&memory, 0x2001, bytes, 5, NULL), MX_OK);
    assert_int_equal(regions_init(&regions, &memory, NULL), MX_OK);
    mark(0x1008);
    assert_int_equal(regions_number(&regions, &count, NULL), MX_OK);
    assert_int_equal(count, 1);
    regions_addresses(&regions, &found);
    assert_true(found == 0x1008);
    assert_null(regions_find(&regions, 0x1004));
    assert_null(regions_find(&regions, 0x2004));
    teardown();
}

// Nothing is there but the addresses: a process may reserve much more than it uses.
static void test_a_sparse_terabyte_costs_what_is_marked(void **state)
{
    (void)state;
    uint32_t count;
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, 1ull << 40, bytes, 1ull << 40, NULL), MX_OK);
    assert_int_equal(memory_add(&memory, 1ull << 46, bytes, (1ull << 40) + 4096, NULL), MX_OK);
    assert_int_equal(regions_init(&regions, &memory, NULL), MX_OK);
    assert_true(regions.skipped_bytes == (1ull << 40) + 4096); // too large to be believed
    mark((1ull << 41) - 8);
    assert_null(regions_find(&regions, 1ull << 46));
    assert_int_equal(regions_number(&regions, &count, NULL), MX_OK);
    assert_int_equal(count, 1);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_is_in_its_segment_s_region_or_in_none),
        cmocka_unit_test(test_marks_are_numbered_by_address_over_all_regions),
        cmocka_unit_test(test_no_marks_number_nothing),
        cmocka_unit_test(test_the_nearest_mark_before_is_found_within_reach),
        cmocka_unit_test(test_a_segment_that_begins_anywhere_marks_aligned_addresses),
        cmocka_unit_test(test_a_sparse_terabyte_costs_what_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
