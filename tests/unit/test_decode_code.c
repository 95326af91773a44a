// test_decode_code.c - instances, functions, lines, frames and generators of each version.
#include "fake_process.h"

static struct fake fake;
static struct fake *const f = &fake;
static struct fake_edges edges;

// ---- instances --------------------------------------------------------------------------------

static void test_instance_yields_its_attributes_by_name(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr names[] = {fake_str(f, "name"), fake_str(f, "peers")};
        mx_addr values[] = {fake_str(f, "alice"), fake_list(f, NULL, 0)};
        mx_addr type = fake_instance_class(f, "Session", names, 2);
        mx_addr session = fake_instance(f, type, names, values, 2);
        fake_visit(f, session, &edges);
        assert_true(edges.ok);
        assert_int_equal(fake_edge(&edges, ".__class__", type)->hold, HOLD_OWNED);
        if (f->l->instance_shape == INSTANCE_DICT_IN_STRUCT) {
            mx_addr dict = instance_dict(&f->decoder, session, fake_info(f, session));
            fake_edge(&edges, ".__dict__", dict);
            fake_expect_preview(f, dict, "{'name': 'alice', 'peers': []}");
        } else {
            assert_int_equal(fake_edge(&edges, ".name", values[0])->hold, HOLD_OWNED);
            fake_edge(&edges, ".peers", values[1]);
        }
        assert_string_equal(type_qualified_name(&f->decoder, type_lookup(&f->decoder, type)),
                            "app.Session");
        fake_expect_kind(f, session, "instance");
        fake_expect_kind(f, type, "class");
        fake_expect_preview(f, type, "<class 'app.Session'>");
    }
}

static void test_a_dict_takes_over_from_managed_values(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        if (f->l->instance_shape == INSTANCE_DICT_IN_STRUCT)
            continue;
        mx_addr name = fake_str(f, "name"), value = fake_str(f, "alice");
        mx_addr session =
            fake_instance(f, fake_instance_class(f, "Session", &name, 1), &name, &value, 1);
        mx_addr dict = fake_dict(f, &name, &value, 1);
        // _PyObject_ManagedDictPointer
        fake_word(f, session - 8 - fake_gc_head(f), dict);
        fake_visit(f, session, &edges);
        fake_edge(&edges, ".__dict__", dict);
        assert_int_equal(fake_count_to(&edges, value), 0);
    }
}

static void test_slots_are_named_by_the_class_s_members(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        const struct layout *l = f->l;
        mx_addr type =
            fake_class(f, "Point", fake_type(f, "object"), (uint64_t)l->object_size + 16, 0);
        mx_addr members = fake_alloc(f, 3 * (uint64_t)l->member_def_size);
        const char *const names[] = {"x", "y"};
        for (uint64_t i = 0; i < 2; i++) {
            mx_addr def = members + i * (uint64_t)l->member_def_size;
            fake_field(f, def, l->member_def_name, fake_text(f, names[i]));
            fake_field32(f, def, l->member_def_type, 16); // T_OBJECT_EX
            fake_field(f, def, l->member_def_offset, (uint64_t)l->object_size + 8 * i);
        }
        fake_field(f, type, l->type_members, members);
        mx_addr one = fake_small_int(f, 1), two = fake_small_int(f, 2);
        mx_addr point = fake_object(f, type, (uint64_t)l->object_size + 16);
        fake_word(f, point + (uint64_t)l->object_size, one);
        fake_word(f, point + (uint64_t)l->object_size + 8, two);
        fake_visit(f, point, &edges);
        assert_true(fake_edge(&edges, ".x", one)->certain);
        fake_edge(&edges, ".y", two);
        assert_int_equal(edges.count, 3);
    }
}

