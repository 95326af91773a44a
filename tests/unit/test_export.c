// test_export.c - other people's formats, of snapshots made by hand: what their readers rely on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "query/export.h"
#include "query/export_edges.h"
#include "query/export_ids.h"

// ---- snapshots made by hand ---------------------------------------------------------------------

#define MOST 512 // objects, and references, of a snapshot made by hand

struct made {
    struct snapshot snapshot;
    uint64_t addresses[MOST], sizes[MOST], extras[MOST], firsts[MOST + 1],
        referrer_firsts[MOST + 1];
    uint32_t types[MOST], targets[MOST], referrers[MOST];
    uint8_t holds[MOST];
    const char *labels[MOST], *previews[MOST], *values[MOST];
    const char *const *root_labels;
    const struct snapshot_block *blocks;
};

static const struct snapshot_type TYPES[] = {
    {.name = "builtins.list", .family = SNAPSHOT_LIST, .base = MX_NO_OBJECT},
    {.name = "builtins.str", .family = SNAPSHOT_STR, .base = MX_NO_OBJECT},
    {.name = "Object", .family = SNAPSHOT_INSTANCE, .base = MX_NO_OBJECT},
    {.name = "app.\"No\\de\"", .family = SNAPSHOT_INSTANCE, .base = 2},
    {.name = "builtins.module", .family = SNAPSHOT_MODULE, .base = MX_NO_OBJECT},
    {.name = "app.\"No\\de\"", .family = SNAPSHOT_INSTANCE, .base = 2}, // another of that name
};
enum { LIST, STR, OBJECT, NODE, MODULE, OTHER_NODE };

static const struct snapshot_root ROOTS[] = {
    {ROOT_MODULE, "module app"},
    {ROOT_FRAME, "thread 812 frame f at app.py:14"},
    {ROOT_MODULE, "module sys"},
};

static void write_text(const char *text, char *buffer, size_t nbytes)
{
    snprintf(buffer, nbytes, "%s", text ? text : "");
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    write_text(((struct made *)data)->previews[object], buffer, nbytes);
}

static void kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data, (void)object;
    write_text("instance", buffer, nbytes);
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    (void)object;
    write_text(((struct made *)data)->labels[reference], buffer, nbytes);
}

static void root_label(void *data, size_t root_reference, char *buffer, size_t nbytes)
{
    write_text(((struct made *)data)->root_labels[root_reference], buffer, nbytes);
}

static void block(void *data, size_t index, struct snapshot_block *ret)
{
    *ret = ((struct made *)data)->blocks[index];
}

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const char *text = ((struct made *)data)->values[object];
    if (!text)
        return SNAPSHOT_NO_VALUE;
    size_t count = strlen(text);
    count = count < nbytes ? count : nbytes;
    memcpy(buffer, text, count);
    return count;
}

static void add_object(struct made *made, mx_addr address, uint32_t type, uint64_t nbytes)
{
    uint32_t object = made->snapshot.object_count++;
    assert_true(object < MOST);
    made->addresses[object] = address / 8;
    made->types[object] = type;
    made->sizes[object] = nbytes;
    made->firsts[object + 1] = made->snapshot.reference_count;
}

// To the object that was added last.
static void add_reference(struct made *made, uint32_t to, uint8_t hold, const char *name)
{
    uint64_t at = made->snapshot.reference_count++;
    assert_true(at < MOST);
    made->targets[at] = to;
    made->holds[at] = hold;
    made->labels[at] = name;
    made->firsts[made->snapshot.object_count]++;
}

static void reverse(struct made *made)
{
    uint64_t place = 0;
    for (uint32_t to = 0; to < made->snapshot.object_count; to++) {
        made->referrer_firsts[to] = place;
        for (uint32_t from = 0; from < made->snapshot.object_count; from++)
            for (uint64_t at = made->firsts[from]; at < made->firsts[from + 1]; at++)
                if (made->targets[at] == to)
                    made->referrers[place++] = from;
        made->referrer_firsts[to + 1] = place;
    }
}

