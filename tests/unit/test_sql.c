// test_sql.c - SQL over a snapshot: what is found equals what an ordinary table of SQLite finds that
// has the same rows; nothing else can be reached; what does not end is ended.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>

#include "query/sql.h"
#include "query/sql_module.h"

// ---- a snapshot made by hand ----------------------------------------------------------------------

enum { OBJECTS = 300, TYPES = 7, ROOTS = 5, ROOT_REFERENCES = 40, BLOCKS = 60, REFERENCES = 900 };

#define LONG_VALUE_NBYTES (3u << 20) // of the one str that is longer than what SQL sees
#define LONG_VALUE_OBJECT 17

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % limit);
}

static struct world {
    uint32_t address[OBJECTS], size[OBJECTS], extra[OBJECTS], refcount[OBJECTS], dominator[OBJECTS];
    uint32_t unexplained[OBJECTS], first[OBJECTS + 1], referrer_first[OBJECTS + 1];
    uint64_t retained[OBJECTS];
    uint8_t type[OBJECTS], flags[OBJECTS], generation[OBJECTS];
    uint16_t target[REFERENCES], referrer[REFERENCES];
    uint8_t hold[REFERENCES], referrer_hold[REFERENCES];
    struct snapshot_type types[TYPES];
    struct snapshot_root roots[ROOTS];
    struct snapshot_root_reference root_references[ROOT_REFERENCES];
    struct snapshot_block blocks[BLOCKS];
    struct mx_frame frames[3];
    struct mx_thread threads[3];
    struct snapshot snapshot;
} world;

static void say_preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, "<object %u>", object);
}

static void say_kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data, (void)object;
    snprintf(buffer, nbytes, "instance");
}

static void say_label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, ".%u_%llu", object, (unsigned long long)reference);
}

// Every fourth is left out; the long one is cut in the middle of a character.
static size_t say_value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data;
    char text[32];
    if (object == LONG_VALUE_OBJECT) {
        for (size_t i = 0; i < nbytes && i < LONG_VALUE_NBYTES; i++)
            buffer[i] = "\xe2\x82\xac"[i % 3];
        return nbytes < LONG_VALUE_NBYTES ? nbytes : LONG_VALUE_NBYTES;
    }
    if (object % 4 == 0)
        return SNAPSHOT_NO_VALUE;
    size_t length = (size_t)snprintf(text, sizeof text, "value %u", object % 9);
    length = length < nbytes ? length : nbytes;
    memcpy(buffer, text, length);
    return length;
}

static void say_root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, "local %zu", reference);
}

static void say_block(void *data, size_t block, struct snapshot_block *ret)
{
    (void)data;
    *ret = world.blocks[block];
}

static struct column column(const void *numbers, uint64_t count, size_t width)
{
    return (struct column){.count = count,
                           .bytes = numbers,
                           .nbytes = count * width,
                           .encoding = (uint8_t)(width == 1   ? COLUMN_U8
                                                 : width == 2 ? COLUMN_U16
                                                 : width == 4 ? COLUMN_U32
                                                              : COLUMN_U64)};
}
#define COLUMN_OF(array) column((array), sizeof(array) / sizeof *(array), sizeof *(array))

static void make_objects(void)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        world.address[i] = 4000 + 6 * i + random_below(6);
        world.size[i] = 16 + 8 * random_below(12);
        world.extra[i] = random_below(4) ? 0 : 64;
        world.refcount[i] = random_below(5);
        world.unexplained[i] = (uint32_t)zigzag((int64_t)random_below(5) - 2);
        world.dominator[i] = i && random_below(4) ? 1 + random_below(i) : 0;
        world.retained[i] =
            world.size[i] + (random_below(9) ? 0 : (uint64_t)random_below(99) << 33);
        world.type[i] = (uint8_t)(random_below(3) ? random_below(3) : random_below(TYPES));
        world.flags[i] = (uint8_t)random_below(256);
        world.generation[i] = (uint8_t)random_below(5);
    }
    world.type[LONG_VALUE_OBJECT] = 1;
}

// Some objects have none, some refer to the same one several times.
static void make_references(void)
{
    uint32_t counts[OBJECTS + 1] = {0}, at = 0;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        world.first[i] = at;
        uint32_t room = REFERENCES - at, count = random_below(2) ? 0 : random_below(15);
        count = i + 1 == OBJECTS || count > room ? room : count;
        for (uint32_t end = at + count; at < end; at++) {
            world.target[at] = (uint16_t)random_below(random_below(2) ? 20 : OBJECTS);
            world.hold[at] = (uint8_t)random_below(3);
            counts[world.target[at] + 1]++;
        }
    }
    world.first[OBJECTS] = at;
    for (uint32_t i = 0; i < OBJECTS; i++)
        counts[i + 1] += counts[i];
    memcpy(world.referrer_first, counts, sizeof counts);
    for (uint32_t i = 0; i < OBJECTS; i++)
        for (uint32_t r = world.first[i]; r < world.first[i + 1]; r++) {
            uint32_t place = counts[world.target[r]]++;
            world.referrer[place] = (uint16_t)i;
            world.referrer_hold[place] = world.hold[r];
        }
}

