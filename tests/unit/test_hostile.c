// test_hostile.c - targets made to keep us busy: many objects that share one large table, rings,
// types that claim a megabyte each. The work is bounded by the memory, not by what it claims.
#include "fake_process.h"
#include "questions.h"

#include <stdlib.h>
#include <time.h>

#define START 0x600000000000ull
#define NBYTES (4ull << 20)
#define HALF (NBYTES / 2)
#define STRIDE 1024 // bytes of one object
#define CLONES (HALF / STRIDE)
#define LIMIT_SECONDS 20 // of CPU, under a sanitizer too; each of these took hours without a bound

static struct fake_process process;
static struct fake *const f = &process.fake;
static uint8_t *bytes;

static void write_word(mx_addr addr, uint64_t value)
{
    memcpy(bytes + (addr - START), &value, sizeof value);
}

static void write_field(mx_addr addr, int32_t offset, uint64_t value)
{
    if (offset != ABSENT)
        write_word(addr + (uint64_t)offset, value);
}

// The first half: objects of one type, each to be completed by `complete`. The second: a table with
// the address of each of them, over and over, which app.list holds.
static void make_clones(mx_addr type, void (*complete)(mx_addr object))
{
    for (uint64_t i = 0; i < CLONES; i++) {
        mx_addr object = START + i * STRIDE + 64;
        write_field(object, f->l->object_refcnt, 1);
        write_field(object, f->l->object_ref_shared, 1 << 2);
        write_word(object + (uint64_t)f->l->object_type, type);
        complete(object);
    }
    for (uint64_t i = 0; i < HALF / 8 - 64; i++)
        write_word(START + HALF + 8 * i, START + i % CLONES * STRIDE + 64);
    fake_field(f, process.list, f->l->list_items, START + HALF);
    fake_field(f, process.list, f->l->list_allocated, HALF / 8);
    fake_field(f, process.list, f->l->var_size, HALF / 8 - 64);
}

#define AS_IN_TABLE UINT64_MAX // basicsize: that of the layout, where it has the type at all

static void survive(const char *type, uint64_t basicsize, void (*complete)(mx_addr object))
{
    bool as_in_table = basicsize == AS_IN_TABLE;
    for (size_t i = 0; i < layout_count(); i++) {
        if (i > 0 && i + 2 < layout_count()) // the oldest, and the newest of both kinds
            continue;
        const struct layout_object *known = layout_object_members(layout_at(i), type);
        if (as_in_table && !known)
            continue;
        basicsize = as_in_table ? known->nbytes : basicsize;
        struct memory memory;
        fake_process_init(&process, layout_at(i));
        bytes = calloc(1, NBYTES);
        assert_non_null(bytes);
        memory_init(&memory, NULL, NULL);
        memory_add(&memory, FAKE_START, f->bytes, FAKE_NBYTES, NULL);
        memory_add(&memory, START, bytes, NBYTES, NULL);
        make_clones(basicsize ? fake_static_type(f, type, basicsize, 0, 0) : fake_type(f, type),
                    complete);
        clock_t began = clock();
        struct mx_heap *heap = fake_process_heap(&process, &memory);
        assert_int_equal(heap_build(heap, NULL), MX_OK);
        assert_true(heap->summary.objects >= CLONES);
        assert_true(heap->summary.references < 2 * heap->decoder.work_limit);
        ask_everything(heap, 20);
        mx_heap_free(heap);
        if ((clock() - began) / CLOCKS_PER_SEC >= LIMIT_SECONDS)
            fail_msg("%s, %s: took too long", f->l->name, type);
        memory_fini(&memory);
        free(bytes);
        fake_process_fini(&process);
    }
}

// ---- one table for all ------------------------------------------------------------------------

static void share_items(mx_addr object)
{
    write_field(object, f->l->list_items, START + HALF);
    write_field(object, f->l->list_allocated, HALF / 8);
    write_field(object, f->l->var_size, HALF / 8 - 64);
}

static void share_entries(mx_addr object)
{
    write_field(object, f->l->set_mask, 0x3FFFF); // of 16 bytes: all of the table
    write_field(object, f->l->set_table, START + HALF);
}

