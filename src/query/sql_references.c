// sql_references.c - references and roots, as SQL sees them.
//
//   by source   rows first[source] ... first[source + 1] - 1
//   by target   places among the referrers: who refers and how is there; which of the references of
//               that object it is, and its label, is looked for only when a query asks
#include <stdlib.h>

#include "query/sql_number.h"

// ---- references ---------------------------------------------------------------------------------

#define NEAR_STEPS 16 // objects without references, passed one by one before searching

static uint64_t count_references(struct sql_data *data)
{
    return data->snapshot->object_count ? data->snapshot->reference_count : 0;
}

// Is the row one of the references of `source`?
static bool has_row(const struct snapshot *s, uint32_t source, uint64_t row)
{
    return row >= column_at(&s->first, source) && row < column_at(&s->first, source + 1);
}

// The object whose references have the row; the last one, where a damaged file says of none.
static uint32_t find_source(const struct snapshot *s, uint64_t row)
{
    uint32_t low = 0, high = s->object_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (column_at(&s->first, (uint64_t)middle + 1) <= row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void settle_reference(struct sql_data *data, struct sql_place *place)
{
    const struct snapshot *s = data->snapshot;
    uint32_t source = place->source;
    for (int step = 0; step < NEAR_STEPS && source < s->object_count; step++, source++) {
        if (has_row(s, source, place->row)) {
            place->source = source;
            return;
        }
    }
    place->source = find_source(s, place->row);
}

static bool by_target(const struct sql_place *place)
{
    return place->target != MX_NO_OBJECT;
}

// Of a place among referrers: the k-th reference of an object to the target belongs to its k-th
// place there. O(references of that object).
static bool find_reference(const struct snapshot *s, const struct sql_place *place, uint64_t *ret)
{
    uint32_t source = (uint32_t)column_at(&s->referrer, place->row);
    uint64_t before = 0, begin = column_at(&s->referrer_first, place->target);
    while (place->row - before > begin &&
           column_at(&s->referrer, place->row - before - 1) == source)
        before++;
    uint64_t end = column_at(&s->first, (uint64_t)source + 1);
    for (uint64_t row = column_at(&s->first, source); row < end; row++) {
        if (column_at(&s->target, row) == place->target && before-- == 0) {
            *ret = row;
            return true;
        }
    }
    return false;
}

static bool reference_number(struct sql_data *data, const struct sql_place *place, int64_t *ret)
{
    uint64_t row = place->row;
    if (by_target(place) && !find_reference(data->snapshot, place, &row))
        return false;
    *ret = (int64_t)row;
    return true;
}

NUMBER(reference_source, by_target(place) ? column_at(&s->referrer, row) : place->source)
NUMBER(reference_target, by_target(place) ? place->target : column_at(&s->target, row))

static bool source_address(struct sql_data *data, const struct sql_place *place, int64_t *ret)
{
    reference_source(data, place, ret);
    *ret = (int64_t)snapshot_address(data->snapshot, (uint32_t)*ret);
    return true;
}

static bool target_address(struct sql_data *data, const struct sql_place *place, int64_t *ret)
{
    reference_target(data, place, ret);
    *ret = (int64_t)snapshot_address(data->snapshot, (uint32_t)*ret);
    return true;
}

static void reference_ownership(struct sql_data *data, const struct sql_place *place,
                                struct sql_cell *ret)
{
    const struct snapshot *s = data->snapshot;
    const struct column *hold = by_target(place) ? &s->referrer_hold : &s->hold;
    sql_cell_text(ret, mx_ownership_name((mx_ownership)column_at(hold, place->row)));
}

// In the order of their names.
static int64_t ownership_rank(uint64_t hold)
{
    return hold == MX_BORROWED ? 0 : hold == MX_OWNED ? 1 : 2;
}

NUMBER(reference_rank,
       ownership_rank(column_at(by_target(place) ? &s->referrer_hold : &s->hold, row)))

static void reference_label(struct sql_data *data, const struct sql_place *place,
                            struct sql_cell *ret)
{
    int64_t row, source;
    if (!reference_number(data, place, &row) || !reference_source(data, place, &source)) {
        sql_cell_text(ret, NULL);
        return;
    }
    sql_data_expect_label(data, (uint32_t)source);
    snapshot_label(data->snapshot, (uint32_t)source, (uint64_t)row, data->buffer, TEXT_NBYTES);
    sql_cell_text(ret, data->buffer);
}

static const struct sql_column reference_columns[] = {
    {"reference", SQL_INTEGER, ACCESS_ROW, reference_number, NULL,
     "number of the reference, by source; also its rowid", 0},
    {"source", SQL_INTEGER, ACCESS_ASCENDING, reference_source, NULL, "the object that refers", 0},
    {"target", SQL_INTEGER, ACCESS_REFERRERS, reference_target, NULL, "the object referred to",
     COLUMN(target)},
    {"label", SQL_TEXT, ACCESS_NONE, NULL, reference_label,
     "its name: `.attr`, `['key']`, `[3]`, `local x`, `closure x`, `__class__`", 0},
    {"ownership", SQL_TEXT, ACCESS_GROUPED, reference_rank, reference_ownership,
     "owned (counts in the refcount), borrowed or weak", COLUMN(hold)},
    {"source_address", SQL_ADDRESS, ACCESS_ASCENDING, source_address, NULL,
     "of the object that refers", 0},
    {"target_address", SQL_ADDRESS, ACCESS_REFERRERS, target_address, NULL,
     "of the one referred to", 0},
};

const struct sql_table sql_table_references = {
    .name = "references",
    .meaning = "every reference between objects; a word of SQL, so write \"references\"",
    .columns = reference_columns,
    .column_count = SQL_COLUMN_COUNT(reference_columns),
    .count = count_references,
    .settle = settle_reference,
    .reads = PLAIN_first,
};

// ---- roots --------------------------------------------------------------------------------------

static const char *root_kind_name(uint8_t kind)
{
    static const char *const names[ROOT_KINDS] = {
        [ROOT_MODULE] = "module",  [ROOT_FRAME] = "frame",   [ROOT_THREAD] = "thread",
        [ROOT_TYPE] = "type",      [ROOT_NATIVE] = "native", [ROOT_INTERPRETER] = "interpreter",
        [ROOT_GARBAGE] = "garbage"};
    return kind < ROOT_KINDS ? names[kind] : NULL;
}

static uint64_t count_roots(struct sql_data *data)
{
    return data->snapshot->root_count;
}

NUMBER(root_number, row)

TEXT(root_kind, root_kind_name(s->roots[row].kind))

TEXT(root_name, s->roots[row].name)

static const struct sql_column root_columns[] = {
    {"root", SQL_INTEGER, ACCESS_ROW, root_number, NULL, "number of the root; also its rowid", 0},
    {"kind", SQL_TEXT, ACCESS_NONE, NULL, root_kind,
     "module, frame, thread, interpreter, type, native, or garbage: nothing holds it", 0},
    {"name", SQL_TEXT, ACCESS_NONE, NULL, root_name,
     "what it is: module app, thread 812 frame f at app.py:14, libfoo.so: cache", 0},
};

const struct sql_table sql_table_roots = {
    .name = "roots",
    .meaning = "why objects are held from outside the objects",
    .columns = root_columns,
    .column_count = SQL_COLUMN_COUNT(root_columns),
    .count = count_roots,
};

// ---- references of roots --------------------------------------------------------------------------

static uint64_t count_root_references(struct sql_data *data)
{
    return data->snapshot->root_reference_count;
}

NUMBER(root_reference_root, s->root_references[row].root)
NUMBER(root_reference_target, s->root_references[row].to)
NUMBER(root_reference_keeps, s->root_references[row].keeps)
NUMBER(root_target_address, snapshot_address(s, s->root_references[row].to))

TEXT(root_reference_kind, root_kind_name(s->roots[s->root_references[row].root].kind))

TEXT(root_reference_name, s->roots[s->root_references[row].root].name)

static void root_reference_label(struct sql_data *data, const struct sql_place *place,
                                 struct sql_cell *ret)
{
    const struct snapshot_texts *texts = &data->snapshot->texts;
    texts->root_label(texts->data, place->row, data->buffer, TEXT_NBYTES);
    sql_cell_text(ret, data->buffer);
}

static void root_reference_ownership(struct sql_data *data, const struct sql_place *place,
                                     struct sql_cell *ret)
{
    sql_cell_text(
        ret, mx_ownership_name((mx_ownership)data->snapshot->root_references[place->row].hold));
}

static const struct sql_column root_reference_columns[] = {
    {"root", SQL_INTEGER, ACCESS_ASCENDING, root_reference_root, NULL, "the root, in `roots`", 0},
    {"target", SQL_INTEGER, ACCESS_INDEXED, root_reference_target, NULL, "the object held", 0},
    {"label", SQL_TEXT, ACCESS_NONE, NULL, root_reference_label,
     "its name: local x, .modules; empty where the root says it all", 0},
    {"ownership", SQL_TEXT, ACCESS_NONE, NULL, root_reference_ownership, "owned, borrowed or weak",
     0},
    {"keeps", SQL_BOOLEAN, ACCESS_NONE, root_reference_keeps, NULL,
     "keeps the object alive: owned, or of a stack that does not count", 0},
    {"kind", SQL_TEXT, ACCESS_NONE, NULL, root_reference_kind, "of the root", 0},
    {"name", SQL_TEXT, ACCESS_NONE, NULL, root_reference_name, "of the root", 0},
    {"target_address", SQL_ADDRESS, ACCESS_INDEXED, root_target_address, NULL, "of the object held",
     0},
};

const struct sql_table sql_table_root_references = {
    .name = "root_references",
    .meaning = "every reference from a root to an object",
    .columns = root_reference_columns,
    .column_count = SQL_COLUMN_COUNT(root_reference_columns),
    .count = count_root_references,
};
