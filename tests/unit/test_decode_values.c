// test_decode_values.c - headers, numbers, strings and bytes of every CPython there is a table for.
#include "decode/counts.h"
#include "fake.h"

static struct fake fake;
static struct fake *const f = &fake;

// ---- headers ----------------------------------------------------------------------------------

static void test_header_tells_type_and_count(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct header header;
        mx_addr list = fake_list(f, NULL, 0);
        fake_refcount(f, list, 41);
        assert_true(object_header(&f->decoder, list, &header));
        assert_int_equal(header.refcount, 41);
        assert_false(header.immortal);
        assert_int_equal(f->decoder.types[header.type]->family, FAMILY_LIST);
        assert_string_equal(type_qualified_name(&f->decoder, header.type), "builtins.list");
    }
}

static void test_a_count_of_zero_or_less_is_no_object(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct header header;
        mx_addr list = fake_list(f, NULL, 0);
        fake_refcount(f, list, 0);
        assert_false(object_header(&f->decoder, list, &header));
        fake_refcount(f, list, -1); // free-threaded: immortal, the local count has 32 bits
        assert_int_equal(object_header(&f->decoder, list, &header), f->l->free_threaded);
        fake_refcount(f, list, INT64_MAX);
        assert_false(!f->l->free_threaded && object_header(&f->decoder, list, &header));
        fake_refcount(f, list, 1);
        assert_true(object_header(&f->decoder, list, &header));
        assert_false(object_header(&f->decoder, list + 4, &header));
        assert_false(object_header(&f->decoder, 0, &header));
        assert_false(object_header(&f->decoder, FAKE_START + FAKE_NBYTES - 8, &header));
        assert_false(object_header(&f->decoder, UINT64_MAX - 7, &header));
    }
}

static void
test_the_sign_bit_of_32_makes_an_object_immortal_where_the_version_has_that(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct header header;
        mx_addr none = fake_object(f, fake_type(f, "NoneType"), 32);
        fake_refcount(f, none, UINT32_MAX);
        assert_true(object_header(&f->decoder, none, &header));
        assert_int_equal(header.immortal, f->l->refcount_shape != REFCOUNT_PLAIN);
        fake_expect_preview(f, none, "None");
    }
}

// 3.14 on: a dead object's first word is the address of the next one in its free list.
static void test_an_object_in_a_free_list_is_not_alive(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct header header;
        mx_addr list = fake_list(f, NULL, 0);
        fake_refcount(f, list, (int64_t)list + 64);
        if (f->l->refcount_shape == REFCOUNT_LOW_32)
            assert_false(object_header(&f->decoder, list, &header));
        fake_refcount(f, list, 0);
        assert_false(object_header(&f->decoder, list, &header));
    }
}

static void test_flags_beside_the_count_are_no_part_of_it(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct header header;
        mx_addr list = fake_list(f, NULL, 0);
        if (f->l->refcount_shape != REFCOUNT_LOW_32)
            continue;
        fake_refcount(f, list, (4ll << 48) + 7); // Include/refcount.h: bit 2 says static
        assert_true(object_header(&f->decoder, list, &header));
        assert_int_equal(header.refcount, 7);
        assert_false(header.immortal);
        fake_refcount(f, list, (5ll << 48) + (3ll << 30));
        assert_true(object_header(&f->decoder, list, &header));
        assert_true(header.immortal);
    }
}

static void test_a_type_whose_metatypes_go_round_is_none(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_static_type(f, "a", 16, 0, FLAG_TYPE_SUBCLASS);
        mx_addr b = fake_static_type(f, "b", 16, 0, FLAG_TYPE_SUBCLASS);
        fake_field(f, a, f->l->object_type, b);
        fake_field(f, b, f->l->object_type, a);
        assert_int_equal(type_lookup(&f->decoder, a), NO_TYPE);
        assert_int_equal(type_lookup(&f->decoder, b), NO_TYPE);
    }
}

static void test_bases_that_go_round_or_claim_large_structs_end(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        uint64_t head = (uint64_t)f->l->object_size;
        mx_addr a = fake_static_type(f, "a", 4096, 0, 0), b = fake_static_type(f, "b", head, 0, 0);
        fake_field(f, a, f->l->type_base, b);
        fake_field(f, b, f->l->type_base, a);
        uint32_t type = type_lookup(&f->decoder, a);
        assert_int_not_equal(type, NO_TYPE);
        assert_int_equal(f->decoder.types[type]->word_count, (4096 - head) / 8);
        assert_false(type_inherits(&f->decoder, type, "c"));
        mx_addr c = fake_static_type(f, "c", head + 16, 0, 0);
        mx_addr d = fake_static_type(f, "d", head, 0, 0);
        fake_field(f, c, f->l->type_base, d);
        fake_field(f, d, f->l->type_basicsize, 0xFFFFFFFFull);
        type = type_lookup(&f->decoder, c);
        assert_int_equal(f->decoder.types[type]->word_count, 2);
    }
}

