// sql_number.h - columns whose number or text is one expression, in one line each.
//
//   NUMBER(object_size, column_at(&s->size, row))
//   TEXT(root_name, s->roots[row].name)
//
// In the expression `s` is the snapshot, `row` the row's number, `data` and `place` what
// sql_column.number and sql_column.cell are given.
#ifndef MX_QUERY_SQL_NUMBER_H
#define MX_QUERY_SQL_NUMBER_H

#include "query/sql_table.h"

#define NUMBER(name, expression) NUMBER_IF(name, true, expression)

// NULL where the condition does not hold.
#define NUMBER_IF(name, condition, expression)                                                     \
    static bool name(struct sql_data *data, const struct sql_place *place, int64_t *ret)           \
    {                                                                                              \
        const struct snapshot *s = data->snapshot;                                                 \
        uint64_t row = place->row;                                                                 \
        (void)s, (void)row;                                                                        \
        if (!(condition))                                                                          \
            return false;                                                                          \
        *ret = (int64_t)(expression);                                                              \
        return true;                                                                               \
    }

// NULL where the expression is; the text outlives the cell.
#define TEXT(name, expression)                                                                     \
    static void name(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)   \
    {                                                                                              \
        const struct snapshot *s = data->snapshot;                                                 \
        uint64_t row = place->row;                                                                 \
        (void)s, (void)row;                                                                        \
        sql_cell_text(ret, expression);                                                            \
    }

// An object, where there is one.
#define OBJECT_OR_NULL(name, expression) NUMBER_IF(name, (expression) != MX_NO_OBJECT, expression)

#endif
