// sql_findings.c - what `audit` finds, as SQL sees it.
#include "query/sql_number.h"

bool sql_data_audit(struct sql_data *data)
{
    if (!data->audited && data->heap_of_findings)
        data->audited = mx_heap_audit(data->heap_of_findings, &data->findings, &data->finding_count,
                                      NULL) == MX_OK;
    return data->audited || !data->heap_of_findings;
}

static uint64_t count_findings(struct sql_data *data)
{
    return sql_data_audit(data) ? data->finding_count : UINT64_MAX;
}

#define FINDING (&data->findings[row])

NUMBER(finding_number, row)
NUMBER(finding_is_lost, mx_holder_is_lost(FINDING->holder))
NUMBER(finding_objects, FINDING->objects)
NUMBER(finding_references, FINDING->references)
NUMBER_IF(finding_example, FINDING->example != 0, FINDING->example)
NUMBER_IF(finding_word, FINDING->place != 0, FINDING->place)
NUMBER_IF(finding_block, FINDING->block != 0, FINDING->block)
NUMBER_IF(finding_block_size, FINDING->block != 0, FINDING->block_bytes)

#define TEXT(name, expression)                                                                     \
    static void name(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)   \
    {                                                                                              \
        uint64_t row = place->row;                                                                 \
        sql_cell_text(ret, expression);                                                            \
    }

TEXT(finding_holder, mx_holder_name(FINDING->holder))
TEXT(finding_where, *FINDING->where ? FINDING->where : NULL)
TEXT(finding_type, FINDING->type)
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
