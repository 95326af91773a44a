// sql_plan.c - how a table is gone through for a query: SQLite asks what each way would cost.
//
//   an equality   O(log rows) and the rows that have it, so that joins along references run well
//   an order      rows in the order of an index: GROUP BY and ORDER BY need no sorter
//   the rest      comparisons with numbers, checked here for 3 ns a row where SQLite takes 100
#include <string.h>

#include "query/sql_module.h"

#define COST_LOOKUP 20       // of finding the first row of an equality
#define COST_ORDERED 1.3     // a row through an index: memory is read here and there
#define COST_FIND_LABEL 50   // which of an object's references it is
#define VALUES_OF_INDEX 1000 // that an indexed number has, about
#define ROWS_FILTERED 4      // one of so many is left by a comparison

struct walk {
    enum sql_walk kind;
    int column;     // of the table, -1 for the rowid
    int constraint; // whose value it needs, or -1
    size_t order_count;
    int order[LIMIT_ORDER_COLUMNS]; // columns of WALK_ORDER
    double rows, cost;
};

static const struct sql_table *table_of(sqlite3_vtab *virtual_table)
{
    return ((struct sql_virtual_table *)virtual_table)->table;
}

static enum sql_access access_of(const struct sql_table *table, int column)
{
    return column < 0 ? ACCESS_ROW : table->columns[column].access;
}

// Texts are compared here by their bytes alone.
static bool compares_bytes(sqlite3_index_info *info, int constraint)
{
    const char *collation = sqlite3_vtab_collation(info, constraint);
    return collation && sqlite3_stricmp(collation, "BINARY") == 0;
}

static bool is_type(const struct sql_table *table, int column)
{
    return column >= 0 && table->columns[column].kind == SQL_TYPE;
}

// ---- ways ---------------------------------------------------------------------------------------

static double rows_of_equality(struct sql_data *data, const struct sql_table *table, int column,
                               double row_count)
{
    const struct snapshot *s = data->snapshot;
    switch (access_of(table, column)) {
    case ACCESS_ROW:
        return 1;
    case ACCESS_ASCENDING:
        return table->columns[column].kind == SQL_ADDRESS && !table->settle ? 1 : 8;
    case ACCESS_REFERRERS:
        return 1 + row_count / (s->object_count + 1.0);
    case ACCESS_INDEXED:
        return is_type(table, column) ? 1 + row_count / (double)(s->type_count + 1)
                                      : 1 + row_count / VALUES_OF_INDEX;
    case ACCESS_GROUPED:
    case ACCESS_NONE:
        break;
    }
    return row_count;
}

// Labels of references found by their target have to be looked for.
static bool wants_label(const sqlite3_index_info *info, const struct sql_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == SQL_TEXT && info->colUsed & (UINT64_C(1) << i) &&
            strcmp(table->columns[i].name, "label") == 0)
            return true;
    return false;
}

static bool walk_of_equality(struct sql_data *data, const struct sql_table *table,
                             sqlite3_index_info *info, int index, double row_count,
                             struct walk *ret)
{
    int column = info->aConstraint[index].iColumn;
    static const enum sql_walk walks[] = {[ACCESS_ROW] = WALK_ROW,
                                          [ACCESS_ASCENDING] = WALK_ASCENDING,
                                          [ACCESS_INDEXED] = WALK_INDEX,
                                          [ACCESS_REFERRERS] = WALK_REFERRERS};
    enum sql_access access = access_of(table, column);
    bool is_null = info->aConstraint[index].op == SQLITE_INDEX_CONSTRAINT_ISNULL;
    if (access == ACCESS_NONE || access == ACCESS_GROUPED ||
        (is_null && access != ACCESS_INDEXED) ||
        (access == ACCESS_INDEXED && row_count > UINT32_MAX) ||
        (is_type(table, column) && !is_null && !compares_bytes(info, index)))
        return false;
    double rows = rows_of_equality(data, table, column, row_count);
    double cost = COST_LOOKUP + rows * COST_ORDERED;
    if (access == ACCESS_ROW)
        cost = 1;
    if (access == ACCESS_REFERRERS && wants_label(info, table))
        cost += rows * COST_FIND_LABEL;
    *ret = (struct walk){.kind = is_null ? WALK_NULLS : walks[access],
                         .column = column,
                         .constraint = is_null ? -1 : index,
                         .rows = rows,
                         .cost = cost};
    return true;
}

