// sql_rows.c - the rows of a query: as a table for people, or one JSON object a line.
#include "sql_rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define LIMIT_CELL_NBYTES 250 // of a value in a table, as of previews; JSON has all of it

// ---- tables -----------------------------------------------------------------------------------

// Where a text is cut: not inside a character.
static size_t cut(const char *bytes, size_t nbytes)
{
    if (nbytes <= LIMIT_CELL_NBYTES)
        return nbytes;
    nbytes = LIMIT_CELL_NBYTES;
    while (nbytes && ((unsigned char)bytes[nbytes] & 0xC0) == 0x80)
        nbytes--;
    return nbytes;
}

static void write_text(FILE *out, const struct mx_sql_value *value)
{
    size_t nbytes = cut(value->bytes, value->nbytes);
    for (size_t i = 0; i < nbytes; i++)
        if (value->bytes[i]) // table.c escapes the other control characters
            fputc(value->bytes[i], out);
        else
            fputs("\\x00", out);
    if (nbytes < value->nbytes)
        fputs("...", out);
}

static void write_blob(FILE *out, const struct mx_sql_value *value)
{
    size_t nbytes = value->nbytes < LIMIT_CELL_NBYTES / 2 ? value->nbytes : LIMIT_CELL_NBYTES / 2;
    fputs("x'", out);
    for (size_t i = 0; i < nbytes; i++)
        fprintf(out, "%02x", (unsigned char)value->bytes[i]);
    fputs(nbytes < value->nbytes ? "..." : "'", out);
}

// The caller frees it.
static char *cell_of(const struct mx_sql_value *value)
{
    char *text = NULL;
    size_t nbytes;
    FILE *out = must(open_memstream(&text, &nbytes));
    switch (value->kind) {
    case MX_SQL_NULL:
        fputs("NULL", out);
        break;
    case MX_SQL_INTEGER:
        fprintf(out, "%" PRId64, value->integer);
        break;
    case MX_SQL_ADDRESS:
        fputs(text_address((mx_addr)value->integer).s, out);
        break;
    case MX_SQL_REAL:
        fprintf(out, "%.15g", value->real);
        break;
    case MX_SQL_TEXT:
        write_text(out, value);
        break;
    case MX_SQL_BLOB:
        write_blob(out, value);
        break;
    }
    fclose(out);
    return must(text);
}

struct sheet {
    struct table table;
    struct column columns[TABLE_LIMIT_COLUMNS];
    char *titles[TABLE_LIMIT_COLUMNS];
    int count;
};

static char *title_of(const mx_sql_query *query, int column)
{
    char *title = text_clean(mx_sql_column_name(query, column));
    for (char *at = title; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return title;
}

// Numbers stand to the right; which columns have them the first row says.
static void open_sheet(struct sheet *sheet, const mx_sql_query *query, bool row)
{
    sheet->count = mx_sql_column_count(query);
    if (sheet->count > TABLE_LIMIT_COLUMNS)
        sheet->count = TABLE_LIMIT_COLUMNS;
    for (int i = 0; i < sheet->count; i++) {
        struct mx_sql_value value = {.kind = MX_SQL_NULL};
        if (row)
            mx_sql_value(query, i, &value);
        sheet->titles[i] = title_of(query, i);
        sheet->columns[i] = (struct column){sheet->titles[i], value.kind == MX_SQL_INTEGER ||
                                                                  value.kind == MX_SQL_REAL};
    }
    table_init(&sheet->table, sheet->columns, (size_t)sheet->count);
}

static void add_to_sheet(struct sheet *sheet, const mx_sql_query *query)
{
    char *cells[TABLE_LIMIT_COLUMNS];
    for (int i = 0; i < sheet->count; i++) {
        struct mx_sql_value value;
        mx_sql_value(query, i, &value);
        cells[i] = cell_of(&value);
    }
    table_add(&sheet->table, (const char *const *)cells);
    for (int i = 0; i < sheet->count; i++)
        free(cells[i]);
}

static mx_status print_table(mx_sql_query *query, uint64_t *ret_count, struct mx_error *err)
{
    bool row;
    struct sheet sheet;
    mx_status status = mx_sql_step(query, &row, err);
    if (status)
        return status;
    open_sheet(&sheet, query, row);
    while (!status && row && !output_failed()) {
        add_to_sheet(&sheet, query);
        ++*ret_count;
        status = mx_sql_step(query, &row, err);
    }
    table_finish(&sheet.table);
    for (int i = 0; i < sheet.count; i++)
        free(sheet.titles[i]);
    return status;
}

// ---- JSON -------------------------------------------------------------------------------------

static json_t *json_bytes(const struct mx_sql_value *value)
{
    char *text = must(malloc(2 * value->nbytes + 1));
    for (size_t i = 0; i < value->nbytes; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)value->bytes[i]);
    text[2 * value->nbytes] = '\0';
    json_t *made = must(json_string(text));
    free(text);
    return made;
}

static json_t *json_of(const struct mx_sql_value *value)
{
    json_t *made = NULL;
    switch (value->kind) {
    case MX_SQL_NULL:
        return json_null();
    case MX_SQL_INTEGER:
        return must(json_integer(value->integer));
    case MX_SQL_ADDRESS:
        return json_address((mx_addr)value->integer);
    case MX_SQL_REAL:
        return isfinite(value->real) ? must(json_real(value->real)) : json_null();
    case MX_SQL_TEXT:
        made = json_stringn(value->bytes, value->nbytes);
        return made ? made : json_text(value->bytes);
    case MX_SQL_BLOB:
        return json_bytes(value);
    }
    return json_null();
}

// Names are the keys: those that come again are numbered, so that none is lost.
static void set_unique(json_t *record, const char *name, json_t *value)
{
    char *clean = text_clean(name), key[300];
    snprintf(key, sizeof key, "%s", clean);
    for (int number = 2; json_object_get(record, key); number++)
        snprintf(key, sizeof key, "%.280s_%d", clean, number);
    if (json_object_set_new(record, key, value))
        must(NULL);
    free(clean);
}

static int write_stdout(const char *bytes, size_t nbytes, void *data)
{
    (void)data;
    return fwrite_unlocked(bytes, 1, nbytes, stdout) == nbytes ? 0 : -1;
}

static mx_status print_json(mx_sql_query *query, uint64_t *ret_count, struct mx_error *err)
{
    bool row;
    mx_status status = mx_sql_step(query, &row, err);
    while (!status && row && !output_failed()) {
        json_t *record = must(json_object());
        for (int i = 0; i < mx_sql_column_count(query); i++) {
            struct mx_sql_value value;
            mx_sql_value(query, i, &value);
            set_unique(record, mx_sql_column_name(query, i), json_of(&value));
        }
        json_dump_callback(record, write_stdout, NULL, JSON_COMPACT | JSON_REAL_PRECISION(15));
        putchar_unlocked('\n');
        json_decref(record);
        ++*ret_count;
        status = mx_sql_step(query, &row, err);
    }
    return status;
}

mx_status sql_rows_print(mx_sql_query *query, bool json, uint64_t *ret_count, struct mx_error *err)
{
    *ret_count = 0;
    return json ? print_json(query, ret_count, err) : print_table(query, ret_count, err);
}
