// test_memory.c - finding local bytes of remote addresses, in segments and in windows.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory/memory.h"

// A fake target: bytes from `start` on, each the low byte of its address, and how often it was read.
struct fake {
    mx_addr start;
    uint64_t nbytes;
    unsigned fetches;
};

static size_t fake_fetch(void *data, mx_addr addr, void *buffer, size_t nbytes)
{
    struct fake *fake = data;
    fake->fetches++;
    uint64_t offset = addr - fake->start;
    if (offset >= fake->nbytes)
        return 0;
    if (nbytes > fake->nbytes - offset)
        nbytes = fake->nbytes - offset;
    for (size_t i = 0; i < nbytes; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)((addr + i) ^ (addr + i) >> 12);
    return nbytes;
}

static uint8_t fake_byte(mx_addr addr)
{
    return (uint8_t)(addr ^ addr >> 12);
}

static void test_segment_yields_its_bytes_and_nothing_beyond(void **state)
{
    (void)state;
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, 0x1000, "abcdef", 6, NULL), MX_OK);
    assert_memory_equal(memory_at(&memory, 0x1000, 6), "abcdef", 6);
    assert_memory_equal(memory_at(&memory, 0x1003, 3), "def", 3);
    assert_null(memory_at(&memory, 0x1003, 4));
    assert_null(memory_at(&memory, 0x1006, 1));
    assert_null(memory_at(&memory, 0xFFF, 1));
    assert_null(memory_at(&memory, 0xFFF, UINT64_MAX));
    assert_null(memory_at(&memory, UINT64_MAX, 1));
    assert_null(memory_at(&memory, UINT64_MAX, 2));
    memory_fini(&memory);
}

static void test_many_segments_added_in_any_order_are_all_found(void **state)
{
    (void)state;
    static uint8_t bytes[1000];
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned slot = i * 617 % 1000; // a permutation
        bytes[slot] = (uint8_t)slot;
        assert_int_equal(memory_add(&memory, 0x10000 + slot * 16, &bytes[slot], 1, NULL), MX_OK);
    }
    for (unsigned slot = 0; slot < 1000; slot++) {
        assert_int_equal(*memory_at(&memory, 0x10000 + slot * 16, 1), (uint8_t)slot);
        assert_null(memory_at(&memory, 0x10001 + slot * 16, 1));
    }
    memory_fini(&memory);
}

static void test_overlapping_or_wrapping_segments_are_refused(void **state)
{
    (void)state;
    struct memory memory;
    struct mx_error err;
    static uint8_t bytes[64];
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, 0x100, bytes, 16, NULL), MX_OK);
    assert_int_equal(memory_add(&memory, 0x10F, bytes, 1, &err), MX_BAD_ARGUMENT);
    assert_string_equal(err.message, "segment at 0x10f overlaps the one at 0x100");
    assert_int_equal(memory_add(&memory, 0xF8, bytes, 9, NULL), MX_BAD_ARGUMENT);
    assert_int_equal(memory_add(&memory, 0xF8, bytes, 64, NULL), MX_BAD_ARGUMENT);
    assert_int_equal(memory_add(&memory, UINT64_MAX - 7, bytes, 9, NULL), MX_BAD_ARGUMENT);
    assert_int_equal(memory_add(&memory, 0xF8, bytes, 8, NULL), MX_OK);
    assert_int_equal(memory_add(&memory, 0x110, bytes, 8, NULL), MX_OK);
    assert_int_equal(memory_add(&memory, UINT64_MAX - 7, bytes, 8, NULL), MX_OK);
    assert_non_null(memory_at(&memory, UINT64_MAX - 7, 8));
    assert_null(memory_at(&memory, UINT64_MAX - 7, 9));
    memory_fini(&memory);
}