// The cheapest one.
static struct walk choose_walk(struct sql_data *data, const struct sql_table *table,
                               sqlite3_index_info *info, double row_count)
{
    struct walk best = {
        .kind = WALK_ALL, .column = -1, .constraint = -1, .rows = row_count, .cost = row_count};
    for (int i = 0; i < info->nConstraint; i++) {
        struct walk walk;
        int op = info->aConstraint[i].op;
        if (!info->aConstraint[i].usable ||
            (op != SQLITE_INDEX_CONSTRAINT_EQ && op != SQLITE_INDEX_CONSTRAINT_ISNULL))
            continue;
        if (walk_of_equality(data, table, info, i, row_count, &walk) && walk.cost < best.cost)
            best = walk;
    }
    return best;
}

// ---- order --------------------------------------------------------------------------------------

// Has the column a number by which rows can be put in order?
static bool is_ordered(const struct sql_table *table, int column, bool grouped)
{
    switch (access_of(table, column)) {
    case ACCESS_INDEXED:
        return true;
    case ACCESS_GROUPED:
        return grouped;
    case ACCESS_ROW: // as many values as rows: nothing comes together
    case ACCESS_ASCENDING:
    case ACCESS_NONE:
        return false;
    case ACCESS_REFERRERS:
        return grouped && table->columns[column].kind == SQL_INTEGER;
    }
    return false;
}

// Is there an index, or can one be made, of all columns that are wanted in order?
static bool take_index(struct sql_data *data, const struct sql_table *table,
                       sqlite3_index_info *info, struct walk *walk)
{
    bool grouped = sqlite3_vtab_distinct(info) == 1 && data->order_count < LIMIT_GROUP_ORDERS;
    if (info->nOrderBy > (grouped ? LIMIT_ORDER_COLUMNS : 1))
        return false;
    for (int i = 0; i < info->nOrderBy; i++) {
        if (!is_ordered(table, info->aOrderBy[i].iColumn, grouped))
            return false;
        walk->order[i] = info->aOrderBy[i].iColumn;
    }
    walk->order_count = (size_t)info->nOrderBy;
    return true;
}

// Do rows come in the order wanted without anything done, but perhaps backwards? Turns the walk into
// one through an index where that is all it takes.
static void take_order(struct sql_data *data, const struct sql_table *table,
                       sqlite3_index_info *info, double row_count, struct walk *walk)
{
    if (info->nOrderBy < 1)
        return;
    enum sql_access access = access_of(table, info->aOrderBy[0].iColumn);
    bool natural = info->nOrderBy == 1 && (access == ACCESS_ROW || access == ACCESS_ASCENDING);
    if (!natural && walk->kind == WALK_ALL && row_count <= UINT32_MAX &&
        take_index(data, table, info, walk)) {
        walk->kind = WALK_ORDER;
        walk->cost = row_count * COST_ORDERED;
        natural = true;
    }
    if (!natural)
        return;
    info->orderByConsumed = 1;
    if (info->aOrderBy[0].desc && info->nOrderBy == 1)
        info->idxNum |= SQL_WALK_BACKWARDS;
}

// ---- filters ------------------------------------------------------------------------------------