// A class derived from tuple with __slots__ = ("x",), and the flags of the slot.
static mx_addr tuple_with_slot(uint32_t flags)
{
    const struct layout *l = f->l;
    uint64_t nbytes = (uint64_t)l->tuple_items + 8;
    mx_addr type = fake_class(f, "Pair", fake_type(f, "tuple"), nbytes, 0);
    mx_addr def = fake_alloc(f, 2 * (uint64_t)l->member_def_size);
    fake_field(f, def, l->member_def_name, fake_text(f, "x"));
    fake_field32(f, def, l->member_def_type, 16); // T_OBJECT_EX
    fake_field(f, def, l->member_def_offset, (uint64_t)l->tuple_items);
    fake_field32(f, def, l->member_def_offset + 8, flags);
    fake_field(f, type, l->type_members, def);
    fake_field(f, type, l->type_itemsize, 8);
    return type;
}

static void test_slots_of_a_tuple_s_subclass_are_behind_its_items(void **state)
{
    (void)state;
    const uint32_t read_only = 1, after_items = 16;
    FOR_EACH_LAYOUT(f)
    {
        uint64_t head = (uint64_t)f->l->tuple_items;
        mx_addr one = fake_small_int(f, 1), two = fake_small_int(f, 2), x = fake_small_int(f, 3);
        mx_addr pair = fake_object(f, tuple_with_slot(read_only | after_items), head + 24);
        fake_field(f, pair, f->l->var_size, 2);
        fake_word(f, pair + head, one);
        fake_word(f, pair + head + 8, two);
        fake_word(f, pair + head + 16, x);
        fake_visit(f, pair, &edges);
        fake_edge(&edges, "[0]", one);
        fake_edge(&edges, "[1]", two);
        assert_int_equal(fake_edge(&edges, ".x", x)->hold, HOLD_OWNED);
        assert_int_equal(edges.count, 4);
        // A size that no memory has, and a member that is none of these.
        fake_field(f, pair, f->l->var_size, UINT64_MAX / 16);
        fake_visit(f, pair, &edges);
        assert_int_equal(fake_count_to(&edges, x), 0);
        pair = fake_object(f, tuple_with_slot(read_only), head + 24);
        fake_word(f, pair + head, x);
        fake_visit(f, pair, &edges);
        assert_int_equal(fake_count_to(&edges, x), 0);
    }
}

static void test_a_weak_reference_does_not_own_its_object(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        bool renamed = layout_object_members(f->l, "weakref.ReferenceType");
        mx_addr to = fake_list(f, NULL, 0);
        mx_addr ref = fake_object(f, fake_type(f, renamed ? "weakref.ReferenceType" : "weakref"),
                                  (uint64_t)f->l->weakref_size);
        fake_field(f, ref, f->l->weakref_object, to);
        fake_visit(f, ref, &edges);
        assert_int_equal(fake_count_to(&edges, to), 1);
        for (size_t i = 0; i < edges.count; i++)
            assert_true(edges.items[i].to != to || edges.items[i].hold != HOLD_OWNED);
        fake_expect_kind(f, ref, "weak reference");
    }
}

// ---- code and lines ---------------------------------------------------------------------------

static void test_functions_and_code_say_where_they_are(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr code = fake_code(f, "handle", (const char *[]){"request"}, 1, 0);
        mx_addr function = fake_function(f, "handle", code);
        fake_expect_kind(f, function, "function handle at app.py:12");
        fake_expect_kind(f, code, "code handle at app.py:12");
        fake_expect_preview(f, function, "<function handle at app.py:12>");
        fake_visit(f, function, &edges);
        assert_int_equal(fake_edge(&edges, ".__code__", code)->hold, HOLD_OWNED);
    }
}