static struct column column(const void *items, enum column_encoding encoding, uint64_t count)
{
    return (struct column){.count = count, .bytes = items, .encoding = (uint8_t)encoding};
}

static const struct snapshot *finish(struct made *made)
{
    struct snapshot *s = &made->snapshot;
    uint64_t objects = s->object_count, references = s->reference_count;
    reverse(made);
    s->address = column(made->addresses, COLUMN_U64, objects);
    s->type = column(made->types, COLUMN_U32, objects);
    s->size = column(made->sizes, COLUMN_U64, objects);
    s->extra = column(made->extras, COLUMN_U64, objects);
    s->first = column(made->firsts, COLUMN_U64, objects + 1);
    s->target = column(made->targets, COLUMN_U32, references);
    s->hold = column(made->holds, COLUMN_U8, references);
    s->referrer_first = column(made->referrer_firsts, COLUMN_U64, objects + 1);
    s->referrer = column(made->referrers, COLUMN_U32, references);
    s->retained = column(made->sizes, COLUMN_U64, objects);
    s->types = TYPES;
    s->type_count = sizeof TYPES / sizeof *TYPES;
    s->roots = ROOTS;
    s->root_count = sizeof ROOTS / sizeof *ROOTS;
    s->texts = (struct snapshot_texts){preview, kind, label, root_label, value, block, made};
    return s;
}

// ---- what is written ----------------------------------------------------------------------------

struct output {
    char *bytes;
    size_t nbytes, room; // `room`: it takes no more than that, when not 0
};

static bool take(const char *bytes, size_t nbytes, void *data)
{
    struct output *output = data;
    if (output->room && output->nbytes + nbytes > output->room)
        return false;
    output->bytes = realloc(output->bytes, output->nbytes + nbytes + 1);
    memcpy(output->bytes + output->nbytes, bytes, nbytes);
    output->nbytes += nbytes;
    output->bytes[output->nbytes] = '\0';
    return true;
}

// To be freed by the caller.
static char *exported(const struct snapshot *s, mx_export_format format,
                      const struct mx_export_options *options)
{
    struct output output = {0};
    struct mx_error err = {0};
    struct mx_export_result result;
    if (export_snapshot(s, format, options, take, &output, &result, &err))
        fail_msg("%s", err.message);
    assert_int_equal(result.bytes, output.nbytes);
    return output.bytes;
}

static json_t *heapsnapshot(const struct snapshot *s)
{
    json_error_t error;
    char *text = exported(s, MX_EXPORT_HEAPSNAPSHOT, NULL);
    json_t *document = json_loads(text, 0, &error);
    if (!document)
        fail_msg("%s at %d: %s", error.text, error.position, text);
    free(text);
    return document;
}

static uint64_t number(json_t *document, const char *list, size_t index)
{
    return (uint64_t)json_integer_value(json_array_get(json_object_get(document, list), index));
}

static const char *string(json_t *document, uint64_t index)
{
    return json_string_value(json_array_get(json_object_get(document, "strings"), index));
}

enum { FIXED = 2 + ROOT_KINDS }; // nodes before the objects

static const char *name_of(json_t *document, size_t node)
{
    return string(document, number(document, "nodes", node * 7 + 1));
}

static uint64_t field(json_t *document, size_t node, size_t index)
{
    return number(document, "nodes", node * 7 + index);
}

// The first edge of a node.
static size_t first_edge(json_t *document, size_t node)
{
    size_t edges = 0;
    for (size_t i = 0; i < node; i++)
        edges += field(document, i, 4);
    return edges;
}

// ---- .heapsnapshot ------------------------------------------------------------------------------

