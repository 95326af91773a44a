// export_dot.c - what is around one object, for Graphviz: what it refers to on one side, what refers
// to it on the other, and the roots that hold any of these.
//
// A picture of more than some 200 objects cannot be read: from each object a few references are
// followed, the first ones, and a node of dots says how many were left out.
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/map.h"
#include "query/export.h"

#define FAN_CENTRE 60       // references followed from the object in the middle, each way
#define FAN 12              // and from the others
#define DRAWN_ROOTS 40      // nodes of roots
#define SHOWN_CHARACTERS 60 // of a preview

enum side {
    SIDE_OUT, // the middle leads to it
    SIDE_IN,  // it leads to the middle
};

struct drawn {
    uint32_t object;
    uint8_t side;
};

// References from one node to another: the first of them, an owned one where there is one.
struct pair {
    uint64_t first, count;
    uint8_t hold;
};

struct drawing {
    struct export *export;
    const struct snapshot *s;
    struct sink *sink;
    struct map numbers; // object + 1 -> place in drawn, + 1
    struct drawn drawn[MX_EXPORT_DRAWN_OBJECTS];
    uint32_t count;
    uint32_t roots[DRAWN_ROOTS], root_count;
    struct pair held[DRAWN_ROOTS][MX_EXPORT_DRAWN_OBJECTS];
    uint64_t omitted[MX_EXPORT_DRAWN_OBJECTS][2]; // by side: neighbours that are not drawn
};

// ---- which objects ------------------------------------------------------------------------------

// The place of the object; drawing->count when it is not drawn.
static uint32_t place_of(const struct drawing *drawing, uint32_t object)
{
    const uint64_t *place = map_find(&drawing->numbers, (uint64_t)object + 1);
    return place ? (uint32_t)*place - 1 : drawing->count;
}

static mx_status draw(struct drawing *drawing, uint32_t object, enum side side,
                      struct mx_error *err)
{
    uint64_t *place = map_put(&drawing->numbers, (uint64_t)object + 1);
    if (!place)
        return fail_no_memory(err);
    drawing->drawn[drawing->count] = (struct drawn){object, (uint8_t)side};
    *place = ++drawing->count;
    return MX_OK;
}

static void neighbours(const struct snapshot *s, enum side side, uint32_t object,
                       const struct column **ret_others, uint64_t *ret_first, uint64_t *ret_end)
{
    const struct column *first = side == SIDE_OUT ? &s->first : &s->referrer_first;
    *ret_others = side == SIDE_OUT ? &s->target : &s->referrer;
    *ret_first = column_at(first, object);
    *ret_end = column_at(first, object + 1ull);
}

// Draws what this one leads to, or what leads to it.
static mx_status spread(struct drawing *drawing, uint32_t place, enum side side,
                        struct mx_error *err)
{
    uint32_t left = place ? FAN : FAN_CENTRE;
    const struct column *others;
    uint64_t at, end;
    mx_status status = MX_OK;
    neighbours(drawing->s, side, drawing->drawn[place].object, &others, &at, &end);
    for (; at < end && !status; at++) {
        uint32_t other = (uint32_t)column_at(others, at);
        if (place_of(drawing, other) < drawing->count)
            continue;
        if (!left || drawing->count == MX_EXPORT_DRAWN_OBJECTS) {
            drawing->omitted[place][side]++;
            continue;
        }
        left--;
        status = draw(drawing, other, side, err);
    }
    return status;
}

static mx_status choose(struct drawing *drawing, struct mx_error *err)
{
    const struct mx_export_options *options = drawing->export->options;
    uint32_t object, done = 0, depth = options->depth ? options->depth : MX_EXPORT_DEPTH;
    if (!options->object)
        return fail(err, MX_BAD_ARGUMENT,
                    "a drawing shows what is around one object: its address is missing");
    if (!snapshot_find(drawing->s, options->object, &object))
        return fail(err, MX_NOT_FOUND, "there is no object at 0x%" PRIx64, options->object);
    mx_status status = draw(drawing, object, SIDE_OUT, err);
    for (uint32_t i = 0; i < depth && done < drawing->count && !status; i++) {
        for (uint32_t end = drawing->count; done < end && !status; done++) {
            if (done == 0 || drawing->drawn[done].side == SIDE_IN)
                status = spread(drawing, done, SIDE_IN, err);
            if (!status && (done == 0 || drawing->drawn[done].side == SIDE_OUT))
                status = spread(drawing, done, SIDE_OUT, err);
        }
    }
    return status;
}

