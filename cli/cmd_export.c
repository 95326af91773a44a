// cmd_export.c - a heap for other people's programs: where it goes, and a line about it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "suggest.h"
#include "text.h"

#define LIMIT_NAMES 16 // of formats, of tables

static struct {
    const char *format_name, *table_name, *output; // NULL: not given
    mx_export_format format;
    struct mx_export_options options;
} settings;

enum { OPTION_FORMAT = OPTION_OWN, OPTION_TABLE, OPTION_OBJECT, OPTION_DEPTH };

// ---- arguments ----------------------------------------------------------------------------------

static const char *format_name(int number)
{
    return mx_export_format_name((mx_export_format)number);
}

static const char *table_name(int number)
{
    return mx_export_table_name((mx_export_table)number);
}

// Which of the names it is; else a line that lists them.
static mx_status take_name(const char *option, const char *text, const char *(*name_of)(int),
                           int *ret, struct mx_error *err)
{
    const char *names[LIMIT_NAMES];
    char all[200] = "";
    size_t count = 0;
    for (; count < LIMIT_NAMES && (names[count] = name_of((int)count)); count++) {
        if (strcmp(names[count], text) == 0) {
            *ret = (int)count;
            return MX_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", count ? ", " : "", names[count]);
    }
    const char *nearest = suggest_nearest(text, names, count);
    return cli_fail(err, MX_BAD_ARGUMENT, "there is no %s '%.80s'; %s%s%sthere are %s", option,
                    text, nearest ? "did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'? " : "", all);
}

static mx_status take_depth(const char *text, struct mx_error *err)
{
    uint64_t depth;
    mx_status status = arguments_count("--depth", text, &depth, err);
    if (!status && (depth == 0 || depth > MX_EXPORT_DRAWN_OBJECTS))
        return cli_fail(err, MX_BAD_ARGUMENT, "--depth '%.80s' is not from 1 to %d", text,
                        MX_EXPORT_DRAWN_OBJECTS);
    settings.options.depth = status ? 0 : (uint32_t)depth;
    return status;
}

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    int number = 0;
    mx_status status;
    switch (key) {
    case OPTION_FORMAT:
        settings.format_name = text;
        status = take_name("format", text, format_name, &number, err);
        settings.format = (mx_export_format)number;
        return status;
    case OPTION_TABLE:
        settings.table_name = text;
        status = take_name("table", text, table_name, &number, err);
        settings.options.table = (mx_export_table)number;
        return status;
    case OPTION_OBJECT:
        return arguments_address(text, &settings.options.object, err);
    case OPTION_DEPTH:
        return take_depth(text, err);
    case 'o':
        settings.output = strcmp(text, "-") == 0 ? NULL : text;
        return MX_OK;
    }
    return MX_BAD_ARGUMENT;
}

static bool has_tables(void)
{
    return settings.format == MX_EXPORT_CSV || settings.format == MX_EXPORT_JSONL;
}

static mx_status check(const struct request *request, struct mx_error *err)
{
    bool drawing = settings.format == MX_EXPORT_DOT;
    if (!settings.format_name)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "export needs a format; write: memexplorer export PID --format "
                        "heapsnapshot -o FILE");
    if (settings.table_name && !has_tables())
        return cli_fail(err, MX_BAD_ARGUMENT, "--table goes with csv and jsonl; %s has none",
                        settings.format_name);
    if (drawing && !settings.options.object)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "dot draws what is around one object; write --object ADDRESS");
    if (!drawing && (settings.options.object || settings.options.depth))
        return cli_fail(err, MX_BAD_ARGUMENT, "--object and --depth go with dot; %s has everything",
                        settings.format_name);
    if (request->json && !settings.output)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "--json tells of the file that was written; write -o FILE as well");
    if (!settings.output && settings.format == MX_EXPORT_HEAPSNAPSHOT && isatty(STDOUT_FILENO))
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "a .heapsnapshot is for other programs to read; write -o FILE");
    return MX_OK;
}

// ---- writing ------------------------------------------------------------------------------------

static bool write_stdout(const char *bytes, size_t nbytes, void *data)
{
    (void)data;
    return fwrite_unlocked(bytes, 1, nbytes, stdout) == nbytes;
}

