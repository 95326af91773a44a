// sql_module.c - a cursor over any of the tables: nothing is copied, a value is read when SQLite
// asks for that column of that row.
//
// Knows SQLite and struct sql_table, and none of the tables.
#include "query/sql_module.h"

#include <string.h>

// Rows in the order of an index lie here and there: what will be read of them is asked for so many
// rows before. Without it a GROUP BY waits for memory half of the time.
#define ROWS_AHEAD 24
#define LIMIT_AHEAD 4 // columns

// A number of a packed column costs 20 ns, of an unpacked one 1, and unpacking 2.
#define UNPACK_AFTER 50000 // rows
#define UNPACKED_ONCE (UINT64_C(1) << 63)

struct ahead {
    const uint8_t *bytes;
    unsigned shift; // of a row's number to its place in bytes
};

struct cursor {
    sqlite3_vtab_cursor base;
    const struct sql_order *order;
    uint64_t at, begin, end; // rows, places in `order`, or places among the referrers
    bool backwards;
    struct sql_place place;
    struct sql_filters filters;
    struct ahead ahead[LIMIT_AHEAD];
    size_t ahead_count;
    uint64_t reads; // columns that are read of each row, as bits
};

static struct sql_virtual_table *table_of(sqlite3_vtab_cursor *cursor)
{
    return (struct sql_virtual_table *)cursor->pVtab;
}

// ---- tables -------------------------------------------------------------------------------------

static int declare(sqlite3 *connection, const struct sql_table *table)
{
    sqlite3_str *text = sqlite3_str_new(connection);
    sqlite3_str_appendf(text, "CREATE TABLE x(");
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(text, "%s\"%w\" %s", i ? ", " : "", table->columns[i].name,
                            sql_kind_name(table->columns[i].kind));
    sqlite3_str_appendf(text, ")");
    char *statement = sqlite3_str_finish(text);
    int result = statement ? sqlite3_declare_vtab(connection, statement) : SQLITE_NOMEM;
    sqlite3_free(statement);
    return result;
}

static int table_connect(sqlite3 *connection, void *data, int argc, const char *const *argv,
                         sqlite3_vtab **ret, char **ret_error)
{
    const struct sql_table *table = NULL;
    for (size_t i = 0; i < sql_table_count && argc > 2; i++)
        if (strcmp(sql_tables[i]->name, argv[2]) == 0)
            table = sql_tables[i];
    if (!table) {
        *ret_error = sqlite3_mprintf("there is no such table in a snapshot");
        return SQLITE_ERROR;
    }
    int result = declare(connection, table);
    if (result)
        return result;
    sqlite3_vtab_config(connection, SQLITE_VTAB_INNOCUOUS); // views may use it
    struct sql_virtual_table *made = sqlite3_malloc64(sizeof *made);
    if (!made)
        return SQLITE_NOMEM;
    *made = (struct sql_virtual_table){.table = table, .data = data};
    *ret = &made->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

// ---- cursors ------------------------------------------------------------------------------------

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret)
{
    (void)table;
    struct cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    *ret = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    sql_filters_drop(&((struct cursor *)base)->filters);
    sqlite3_free(base);
    return SQLITE_OK;
}

// ---- walks --------------------------------------------------------------------------------------

// By number, or by address.
static bool find_target(const struct snapshot *s, const struct sql_column *column, int64_t key,
                        uint32_t *ret)
{
    if (column->kind == SQL_ADDRESS)
        return snapshot_find(s, (mx_addr)key, ret);
    *ret = (uint32_t)key;
    return (uint64_t)key < s->object_count;
}

static int walk_equal(struct sql_virtual_table *table, struct cursor *cursor, enum sql_walk walk,
                      const struct sql_column *column, int64_t key)
{
    const struct snapshot *s = table->data->snapshot;
    uint64_t row_count = cursor->end;
    uint32_t target;
    cursor->end = 0;
    if (walk == WALK_ROW && (uint64_t)key < row_count) {
        cursor->begin = (uint64_t)key;
        cursor->end = cursor->begin + 1;
    } else if (walk == WALK_REFERRERS && find_target(s, column, key, &target)) {
        cursor->place.target = target;
        cursor->begin = column_at(&s->referrer_first, target);
        cursor->end = column_at(&s->referrer_first, (uint64_t)target + 1);
    } else if (walk == WALK_ASCENDING || walk == WALK_INDEX || walk == WALK_NULLS) {
        sql_find_key(table->data, table->table, column, cursor->order, row_count,
                     walk == WALK_NULLS, key, &cursor->begin, &cursor->end);
    }
    return SQLITE_OK;
}

