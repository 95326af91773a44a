// sql_table.h - what SQL sees of a snapshot: tables as data, a row is a number.
//
//   struct sql_table   name, what a row is, how many rows there are, its columns
//   struct sql_column  name, kind, meaning, how its value is read, how a value is found
//
// The tables (sql_objects.c, sql_references.c, sql_values.c, sql_process.c) know the snapshot and
// nothing of SQLite; sql_module.c knows SQLite and nothing of any table. To add a column: one line
// in its table, and tools/gen-sql-docs.
#ifndef MX_QUERY_SQL_TABLE_H
#define MX_QUERY_SQL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memexplorer.h"
#include "snapshot/plain.h"

struct sql_data;
struct sql_table;

enum sql_kind {
    SQL_INTEGER,
    SQL_ADDRESS, // an integer, which is printed as 0x...
    SQL_BOOLEAN, // 0, 1
    SQL_TYPE,    // the name of a type; the column's number is its place in snapshot types
    SQL_TEXT,
    SQL_ANY, // each row of a kind of its own
};

// How rows with a given value are found.
enum sql_access {
    ACCESS_NONE,      // by looking at every row
    ACCESS_ROW,       // the value is the row's number
    ACCESS_ASCENDING, // values ascend with the rows: O(log rows)
    ACCESS_INDEXED,   // an index is made when it is first wanted: O(rows), 4 bytes a row
    ACCESS_GROUPED,   // the same for GROUP BY alone
    ACCESS_REFERRERS, // references by target, or its address: the snapshot's referrers
};

// Where a cursor stands.
struct sql_place {
    uint64_t row;    // with `target`, a place among the referrers
    uint32_t source; // references: the object whose reference it is
    uint32_t target; // references found by their target; else MX_NO_OBJECT
};

struct sql_cell {
    enum { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_BLOB } kind;
    int64_t number;
    const char *bytes; // valid until the next cell is made
    size_t nbytes;
};

struct sql_column {
    const char *name;
    enum sql_kind kind;
    enum sql_access access;
    // False for NULL. O(1), or O(log objects). Of SQL_TEXT: as the texts are ordered, for
    // ACCESS_GROUPED (SQLite 3.40 takes groups for sorted in GROUP BY x ORDER BY x), else missing;
    // missing for SQL_ANY.
    bool (*number)(struct sql_data *data, const struct sql_place *place, int64_t *ret);
    // For these two.
    void (*cell)(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret);
    const char *meaning;
    size_t column; // COLUMN(...), the one of the snapshot's that `number` reads; 0 for none
};

struct sql_table {
    const char *name;
    const char *meaning;
    const struct sql_column *columns;
    size_t column_count;
    uint64_t (*count)(struct sql_data *data); // of rows; UINT64_MAX when out of memory
    // Completes a place whose row was set; NULL where there is nothing to complete.
    void (*settle)(struct sql_data *data, struct sql_place *place);
    unsigned reads; // enum plain_columns that this reads
};

struct sql_view {
    const char *name;
    const char *meaning;
    const char *query;
};

#define COLUMN(name) offsetof(struct snapshot, name)
#define SQL_COLUMN_COUNT(columns) (sizeof(columns) / sizeof *(columns))
#define LIMIT_COLUMNS                                                                              \
    63 // of a table: SQLite says which are used in 64 bits, the last for all others

extern const struct sql_table sql_table_objects, sql_table_dominators, sql_table_types,
    sql_table_references, sql_table_roots, sql_table_root_references, sql_table_strings,
    sql_table_blocks, sql_table_threads, sql_table_frames, sql_table_findings, sql_table_cycles,
    sql_table_suspects, sql_table_sparse, sql_table_slots, sql_table_summary,
    sql_table_documentation;

extern const struct sql_table *const sql_tables[];
extern const size_t sql_table_count;
extern const struct sql_view sql_views[];
extern const size_t sql_view_count;

const char *sql_kind_name(enum sql_kind kind);

// ---- what is made out of a snapshot -------------------------------------------------------------

struct sql_type {
    size_t name_nbytes;
    uint32_t rank;           // among the names; the same for types of the same name
    uint64_t objects, bytes; // of its instances; see sql_data_sum_types
    uint64_t retained;       // by its instances together
};

#define LIMIT_ORDER_COLUMNS 4 // of one order

