// sql_reports.c - what the reports find, as SQL sees it: `audit`, `garbage` and `cycles`, `suspects`.
// Each is made when its table is first read, and holds as many rows as the report does.
#include "query/sql_number.h"

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

// An address of a row: NULL for 0.
#define ADDRESS(name, expression) NUMBER_IF(name, (expression) != 0, expression)

void sql_reports_free(struct sql_reports *reports)
{
    mx_findings_free(reports->findings);
    mx_cycles_free(reports->garbage);
    mx_cycles_free(reports->cycles);
    mx_suspects_free(reports->suspects);
}

// ---- audit --------------------------------------------------------------------------------------

static uint64_t count_findings(struct sql_data *data)
{
    struct sql_reports *reports = &data->reports;
    if (!reports->audited && reports->heap &&
        mx_heap_audit(reports->heap, &reports->findings, &reports->finding_count, NULL))
        return UINT64_MAX;
    reports->audited = true;
    return reports->finding_count;
}

#define FINDING (&data->reports.findings[row])

NUMBER(finding_number, row)
NUMBER(finding_is_lost, mx_holder_is_lost(FINDING->holder))
NUMBER(finding_objects, FINDING->objects)
NUMBER(finding_references, FINDING->references)
ADDRESS(finding_example, FINDING->example)
ADDRESS(finding_word, FINDING->place)
ADDRESS(finding_block, FINDING->block)
NUMBER_IF(finding_block_size, FINDING->block != 0, FINDING->block_bytes)
TEXT(finding_holder, mx_holder_name(FINDING->holder))
TEXT(finding_where, or_null(FINDING->where))
TEXT(finding_type, or_null(FINDING->type))
TEXT(finding_confidence, mx_holder_confidence(FINDING->holder))
TEXT(finding_meaning, mx_holder_meaning(FINDING->holder))

static const struct sql_column finding_columns[] = {
    {"finding", SQL_INTEGER, ACCESS_ROW, finding_number, NULL, "number of the row; also its rowid",
     0},
    {"holder", SQL_TEXT, ACCESS_NONE, NULL, finding_holder,
     "who holds the references, as in docs/json.md, of `audit`", 0},
    {"held_at", SQL_TEXT, ACCESS_NONE, NULL, finding_where,
     "which variable, module, frame, thread; NULL where that is not known", 0},
    {"type", SQL_TEXT, ACCESS_NONE, NULL, finding_type, "of the objects", 0},
    {"object_count", SQL_INTEGER, ACCESS_NONE, finding_objects, NULL, "how many objects", 0},
    {"reference_count", SQL_INTEGER, ACCESS_NONE, finding_references, NULL,
     "how many references to them; missing ones of a deficit", 0},
    {"lost", SQL_BOOLEAN, ACCESS_NONE, finding_is_lost, NULL,
     "nothing, or nothing that is alive, holds them", 0},
    {"confidence", SQL_TEXT, ACCESS_NONE, NULL, finding_confidence, "sure, likely or possible", 0},
    {"example", SQL_ADDRESS, ACCESS_NONE, finding_example, NULL, "one of the objects", 0},
    {"word", SQL_ADDRESS, ACCESS_NONE, finding_word, NULL,
     "where the reference to the example stands; NULL where it is not known", 0},
    {"block", SQL_ADDRESS, ACCESS_NONE, finding_block, NULL,
     "of native memory, that this word is in; NULL where it is in none", 0},
    {"block_size", SQL_INTEGER, ACCESS_NONE, finding_block_size, NULL, "its bytes", 0},
    {"meaning", SQL_TEXT, ACCESS_NONE, NULL, finding_meaning, "in words, and what to do", 0},
};

const struct sql_table sql_table_findings = {
    .name = "findings",
    .meaning = "references that the objects do not account for, as `audit` has them",
    .columns = finding_columns,
    .column_count = SQL_COLUMN_COUNT(finding_columns),
    .count = count_findings,
};

// ---- garbage and cycles -------------------------------------------------------------------------

