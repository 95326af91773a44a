// cmd_objects.c - the objects of a process, one a line.
//
// Ten million lines are usual: they are printed as they are found, and the JSON and CSV forms
// make one line out of one record that is filled again and again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "selection.h"
#include "suggest.h"
#include "table.h"
#include "text.h"

#define TABLE_LIMIT 100 // lines, unless --limit says otherwise; JSON and CSV have none
#define LIMIT_UNSET UINT64_MAX

static struct {
    struct selection selection;
    bool csv;
} settings = {.selection.limit = LIMIT_UNSET};

enum { OPTION_TYPE = OPTION_OWN, OPTION_MIN_SIZE, OPTION_LIMIT, OPTION_SORT, OPTION_CSV };

static mx_status take_sort(const char *text, struct mx_error *err)
{
    static const char *const names[] = {"address", "size", "refcount", "type"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            settings.selection.order = (enum sort_order)i;
            return MX_OK;
        }
    }
    const char *nearest = suggest_nearest(text, names, 4);
    return cli_fail(err, MX_BAD_ARGUMENT,
                    "--sort '%.80s' is not an order; %s%s%sthere are address, size, refcount, type",
                    text, nearest ? "did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'? " : "");
}

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    switch (key) {
    case OPTION_TYPE:
        settings.selection.type = text;
        return MX_OK;
    case OPTION_MIN_SIZE:
        return arguments_size("--min-size", text, &settings.selection.min_size, err);
    case OPTION_LIMIT:
        return arguments_count("--limit", text, &settings.selection.limit, err);
    case OPTION_SORT:
        return take_sort(text, err);
    case OPTION_CSV:
        settings.csv = true;
        return MX_OK;
    }
    return MX_BAD_ARGUMENT;
}

// What prints one object, and what it needs for that.
struct printer {
    const mx_heap *heap;
    void (*print)(struct printer *printer, const struct mx_object *object);
    struct table table;
    json_t *record;
    uint64_t printed;
    mx_status status;
    struct mx_error *err;
};

// ---- JSON -------------------------------------------------------------------------------------

static int write_stdout(const char *bytes, size_t nbytes, void *data)
{
    (void)data;
    return fwrite_unlocked(bytes, 1, nbytes, stdout) == nbytes ? 0 : -1;
}

static void print_json(struct printer *printer, const struct mx_object *object)
{
    json_t *record = printer->record;
    json_object_set_new(record, "address", json_address(object->address));
    json_object_set_new(record, "type", json_text(object->type));
    json_object_set_new(record, "refcount", json_refcount(object));
    json_object_set_new(record, "size", json_integer((json_int_t)object->size));
    json_object_set_new(record, "tracked", json_boolean(object->tracked));
    json_object_set_new(record, "preview", json_text(object->preview));
    json_dump_callback(record, write_stdout, NULL, JSON_COMPACT);
    putchar_unlocked('\n');
}

// ---- CSV --------------------------------------------------------------------------------------

// RFC 4180: quotes around what needs them, doubled inside.
static void print_csv_text(const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs_unlocked(text, stdout);
        return;
    }
    putchar_unlocked('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar_unlocked('"');
        putchar_unlocked(*text);
    }
    putchar_unlocked('"');
}

static void print_csv(struct printer *printer, const struct mx_object *object)
{
    (void)printer;
    printf("%s,", text_address(object->address).s);
    print_csv_text(object->type);
    if (object->immortal)
        printf(",,%llu,", (unsigned long long)object->size);
    else
        printf(",%lld,%llu,", (long long)object->refcount, (unsigned long long)object->size);
    fputs_unlocked(object->tracked ? "true," : "false,", stdout);
    print_csv_text(object->preview);
    fputs_unlocked("\r\n", stdout);
}

// ---- for people -------------------------------------------------------------------------------

static void print_row(struct printer *printer, const struct mx_object *object)
{
    TABLE_ADD(&printer->table, text_address(object->address).s, object->type,
              text_refcount(object).s, text_size(object->size).s, object->tracked ? "yes" : "no",
              object->preview);
}

static void print_left(uint64_t left, uint64_t printed)
{
    if (!printed)
        puts("No object matches.");
    if (left)
        printf("%s... %s more (--limit 0 prints all)%s\n", output_style(STYLE_QUIET),
               text_count(left).s, output_style(STYLE_PLAIN));
}

// ---- command ----------------------------------------------------------------------------------

static bool visit(uint32_t index, void *data)
{
    struct printer *printer = data;
    struct mx_object object;
    printer->status = mx_heap_object(printer->heap, index, &object, printer->err);
    if (printer->status)
        return false;
    printer->print(printer, &object);
    printer->printed++;
    return !output_failed();
}

static void prepare(struct printer *printer, bool json)
{
    static const struct column columns[] = {{"ADDRESS", false}, {"TYPE", false},
                                            {"REFCOUNT", true}, {"SIZE", true},
                                            {"TRACKED", false}, {"PREVIEW", false}};
    if (json) {
        printer->print = print_json;
        printer->record = must(json_object());
    } else if (settings.csv) {
        printer->print = print_csv;
        fputs("address,type,refcount,size,tracked,preview\r\n", stdout);
    } else {
        printer->print = print_row;
        table_init(&printer->table, columns, sizeof columns / sizeof *columns);
    }
}

static mx_status check(const struct request *request, struct mx_error *err)
{
    if (request->json && settings.csv)
        return cli_fail(err, MX_BAD_ARGUMENT, "--json and --csv exclude each other; choose one");
    return MX_OK;
}

static mx_status run(struct request *request, struct mx_error *err)
{
    bool table = !request->json && !settings.csv;
    if (settings.selection.limit == LIMIT_UNSET)
        settings.selection.limit = table ? TABLE_LIMIT : 0;
    struct printer printer = {.heap = request->heap, .err = err};
    prepare(&printer, request->json);
    uint64_t left;
    selection_run(request->heap, &settings.selection, visit, &printer, &left);
    if (table) {
        table_finish(&printer.table);
        print_left(left, printer.printed);
        capture_print_note(request->heap);
    } else {
        capture_warn(request->heap);
    }
    json_decref(printer.record);
    blind_spots_warn(request->heap);
    return printer.status;
}

static const struct argp_option options[] = {
    {"type", OPTION_TYPE, "NAME", 0,
     "Only objects of this type: its qualified name, the last part of it, or a pattern with *", 0},
    {"min-size", OPTION_MIN_SIZE, "BYTES", 0, "Only objects of at least this size: 4096, 64K, 1M",
     0},
    {"limit", OPTION_LIMIT, "COUNT", 0,
     "Print so many at most, 0 for all (100; with --json or --csv all)", 0},
    {"sort", OPTION_SORT, "ORDER", 0,
     "address, size, refcount or type; sizes and counts from the biggest down", 0},
    {"csv", OPTION_CSV, NULL, 0, "Print CSV with a line of names (RFC 4180)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_objects = {
    .name = "objects",
    .arguments = "PID",
    .summary = "the objects of a process, one a line",
    .help = "The objects of a process, one a line: chosen by type and size, in the order wanted.\v"
            "Examples:\n\n"
            "  $ memexplorer objects 812 --type Session --sort size --limit 20\n"
            "  $ memexplorer objects 812 --type 'myapp.*' --min-size 64K\n"
            "  $ memexplorer objects 812 --csv > objects.csv\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .check = check,
    .run = run,
};
