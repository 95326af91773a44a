// test_decode_containers.c - what lists, tuples, dicts, sets, deques and ordered dicts hold.
#include "fake.h"

static struct fake fake;
static struct fake *const f = &fake;
static struct fake_edges edges;

static uint64_t size_of(mx_addr addr)
{
    return object_size(&f->decoder, addr, fake_info(f, addr));
}

// ---- sequences --------------------------------------------------------------------------------

static void test_list_yields_its_items_with_their_places(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_small_int(f, 2);
        mx_addr list = fake_list(f, (mx_addr[]){a, b, a}, 3);
        fake_visit(f, list, &edges);
        assert_true(edges.ok);
        assert_int_equal(edges.count, 4);
        assert_int_equal(fake_edge(&edges, "[0]", a)->hold, HOLD_OWNED);
        fake_edge(&edges, "[1]", b);
        fake_edge(&edges, "[2]", a);
        assert_int_equal(fake_edge(&edges, ".__class__", fake_type(f, "list"))->hold,
                         HOLD_BORROWED);
        fake_expect_preview(f, list, "['a', 2, 'a']");
        assert_int_equal(size_of(list), 16 + 40 + 8 * 4);
        fake_expect_kind(f, list, "instance");
    }
}

static void test_a_list_larger_than_its_memory_yields_nothing(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr list = fake_list(f, (mx_addr[]){fake_str(f, "a")}, 1);
        fake_field(f, list, f->l->var_size, 1ull << 33);
        fake_field(f, list, f->l->list_allocated, 1ull << 33);
        fake_visit(f, list, &edges);
        assert_false(edges.ok);
        assert_int_equal(edges.count, 1);
        fake_field(f, list, f->l->var_size, 1ull << 61); // times 8 is 8
        fake_field(f, list, f->l->list_allocated, UINT64_MAX);
        fake_visit(f, list, &edges);
        assert_false(edges.ok);
    }
}

static void test_a_preview_of_a_huge_list_looks_at_a_few_items(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr list = fake_list(f, NULL, 0);
        fake_field(f, list, f->l->list_items, FAKE_START);
        fake_field(f, list, f->l->list_allocated, FAKE_NBYTES / 8);
        fake_field(f, list, f->l->var_size, FAKE_NBYTES / 8);
        uint64_t before = f->decoder.work;
        char preview[256];
        object_preview(&f->decoder, list, preview, sizeof preview);
        assert_true(before - f->decoder.work <= 4096); // a preview costs little
        assert_true(before - f->decoder.work > 0);
    }
}

static void test_a_list_in_itself_is_printed_once(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr list = fake_list(f, (mx_addr[]){0}, 1);
        fake_word(f, word_at(&f->decoder, list + (uint64_t)f->l->list_items), list);
        fake_expect_preview(f, list, "[[[[...]]]]");
    }
}

static void test_tuple_yields_its_items(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), tuple = fake_tuple(f, (mx_addr[]){a}, 1);
        fake_visit(f, tuple, &edges);
        fake_edge(&edges, "[0]", a);
        assert_int_equal(edges.count, 2);
        fake_expect_preview(f, tuple, "('a',)");
        assert_int_equal(size_of(tuple), (int)fake_gc_head(f) + f->l->tuple_items + 8);
    }
}

static mx_addr fake_deque(size_t count, mx_addr first, mx_addr last)
{
    mx_addr deque = fake_object(f, fake_type(f, "collections.deque"), 232);
    mx_addr fields = deque + (uint64_t)f->l->var_size, block = 0;
    uint64_t index = 60;
    fake_word(f, fields, count);
    fake_word(f, fields + 24, index);
    for (size_t i = 0; i < count; i++, index++) {
        if (!block || index == 64) {
            mx_addr next = fake_alloc(f, 66 * 8);
            fake_word(f, block ? block + 65 * 8 : fields + 8, next);
            index = block ? 0 : index;
            block = next;
        }
        fake_word(f, block + 8 + 8 * index, i == 0 ? first : last);
    }
    return deque;
}

static void test_deque_goes_on_over_its_blocks(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b"), deque = fake_deque(100, a, b);
        fake_visit(f, deque, &edges);
        assert_true(edges.ok);
        fake_edge(&edges, "[0]", a);
        fake_edge(&edges, "[99]", b);
        assert_int_equal(fake_count_to(&edges, b), 99);
        fake_expect_preview(f, deque, "deque(['a', 'b', 'b', 'b', 'b', 'b', 'b', 'b', ...])");
        fake_word(f, deque + (uint64_t)f->l->var_size, 1ull << 40); // more than it has blocks
        fake_visit(f, deque, &edges);
        assert_false(edges.ok);
    }
}

// ---- dicts ------------------------------------------------------------------------------------