static void make_tables(void)
{
    static const char *const names[TYPES] = {"app.Node",     "builtins.str", "builtins.bytes",
                                             "app.Node",     "app.Cache",    "z.Last",
                                             "builtins.list"};
    for (uint32_t i = 0; i < TYPES; i++)
        world.types[i] = (struct snapshot_type){.address = 0x7f0000001000 + i,
                                                .object = i % 2 ? i : MX_NO_OBJECT,
                                                .base = i ? 0 : MX_NO_OBJECT,
                                                .flags = random_below(128),
                                                .family = i == 1   ? SNAPSHOT_STR
                                                          : i == 2 ? SNAPSHOT_BYTES
                                                                   : SNAPSHOT_INSTANCE,
                                                .name = names[i]};
    for (uint32_t i = 0; i < ROOTS; i++)
        world.roots[i] = (struct snapshot_root){(uint8_t)(i % ROOT_KINDS), "module app"};
    for (uint32_t i = 0; i < ROOT_REFERENCES; i++)
        world.root_references[i] = (struct snapshot_root_reference){
            i * ROOTS / ROOT_REFERENCES, random_below(30), (uint8_t)random_below(3), i % 2};
    for (uint32_t i = 0; i < BLOCKS; i++)
        world.blocks[i] = (struct snapshot_block){
            0x7f1200000000 + 100 * i, random_below(4096),
            random_below(3) ? random_below(OBJECTS) : MX_NO_OBJECT, i % 2 ? "malloc" : "pymalloc",
            i % 5 ? NULL : "static variable libfoo.so: cache"};
    for (uint32_t i = 0; i < 3; i++)
        world.frames[i] = (struct mx_frame){"f", "app.py", (int)i};
    world.threads[0] = (struct mx_thread){812, 1, world.frames, 2};
    world.threads[1] = (struct mx_thread){0, 2, NULL, 0};
    world.threads[2] = (struct mx_thread){814, 3, world.frames + 2, 1};
}

static const struct snapshot *make_snapshot(uint64_t seed)
{
    random_state = seed * 2 + 88172645463325252ull;
    make_objects();
    make_references();
    make_tables();
    world.snapshot = (struct snapshot){
        .object_count = OBJECTS,
        .reference_count = REFERENCES,
        .address = COLUMN_OF(world.address),
        .type = COLUMN_OF(world.type),
        .size = COLUMN_OF(world.size),
        .extra = COLUMN_OF(world.extra),
        .refcount = COLUMN_OF(world.refcount),
        .unexplained = COLUMN_OF(world.unexplained),
        .possible = {.count = OBJECTS, .encoding = COLUMN_EMPTY},
        .flags = COLUMN_OF(world.flags),
        .generation = COLUMN_OF(world.generation),
        .first = COLUMN_OF(world.first),
        .target = COLUMN_OF(world.target),
        .hold = COLUMN_OF(world.hold),
        .referrer_first = COLUMN_OF(world.referrer_first),
        .referrer = COLUMN_OF(world.referrer),
        .referrer_hold = COLUMN_OF(world.referrer_hold),
        .dominator = COLUMN_OF(world.dominator),
        .retained = COLUMN_OF(world.retained),
        .type_count = TYPES,
        .types = world.types,
        .root_count = ROOTS,
        .roots = world.roots,
        .root_reference_count = ROOT_REFERENCES,
        .root_references = world.root_references,
        .block_count = BLOCKS,
        .thread_count = 3,
        .threads = world.threads,
        .summary = {.objects = OBJECTS},
        .info = {.process = {.pid = 812, .cmdline = "python app.py"}},
        .texts = {say_preview, say_kind, say_label, say_root_label, say_value, say_block, NULL},
    };
    return &world.snapshot;
}

// ---- asking -----------------------------------------------------------------------------------------

static mx_sql *open_with(const struct mx_sql_options *options)
{
    mx_sql *sql;
    assert_int_equal(sql_open(make_snapshot(1), options, &sql, NULL), MX_OK);
    return sql;
}

static void write_value(FILE *out, const struct mx_sql_value *value)
{
    switch (value->kind) {
    case MX_SQL_NULL:
        fputs("NULL", out);
        break;
    case MX_SQL_INTEGER:
    case MX_SQL_ADDRESS:
        fprintf(out, "%lld", (long long)value->integer);
        break;
    case MX_SQL_REAL:
        fprintf(out, "%.15g", value->real);
        break;
    case MX_SQL_TEXT:
    case MX_SQL_BLOB:
        fprintf(out, "%c%zu:%.*s", value->kind == MX_SQL_TEXT ? 't' : 'b', value->nbytes,
                (int)value->nbytes, value->bytes);
        break;
    }
}

// All rows, as text; the caller frees it.
static char *rows_of(mx_sql *sql, const char *text)
{
    struct mx_error err = {0};
    mx_sql_query *query;
    if (mx_sql_prepare(sql, text, &query, NULL, &err))
        fail_msg("%s: %s", text, err.message);
    char *rows = NULL;
    size_t nbytes;
    FILE *out = open_memstream(&rows, &nbytes);
    for (bool row = true; row;) {
        if (mx_sql_step(query, &row, &err))
            fail_msg("%s: %s", text, err.message);
        for (int i = 0; row && i < mx_sql_column_count(query); i++) {
            struct mx_sql_value value;
            mx_sql_value(query, i, &value);
            write_value(out, &value);
            fputc(i + 1 < mx_sql_column_count(query) ? '|' : '\n', out);
        }
    }
    mx_sql_query_free(query);
    fclose(out);
    return rows;
}

static void assert_rows(mx_sql *sql, const char *text, const char *expected)
{
    char *rows = rows_of(sql, text);
    assert_string_equal(rows, expected);
    free(rows);
}

