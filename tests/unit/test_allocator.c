// test_allocator.c - pools of pymalloc and chunks of malloc in fake memory: used, free, inside.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/allocator.h"

#define START 0x7f0000000000ull
#define NBYTES 65536

// Objects/obmalloc.c, struct pool_header
enum { COUNT = 0, FREEBLOCK = 8, SZIDX = 36, NEXTOFFSET = 40, MAXNEXTOFFSET = 44, HEADER = 48 };

static uint8_t bytes[NBYTES];
static struct memory memory;
static struct allocator allocator;
static const uint32_t POOLS[] = {4096, 16384}; // to 3.9, from 3.10 on

static void put32(uint64_t offset, uint32_t value)
{
    memcpy(bytes + offset, &value, sizeof value);
}

static void put64(uint64_t offset, uint64_t value)
{
    memcpy(bytes + offset, &value, sizeof value);
}

static void setup(uint32_t pool_nbytes)
{
    memset(bytes, 0, sizeof bytes);
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, START, bytes, NBYTES, NULL), MX_OK);
    struct layout layout = {.pool_nbytes = pool_nbytes};
    assert_int_equal(allocator_init(&allocator, &memory, &layout, NULL), MX_OK);
}

static void teardown(void)
{
    allocator_fini(&allocator);
    memory_fini(&memory);
}

#define BLOCK 64
#define CARVED 10

// The second pool, of blocks of 64 bytes: ten handed out, of which 2 and 5 are free again.
static mx_addr make_pool(uint32_t pool_nbytes)
{
    setup(pool_nbytes);
    put32(pool_nbytes + COUNT, CARVED - 2);
    put32(pool_nbytes + SZIDX, BLOCK / 16 - 1);
    put32(pool_nbytes + NEXTOFFSET, HEADER + CARVED * BLOCK);
    put32(pool_nbytes + MAXNEXTOFFSET, pool_nbytes - BLOCK);
    put64(pool_nbytes + FREEBLOCK, START + pool_nbytes + HEADER + 5 * BLOCK);
    put64(pool_nbytes + HEADER + 5 * BLOCK, START + pool_nbytes + HEADER + 2 * BLOCK);
    return START + pool_nbytes + HEADER;
}

static void test_blocks_of_a_pool_are_used_free_or_not_handed_out_yet(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mx_addr first = make_pool(POOLS[i]);
        for (uint64_t block = 0; block < CARVED + 3; block++) {
            bool is_free = block == 2 || block == 5 || block >= CARVED;
            assert_int_equal(pymalloc_state(&allocator, first + block * BLOCK),
                             is_free ? BLOCK_FREE : BLOCK_USED);
        }
        assert_int_equal(pymalloc_state(&allocator, first + 16), BLOCK_INSIDE);
        assert_int_equal(pymalloc_state(&allocator, first - 16), BLOCK_INSIDE);
        assert_int_equal(pymalloc_state(&allocator, START), BLOCK_UNKNOWN);
        assert_int_equal(pymalloc_state(&allocator, START + NBYTES), BLOCK_UNKNOWN);
        assert_int_equal(pymalloc_state(&allocator, 0), BLOCK_UNKNOWN);
        assert_int_equal(pymalloc_state(&allocator, UINT64_MAX), BLOCK_UNKNOWN);
        teardown();
    }
}

static void test_a_block_behind_debug_hooks_is_known_by_its_head(void **state)
{
    (void)state;
    mx_addr first = make_pool(4096);
    uint64_t offset = first - START + 3 * BLOCK;
    assert_int_equal(pymalloc_state(&allocator, first + 3 * BLOCK + 16), BLOCK_INSIDE);
    bytes[offset + 8] = 'o';
    memset(bytes + offset + 9, 0xFD, 7);
    assert_int_equal(pymalloc_state(&allocator, first + 3 * BLOCK + 16), BLOCK_USED);
    memcpy(bytes + offset + 2 * BLOCK, bytes + offset, 16); // the head of a block freed since
    memcpy(bytes + offset + 2 * BLOCK + 8, bytes + offset + 8, 8);
    teardown();
}