// ---- numbers ----------------------------------------------------------------------------------

static void test_ints_are_printed_with_sign_and_all_digits(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        fake_expect_preview(f, fake_small_int(f, 0), "0");
        fake_expect_preview(f, fake_small_int(f, 7), "7");
        fake_expect_preview(f, fake_small_int(f, -7), "-7");
        fake_expect_preview(f, fake_int(f, false, (uint32_t[]){0, 1}, 2), "1073741824");
        fake_expect_preview(f, fake_int(f, true, (uint32_t[]){1, 0, 1}, 3), "-1152921504606846977");
    }
}

static void test_int_sizes_grow_by_the_digit(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr zero = fake_small_int(f, 0), one = fake_small_int(f, -1);
        mx_addr long_int = fake_int(f, true, (uint32_t[]){1, 2, 3}, 3);
        uint64_t head = (uint64_t)f->l->object_size; // then ob_size or lv_tag
        uint64_t zero_nbytes = head + (f->l->size_shape == SIZE_GC_HEAD ? 8 : 12);
        assert_int_equal(object_size(&f->decoder, zero, fake_info(f, zero)), zero_nbytes);
        assert_int_equal(object_size(&f->decoder, one, fake_info(f, one)), head + 12);
        assert_int_equal(object_size(&f->decoder, long_int, fake_info(f, long_int)), head + 20);
    }
}

static void test_an_int_of_absurd_size_has_no_digits(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr number = fake_small_int(f, 5);
        fake_field(f, number, f->l->var_size, 1ull << 50);
        char preview[64];
        object_preview(&f->decoder, number, preview, sizeof preview);
        assert_true(object_size(&f->decoder, number, fake_info(f, number)) < 1 << 10);
    }
}

static mx_addr fake_float(double value)
{
    mx_addr addr = fake_object(f, fake_type(f, "float"), 24);
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    fake_field(f, addr, f->l->float_value, word);
    return addr;
}

static void test_floats_and_bools_are_printed_as_repr_has_them(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        fake_expect_preview(f, fake_float(0.1), "0.1");
        fake_expect_preview(f, fake_float(-0.0), "-0.0");
        fake_expect_preview(f, fake_float(1e16), "1e+16");
        fake_expect_preview(f, fake_float(1e-5), "1e-05");
        fake_expect_preview(f, fake_float(123456.0), "123456.0");
        mx_addr yes = fake_object(f, fake_type(f, "bool"), 32);
        fake_field32(f, yes, f->l->long_digits, 1);
        fake_expect_preview(f, yes, "True");
        fake_field32(f, yes, f->l->long_digits, 0);
        fake_expect_preview(f, yes, "False");
    }
}

// ---- strings ----------------------------------------------------------------------------------

static void test_strings_of_every_width_are_printed(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr ascii = fake_str(f, "it's\n");
        fake_expect_preview(f, ascii, "\"it's\\n\"");
        assert_true(str_equals(&f->decoder, ascii, "it's\n"));
        assert_false(str_equals(&f->decoder, ascii, "it's"));
        assert_int_equal(object_size(&f->decoder, ascii, fake_info(f, ascii)),
                         f->l->ascii_size + 6);
        mx_addr latin1 = fake_wide_str(f, 1, (uint32_t[]){'a', 0xE9}, 2);
        fake_expect_preview(f, latin1, "'a\u00e9'");
        mx_addr ucs2 = fake_wide_str(f, 2, (uint32_t[]){0x20AC, 0xD800}, 2);
        fake_expect_preview(f, ucs2, "'\u20ac\\ud800'");
        mx_addr ucs4 = fake_wide_str(f, 4, (uint32_t[]){0x1F40D, 0x110000}, 2);
        fake_expect_preview(f, ucs4, "'\U0001F40D\\U00110000'");
        assert_int_equal(object_size(&f->decoder, ucs4, fake_info(f, ucs4)),
                         f->l->compact_size + 12);
    }
}

static void test_a_string_that_is_not_ready_is_read_from_its_wchars(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        if (f->l->str_shape != STR_WSTR)
            continue;
        mx_addr addr = fake_object(f, fake_type(f, "str"), (uint64_t)f->l->unicode_size);
        mx_addr wide = fake_alloc(f, 12);
        memcpy(fake_at(f, wide, 8), (uint32_t[]){'o', 'k'}, 8);
        fake_field(f, addr, f->l->ascii_wstr, wide);
        fake_field(f, addr, f->l->compact_wstr_length, 2);
        fake_expect_preview(f, addr, "'ok'");
        assert_int_equal(object_size(&f->decoder, addr, fake_info(f, addr)),
                         f->l->unicode_size + 12);
    }
}