static void test_range_over_two_adjacent_segments_is_put_together(void **state)
{
    (void)state;
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    memory_add(&memory, 0x1000, "abcd", 4, NULL);
    memory_add(&memory, 0x1004, "efgh", 4, NULL);
    memory_add(&memory, 0x1009, "j", 1, NULL);
    assert_memory_equal(memory_at(&memory, 0x1002, 5), "cdefg", 5);
    assert_memory_equal(memory_at(&memory, 0x1002, 4), "cdef", 4);
    assert_null(memory_at(&memory, 0x1002, 7));
    memory_fini(&memory);
}

static void test_window_is_fetched_once_and_again_after_forget(void **state)
{
    (void)state;
    struct fake fake = {.start = 0x10000, .nbytes = 0x10000};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    uint64_t value;
    assert_true(memory_u64(&memory, 0x10100, &value));
    assert_true(memory_u64(&memory, 0x10FF8, &value));
    assert_true(memory_u64(&memory, 0x10000, &value));
    assert_int_equal(fake.fetches, 1);
    memory_forget(&memory);
    assert_true(memory_u64(&memory, 0x10100, &value));
    assert_int_equal(fake.fetches, 2);
    memory_fini(&memory);
}

static void test_window_over_several_pages_is_contiguous(void **state)
{
    (void)state;
    struct fake fake = {.start = 0x10000, .nbytes = 0x10000};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    assert_non_null(memory_at(&memory, 0x11010, 1));
    const uint8_t *bytes = memory_at(&memory, 0x11FF0, 0x2020);
    assert_non_null(bytes);
    for (unsigned i = 0; i < 0x2020; i++)
        assert_int_equal(bytes[i], fake_byte(0x11FF0 + i));
    assert_int_equal(*memory_at(&memory, 0x13000, 1), fake_byte(0x13000));
    assert_int_equal(*memory_at(&memory, 0x11010, 1), fake_byte(0x11010));
    assert_int_equal(fake.fetches, 2);
    memory_fini(&memory);
}

static void test_end_of_a_mapping_yields_the_readable_prefix_only(void **state)
{
    (void)state;
    struct fake fake = {.start = 0x10000, .nbytes = 0x1800};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    assert_non_null(memory_at(&memory, 0x117F8, 8));
    assert_null(memory_at(&memory, 0x117F8, 9));
    assert_null(memory_at(&memory, 0x11800, 1));
    assert_null(memory_at(&memory, 0xFFFF, 2));
    memory_fini(&memory);
}

static void test_thousands_of_windows_stay_fast_and_right(void **state)
{
    (void)state;
    enum { PAGES = 30000 };
    struct fake fake = {.start = 0x100000000, .nbytes = (uint64_t)PAGES * 4096};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < PAGES; i++) {
            mx_addr addr = fake.start + (uint64_t)(i * 7919u % PAGES) * 4096 + i % 4096;
            assert_int_equal(*memory_at(&memory, addr, 1), fake_byte(addr));
        }
    assert_int_equal(fake.fetches, PAGES);
    memory_fini(&memory);
}

