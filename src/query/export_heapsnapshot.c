// export_heapsnapshot.c - the graph as V8 writes heaps, for Chrome DevTools, VS Code and MemLab.
//
//   node 0              the root
//   node 1              (GC roots)
//   nodes 2 to 8        a node for each kind of root: its edges are the root references of that kind
//   nodes 9 to 8 + n    the objects, by address
//   nodes behind        what is more than 2 GiB of an object: sizes, too, have 32 bits
//   the last node       nothing: VS Code's reader takes it for one that dominates no other
//
// The root has one edge only: DevTools does not bear two from it to one node. What retains in the
// snapshot retains here: owned references have the types of export_edges.c, all others are weak.
#include "base/cleanup.h"
#include "base/error.h"
#include "query/export.h"
#include "query/export_edges.h"
#include "query/export_ids.h"
#include "query/export_nodes.h"

#define NODE_FIELDS 7
#define FIXED_NODES (2 + ROOT_KINDS)
#define LIMIT_NODES (UINT32_MAX / NODE_FIELDS) // edges say 7 x the number of the node, in 32 bits
#define LIMIT_SELF_NBYTES (1u << 31)

static const char META[] =
    "{\"snapshot\":{\"meta\":{"
    "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\","
    "\"detachedness\"],"
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\","
    "\"number\",\"native\",\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\","
    "\"bigint\"],\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],"
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
    "\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\","
    "\"weak\"],\"string_or_number\",\"node\"],"
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\","
    "\"line\",\"column\"],"
    "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
    "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},";

static const char *const KIND_NAMES[ROOT_KINDS] = {
    [ROOT_MODULE] = "(modules)",
    [ROOT_FRAME] = "(frames)",
    [ROOT_THREAD] = "(threads)",
    [ROOT_INTERPRETER] = "(interpreter)",
    [ROOT_TYPE] = "(static types)",
    [ROOT_NATIVE] = "(native code)",
    [ROOT_GARBAGE] = "(garbage: nothing holds it)",
};

struct part {
    uint32_t object, nbytes;
};

struct writer {
    struct export *export;
    const struct snapshot *s;
    struct sink *sink;
    struct names *names;
    struct ids ids;
    struct node_namer namer;
    uint64_t *seen; // a bit an object
    uint64_t kind_edges[ROOT_KINDS];
    VECTOR(struct part) parts; // by object
    size_t next_part;
    bool any; // a node, or an edge, was written: a comma goes before the next
};

static uint32_t add_name(struct writer *writer, const char *name)
{
    return names_add(writer->names, name, strlen(name));
}

static void write_numbers(struct writer *writer, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i || writer->any)
            sink_char(writer->sink, ',');
        if (!i && writer->any)
            sink_char(writer->sink, '\n');
        sink_number(writer->sink, numbers[i]);
    }
    writer->any = true;
}

static void write_node(struct writer *writer, enum node_type type, uint32_t name, uint32_t id,
                       uint32_t self_nbytes, uint64_t edge_count)
{
    const uint32_t fields[NODE_FIELDS] = {type, name, id, self_nbytes, (uint32_t)edge_count, 0, 0};
    write_numbers(writer, fields, NODE_FIELDS);
}

static void write_edge(struct writer *writer, enum edge_type type, uint32_t name, uint32_t node)
{
    write_numbers(writer, (const uint32_t[]){type, name, node * NODE_FIELDS}, 3);
}

// ---- roots --------------------------------------------------------------------------------------

typedef void root_edge_fn(struct writer *writer, size_t root_reference);

// Each object once: with a reference that keeps it alive, when the kind has one to it.
static void visit_roots_that(struct writer *writer, uint8_t kind, bool keep, root_edge_fn *fn)
{
    const struct snapshot *s = writer->s;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        if (s->roots[reference->root].kind != kind || reference->keeps != keep)
            continue;
        uint64_t *word = &writer->seen[reference->to / 64], bit = 1ull << reference->to % 64;
        if (!(*word & bit))
            fn(writer, i);
        *word |= bit;
    }
}

static void visit_roots(struct writer *writer, uint8_t kind, root_edge_fn *fn)
{
    const struct snapshot *s = writer->s;
    visit_roots_that(writer, kind, true, fn);
    visit_roots_that(writer, kind, false, fn);
    for (size_t i = 0; i < s->root_reference_count; i++)
        writer->seen[s->root_references[i].to / 64] = 0;
}

static void count_root_edge(struct writer *writer, size_t root_reference)
{
    uint32_t root = writer->s->root_references[root_reference].root;
    writer->kind_edges[writer->s->roots[root].kind]++;
}