static void test_a_cached_utf8_copy_counts_unless_its_length_is_absurd(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr addr = fake_wide_str(f, 2, (uint32_t[]){0x20AC}, 1);
        uint64_t before = object_size(&f->decoder, addr, fake_info(f, addr));
        fake_field(f, addr, f->l->compact_utf8, fake_text(f, "\xE2\x82\xAC"));
        fake_field(f, addr, f->l->compact_utf8_length, 3);
        assert_int_equal(object_size(&f->decoder, addr, fake_info(f, addr)), before + 4);
        fake_field(f, addr, f->l->compact_utf8_length, UINT64_MAX);
        assert_int_equal(object_size(&f->decoder, addr, fake_info(f, addr)), before);
        fake_field(f, addr, f->l->ascii_length, UINT64_MAX);
        fake_expect_preview(f, addr, "<unreadable str>");
    }
}

static void test_long_strings_are_cut_and_say_so(void **state)
{
    (void)state;
    char text[301] = "", preview[256];
    memset(text, 'x', 300);
    FOR_EACH_LAYOUT(f)
    {
        object_preview(&f->decoder, fake_str(f, text), preview, sizeof preview);
        assert_int_equal(strlen(preview), 105);
        assert_string_equal(preview + 100, "x'...");
    }
}

static void test_bytes_are_printed_as_repr_has_them(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        uint64_t more = (uint64_t)f->l->object_size - PLAIN_HEADER;
        mx_addr bytes = fake_bytes(f, "a\0\xff'", 4);
        fake_expect_preview(f, bytes, "b\"a\\x00\\xff'\"");
        assert_int_equal(object_size(&f->decoder, bytes, fake_info(f, bytes)), more + 37);
        mx_addr array = fake_object(f, fake_type(f, "bytearray"), 64);
        fake_field(f, array, f->l->bytearray_start, fake_text(f, "hi"));
        fake_field(f, array, f->l->bytearray_alloc, 3);
        fake_field(f, array, f->l->var_size, 2);
        fake_expect_preview(f, array, "bytearray(b'hi')");
        uint64_t object =
            f->l->bytearray_object == ABSENT ? 0 : more + 33; // the header of bytes, and NUL
        assert_int_equal(object_size(&f->decoder, array, fake_info(f, array)),
                         more + 56 + object + 3);
    }
}

static void test_a_hostile_name_is_cut_at_a_character_and_stays_utf8(void **state)
{
    (void)state;
    char name[800] = "";
    for (int i = 0; i < 99; i++)
        strcat(name, "\xE2\x82\xAC\x01");
    FOR_EACH_LAYOUT(f)
    {
        mx_addr type = fake_static_type(f, name, (uint64_t)f->l->object_size, 0, 0);
        mx_addr object = fake_object(f, type, 16);
        char preview[100];
        object_preview(&f->decoder, object, preview, sizeof preview);
        assert_memory_equal(preview, "<builtins.\xE2\x82\xAC\\x01\xE2\x82\xAC", 20);
        assert_true(strlen(preview) > 90);
        assert_string_equal(preview + strlen(preview) - 3, "...");
        for (const char *at = preview; *at; at++)
            assert_true((uint8_t)*at >= ' ');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_tells_type_and_count),
        cmocka_unit_test(test_a_count_of_zero_or_less_is_no_object),
        cmocka_unit_test(
            test_the_sign_bit_of_32_makes_an_object_immortal_where_the_version_has_that),
        cmocka_unit_test(test_an_object_in_a_free_list_is_not_alive),
        cmocka_unit_test(test_flags_beside_the_count_are_no_part_of_it),
        cmocka_unit_test(test_a_type_whose_metatypes_go_round_is_none),
        cmocka_unit_test(test_bases_that_go_round_or_claim_large_structs_end),
        cmocka_unit_test(test_ints_are_printed_with_sign_and_all_digits),
        cmocka_unit_test(test_int_sizes_grow_by_the_digit),
        cmocka_unit_test(test_an_int_of_absurd_size_has_no_digits),
        cmocka_unit_test(test_floats_and_bools_are_printed_as_repr_has_them),
        cmocka_unit_test(test_strings_of_every_width_are_printed),
        cmocka_unit_test(test_a_string_that_is_not_ready_is_read_from_its_wchars),
        cmocka_unit_test(test_a_cached_utf8_copy_counts_unless_its_length_is_absurd),
        cmocka_unit_test(test_long_strings_are_cut_and_say_so),
        cmocka_unit_test(test_bytes_are_printed_as_repr_has_them),
        cmocka_unit_test(test_a_hostile_name_is_cut_at_a_character_and_stays_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
