// test_damaged.c - every question, asked of damaged and hostile snapshot files: those in the folder `damaged`,
// and some made here.
//
// A file that did harm once is copied into the folder and is asked from then on. With arguments: writes the
// file that those of `damaged/make.py` are made of.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "damage.h"
#include "fake_snapshot.h"
#include "heap/heap.h"

#define SECONDS                                                                                    \
    120 // for all questions to one file, under sanitizers on a machine with other things to do

static char path[64];

static bool swallow(const char *bytes, size_t nbytes, void *data)
{
    for (size_t i = 0; i < nbytes; i++)
        *(uint64_t *)data += (uint8_t)bytes[i];
    return true;
}

static void ask_exports(const mx_heap *heap)
{
    uint64_t sum = 0;
    struct mx_export_options options = {0};
    mx_heap_export(heap, MX_EXPORT_HEAPSNAPSHOT, NULL, swallow, &sum, NULL, NULL);
    mx_heap_export(heap, MX_EXPORT_DOT, NULL, swallow, &sum, NULL, NULL);
    for (int table = MX_TABLE_OBJECTS; table <= MX_TABLE_FRAMES; table++) {
        options.table = (mx_export_table)table;
        mx_heap_export(heap, MX_EXPORT_CSV, &options, swallow, &sum, NULL, NULL);
        mx_heap_export(heap, MX_EXPORT_JSONL, &options, swallow, &sum, NULL, NULL);
    }
}

static void ask_tree(const mx_heap *heap, uint32_t count)
{
    mx_tree *tree;
    struct mx_holding *holdings;
    size_t rows;
    bool right;
    uint32_t object;
    if (mx_heap_tree(heap, &tree, NULL))
        return;
    if (!mx_tree_types(tree, &holdings, &rows, NULL))
        mx_holdings_free(holdings);
    if (count && !mx_tree_inside(tree, count / 2, &holdings, &rows, NULL))
        mx_holdings_free(holdings);
    mx_tree_verify(tree, &right, &object, NULL);
    mx_tree_free(tree);
}

static void ask_sql(const mx_heap *heap)
{
    static const char *const QUERIES[] = {
        "SELECT type, count(*), sum(retained) FROM objects GROUP BY type ORDER BY 2 DESC",
        "SELECT count(*), min(label), max(label) FROM \"references\"",
        "SELECT count(*), max(value) FROM strings",
        "SELECT count(*), sum(size) FROM blocks",
        "SELECT count(*) FROM dominators",
    };
    mx_sql *sql;
    if (mx_sql_open(heap, NULL, &sql, NULL))
        return;
    for (size_t i = 0; i < sizeof QUERIES / sizeof *QUERIES; i++) {
        mx_sql_query *query = NULL;
        struct mx_error err;
        bool row = true;
        if (mx_sql_prepare(sql, QUERIES[i], &query, NULL, &err))
            fail_msg("%s: %s", QUERIES[i], err.message);
        while (row && !mx_sql_step(query, &row, NULL))
            for (int column = 0; row && column < mx_sql_column_count(query); column++) {
                struct mx_sql_value value;
                mx_sql_value(query, column, &value);
            }
        mx_sql_query_free(query);
    }
    mx_sql_free(sql);
}

static bool hear(const struct mx_reference *reference, void *data)
{
    *(uint64_t *)data += strlen(reference->label) + strlen(reference->root);
    return true;
}

static void ask_stored_answers(const mx_heap *heap)
{
    struct mx_finding *findings;
    struct mx_blind_spots spots;
    mx_cycles *cycles;
    size_t count;
    if (!mx_heap_audit(heap, &findings, &count, NULL))
        mx_findings_free(findings);
    mx_heap_blind_spots(heap, &spots, NULL);
    if (!mx_heap_garbage(heap, &cycles, NULL))
        mx_cycles_free(cycles);
    if (!mx_heap_cycles(heap, &cycles, NULL))
        mx_cycles_free(cycles);
}