// "thread 812 frame f at app.py:14: local x"
static void write_root_edge(struct writer *writer, size_t root_reference)
{
    char name[2 * NAME_NBYTES + 4], label[NAME_NBYTES];
    const struct snapshot_root_reference *reference = &writer->s->root_references[root_reference];
    const char *root = writer->s->roots[reference->root].name;
    export_root_label(writer->export, root_reference, label);
    int nbytes = snprintf(name, sizeof name, "%.*s%s%.*s", NAME_NBYTES, root, *label ? ": " : "",
                          NAME_NBYTES, label);
    bool numeral = name[0] >= '0' && name[0] <= '9'; // as in export_edges.c
    enum edge_type type = !reference->keeps ? EDGE_WEAK : numeral ? EDGE_PROPERTY : EDGE_INTERNAL;
    write_edge(writer, type, names_add(writer->names, name, utf8_cut(name, (size_t)nbytes)),
               FIXED_NODES + reference->to);
}

// ---- objects ------------------------------------------------------------------------------------

// What the object's node has itself. What is more goes into parts.
static uint32_t self_nbytes(uint64_t nbytes)
{
    return nbytes > LIMIT_SELF_NBYTES ? LIMIT_SELF_NBYTES : (uint32_t)nbytes;
}

static mx_status find_parts(struct writer *writer, struct mx_error *err)
{
    for (uint32_t i = 0; i < writer->s->object_count; i++) {
        uint64_t left = snapshot_nbytes(writer->s, i);
        for (left -= self_nbytes(left); left; left -= self_nbytes(left)) {
            if (writer->parts.count > LIMIT_NODES)
                return fail(err, MX_CORRUPT, "the sizes of the objects are too large to be true");
            if (!vector_push(&writer->parts, ((struct part){i, self_nbytes(left)})))
                return fail_no_memory(err);
        }
    }
    return MX_OK;
}

// Calls of this go through the objects in order; part numbers are those of the vector.
static size_t parts_of(struct writer *writer, uint32_t object)
{
    size_t count = 0;
    while (writer->next_part + count < writer->parts.count &&
           writer->parts.items[writer->next_part + count].object == object)
        count++;
    writer->next_part += count;
    return count;
}

// ---- sections -----------------------------------------------------------------------------------

static void write_head(struct writer *writer, uint64_t node_count, uint64_t edge_count)
{
    sink_text(writer->sink, META);
    sink_text(writer->sink, "\"node_count\":");
    sink_number(writer->sink, node_count);
    sink_text(writer->sink, ",\"edge_count\":");
    sink_number(writer->sink, edge_count);
    sink_text(writer->sink, ",\"trace_function_count\":0},\n");
}

static void write_fixed_nodes(struct writer *writer)
{
    write_node(writer, NODE_SYNTHETIC, add_name(writer, ""), id_of_slot(0), 0, 1);
    write_node(writer, NODE_SYNTHETIC, add_name(writer, "(GC roots)"), id_of_slot(1), 0,
               ROOT_KINDS + 1);
    for (uint32_t kind = 0; kind < ROOT_KINDS; kind++)
        write_node(writer, NODE_SYNTHETIC, add_name(writer, KIND_NAMES[kind]), id_of_slot(2 + kind),
                   0, writer->kind_edges[kind]);
}

static mx_status write_nodes(struct writer *writer, struct mx_error *err)
{
    const struct snapshot *s = writer->s;
    sink_text(writer->sink, "\"nodes\":[");
    writer->any = false;
    writer->next_part = 0;
    write_fixed_nodes(writer);
    for (uint32_t i = 0; i < s->object_count && !writer->sink->failed; i++) {
        uint8_t family = snapshot_type_of(s, i)->family;
        write_node(writer, node_type_of(family), node_name(&writer->namer, i),
                   ids_of(&writer->ids, i), self_nbytes(snapshot_nbytes(s, i)),
                   snapshot_references(s, i) + parts_of(writer, i));
        export_progress(writer->export, "writing objects", i, s->object_count);
    }
    uint32_t part = 0, name = add_name(writer, "(further memory of an object)");
    for (size_t i = 0; i < writer->parts.count; i++) {
        const struct part *it = &writer->parts.items[i];
        part = i && writer->parts.items[i - 1].object == it->object ? part + 1 : 1;
        uint32_t id;
        mx_status status = ids_take_part(&writer->ids, it->object, part, &id, err);
        if (status)
            return status;
        write_node(writer, NODE_NATIVE, name, id, it->nbytes, 0);
    }
    write_node(writer, NODE_SYNTHETIC, add_name(writer, "(end)"), id_of_slot(FIXED_NODES), 0, 0);
    sink_text(writer->sink, "],\n");
    return MX_OK;
}