// Garbage comes first.
static uint64_t count_cycles(struct sql_data *data)
{
    struct sql_reports *reports = &data->reports;
    const struct mx_cycle_group *groups;
    if (!reports->heap)
        return 0;
    if ((!reports->garbage && mx_heap_garbage(reports->heap, &reports->garbage, NULL)) ||
        (!reports->cycles && mx_heap_cycles(reports->heap, &reports->cycles, NULL)))
        return UINT64_MAX;
    return mx_cycles_groups(reports->garbage, &groups) + mx_cycles_groups(reports->cycles, &groups);
}

static const struct mx_cycle_group *group_at(struct sql_data *data, uint64_t row, bool *ret_garbage)
{
    const struct mx_cycle_group *groups;
    size_t garbage = mx_cycles_groups(data->reports.garbage, &groups);
    *ret_garbage = row < garbage;
    if (*ret_garbage)
        return &groups[row];
    mx_cycles_groups(data->reports.cycles, &groups);
    return &groups[row - garbage];
}

static bool is_garbage(struct sql_data *data, uint64_t row)
{
    bool garbage;
    group_at(data, row, &garbage);
    return garbage;
}

#define GROUP (group_at(data, row, &(bool){false}))

NUMBER(group_number, row)
NUMBER(group_is_garbage, is_garbage(data, row))
NUMBER(group_cycles, GROUP->cycles)
NUMBER(group_shortest, GROUP->shortest)
NUMBER(group_longest, GROUP->longest)
NUMBER(group_objects, GROUP->objects)
NUMBER(group_bytes, GROUP->bytes)
NUMBER(group_held, GROUP->held)
NUMBER(group_held_bytes, GROUP->held_bytes)
NUMBER(group_freed, GROUP->freed)
NUMBER(group_freed_bytes, GROUP->freed_bytes)
NUMBER(group_finalizers, GROUP->finalizers)
NUMBER(group_finalized, GROUP->finalized)
NUMBER(group_callbacks, GROUP->callbacks)
ADDRESS(group_example, GROUP->example)
TEXT(group_shape, or_null(GROUP->shape))

static const struct sql_column cycle_columns[] = {
    {"cycle_group", SQL_INTEGER, ACCESS_ROW, group_number, NULL,
     "number of the row; also its rowid", 0},
    {"garbage", SQL_BOOLEAN, ACCESS_NONE, group_is_garbage, NULL,
     "unreachable, as `garbage` has it; else reachable, as `cycles` has it", 0},
    {"shape", SQL_TEXT, ACCESS_NONE, NULL, group_shape, "the types, and the names between them", 0},
    {"cycle_count", SQL_INTEGER, ACCESS_NONE, group_cycles, NULL, "of this shape", 0},
    {"shortest", SQL_INTEGER, ACCESS_NONE, group_shortest, NULL, "objects on the shortest", 0},
    {"longest", SQL_INTEGER, ACCESS_NONE, group_longest, NULL, "objects on the longest", 0},
    {"objects", SQL_INTEGER, ACCESS_NONE, group_objects, NULL, "on such cycles", 0},
    {"bytes", SQL_INTEGER, ACCESS_NONE, group_bytes, NULL, "of these", 0},
    {"held", SQL_INTEGER, ACCESS_NONE, group_held, NULL, "garbage on no cycle, that these refer to",
     0},
    {"held_bytes", SQL_INTEGER, ACCESS_NONE, group_held_bytes, NULL, "of these", 0},
    {"freed", SQL_INTEGER, ACCESS_NONE, group_freed, NULL,
     "objects that the collector does not know, and that go with garbage", 0},
    {"freed_bytes", SQL_INTEGER, ACCESS_NONE, group_freed_bytes, NULL, "of these", 0},
    {"finalizers", SQL_INTEGER, ACCESS_NONE, group_finalizers, NULL,
     "of garbage, that the collector calls", 0},
    {"finalized", SQL_INTEGER, ACCESS_NONE, group_finalized, NULL, "that it has called before", 0},
    {"callbacks", SQL_INTEGER, ACCESS_NONE, group_callbacks, NULL,
     "of weak references to garbage, that it calls", 0},
    {"example", SQL_ADDRESS, ACCESS_NONE, group_example, NULL, "an object on one of them", 0},
};

