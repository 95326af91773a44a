// arrow.c - the tables that SQL sees, a piece at a time, in columns.
//
// Knows nothing of SQLite, nor what a table means. Names of types are written once, and rows have their
// numbers. A column of a file that holds plain numbers of 8 bytes, and just those that the table has,
// is not copied.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/batch.h"
#include "query/sql_table.h"

#define BATCH_ROWS 65536
#define BATCH_TEXT_NBYTES ((size_t)16 << 20) // of a column: then the batch ends

// A column of the table, or the blobs among its values.
struct shown {
    const struct sql_column *column;
    bool blobs;
};

struct mx_arrow {
    struct sql_data data;
    const struct sql_table *table;
    struct shown columns[LIMIT_COLUMNS + 1];
    size_t column_count;
    uint64_t row_count;
    struct batch_names *names;
};

// ---- which columns ----------------------------------------------------------------------------

static const char *shown_name(const struct shown *shown)
{
    return shown->blobs ? "bytes" : shown->column->name;
}

static enum batch_kind shown_kind(const struct shown *shown)
{
    if (shown->blobs)
        return BATCH_BLOB;
    switch (shown->column->kind) {
    case SQL_INTEGER:
        return BATCH_INTEGER;
    case SQL_ADDRESS:
        return BATCH_UNSIGNED;
    case SQL_BOOLEAN:
        return BATCH_BOOLEAN;
    case SQL_TYPE:
        return BATCH_NAME;
    case SQL_TEXT:
    case SQL_ANY:
        return BATCH_TEXT;
    }
    return BATCH_TEXT;
}

// Values of str and bytes are in one column of SQL's, which has no types: here they are two.
static size_t all_columns(const struct sql_table *table, struct shown *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        ret[count++] = (struct shown){&table->columns[i], false};
        if (table == &sql_table_strings && strcmp(table->columns[i].name, "value") == 0)
            ret[count++] = (struct shown){&table->columns[i], true};
    }
    return count;
}

static mx_status choose_columns(struct mx_arrow *arrow, const char *const *columns, size_t count,
                                struct mx_error *err)
{
    struct shown all[LIMIT_COLUMNS + 1];
    size_t all_count = all_columns(arrow->table, all);
    if (!columns) {
        memcpy(arrow->columns, all, sizeof all);
        arrow->column_count = all_count;
        return MX_OK;
    }
    if (count > LIMIT_COLUMNS)
        return fail(err, MX_BAD_ARGUMENT, "%d columns at most", LIMIT_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < all_count && strcmp(shown_name(&all[k]), columns[i]) != 0)
            k++;
        if (k == all_count)
            return fail(err, MX_BAD_ARGUMENT, "the table %s has no column '%.60s'",
                        arrow->table->name, columns[i]);
        arrow->columns[i] = all[k];
    }
    arrow->column_count = count;
    return MX_OK;
}

// Any but the one that tells of the tables.
static const struct sql_table *find_table(const char *name)
{
    for (size_t i = 0; i < sql_table_count; i++)
        if (sql_tables[i] != &sql_table_documentation && strcmp(sql_tables[i]->name, name) == 0)
            return sql_tables[i];
    return NULL;
}

// The names of the types by rank: those of the same name are one.
static mx_status make_names(struct mx_arrow *arrow, struct mx_error *err)
{
    const struct snapshot *s = arrow->data.snapshot;
    struct batch_names *names = calloc(1, sizeof *names);
    size_t nbytes = 0;
    for (size_t i = 0; i < s->type_count; i++)
        nbytes += arrow->data.types[i].name_nbytes;
    arrow->names = names;
    if (!names)
        return fail_no_memory(err);
    atomic_init(&names->users, 1);
    names->offsets = calloc(s->type_count + 1, sizeof *names->offsets);
    names->bytes = malloc(nbytes + 1);
    if (!names->offsets || !names->bytes)
        return fail_no_memory(err);
    if (nbytes > INT32_MAX)
        return fail(err, MX_LIMIT, "the names of the types have more than 2 GB");
    for (size_t i = 0, used = 0; i < s->type_count; i++) {
        uint32_t type = arrow->data.types_by_name[i];
        size_t rank = arrow->data.types[type].rank;
        if (rank < names->count)
            continue;
        memcpy(names->bytes + used, s->types[type].name, arrow->data.types[type].name_nbytes);
        used += arrow->data.types[type].name_nbytes;
        names->count = rank + 1;
        names->offsets[rank + 1] = (int32_t)used;
    }
    return MX_OK;
}

