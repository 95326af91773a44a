// test_possible.c - words that may be references: blocks of C structs, C strings, NumPy's arrays.
#include "fake.h"

static struct fake fake;
static struct fake *const f = &fake;
static struct fake_edges edges;

#define BLOCKS 4
static struct {
    mx_addr addr;
    uint64_t nbytes;
} blocks[BLOCKS];
static size_t block_count;

static uint64_t block_nbytes(void *data, mx_addr addr)
{
    (void)data;
    for (size_t i = 0; i < block_count; i++)
        if (blocks[i].addr == addr)
            return blocks[i].nbytes;
    return 0;
}

static mx_addr make_block(const uint64_t *words, size_t count)
{
    mx_addr addr = fake_alloc(f, 8 * count);
    for (size_t i = 0; i < count; i++)
        fake_word(f, addr + 8 * i, words[i]);
    blocks[block_count].addr = addr;
    blocks[block_count++].nbytes = 8 * count;
    return addr;
}

// An object of a C type that nobody described, with one word behind its header.
static mx_addr make_foreign(uint64_t word)
{
    uint32_t head = (uint32_t)f->l->object_size;
    mx_addr type = fake_static_type(f, "foreign.Thing", head + 8, 0, 0);
    mx_addr object = fake_object(f, type, head + 8);
    fake_word(f, object + head, word);
    return object;
}

static void visit(mx_addr object)
{
    f->decoder.block_nbytes = block_nbytes;
    edges.claim = true;
    fake_visit(f, object, &edges);
}

static void test_a_block_of_a_block_tells_what_it_refers_to(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        block_count = 0;
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b");
        mx_addr inner = make_block((uint64_t[]){0, b}, 2);
        visit(make_foreign(make_block((uint64_t[]){a, inner, 7}, 3)));
        assert_int_equal(fake_edge(&edges, "its memory +0x0", a)->hold, HOLD_POSSIBLE);
        assert_int_equal(fake_edge(&edges, "its memory +0x8", b)->hold, HOLD_POSSIBLE);
        assert_int_equal(edges.count, 3); // and the type
    }
}

static void test_blocks_that_point_to_each_other_end(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        block_count = 0;
        mx_addr block = make_block((uint64_t[]){0, 0}, 2);
        fake_word(f, block, block); // claimed each time it is asked for
        fake_word(f, block + 8, block);
        visit(make_foreign(block));
        assert_int_equal(edges.count, 1);
    }
}

static void test_a_block_that_somebody_claimed_is_left_alone(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        block_count = 0;
        mx_addr a = fake_str(f, "a"), object = make_foreign(make_block(&a, 1));
        f->decoder.block_nbytes = block_nbytes;
        edges.claim = false;
        fake_visit(f, object, &edges);
        assert_int_equal(fake_count_to(&edges, a), 0);
    }
}

static void test_the_characters_of_a_str_stand_for_it(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        block_count = 0;
        mx_addr text = fake_str(f, "a docstring");
        visit(make_foreign(text + (uint64_t)f->l->ascii_size));
        assert_int_equal(fake_count_to(&edges, text), 1);
    }
}

// ---- NumPy ------------------------------------------------------------------------------------

enum { TYPE_OBJECT = 17, TYPE_VOID = 20, REFCOUNTED = 1, OWNS_DATA = 4 };

// Of NumPy 2: struct members behind the header.
static mx_addr make_dtype(int type_num, uint64_t elsize, mx_addr fields)
{
    uint64_t head = (uint64_t)f->l->object_size;
    mx_addr base = fake_static_type(f, "numpy.dtype", head + 72, 0, 0);
    mx_addr type = fake_static_type(f, "numpy.dtypes.SomeDType", head + 104, 0, 0);
    fake_field(f, type, f->l->type_base, base);
    mx_addr dtype = fake_object(f, type, head + 104);
    fake_field32(f, dtype, (int32_t)head + 12, (uint32_t)type_num);
    fake_word(f, dtype + head + 16, REFCOUNTED);
    fake_word(f, dtype + head + 24, elsize);
    fake_word(f, dtype + head + 80, fields);
    return dtype;
}

