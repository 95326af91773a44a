// test_free_threaded.c - counts in several places, and queues that hold references or free later.
#include "fake_process.h"

#include <stdlib.h>

#include "decode/counts.h"
#include "heap/blocks.h"
#include "heap/mimalloc.h"

#define DEFERRED (INT64_MAX / 8) // _Py_REF_DEFERRED

static struct fake_process process;
static struct fake *const f = &process.fake;

static void put_counts(mx_addr addr, uint32_t local, int64_t shared, uint8_t bits)
{
    fake_field32(f, addr, f->l->object_ref_local, local);
    fake_field(f, addr, f->l->object_ref_shared, (uint64_t)shared);
    fake_field8(f, addr, f->l->object_gc_bits, bits);
}

static int64_t count_of(mx_addr addr)
{
    struct header header;
    assert_true(object_header(&f->decoder, addr, &header));
    assert_false(header.immortal);
    return header.refcount;
}

#define FOR_EACH_FREE_THREADED                                                                     \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (bool once_ = layout_at(i_)->free_threaded &&                                          \
                          (fake_process_init(&process, layout_at(i_)), true);                      \
             once_; fake_process_fini(&process), once_ = false)

static void test_local_and_shared_counts_add_up(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        struct header header;
        mx_addr list = process.list;
        put_counts(list, 3, 4 << 2 | 1, GC_BIT_TRACKED); // the low bits say who may merge
        assert_int_equal(count_of(list), 7);
        put_counts(list, 3, -2 * 4 | 2, GC_BIT_TRACKED); // given up by another thread
        assert_int_equal(count_of(list), 1);
        put_counts(list, 0, 5 << 2 | 3, GC_BIT_TRACKED); // merged
        assert_int_equal(count_of(list), 5);
        put_counts(list, 0, 3, 0);
        assert_false(object_header(&f->decoder, list, &header));
        put_counts(list, 2, -3 * 4, 0);
        assert_false(object_header(&f->decoder, list, &header));
        put_counts(list, 1, INT64_MAX, 0); // no process has so many
        assert_false(object_header(&f->decoder, list, &header));
        put_counts(list, UINT32_MAX, 0, GC_BIT_DEFERRED);
        assert_true(object_header(&f->decoder, list, &header) && header.immortal);
    }
}

static void test_the_mark_of_a_deferred_object_is_no_reference(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        bool first = f->l->refcount_shape == REFCOUNT_BIASED_313;
        mx_addr list = process.list;
        int64_t mark = first ? 2 : DEFERRED * 4; // _Py_REF_QUEUED and a local one; an eighth of all
        put_counts(list, first ? 4 : 3, mark, GC_BIT_TRACKED | GC_BIT_DEFERRED);
        assert_int_equal(count_of(list), 3);
        // held by stacks alone, which do not count
        put_counts(list, first ? 1 : 0, mark, GC_BIT_TRACKED | GC_BIT_DEFERRED);
        assert_int_equal(count_of(list), 0);
    }
}

static void test_counts_that_threads_keep_are_added(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        const struct layout *l = f->l;
        if (l->refcount_shape == REFCOUNT_BIASED_313)
            continue;
        mx_addr table = fake_alloc(f, 4 * 8), values = fake_alloc(f, 4 * 8);
        fake_word(f, table, table + 8); // a free number
        fake_word(f, table + 16, process.app_dict);
        fake_field(f, process.interp, l->interp_unique_ids, table);
        fake_field(f, process.interp, l->interp_unique_id_count, 4);
        fake_word(f, values + 16, 6);
        fake_field(f, process.thread, l->tstate_refcounts, values);
        fake_field(f, process.thread, l->tstate_refcount_count, 4);
        put_counts(process.app_dict, 1, DEFERRED * 4, GC_BIT_TRACKED | GC_BIT_DEFERRED);
        struct mx_heap *heap = fake_process_heap(&process, &f->memory);
        assert_int_equal(heap_build(heap, NULL), MX_OK);
        uint32_t index;
        struct mx_object object;
        assert_true(mx_heap_find(heap, process.app_dict, &index));
        mx_heap_facts(heap, index, &object, NULL);
        assert_int_equal(object.refcount, 7);
        mx_heap_free(heap);
        // absurd sizes are left out, and take no time
        fake_field(f, process.interp, l->interp_unique_id_count, UINT64_MAX);
        fake_field(f, process.thread, l->tstate_refcount_count, UINT64_MAX);
        heap = fake_process_heap(&process, &f->memory);
        assert_int_equal(heap_build(heap, NULL), MX_OK);
        mx_heap_facts(heap, index, &object, NULL);
        assert_int_equal(object.refcount, 1);
        mx_heap_free(heap);
    }
}