static void make_example(struct made *made)
{
    static const struct snapshot_root_reference references[] = {
        {0, 0, MX_OWNED, true},    {0, 0, MX_OWNED, true}, {0, 1, MX_WEAK, false},
        {1, 0, MX_BORROWED, true}, {2, 1, MX_OWNED, true},
    };
    static const char *const labels[] = {".cache", ".again", ".weak", "local x", ".name"};
    *made = (struct made){0};
    add_object(made, 0x1000, LIST, 56);
    add_reference(made, 1, MX_OWNED, "[0]");
    add_reference(made, 2, MX_BORROWED, "[1]");
    add_object(made, 0x2000, STR, 50);
    add_object(made, 0x3000, NODE, 48);
    add_reference(made, 0, MX_OWNED, ".back");
    add_reference(made, 0, MX_WEAK, ".__weakref__");
    add_object(made, 0x4000, OTHER_NODE, 48);
    made->values[1] = "a \"value\"\n\\ \x01 \xff \xc3\xa9";
    made->root_labels = labels;
    made->snapshot.root_references = references;
    made->snapshot.root_reference_count = sizeof references / sizeof *references;
}

static void test_edges_stand_behind_each_other_by_node_and_lead_to_nodes(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    json_t *document = heapsnapshot(finish(&made));
    size_t nodes = json_array_size(json_object_get(document, "nodes"));
    size_t edges = json_array_size(json_object_get(document, "edges"));
    json_t *head = json_object_get(document, "snapshot");
    assert_int_equal(nodes, (FIXED + 4 + 1) * 7);
    assert_int_equal(json_integer_value(json_object_get(head, "node_count")) * 7, nodes);
    assert_int_equal(json_integer_value(json_object_get(head, "edge_count")) * 3, edges);
    assert_int_equal(first_edge(document, FIXED + 4 + 1) * 3, edges);
    assert_int_equal(field(document, FIXED + 4, 4), 0); // the last node dominates nothing
    for (size_t i = 2; i < edges; i += 3) {
        assert_int_equal(number(document, "edges", i) % 7, 0);
        assert_true(number(document, "edges", i) < nodes);
    }
    json_decref(document);
}

static void test_only_owned_references_are_edges_that_retain(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    json_t *document = heapsnapshot(finish(&made));
    size_t list = first_edge(document, FIXED) * 3, node = first_edge(document, FIXED + 2) * 3;
    assert_int_equal(number(document, "edges", list), EDGE_ELEMENT);
    assert_int_equal(number(document, "edges", list + 1), 0);
    assert_int_equal(number(document, "edges", list + 2), (FIXED + 1) * 7);
    assert_int_equal(number(document, "edges", list + 3), EDGE_WEAK);
    assert_string_equal(string(document, number(document, "edges", list + 4)), "1");
    assert_int_equal(number(document, "edges", node), EDGE_PROPERTY);
    assert_string_equal(string(document, number(document, "edges", node + 1)), "back");
    assert_int_equal(number(document, "edges", node + 3), EDGE_WEAK);
    json_decref(document);
}

static void
test_a_kind_of_roots_leads_to_an_object_once_and_owns_it_when_one_root_does(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    json_t *document = heapsnapshot(finish(&made));
    assert_int_equal(field(document, 0, 4), 1); // the root has one edge
    assert_int_equal(field(document, 1, 4), ROOT_KINDS + 1);
    assert_string_equal(name_of(document, 2 + ROOT_MODULE), "(modules)");
    assert_int_equal(field(document, 2 + ROOT_MODULE, 4), 2);
    assert_int_equal(field(document, 2 + ROOT_FRAME, 4), 1);
    assert_int_equal(field(document, 2 + ROOT_NATIVE, 4), 0);
    size_t edge = first_edge(document, 2 + ROOT_MODULE) * 3;
    assert_string_equal(string(document, number(document, "edges", edge + 1)),
                        "module app: .cache");
    assert_int_equal(number(document, "edges", edge + 3), EDGE_INTERNAL);
    assert_string_equal(string(document, number(document, "edges", edge + 4)), "module sys: .name");
    json_decref(document);
}