static void ask_about_objects(const mx_heap *heap, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 1 + count / 8) {
        struct mx_object object;
        uint64_t sum = 0;
        char kind[100];
        mx_why *why;
        mx_drop *drop;
        if (!mx_heap_why(heap, &i, 1, 3, &why, NULL))
            mx_why_free(why);
        mx_heap_references(heap, i, hear, &sum, NULL);
        mx_heap_referrers(heap, i, hear, &sum, NULL);
        mx_heap_kind(heap, i, kind, sizeof kind);
        mx_heap_found_count(heap, i);
        if (!mx_heap_object(heap, i, &object, NULL) &&
            !mx_heap_drop(heap, object.address, NULL, &drop, NULL))
            mx_drop_free(drop);
    }
}

// True when it was opened.
static bool ask(const char *file, struct mx_error *err)
{
    mx_heap *heap;
    mx_suspects *suspects;
    mx_diff *diff;
    alarm(SECONDS);
    mx_status status = mx_heap_open(file, &heap, err);
    if (status) {
        if (!err->message[0] || strchr(err->message, '\n'))
            fail_msg("%s: '%s'", file, err->message);
        return false;
    }
    uint32_t count = heap->count;
    ask_stored_answers(heap);
    ask_about_objects(heap, count);
    ask_tree(heap, count);
    if (!mx_heap_suspects(heap, &suspects, NULL))
        mx_suspects_free(suspects);
    if (!mx_heap_diff((const mx_heap *[]){heap, heap}, 2, NULL, &diff, NULL))
        mx_diff_free(diff);
    ask_exports(heap);
    ask_sql(heap);
    mx_heap_verify(heap, NULL);
    mx_heap_free(heap);
    alarm(0);
    return true;
}

static void test_files_of_the_folder_do_no_harm(void **state)
{
    DIR *dir = opendir(DAMAGED_FOLDER);
    assert_non_null(dir);
    int files = 0, opened = 0, other_formats = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char file[400];
        struct mx_error err = {0};
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".mxs") != 0)
            continue;
        snprintf(file, sizeof file, "%s/%s", DAMAGED_FOLDER, entry->d_name);
        files++;
        opened += ask(file, &err);
        other_formats += err.status == MX_UNSUPPORTED;
    }
    closedir(dir);
    if (files < 20 || opened < 5 || other_formats > 5)
        fail_msg("%d files, %d opened, %d of other formats: run damaged/make.py", files, opened,
                 other_formats);
    (void)state;
}

static mx_status write_sound(const char *file, uint32_t objects)
{
    const struct snapshot_options options = {.most_value = UINT64_MAX};
    struct fake_snapshot fake;
    fake_snapshot_init(&fake, objects);
    mx_status status = snapshot_write(&fake.snapshot, &fake.source, file, &options, NULL, NULL);
    fake_snapshot_free(&fake);
    return status;
}

static void test_files_of_random_bytes_do_no_harm(void **state)
{
    size_t nbytes;
    uint64_t seed = 2026;
    int opened = 0, rounds = 150;
    assert_int_equal(write_sound(path, 200), MX_OK);
    uint8_t *whole = damage_load(path, &nbytes), *bytes = malloc(nbytes);
    struct mx_error err = {0};
    assert_true(ask(path, &err));
    for (int round = 0; round < rounds; round++) {
        memcpy(bytes, whole, nbytes);
        damage_randomly(bytes, nbytes, round, &seed);
        damage_store(path, bytes, nbytes);
        opened += ask(path, &err);
    }
    assert_true(opened > rounds / 20);
    free(bytes);
    free(whole);
    (void)state;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_the_folder_do_no_harm),
        cmocka_unit_test(test_files_of_random_bytes_do_no_harm),
    };
    if (argc > 1)
        return write_sound(argv[1], 40) != MX_OK;
    snprintf(path, sizeof path, "%s/mx-damaged-%d.mxs",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