// Where the cursor begins and ends; *ret_used says how many of the values it took.
static int begin_walk(struct sql_virtual_table *table, struct cursor *cursor, enum sql_walk walk,
                      const struct sql_column *column, const char *orders, sqlite3_value **values,
                      int *ret_used)
{
    int64_t key = 0;
    *ret_used =
        walk == WALK_ROW || walk == WALK_ASCENDING || walk == WALK_INDEX || walk == WALK_REFERRERS;
    if (*ret_used && !sql_read_key(table->data, column, values[0], &key)) {
        cursor->end = 0;
        return SQLITE_OK;
    }
    if (walk == WALK_INDEX || walk == WALK_NULLS || walk == WALK_ORDER) {
        const struct sql_column *columns[LIMIT_ORDER_COLUMNS] = {column};
        size_t count = walk != WALK_ORDER;
        while (walk == WALK_ORDER && orders[count] && count < LIMIT_ORDER_COLUMNS) {
            columns[count] = &table->table->columns[orders[count] - SQL_COLUMN_CHARACTER];
            count++;
        }
        cursor->order = sql_order_of(table->data, table->table, columns, count);
        if (!cursor->order)
            return SQLITE_NOMEM;
    }
    if (walk == WALK_ALL || walk == WALK_ORDER)
        return SQLITE_OK;
    return walk_equal(table, cursor, walk, column, key);
}

static void look_ahead(const struct snapshot *s, struct cursor *cursor,
                       const struct sql_column *column)
{
    static const uint8_t shifts[] = {
        [COLUMN_U8] = 0, [COLUMN_U16] = 1, [COLUMN_U32] = 2, [COLUMN_U64] = 3};
    const struct column *read = (const void *)((const char *)s + column->column);
    if (read->encoding >= COLUMN_U8 && read->encoding <= COLUMN_U64 &&
        cursor->ahead_count < LIMIT_AHEAD)
        cursor->ahead[cursor->ahead_count++] = (struct ahead){read->bytes, shifts[read->encoding]};
}

// Inlined by all means: gcc takes a function that only prefetches for one without effect, and drops
// the calls.
static inline __attribute__((always_inline)) void fetch_ahead(const struct cursor *cursor,
                                                              uint64_t at)
{
    if (cursor->backwards ? at < cursor->begin + ROWS_AHEAD : at + ROWS_AHEAD >= cursor->end)
        return;
    uint64_t row = cursor->order->rows[cursor->backwards ? at - ROWS_AHEAD : at + ROWS_AHEAD];
    for (size_t i = 0; i < cursor->ahead_count; i++)
        __builtin_prefetch(cursor->ahead[i].bytes + (row << cursor->ahead[i].shift));
}

static void look_ahead_at_reads(const struct sql_virtual_table *table, struct cursor *cursor)
{
    cursor->ahead_count = 0;
    for (size_t i = 0; i < table->table->column_count; i++)
        if (cursor->reads >> i & 1)
            look_ahead(table->data->snapshot, cursor, &table->table->columns[i]);
}

// So much is read of these columns that they are better unpacked. Without memory for it they are read
// as they are.
static void unpack(struct sql_virtual_table *table, struct cursor *cursor)
{
    unsigned wanted = table->table->reads;
    for (size_t i = 0; i < table->table->column_count; i++)
        if (cursor->reads >> i & 1)
            wanted |= plain_column(table->table->columns[i].column);
    plain_add(&table->data->plain, wanted, NULL);
    table->unpacked |= cursor->reads | UNPACKED_ONCE;
    look_ahead_at_reads(table, cursor);
}

// Sets the place to the cursor's row; at the end there is none.
static void go_to_place(struct sql_virtual_table *table, struct cursor *cursor)
{
    if (table->rows_read < UNPACK_AFTER)
        table->rows_read++;
    else if ((cursor->reads | UNPACKED_ONCE) & ~table->unpacked)
        unpack(table, cursor);
    uint64_t at = cursor->backwards ? cursor->end - 1 - (cursor->at - cursor->begin) : cursor->at;
    if (cursor->order)
        fetch_ahead(cursor, at);
    cursor->place.row = cursor->order ? cursor->order->rows[at] : at;
    if (table->table->settle && cursor->place.target == MX_NO_OBJECT)
        table->table->settle(table->data, &cursor->place);
}