static void test_names_are_values_of_strings_and_types_of_the_others(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    add_object(&made, 0x5000, OBJECT, 48);
    add_object(&made, 0x6000, MODULE, 72);
    made.previews[5] = "<module 'app' from 'app.py'>";
    json_t *document = heapsnapshot(finish(&made));
    assert_string_equal(name_of(document, FIXED), "builtins.list");
    assert_string_equal(name_of(document, FIXED + 1), "a \"value\"\n\\ \x01 \xef\xbf\xbd \xc3\xa9");
    assert_string_equal(name_of(document, FIXED + 2), "app.\"No\\de\"");
    // DevTools goes by the number: types of one name are one class.
    assert_int_equal(field(document, FIXED + 2, 1), field(document, FIXED + 3, 1));
    assert_string_not_equal(name_of(document, FIXED + 4), "Object");
    assert_string_equal(name_of(document, FIXED + 5), "<module 'app' from 'app.py'>");
    json_decref(document);
}

static void test_what_is_more_than_2_gib_of_an_object_is_in_nodes_of_its_own(void **state)
{
    (void)state;
    struct made made = {0};
    uint64_t gib = 1ull << 30;
    add_object(&made, 0x1000, LIST, 5 * gib);
    add_object(&made, 0x2000, LIST, 2 * gib);
    add_object(&made, 0x3000, LIST, 2 * gib);
    made.extras[2] = 7;
    json_t *document = heapsnapshot(finish(&made));
    uint64_t total = 0;
    assert_int_equal(json_array_size(json_object_get(document, "nodes")), (FIXED + 3 + 3 + 1) * 7);
    for (size_t i = 0; i < FIXED + 6; i++) {
        assert_true(field(document, i, 3) <= UINT32_MAX);
        total += field(document, i, 3);
    }
    assert_true(total == 9 * gib + 7);
    assert_int_equal(field(document, FIXED, 4), 2);
    assert_int_equal(field(document, FIXED + 1, 4), 0);
    assert_int_equal(field(document, FIXED + 2, 4), 1);
    size_t edge = first_edge(document, FIXED + 2) * 3;
    assert_int_equal(number(document, "edges", edge + 2), (FIXED + 5) * 7);
    assert_int_equal(field(document, FIXED + 5, 3), 7);
    json_decref(document);
}