// How it fails: the status, and a part of the one line.
static void assert_fails(mx_sql *sql, const char *text, mx_status status, const char *part)
{
    struct mx_error err = {0};
    mx_sql_query *query = NULL;
    bool row = true;
    mx_status got = mx_sql_prepare(sql, text, &query, NULL, &err);
    while (!got && row)
        got = mx_sql_step(query, &row, &err);
    mx_sql_query_free(query);
    if (got != status || !strstr(err.message, part) || strchr(err.message, '\n'))
        fail_msg("%s: status %d, %s", text, got, err.message);
}

// ---- the same rows in ordinary tables -----------------------------------------------------------------

static void copy_table(mx_sql *sql, const struct sql_table *table, sqlite3 *plain)
{
    sqlite3_str *text = sqlite3_str_new(plain);
    sqlite3_str_appendf(text, "CREATE TABLE \"%w\"(", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(text, "%s\"%w\" %s", i ? "," : "", table->columns[i].name,
                            sql_kind_name(table->columns[i].kind));
    char *create = sqlite3_str_finish(text);
    char *create_all = sqlite3_mprintf("%s)", create);
    assert_int_equal(sqlite3_exec(plain, create_all, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *from, *to;
    char *select = sqlite3_mprintf("SELECT rowid, * FROM \"%w\"", table->name);
    assert_int_equal(sqlite3_prepare_v2(sql->connection, select, -1, &from, NULL), SQLITE_OK);
    text = sqlite3_str_new(plain);
    sqlite3_str_appendf(text, "INSERT INTO \"%w\"(rowid", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(text, ",\"%w\"", table->columns[i].name);
    sqlite3_str_appendf(text, ") VALUES (?");
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(text, ",?");
    char *part = sqlite3_str_finish(text);
    char *insert = sqlite3_mprintf("%s)", part);
    assert_int_equal(sqlite3_prepare_v2(plain, insert, -1, &to, NULL), SQLITE_OK);
    while (sqlite3_step(from) == SQLITE_ROW) {
        for (int i = 0; i <= (int)table->column_count; i++)
            sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
        assert_int_equal(sqlite3_step(to), SQLITE_DONE);
        sqlite3_reset(to);
    }
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    sqlite3_free(create), sqlite3_free(create_all), sqlite3_free(select), sqlite3_free(part);
    sqlite3_free(insert);
}

// A connection of the same kind whose tables are ordinary ones.
static mx_sql *copy_all(mx_sql *sql)
{
    mx_sql *plain = calloc(1, sizeof *plain);
    static const struct snapshot undamaged;
    plain->data.snapshot = &undamaged;
    assert_int_equal(sqlite3_open(":memory:", &plain->connection), SQLITE_OK);
    for (size_t i = 0; i < sql_table_count; i++)
        copy_table(sql, sql_tables[i], plain->connection);
    return plain;
}

static void assert_same(mx_sql *sql, mx_sql *plain, const char *query)
{
    char *got = rows_of(sql, query), *expected = rows_of(plain, query);
    if (strcmp(got, expected) != 0)
        fail_msg("%s\ngot:\n%.2000s\nexpected:\n%.2000s", query, got, expected);
    free(got);
    free(expected);
}

static const char *random_value(char *buffer, size_t nbytes)
{
    static const char *const values[] = {"'app.Node'",
                                         "'builtins.str'",
                                         "'no.Such'",
                                         "'APP.NODE'",
                                         "NULL",
                                         "'56'",
                                         "56.0",
                                         "56.5",
                                         "-1",
                                         "x'3536'",
                                         "1e300",
                                         "1",
                                         "0",
                                         "2",
                                         "'1'",
                                         "'app.%'",
                                         "'builtins.*'",
                                         "9223372036854775807"};
    if (random_below(3) == 0)
        return values[random_below(sizeof values / sizeof *values)];
    uint32_t scale = random_below(3);
    snprintf(buffer, nbytes, "%u",
             scale == 0   ? random_below(120)
             : scale == 1 ? random_below(OBJECTS)
                          : 8 * world.address[random_below(OBJECTS)]);
    return buffer;
}

// One condition on some column, of any kind of comparison with any kind of value.
static void random_condition(FILE *out, const struct sql_table *table)
{
    static const char *const comparisons[] = {"=",
                                              "=",
                                              "=",
                                              "<",
                                              "<=",
                                              ">",
                                              ">=",
                                              "<>",
                                              "IS",
                                              "IS NOT",
                                              "LIKE",
                                              "GLOB",
                                              "IN",
                                              "IS NULL",
                                              "NOT NULL",
                                              "BETWEEN",
                                              "COLLATE NOCASE ="};
    const char *comparison = comparisons[random_below(sizeof comparisons / sizeof *comparisons)];
    const char *name = table->columns[random_below((uint32_t)table->column_count)].name;
    char first[32], second[32];
    if (strcmp(comparison, "IN") == 0)
        fprintf(out, "\"%s\" IN (%s, %s)", name, random_value(first, sizeof first),
                random_value(second, sizeof second));
    else if (strcmp(comparison, "BETWEEN") == 0)
        fprintf(out, "\"%s\" BETWEEN %s AND %s", name, random_value(first, sizeof first),
                random_value(second, sizeof second));
    else if (strstr(comparison, "NULL"))
        fprintf(out, "\"%s\" %s", name, comparison);
    else
        fprintf(out, "\"%s\" %s %s", name, comparison, random_value(first, sizeof first));
}

static char *random_query(void)
{
    const struct sql_table *table = sql_tables[random_below((uint32_t)sql_table_count)];
    const char *ordered = table->columns[random_below((uint32_t)table->column_count)].name;
    char *text;
    size_t nbytes;
    FILE *out = open_memstream(&text, &nbytes);
    bool grouped = random_below(4) == 0;
    if (grouped)
        fprintf(out, "SELECT \"%s\", count(*), min(rowid), max(rowid) FROM \"%s\"", ordered,
                table->name);
    else
        fprintf(out, "SELECT rowid, * FROM \"%s\"", table->name);
    for (uint32_t i = 0, count = random_below(4); i < count; i++) {
        fputs(i ? (random_below(4) ? " AND " : " OR ") : " WHERE ", out);
        random_condition(out, table);
    }
    const char *direction = random_below(2) ? "DESC" : "ASC";
    if (grouped)
        fprintf(out, " GROUP BY \"%s\" ORDER BY \"%s\" %s", ordered, ordered, direction);
    else
        fprintf(out, " ORDER BY \"%s\" %s, rowid", ordered, direction);
    fclose(out);
    return text;
}

// Groups of several columns, which come in any order.
static char *random_groups(void)
{
    const struct sql_table *table = sql_tables[random_below((uint32_t)sql_table_count)];
    uint32_t count = 1 + random_below(3);
    char *text, *columns;
    size_t nbytes;
    FILE *out = open_memstream(&columns, &nbytes);
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "",
                table->columns[random_below((uint32_t)table->column_count)].name);
    fclose(out);
    out = open_memstream(&text, &nbytes);
    bool distinct = random_below(4) == 0;
    if (!distinct)
        fprintf(out, "SELECT %s, count(*), min(rowid) AS least FROM \"%s\"", columns, table->name);
    else
        fprintf(out, "SELECT count(*) FROM (SELECT DISTINCT %s FROM \"%s\"", columns, table->name);
    if (random_below(2)) {
        fputs(" WHERE ", out);
        random_condition(out, table);
    }
    if (distinct)
        fputs(")", out);
    else
        fprintf(out, " GROUP BY %s ORDER BY least", columns);
    fclose(out);
    free(columns);
    return text;
}

static void test_groups_of_several_columns_are_those_of_ordinary_tables(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL), *plain = copy_all(sql);
    for (int round = 0; round < 2000; round++) {
        if (round % 100 == 0) { // of so many orders each connection makes a few
            mx_sql_free(sql);
            sql = open_with(NULL);
        }
        char *query = random_groups();
        assert_same(sql, plain, query);
        free(query);
    }
    sqlite3_close(plain->connection);
    free(plain);
    mx_sql_free(sql);
}

static void test_random_queries_find_what_ordinary_tables_find(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL), *plain = copy_all(sql);
    for (int round = 0; round < 4000; round++) {
        char *query = random_query();
        assert_same(sql, plain, query);
        free(query);
    }
    sqlite3_close(plain->connection);
    free(plain);
    mx_sql_free(sql);
}

static void test_joins_along_references_find_what_ordinary_tables_find(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "SELECT o.object, r.label, r.ownership, r.rowid, t.address FROM objects o JOIN "
        "\"references\" r ON r.source = o.object JOIN objects t ON t.object = r.target ORDER BY 4",
        "SELECT o.object, r.label, r.ownership, r.rowid, r.reference, r.source_address FROM "
        "objects "
        "o CROSS JOIN \"references\" r ON r.target = o.object WHERE o.type = 'app.Node' ORDER BY 4",
        "SELECT source FROM \"references\" WHERE target = 3 ORDER BY source DESC",
        "SELECT source, label FROM \"references\" WHERE target = 5 ORDER BY reference DESC",
        "SELECT target FROM \"references\" WHERE source = 299 ORDER BY reference",
        "SELECT target FROM \"references\" WHERE source BETWEEN 100 AND 110 ORDER BY rowid DESC",
        "SELECT label FROM \"references\" WHERE rowid = 500",
        "SELECT o.object, d.type, d.retained FROM objects o LEFT JOIN objects d ON d.object = "
        "o.dominator ORDER BY o.object",
        "SELECT d.object, count(o.object) FROM objects d JOIN dominators o ON o.dominator = "
        "d.object"
        " GROUP BY d.object",
        "WITH RECURSIVE up(object, depth) AS (SELECT 299, 0 UNION ALL SELECT o.dominator, depth + "
        "1 "
        "FROM up JOIN objects o USING (object) WHERE o.dominator IS NOT NULL) SELECT * FROM up",
        "SELECT t.type, count(*) FROM types t JOIN objects o ON o.type_id = t.type_id GROUP BY 1",
        "SELECT count(DISTINCT type), min(retained), max(retained), max(address) FROM objects",
        "SELECT DISTINCT type FROM objects ORDER BY type DESC",
        "SELECT count(*) FROM objects a JOIN objects b ON a.type = b.type AND a.object < b.object",
        "SELECT address FROM objects WHERE type IN (SELECT type FROM types WHERE objects > 30) "
        "ORDER BY address LIMIT 10 OFFSET 3",
        "SELECT thread, depth, line FROM frames WHERE thread = 2",
        "SELECT f.* FROM threads t JOIN frames f USING (thread) ORDER BY t.native_id, depth",
        "SELECT owner, sum(size) FROM blocks GROUP BY owner ORDER BY owner",
        "SELECT r.name, count(*) FROM roots r JOIN root_references f ON f.root = r.root GROUP BY 1",
    };
    mx_sql *sql = open_with(NULL), *plain = copy_all(sql);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        assert_same(sql, plain, queries[i]);
    sqlite3_close(plain->connection);
    free(plain);
    mx_sql_free(sql);
}

