// sql.h - a connection to a snapshot, and a query on it: the inside of mx_sql_....
#ifndef MX_QUERY_SQL_H
#define MX_QUERY_SQL_H

#include <sqlite3.h>

#include "query/sql_table.h"

#define DEFAULT_MEMORY_NBYTES (UINT64_C(1) << 30)
#define LIMIT_TEXT_NBYTES (16 << 20) // of a value that a query makes

struct mx_sql {
    struct sql_data data;
    sqlite3 *connection;
    struct mx_sql_options options;
    sqlite3_int64 memory_before; // that this process had of SQLite's when the connection was made
    uint64_t deadline_ns;        // of the query that runs; 0 for none
    const char *refused;         // what the authorizer said no to last; NULL for nothing
    enum { STOP_NONE, STOP_MEMORY, STOP_TIME } stop; // why the progress handler ended a query
};

struct mx_sql_query {
    struct mx_sql *sql;
    sqlite3_stmt *statement;
    uint8_t *addresses; // [columns]: a column of addresses
    bool started;
};

// mx_sql_open is this for a heap's snapshot, which has to outlive *ret.
mx_status sql_open(const struct snapshot *snapshot, const struct mx_sql_options *options,
                   mx_sql **ret, struct mx_error *err);

#endif
