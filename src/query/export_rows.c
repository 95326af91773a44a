// export_rows.c - tables as CSV (RFC 4180) and as JSON, a line each. Knows formats and no table.
#include "query/export_rows.h"

#include <stdlib.h>

#include "base/error.h"

// ---- cells --------------------------------------------------------------------------------------

static struct sink *begin_cell(struct rows *rows)
{
    struct sink *sink = rows->export->sink;
    const char *name = rows->columns[rows->column];
    if (rows->column++)
        sink_char(sink, ',');
    if (rows->json) {
        sink_char(sink, '"');
        sink_text(sink, name);
        sink_text(sink, "\":");
    }
    return sink;
}

void cell_text(struct rows *rows, const char *text)
{
    struct sink *sink = begin_cell(rows);
    if (rows->json)
        sink_json(sink, text, strlen(text));
    else
        sink_csv(sink, text, strlen(text));
}

void cell_number(struct rows *rows, uint64_t number)
{
    sink_number(begin_cell(rows), number);
}

void cell_signed(struct rows *rows, int64_t number)
{
    sink_signed(begin_cell(rows), number);
}

void cell_address(struct rows *rows, mx_addr address)
{
    struct sink *sink = begin_cell(rows);
    if (rows->json)
        sink_char(sink, '"');
    sink_address(sink, address);
    if (rows->json)
        sink_char(sink, '"');
}

void cell_flag(struct rows *rows, bool flag)
{
    sink_text(begin_cell(rows), flag ? "true" : "false");
}

void cell_none(struct rows *rows)
{
    struct sink *sink = begin_cell(rows);
    if (rows->json)
        sink_text(sink, "null");
}

// ---- rows ---------------------------------------------------------------------------------------

void row_begin(struct rows *rows)
{
    rows->column = 0;
    if (rows->json)
        sink_char(rows->export->sink, '{');
}

void cell_references(struct rows *rows, uint32_t object)
{
    char label[NAME_NBYTES];
    struct sink *sink = rows->export->sink;
    const struct snapshot *s = rows->export->snapshot;
    uint64_t first = column_at(&s->first, object), end = column_at(&s->first, object + 1ull);
    if (!rows->json)
        return;
    sink_text(sink, ",\"references\":[");
    for (uint64_t at = first; at < end; at++) {
        export_label(rows->export, object, at, label);
        sink_text(sink, at > first ? ",{\"label\":" : "{\"label\":");
        sink_json(sink, label, strlen(label));
        sink_text(sink, ",\"ownership\":\"");
        sink_text(sink, mx_ownership_name((mx_ownership)column_at(&s->hold, at)));
        sink_text(sink, "\",\"address\":\"");
        sink_address(sink, snapshot_address(s, (uint32_t)column_at(&s->target, at)));
        sink_text(sink, "\"}");
    }
    sink_char(sink, ']');
    rows->export->result.references += snapshot_references(s, object);
}

void row_end(struct rows *rows)
{
    sink_text(rows->export->sink, rows->json ? "}\n" : "\r\n");
    rows->export->result.records++;
}

static void write_names(const struct rows *rows)
{
    struct sink *sink = rows->export->sink;
    for (size_t i = 0; rows->columns[i]; i++) {
        if (i)
            sink_char(sink, ',');
        sink_text(sink, rows->columns[i]);
    }
    sink_text(sink, "\r\n");
}

static mx_status count_instances(struct rows *rows, struct mx_error *err)
{
    const struct snapshot *s = rows->export->snapshot;
    rows->instances = calloc(s->type_count + 1, sizeof *rows->instances);
    rows->instance_nbytes = calloc(s->type_count + 1, sizeof *rows->instance_nbytes);
    if (!rows->instances || !rows->instance_nbytes)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < s->object_count; i++) {
        rows->instances[column_at(&s->type, i)]++;
        rows->instance_nbytes[column_at(&s->type, i)] += snapshot_nbytes(s, i);
    }
    return MX_OK;
}

static void write_rows(struct rows *rows, const struct table *table)
{
    uint64_t count = table->count(rows->export->snapshot);
    if (!rows->json)
        write_names(rows);
    for (uint64_t i = 0; i < count && !rows->export->sink->failed; i++) {
        table->row(rows, i);
        export_progress(rows->export, "writing rows", i, count);
    }
}

mx_status export_rows(struct export *export, bool json, struct mx_error *err)
{
    const struct table *table = export_table(export->options->table);
    if (!table)
        return fail(err, MX_BAD_ARGUMENT, "there is no table %d", (int)export->options->table);
    struct rows rows = {.export = export, .columns = table->columns, .json = json};
    mx_status status = MX_OK;
    if (export->options->table == MX_TABLE_TYPES)
        status = count_instances(&rows, err);
    if (!status)
        write_rows(&rows, table);
    free(rows.instances);
    free(rows.instance_nbytes);
    return status;
}