// ---- what the rows are --------------------------------------------------------------------------------

static void test_columns_say_what_the_snapshot_says(void **state)
{
    (void)state;
    char query[200], expected[400];
    mx_sql *sql = open_with(NULL);
    for (uint32_t i = 0; i < OBJECTS; i += 7) {
        bool immortal = world.flags[i] & OBJECT_IMMORTAL;
        char refcount[24], generation[24], dominator[24];
        snprintf(refcount, sizeof refcount, immortal ? "NULL" : "%u", world.refcount[i]);
        snprintf(generation, sizeof generation, world.generation[i] == 4 ? "NULL" : "%u",
                 world.generation[i]);
        snprintf(dominator, sizeof dominator, world.dominator[i] ? "%u" : "NULL",
                 world.dominator[i] - 1);
        snprintf(query, sizeof query,
                 "SELECT object, type_id, size, extra, refcount, retained, dominator, generation, "
                 "tracked, reference_count FROM objects WHERE address = %u",
                 world.address[i] * 8);
        snprintf(expected, sizeof expected, "%u|%u|%u|%u|%s|%llu|%s|%s|%d|%u\n", i, world.type[i],
                 world.size[i], world.extra[i], refcount, (unsigned long long)world.retained[i],
                 dominator, generation, world.flags[i] & OBJECT_TRACKED,
                 world.first[i + 1] - world.first[i]);
        assert_rows(sql, query, expected);
    }
    mx_sql_free(sql);
}

