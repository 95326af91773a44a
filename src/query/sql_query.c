// sql_query.c - a statement from its text to its rows, and what to say when it goes wrong.
//
// SQLite names what is wrong; the remedy is added here, for the mistakes that people make.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "query/sql.h"

// ---- errors ---------------------------------------------------------------------------------------

static const struct {
    const char *says, *remedy;
} remedies[] = {
    {"near \"references\"", "it is a word of SQL: write \"references\" in double quotes"},
    {"no such table",
     "SELECT name, meaning FROM documentation WHERE \"column\" IS NULL lists them"},
    {"no such column", "texts stand in 'single quotes', and SELECT * FROM documentation has every "
                       "column"},
    {"no such function", "PRAGMA function_list has those there are"},
    {"incomplete input", "the statement ends too early"},
    {"unrecognized token", "texts stand in 'single quotes', names in \"double\" ones"},
    {"syntax error", "docs/sql.md has examples"},
    {"may not be modified", "queries only read; write SELECT"},
};

static const char *remedy_of(const char *message)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (strstr(message, remedies[i].says))
            return remedies[i].remedy;
    return NULL;
}

static mx_status fail_stopped(struct mx_sql *sql, struct mx_error *err)
{
    switch (sql->stop) {
    case STOP_MEMORY:
        return fail(err, MX_LIMIT,
                    "SQL: the query took more than %llu MiB of memory; narrow it down with WHERE, "
                    "or with LIMIT inside",
                    (unsigned long long)(sql->options.memory_nbytes >> 20));
    case STOP_TIME:
        return fail(err, MX_TIMEOUT,
                    "SQL: the query took more than %.1f s; narrow it down, or allow more time",
                    (double)sql->options.timeout_ns * 1e-9);
    case STOP_NONE:
        break;
    }
    return fail(err, MX_TIMEOUT, "SQL: interrupted before it had ended");
}

static mx_status fail_sql(struct mx_sql *sql, int result, struct mx_error *err)
{
    const char *message = sqlite3_errmsg(sql->connection);
    switch (result & 0xff) {
    case SQLITE_INTERRUPT:
        return fail_stopped(sql, err);
    case SQLITE_NOMEM:
        return fail(err, MX_NO_MEMORY, "SQL: out of memory; narrow the query down with WHERE");
    case SQLITE_TOOBIG:
        return fail(err, MX_LIMIT,
                    "SQL: a value or statement is too long: values have at most %d MiB, statements "
                    "1; cut it with substr()",
                    LIMIT_TEXT_NBYTES >> 20);
    default:
        break;
    }
    if (sql->refused)
        return fail(err, MX_BAD_ARGUMENT,
                    "SQL: %s is refused: queries only read the snapshot; write SELECT",
                    sql->refused);
    const char *remedy = remedy_of(message);
    return fail(err, MX_BAD_ARGUMENT, "SQL: %.300s%s%s", message, remedy ? "; " : "",
                remedy ? remedy : "");
}

// ---- statements -------------------------------------------------------------------------------------

static mx_status find_addresses(struct mx_sql_query *query, struct mx_error *err)
{
    int count = sqlite3_column_count(query->statement);
    query->addresses = calloc((size_t)count + 1, 1);
    if (!query->addresses)
        return fail_no_memory(err);
    for (int i = 0; i < count; i++) {
        const char *kind = sqlite3_column_decltype(query->statement, i);
        query->addresses[i] = kind && strcmp(kind, sql_kind_name(SQL_ADDRESS)) == 0;
    }
    return MX_OK;
}

// Takes the statement.
static mx_status make_query(struct mx_sql *sql, sqlite3_stmt *statement, mx_sql_query **ret,
                            struct mx_error *err)
{
    struct mx_sql_query *query = calloc(1, sizeof *query);
    if (!query) {
        sqlite3_finalize(statement);
        return fail_no_memory(err);
    }
    *query = (struct mx_sql_query){.sql = sql, .statement = statement};
    mx_status status = find_addresses(query, err);
    if (!status && !sqlite3_stmt_readonly(statement))
        status = fail(err, MX_BAD_ARGUMENT,
                      "SQL: a statement that writes is refused: queries only read the snapshot; "
                      "write SELECT");
    if (status)
        mx_sql_query_free(query);
    else
        *ret = query;
    return status;
}

mx_status mx_sql_prepare(mx_sql *sql, const char *text, mx_sql_query **ret, const char **ret_rest,
                         struct mx_error *err)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = text + strlen(text);
    sql->refused = NULL;
    sql->stop = STOP_NONE;
    sql->deadline_ns = 0;
    int result = sqlite3_prepare_v2(sql->connection, text, -1, &statement, &rest);
    if (result)
        return fail_sql(sql, result, err);
    *ret = NULL;
    if (ret_rest)
        *ret_rest = rest;
    return statement ? make_query(sql, statement, ret, err) : MX_OK;
}

void mx_sql_query_free(mx_sql_query *query)
{
    if (!query)
        return;
    sqlite3_finalize(query->statement);
    free(query->addresses);
    free(query);
}

mx_status mx_sql_step(mx_sql_query *query, bool *ret_row, struct mx_error *err)
{
    struct mx_sql *sql = query->sql;
    if (!query->started) {
        query->started = true;
        sql->stop = STOP_NONE;
        sql->deadline_ns = sql->options.timeout_ns ? clock_ns() + sql->options.timeout_ns : 0;
    }
    int result = sqlite3_step(query->statement);
    mx_status damaged = snapshot_answered(sql->data.snapshot, MX_OK, err);
    if (damaged)
        return damaged;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return fail_sql(sql, result, err);
    *ret_row = result == SQLITE_ROW;
    return MX_OK;
}

// ---- rows -------------------------------------------------------------------------------------------

int mx_sql_column_count(const mx_sql_query *query)
{
    return sqlite3_column_count(query->statement);
}

const char *mx_sql_column_name(const mx_sql_query *query, int column)
{
    const char *name = sqlite3_column_name(query->statement, column);
    return name ? name : "";
}

void mx_sql_value(const mx_sql_query *query, int column, struct mx_sql_value *ret)
{
    sqlite3_stmt *statement = query->statement;
    *ret = (struct mx_sql_value){.kind = MX_SQL_NULL};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        ret->kind = query->addresses[column] ? MX_SQL_ADDRESS : MX_SQL_INTEGER;
        ret->integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        ret->kind = MX_SQL_REAL;
        ret->real = sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
        ret->bytes = (const char *)sqlite3_column_text(statement, column);
        ret->kind = ret->bytes ? MX_SQL_TEXT : MX_SQL_NULL;
        break;
    case SQLITE_BLOB:
        ret->bytes = sqlite3_column_blob(statement, column);
        ret->kind = MX_SQL_BLOB;
        break;
    }
    if (ret->kind == MX_SQL_TEXT || ret->kind == MX_SQL_BLOB)
        ret->nbytes = (size_t)sqlite3_column_bytes(statement, column);
}