static void share_keys(mx_addr object)
{
    mx_addr keys = START + NBYTES / 4; // over the objects: their own words are keys and values
    write_field(keys, f->l->keys_dk_size, 1 << 17);
    if (f->l->keys_log2_size != ABSENT)
        bytes[keys - START + (uint64_t)f->l->keys_log2_size] = 17;
    write_field(keys, f->l->keys_nentries, 1 << 16);
    write_field(object, f->l->dict_keys, keys);
}

static void share_blocks(mx_addr object)
{
    mx_addr fields = object + (uint64_t)f->l->var_size;
    write_word(fields, 1ull << 33);
    write_word(fields + 8, START + HALF);
    write_word(START + HALF + 65 * 8, START + HALF); // a ring of one
}

static void share_state(mx_addr object)
{
    mx_addr def = START + NBYTES - 256;
    write_field(def, f->l->module_def_state_size, 1 << 16);
    write_field(object, f->l->module_def, def);
    write_field(object, f->l->module_state, START + HALF);
}

static void share_nodes(mx_addr object)
{
    mx_addr fields = object + (uint64_t)f->l->dict_size, node = START + NBYTES - 64;
    write_field(object, f->l->dict_used, UINT64_MAX);
    write_word(fields, node);
    write_word(node, process.name);
    write_word(node + 16, node);
}

static void test_lists_that_share_a_table_are_bounded(void **state)
{
    (void)state;
    survive("list", 0, share_items);
}

static void reach_over_the_end(mx_addr object)
{
    write_field(object, f->l->list_items, START + HALF);
    write_field(object, f->l->list_allocated, HALF);
    write_field(object, f->l->var_size, HALF / 8 + 1);
}

static void test_lists_that_reach_over_the_end_of_memory_are_not_copied_each(void **state)
{
    (void)state;
    survive("list", 0, reach_over_the_end);
}

static void test_sets_that_share_a_table_are_bounded(void **state)
{
    (void)state;
    survive("set", 0, share_entries);
}

static void test_dicts_that_share_a_table_are_bounded(void **state)
{
    (void)state;
    survive("dict", 0, share_keys);
}

static void test_deques_in_a_ring_of_blocks_are_bounded(void **state)
{
    (void)state;
    survive("collections.deque", 0, share_blocks);
}

static void test_ordered_dicts_in_a_ring_of_nodes_are_bounded(void **state)
{
    (void)state;
    survive("collections.OrderedDict", 0, share_nodes);
}

static void test_modules_that_share_a_state_are_bounded(void **state)
{
    (void)state;
    survive("module", 0, share_state);
}

// ---- objects that claim much ------------------------------------------------------------------

static void nothing(mx_addr object)
{
    (void)object;
}

static void hold_itself(mx_addr object)
{
    write_word(object + (uint64_t)f->l->object_size, object);
}

static void share_codes(mx_addr object)
{
    write_word(object + (uint64_t)f->l->object_size + 16, START + HALF);
}

// A type of a megabyte, whose base is the next one, and all with the same endless members.
static void claim_a_megabyte(mx_addr object)
{
    mx_addr members = START + HALF, next = START + (object - START + STRIDE) % HALF;
    write_field(object, f->l->type_basicsize, LIMIT_BASICSIZE - (object - START) / STRIDE * 64);
    write_field(object, f->l->type_name, START + HALF + 1);
    write_field(object, f->l->type_base, next);
    write_field(object, f->l->type_members, members);
}

static void test_objects_of_a_megabyte_over_each_other_are_bounded(void **state)
{
    (void)state;
    survive("app.Large", 1 << 20, nothing);
}

static void test_a_bytesio_in_itself_ends(void **state)
{
    (void)state;
    survive("_io.BytesIO", 64, hold_itself);
}

static void test_structs_with_endless_codes_are_bounded(void **state)
{
    (void)state;
    survive("_struct.Struct", 64, share_codes);
}

static void test_types_that_claim_a_megabyte_are_bounded(void **state)
{
    (void)state;
    survive("type", 0, claim_a_megabyte);
}