static void test_texts_are_made_for_the_row_that_is_asked_for(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    assert_rows(sql, "SELECT kind, preview, type FROM objects WHERE object = 17",
                "t8:instance|t11:<object 17>|t12:builtins.str\n");
    assert_rows(sql, "SELECT value FROM summary WHERE name = 'cmdline'", "t13:python app.py\n");
    assert_rows(sql, "SELECT value FROM summary WHERE name = 'pid'", "812\n");
    assert_rows(sql, "SELECT native_id FROM threads", "812\nNULL\n814\n");
    assert_rows(sql, "SELECT thread, depth, line FROM frames", "0|0|NULL\n0|1|1\n2|0|2\n");
    mx_sql_free(sql);
}

static void test_a_long_value_is_cut_between_two_characters(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    char expected[80];
    snprintf(expected, sizeof expected, "%u|t3:\xe2\x82\xac\n", LIMIT_VALUE_NBYTES / 3);
    assert_rows(sql, "SELECT length(value), substr(value, -1) FROM strings WHERE object = 17",
                expected);
    assert_rows(sql, "SELECT count(*) FROM strings WHERE value IS NULL AND object % 4 <> 0", "0\n");
    mx_sql_free(sql);
}

// By walking up from each instance: it counts where no other of its type dominates it.
static void test_types_retain_what_their_instances_retain_together(void **state)
{
    (void)state;
    char query[80], expected[32];
    mx_sql *sql = open_with(NULL);
    for (uint32_t type = 0; type < TYPES; type++) {
        uint64_t retained = 0;
        for (uint32_t i = 0; i < OBJECTS; i++) {
            bool counts = world.type[i] == type;
            for (uint32_t up = world.dominator[i]; counts && up; up = world.dominator[up - 1])
                counts = world.type[up - 1] != type;
            retained += counts ? world.retained[i] : 0;
        }
        snprintf(query, sizeof query, "SELECT retained FROM types WHERE type_id = %u", type);
        snprintf(expected, sizeof expected, "%llu\n", (unsigned long long)retained);
        assert_rows(sql, query, expected);
    }
    mx_sql_free(sql);
}

static void test_same_is_the_first_object_with_the_same_value(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL), *plain = copy_all(sql);
    char *by_value = rows_of(plain, "SELECT min(object), count(*), value FROM strings WHERE value "
                                    "NOT NULL GROUP BY value, typeof(value) ORDER BY 1");
    assert_rows(sql,
                "SELECT min(object), count(*), value FROM strings WHERE value NOT NULL GROUP BY "
                "same ORDER BY 1",
                by_value);
    assert_rows(sql, "SELECT count(*) FROM strings WHERE (same IS NULL) <> (value IS NULL)", "0\n");
    assert_rows(sql,
                "SELECT count(*) FROM strings s JOIN strings f ON f.object = s.same WHERE "
                "f.value <> s.value OR f.object > s.object OR f.same <> s.same",
                "0\n");
    free(by_value);
    sqlite3_close(plain->connection);
    free(plain);
    mx_sql_free(sql);
}

// There is no heap that could be reported on.
static bool is_of_reports(const char *table)
{
    static const char *const tables[] = {"findings", "cycles", "suspects", "sparse", "slots"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(table, tables[i]) == 0)
            return true;
    return false;
}