static mx_addr make_array(mx_addr dtype, mx_addr data, uint64_t count, uint32_t flags)
{
    uint64_t head = (uint64_t)f->l->object_size;
    mx_addr type = fake_static_type(f, "numpy.ndarray", head + 80, 0, 0);
    mx_addr array = fake_object(f, type, head + 80), shape = fake_alloc(f, 16);
    fake_word(f, shape, count);
    fake_word(f, array + head, data);
    fake_field32(f, array, (int32_t)head + 8, 1);
    fake_word(f, array + head + 16, shape);
    fake_word(f, array + head + 40, dtype);
    fake_field32(f, array, (int32_t)head + 48, flags);
    return array;
}

static void test_the_base_that_a_static_type_got_by_default_may_count(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        const struct layout *l = f->l;
        bool counts = l->static_type_shape == STATIC_TYPES_COUNT_DEFAULT_BASE;
        mx_addr object = fake_type(f, "object"), dict = fake_type(f, "dict");
        mx_addr type = fake_static_type(f, "foreign.Thing", 32, 0, 0);
        fake_field(f, type, l->type_base, object);
        fake_field(f, dict, l->type_base, object);
        fake_visit(f, type, &edges);
        enum hold hold = fake_edge(&edges, ".__base__", object)->hold;
        assert_int_equal(hold, counts ? HOLD_POSSIBLE : HOLD_BORROWED);
        fake_field(f, type, l->type_base, dict); // somebody has named it
        fake_visit(f, type, &edges);
        assert_int_equal(fake_edge(&edges, ".__base__", dict)->hold, HOLD_BORROWED);
    }
}

static void test_an_object_array_owns_its_items_and_a_view_does_not(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b"), data = fake_alloc(f, 16);
        fake_word(f, data, a);
        fake_word(f, data + 8, b);
        mx_addr dtype = make_dtype(TYPE_OBJECT, 8, 0);
        visit(make_array(dtype, data, 2, OWNS_DATA));
        assert_int_equal(fake_edge(&edges, "[0]", a)->hold, HOLD_OWNED);
        assert_int_equal(fake_edge(&edges, "[1]", b)->hold, HOLD_OWNED);
        assert_int_equal(fake_edge(&edges, ".dtype", dtype)->hold, HOLD_OWNED);
        visit(make_array(dtype, data, 2, 0));
        assert_int_equal(fake_count_to(&edges, a), 0);
        visit(make_array(dtype, data, 1ull << 40, OWNS_DATA)); // more than there is
        assert_false(edges.ok);
        assert_int_equal(fake_count_to(&edges, a), 0);
    }
}

static void test_a_record_owns_what_its_fields_refer_to(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b"), data = fake_alloc(f, 32);
        fake_word(f, data + 8, a);
        fake_word(f, data + 24, b);
        mx_addr object = make_dtype(TYPE_OBJECT, 8, 0);
        mx_addr field = fake_tuple(f, (mx_addr[]){object, fake_small_int(f, 8)}, 2);
        mx_addr fields = fake_dict(f, (mx_addr[]){fake_str(f, "held")}, &field, 1);
        visit(make_array(make_dtype(TYPE_VOID, 16, fields), data, 2, OWNS_DATA));
        fake_edge(&edges, "[0]", a);
        fake_edge(&edges, "[1]", b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_of_a_block_tells_what_it_refers_to),
        cmocka_unit_test(test_blocks_that_point_to_each_other_end),
        cmocka_unit_test(test_a_block_that_somebody_claimed_is_left_alone),
        cmocka_unit_test(test_the_characters_of_a_str_stand_for_it),
        cmocka_unit_test(test_the_base_that_a_static_type_got_by_default_may_count),
        cmocka_unit_test(test_an_object_array_owns_its_items_and_a_view_does_not),
        cmocka_unit_test(test_a_record_owns_what_its_fields_refer_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