// The line of each table below: first line 12, then 13 from offset 4 on, then 11 from 8 on.
static void test_a_line_is_read_from_each_kind_of_table(void **state)
{
    (void)state;
    static const uint8_t LNOTAB[] = {4, 1, 4, 0xFE};
    static const uint8_t PEP626[] = {4, 0, 4, 1, 4, 0xFE, 2, 0x80};
    // {0x80 | kind << 3 | instructions - 1}: no columns +0, one line +1, long -2, none
    static const uint8_t LOCATIONS[] = {
        0x80 | 13 << 3 | 1, 0, 0x80 | 11 << 3 | 1, 0, 0, 0x80 | 14 << 3 | 1, 5, 0, 1, 1,
        0x80 | 15 << 3 | 0};
    FOR_EACH_LAYOUT(f)
    {
        mx_addr code = fake_code(f, "handle", NULL, 0, 0), table = 0;
        switch (f->l->line_shape) {
        case LINES_LNOTAB:
            table = fake_bytes(f, LNOTAB, sizeof LNOTAB);
            break;
        case LINES_PEP626:
            table = fake_bytes(f, PEP626, sizeof PEP626);
            break;
        case LINES_LOCATIONS:
            table = fake_bytes(f, LOCATIONS, sizeof LOCATIONS);
            break;
        }
        fake_field(f, code, f->l->code_linetable, table);
        assert_int_equal(code_line(&f->decoder, code, -1), 12);
        assert_int_equal(code_line(&f->decoder, code, 0), 12);
        assert_int_equal(code_line(&f->decoder, code, 2), 12);
        assert_int_equal(code_line(&f->decoder, code, 4), 13);
        assert_int_equal(code_line(&f->decoder, code, 8), 11);
        if (f->l->line_shape != LINES_LNOTAB)
            assert_int_equal(code_line(&f->decoder, code, 12), 0); // the compiler's own
        fake_field(f, code, f->l->code_linetable, 1ull << 47);
        assert_int_equal(code_line(&f->decoder, code, 4), 0);
    }
}

static void test_a_line_table_of_varints_that_do_not_end_is_survived(void **state)
{
    (void)state;
    uint8_t bytes[64];
    memset(bytes, 0xFF, sizeof bytes);
    FOR_EACH_LAYOUT(f)
    {
        mx_addr code = fake_code(f, "handle", NULL, 0, 0);
        fake_field(f, code, f->l->code_linetable, fake_bytes(f, bytes, sizeof bytes));
        assert_true(code_line(&f->decoder, code, INT64_MAX) >= 0);
        assert_true(code_line(&f->decoder, code, INT64_MIN) >= 0);
    }
}

// ---- frames -----------------------------------------------------------------------------------

static void frame_edges(mx_addr frame)
{
    if (!fake_has_iframes(f)) {
        fake_visit(f, frame, &edges);
        return;
    }
    edges.count = 0; // frame_visit_slots is given the visitor of the last fake_visit
    assert_true(frame_visit_slots(&f->decoder, frame, &edges.visitor));
}

static void test_locals_are_named_and_the_stack_is_counted_where_its_depth_is_known(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b"), c = fake_str(f, "c");
        mx_addr code = fake_code(f, "handle", (const char *[]){"request", "outer"}, 2, 1);
        fake_visit(f, a, &edges);
        frame_edges(fake_frame(f, code, (mx_addr[]){a, b, c}, 2, 1, true));
        assert_int_equal(fake_edge(&edges, "local request", a)->hold, HOLD_OWNED);
        fake_edge(&edges, fake_has_iframes(f) ? "local outer" : "closure outer", b);
        assert_int_equal(fake_edge(&edges, "stack 0", c)->hold, HOLD_OWNED);
        frame_edges(fake_frame(f, code, (mx_addr[]){a, b, c}, 2, 1, false));
        assert_int_equal(fake_edge(&edges, "local request", a)->hold, HOLD_OWNED);
        assert_int_equal(fake_edge(&edges, "stack 0", c)->hold, HOLD_POSSIBLE);
        assert_false(fake_edge(&edges, "stack 0", c)->certain);
    }
}

// The frame's depth is that before the last call: a thread in the middle of an instruction has gone on.
static void test_the_stack_of_a_frame_in_the_middle_of_an_instruction_is_possible(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        if (!fake_has_iframes(f))
            continue;
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b");
        mx_addr code = fake_code(f, "handle", (const char *[]){"request"}, 1, 0);
        mx_addr frame = fake_frame(f, code, (mx_addr[]){a, b}, 1, 1, true);
        fake_visit(f, a, &edges);
        assert_non_null(map_put(&f->decoder.running, frame));
        frame_edges(frame);
        assert_int_equal(fake_edge(&edges, "local request", a)->hold, HOLD_OWNED);
        assert_int_equal(fake_edge(&edges, "stack 0", b)->hold, HOLD_POSSIBLE);
    }
}