static void skip_to_fit(struct sql_virtual_table *table, struct cursor *cursor)
{
    for (; cursor->at < cursor->end; cursor->at++) {
        go_to_place(table, cursor);
        if (!cursor->filters.count ||
            sql_filters_fit(table->data, &cursor->filters, &cursor->place))
            return;
    }
}

static int cursor_filter(sqlite3_vtab_cursor *base, int index_number, const char *index_text,
                         int argc, sqlite3_value **values)
{
    (void)argc;
    struct cursor *cursor = (struct cursor *)base;
    struct sql_virtual_table *table = table_of(base);
    const struct sql_column *columns = table->table->columns;
    sql_filters_drop(&cursor->filters);
    *cursor = (struct cursor){.base = cursor->base,
                              .end = table->table->count(table->data),
                              .backwards = index_number & SQL_WALK_BACKWARDS,
                              .place.target = MX_NO_OBJECT};
    int used, column = index_text[0] - SQL_COLUMN_CHARACTER;
    int result = begin_walk(table, cursor, (enum sql_walk)(index_number & SQL_WALK_MASK),
                            column < 0 ? NULL : &columns[column],
                            strchr(index_text, SQL_ORDERS) + 1, values, &used);
    bool none = false;
    const char *text = index_text + 1;
    for (; !result && *text != SQL_READS; text += 2) {
        struct sql_filter filter = {.column = &columns[text[0] - SQL_COLUMN_CHARACTER],
                                    .kind = (enum sql_filter_kind)text[1]};
        if (filter.column->column)
            cursor->reads |= UINT64_C(1) << (text[0] - SQL_COLUMN_CHARACTER);
        bool valued = filter.kind != FILTER_NULL && filter.kind != FILTER_NOT_NULL;
        result = sql_filters_add(table->data, &cursor->filters, filter,
                                 valued ? values[used++] : NULL, &none);
    }
    if (none || result)
        cursor->end = 0;
    for (text += !result; !result && *text != SQL_ORDERS; text++)
        cursor->reads |= UINT64_C(1) << (*text - SQL_COLUMN_CHARACTER);
    look_ahead_at_reads(table, cursor);
    cursor->at = cursor->begin;
    skip_to_fit(table, cursor);
    return result;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    cursor->at++;
    if (cursor->filters.count)
        skip_to_fit(table_of(base), cursor);
    else if (cursor->at < cursor->end)
        go_to_place(table_of(base), cursor);
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (struct cursor *)base;
    return cursor->at >= cursor->end;
}

// ---- values -------------------------------------------------------------------------------------

static void result_cell(sqlite3_context *context, const struct sql_cell *cell)
{
    switch (cell->kind) {
    case CELL_NULL:
        return;
    case CELL_INTEGER:
        sqlite3_result_int64(context, cell->number);
        return;
    case CELL_TEXT:
        sqlite3_result_text64(context, cell->bytes, cell->nbytes, SQLITE_TRANSIENT, SQLITE_UTF8);
        return;
    case CELL_BLOB:
        sqlite3_result_blob64(context, cell->bytes, cell->nbytes, SQLITE_TRANSIENT);
        return;
    }
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    const struct cursor *cursor = (struct cursor *)base;
    struct sql_data *data = table_of(base)->data;
    const struct sql_column *column = &table_of(base)->table->columns[index];
    if (column->number && column->kind != SQL_TEXT) {
        int64_t number;
        if (!column->number(data, &cursor->place, &number))
            return SQLITE_OK;
        if (column->kind == SQL_TYPE) // lives as long as the heap
            sqlite3_result_text(context, data->snapshot->types[number].name,
                                (int)data->types[number].name_nbytes, SQLITE_STATIC);
        else
            sqlite3_result_int64(context, number);
        return SQLITE_OK;
    }
    struct sql_cell cell;
    column->cell(data, &cursor->place, &cell);
    result_cell(context, &cell);
    return SQLITE_OK;
}

// Of references found by their target it is the first column.
static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    const struct cursor *cursor = (struct cursor *)base;
    int64_t number = (int64_t)cursor->place.row;
    if (cursor->place.target != MX_NO_OBJECT)
        table_of(base)->table->columns[0].number(table_of(base)->data, &cursor->place, &number);
    *ret = number;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 1,
    .xCreate = table_connect,
    .xConnect = table_connect,
    .xBestIndex = sql_plan,
    .xDisconnect = table_disconnect,
    .xDestroy = table_disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

int sql_module_register(sqlite3 *connection, struct sql_data *data)
{
    return sqlite3_create_module(connection, "memexplorer", &module, data);
}
