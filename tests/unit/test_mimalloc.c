// test_mimalloc.c - segments and pages of both mimallocs in fake memory: used, free, and nonsense.
#include "fake.h"

#include <stdlib.h>

#include "heap/mimalloc.h"

#define SLICES 16
#define BLOCK 96
#define CARVED 20
#define FIRST 2 // the page's first slice
#define TAG 2

static struct fake fake;
static struct fake *const f = &fake;
static struct layout layout; // a copy, so that a test may change it
static struct mimalloc *mimalloc;
static mx_addr page, start;

static mx_addr block(uint64_t number)
{
    return start + number * BLOCK;
}

// Free blocks `numbers`, linked in this order from the member of the page.
static void put_list(int32_t member, uint64_t mark, const uint64_t *numbers, size_t count)
{
    fake_field(f, page, member, count ? block(numbers[0]) | mark : mark);
    for (size_t i = 0; i < count; i++)
        fake_word(f, block(numbers[i]), i + 1 < count ? block(numbers[i + 1]) : 0);
}

// A page of 20 blocks: 1 and 2 on the free list, 4 on the local one, 6 and 7 freed by other threads,
// 9 on the list of its heap.
static void setup(const struct layout *table)
{
    layout = *table;
    fake = (struct fake){.l = &layout};
    fake.bytes = calloc(1, FAKE_NBYTES);
    assert_non_null(fake.bytes);
    memory_init(&fake.memory, NULL, NULL);
    memory_add(&fake.memory, FAKE_START, fake.bytes, FAKE_NBYTES, NULL);
    fake_segment(f, FAKE_START, SLICES);
    fake_page_write(f, FAKE_START, 1, 1, 0, 0); // not in use
    fake_page_write(f, FAKE_START, FIRST, 3, BLOCK, TAG);
    fake_page_write(f, FAKE_START, FIRST + 3, SLICES - FIRST - 3, 0, 0);
    page = fake_page(f, FAKE_START, FIRST);
    start = fake_page_start(f, page);
    fake_page_capacity(f, page, CARVED);
    put_list(layout.mi_page_free, 0, (uint64_t[]){2, 1}, 2);
    put_list(layout.mi_page_local_free, 0, (uint64_t[]){4}, 1);
    put_list(layout.mi_page_thread_free, 2, (uint64_t[]){6, 7}, 2);
    mx_addr heap = FAKE_START + 15 * 65536;
    fake_field(f, page, layout.mi_page_heap, heap);
    fake_field(f, heap, layout.mi_heap_delayed, block(9));
    assert_int_equal(mimalloc_new(&fake.memory, &layout, &mimalloc, NULL), MX_OK);
}

static void teardown(void)
{
    mimalloc_free(mimalloc);
    memory_fini(&fake.memory);
    free(fake.bytes);
}

#define FOR_EACH_MIMALLOC                                                                          \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (bool once_ =                                                                          \
                 layout_at(i_)->mimalloc_shape != MIMALLOC_NONE && (setup(layout_at(i_)), true);   \
             once_; teardown(), once_ = false)

static int state_of(mx_addr addr)
{
    int tag = 0;
    return (int)mimalloc_state(mimalloc, addr, &tag);
}

static bool is_free(uint64_t number)
{
    return number == 1 || number == 2 || number == 4 || number == 6 || number == 7 || number == 9 ||
           number >= CARVED;
}

