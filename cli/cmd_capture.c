// cmd_capture.c - the heap of a process in one file, to be looked at later and elsewhere.
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "text.h"

enum { OPTION_OUTPUT = 'o', OPTION_COMPRESS = OPTION_OWN, OPTION_REDACT, OPTION_CUT };

static struct {
    const char *path;
    struct mx_save_options save;
} settings;

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    switch (key) {
    case OPTION_OUTPUT:
        settings.path = text;
        return MX_OK;
    case OPTION_COMPRESS:
        settings.save.compress = true;
        return MX_OK;
    case OPTION_REDACT:
        settings.save.redact = true;
        return MX_OK;
    case OPTION_CUT:
        settings.save.cut_values = true;
        return arguments_size("--no-values-over", text, &settings.save.most_value, err);
    }
    return MX_BAD_ARGUMENT;
}

static mx_status check(const struct request *request, struct mx_error *err)
{
    if (request->snapshot)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "%s is a snapshot already; capture takes a process id or a core file",
                        request->snapshot);
    if (!settings.path)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "capture needs a file to write; write: memexplorer capture %s -o FILE",
                        request->core ? request->core : "PID");
    return MX_OK;
}

static double per_object(uint64_t nbytes, const struct mx_saved *saved)
{
    return saved->objects ? (double)nbytes / (double)saved->objects : 0;
}

static void print_json(const mx_heap *heap, const struct mx_saved *saved)
{
    json_print(
        json_make("path", json_text(settings.path),                                           //
                  "objects", json_integer((json_int_t)saved->objects),                        //
                  "references", json_integer((json_int_t)saved->references),                  //
                  "file_bytes", json_integer((json_int_t)saved->file_bytes),                  //
                  "graph_bytes", json_integer((json_int_t)saved->graph_bytes),                //
                  "label_bytes", json_integer((json_int_t)saved->label_bytes),                //
                  "text_bytes", json_integer((json_int_t)saved->text_bytes),                  //
                  "graph_bytes_per_object", json_real(per_object(saved->graph_bytes, saved)), //
                  "label_bytes_per_object", json_real(per_object(saved->label_bytes, saved)), //
                  "text_bytes_per_object", json_real(per_object(saved->text_bytes, saved)),   //
                  "compressed", json_boolean(settings.save.compress),                         //
                  "redacted", json_boolean(settings.save.redact),                             //
                  "capture", capture_json(heap), NULL));
}

static void print_text(const mx_heap *heap, const struct mx_saved *saved)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    char *path = text_clean(settings.path);
    printf("%s: %s objects, %s references, %s\n", path, text_count(saved->objects).s,
           text_count(saved->references).s, text_size(saved->file_bytes).s);
    printf("an object takes %.1f bytes for the graph, %.1f for labels, %.1f for texts\n",
           per_object(saved->graph_bytes, saved), per_object(saved->label_bytes, saved),
           per_object(saved->text_bytes, saved));
    if (summary->mode == MX_CAPTURE_NO_PAUSE)
        puts("read as it ran");
    else
        printf("the process stood still for %s\n", text_milliseconds(summary->pause_ns).s);
    free(path);
    capture_print_note(heap);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct mx_saved saved;
    mx_status status = mx_heap_save(request->heap, settings.path, &settings.save, &saved, err);
    if (status)
        return status;
    if (request->json)
        print_json(request->heap, &saved);
    else
        print_text(request->heap, &saved);
    blind_spots_warn(request->heap);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"output", OPTION_OUTPUT, "FILE", 0,
     "The file to write, readable by you alone. What is there is replaced when all is written", 0},
    {"compress", OPTION_COMPRESS, NULL, 0,
     "Compress it with zstd: smaller, and it takes longer to open", 0},
    {"redact", OPTION_REDACT, NULL, 0,
     "Leave out values: strings, bytes, numbers, keys of dicts that are no attributes' names, the "
     "command line",
     0},
    {"no-values-over", OPTION_CUT, "BYTES", 0, "Cut values of str and bytes: 64, 4K", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_capture = {
    .name = "capture",
    .arguments = "PID",
    .summary = "the whole heap in a file, to be looked at later and elsewhere",
    .help =
        "Writes one file that stands alone: objects, references with their names, types, threads, "
        "what holds them, values. Every command takes it in the place of a PID, and gives the "
        "answers that it would have given then. The file has what the process had in memory, "
        "passwords too: docs/security.md says what that means; --redact leaves the values "
        "out.\v"
        "Example:\n\n"
        "  $ memexplorer capture 812 -o before.mxs\n"
        "  $ memexplorer report before.mxs\n"
        "  $ memexplorer show before.mxs 0x7f3a5c2d1e80\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .check = check,
    .run = run,
};
