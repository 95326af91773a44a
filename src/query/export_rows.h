// export_rows.h - one row after the other, as CSV or as JSON objects: the tables know no format.
#ifndef MX_QUERY_EXPORT_ROWS_H
#define MX_QUERY_EXPORT_ROWS_H

#include "query/export.h"

struct rows {
    struct export *export;
    const char *const *columns; // ended by NULL
    size_t column;              // the next cell's
    bool json;
    uint64_t *instances, *instance_nbytes; // by type; of the table of types
};

// The cells of a row, in the order of the columns.
void cell_text(struct rows *rows, const char *text);
void cell_number(struct rows *rows, uint64_t number);
void cell_signed(struct rows *rows, int64_t number);
void cell_address(struct rows *rows, mx_addr address);
void cell_flag(struct rows *rows, bool flag); // true, false
void cell_none(struct rows *rows);            // null; an empty field
// After the last column: all that the object refers to. CSV has a table of its own for that.
void cell_references(struct rows *rows, uint32_t object);

struct table {
    const char *name;
    const char *const *columns;
    // How many items, and what writes the rows of one: a thread has a row for each of its frames.
    uint64_t (*count)(const struct snapshot *s);
    void (*row)(struct rows *rows, uint64_t index);
};

void row_begin(struct rows *rows);
void row_end(struct rows *rows);

// By mx_export_table; NULL for what is none. export_tables.c
const struct table *export_table(mx_export_table table);

#endif