const struct sql_table sql_table_cycles = {
    .name = "cycles",
    .meaning = "cycles by their shape, as `garbage` and `cycles` have them",
    .columns = cycle_columns,
    .column_count = SQL_COLUMN_COUNT(cycle_columns),
    .count = count_cycles,
};

// ---- suspects -----------------------------------------------------------------------------------

static bool find_suspects(struct sql_reports *reports)
{
    return reports->suspects || mx_heap_suspects(reports->heap, &reports->suspects, NULL) == MX_OK;
}

#define COUNT_OF_SUSPECTS(name, type, list)                                                        \
    static uint64_t count_##name(struct sql_data *data)                                            \
    {                                                                                              \
        const struct type *items;                                                                  \
        struct sql_reports *reports = &data->reports;                                              \
        if (!reports->heap)                                                                        \
            return 0;                                                                              \
        return find_suspects(reports) ? list(reports->suspects, &items) : UINT64_MAX;              \
    }                                                                                              \
    static const struct type *name##_at(struct sql_data *data, uint64_t row)                       \
    {                                                                                              \
        const struct type *items;                                                                  \
        list(data->reports.suspects, &items);                                                      \
        return &items[row];                                                                        \
    }

COUNT_OF_SUSPECTS(suspects, mx_suspect, mx_suspects_list)
COUNT_OF_SUSPECTS(sparse, mx_sparse, mx_suspects_sparse)
COUNT_OF_SUSPECTS(slots, mx_slots, mx_suspects_slots)

#define SUSPECT (suspects_at(data, row))
NUMBER(suspect_number, row)
NUMBER(suspect_count, SUSPECT->count)
NUMBER_IF(suspect_of_count, *SUSPECT->of_type, SUSPECT->of_count)
NUMBER(suspect_objects, SUSPECT->objects)
NUMBER(suspect_bytes, SUSPECT->bytes)
NUMBER(suspect_retained, SUSPECT->retained)
ADDRESS(suspect_address, SUSPECT->address)
TEXT(suspect_kind, mx_suspect_kind_name(SUSPECT->kind))
TEXT(suspect_text, or_null(SUSPECT->text))
TEXT(suspect_holder, or_null(SUSPECT->holder))
TEXT(suspect_path, or_null(SUSPECT->path))
TEXT(suspect_user, or_null(SUSPECT->user))
TEXT(suspect_type, or_null(SUSPECT->type))
TEXT(suspect_of_type, or_null(SUSPECT->of_type))

static const struct sql_column suspect_columns[] = {
    {"suspect", SQL_INTEGER, ACCESS_ROW, suspect_number, NULL,
     "number of the row, the most bytes first; also its rowid", 0},
    {"kind", SQL_TEXT, ACCESS_NONE, NULL, suspect_kind, "object, group, chain, garbage or native",
     0},
    {"text", SQL_TEXT, ACCESS_NONE, NULL, suspect_text, "in a sentence", 0},
    {"holder", SQL_TEXT, ACCESS_NONE, NULL, suspect_holder, "as Python would write it", 0},
    {"path", SQL_TEXT, ACCESS_NONE, NULL, suspect_path, "the way to it", 0},
    {"user", SQL_TEXT, ACCESS_NONE, NULL, suspect_user,
     "the first name of the user's own code on the way; NULL when there is none", 0},
    {"address", SQL_ADDRESS, ACCESS_NONE, suspect_address, NULL,
     "where objects accumulate; of a group, the largest one", 0},
    {"type", SQL_TEXT, ACCESS_NONE, NULL, suspect_type, "of the object there", 0},
    {"holder_count", SQL_INTEGER, ACCESS_NONE, suspect_count, NULL, "objects alike there", 0},
    {"of_type", SQL_TEXT, ACCESS_NONE, NULL, suspect_of_type,
     "type of most of what accumulates; NULL for one large object", 0},
    {"of_count", SQL_INTEGER, ACCESS_NONE, suspect_of_count, NULL, "how many of these", 0},
    {"objects", SQL_INTEGER, ACCESS_NONE, suspect_objects, NULL, "that hang there", 0},
    {"bytes", SQL_INTEGER, ACCESS_NONE, suspect_bytes, NULL, "of these", 0},
    {"retained", SQL_INTEGER, ACCESS_NONE, suspect_retained, NULL,
     "bytes that would be freed with the object at the address", 0},
};