mx_status mx_arrow_open(const mx_heap *heap, const char *table, const char *const *columns,
                        size_t column_count, mx_arrow **ret, struct mx_error *err)
{
    const struct snapshot *snapshot;
    const struct sql_table *found = find_table(table);
    if (!found)
        return fail(err, MX_BAD_ARGUMENT, "there is no table '%.60s'", table);
    mx_status status = heap_snapshot(heap, &snapshot, err);
    if (status)
        return status;
    struct mx_arrow *arrow = calloc(1, sizeof *arrow);
    if (!arrow)
        return fail_no_memory(err);
    arrow->table = found;
    status = sql_data_init(&arrow->data, snapshot, err);
    if (!snapshot->labels_at_hand)
        arrow->data.heap = heap;
    arrow->data.reports.heap = heap;
    if (!status)
        status = choose_columns(arrow, columns, column_count, err);
    if (!status)
        status = make_names(arrow, err);
    if (!status) {
        arrow->row_count = found->count(&arrow->data);
        if (arrow->row_count == UINT64_MAX)
            status = fail_no_memory(err);
    }
    if (status) {
        mx_arrow_free(arrow);
        return status;
    }
    *ret = arrow;
    return MX_OK;
}

void mx_arrow_free(mx_arrow *arrow)
{
    if (!arrow)
        return;
    sql_data_fini(&arrow->data);
    batch_names_release(arrow->names);
    free(arrow);
}

uint64_t mx_arrow_rows(const mx_arrow *arrow)
{
    return arrow->row_count;
}

// ---- rows -------------------------------------------------------------------------------------

// Where rows are found in order: each goes on from the one before.
static struct sql_place place_of(struct mx_arrow *arrow, uint64_t row, uint32_t source)
{
    struct sql_place place = {.row = row, .source = source, .target = MX_NO_OBJECT};
    if (arrow->table->settle)
        arrow->table->settle(&arrow->data, &place);
    return place;
}

static bool fill_numbers(struct mx_arrow *arrow, const struct shown *shown,
                         struct batch_column *column, uint64_t first, uint64_t rows)
{
    int64_t *numbers = (int64_t *)(uintptr_t)column->values;
    uint32_t source = 0;
    for (uint64_t i = 0; i < rows; i++) {
        struct sql_place place = place_of(arrow, first + i, source);
        int64_t number;
        source = place.source;
        if (!shown->column->number(&arrow->data, &place, &number)) {
            if (!batch_add_missing(column, i, rows))
                return false;
        } else if (column->kind == BATCH_BOOLEAN) {
            if (number)
                batch_set_bit(numbers, i);
        } else if (column->kind == BATCH_NAME) {
            ((int32_t *)numbers)[i] = (int32_t)arrow->data.types[number].rank;
        } else {
            numbers[i] = number;
        }
    }
    return true;
}

static bool fill_cell(struct batch_column *column, const struct sql_cell *cell, uint64_t row,
                      uint64_t rows)
{
    char digits[24];
    int wanted = column->kind == BATCH_BLOB ? CELL_BLOB : CELL_TEXT;
    if (cell->kind == CELL_INTEGER && wanted == CELL_TEXT) {
        int nbytes = snprintf(digits, sizeof digits, "%lld", (long long)cell->number);
        return batch_add_bytes(column, row, digits, (size_t)nbytes);
    }
    if ((int)cell->kind != wanted)
        return batch_add_missing(column, row, rows);
    return batch_add_bytes(column, row, cell->bytes, cell->nbytes);
}