static void test_dict_tables_of_both_kinds_yield_keys_and_values(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        for (int kind = FAKE_GENERAL; kind <= FAKE_UNICODE; kind++) {
            mx_addr k = fake_str(f, "user:1"), v = fake_list(f, NULL, 0);
            mx_addr k2 = fake_str(f, "gone"), k3 = fake_str(f, "last");
            mx_addr keys = fake_keys(f, (enum fake_keys_kind)kind, (mx_addr[]){k, k2, k3},
                                     (mx_addr[]){v, 0, k}, 3); // the second entry was deleted
            mx_addr dict = fake_dict_of(f, keys, 0, 2);
            fake_visit(f, dict, &edges);
            assert_true(edges.ok);
            assert_int_equal(edges.count, 5);
            assert_int_equal(fake_edge(&edges, "{key 0}", k)->hold, HOLD_OWNED);
            assert_int_equal(fake_edge(&edges, "['user:1']", v)->hold, HOLD_OWNED);
            fake_edge(&edges, "['last']", k);
            fake_expect_preview(f, dict, "{'user:1': [], 'last': 'user:1'}");
            assert_true(dict_get(&f->decoder, dict, "last") == k);
            assert_true(dict_get(&f->decoder, dict, "gone") == 0);
            assert_true(size_of(dict) > 48);
        }
    }
}

static void test_split_dict_yields_values_in_insertion_order(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), b = fake_str(f, "b");
        mx_addr x = fake_small_int(f, 1), y = fake_small_int(f, 2);
        mx_addr keys = fake_keys(f, FAKE_SPLIT, (mx_addr[]){b, a}, NULL, 2);
        mx_addr dict = fake_dict_of(f, keys, fake_values(f, (mx_addr[]){x, y}, 2), 2);
        edges.claim = false;
        fake_visit(f, dict, &edges);
        assert_true(edges.ok);
        assert_int_equal(fake_edge(&edges, "{key 0}", b)->hold, HOLD_BORROWED);
        assert_int_equal(fake_edge(&edges, "['b']", x)->hold, HOLD_OWNED);
        fake_edge(&edges, "['a']", y);
        assert_int_equal(edges.items[1].to, x);
        assert_int_equal(edges.items[3].to, y);
        fake_expect_preview(f, dict, "{'b': 1, 'a': 2}");
        edges.claim = true; // the first to ask is given the keys as owned
        fake_visit(f, dict, &edges);
        assert_int_equal(edges.items[0].to, b);
        assert_int_equal(edges.items[0].hold, HOLD_OWNED);
        assert_int_equal(edges.count, 7);
        edges.claim = false;
    }
}

static void test_a_dict_with_absurd_counts_yields_nothing(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr k = fake_str(f, "k");
        mx_addr keys = fake_keys(f, FAKE_GENERAL, &k, &k, 1), dict = fake_dict_of(f, keys, 0, 1);
        fake_field(f, keys, f->l->keys_nentries, 9); // of 8
        fake_visit(f, dict, &edges);
        assert_false(edges.ok);
        fake_field(f, keys, f->l->keys_nentries, 1ull << 60);
        fake_field(f, keys, f->l->keys_dk_size, UINT64_MAX);
        fake_field8(f, keys, f->l->keys_log2_size, 0xFF);
        fake_visit(f, dict, &edges);
        assert_false(edges.ok);
        fake_field(f, dict, f->l->dict_keys, UINT64_MAX - 15);
        fake_visit(f, dict, &edges);
        assert_false(edges.ok);
        assert_true(size_of(dict) < 1 << 10);
    }
}

static void test_ordered_dict_owns_the_key_of_each_node(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr k = fake_str(f, "k"), v = fake_str(f, "v"), node = fake_alloc(f, 32);
        mx_addr dict =
            fake_object(f, fake_type(f, "collections.OrderedDict"), (uint64_t)f->l->dict_size + 64);
        fake_field(f, dict, f->l->dict_used, 1);
        fake_field(f, dict, f->l->dict_keys, fake_keys(f, FAKE_GENERAL, &k, &v, 1));
        fake_word(f, dict + (uint64_t)f->l->dict_size, node);
        fake_word(f, node, k);
        fake_visit(f, dict, &edges);
        assert_true(edges.ok);
        assert_int_equal(fake_count_to(&edges, k), 2);
        fake_edge(&edges, "['k']", v);
        fake_word(f, node + 16, node); // a ring, and a length to go with it
        fake_field(f, dict, f->l->dict_used, UINT64_MAX);
        decoder_allow(&f->decoder, 0);
        f->decoder.work = 100;
        fake_visit(f, dict, &edges);
        assert_false(edges.ok);
        assert_true(edges.count <= 102);
    }
}

// ---- sets -------------------------------------------------------------------------------------

