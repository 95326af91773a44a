// sql_process.c - threads, frames, and what is known of the whole, as SQL sees it. And SQL itself:
// which tables and columns there are.
#include "base/sorted.h"
#include "query/sql_number.h"

// ---- threads ------------------------------------------------------------------------------------

static uint64_t count_threads(struct sql_data *data)
{
    return data->snapshot->thread_count;
}

NUMBER(thread_number, row)
NUMBER_IF(thread_native_id, s->threads[row].native_id != 0, s->threads[row].native_id)
NUMBER(thread_ident, s->threads[row].ident)
NUMBER(thread_frames, s->threads[row].frame_count)

static const struct sql_column thread_columns[] = {
    {"thread", SQL_INTEGER, ACCESS_ROW, thread_number, NULL, "number of the thread; also its rowid",
     0},
    {"native_id", SQL_INTEGER, ACCESS_NONE, thread_native_id, NULL,
     "as the kernel numbers it; NULL when not known", 0},
    {"ident", SQL_INTEGER, ACCESS_NONE, thread_ident, NULL, "what `threading.get_ident()` says", 0},
    {"frame_count", SQL_INTEGER, ACCESS_NONE, thread_frames, NULL, "Python functions that it is in",
     0},
};

const struct sql_table sql_table_threads = {
    .name = "threads",
    .meaning = "every thread that Python knows",
    .columns = thread_columns,
    .column_count = SQL_COLUMN_COUNT(thread_columns),
    .count = count_threads,
};

// ---- frames -------------------------------------------------------------------------------------

static uint64_t count_frames(struct sql_data *data)
{
    return data->frame_first[data->snapshot->thread_count];
}

// The last thread whose frames begin at or before the row: it has frames.
static size_t thread_of(struct sql_data *data, uint64_t row)
{
    return sorted_upto(data->frame_first, data->snapshot->thread_count + 1, row) - 1;
}

static const struct mx_frame *frame_at(struct sql_data *data, uint64_t row)
{
    size_t thread = thread_of(data, row);
    return &data->snapshot->threads[thread].frames[row - data->frame_first[thread]];
}

NUMBER(frame_thread, thread_of(data, row))
NUMBER(frame_depth, row - data->frame_first[thread_of(data, row)])
NUMBER_IF(frame_line, frame_at(data, row)->line != 0, frame_at(data, row)->line)

TEXT(frame_function, frame_at(data, row)->function)

TEXT(frame_file, frame_at(data, row)->file)

static const struct sql_column frame_columns[] = {
    {"thread", SQL_INTEGER, ACCESS_ASCENDING, frame_thread, NULL, "the thread, in `threads`", 0},
    {"depth", SQL_INTEGER, ACCESS_NONE, frame_depth, NULL, "0 for the innermost", 0},
    {"function", SQL_TEXT, ACCESS_NONE, NULL, frame_function, "qualified name", 0},
    {"file", SQL_TEXT, ACCESS_NONE, NULL, frame_file, "where it is written", 0},
    {"line", SQL_INTEGER, ACCESS_NONE, frame_line, NULL, "that it is at; NULL when not known", 0},
};

const struct sql_table sql_table_frames = {
    .name = "frames",
    .meaning = "every function that a thread is in, the innermost first",
    .columns = frame_columns,
    .column_count = SQL_COLUMN_COUNT(frame_columns),
    .count = count_frames,
};

// ---- summary ------------------------------------------------------------------------------------

// name, INTEGER or TEXT, value
#define FACTS(X)                                                                                   \
    X("pid", INTEGER, info->process.pid)                                                           \
    X("cmdline", TEXT, info->process.cmdline)                                                      \
    X("user", TEXT, info->process.user)                                                            \
    X("python", TEXT, info->process.python)                                                        \
    X("executable", TEXT, info->process.executable)                                                \
    X("rss_bytes", INTEGER, info->process.rss_bytes)                                               \
    X("free_threaded", INTEGER, info->free_threaded)                                               \
    X("debug", INTEGER, info->debug)                                                               \
    X("layout_verified", INTEGER, info->layout_verified)                                           \
    X("capture", TEXT, mx_capture_mode_name(summary->mode))                                        \
    X("objects", INTEGER, summary->objects)                                                        \
    X("references", INTEGER, summary->references)                                                  \
    X("bytes", INTEGER, summary->bytes)                                                            \
    X("explained", INTEGER, summary->refcounts.explained)                                          \
    X("certain", INTEGER, summary->refcounts.certain)                                              \
    X("surplus", INTEGER, summary->refcounts.surplus)                                              \
    X("deficit", INTEGER, summary->refcounts.deficit)                                              \
    X("immortal", INTEGER, summary->refcounts.immortal)                                            \
    X("undecoded", INTEGER, summary->undecoded)                                                    \
    X("gc_enabled", INTEGER, summary->gc_enabled)                                                  \
    X("gc_collecting", INTEGER, summary->gc_collecting)                                            \
    X("pause_ns", INTEGER, summary->pause_ns)                                                      \
    X("copied_bytes", INTEGER, summary->copied_bytes)                                              \
    X("skipped_bytes", INTEGER, summary->skipped_bytes)