// Include/internal/pycore_stackref.h, 3.14 on: the low bits say that a slot does not count.
static void test_tagged_slots_are_not_counted(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b");
        if (f->l->frame_shape != FRAME_TAGGED)
            continue;
        mx_addr code = fake_code(f, "handle", (const char *[]){"counted", "borrowed"}, 2, 0);
        mx_addr frame = fake_frame(f, code, (mx_addr[]){a, b | 1, 12 << 2 | 3}, 2, 1, true);
        fake_field(f, frame, f->l->iframe_code, code | 1);
        fake_visit(f, a, &edges);
        frame_edges(frame);
        assert_int_equal(edges.count, 3);
        assert_int_equal(fake_edge(&edges, "local counted", a)->hold, HOLD_OWNED);
        assert_int_equal(fake_edge(&edges, "local borrowed", b)->hold, HOLD_BORROWED);
        assert_int_equal(fake_edge(&edges, "frame code", code)->hold, HOLD_BORROWED);
    }
}

static void test_a_frame_tells_its_code_and_line(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        struct frame_facts facts;
        mx_addr code = fake_code(f, "handle", NULL, 0, 0);
        mx_addr frame = fake_frame(f, code, NULL, 0, 0, true);
        assert_true(frame_describe(&f->decoder, frame, &facts));
        assert_true(facts.code == code);
        assert_true(facts.owned_by_thread);
        assert_int_equal(facts.line, 12);
        assert_false(frame_describe(&f->decoder, 0, &facts));
        assert_false(frame_describe(&f->decoder, UINT64_MAX - 8, &facts));
    }
}

static void test_a_frame_with_absurd_counts_yields_no_slots(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a");
        mx_addr code = fake_code(f, "handle", (const char *[]){"request"}, 1, 0);
        mx_addr frame = fake_frame(f, code, &a, 1, 0, false);
        fake_visit(f, a, &edges);
        fake_field32(f, code, f->l->code_stacksize, UINT32_MAX);
        frame_edges(frame);
        assert_int_equal(fake_count_to(&edges, a), 0);
    }
}

static void test_a_suspended_generator_holds_its_locals_and_a_cleared_one_does_not(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a");
        mx_addr code = fake_code(f, "numbers", (const char *[]){"n"}, 1, 0);
        mx_addr suspended = fake_generator(f, code, &a, 1, false);
        mx_addr cleared = fake_generator(f, code, &a, 1, true);
        fake_expect_kind(f, suspended, "generator numbers");
        fake_visit(f, suspended, &edges);
        if (f->l->generator_iframe == ABSENT) { // the frame object holds them
            mx_addr frame = field_at(&f->decoder, suspended, f->l->generator_frame);
            fake_edge(&edges, ".gi_frame", frame);
            fake_visit(f, frame, &edges);
        }
        assert_int_equal(fake_edge(&edges, "local n", a)->hold, HOLD_OWNED);
        fake_visit(f, cleared, &edges);
        assert_int_equal(fake_count_to(&edges, a), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instance_yields_its_attributes_by_name),
        cmocka_unit_test(test_a_dict_takes_over_from_managed_values),
        cmocka_unit_test(test_slots_are_named_by_the_class_s_members),
        cmocka_unit_test(test_slots_of_a_tuple_s_subclass_are_behind_its_items),
        cmocka_unit_test(test_a_weak_reference_does_not_own_its_object),
        cmocka_unit_test(test_functions_and_code_say_where_they_are),
        cmocka_unit_test(test_a_line_is_read_from_each_kind_of_table),
        cmocka_unit_test(test_a_line_table_of_varints_that_do_not_end_is_survived),
        cmocka_unit_test(test_locals_are_named_and_the_stack_is_counted_where_its_depth_is_known),
        cmocka_unit_test(test_the_stack_of_a_frame_in_the_middle_of_an_instruction_is_possible),
        cmocka_unit_test(test_tagged_slots_are_not_counted),
        cmocka_unit_test(test_a_frame_tells_its_code_and_line),
        cmocka_unit_test(test_a_frame_with_absurd_counts_yields_no_slots),
        cmocka_unit_test(test_a_suspended_generator_holds_its_locals_and_a_cleared_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