// Rows in the order of some columns, the first one above all, NULL first. Made when it is first wanted.
struct sql_order {
    const struct sql_column *columns[LIMIT_ORDER_COLUMNS];
    size_t column_count;
    uint64_t row_count;
    uint32_t *rows;
};

#define LIMIT_ORDERS 64 // more than there are indexed columns, and then some
#define LIMIT_GROUP_ORDERS                                                                         \
    16 // before those of ACCESS_GROUPED, and of several columns, are left to SQLite

// Answers of the reports, each made when it is first wanted. sql_reports.c
struct sql_reports {
    const mx_heap *heap; // NULL: they are empty
    struct mx_finding *findings;
    size_t finding_count;
    bool audited;
    mx_cycles *garbage, *cycles;
    mx_suspects *suspects;
};
void sql_reports_free(struct sql_reports *reports);

struct sql_data {
    const struct snapshot *snapshot; // that of `plain`
    struct plain plain;              // columns of which many rows were read are unpacked
    struct sql_type *types;          // as the snapshot's
    uint32_t *types_by_name;         // places in types
    bool types_summed, types_retained, retaining_failed;
    const mx_heap *heap;  // whose snapshot it is; NULL for one that has its labels
    uint64_t label_steps; // that labels have cost so far
    struct sql_order orders[LIMIT_ORDERS];
    size_t order_count;
    uint32_t *strings; // objects that are str or bytes, by address; NULL until wanted
    uint32_t string_count;
    uint32_t *same; // [string_count], the first object with the same value, or MX_NO_OBJECT
    bool same_failed;
    uint64_t *frame_first; // [threads + 1]: rows of frames
    struct sql_reports reports;
    char *buffer; // of cells
    size_t buffer_nbytes;
};

// Longest value of a str or bytes that SQL sees: more than that is data, not a name to look for.
#define LIMIT_VALUE_NBYTES (1u << 20)
// Of the other texts.
#define TEXT_NBYTES 512

// O(types log types).
mx_status sql_data_init(struct sql_data *data, const struct snapshot *snapshot,
                        struct mx_error *err);
void sql_data_fini(struct sql_data *data);

// Each is made once, and false when there is no memory for it.
bool sql_data_sum_types(struct sql_data *data);
bool sql_data_retain_types(struct sql_data *data);
bool sql_data_list_strings(struct sql_data *data);
bool sql_data_find_same(struct sql_data *data); // sql_same.c
// The value of a string, by row.
void sql_string_value(struct sql_data *data, uint64_t row, struct sql_cell *ret);
// Before a label of the object's is made: a live heap looks through all its references for one. When
// that has cost as much as making the columns of all labels, they are made.
void sql_data_expect_label(struct sql_data *data, uint32_t object);
// At least so many bytes.
char *sql_data_buffer(struct sql_data *data, size_t nbytes);

// The rank of types of exactly this name, as in struct sql_type; false when there is none.
// O(log types).
bool sql_data_find_type(struct sql_data *data, const char *name, size_t nbytes, uint32_t *ret_rank);

// The value that rows are compared by: the rank of a type, else the number.
static inline bool sql_key(struct sql_data *data, const struct sql_column *column,
                           const struct sql_place *place, int64_t *ret)
{
    if (!column->number(data, place, ret))
        return false;
    if (column->kind == SQL_TYPE)
        *ret = data->types[*ret].rank;
    return true;
}

// The table's rows in the order of columns that have a number; NULL when there is no memory, or no
// index because of its size. It belongs to data. O(rows) when it is first asked for, then O(1).
const struct sql_order *sql_order_of(struct sql_data *data, const struct sql_table *table,
                                     const struct sql_column *const *columns, size_t count);

// Places in `order`, or rows where order is NULL and the column ascends, that have this key; NULL
// when is_null. O(log rows).
void sql_find_key(struct sql_data *data, const struct sql_table *table,
                  const struct sql_column *column, const struct sql_order *order,
                  uint64_t row_count, bool is_null, int64_t key, uint64_t *ret_begin,
                  uint64_t *ret_end);

// ---- making cells -------------------------------------------------------------------------------

void sql_cell_text(struct sql_cell *ret,
                   const char *text); // NULL for NULL, which outlives the cell
void sql_cell_integer(struct sql_cell *ret, int64_t number);

#endif