static void test_windows_beyond_their_limit_are_a_miss(void **state)
{
    (void)state;
    struct fake fake = {.start = 0, .nbytes = UINT64_MAX};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    assert_null(memory_at(&memory, 0x1000, ((uint64_t)256 << 20) + 1));
    assert_null(memory_at(&memory, 0x1000, UINT64_MAX));
    assert_null(memory_at(&memory, 0x1000, UINT64_MAX - 0x1000));
    assert_null(memory_at(&memory, 0x1000, UINT64_MAX - 0x1FFF));
    assert_int_equal(fake.fetches, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(memory_at(&memory, (uint64_t)i << 26, 1 << 26));
    assert_null(memory_at(&memory, (uint64_t)4 << 26, 1));
    memory_forget(&memory);
    assert_non_null(memory_at(&memory, (uint64_t)4 << 26, 1));
    memory_fini(&memory);
}

static void test_segment_hides_what_fetch_would_say(void **state)
{
    (void)state;
    struct fake fake = {.start = 0x10000, .nbytes = 0x3000};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    assert_int_equal(*memory_at(&memory, 0x11005, 1), fake_byte(0x11005));
    memory_add(&memory, 0x11000, "\xAA\xAA\xAA\xAA\xAA\xAA\xAA\xAA", 8, NULL);
    assert_int_equal(*memory_at(&memory, 0x11005, 1), 0xAA);
    const uint8_t *bytes = memory_at(&memory, 0x10FFF, 10);
    assert_int_equal(bytes[0], fake_byte(0x10FFF));
    assert_int_equal(bytes[1], 0xAA);
    assert_int_equal(bytes[9], fake_byte(0x11008));
    memory_fini(&memory);
}

static void test_no_bytes_can_be_read_anywhere(void **state)
{
    (void)state;
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    assert_non_null(memory_at(&memory, 0, 0));
    assert_non_null(memory_at(&memory, UINT64_MAX, 0));
    memory_fini(&memory);
}

static void test_string_ends_at_nul_at_size_or_at_the_end_of_memory(void **state)
{
    (void)state;
    char buffer[8];
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    memory_add(&memory, 0x1FFE, "hello world", 12, NULL);
    memory_add(&memory, 0x3000, "abc", 3, NULL);
    assert_true(memory_string(&memory, 0x1FFE, buffer, sizeof buffer));
    assert_string_equal(buffer, "hello w");
    assert_true(memory_string(&memory, 0x1FFE + 6, buffer, sizeof buffer));
    assert_string_equal(buffer, "world");
    assert_true(memory_string(&memory, 0x3000, buffer, sizeof buffer));
    assert_string_equal(buffer, "abc");
    assert_true(memory_string(&memory, 0x1FFE + 11, buffer, sizeof buffer));
    assert_string_equal(buffer, "");
    assert_true(memory_string(&memory, 0x1FFE, buffer, 1));
    assert_string_equal(buffer, "");
    assert_false(memory_string(&memory, 0x3003, buffer, sizeof buffer));
    assert_false(memory_string(&memory, UINT64_MAX, buffer, sizeof buffer));
    assert_false(memory_string(&memory, 0x1FFE, buffer, 0));
    memory_fini(&memory);
}

static void test_random_reads_agree_with_the_target(void **state)
{
    (void)state;
    struct fake fake = {.start = 0x7000, .nbytes = 0x23456};
    struct memory memory;
    memory_init(&memory, fake_fetch, &fake);
    uint32_t seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        mx_addr addr = 0x6000 + (seed >> 8) % 0x26000;
        uint64_t nbytes = 1 + (seed >> 4) % ((seed & 7) == 0 ? 20000 : 64);
        if (i % 100 == 0)
            memory_forget(&memory);
        bool readable = addr >= fake.start && addr + nbytes <= fake.start + fake.nbytes;
        const uint8_t *bytes = memory_at(&memory, addr, nbytes);
        assert_int_equal(bytes != NULL, readable);
        for (uint64_t k = 0; bytes && k < nbytes; k++)
            assert_int_equal(bytes[k], fake_byte(addr + k));
    }
    memory_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_yields_its_bytes_and_nothing_beyond),
        cmocka_unit_test(test_many_segments_added_in_any_order_are_all_found),
        cmocka_unit_test(test_overlapping_or_wrapping_segments_are_refused),
        cmocka_unit_test(test_range_over_two_adjacent_segments_is_put_together),
        cmocka_unit_test(test_window_is_fetched_once_and_again_after_forget),
        cmocka_unit_test(test_window_over_several_pages_is_contiguous),
        cmocka_unit_test(test_end_of_a_mapping_yields_the_readable_prefix_only),
        cmocka_unit_test(test_thousands_of_windows_stay_fast_and_right),
        cmocka_unit_test(test_windows_beyond_their_limit_are_a_miss),
        cmocka_unit_test(test_segment_hides_what_fetch_would_say),
        cmocka_unit_test(test_no_bytes_can_be_read_anywhere),
        cmocka_unit_test(test_string_ends_at_nul_at_size_or_at_the_end_of_memory),
        cmocka_unit_test(test_random_reads_agree_with_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
