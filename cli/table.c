// table.c - columns aligned by what a terminal shows, not by bytes.
#include "table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "text.h"

#define LIMIT_KEPT_ROWS 1000 // enough to know the widths, few enough to answer at once
#define LIMIT_WIDTH 60       // one long type name must not push the other columns out of sight
#define GAP 2                // between columns

void table_init(struct table *table, const struct column *columns, size_t column_count)
{
    *table = (struct table){
        .columns = columns, .column_count = column_count, .terminal = output_columns()};
    table->cells = must(calloc(LIMIT_KEPT_ROWS * column_count, sizeof *table->cells));
    for (size_t i = 0; i < column_count; i++)
        table->widths[i] = strlen(columns[i].title);
}

// `room` is what is left of the terminal's line, SIZE_MAX without one.
static void print_cell(const char *text, size_t room)
{
    if (text_width(text) <= room)
        fputs(text, stdout);
    else
        printf("%.*s…", (int)text_fit(text, room - 1), text);
}

static void print_cells(const struct table *table, const char *const *cells)
{
    size_t start = 0, at = 0; // where the column begins, where the line ends so far
    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = text_width(cells[i]);
        bool last = i + 1 == table->column_count;
        if (*cells[i]) { // nothing is printed for an empty cell: no spaces at the end of a line
            size_t begin = start;
            if (table->columns[i].right && width < table->widths[i])
                begin += table->widths[i] - width;
            bool cut = last && table->terminal > begin + 10; // less than that says nothing
            printf("%*s", (int)(begin - at), "");
            print_cell(cells[i], cut ? table->terminal - begin : SIZE_MAX);
            at = begin + width;
        }
        size_t end = start + table->widths[i];
        start = (at > end ? at : end) + GAP;
    }
    putchar('\n');
}

static void print_heading(const struct table *table)
{
    const char *titles[TABLE_LIMIT_COLUMNS];
    for (size_t i = 0; i < table->column_count; i++)
        titles[i] = table->columns[i].title;
    fputs(output_style(STYLE_HEADING), stdout);
    print_cells(table, titles);
    fputs(output_style(STYLE_PLAIN), stdout);
}

static void flush_rows(struct table *table)
{
    if (!table->printed)
        print_heading(table);
    table->printed = true;
    for (size_t row = 0; row < table->row_count; row++) {
        char **cells = table->cells + row * table->column_count;
        print_cells(table, (const char *const *)cells);
        for (size_t i = 0; i < table->column_count; i++)
            free(cells[i]);
    }
    table->row_count = 0;
}

void table_add(struct table *table, const char *const *cells)
{
    char **kept = table->cells + table->row_count++ * table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        kept[i] = text_clean(cells[i]);
        size_t width = text_width(kept[i]);
        if (!table->printed && width > table->widths[i])
            table->widths[i] = width < LIMIT_WIDTH ? width : LIMIT_WIDTH;
    }
    if (table->row_count == LIMIT_KEPT_ROWS)
        flush_rows(table);
}

void table_finish(struct table *table)
{
    if (table->row_count || !table->printed)
        flush_rows(table);
    table_discard(table);
}

void table_discard(struct table *table)
{
    for (size_t i = 0; i < table->row_count * table->column_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->row_count = 0;
}