const struct sql_table sql_table_suspects = {
    .name = "suspects",
    .meaning = "what may be leaking, as `suspects` has it",
    .columns = suspect_columns,
    .column_count = SQL_COLUMN_COUNT(suspect_columns),
    .count = count_suspects,
};

#define SPARSE (sparse_at(data, row))
NUMBER(sparse_count, SPARSE->count)
NUMBER(sparse_empty, SPARSE->empty)
NUMBER(sparse_nearly, SPARSE->nearly)
NUMBER(sparse_wasted, SPARSE->wasted)
ADDRESS(sparse_example, SPARSE->example)
TEXT(sparse_type, or_null(SPARSE->type))
TEXT(sparse_where, or_null(SPARSE->where))

static const struct sql_column sparse_columns[] = {
    {"type", SQL_TEXT, ACCESS_NONE, NULL, sparse_type, "of the containers", 0},
    {"held_at", SQL_TEXT, ACCESS_NONE, NULL, sparse_where, "where they hang", 0},
    {"containers", SQL_INTEGER, ACCESS_NONE, sparse_count, NULL, "how many hang there", 0},
    {"empty", SQL_INTEGER, ACCESS_NONE, sparse_empty, NULL, "without items", 0},
    {"nearly_empty", SQL_INTEGER, ACCESS_NONE, sparse_nearly, NULL,
     "with room for four times as much and more", 0},
    {"wasted", SQL_INTEGER, ACCESS_NONE, sparse_wasted, NULL, "bytes", 0},
    {"example", SQL_ADDRESS, ACCESS_NONE, sparse_example, NULL, "one of them", 0},
};

const struct sql_table sql_table_sparse = {
    .name = "sparse",
    .meaning = "dicts, lists and sets that are empty, or nearly, as `suspects` has them",
    .columns = sparse_columns,
    .column_count = SQL_COLUMN_COUNT(sparse_columns),
    .count = count_sparse,
};

#define SLOTS (slots_at(data, row))
NUMBER(slots_instances, SLOTS->instances)
NUMBER(slots_attributes, SLOTS->attributes)
NUMBER(slots_bytes, SLOTS->bytes)
NUMBER(slots_saved, SLOTS->saved)
TEXT(slots_type, or_null(SLOTS->type))

static const struct sql_column slots_columns[] = {
    {"type", SQL_TEXT, ACCESS_NONE, NULL, slots_type, "a class of the user's code", 0},
    {"instances", SQL_INTEGER, ACCESS_NONE, slots_instances, NULL, "that there are", 0},
    {"attributes", SQL_INTEGER, ACCESS_NONE, slots_attributes, NULL, "the most that one has", 0},
    {"bytes", SQL_INTEGER, ACCESS_NONE, slots_bytes, NULL,
     "of the instances, with what keeps their attributes", 0},
    {"saved", SQL_INTEGER, ACCESS_NONE, slots_saved, NULL, "bytes that __slots__ would save", 0},
};

const struct sql_table sql_table_slots = {
    .name = "slots",
    .meaning = "classes that would gain from __slots__, as `suspects` has them",
    .columns = slots_columns,
    .column_count = SQL_COLUMN_COUNT(slots_columns),
    .count = count_slots,
};
