// sql_none.c - a library that was built without SQLite: the wheel of the Python package is.
#include "base/error.h"

mx_status mx_sql_open(const mx_heap *heap, const struct mx_sql_options *options, mx_sql **ret,
                      struct mx_error *err)
{
    (void)heap, (void)options, (void)ret;
    return fail(err, MX_UNSUPPORTED,
                "this build of memexplorer has no SQL; the command line has: memexplorer sql");
}

// Without a connection the others have nothing to be called with; they are there to link.
void mx_sql_free(mx_sql *sql)
{
    (void)sql;
}

mx_status mx_sql_prepare(mx_sql *sql, const char *text, mx_sql_query **ret, const char **ret_rest,
                         struct mx_error *err)
{
    (void)text, (void)ret, (void)ret_rest;
    return mx_sql_open(NULL, NULL, &sql, err);
}

void mx_sql_query_free(mx_sql_query *query)
{
    (void)query;
}

mx_status mx_sql_step(mx_sql_query *query, bool *ret_row, struct mx_error *err)
{
    (void)query, (void)ret_row;
    return mx_sql_open(NULL, NULL, NULL, err);
}

int mx_sql_column_count(const mx_sql_query *query)
{
    (void)query;
    return 0;
}

const char *mx_sql_column_name(const mx_sql_query *query, int column)
{
    (void)query, (void)column;
    return "";
}

void mx_sql_value(const mx_sql_query *query, int column, struct mx_sql_value *ret)
{
    (void)query, (void)column;
    *ret = (struct mx_sql_value){0};
}

void mx_sql_interrupt(mx_sql *sql)
{
    (void)sql;
}

bool mx_sql_is_complete(const char *text)
{
    (void)text;
    return true;
}