static void test_blocks_of_a_page_are_used_free_or_not_carved_yet(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        for (uint64_t number = 0; number < CARVED + 3; number++)
            assert_int_equal(state_of(block(number)), is_free(number) ? BLOCK_FREE : BLOCK_USED);
        assert_int_equal(state_of(block(0) + 16), BLOCK_INSIDE);
        assert_int_equal(state_of(block(0) - 8), BLOCK_INSIDE);
        assert_int_equal(state_of(FAKE_START), BLOCK_UNKNOWN);             // the header
        assert_int_equal(state_of(FAKE_START + 65536), BLOCK_UNKNOWN);     // not in use
        assert_int_equal(state_of(FAKE_START + 8 * 65536), BLOCK_UNKNOWN); // neither
        assert_int_equal(state_of(FAKE_START + (64ull << 20)), BLOCK_UNKNOWN);
        assert_int_equal(state_of(0), BLOCK_UNKNOWN);
        assert_int_equal(state_of(UINT64_MAX), BLOCK_UNKNOWN);
    }
}

static void test_a_tag_tells_the_heap_in_free_threaded_builds(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        int tag = -1;
        bool has_tag = layout.free_threaded || layout.mimalloc_shape == MIMALLOC_START_STORED;
        mimalloc_state(mimalloc, block(0), &tag);
        assert_int_equal(tag, has_tag ? TAG : 0);
    }
}

struct seen {
    uint64_t count;
    mx_addr last;
};

static void see(void *data, mx_addr addr, uint64_t nbytes, int tag)
{
    struct seen *seen = data;
    (void)tag;
    assert_true(addr > seen->last);
    assert_int_equal(nbytes, BLOCK);
    assert_false(is_free((addr - start) / BLOCK));
    seen->last = addr;
    seen->count++;
}

static uint64_t count_used(void)
{
    struct seen seen = {0, 0};
    mimalloc_each_used(mimalloc, FAKE_START, FAKE_START + FAKE_NBYTES, see, &seen);
    return seen.count;
}

static void test_every_block_in_use_is_told_once_in_order(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        assert_int_equal(count_used(), CARVED - 6);
        struct seen seen = {0, 0}; // segments count where they begin
        mimalloc_each_used(mimalloc, FAKE_START + 8, FAKE_START + FAKE_NBYTES, see, &seen);
        assert_int_equal(seen.count, 0);
    }
}

static void test_a_block_that_is_freed_soon_counts_as_free(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        mimalloc_set_free(mimalloc, block(3));
        assert_int_equal(state_of(block(3)), BLOCK_FREE);
        assert_int_equal(state_of(block(5)), BLOCK_USED);
    }
}

static void test_lists_that_bite_their_tail_end(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        fake_word(f, block(1), block(2));
        fake_word(f, block(9), block(9)); // the heap's
        assert_int_equal(state_of(block(0)), BLOCK_USED);
        assert_int_equal(state_of(block(2)), BLOCK_FREE);
        assert_int_equal(count_used(), CARVED - 6);
    }
}

static void test_a_page_whose_list_leaves_it_is_none(void **state)
{
    (void)state;
    static const int64_t BAD[] = {8, -BLOCK, CARVED * BLOCK, BLOCK / 2, INT64_MIN, 1ll << 30};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        FOR_EACH_MIMALLOC
        {
            fake_word(f, block(2), start + (uint64_t)BAD[i]);
            assert_int_equal(state_of(block(0)), BLOCK_UNKNOWN);
            assert_int_equal(count_used(), 0);
        }
}

static void test_pages_with_absurd_numbers_are_none(void **state)
{
    (void)state;
    static const uint32_t BLOCKS[] = {0, 4, 100, 1u << 31, UINT32_MAX, 3 * 65536};
    for (size_t i = 0; i < sizeof BLOCKS / sizeof BLOCKS[0]; i++)
        FOR_EACH_MIMALLOC
        {
            fake_field32(f, page, layout.mi_page_block_size, BLOCKS[i]);
            assert_int_equal(state_of(block(0)), BLOCK_UNKNOWN);
            assert_int_equal(count_used(), 0);
        }
    FOR_EACH_MIMALLOC
    {
        fake_page_capacity(f, page, UINT16_MAX);
        assert_int_equal(count_used(), 0);
        fake_page_capacity(f, page, 0);
        assert_int_equal(count_used(), 0);
        fake_page_capacity(f, page, 3 * 65536 / BLOCK + 1); // more than the slices hold
        assert_int_equal(count_used(), 0);
        fake_page_capacity(f, page, CARVED);
        fake_field(f, page, layout.mi_page_start, FAKE_START);
        assert_int_equal(count_used(), layout.mi_page_start == ABSENT ? CARVED - 6 : 0);
    }
}