static void test_labels_become_edges_as_devtools_names_them(void **state)
{
    (void)state;
    static const struct {
        uint8_t family, hold;
        const char *label;
        enum edge_type type;
        const char *name; // NULL: by index
        uint32_t index;
    } cases[] = {
        {SNAPSHOT_INSTANCE, MX_OWNED, ".attr", EDGE_PROPERTY, "attr", 0},
        {SNAPSHOT_INSTANCE, MX_OWNED, ".__class__", EDGE_INTERNAL, "__class__", 0},
        {SNAPSHOT_INSTANCE, MX_OWNED, ".__x", EDGE_PROPERTY, "__x", 0},
        {SNAPSHOT_LIST, MX_OWNED, "[4294967295]", EDGE_ELEMENT, NULL, UINT32_MAX},
        {SNAPSHOT_LIST, MX_OWNED, "[4294967296]", EDGE_PROPERTY, "4294967296", 0},
        {SNAPSHOT_LIST, MX_BORROWED, "[3]", EDGE_WEAK, "3", 0},
        {SNAPSHOT_DICT, MX_OWNED, "[3]", EDGE_PROPERTY, "3", 0},
        {SNAPSHOT_DICT, MX_OWNED, "['user:17']", EDGE_PROPERTY, "user:17", 0},
        {SNAPSHOT_DICT, MX_OWNED, "['']", EDGE_PROPERTY, "''", 0},
        {SNAPSHOT_DICT, MX_OWNED, "['cut", EDGE_PROPERTY, "['cut", 0},
        {SNAPSHOT_DICT, MX_OWNED, "{key 3}", EDGE_INTERNAL, "key 3", 0},
        {SNAPSHOT_FRAME, MX_OWNED, "local x", EDGE_CONTEXT, "x", 0},
        {SNAPSHOT_FUNCTION, MX_OWNED, "closure x", EDGE_CONTEXT, "x", 0},
        {SNAPSHOT_FRAME, MX_OWNED, "stack 3", EDGE_INTERNAL, "stack 3", 0},
        {SNAPSHOT_WEAKREF, MX_WEAK, ".__weak__", EDGE_WEAK, "__weak__", 0},
        // As WeakMaps have them: DevTools would take the edge for one that retains less.
        {SNAPSHOT_SET, MX_OWNED,
         "{1 / part of key (a @1) -> value (b @3) pair in WeakMap (table @5)}", EDGE_PROPERTY,
         "1 / part of key (a @1) -> value (b @3) pair in WeakMap (table @5)", 0},
        {SNAPSHOT_OTHER, MX_OWNED, ".", EDGE_INTERNAL, ".", 0},
        {SNAPSHOT_OTHER, MX_OWNED, "[", EDGE_PROPERTY, "[", 0},
        {SNAPSHOT_OTHER, MX_OWNED, "{}", EDGE_INTERNAL, "{}", 0},
        {SNAPSHOT_OTHER, MX_OWNED, "", EDGE_INTERNAL, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edge_name name = edge_name_of(cases[i].family, cases[i].hold, cases[i].label);
        assert_int_equal(name.type, cases[i].type);
        if (!cases[i].name) {
            assert_int_equal(name.index, cases[i].index);
            continue;
        }
        assert_int_equal(name.nbytes, strlen(cases[i].name));
        assert_memory_equal(name.bytes, cases[i].name, name.nbytes);
    }
}

// ---- ids ----------------------------------------------------------------------------------------

static void find_ids(const struct snapshot *s, uint32_t *ret)
{
    struct ids *ids = malloc(sizeof *ids);
    assert_int_equal(ids_init(s, ids, NULL), MX_OK);
    for (uint32_t i = 0; i < s->object_count; i++)
        ret[i] = ids_of(ids, i);
    ids_fini(ids);
    free(ids);
}

static void test_an_object_has_the_same_odd_id_whatever_came_and_went_beside_it(void **state)
{
    (void)state;
    struct made before = {0}, after = {0};
    uint32_t old[MOST], new[MOST];
    for (uint32_t i = 0; i < 20; i++)
        add_object(&before, 0x7f0000000000 + i * 16, LIST, 16);
    for (uint32_t i = 1; i < 20; i += 2)
        add_object(&after, 0x7f0000000000 + i * 16, LIST, 16);
    find_ids(finish(&before), old);
    find_ids(finish(&after), new);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(old[i] % 2, 1);
        assert_true(old[i] > 2 * ID_RESERVED);
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(old[i], old[j]);
        if (i % 2)
            assert_int_equal(old[i], new[i / 2]);
    }
}

static void test_objects_a_multiple_of_32_gib_apart_have_ids_of_their_own(void **state)
{
    (void)state;
    struct made before = {0}, after = {0};
    uint32_t old[MOST], new[MOST];
    mx_addr place = 0x400000, far = 32ull << 30;
    add_object(&before, 0x10, LIST, 16); // the ids of nodes that are no objects
    add_object(&before, place, LIST, 16);
    add_object(&before, place + far, LIST, 16);
    add_object(&before, place + 2 * far, LIST, 16);
    add_object(&after, place, LIST, 16);
    add_object(&after, place + 2 * far, LIST, 16);
    find_ids(finish(&before), old);
    find_ids(finish(&after), new);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(old[i], old[j]);
    assert_true(old[0] > 2 * ID_RESERVED);
    assert_int_equal(old[1], new[0]);
    assert_int_equal(old[3], new[1]);
}

// ---- tables -------------------------------------------------------------------------------------

static void test_csv_quotes_what_needs_it_and_nothing_else(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    made.labels[0] = "['a,b\"c']";
    struct mx_export_options options = {.table = MX_TABLE_REFERENCES};
    char *text = exported(finish(&made), MX_EXPORT_CSV, &options);
    assert_string_equal(text, "from,label,to,ownership\r\n"
                              "0x1000,\"['a,b\"\"c']\",0x2000,owned\r\n"
                              "0x1000,[1],0x3000,borrowed\r\n"
                              "0x3000,.back,0x1000,owned\r\n"
                              "0x3000,.__weakref__,0x1000,weak\r\n");
    free(text);
}