// What was written, for a person and for programs.
static void tell(const char *path, const struct mx_export_result *result, json_t *files)
{
    if (files) {
        json_t *file = json_make("path", json_text(path),                                    //
                                 "bytes", json_integer((json_int_t)result->bytes),           //
                                 "records", json_integer((json_int_t)result->records),       //
                                 "references", json_integer((json_int_t)result->references), //
                                 NULL);
        json_array_append_new(files, file);
        return;
    }
    char *clean = text_clean(path);
    printf("%s: %s %s, ", clean, text_count(result->records).s, has_tables() ? "rows" : "nodes");
    if (result->references)
        printf("%s references, ", text_count(result->references).s);
    printf("%s\n", text_size(result->bytes).s);
    free(clean);
}

static mx_status write_file(const mx_heap *heap, const char *path, json_t *files,
                            struct mx_error *err)
{
    struct mx_export_result result;
    mx_status status =
        mx_heap_export_file(heap, settings.format, &settings.options, path, &result, err);
    if (!status)
        tell(path, &result, files);
    return status;
}

// Every table, to a file of its own.
static mx_status write_folder(const mx_heap *heap, json_t *files, struct mx_error *err)
{
    mx_status status = MX_OK;
    for (int i = 0; table_name(i) && !status; i++) {
        char *path;
        settings.options.table = (mx_export_table)i;
        if (asprintf(&path, "%s/%s.%s", settings.output, table_name(i), settings.format_name) < 0)
            must(NULL);
        status = write_file(heap, path, files, err);
        free(path);
    }
    return status;
}

static bool is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static mx_status write_output(const mx_heap *heap, json_t *files, struct mx_error *err)
{
    if (!settings.output)
        return mx_heap_export(heap, settings.format, &settings.options, write_stdout, NULL, NULL,
                              err);
    if (has_tables() && !settings.table_name && is_folder(settings.output))
        return write_folder(heap, files, err);
    return write_file(heap, settings.output, files, err);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct progress progress;
    progress_init(&progress);
    settings.options.progress = progress_show;
    settings.options.progress_data = &progress;
    json_t *files = request->json ? must(json_array()) : NULL;
    mx_status status = write_output(request->heap, files, err);
    progress_clear(&progress);
    if (status) {
        json_decref(files);
        return status;
    }
    if (request->json)
        json_print(json_make("format", json_text(settings.format_name), //
                             "files", files,                            //
                             "capture", capture_json(request->heap), NULL));
    else if (settings.output)
        capture_print_note(request->heap);
    else
        capture_warn(request->heap);
    blind_spots_warn(request->heap);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"format", OPTION_FORMAT, "NAME", 0,
     "heapsnapshot (Chrome DevTools, VS Code, MemLab), dot (Graphviz), csv, or jsonl (a JSON "
     "object "
     "a line)",
     0},
    {"output", 'o', "FILE", 0,
     "Where it goes, - for standard output (the default). The file gets its name when it is "
     "complete. csv and jsonl: a folder, to have every table",
     0},
    {"table", OPTION_TABLE, "NAME", 0,
     "csv, jsonl: objects (the default), references, types, roots, blocks or frames", 0},
    {"object", OPTION_OBJECT, "ADDRESS", 0, "dot: the object in the middle", 0},
    {"depth", OPTION_DEPTH, "COUNT", 0, "dot: so many references away from it (2)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_export = {
    .name = "export",
    .arguments = "PID",
    .summary = "a file for Chrome DevTools, Graphviz, or what reads CSV and JSON",
    .help =
        "Writes the heap for other programs (docs/export.md): as a .heapsnapshot, which Chrome "
        "DevTools opens in its Memory panel and compares with another of the same process; as a "
        "drawing of what is around an object; as tables. The file has values of the process in "
        "it: it is for its owner alone to read.\v"
        "Examples:\n\n"
        "  $ memexplorer export 812 --format heapsnapshot -o app.heapsnapshot\n"
        "  $ memexplorer export 812 --format dot --object 0x7f3a5c2d1e80 | dot -Tsvg > a.svg\n"
        "  $ memexplorer export 812 --format csv --table types > types.csv\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .check = check,
    .run = run,
};