static void test_every_table_and_view_that_is_documented_can_be_read(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    mx_sql_query *names;
    bool row;
    size_t count = 0;
    assert_int_equal(mx_sql_prepare(sql, "SELECT name FROM documentation WHERE \"column\" IS NULL",
                                    &names, NULL, NULL),
                     MX_OK);
    while (mx_sql_step(names, &row, NULL) == MX_OK && row) {
        struct mx_sql_value name;
        char query[100];
        mx_sql_value(names, 0, &name);
        snprintf(query, sizeof query, "SELECT * FROM \"%s\"", name.bytes);
        char *rows = rows_of(sql, query);
        assert_true(*rows || is_of_reports(name.bytes));
        free(rows);
        count++;
    }
    mx_sql_query_free(names);
    assert_int_equal(count, sql_table_count + sql_view_count);
    assert_rows(sql, "SELECT count(*) FROM sqlite_schema", "32\n");
    mx_sql_free(sql);
}

static void test_addresses_are_told_from_other_integers(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    mx_sql_query *query;
    struct mx_sql_value value;
    bool row;
    assert_int_equal(mx_sql_prepare(sql,
                                    "SELECT address, size, retained * 1.5 FROM biggest_objects",
                                    &query, NULL, NULL),
                     MX_OK);
    assert_int_equal(mx_sql_step(query, &row, NULL), MX_OK);
    assert_true(row);
    mx_sql_value(query, 0, &value);
    assert_int_equal(value.kind, MX_SQL_ADDRESS);
    mx_sql_value(query, 1, &value);
    assert_int_equal(value.kind, MX_SQL_INTEGER);
    mx_sql_value(query, 2, &value);
    assert_int_equal(value.kind, MX_SQL_REAL);
    assert_string_equal(mx_sql_column_name(query, 1), "size");
    mx_sql_query_free(query);
    mx_sql_free(sql);
}

// ---- how they are found ---------------------------------------------------------------------------------

static void assert_plan(mx_sql *sql, const char *query, const char *part, bool wanted)
{
    char text[400];
    snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", query);
    char *rows = rows_of(sql, text);
    if (!strstr(rows, part) == wanted)
        fail_msg("%s: %s", query, rows);
    free(rows);
}