static uint32_t found_count(struct mx_heap **ret)
{
    *ret = fake_process_heap(&process, &f->memory);
    assert_int_equal(heap_build(*ret, NULL), MX_OK);
    uint32_t index;
    assert_true(mx_heap_find(*ret, process.list, &index));
    return (*ret)->found[index];
}

static void test_a_queue_for_merging_owns_what_is_in_it(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        const struct layout *l = f->l;
        struct mx_heap *heap;
        uint32_t before = found_count(&heap);
        mx_heap_free(heap);
        mx_addr chunk = fake_alloc(f, 4096);
        fake_field(f, chunk, l->object_chunk_count, 1);
        fake_field(f, chunk, l->object_chunk_objects, process.list);
        fake_field(f, process.thread, l->tstate_to_merge, chunk);
        assert_int_equal(found_count(&heap), before + 1);
        mx_heap_free(heap);
        fake_field(f, chunk, l->object_chunk_previous, chunk); // a ring
        assert_true(found_count(&heap) > before);
        assert_true(heap->summary.references < 2 * heap->decoder.work_limit);
        mx_heap_free(heap);
    }
}

static void test_what_waits_to_be_freed_is_free_or_still_owned(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        struct mx_heap *heap;
        uint32_t before = found_count(&heap);
        mx_heap_free(heap);
        mx_addr queue = process.thread + (uint64_t)f->l->tstate_free_queue;
        mx_addr chunk = fake_alloc(f, 4096), dead = fake_bytes(f, "dead", 4);
        fake_word(f, queue, chunk);
        fake_word(f, chunk, queue);
        fake_word(f, chunk + 16, 1); // the first has been dealt with
        fake_word(f, chunk + 24, 3);
        fake_word(f, chunk + 32, process.name);
        fake_word(f, chunk + 32 + 16, dead);
        fake_word(f, chunk + 32 + 32, process.list | 1);
        bool owns = f->l->refcount_shape == REFCOUNT_BIASED;
        assert_int_equal(found_count(&heap), before + owns);
        assert_false(allocator_confirms(&heap->allocator, dead, 16));
        assert_true(allocator_confirms(&heap->allocator, process.name, 16));
        mx_heap_free(heap);
        fake_word(f, chunk, chunk); // never comes back to the queue
        fake_word(f, chunk + 24, UINT64_MAX);
        found_count(&heap);
        mx_heap_free(heap);
    }
}

static void test_only_a_reference_that_counts_is_owned_by_the_c_stack(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        const struct layout *l = f->l;
        struct mx_heap *heap;
        if (l->tstate_c_stack_refs == ABSENT)
            continue;
        uint32_t before = found_count(&heap);
        mx_heap_free(heap);
        mx_addr counted = fake_alloc(f, 16), deferred = fake_alloc(f, 16);
        fake_field(f, process.thread, l->tstate_c_stack_refs, counted);
        fake_field(f, counted, l->c_stack_ref_ref, process.list);
        fake_field(f, counted, l->c_stack_ref_next, deferred);
        fake_field(f, deferred, l->c_stack_ref_ref, process.list | 1);
        assert_int_equal(found_count(&heap), before + 1);
        mx_heap_free(heap);
    }
}

static bool is_unreached(const struct blocks *blocks, mx_addr addr)
{
    for (size_t i = 0; i < blocks->unreached.count; i++)
        if (blocks->unreached.items[i].addr == addr)
            return true;
    return false;
}

static void test_what_looks_like_an_object_in_a_heap_for_other_memory_is_not_unreached(void **state)
{
    (void)state;
    FOR_EACH_FREE_THREADED
    {
        static const char text[420]; // fills the block that it is given
        uint64_t nbytes = (uint64_t)f->l->bytes_data + sizeof text + 1;
        mx_addr lost = fake_bytes(f, text, sizeof text);
        mx_addr memory = fake_block(f, MIMALLOC_MEM, nbytes);
        memcpy(fake_at(f, memory, nbytes), fake_at(f, lost, nbytes), nbytes);
        struct mx_heap *heap = fake_process_heap(&process, &f->memory);
        const struct blocks *blocks;
        assert_int_equal(heap_build(heap, NULL), MX_OK);
        assert_int_equal(heap_blocks(heap, &blocks, NULL), MX_OK);
        assert_true(is_unreached(blocks, lost));
        assert_false(is_unreached(blocks, memory));
        mx_heap_free(heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_and_shared_counts_add_up),
        cmocka_unit_test(test_the_mark_of_a_deferred_object_is_no_reference),
        cmocka_unit_test(test_counts_that_threads_keep_are_added),
        cmocka_unit_test(test_a_queue_for_merging_owns_what_is_in_it),
        cmocka_unit_test(test_what_waits_to_be_freed_is_free_or_still_owned),
        cmocka_unit_test(test_only_a_reference_that_counts_is_owned_by_the_c_stack),
        cmocka_unit_test(
            test_what_looks_like_an_object_in_a_heap_for_other_memory_is_not_unreached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
