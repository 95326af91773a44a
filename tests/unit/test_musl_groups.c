// test_musl_groups.c - groups of musl's malloc, made up by hand, hostile ones too. Those of a real
// process are in tests/integration/test_audit.py, where an interpreter on musl is found.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_malloc.h"

#define GROUP 0x2000 // where the first one is
#define CLASS 3      // four units a slot
#define SLOT 64
#define SLOTS 10
#define MANY 200

static uint64_t meta_of(uint32_t number)
{
    return 24 + 40ull * number;
}

static void group(uint32_t number, uint64_t offset, uint32_t slots, uint32_t size_class,
                  uint64_t pages, uint32_t avail, uint32_t freed)
{
    put(meta_of(number) + 16, START + offset);
    put(meta_of(number) + 24, avail | (uint64_t)freed << 32);
    put(meta_of(number) + 32, (slots - 1) | size_class << 6 | pages << 12);
    put(offset, START + meta_of(number));
}

// A block of `nbytes`, so many units into its slot; returns where it is.
static mx_addr block(uint64_t offset, uint64_t slot_nbytes, uint32_t number, uint32_t units,
                     uint32_t nbytes)
{
    uint64_t slot = offset + 16 + number * slot_nbytes, at = slot + 16ull * units;
    uint64_t end = slot + slot_nbytes - 4, reserved = end - at - nbytes;
    uint16_t inner = (uint16_t)units, from_first = (uint16_t)((at - offset - 16) / 16);
    if (units) {
        memcpy(bytes + slot - 2, &inner, 2);
        bytes[slot - 3] = 7 << 5;
        bytes[at - 4] = 0;
    }
    memcpy(bytes + at - 2, &from_first, 2);
    bytes[at - 3] = (uint8_t)(number | (reserved < 5 ? reserved : 5) << 5);
    if (reserved >= 5)
        memcpy(bytes + end - 4, &(uint32_t){(uint32_t)reserved}, 4);
    return START + at;
}

// Ten slots, of which 2 and 3 are free.
static void make_group(void)
{
    begin("");
    put(0, 0x5EC2E7);
    put(16, 4);
    group(0, GROUP, SLOTS, CLASS, 0, 1 << 2, 1 << 3);
    for (uint32_t i = 0; i < SLOTS; i++)
        block(GROUP, SLOT, i, 0, SLOT - 4);
}

struct found {
    size_t count;
    struct {
        mx_addr addr;
        uint64_t nbytes;
    } items[MANY];
};

static void find_block(void *data, mx_addr addr, uint64_t nbytes)
{
    struct found *found = data;
    assert_true(addr >= START && nbytes <= NBYTES && addr + nbytes <= START + NBYTES);
    assert_true(found->count < MANY);
    found->items[found->count].addr = addr;
    found->items[found->count++].nbytes = nbytes;
}

static struct found found_blocks(void)
{
    struct found found = {0};
    malloc_each_used(&walk, 0, UINT64_MAX, find_block, &found);
    return found;
}

static void assert_block(const struct found *found, size_t i, mx_addr addr, uint64_t nbytes)
{
    assert_true(i < found->count);
    assert_int_equal(found->items[i].addr, addr);
    assert_int_equal(found->items[i].nbytes, nbytes);
}

static void test_every_slot_but_the_free_ones_is_a_block_of_what_was_asked_for(void **state)
{
    (void)state;
    make_group();
    mx_addr small = block(GROUP, SLOT, 4, 0, 10), shifted = block(GROUP, SLOT, 5, 2, 20);
    walk_it();
    struct found found = found_blocks();
    assert_int_equal(found.count, SLOTS - 2);
    assert_block(&found, 0, START + GROUP + 16, SLOT - 4);
    assert_block(&found, 2, small, 10);
    assert_block(&found, 3, shifted, 20);
    assert_true(malloc_owns(&walk, START + GROUP));
    assert_true(malloc_owns(&walk, START + GROUP + 16 + SLOT * SLOTS - 1));
    assert_false(malloc_owns(&walk, START + GROUP - 1));
    assert_false(malloc_owns(&walk, START + GROUP + 16 + SLOT * SLOTS));
    end();
}