static void test_orders_and_groups_of_indexed_columns_need_no_sorter(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    static const char *const queries[] = {
        "SELECT type, count(*), sum(size) FROM objects GROUP BY type",
        "SELECT * FROM objects ORDER BY retained DESC LIMIT 10",
        "SELECT * FROM objects WHERE size > 50 ORDER BY size",
        "SELECT * FROM objects ORDER BY address DESC",
        "SELECT * FROM objects WHERE type = 'app.Node' ORDER BY address",
        "SELECT dominator, count(*) FROM dominators GROUP BY dominator",
        "SELECT source FROM \"references\" WHERE target = 3 ORDER BY source",
        "SELECT generation, tracked, count(*) FROM objects GROUP BY generation, tracked",
        "SELECT ownership, count(*) FROM \"references\" GROUP BY ownership",
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        assert_plan(sql, queries[i], "TEMP B-TREE", false);
    assert_plan(sql, "SELECT * FROM objects ORDER BY reference_count", "TEMP B-TREE", true);
    mx_sql_free(sql);
}

static void test_a_join_looks_its_objects_up(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    const char *query = "SELECT s.type FROM \"references\" r JOIN objects s ON s.object = r.source "
                        "JOIN objects o ON o.object = r.target WHERE o.address = 8";
    char part[40];
    snprintf(part, sizeof part, "VIRTUAL TABLE INDEX %d:", WALK_ASCENDING); // o, by its address
    assert_plan(sql, query, part, true);
    snprintf(part, sizeof part, "VIRTUAL TABLE INDEX %d:", WALK_REFERRERS);
    assert_plan(sql, query, part, true);
    snprintf(part, sizeof part, "VIRTUAL TABLE INDEX %d:", WALK_ROW);
    assert_plan(sql, query, part, true);
    mx_sql_free(sql);
}

// ---- what is refused --------------------------------------------------------------------------------------

static void test_nothing_but_reading_is_allowed(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    static const char *const statements[] = {
        "ATTACH '/tmp/memexplorer-must-not-exist' AS x",
        "INSERT INTO objects (object) VALUES (1)",
        "DELETE FROM objects",
        "UPDATE types SET type = 'x'",
        "CREATE TABLE t (x)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "DROP VIEW garbage",
        "DROP TABLE objects",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "PRAGMA journal_mode = WAL",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA writable_schema = 1",
        "PRAGMA hard_heap_limit = 1",
        "SELECT load_extension('/tmp/x.so')",
        "VACUUM",
        "VACUUM INTO '/tmp/memexplorer-must-not-exist'",
        "BEGIN",
        "SAVEPOINT s",
        "ANALYZE",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        assert_fails(sql, statements[i], MX_BAD_ARGUMENT, "write SELECT");
    assert_fails(sql, "SELECT writefile('/tmp/x', 'y')", MX_BAD_ARGUMENT, "no such function");
    assert_fails(sql, "SELECT readfile('/etc/passwd')", MX_BAD_ARGUMENT, "no such function");
    assert_rows(sql, "SELECT count(*) FROM objects", "300\n");
    assert_rows(sql, "SELECT value FROM json_each('[1, 2]')", "1\n2\n");
    assert_rows(sql, "SELECT name FROM pragma_table_info('roots')", "t4:root\nt4:kind\nt4:name\n");
    mx_sql_free(sql);
}

static void test_mistakes_are_named_with_the_remedy(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    assert_fails(sql, "SELECT * FROM references", MX_BAD_ARGUMENT, "write \"references\"");
    assert_fails(sql, "SELECT * FROM object", MX_BAD_ARGUMENT, "documentation");
    assert_fails(sql, "SELECT adress FROM objects", MX_BAD_ARGUMENT, "no such column: adress");
    assert_fails(sql, "SELECT * FROM objects WHERE type = \"app.Node\"", MX_BAD_ARGUMENT,
                 "'single quotes'");
    assert_fails(sql, "SELEC 1", MX_BAD_ARGUMENT, "syntax error");
    assert_fails(sql, "SELECT 'x", MX_BAD_ARGUMENT, "unrecognized token");
    assert_fails(sql, "SELECT (1", MX_BAD_ARGUMENT, "incomplete input");
    assert_fails(sql, "SELECT nosuch(1)", MX_BAD_ARGUMENT, "PRAGMA function_list");
    assert_fails(sql, "SELECT 1 \x01", MX_BAD_ARGUMENT, "SQL: ");
    mx_sql_free(sql);
}

static void test_statements_follow_one_another_in_a_text(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    mx_sql_query *query;
    const char *text = " -- a comment\n; SELECT 1; SELECT 2 -- and the last\n", *rest = text;
    int count = 0;
    while (*rest) {
        assert_int_equal(mx_sql_prepare(sql, rest, &query, &rest, NULL), MX_OK);
        count += query != NULL;
        mx_sql_query_free(query);
    }
    assert_int_equal(count, 2);
    assert_true(mx_sql_is_complete("SELECT ';';"));
    assert_false(mx_sql_is_complete("SELECT ';"));
    mx_sql_free(sql);
}

// ---- what does not end, and what does not fit ---------------------------------------------------------------

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

static void test_a_query_ends_when_its_time_is_over(void **state)
{
    (void)state;
    mx_sql *sql = open_with(&(struct mx_sql_options){.timeout_ns = 20 * 1000000});
    assert_fails(sql, ENDLESS "SELECT count(*) FROM n", MX_TIMEOUT, "narrow it down");
    assert_fails(sql,
                 "SELECT count(*) FROM objects a, objects b, objects c, objects d, objects e "
                 "WHERE a.size + b.size + c.size + d.size + e.size < 0",
                 MX_TIMEOUT, "more than 0.0 s");
    assert_rows(sql, "SELECT 1", "1\n"); // time is counted for each
    mx_sql_free(sql);
}

static void test_a_query_ends_when_it_takes_too_much_memory(void **state)
{
    (void)state;
    mx_sql *sql = open_with(&(struct mx_sql_options){.memory_nbytes = 32 << 20});
    assert_fails(sql, ENDLESS "SELECT i FROM n ORDER BY i DESC", MX_LIMIT, "32 MiB");
    assert_fails(
        sql,
        "WITH RECURSIVE n(x) AS (SELECT zeroblob(8000000) UNION ALL SELECT x || 'y' FROM n)"
        " SELECT count(*) FROM n a, n b",
        MX_LIMIT, "32 MiB");
    assert_rows(sql, "SELECT 1", "1\n");
    mx_sql_free(sql);
}

static void test_values_that_are_too_long_are_refused(void **state)
{
    (void)state;
    mx_sql *sql = open_with(NULL);
    assert_fails(sql, "SELECT zeroblob(1000000000)", MX_LIMIT, "16 MiB");
    assert_fails(sql, "SELECT group_concat(hex(zeroblob(100000))) FROM objects", MX_LIMIT,
                 "16 MiB");
    size_t nbytes = 2 << 20;
    char *text = malloc(nbytes);
    memset(text, ' ', nbytes);
    memcpy(text, "SELECT 1", 8);
    text[nbytes - 1] = '\0';
    assert_fails(sql, text, MX_LIMIT, "too long");
    memset(text, '(', nbytes - 1);
    memcpy(text, "SELECT ", 7);
    text[100000] = '\0';
    assert_fails(sql, text, MX_BAD_ARGUMENT, "SQL: ");
    free(text);
    mx_sql_free(sql);
}

static void *interrupt_again_and_again(void *data)
{
    struct {
        mx_sql *sql;
        int over;
    } *shared = data;
    while (!__atomic_load_n(&shared->over, __ATOMIC_ACQUIRE))
        mx_sql_interrupt(shared->sql);
    return NULL;
}

static void test_a_query_can_be_interrupted(void **state)
{
    (void)state;
    struct {
        mx_sql *sql;
        int over;
    } shared = {open_with(NULL), 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt_again_and_again, &shared), 0);
    assert_fails(shared.sql, ENDLESS "SELECT count(*) FROM n", MX_TIMEOUT, "interrupted");
    __atomic_store_n(&shared.over, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_rows(shared.sql, "SELECT 1", "1\n");
    mx_sql_free(shared.sql);
}

// ---- edges ----------------------------------------------------------------------------------------------------

static void test_a_snapshot_without_anything_has_empty_tables(void **state)
{
    (void)state;
    static uint32_t zero[1];
    struct snapshot empty = {.first = COLUMN_OF(zero), .referrer_first = COLUMN_OF(zero)};
    mx_sql *sql;
    assert_int_equal(sql_open(&empty, NULL, &sql, NULL), MX_OK);
    for (size_t i = 0; i < sql_table_count; i++) {
        const struct sql_table *table = sql_tables[i];
        bool always = table == &sql_table_summary || table == &sql_table_documentation;
        for (size_t c = 0; c < table->column_count && !always; c++) {
            char query[200];
            snprintf(query, sizeof query,
                     "SELECT * FROM \"%s\" WHERE \"%s\" = 0 ORDER BY \"%s\" DESC", table->name,
                     table->columns[c].name, table->columns[c].name);
            assert_rows(sql, query, "");
            snprintf(query, sizeof query, "SELECT * FROM \"%s\" ORDER BY \"%s\"", table->name,
                     table->columns[c].name);
            assert_rows(sql, query, "");
        }
    }
    mx_sql_free(sql);
}

// A damaged file may say so: they do not fit beside a row's number.
static void test_sizes_of_all_64_bits_are_put_in_order_too(void **state)
{
    (void)state;
    make_snapshot(2);
    static uint64_t sizes[OBJECTS];
    for (uint32_t i = 0; i < OBJECTS; i++)
        sizes[i] = random_state ^ (uint64_t)random_below(UINT32_MAX) << 32;
    world.snapshot.size = COLUMN_OF(sizes);
    mx_sql *sql;
    assert_int_equal(sql_open(&world.snapshot, NULL, &sql, NULL), MX_OK);
    mx_sql *plain = copy_all(sql);
    assert_same(sql, plain, "SELECT size, min(object), count(*) FROM objects GROUP BY size");
    assert_same(sql, plain, "SELECT size FROM objects ORDER BY size DESC");
    assert_same(sql, plain, "SELECT sum(object) FROM objects WHERE size < 0");
    sqlite3_close(plain->connection);
    free(plain);
    mx_sql_free(sql);
}

// What file.c promises of a damaged file: numbers below their counts, and nothing else. No answer is
// right then, and none reads beside what is there.
static void damage(void)
{
    for (uint32_t i = 0; i <= OBJECTS; i++) {
        world.first[i] = random_below(REFERENCES + 1);
        world.referrer_first[i] = random_below(REFERENCES + 1);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        world.address[i] = random_below(UINT32_MAX);
        world.dominator[i] = random_below(OBJECTS + 1);
        world.type[i] = (uint8_t)random_below(TYPES);
    }
    for (uint32_t i = 0; i < REFERENCES; i++) {
        world.target[i] = (uint16_t)random_below(OBJECTS);
        world.referrer[i] = (uint16_t)random_below(OBJECTS);
    }
    for (uint32_t i = 0; i < ROOT_REFERENCES; i++)
        world.root_references[i].root = random_below(ROOTS);
}

static void test_a_damaged_snapshot_is_read_within_its_bounds(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "SELECT * FROM referrers ORDER BY target",
        "SELECT * FROM referents",
        "SELECT * FROM types ORDER BY retained",
        "SELECT o.*, r.* FROM objects o CROSS JOIN \"references\" r ON r.target = o.object",
        "SELECT o.object, r.* FROM objects o CROSS JOIN \"references\" r ON r.source = o.object",
        "SELECT o.object, r.* FROM objects o, \"references\" r WHERE r.target_address = o.address",
        "SELECT f.* FROM roots r JOIN root_references f USING (root)",
        "SELECT a.object FROM objects a JOIN objects b ON a.address = b.address",
        "SELECT sum(d.retained) FROM objects o JOIN dominators d ON d.dominator = o.object",
    };
    for (uint64_t round = 0; round < 30; round++) {
        mx_sql *sql;
        make_snapshot(round);
        damage();
        assert_int_equal(sql_open(&world.snapshot, NULL, &sql, NULL), MX_OK);
        for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
            free(rows_of(sql, queries[i]));
        for (int i = 0; i < 50; i++) {
            char *query = random_query();
            free(rows_of(sql, query));
            free(query);
        }
        mx_sql_free(sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_of_several_columns_are_those_of_ordinary_tables),
        cmocka_unit_test(test_random_queries_find_what_ordinary_tables_find),
        cmocka_unit_test(test_joins_along_references_find_what_ordinary_tables_find),
        cmocka_unit_test(test_columns_say_what_the_snapshot_says),
        cmocka_unit_test(test_texts_are_made_for_the_row_that_is_asked_for),
        cmocka_unit_test(test_a_long_value_is_cut_between_two_characters),
        cmocka_unit_test(test_types_retain_what_their_instances_retain_together),
        cmocka_unit_test(test_same_is_the_first_object_with_the_same_value),
        cmocka_unit_test(test_every_table_and_view_that_is_documented_can_be_read),
        cmocka_unit_test(test_addresses_are_told_from_other_integers),
        cmocka_unit_test(test_orders_and_groups_of_indexed_columns_need_no_sorter),
        cmocka_unit_test(test_a_join_looks_its_objects_up),
        cmocka_unit_test(test_nothing_but_reading_is_allowed),
        cmocka_unit_test(test_mistakes_are_named_with_the_remedy),
        cmocka_unit_test(test_statements_follow_one_another_in_a_text),
        cmocka_unit_test(test_a_query_ends_when_its_time_is_over),
        cmocka_unit_test(test_a_query_ends_when_it_takes_too_much_memory),
        cmocka_unit_test(test_values_that_are_too_long_are_refused),
        cmocka_unit_test(test_a_query_can_be_interrupted),
        cmocka_unit_test(test_a_snapshot_without_anything_has_empty_tables),
        cmocka_unit_test(test_sizes_of_all_64_bits_are_put_in_order_too),
        cmocka_unit_test(test_a_damaged_snapshot_is_read_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
