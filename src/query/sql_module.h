// sql_module.h - the tables of sql_table.h as SQLite's virtual tables: one module for all of them.
#ifndef MX_QUERY_SQL_MODULE_H
#define MX_QUERY_SQL_MODULE_H

#include <sqlite3.h>

#include "query/sql_table.h"

// `CREATE VIRTUAL TABLE objects USING memexplorer`: the table is found by its name. `data` has to
// outlive the connection.
int sql_module_register(sqlite3 *connection, struct sql_data *data);

// ---- between planning and reading ---------------------------------------------------------------

struct sql_virtual_table {
    sqlite3_vtab base;
    const struct sql_table *table;
    struct sql_data *data;
    uint64_t rows_read; // in all queries, up to UNPACK_AFTER
    uint64_t unpacked;  // columns of the table, as bits
};

// How a cursor goes through the rows: idxNum, with SQL_WALK_BACKWARDS if need be.
enum sql_walk {
    WALK_ALL,
    WALK_ROW,       // one row, by number
    WALK_ASCENDING, // the rows that have a value, by halving
    WALK_INDEX,     // the same in an index
    WALK_NULLS,     // those that have none, in an index
    WALK_REFERRERS, // references by target
    WALK_ORDER,     // all, in the order of an index
};
#define SQL_WALK_BACKWARDS 0x100
#define SQL_WALK_MASK 0xff

// Constraints that a cursor checks before SQLite sees a row. idxStr: the column of the walk, then two
// characters for each filter, its column and one of these, then SQL_READS and the columns that will
// be read, SQL_ORDERS and those of WALK_ORDER.
enum sql_filter_kind {
    FILTER_EQUAL = 'a',
    FILTER_NOT_EQUAL,
    FILTER_LESS,
    FILTER_LESS_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_EQUAL,
    FILTER_LIKE, // of a type: decided for each type, not for each object
    FILTER_GLOB,
    FILTER_NULL,
    FILTER_NOT_NULL,
};
#define SQL_READS '|' // no column's character
#define SQL_ORDERS '}'
#define LIMIT_FILTERS 8          // those beyond are SQLite's
#define SQL_COLUMN_CHARACTER '0' // that of column 0; of the rowid, the one before
#define SQL_PLAN_NBYTES (1 + 2 * LIMIT_FILTERS + 1 + LIMIT_COLUMNS + 1 + LIMIT_ORDER_COLUMNS + 1)
_Static_assert(SQL_COLUMN_CHARACTER + LIMIT_COLUMNS < SQL_READS, "they are told apart");

struct sql_filter {
    const struct sql_column *column;
    enum sql_filter_kind kind;
    bool real;
    int64_t number;
    double value;
    uint8_t *types; // FILTER_LIKE, FILTER_GLOB: by place in types; else NULL
};

struct sql_filters {
    struct sql_filter items[LIMIT_FILTERS];
    size_t count;
};

// Adds a filter with this value, unless only SQLite can compare with it; *ret_none is set when no row
// can fit. `value` is NULL for filters without one.
int sql_filters_add(struct sql_data *data, struct sql_filters *filters, struct sql_filter filter,
                    sqlite3_value *value, bool *ret_none);
void sql_filters_drop(struct sql_filters *filters);
bool sql_filters_fit(struct sql_data *data, const struct sql_filters *filters,
                     const struct sql_place *place);

// The key (sql_key) that rows of this column have when they are equal to the value; `column` is NULL
// for the rowid. False when no row can be.
bool sql_read_key(struct sql_data *data, const struct sql_column *column, sqlite3_value *value,
                  int64_t *ret);

// xBestIndex.
int sql_plan(sqlite3_vtab *virtual_table, sqlite3_index_info *info);

#endif
