// sql_batch.c - all rows of a query, in columns. SQLite's values have types and its columns have none:
// a column gets the narrowest kind that holds them all.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/vector.h"
#include "query/batch.h"

#define LIMIT_RESULT_NBYTES ((uint64_t)1 << 31) // of all values: offsets have 31 bits

// A value as it was met; of texts and blobs the bytes lie in struct rows.
struct value {
    uint8_t kind; // mx_sql_value.kind
    uint32_t nbytes;
    union {
        int64_t integer;
        double real;
        uint64_t offset;
    };
};

struct rows {
    size_t column_count;
    VECTOR(struct value) values; // row after row
    VECTOR(char) bytes;
};

static bool keep_bytes(struct rows *rows, const char *bytes, size_t nbytes, uint64_t *ret_offset)
{
    if (!vector_reserve(&rows->bytes, rows->bytes.count + nbytes))
        return false;
    if (nbytes)
        memcpy(rows->bytes.items + rows->bytes.count, bytes, nbytes);
    *ret_offset = rows->bytes.count;
    rows->bytes.count += nbytes;
    return true;
}

static mx_status take_value(struct rows *rows, const struct mx_sql_value *value,
                            struct mx_error *err)
{
    struct value kept = {.kind = (uint8_t)value->kind};
    if (value->kind == MX_SQL_TEXT || value->kind == MX_SQL_BLOB) {
        kept.nbytes = (uint32_t)value->nbytes;
        if (!keep_bytes(rows, value->bytes, value->nbytes, &kept.offset))
            return fail_no_memory(err);
    } else if (value->kind == MX_SQL_REAL) {
        kept.real = value->real;
    } else {
        kept.integer = value->integer;
    }
    if (!vector_push(&rows->values, kept))
        return fail_no_memory(err);
    if (rows->bytes.count + rows->values.count * sizeof kept > LIMIT_RESULT_NBYTES)
        return fail(err, MX_LIMIT,
                    "the query's answer has more than 2 GiB: ask for fewer rows or columns, or for "
                    "sums of them");
    return MX_OK;
}

static mx_status take_rows(mx_sql_query *query, struct rows *rows, struct mx_error *err)
{
    for (;;) {
        bool row;
        mx_status status = mx_sql_step(query, &row, err);
        if (status || !row)
            return status;
        for (size_t i = 0; i < rows->column_count; i++) {
            struct mx_sql_value value;
            mx_sql_value(query, (int)i, &value);
            status = take_value(rows, &value, err);
            if (status)
                return status;
        }
    }
}

// ---- columns ----------------------------------------------------------------------------------

static const struct value *value_at(const struct rows *rows, size_t column, uint64_t row)
{
    return &rows->values.items[row * rows->column_count + column];
}

static enum batch_kind kind_of(const struct rows *rows, size_t column, uint64_t count)
{
    bool met[MX_SQL_BLOB + 1] = {false};
    for (uint64_t row = 0; row < count; row++)
        met[value_at(rows, column, row)->kind] = true;
    if (met[MX_SQL_BLOB])
        return BATCH_BLOB;
    if (met[MX_SQL_TEXT])
        return BATCH_TEXT;
    if (met[MX_SQL_REAL])
        return BATCH_REAL;
    return met[MX_SQL_ADDRESS] && !met[MX_SQL_INTEGER] ? BATCH_UNSIGNED : BATCH_INTEGER;
}

// A number among texts is written.
static bool add_bytes(const struct rows *rows, const struct value *value,
                      struct batch_column *column, uint64_t row)
{
    char digits[40];
    int nbytes;
    if (value->kind == MX_SQL_TEXT || value->kind == MX_SQL_BLOB)
        return batch_add_bytes(column, row, rows->bytes.items + value->offset, value->nbytes);
    if (value->kind == MX_SQL_REAL)
        nbytes = snprintf(digits, sizeof digits, "%.15g", value->real);
    else if (value->kind == MX_SQL_ADDRESS)
        nbytes = snprintf(digits, sizeof digits, "0x%" PRIx64, (uint64_t)value->integer);
    else
        nbytes = snprintf(digits, sizeof digits, "%" PRId64, value->integer);
    return batch_add_bytes(column, row, digits, (size_t)nbytes);
}

static bool fill_column(const struct rows *rows, size_t place, const char *name, uint64_t count,
                        struct batch_column *column)
{
    if (!batch_column_init(column, name, kind_of(rows, place, count), count))
        return false;
    for (uint64_t row = 0; row < count; row++) {
        const struct value *value = value_at(rows, place, row);
        bool done = true;
        if (value->kind == MX_SQL_NULL)
            done = batch_add_missing(column, row, count);
        else if (column->offsets)
            done = add_bytes(rows, value, column, row);
        else if (column->kind == BATCH_REAL)
            ((double *)(uintptr_t)column->values)[row] =
                value->kind == MX_SQL_REAL ? value->real : (double)value->integer;
        else
            ((int64_t *)(uintptr_t)column->values)[row] = value->integer;
        if (!done)
            return false;
    }
    return true;
}

mx_status mx_sql_read_all(mx_sql_query *query, mx_batch **ret, struct mx_error *err)
{
    struct rows rows = {.column_count = (size_t)mx_sql_column_count(query)};
    mx_batch *batch = NULL;
    mx_status status = take_rows(query, &rows, err);
    if (!status) {
        batch = batch_new(rows.column_count);
        bool done = batch != NULL;
        uint64_t count = rows.column_count ? rows.values.count / rows.column_count : 0;
        for (size_t i = 0; done && i < rows.column_count; i++)
            done =
                fill_column(&rows, i, mx_sql_column_name(query, (int)i), count, &batch->columns[i]);
        if (done)
            batch->row_count = count;
        else
            status = fail_no_memory(err);
    }
    vector_free(&rows.values);
    vector_free(&rows.bytes);
    if (status) {
        mx_batch_free(batch);
        return status;
    }
    *ret = batch;
    return MX_OK;
}