// ---- the picture --------------------------------------------------------------------------------

static void write_node(const struct drawing *drawing, uint32_t place)
{
    char text[NAME_NBYTES], sizes[100];
    struct sink *sink = drawing->sink;
    uint32_t object = drawing->drawn[place].object;
    const char *type = snapshot_type_of(drawing->s, object)->name;
    const char *preview = export_preview(drawing->export, object, text);
    snprintf(sizes, sizeof sizes, "%" PRIu64 " B, retains %" PRIu64 " B",
             snapshot_nbytes(drawing->s, object), column_at(&drawing->s->retained, object));
    sink_text(sink, "  n");
    sink_number(sink, place);
    sink_text(sink, " [label=\"");
    sink_dot(sink, type, strlen(type));
    sink_text(sink, "\\n");
    size_t nbytes = strlen(preview);
    sink_dot(sink, preview,
             utf8_cut(preview, nbytes < SHOWN_CHARACTERS ? nbytes : SHOWN_CHARACTERS));
    sink_text(sink, nbytes > SHOWN_CHARACTERS ? "...\\n" : "\\n");
    sink_text(sink, sizes);
    sink_text(sink, "\", tooltip=\"");
    sink_address(sink, snapshot_address(drawing->s, object));
    sink_text(sink, place ? "\"];\n" : "\", penwidth=3];\n");
}

static const char *style_of(uint8_t hold)
{
    return hold == MX_OWNED ? "solid" : hold == MX_WEAK ? "dotted" : "dashed";
}

// `more` stand between the same two nodes beside the one with this label.
static void write_edge_label(const struct drawing *drawing, const char *label, uint8_t hold,
                             uint64_t more)
{
    sink_text(drawing->sink, " [label=\"");
    sink_dot(drawing->sink, label, strlen(label));
    if (more) {
        sink_text(drawing->sink, " and ");
        sink_number(drawing->sink, more);
        sink_text(drawing->sink, " more");
    }
    sink_text(drawing->sink, "\", style=");
    sink_text(drawing->sink, style_of(hold));
    sink_text(drawing->sink, "];\n");
}

static void find_pairs(const struct drawing *drawing, uint32_t object, struct pair *pairs)
{
    const struct snapshot *s = drawing->s;
    uint64_t end = column_at(&s->first, object + 1ull);
    for (uint64_t at = column_at(&s->first, object); at < end; at++) {
        uint32_t to = place_of(drawing, (uint32_t)column_at(&s->target, at));
        if (to == drawing->count)
            continue;
        struct pair *pair = &pairs[to];
        uint8_t hold = (uint8_t)column_at(&s->hold, at);
        if (!pair->count++ || (hold == MX_OWNED && pair->hold != MX_OWNED)) {
            pair->first = at;
            pair->hold = hold;
        }
    }
}

static void write_edges(struct drawing *drawing, uint32_t place)
{
    char label[NAME_NBYTES];
    struct pair pairs[MX_EXPORT_DRAWN_OBJECTS] = {0};
    uint32_t object = drawing->drawn[place].object;
    find_pairs(drawing, object, pairs);
    for (uint32_t to = 0; to < drawing->count; to++) {
        const struct pair *pair = &pairs[to];
        if (!pair->count)
            continue;
        sink_text(drawing->sink, "  n");
        sink_number(drawing->sink, place);
        sink_text(drawing->sink, " -> n");
        sink_number(drawing->sink, to);
        export_label(drawing->export, object, pair->first, label);
        write_edge_label(drawing, label, pair->hold, pair->count - 1);
        drawing->export->result.references++;
    }
}

