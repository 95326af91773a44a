// table.h - columns aligned by what a terminal shows, not by bytes.
#ifndef MX_CLI_TABLE_H
#define MX_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_LIMIT_COLUMNS 100 // as many as a query of SQL may have

struct column {
    const char *title;
    bool right; // numbers
};

// Rows are kept until their widths are known: those of the first 1,000 rows then hold for all, so
// that millions of rows need no memory. The last column is cut to the width of the terminal.
struct table {
    const struct column *columns;
    size_t column_count;
    char **cells; // kept rows, row by row
    size_t row_count;
    size_t widths[TABLE_LIMIT_COLUMNS];
    size_t terminal; // columns, 0 for none
    bool printed;
};

void table_init(struct table *table, const struct column *columns, size_t column_count);
// One cell for each column; copied, and cleaned of what a terminal cannot show.
void table_add(struct table *table, const char *const *cells);
// Prints what is kept, and releases it. The heading also stands over a table without rows.
void table_finish(struct table *table);
// Releases it without printing.
void table_discard(struct table *table);

#define TABLE_ADD(table, ...) table_add((table), (const char *const[]){__VA_ARGS__})

#endif