static void test_every_line_of_jsonl_is_an_object_with_its_references(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    made.previews[2] = "\"</script>\xf0\x9f\x92\xa9";
    char *text = exported(finish(&made), MX_EXPORT_JSONL, NULL), *rest = text;
    for (uint32_t i = 0; i < 4; i++) {
        char *end = strchr(rest, '\n');
        assert_non_null(end);
        json_t *object = json_loadb(rest, (size_t)(end - rest), 0, NULL);
        assert_non_null(object);
        json_t *references = json_object_get(object, "references");
        assert_int_equal(json_array_size(references), i == 0 || i == 2 ? 2 : 0);
        if (i == 2)
            assert_string_equal(json_string_value(json_object_get(object, "preview")),
                                made.previews[2]);
        json_decref(object);
        rest = end + 1;
    }
    assert_int_equal(*rest, '\0');
    free(text);
}

static void test_every_table_has_as_many_cells_as_names(void **state)
{
    (void)state;
    static const struct mx_frame frames[] = {{"f", "app.py", 14}, {"<module>", "app.py", 0}};
    static const struct mx_thread threads[] = {{812, 1, frames, 2}};
    static const struct snapshot_block blocks[] = {{0x9000, 64, 0, "malloc", NULL},
                                                   {0xA000, 64, MX_NO_OBJECT, NULL, "x"}};
    static const size_t rows[] = {4, 4, 6, 5, 2, 2};
    struct made made;
    make_example(&made);
    made.snapshot.threads = threads;
    made.snapshot.thread_count = 1;
    made.blocks = blocks;
    made.snapshot.block_count = 2;
    made.values[1] = "plain";
    const struct snapshot *s = finish(&made);
    struct mx_export_options options = {0};
    for (; mx_export_table_name(options.table); options.table++) {
        char *text = exported(s, MX_EXPORT_CSV, &options);
        size_t names = 0, lines = 0;
        for (char *line = text, *end; (end = strstr(line, "\r\n")); line = end + 2, lines++) {
            size_t commas = 0;
            for (char *c = line; c < end; c++)
                commas += *c == ',';
            if (lines == 0)
                names = commas;
            assert_int_equal(commas, names);
        }
        assert_int_equal(lines, rows[options.table] + 1);
        free(text);
    }
}

// ---- drawings -----------------------------------------------------------------------------------

static void test_a_drawing_has_the_object_its_neighbours_and_roots(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    made.previews[2] = "say \"hi\\\"";
    struct mx_export_options options = {.object = 0x1000};
    char *text = exported(finish(&made), MX_EXPORT_DOT, &options);
    assert_non_null(strstr(text, "n0 [label=\"builtins.list\\n"));
    assert_non_null(strstr(text, "n1 -> n0 [label=\".back and 1 more\", style=solid]"));
    assert_non_null(strstr(text, "say \\\"hi\\\\\\\""));
    assert_non_null(strstr(text, "label=\"thread 812 frame f at app.py:14\""));
    assert_null(strstr(text, "n3")); // nothing leads to it
    free(text);
}

static void test_a_drawing_of_a_crowd_says_how_many_it_leaves_out(void **state)
{
    (void)state;
    struct made made = {0};
    for (uint32_t i = 0; i < 500; i++) {
        add_object(&made, 0x1000 + 16 * i, LIST, 56);
        add_reference(&made, 0, MX_OWNED, "[0]");
    }
    struct mx_export_options options = {.object = 0x1000, .depth = 3};
    char *text = exported(finish(&made), MX_EXPORT_DOT, &options);
    size_t drawn = 0;
    for (char *at = text; (at = strstr(at, "tooltip=")); at++)
        drawn++;
    assert_int_equal(drawn, 61); // the object, and those who are drawn beside one
    assert_non_null(strstr(text, "label=\"... 439 more\""));
    free(text);
}