// A node of dots on the side where neighbours were left out.
static void write_omitted(const struct drawing *drawing, uint32_t place, enum side side)
{
    char line[200];
    uint64_t count = drawing->omitted[place][side];
    if (!count)
        return;
    snprintf(line, sizeof line,
             "  m%u_%u [label=\"... %" PRIu64 " more\", shape=plaintext];\n"
             "  %c%u%s -> %c%u%s [style=dotted];\n",
             place, side, count, side == SIDE_OUT ? 'n' : 'm', place, side == SIDE_OUT ? "" : "_1",
             side == SIDE_OUT ? 'm' : 'n', place, side == SIDE_OUT ? "_0" : "");
    sink_text(drawing->sink, line);
}

// The root's place among those that are drawn; DRAWN_ROOTS when there are enough of them.
static uint32_t root_place(struct drawing *drawing, uint32_t root)
{
    uint32_t at = 0;
    while (at < drawing->root_count && drawing->roots[at] != root)
        at++;
    if (at == drawing->root_count && at < DRAWN_ROOTS)
        drawing->roots[drawing->root_count++] = root;
    return at;
}

static void find_held(struct drawing *drawing)
{
    const struct snapshot *s = drawing->s;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        uint32_t to = place_of(drawing, reference->to);
        uint32_t root = to < drawing->count ? root_place(drawing, reference->root) : DRAWN_ROOTS;
        if (root == DRAWN_ROOTS)
            continue;
        struct pair *pair = &drawing->held[root][to];
        if (!pair->count++ || (reference->hold == MX_OWNED && pair->hold != MX_OWNED)) {
            pair->first = i;
            pair->hold = reference->hold;
        }
    }
}

static void write_root(struct drawing *drawing, uint32_t root)
{
    char label[NAME_NBYTES];
    struct sink *sink = drawing->sink;
    const char *name = drawing->s->roots[drawing->roots[root]].name;
    sink_text(sink, "  r");
    sink_number(sink, root);
    sink_text(sink, " [shape=box, style=filled, fillcolor=lightgrey, label=\"");
    sink_dot(sink, name, strlen(name));
    sink_text(sink, "\"];\n");
    for (uint32_t to = 0; to < drawing->count; to++) {
        const struct pair *pair = &drawing->held[root][to];
        if (!pair->count)
            continue;
        sink_text(sink, "  r");
        sink_number(sink, root);
        sink_text(sink, " -> n");
        sink_number(sink, to);
        write_edge_label(drawing, export_root_label(drawing->export, pair->first, label),
                         pair->hold, pair->count - 1);
        drawing->export->result.references++;
    }
}

static void write_drawing(struct drawing *drawing)
{
    sink_text(drawing->sink, "digraph heap {\n  rankdir=LR;\n"
                             "  node [shape=ellipse, fontname=\"monospace\", fontsize=10];\n"
                             "  edge [fontname=\"monospace\", fontsize=9];\n");
    for (uint32_t i = 0; i < drawing->count; i++)
        write_node(drawing, i);
    for (uint32_t i = 0; i < drawing->count; i++) {
        write_edges(drawing, i);
        write_omitted(drawing, i, SIDE_OUT);
        write_omitted(drawing, i, SIDE_IN);
    }
    find_held(drawing);
    for (uint32_t i = 0; i < drawing->root_count; i++)
        write_root(drawing, i);
    drawing->export->result.records = drawing->count + drawing->root_count;
    sink_text(drawing->sink, "}\n");
}

mx_status export_dot(struct export *export, struct mx_error *err)
{
    struct drawing *drawing = calloc(1, sizeof *drawing);
    if (!drawing)
        return fail_no_memory(err);
    drawing->export = export;
    drawing->s = export->snapshot;
    drawing->sink = export->sink;
    mx_status status = choose(drawing, err);
    if (!status)
        write_drawing(drawing);
    map_free(&drawing->numbers);
    free(drawing);
    return status;
}
