// sql_rows.h - the rows of a query: as a table for people, or one JSON object a line.
#ifndef MX_CLI_SQL_ROWS_H
#define MX_CLI_SQL_ROWS_H

#include "memexplorer.h"

// Runs it to its end.
mx_status sql_rows_print(mx_sql_query *query, bool json, uint64_t *ret_count, struct mx_error *err);

#endif
