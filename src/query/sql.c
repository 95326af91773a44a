// sql.c - a database in memory that has nothing but the tables of a snapshot, and cannot get at
// anything else: statements only read, and what they take of memory and time is limited.
//
// Limits are those of the connection: a program that uses SQLite itself keeps its own.
#include "query/sql.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "query/sql_module.h"

#define PROGRESS_STEPS 500 // of SQLite's machine between two looks at clock and memory

// ---- what a statement may do ----------------------------------------------------------------------

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && sqlite3_stricmp(word, *words) != 0)
        words++;
    return *words;
}

static bool may_call(const char *function)
{
    // They load code, or take addresses of it.
    static const char *const refused[] = {"load_extension", "fts3_tokenizer", "icu_load_collation",
                                          NULL};
    return function && !is_one_of(function, refused);
}

static bool may_ask(const char *pragma)
{
    static const char *const allowed[] = {"table_info",    "table_xinfo", "table_list",
                                          "function_list", "module_list", NULL};
    return pragma && is_one_of(pragma, allowed);
}

// Statements that write are refused when they are ready (sql_query.c: SQLite says which do): here
// they look like what SQLite itself does to connect a virtual table. These change no table, and go
// beyond the snapshot or the one query all the same.
static const char *refused_word(int action, const char *first, const char *second)
{
    switch (action) {
    case SQLITE_ATTACH:
        return "ATTACH";
    case SQLITE_DETACH:
        return "DETACH";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return "a transaction";
    case SQLITE_ANALYZE:
    case SQLITE_REINDEX:
        return "ANALYZE or REINDEX";
    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
        return "CREATE or DROP of a virtual table";
    case SQLITE_PRAGMA:
        return may_ask(first) ? NULL : "this PRAGMA";
    case SQLITE_FUNCTION:
        return may_call(second) ? NULL : "this function";
    default: // selecting, reading, and all that only writing statements do
        return NULL;
    }
}

static int authorize(void *data, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    (void)database, (void)trigger;
    struct mx_sql *sql = data;
    const char *word = refused_word(action, first, second);
    if (word)
        sql->refused = word;
    return word ? SQLITE_DENY : SQLITE_OK;
}

// ---- what it may take -----------------------------------------------------------------------------

static int watch(void *data)
{
    struct mx_sql *sql = data;
    sqlite3_int64 memory = sqlite3_memory_used() - sql->memory_before;
    if (memory > 0 && (uint64_t)memory > sql->options.memory_nbytes)
        sql->stop = STOP_MEMORY;
    else if (sql->deadline_ns && clock_ns() > sql->deadline_ns)
        sql->stop = STOP_TIME;
    return sql->stop != STOP_NONE;
}

static void set_limits(sqlite3 *connection)
{
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, LIMIT_TEXT_NBYTES},
        {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
        {SQLITE_LIMIT_COLUMN, 100}, // more than a table has, and than a terminal shows
        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50},
        {SQLITE_LIMIT_VDBE_OP, 250000},
        {SQLITE_LIMIT_FUNCTION_ARG, 100},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000}, // matching takes the product of both lengths
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(connection, limits[i].limit, limits[i].value);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    // "text" in double quotes is a name, and an error where there is none: not silently a text.
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

// ---- opening --------------------------------------------------------------------------------------

static int execute(sqlite3 *connection, const char *format, const char *name, const char *query)
{
    char *statement = sqlite3_mprintf(format, name, query);
    int result = statement ? sqlite3_exec(connection, statement, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(statement);
    return result;
}

// Sorting in memory: the values of another process do not belong into temporary files.
static int make_tables(struct mx_sql *sql)
{
    int result = sql_module_register(sql->connection, &sql->data);
    if (!result)
        result = execute(sql->connection, "PRAGMA temp_store = MEMORY", "", "");
    for (size_t i = 0; !result && i < sql_table_count; i++)
        result = execute(sql->connection, "CREATE VIRTUAL TABLE \"%w\" USING memexplorer",
                         sql_tables[i]->name, "");
    for (size_t i = 0; !result && i < sql_view_count; i++)
        result = execute(sql->connection, "CREATE VIEW \"%w\" AS %s", sql_views[i].name,
                         sql_views[i].query);
    return result;
}

mx_status sql_open(const struct snapshot *snapshot, const struct mx_sql_options *options,
                   mx_sql **ret, struct mx_error *err)
{
    struct mx_sql *sql = calloc(1, sizeof *sql);
    if (!sql)
        return fail_no_memory(err);
    if (options)
        sql->options = *options;
    if (!sql->options.memory_nbytes)
        sql->options.memory_nbytes = DEFAULT_MEMORY_NBYTES;
    sql->memory_before = sqlite3_memory_used();
    mx_status status = sql_data_init(&sql->data, snapshot, err);
    int result = SQLITE_OK;
    if (!status)
        result =
            sqlite3_open_v2(":memory:", &sql->connection,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!status && !result) {
        set_limits(sql->connection);
        result = make_tables(sql);
    }
    if (result)
        status = fail(err, result == SQLITE_NOMEM ? MX_NO_MEMORY : MX_UNSUPPORTED,
                      "SQLite %s cannot make the tables: %s; 3.38 or newer is needed",
                      sqlite3_libversion(),
                      sql->connection ? sqlite3_errmsg(sql->connection) : sqlite3_errstr(result));
    if (status) {
        mx_sql_free(sql);
        return status;
    }
    sqlite3_set_authorizer(sql->connection, authorize, sql);
    sqlite3_progress_handler(sql->connection, PROGRESS_STEPS, watch, sql);
    *ret = sql;
    return MX_OK;
}

mx_status mx_sql_open(const mx_heap *heap, const struct mx_sql_options *options, mx_sql **ret,
                      struct mx_error *err)
{
    const struct snapshot *snapshot;
    mx_status status = heap_snapshot(heap, &snapshot, err);
    if (!status)
        status = sql_open(snapshot, options, ret, err);
    if (!status)
        (*ret)->data.heap = (*ret)->data.reports.heap = heap;
    return status;
}

void mx_sql_free(mx_sql *sql)
{
    if (!sql)
        return;
    sqlite3_close_v2(sql->connection);
    sql_data_fini(&sql->data);
    free(sql);
}

void mx_sql_interrupt(mx_sql *sql)
{
    sqlite3_interrupt(sql->connection);
}

bool mx_sql_is_complete(const char *text)
{
    return sqlite3_complete(text);
}