// Ends the batch early when it has become large: *rows is less then.
static bool fill_texts(struct mx_arrow *arrow, const struct shown *shown,
                       struct batch_column *column, uint64_t first, uint64_t *rows)
{
    uint32_t source = 0;
    for (uint64_t i = 0; i < *rows; i++) {
        struct sql_place place = place_of(arrow, first + i, source);
        struct sql_cell cell;
        source = place.source;
        shown->column->cell(&arrow->data, &place, &cell);
        if (!fill_cell(column, &cell, i, *rows))
            return false;
        if (column->bytes.count > BATCH_TEXT_NBYTES)
            *rows = i + 1;
    }
    return true;
}

// The numbers of the table are those of the snapshot's column, as they stand there.
static bool is_as_stored(const struct sql_column *column)
{
#define X(name) COLUMN(name),
    static const size_t STORED[] = {SNAPSHOT_SHARED_COLUMNS(X)};
#undef X
    for (size_t i = 0; i < sizeof STORED / sizeof *STORED; i++)
        if (column->column == STORED[i])
            return column->kind == SQL_INTEGER;
    return false;
}

// *ret_borrowed is false when the column has to be made.
static bool borrow(struct mx_arrow *arrow, const struct shown *shown, struct mx_batch *batch,
                   struct batch_column *column, uint64_t first, uint64_t rows, bool *ret_borrowed)
{
    *ret_borrowed = false;
    if (!batch->keeper.keep || !is_as_stored(shown->column))
        return true;
    const struct snapshot *s = arrow->data.snapshot;
    const struct column *stored =
        (const struct column *)(const void *)((const char *)s + shown->column->column);
    if (stored->encoding != COLUMN_U64)
        return true;
    *ret_borrowed = true;
    free((void *)(uintptr_t)column->values);
    column->values = stored->bytes + 8 * first;
    column->borrowed = true;
    if (!batch->kept)
        batch->keeper.keep(batch->keeper.data);
    batch->kept = true;
    for (uint64_t i = 0; shown->column->column == COLUMN(refcount) && i < rows; i++)
        if (column_at(&s->flags, first + i) & OBJECT_IMMORTAL &&
            !batch_add_missing(column, i, rows))
            return false;
    return true;
}

static bool fill_column(struct mx_arrow *arrow, const struct shown *shown, struct mx_batch *batch,
                        struct batch_column *column, uint64_t first, uint64_t *rows)
{
    bool borrowed = false;
    if (!batch_column_init(column, shown_name(shown), shown_kind(shown), *rows))
        return false;
    if (column->offsets)
        return fill_texts(arrow, shown, column, first, rows);
    return borrow(arrow, shown, batch, column, first, *rows, &borrowed) &&
           (borrowed || fill_numbers(arrow, shown, column, first, *rows));
}

mx_status mx_arrow_read(mx_arrow *arrow, uint64_t first, uint64_t most,
                        const struct mx_keeper *keeper, mx_batch **ret, struct mx_error *err)
{
    uint64_t rows = first < arrow->row_count ? arrow->row_count - first : 0;
    rows = rows > most ? most : rows;
    rows = rows > BATCH_ROWS ? BATCH_ROWS : rows;
    struct mx_batch *batch = batch_new(arrow->column_count);
    if (!batch)
        return fail_no_memory(err);
    if (keeper)
        batch->keeper = *keeper;
    batch->names = arrow->names;
    atomic_fetch_add(&arrow->names->users, 1);
    for (size_t i = 0; i < arrow->column_count; i++)
        if (!fill_column(arrow, &arrow->columns[i], batch, &batch->columns[i], first, &rows)) {
            mx_batch_free(batch);
            return fail_no_memory(err);
        }
    batch->row_count = rows;
    *ret = batch;
    return MX_OK;
}