static void test_a_drawing_has_one_line_between_two_objects(void **state)
{
    (void)state;
    struct made made = {0};
    add_object(&made, 0x1000, LIST, 56);
    add_reference(&made, 1, MX_BORROWED, "[0]");
    for (uint32_t i = 1; i < 400; i++)
        add_reference(&made, 1, MX_OWNED, "[1]");
    add_object(&made, 0x2000, STR, 56);
    struct mx_export_options options = {.object = 0x1000};
    char *text = exported(finish(&made), MX_EXPORT_DOT, &options);
    char *line = strstr(text, "n0 -> n1 [label=\"[1] and 399 more\", style=solid]");
    assert_non_null(line);
    assert_null(strstr(line + 1, "n0 -> n1"));
    free(text);
}

static void test_a_drawing_needs_an_object(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    struct output output = {0};
    struct mx_export_options options = {.object = 0x1008};
    const struct snapshot *s = finish(&made);
    assert_int_equal(export_snapshot(s, MX_EXPORT_DOT, NULL, take, &output, NULL, NULL),
                     MX_BAD_ARGUMENT);
    assert_int_equal(export_snapshot(s, MX_EXPORT_DOT, &options, take, &output, NULL, NULL),
                     MX_NOT_FOUND);
    assert_int_equal(output.nbytes, 0);
}

// ---- anything at all ----------------------------------------------------------------------------

static uint32_t random_below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % limit;
}

// Bytes of every kind, ended by NUL.
static const char *random_text(uint64_t *seed, char *text, uint32_t room)
{
    static const char *const beginnings[] = {".",      "['", "[",        "{",
                                             "local ", "__", "\xf0\x9f", "1 / part"};
    uint32_t nbytes = random_below(seed, room - 10);
    snprintf(text, room, "%s", beginnings[random_below(seed, 8)]);
    size_t used = strlen(text);
    for (uint32_t i = 0; i < nbytes; i++, used++)
        text[used] = (char)(1 + random_below(seed, 255));
    text[used] = '\0';
    return text;
}

static void make_random(struct made *made, uint64_t *seed, char (*texts)[400])
{
    static const struct snapshot_root_reference references[] = {
        {0, 0, MX_OWNED, true}, {1, 0, MX_BORROWED, false}, {2, 0, MX_WEAK, true}};
    static const char *const root_labels[] = {"0\xff\"", "\n", ""};
    static const uint64_t sizes[] = {0, 16, UINT32_MAX, 1ull << 32, (9ull << 30) + 1};
    uint32_t count = 1 + random_below(seed, 12);
    bool far_apart = random_below(seed, 2); // where ids meet
    *made = (struct made){.root_labels = root_labels};
    for (uint32_t i = 0; i < count; i++) {
        add_object(made, 0x1000 + i * (far_apart ? 1ull << 35 : 0x1000), random_below(seed, 6),
                   sizes[random_below(seed, 5)]);
        for (uint32_t left = random_below(seed, 6); left; left--)
            add_reference(made, random_below(seed, count), (uint8_t)random_below(seed, 4),
                          random_text(seed, texts[random_below(seed, 20)], 400));
        made->previews[i] = random_text(seed, texts[20 + i], 400);
        made->values[i] = random_below(seed, 2) ? made->previews[i] : NULL;
    }
    made->snapshot.root_references = references;
    made->snapshot.root_reference_count = 3;
}

static void check_heapsnapshot(const struct snapshot *s)
{
    json_t *document = heapsnapshot(s);
    size_t nodes = json_array_size(json_object_get(document, "nodes")) / 7;
    size_t edges = json_array_size(json_object_get(document, "edges")) / 3;
    size_t strings = json_array_size(json_object_get(document, "strings"));
    assert_int_equal(first_edge(document, nodes), edges);
    for (size_t i = 0; i < nodes; i++) {
        assert_true(field(document, i, 1) < strings);
        assert_true(field(document, i, 3) <= UINT32_MAX);
    }
    for (size_t i = 0; i < edges; i++) {
        uint64_t type = number(document, "edges", i * 3);
        assert_true(type <= EDGE_WEAK);
        assert_true(type == EDGE_ELEMENT || number(document, "edges", i * 3 + 1) < strings);
        assert_true(number(document, "edges", i * 3 + 2) < nodes * 7);
    }
    json_decref(document);
}