// ---- references behind pointers -----------------------------------------------------------------

#define NODE (START + NBYTES - 4096) // a node of lists and trees; its own neighbour

static struct {
    const char *type;
    mx_addr to;      // where each pointer leads
    uint64_t length; // what each number says
} behind;

static void write_number(mx_addr addr, const struct layout_number *number)
{
    if (number->steps == 0 && number->nbytes)
        memcpy(bytes + (addr - START) + number->offset, &behind.length, number->nbytes);
    else if (number->nbytes)
        memcpy(bytes + (NODE - START) + number->offset, &behind.length, number->nbytes);
}

// The struct as its row says: every pointer of it leads to `to`, and each number is `length`.
static void complete_behind(mx_addr object)
{
    const struct layout_object *known = layout_object_members(f->l, behind.type);
    for (size_t i = 0; i < known->behind_count; i++) {
        const struct layout_behind *row = &known->behind[i];
        for (uint32_t k = 0; k < row->steps; k++)
            write_word((k ? NODE : object) + row->path[k], behind.to);
        write_number(object, &row->length);
        for (uint32_t k = 0; k < 2; k++) {
            bool in_node = row->shape == BEHIND_CHAIN || row->shape == BEHIND_TREE;
            if (row->extra[k] || in_node) // 0 is no member of an object: its count stands there
                write_word((in_node ? NODE : object) + row->extra[k],
                           in_node ? NODE : behind.length);
        }
    }
}

static const char *const WITH_BEHIND[] = {
    "_lsprof.Profiler", "_queue.SimpleQueue", "_pickle.Pickler",   "_pickle.Unpickler",
    "sqlite3.Cache",    "PyCapsule",          "zoneinfo.ZoneInfo", "xml.etree.ElementTree.Element",
};

static void survive_behind(mx_addr to, uint64_t length)
{
    for (size_t i = 0; i < sizeof WITH_BEHIND / sizeof WITH_BEHIND[0]; i++) {
        behind.type = WITH_BEHIND[i];
        behind.to = to;
        behind.length = length;
        survive(behind.type, AS_IN_TABLE, complete_behind);
    }
}

static void test_nodes_that_are_their_own_neighbours_are_bounded(void **state)
{
    (void)state;
    survive_behind(NODE, 1);
}

static void test_arrays_behind_pointers_that_all_share_are_bounded(void **state)
{
    (void)state;
    survive_behind(START + HALF, HALF / 64);
}

static void test_absurd_lengths_behind_pointers_are_refused(void **state)
{
    (void)state;
    survive_behind(START + HALF, UINT64_MAX);
    survive_behind(START + HALF, UINT32_MAX);
}

static void test_pointers_into_nothing_are_survived(void **state)
{
    (void)state;
    survive_behind(0x123456789000, 1000);
    survive_behind(UINT64_MAX - 7, 1000);
    survive_behind(START + NBYTES - 8, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_that_are_their_own_neighbours_are_bounded),
        cmocka_unit_test(test_arrays_behind_pointers_that_all_share_are_bounded),
        cmocka_unit_test(test_absurd_lengths_behind_pointers_are_refused),
        cmocka_unit_test(test_pointers_into_nothing_are_survived),
        cmocka_unit_test(test_lists_that_share_a_table_are_bounded),
        cmocka_unit_test(test_lists_that_reach_over_the_end_of_memory_are_not_copied_each),
        cmocka_unit_test(test_sets_that_share_a_table_are_bounded),
        cmocka_unit_test(test_dicts_that_share_a_table_are_bounded),
        cmocka_unit_test(test_deques_in_a_ring_of_blocks_are_bounded),
        cmocka_unit_test(test_ordered_dicts_in_a_ring_of_nodes_are_bounded),
        cmocka_unit_test(test_modules_that_share_a_state_are_bounded),
        cmocka_unit_test(test_objects_of_a_megabyte_over_each_other_are_bounded),
        cmocka_unit_test(test_a_bytesio_in_itself_ends),
        cmocka_unit_test(test_structs_with_endless_codes_are_bounded),
        cmocka_unit_test(test_types_that_claim_a_megabyte_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