static const char *const fact_names[] = {
#define X(name, kind, value) name,
    FACTS(X)
#undef X
};

static uint64_t count_facts(struct sql_data *data)
{
    (void)data;
    return SQL_COLUMN_COUNT(fact_names);
}

TEXT(fact_name, fact_names[row])

#define CELL_OF_INTEGER(value) sql_cell_integer(ret, (int64_t)(value))
#define CELL_OF_TEXT(value) sql_cell_text(ret, (value))

static void fact_value(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    const struct mx_target_info *info = &data->snapshot->info;
    const struct mx_heap_summary *summary = &data->snapshot->summary;
    uint64_t row = 0;
#define X(name, kind, value)                                                                       \
    if (place->row == row++)                                                                       \
        CELL_OF_##kind(value);
    FACTS(X)
#undef X
}

static const struct sql_column fact_columns[] = {
    {"name", SQL_TEXT, ACCESS_NONE, NULL, fact_name, "as in docs/json.md, of `report`", 0},
    {"value", SQL_ANY, ACCESS_NONE, NULL, fact_value, "a number, or a text", 0},
};

const struct sql_table sql_table_summary = {
    .name = "summary",
    .meaning = "the process, how it was read, and totals",
    .columns = fact_columns,
    .column_count = SQL_COLUMN_COUNT(fact_columns),
    .count = count_facts,
};

// ---- documentation ------------------------------------------------------------------------------

// A row for each table, one for each of its columns, then one for each view.
struct entry {
    const struct sql_table *table;   // NULL: a view
    const struct sql_column *column; // NULL: the table itself
    const struct sql_view *view;
};

static uint64_t count_entries(struct sql_data *data)
{
    (void)data;
    uint64_t count = sql_view_count;
    for (size_t i = 0; i < sql_table_count; i++)
        count += 1 + sql_tables[i]->column_count;
    return count;
}

static struct entry entry_at(uint64_t row)
{
    for (size_t i = 0; i < sql_table_count; i++) {
        const struct sql_table *table = sql_tables[i];
        if (row <= table->column_count)
            return (struct entry){table, row ? &table->columns[row - 1] : NULL, NULL};
        row -= 1 + table->column_count;
    }
    return (struct entry){.view = &sql_views[row]};
}

static void entry_name(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    (void)data;
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.table ? entry.table->name : entry.view->name);
}

static void entry_column(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    (void)data;
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.column ? entry.column->name : NULL);
}

static void entry_kind(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    (void)data;
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.column  ? sql_kind_name(entry.column->kind)
                       : entry.table ? "table"
                                     : "view");
}

static void entry_found_by(struct sql_data *data, const struct sql_place *place,
                           struct sql_cell *ret)
{
    (void)data;
    static const char *const names[] = {
        [ACCESS_NONE] = NULL,       [ACCESS_ROW] = "row",        [ACCESS_ASCENDING] = "sorted",
        [ACCESS_INDEXED] = "index", [ACCESS_GROUPED] = "groups", [ACCESS_REFERRERS] = "referrers"};
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.column ? names[entry.column->access] : NULL);
}

static void entry_meaning(struct sql_data *data, const struct sql_place *place,
                          struct sql_cell *ret)
{
    (void)data;
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.column  ? entry.column->meaning
                       : entry.table ? entry.table->meaning
                                     : entry.view->meaning);
}

static void entry_query(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    (void)data;
    struct entry entry = entry_at(place->row);
    sql_cell_text(ret, entry.view ? entry.view->query : NULL);
}

static const struct sql_column entry_columns[] = {
    {"name", SQL_TEXT, ACCESS_NONE, NULL, entry_name, "of the table or view", 0},
    {"column", SQL_TEXT, ACCESS_NONE, NULL, entry_column, "NULL for the table or view itself", 0},
    {"kind", SQL_TEXT, ACCESS_NONE, NULL, entry_kind,
     "table, view, or what a column has: INTEGER, ADDRESS, BOOLEAN, TEXT", 0},
    {"found_by", SQL_TEXT, ACCESS_NONE, NULL, entry_found_by,
     "how rows with a value of the column are found: row, sorted, index, referrers", 0},
    {"meaning", SQL_TEXT, ACCESS_NONE, NULL, entry_meaning, "in words", 0},
    {"query", SQL_TEXT, ACCESS_NONE, NULL, entry_query, "of a view", 0},
};

const struct sql_table sql_table_documentation = {
    .name = "documentation",
    .meaning = "every table, column and view, and what it means",
    .columns = entry_columns,
    .column_count = SQL_COLUMN_COUNT(entry_columns),
    .count = count_entries,
};

const struct sql_table *const sql_tables[] = {
    &sql_table_objects,    &sql_table_references,    &sql_table_types,
    &sql_table_dominators, &sql_table_roots,         &sql_table_root_references,
    &sql_table_strings,    &sql_table_blocks,        &sql_table_threads,
    &sql_table_frames,     &sql_table_findings,      &sql_table_cycles,
    &sql_table_suspects,   &sql_table_sparse,        &sql_table_slots,
    &sql_table_summary,    &sql_table_documentation,
};
const size_t sql_table_count = SQL_COLUMN_COUNT(sql_tables);