static void test_a_large_block_has_a_group_of_its_own(void **state)
{
    (void)state;
    make_group();
    group(1, 0x4000, 1, 63, 3, 0, 0);
    mx_addr large = block(0x4000, 3 * 4096 - 16, 0, 0, 12000);
    walk_it();
    struct found found = found_blocks();
    assert_int_equal(found.count, SLOTS - 2 + 1);
    assert_block(&found, SLOTS - 2, large, 12000);
    end();
}

static void test_a_block_that_is_a_group_is_its_blocks(void **state)
{
    (void)state;
    make_group();
    uint64_t slot = 16 * 25; // class 14
    group(1, 0x4000, 3, 14, 0, 0, 0);
    for (uint32_t i = 0; i < 3; i++)
        block(0x4000, slot, i, 0, 300);
    uint64_t inner = 0x4000 + 16 + slot; // in slot 1
    group(2, inner, 5, CLASS, 0, 0, 0);
    for (uint32_t i = 0; i < 5; i++)
        block(inner, SLOT, i, 0, 40);
    walk_it();
    assert_int_equal(walk.groups.count, 3);
    struct found found = found_blocks();
    assert_int_equal(found.count, SLOTS - 2 + 2 + 5);
    for (size_t i = 0; i < found.count; i++)
        assert_int_not_equal(found.items[i].addr, START + inner);
    assert_true(malloc_owns(&walk, START + 0x4000 + 16 + 2 * slot)); // behind the inner one
    end();
}

static void test_what_contradicts_itself_is_left_out(void **state)
{
    (void)state;
    const struct {
        uint64_t offset, word;
        size_t left; // blocks
    } LIES[] = {
        {GROUP, START + 8, 0},                             // the group names another meta
        {24 + 16, START + GROUP + 8, 0},                   // not aligned
        {24 + 16, UINT64_MAX - 15, 0},                     // nowhere
        {24 + 32, (SLOTS - 1) | 50 << 6, 0},               // a class that there is none of
        {24 + 32, 31 | 47 << 6, 0},                        // longer than its memory
        {24 + 32, 63 << 6 | UINT64_MAX << 12, 0},          // by far
        {0, 0, 0},                                         // an area without a secret
        {16, UINT32_MAX, 0},                               // with more slots than a page has
        {16, 0, 0},                                        // with none
        {24 + 24, UINT64_MAX, 0},                          // all free
        {GROUP + 16 + 4 * SLOT - 8, 6ull << 40, 7},        // slot 4 has the number of another
        {GROUP + 16 + 4 * SLOT - 8, 0xFFFFE4ull << 40, 7}, // begins behind its own end
    };
    for (size_t i = 0; i < sizeof LIES / sizeof *LIES; i++) {
        make_group();
        put(LIES[i].offset, LIES[i].word);
        walk_it();
        if (found_blocks().count != LIES[i].left)
            fail_msg("lie %zu: %zu blocks", i, found_blocks().count);
        end();
    }
}

static void test_groups_that_overlap_are_not_both_believed(void **state)
{
    (void)state;
    make_group();
    group(1, GROUP + 16 + SLOT + 16, SLOTS, CLASS, 0, 0, 0); // over the end of a slot
    for (uint32_t i = 0; i < SLOTS; i++)
        block(GROUP + 16 + SLOT + 16, SLOT, i, 0, SLOT - 4);
    walk_it();
    assert_int_equal(walk.groups.count, 1);
    end();
}

// Whatever stands there: no block outside of the memory (find_block), no crash.
static void test_noise(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 3000; i++) {
        make_group();
        group(1, 0x4000, 3, 14, 0, 0, 0);
        group(2, 0x4000 + 16 + 400, 5, CLASS, 0, 0, 0);
        for (unsigned k = 0; k < 12; k++) {
            const uint32_t at[] = {0, 24, GROUP, GROUP + 16, 0x4000, 0x4000 + 400};
            bytes[at[rand() % 6] + (unsigned)rand() % 160] = (uint8_t)rand(); // NOLINT
        }
        walk_it();
        found_blocks();
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_slot_but_the_free_ones_is_a_block_of_what_was_asked_for),
        cmocka_unit_test(test_a_large_block_has_a_group_of_its_own),
        cmocka_unit_test(test_a_block_that_is_a_group_is_its_blocks),
        cmocka_unit_test(test_what_contradicts_itself_is_left_out),
        cmocka_unit_test(test_groups_that_overlap_are_not_both_believed),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