// 0 where SQLite has to check it.
static int filter_of(const struct sql_table *table, sqlite3_index_info *info, int index)
{
    int column = info->aConstraint[index].iColumn;
    switch (info->aConstraint[index].op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_NE:
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        break;
    default: // those of LIMIT and OFFSET have no column
        return 0;
    }
    if (column < 0 || !table->columns[column].number || table->columns[column].kind == SQL_TEXT)
        return 0;
    bool type = is_type(table, column), bytes = type && compares_bytes(info, index);
    switch (info->aConstraint[index].op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return !type || bytes ? FILTER_EQUAL : 0;
    case SQLITE_INDEX_CONSTRAINT_NE:
        return !type || bytes ? FILTER_NOT_EQUAL : 0;
    case SQLITE_INDEX_CONSTRAINT_LT:
        return type ? 0 : FILTER_LESS;
    case SQLITE_INDEX_CONSTRAINT_LE:
        return type ? 0 : FILTER_LESS_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_GT:
        return type ? 0 : FILTER_GREATER;
    case SQLITE_INDEX_CONSTRAINT_GE:
        return type ? 0 : FILTER_GREATER_EQUAL;
    case SQLITE_INDEX_CONSTRAINT_LIKE:
        return type ? FILTER_LIKE : 0;
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return type ? FILTER_GLOB : 0;
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return FILTER_NULL;
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        return FILTER_NOT_NULL;
    }
    return 0;
}

// Writes them to `text`, from its second character on. SQLite checks the rows that are left again:
// what a value is, is known only when the query runs.
static size_t take_filters(const struct sql_table *table, sqlite3_index_info *info,
                           struct walk *walk, int argument, char *text)
{
    size_t at = 1;
    for (int i = 0; i < info->nConstraint && at < 1 + 2 * LIMIT_FILTERS; i++) {
        int kind =
            i == walk->constraint || !info->aConstraint[i].usable ? 0 : filter_of(table, info, i);
        if (!kind)
            continue;
        text[at++] = (char)(SQL_COLUMN_CHARACTER + info->aConstraint[i].iColumn);
        text[at++] = (char)kind;
        if (kind != FILTER_NULL && kind != FILTER_NOT_NULL)
            info->aConstraintUsage[i].argvIndex = ++argument;
        walk->rows = walk->rows / ROWS_FILTERED + 1;
    }
    return at;
}

// Columns of numbers, so that a cursor can have them brought before it gets there; and the order.
static void take_reads(const struct sql_table *table, const sqlite3_index_info *info,
                       const struct walk *walk, char *text)
{
    *text++ = SQL_READS;
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].column && info->colUsed & (UINT64_C(1) << i))
            *text++ = (char)(SQL_COLUMN_CHARACTER + i);
    *text++ = SQL_ORDERS;
    for (size_t i = 0; i < walk->order_count; i++)
        *text++ = (char)(SQL_COLUMN_CHARACTER + walk->order[i]);
    *text = '\0';
}

int sql_plan(sqlite3_vtab *virtual_table, sqlite3_index_info *info)
{
    const struct sql_table *table = table_of(virtual_table);
    struct sql_data *data = ((struct sql_virtual_table *)virtual_table)->data;
    uint64_t row_count = table->count(data);
    if (row_count == UINT64_MAX)
        return SQLITE_NOMEM;
    struct walk walk = choose_walk(data, table, info, (double)row_count);
    int argument = 0;
    info->idxNum = 0;
    if (walk.constraint >= 0) {
        info->aConstraintUsage[walk.constraint].argvIndex = ++argument;
        info->aConstraintUsage[walk.constraint].omit = 1;
    }
    take_order(data, table, info, (double)row_count, &walk);
    char text[SQL_PLAN_NBYTES] = {(char)(SQL_COLUMN_CHARACTER + walk.column)};
    size_t nbytes = take_filters(table, info, &walk, argument, text);
    take_reads(table, info, &walk, text + nbytes);
    info->idxNum |= (int)walk.kind;
    info->idxStr = sqlite3_mprintf("%s", text);
    info->needToFreeIdxStr = 1;
    info->estimatedCost = walk.cost + 1;
    info->estimatedRows = (sqlite3_int64)walk.rows + 1;
    if (walk.kind == WALK_ROW)
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}