static void test_slices_that_lead_nowhere_end_the_segment(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        mx_addr second = fake_page(f, FAKE_START, FIRST + 1);
        assert_int_equal(state_of(start + 65536 / BLOCK * BLOCK + BLOCK), BLOCK_FREE);
        fake_field32(f, second, layout.mi_page_slice_offset, UINT32_MAX);
        assert_int_equal(state_of(start + 65536 / BLOCK * BLOCK + BLOCK), BLOCK_UNKNOWN);
        fake_field32(f, second, layout.mi_page_slice_offset, 8);
        assert_int_equal(state_of(start + 65536 / BLOCK * BLOCK + BLOCK), BLOCK_UNKNOWN);
        fake_field32(f, fake_page(f, FAKE_START, 1), layout.mi_page_slice_count, 0);
        assert_int_equal(count_used(), 0);
        fake_field32(f, fake_page(f, FAKE_START, 1), layout.mi_page_slice_count, UINT32_MAX);
        assert_int_equal(count_used(), 0);
    }
}

static void test_segments_that_contradict_themselves_are_none(void **state)
{
    (void)state;
    static const struct {
        size_t field; // in struct layout
        uint64_t value;
    } BAD[] = {{offsetof(struct layout, mi_segment_slice_entries), 0},
               {offsetof(struct layout, mi_segment_slice_entries), 513},
               {offsetof(struct layout, mi_segment_slice_entries), UINT64_MAX},
               {offsetof(struct layout, mi_segment_slice_count), 3},
               {offsetof(struct layout, mi_segment_slice_count), UINT64_MAX},
               {offsetof(struct layout, mi_segment_info_slices), 0},
               {offsetof(struct layout, mi_segment_info_slices), SLICES},
               {offsetof(struct layout, mi_segment_kind), 2}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        FOR_EACH_MIMALLOC
        {
            int32_t offset;
            memcpy(&offset, (const char *)&layout + BAD[i].field, sizeof offset);
            fake_field(f, FAKE_START, offset, BAD[i].value);
            assert_int_equal(state_of(block(0)), BLOCK_UNKNOWN);
            assert_int_equal(count_used(), 0);
        }
}

static void see_huge(void *data, mx_addr addr, uint64_t nbytes, int tag)
{
    (void)tag;
    assert_int_equal(addr, FAKE_START + 65536);
    *(uint64_t *)data += nbytes;
}

static void test_a_huge_segment_has_one_block(void **state)
{
    (void)state;
    FOR_EACH_MIMALLOC
    {
        uint64_t slices = 40000, seen = 0; // 2.4 GiB, most of which cannot be read
        fake_field32(f, FAKE_START, layout.mi_segment_kind, 1);
        fake_field(f, FAKE_START, layout.mi_segment_slice_count, slices);
        fake_page_write(f, FAKE_START, 1, 1, 0, 0);
        mx_addr huge = fake_page(f, FAKE_START, 1);
        bool computed = layout.mimalloc_shape == MIMALLOC_START_COMPUTED;
        fake_field32(f, huge, layout.mi_page_slice_count, (uint32_t)slices - 1);
        if (computed)
            fake_field32(f, huge, layout.mi_page_block_size, 1u << 31);
        else
            fake_field(f, huge, layout.mi_page_block_size, (slices - 1) << 16);
        fake_field(f, huge, layout.mi_page_start, FAKE_START + 65536);
        fake_page_capacity(f, huge, 1);
        mimalloc_each_used(mimalloc, FAKE_START, FAKE_START + FAKE_NBYTES, see_huge, &seen);
        assert_int_equal(seen, (slices - 1) << 16);
        assert_int_equal(state_of(FAKE_START + 65536), BLOCK_USED);
    }
}

static uint64_t encode(mx_addr next, mx_addr owner, const uint64_t keys[2])
{
    uint64_t x = (next ? next : owner) ^ keys[1], by = keys[0] & 63;
    return (x << by | x >> (64 - by)) + keys[0];
}

// include/mimalloc/internal.h, mi_ptr_encode: debug builds
static void test_encoded_lists_of_debug_builds_are_followed(void **state)
{
    static const uint64_t KEYS[] = {0x123456789ABCDEF1, 0xFEDCBA9876543210};
    (void)state;
    FOR_EACH_MIMALLOC
    {
        layout.mi_page_keys = layout.mi_page_size; // a page with room for them behind it
        layout.mi_page_size += 16;
        memset(fake.bytes, 0, 65536);
        fake_segment(f, FAKE_START, SLICES);
        fake_page_write(f, FAKE_START, 1, 1, 0, 0);
        fake_page_write(f, FAKE_START, FIRST, SLICES - FIRST, BLOCK, TAG);
        page = fake_page(f, FAKE_START, FIRST);
        start = fake_page_start(f, page);
        fake_page_capacity(f, page, CARVED);
        for (int i = 0; i < 2; i++)
            fake_field(f, page, layout.mi_page_keys + 8 * i, KEYS[i]);
        fake_field(f, page, layout.mi_page_free, block(2));
        fake_word(f, block(2), encode(block(5), page, KEYS));
        fake_word(f, block(5), encode(0, page, KEYS));
        assert_int_equal(state_of(block(2)), BLOCK_FREE);
        assert_int_equal(state_of(block(5)), BLOCK_FREE);
        assert_int_equal(state_of(block(0)), BLOCK_USED);
    }
}

static void test_the_heaps_of_a_thread_tell_which_mimalloc_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < layout_count(); i++) {
        if (!layout_at(i)->free_threaded)
            continue;
        setup(layout_at(i));
        mx_addr thread = FAKE_START + 10 * 65536;
        for (int tag = 0; tag < 4; tag++) {
            mx_addr heap = thread + (uint64_t)(layout.tstate_heaps + tag * layout.mi_heap_size);
            fake_field(f, heap, layout.mi_heap_tld, thread + (uint64_t)layout.tstate_tld);
            fake_field8(f, heap, layout.mi_heap_tag, (uint8_t)tag);
        }
        for (size_t k = 0; k < layout_count(); k++) {
            const struct layout *other = layout_at(k);
            bool same = other->tstate_heaps == layout.tstate_heaps &&
                        other->tstate_tld == layout.tstate_tld;
            if (other->free_threaded)
                assert_int_equal(mimalloc_fits(&fake.memory, other, thread), same);
        }
        teardown();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_a_page_are_used_free_or_not_carved_yet),
        cmocka_unit_test(test_a_tag_tells_the_heap_in_free_threaded_builds),
        cmocka_unit_test(test_every_block_in_use_is_told_once_in_order),
        cmocka_unit_test(test_a_block_that_is_freed_soon_counts_as_free),
        cmocka_unit_test(test_lists_that_bite_their_tail_end),
        cmocka_unit_test(test_a_page_whose_list_leaves_it_is_none),
        cmocka_unit_test(test_pages_with_absurd_numbers_are_none),
        cmocka_unit_test(test_slices_that_lead_nowhere_end_the_segment),
        cmocka_unit_test(test_segments_that_contradict_themselves_are_none),
        cmocka_unit_test(test_a_huge_segment_has_one_block),
        cmocka_unit_test(test_encoded_lists_of_debug_builds_are_followed),
        cmocka_unit_test(test_the_heaps_of_a_thread_tell_which_mimalloc_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