static void test_whatever_bytes_names_have_what_is_written_can_be_read(void **state)
{
    (void)state;
    static char texts[20 + 12][400];
    uint64_t seed = 17;
    for (int round = 0; round < 300; round++) {
        struct made made;
        make_random(&made, &seed, texts);
        const struct snapshot *s = finish(&made);
        check_heapsnapshot(s);
        char *lines = exported(s, MX_EXPORT_JSONL, NULL), *line = lines;
        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
            json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
            assert_non_null(object);
            json_decref(object);
        }
        free(lines);
        struct mx_export_options options = {.object = snapshot_address(s, 0), .depth = 5};
        free(exported(s, MX_EXPORT_DOT, &options));
        options.table = MX_TABLE_REFERENCES;
        free(exported(s, MX_EXPORT_CSV, &options));
    }
}

// ---- failures -----------------------------------------------------------------------------------

static void test_what_cannot_be_written_is_an_error_for_every_format(void **state)
{
    (void)state;
    struct made made;
    make_example(&made);
    const struct snapshot *s = finish(&made);
    struct mx_export_options options = {.object = 0x1000};
    for (mx_export_format format = 0; mx_export_format_name(format); format++) {
        struct output output = {.room = 1};
        struct mx_error err;
        assert_int_equal(export_snapshot(s, format, &options, take, &output, NULL, &err), MX_IO);
        free(output.bytes);
    }
}

static void test_text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("ab", 2), 2);
    assert_int_equal(utf8_cut("a\xc3\xa9", 3), 3);
    assert_int_equal(utf8_cut("a\xc3\xa9", 2), 1);
    assert_int_equal(utf8_cut("\xf0\x9f\x92\xa9", 3), 0);
    assert_int_equal(utf8_cut("\xf0\x9f\x92\xa9", 4), 4);
    assert_int_equal(utf8_cut("", 0), 0);
    assert_int_equal(utf8_character("\xed\xa0\x80", 3), 0); // a surrogate
    assert_int_equal(utf8_character("\xc0\x80", 2), 0);     // longer than it need be
    assert_int_equal(utf8_character("\xf4\x90\x80\x80", 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_stand_behind_each_other_by_node_and_lead_to_nodes),
        cmocka_unit_test(test_only_owned_references_are_edges_that_retain),
        cmocka_unit_test(
            test_a_kind_of_roots_leads_to_an_object_once_and_owns_it_when_one_root_does),
        cmocka_unit_test(test_names_are_values_of_strings_and_types_of_the_others),
        cmocka_unit_test(test_what_is_more_than_2_gib_of_an_object_is_in_nodes_of_its_own),
        cmocka_unit_test(test_labels_become_edges_as_devtools_names_them),
        cmocka_unit_test(test_an_object_has_the_same_odd_id_whatever_came_and_went_beside_it),
        cmocka_unit_test(test_objects_a_multiple_of_32_gib_apart_have_ids_of_their_own),
        cmocka_unit_test(test_csv_quotes_what_needs_it_and_nothing_else),
        cmocka_unit_test(test_every_line_of_jsonl_is_an_object_with_its_references),
        cmocka_unit_test(test_every_table_has_as_many_cells_as_names),
        cmocka_unit_test(test_a_drawing_has_the_object_its_neighbours_and_roots),
        cmocka_unit_test(test_a_drawing_of_a_crowd_says_how_many_it_leaves_out),
        cmocka_unit_test(test_a_drawing_has_one_line_between_two_objects),
        cmocka_unit_test(test_a_drawing_needs_an_object),
        cmocka_unit_test(test_whatever_bytes_names_have_what_is_written_can_be_read),
        cmocka_unit_test(test_what_cannot_be_written_is_an_error_for_every_format),
        cmocka_unit_test(test_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