static void test_set_leaves_out_removed_entries(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr a = fake_str(f, "a"), dummy = fake_object(f, fake_type(f, "object"), 16);
        for (int i = 0; i < 2; i++) {
            mx_addr set =
                fake_object(f, fake_type(f, i ? "frozenset" : "set"), (uint64_t)f->l->set_size);
            mx_addr table = set + (uint64_t)f->l->set_smalltable;
            fake_field(f, set, f->l->set_mask, 7);
            fake_field(f, set, f->l->set_table, table);
            fake_field(f, set, f->l->set_used, 1);
            fake_word(f, table + 16 * 3, a);
            fake_word(f, table + 16 * 3 + 8, 1234);
            fake_word(f, table + 16 * 5, dummy);
            fake_word(f, table + 16 * 5 + 8, UINT64_MAX);
            fake_visit(f, set, &edges);
            assert_true(edges.ok);
            assert_int_equal(edges.count, 2);
            assert_int_equal(fake_edge(&edges, "{member}", a)->hold, HOLD_OWNED);
            fake_expect_preview(f, set, i ? "frozenset({'a'})" : "{'a'}");
            assert_int_equal(size_of(set), (int)fake_gc_head(f) + f->l->set_size);
            fake_field(f, set, f->l->set_mask, 8); // not one less than a power of two
            fake_visit(f, set, &edges);
            assert_false(edges.ok);
            fake_field(f, set, f->l->set_used, 0);
            fake_expect_preview(f, set, i ? "frozenset()" : "set()");
        }
    }
}

// ---- caches -----------------------------------------------------------------------------------

static void test_lru_cache_holds_its_links_once_round(void **state)
{
    (void)state;
    FOR_EACH_LAYOUT(f)
    {
        mx_addr cache = fake_object(f, fake_type(f, "functools._lru_cache_wrapper"), 160);
        mx_addr one = fake_object(f, fake_type(f, "functools._lru_list_elem"), 56);
        mx_addr two = fake_object(f, fake_type(f, "functools._lru_list_elem"), 56);
        mx_addr ring[] = {cache, one, two};
        for (int i = 0; i < 3; i++) {
            fake_field(f, ring[i], f->l->object_size, ring[(i + 2) % 3]);
            fake_field(f, ring[i], f->l->object_size + 8, ring[(i + 1) % 3]);
        }
        fake_visit(f, cache, &edges);
        assert_true(edges.ok);
        assert_int_equal(fake_count_to(&edges, one), 1);
        fake_edge(&edges, "[1]", two);
        fake_field(f, two, f->l->object_size + 8, two); // bites its own tail
        fake_visit(f, cache, &edges);
        assert_false(edges.ok);
    }
}

static void test_a_guarded_word_is_read_once_its_guard_is_set(void **state)
{
    (void)state;
    size_t guarded = 0;
    FOR_EACH_LAYOUT(f)
    {
        const struct layout_object *known = layout_object_members(f->l, "operator.methodcaller");
        if (!known || known->behind_count == 0)
            continue;
        guarded++;
        mx_addr left_over = fake_str(f, "left over"),
                type = fake_static_type(f, "operator.methodcaller", known->nbytes, 0, 0),
                caller = fake_object(f, type, known->nbytes);
        fake_word(f, caller + known->behind[0].offset, left_over);
        fake_visit(f, caller, &edges);
        assert_int_equal(fake_count_to(&edges, left_over), 0);
        fake_word(f, caller + known->behind[0].extra[0], FAKE_START);
        fake_visit(f, caller, &edges);
        const struct edge *edge = fake_edge(&edges, ".vectorcall_kwnames", left_over);
        assert_int_equal(edge->hold, HOLD_OWNED);
        assert_int_equal(fake_count_to(&edges, left_over), 1);
    }
    assert_true(guarded > 0); // 3.13 alone
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_yields_its_items_with_their_places),
        cmocka_unit_test(test_a_list_larger_than_its_memory_yields_nothing),
        cmocka_unit_test(test_a_preview_of_a_huge_list_looks_at_a_few_items),
        cmocka_unit_test(test_a_list_in_itself_is_printed_once),
        cmocka_unit_test(test_tuple_yields_its_items),
        cmocka_unit_test(test_deque_goes_on_over_its_blocks),
        cmocka_unit_test(test_dict_tables_of_both_kinds_yield_keys_and_values),
        cmocka_unit_test(test_split_dict_yields_values_in_insertion_order),
        cmocka_unit_test(test_a_dict_with_absurd_counts_yields_nothing),
        cmocka_unit_test(test_ordered_dict_owns_the_key_of_each_node),
        cmocka_unit_test(test_set_leaves_out_removed_entries),
        cmocka_unit_test(test_lru_cache_holds_its_links_once_round),
        cmocka_unit_test(test_a_guarded_word_is_read_once_its_guard_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