static void test_a_pool_whose_chain_leaves_it_is_none(void **state)
{
    (void)state;
    static const int64_t BAD[] = {-8, -1, 8, 4096, 47, INT64_MIN, HEADER + 8};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        mx_addr first = make_pool(4096);
        put64(4096 + FREEBLOCK, START + 4096 + (uint64_t)BAD[i]);
        assert_int_equal(pymalloc_state(&allocator, first), BLOCK_UNKNOWN);
        teardown();
    }
}

static void test_a_chain_that_bites_its_tail_ends(void **state)
{
    (void)state;
    mx_addr first = make_pool(4096);
    put64(4096 + HEADER + 2 * BLOCK, first + 5 * BLOCK);
    assert_int_equal(pymalloc_state(&allocator, first), BLOCK_USED);
    assert_int_equal(pymalloc_state(&allocator, first + 5 * BLOCK), BLOCK_FREE);
    teardown();
}

static void test_headers_that_contradict_themselves_are_no_pool(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, value;
    } BAD[] = {{SZIDX, 32},
               {SZIDX, UINT32_MAX},
               {COUNT, 64},
               {NEXTOFFSET, 47},
               {NEXTOFFSET, HEADER + 1},
               {NEXTOFFSET, UINT32_MAX},
               {MAXNEXTOFFSET, 4096},
               {COUNT + 4, 1}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        mx_addr first = make_pool(4096);
        put32(4096 + BAD[i].offset, BAD[i].value);
        assert_int_equal(pymalloc_state(&allocator, first), BLOCK_UNKNOWN);
        teardown();
    }
}

static void test_chunks_of_malloc_are_used_when_the_next_one_says_so(void **state)
{
    (void)state;
    setup(4096);
    put64(1024 - 8, 656 | 1);
    put64(1024 - 8 + 656, 64 | 1); // PREV_INUSE
    assert_int_equal(malloc_state(&allocator, START + 1024, 600), BLOCK_USED);
    assert_int_equal(malloc_state(&allocator, START + 1024, 648), BLOCK_USED);
    assert_int_equal(malloc_state(&allocator, START + 1024, 649), BLOCK_UNKNOWN);
    assert_int_equal(malloc_state(&allocator, START + 1032, 600), BLOCK_UNKNOWN);
    put64(1024 - 8 + 656, 64);
    assert_int_equal(malloc_state(&allocator, START + 1024, 600), BLOCK_FREE);
    put64(1024 - 8, 1ull << 60 | 1); // longer than any memory
    assert_int_equal(malloc_state(&allocator, START + 1024, 600), BLOCK_UNKNOWN);
    put64(1024 - 8, UINT64_MAX);
    assert_int_equal(malloc_state(&allocator, START + 1024, 600), BLOCK_UNKNOWN);
    put64(4096 + 8, 8192 | 2); // mmapped: the chunk begins a page
    assert_int_equal(malloc_state(&allocator, START + 4096 + 16, 600), BLOCK_USED);
    assert_int_equal(malloc_state(&allocator, 0, 600), BLOCK_UNKNOWN);
    assert_int_equal(malloc_state(&allocator, START, UINT64_MAX), BLOCK_UNKNOWN);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_a_pool_are_used_free_or_not_handed_out_yet),
        cmocka_unit_test(test_a_block_behind_debug_hooks_is_known_by_its_head),
        cmocka_unit_test(test_a_pool_whose_chain_leaves_it_is_none),
        cmocka_unit_test(test_a_chain_that_bites_its_tail_ends),
        cmocka_unit_test(test_headers_that_contradict_themselves_are_no_pool),
        cmocka_unit_test(test_chunks_of_malloc_are_used_when_the_next_one_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