static void write_object_edges(struct writer *writer, uint32_t object)
{
    char label[NAME_NBYTES];
    const struct snapshot *s = writer->s;
    uint8_t family = snapshot_type_of(s, object)->family;
    uint64_t end = column_at(&s->first, object + 1ull);
    for (uint64_t at = column_at(&s->first, object); at < end; at++) {
        export_label(writer->export, object, at, label);
        struct edge_name name = edge_name_of(family, (uint8_t)column_at(&s->hold, at), label);
        uint32_t place = name.type == EDGE_ELEMENT
                             ? name.index
                             : names_add(writer->names, name.bytes, name.nbytes);
        write_edge(writer, name.type, place, FIXED_NODES + (uint32_t)column_at(&s->target, at));
    }
    uint32_t part = FIXED_NODES + s->object_count + (uint32_t)writer->next_part;
    for (size_t left = parts_of(writer, object); left; left--)
        write_edge(writer, EDGE_INTERNAL, add_name(writer, "further memory"), part++);
}

static void write_edges(struct writer *writer)
{
    sink_text(writer->sink, "\"edges\":[");
    writer->any = false;
    writer->next_part = 0;
    write_edge(writer, EDGE_ELEMENT, 1, 1);
    for (uint32_t kind = 0; kind < ROOT_KINDS; kind++)
        write_edge(writer, EDGE_ELEMENT, kind + 1, 2 + kind);
    write_edge(writer, EDGE_ELEMENT, ROOT_KINDS + 1,
               FIXED_NODES + writer->s->object_count + (uint32_t)writer->parts.count);
    for (uint8_t kind = 0; kind < ROOT_KINDS; kind++)
        visit_roots(writer, kind, write_root_edge);
    for (uint32_t i = 0; i < writer->s->object_count && !writer->sink->failed; i++) {
        write_object_edges(writer, i);
        export_progress(writer->export, "writing references", i, writer->s->object_count);
    }
    sink_text(writer->sink, "],\n");
}

static mx_status write_all(struct writer *writer, struct mx_error *err)
{
    const struct snapshot *s = writer->s;
    uint64_t nodes = FIXED_NODES + (uint64_t)s->object_count + writer->parts.count + 1;
    uint64_t edges = 1 + ROOT_KINDS + 1 + s->reference_count + writer->parts.count;
    for (uint8_t kind = 0; kind < ROOT_KINDS; kind++) {
        visit_roots(writer, kind, count_root_edge);
        edges += writer->kind_edges[kind];
    }
    if (nodes > LIMIT_NODES)
        return fail(err, MX_LIMIT,
                    "%llu objects: a .heapsnapshot has %u at most; export them as csv or jsonl",
                    (unsigned long long)nodes, LIMIT_NODES);
    write_head(writer, nodes, edges);
    mx_status status = write_nodes(writer, err);
    if (status)
        return status;
    write_edges(writer);
    sink_text(writer->sink, "\"trace_function_infos\":[],\"trace_tree\":[],\"samples\":[],"
                            "\"locations\":[],\n\"strings\":[");
    status = names_write(writer->names, writer->sink, err);
    sink_text(writer->sink, "]}\n");
    writer->export->result.records = nodes;
    writer->export->result.references = edges;
    return status;
}

static mx_status writer_init(struct writer *writer, struct export *export, struct mx_error *err)
{
    const struct snapshot *s = writer->s = export->snapshot;
    writer->export = export;
    writer->sink = export->sink;
    writer->seen = calloc((size_t)s->object_count / 64 + 1, sizeof *writer->seen);
    if (!writer->seen)
        return fail_no_memory(err);
    mx_status status = names_new(&writer->names, err);
    if (!status)
        status = node_namer_init(&writer->namer, export, writer->names, err);
    if (!status)
        status = ids_init(s, &writer->ids, err);
    return status ? status : find_parts(writer, err);
}

mx_status export_heapsnapshot(struct export *export, struct mx_error *err)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return fail_no_memory(err);
    mx_status status = writer_init(writer, export, err);
    if (!status)
        status = write_all(writer, err);
    ids_fini(&writer->ids);
    names_free(writer->names);
    vector_free(&writer->parts);
    free(writer->seen);
    node_namer_fini(&writer->namer);
    free(writer);
    return status;
}
