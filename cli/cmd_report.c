// cmd_report.c - a process in one screen.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "output.h"
#include "report.h"
#include "table.h"
#include "text.h"

#define TOP_FRAMES 3   // of each thread: where it is, and how it got there
#define TOP_THREADS 10 // a server has hundreds, all alike

static struct {
    uint64_t top;
} settings = {.top = 10};

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)key;
    return arguments_count("--top", text, &settings.top, err);
}

// ---- sections ---------------------------------------------------------------------------------

static void print_heading(const char *heading)
{
    printf("\n%s%s%s\n", output_style(STYLE_HEADING), heading, output_style(STYLE_PLAIN));
}

static void print_more(uint64_t left, const char *indent, const char *what)
{
    if (left)
        printf("%s%s... %s more%s%s\n", indent, output_style(STYLE_QUIET), text_count(left).s, what,
               output_style(STYLE_PLAIN));
}

static void print_target(const struct mx_target_info *target)
{
    const struct mx_process *process = &target->process;
    char *cmdline = text_clean(process->cmdline);
    printf("%sCPython %s%s%s%s, pid %d, user %s, %s ", output_style(STYLE_HEADING), process->python,
           target->free_threaded ? " free-threaded" : "", target->debug ? " debug build" : "",
           output_style(STYLE_PLAIN), process->pid, process->user, text_size(process->rss_bytes).s);
    if (target->from_core)
        puts("in a core file");
    else
        printf("resident, up %s\n", text_duration(process->uptime_seconds).s);
    size_t columns = output_columns();
    size_t nbytes = columns ? text_fit(cmdline, columns) : strlen(cmdline);
    printf("%.*s\n", (int)nbytes, cmdline);
    free(cmdline);
    if (target->other_pythons) {
        char *library = text_clean(target->library);
        printf("One of %d CPythons in this process, the one in %s\n", target->other_pythons + 1,
               library);
        free(library);
    }
    if (!target->layout_verified)
        printf("%sLayout not verified: no table was made from this build; it was read with the "
               "nearest.%s\n",
               output_style(STYLE_WARNING), output_style(STYLE_PLAIN));
}

static void print_totals(const struct mx_heap_summary *summary)
{
    printf("\n%s objects, %s references, %s\n", text_count(summary->objects).s,
           text_count(summary->references).s, text_size(summary->bytes).s);
    if (summary->mode == MX_CAPTURE_NO_PAUSE)
        fputs("read as it ran", stdout);
    else
        printf("stood still for %s%s", text_milliseconds(summary->pause_ns).s,
               summary->mode == MX_CAPTURE_FORK ? " to fork" : "");
    printf(", %s copied, walked in %s\n", text_size(summary->copied_bytes).s,
           text_milliseconds(summary->walk_ns).s);
}

static void print_types(const mx_heap *heap, enum type_order order, const char *heading)
{
    static const struct column columns[] = {
        {"BYTES", true}, {"SHARE", true}, {"COUNT", true}, {"SHARE", true}, {"TYPE", false}};
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    const struct mx_type **types;
    size_t count = report_sort_types(heap, order, &types);
    size_t shown = count < settings.top ? count : (size_t)settings.top;
    struct table table;
    print_heading(heading);
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < shown; i++) {
        const struct mx_type *type = types[i];
        TABLE_ADD(&table, text_size(type->bytes).s, text_percent(type->bytes, summary->bytes).s,
                  text_count(type->count).s, text_percent(type->count, summary->objects).s,
                  type->name);
    }
    table_finish(&table);
    print_more(count - shown, "", " types (--top)");
    free(types);
}

static void print_retained(const mx_heap *heap, const struct report_retained *retained)
{
    static const struct column columns[] = {
        {"RETAINED", true}, {"SHARE", true}, {"BYTES", true}, {"COUNT", true}, {"TYPE", false}};
    size_t count = retained->type_count,
           shown = count < settings.top ? count : (size_t)settings.top;
    struct table table;
    print_heading("Types by what would be freed with their objects, all together");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < shown; i++) {
        const struct mx_holding *row = &retained->types[i];
        TABLE_ADD(&table, text_size(row->retained).s,
                  text_percent(row->retained, retained->total).s, text_size(row->bytes).s,
                  text_count(row->count).s, row->type);
    }
    table_finish(&table);
    print_more(count - shown, "", " types (--top)");

    static const struct column object_columns[] = {
        {"RETAINED", true}, {"SHARE", true}, {"OBJECT", false}};
    print_heading("Objects by what would be freed with them");
    table_init(&table, object_columns, sizeof object_columns / sizeof *object_columns);
    for (uint32_t i = 0; i < retained->object_count; i++) {
        struct mx_object object;
        char label[600];
        struct mx_error err;
        uint64_t bytes = mx_tree_retained(retained->tree, retained->objects[i]);
        if (mx_heap_object(heap, retained->objects[i], &object, &err))
            continue;
        snprintf(label, sizeof label, "%s at %s  %s", object.type, text_address(object.address).s,
                 object.preview);
        TABLE_ADD(&table, text_size(bytes).s, text_percent(bytes, retained->total).s, label);
    }
    table_finish(&table);
}

static void print_refcounts(const struct mx_heap_summary *summary)
{
    uint64_t explained = summary->refcounts.explained, surplus = summary->refcounts.surplus,
             deficit = summary->refcounts.deficit, mortal = explained + surplus + deficit;
    print_heading("Reference counts");
    printf("  explained %s (%s)   surplus %s (%s)   deficit %s (%s)   immortal %s\n",
           text_count(explained).s, text_percent(explained, mortal).s, text_count(surplus).s,
           text_percent(surplus, mortal).s, text_count(deficit).s, text_percent(deficit, mortal).s,
           text_count(summary->refcounts.immortal).s);
}

static void print_gc(const struct mx_heap_summary *summary, bool free_threaded)
{
    static const struct column columns[] = {
        {"GENERATION", false}, {"OBJECTS", true},   {"COUNT", true},        {"THRESHOLD", true},
        {"COLLECTIONS", true}, {"COLLECTED", true}, {"UNCOLLECTABLE", true}};
    char heading[80];
    snprintf(heading, sizeof heading, "Cycle collector: %s%s",
             summary->gc_enabled ? "enabled" : "disabled",
             summary->gc_collecting ? ", collecting just now" : "");
    print_heading(heading);
    if (free_threaded)
        printf("  Free-threaded: there is one generation, which every collection looks at\n");
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < MX_PERMANENT_GENERATION; i++) {
        const struct mx_generation *generation = &summary->generations[i];
        char number[16], count[16], threshold[16];
        snprintf(number, sizeof number, "%d", i);
        snprintf(count, sizeof count, "%d", generation->count);
        snprintf(threshold, sizeof threshold, "%d", generation->threshold);
        TABLE_ADD(&table, number, text_count(generation->objects).s, count, threshold,
                  text_count(generation->collections).s, text_count(generation->collected).s,
                  text_count(generation->uncollectable).s);
    }
    uint64_t permanent = summary->generations[MX_PERMANENT_GENERATION].objects;
    if (permanent)
        TABLE_ADD(&table, "permanent", text_count(permanent).s, "", "", "", "", "");
    table_finish(&table);
}

static void print_thread(const struct mx_thread *thread)
{
    if (thread->native_id)
        printf("  thread %" PRId64 "\n", thread->native_id);
    else
        printf("  thread with ident %" PRIu64 "\n", thread->ident);
    size_t shown = thread->frame_count < TOP_FRAMES ? thread->frame_count : TOP_FRAMES;
    for (size_t i = 0; i < shown; i++) {
        const struct mx_frame *frame = &thread->frames[i];
        char *function = text_clean(frame->function), *file = text_clean(frame->file);
        printf(frame->line ? "    %s at %s:%d\n" : "    %s at %s\n", function, file, frame->line);
        free(function);
        free(file);
    }
    if (!thread->frame_count)
        puts("    runs no Python code");
    print_more(thread->frame_count - shown, "    ", "");
}

static void print_threads(const mx_heap *heap)
{
    const struct mx_thread *threads;
    size_t count = mx_heap_threads(heap, &threads),
           shown = count < TOP_THREADS ? count : TOP_THREADS;
    print_heading("Threads, the innermost frame first");
    for (size_t i = 0; i < shown; i++)
        print_thread(&threads[i]);
    print_more(count - shown, "  ", " threads (--json has all)");
}

// ---- types ------------------------------------------------------------------------------------

static int compare_sizes(uint64_t left, uint64_t right)
{
    return (left < right) - (left > right);
}

static int compare_bytes(const void *a, const void *b)
{
    const struct mx_type *left = *(const struct mx_type *const *)a,
                         *right = *(const struct mx_type *const *)b;
    int order = compare_sizes(left->bytes, right->bytes);
    return order ? order : strcmp(left->name, right->name);
}

static int compare_counts(const void *a, const void *b)
{
    const struct mx_type *left = *(const struct mx_type *const *)a,
                         *right = *(const struct mx_type *const *)b;
    int order = compare_sizes(left->count, right->count);
    return order ? order : strcmp(left->name, right->name);
}

size_t report_sort_types(const mx_heap *heap, enum type_order order, const struct mx_type ***ret)
{
    const struct mx_type *types;
    size_t count = mx_heap_types(heap, &types);
    const struct mx_type **sorted = must(calloc(count + 1, sizeof *sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &types[i];
    qsort(sorted, count, sizeof *sorted, order == TYPES_BY_BYTES ? compare_bytes : compare_counts);
    *ret = sorted;
    return count;
}

// ---- command ----------------------------------------------------------------------------------

static void print_text(const mx_heap *heap, const struct report_retained *retained,
                       const struct mx_blind_spots *spots)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    print_target(mx_heap_target(heap));
    print_totals(summary);
    print_types(heap, TYPES_BY_BYTES, "Types by bytes");
    print_types(heap, TYPES_BY_COUNT, "Types by count");
    print_retained(heap, retained);
    print_refcounts(summary);
    print_gc(summary, mx_heap_target(heap)->free_threaded);
    print_threads(heap);
    blind_spots_print(spots, "Not seen, or not for certain", "  ");
    capture_print_note(heap);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    const mx_heap *heap = request->heap;
    struct mx_blind_spots spots;
    struct report_retained retained;
    mx_status status = report_find_retained(heap, (uint32_t)settings.top, &retained, err);
    if (status)
        return status;
    status = mx_heap_blind_spots(heap, &spots, err);
    if (status) {
        report_free_retained(&retained);
        return status;
    }
    if (request->json)
        report_print_json(heap, &retained, &spots);
    else
        print_text(heap, &retained, &spots);
    report_free_retained(&retained);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"top", OPTION_OWN, "COUNT", 0, "Print so many types and objects in each list (10)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_report = {
    .name = "report",
    .arguments = "PID",
    .summary = "a process in one screen: types, threads, collector, reference counts",
    .help =
        "A process in one screen: what it is, its objects, references and bytes, the types that "
        "take and hold the most, what its threads do, the cycle collector, and whether every "
        "reference "
        "count is explained. The process stands still while its memory is copied; with --fork for "
        "milliseconds only, with --no-pause not at all.\v"
        "Example:\n\n"
        "  $ memexplorer report 812\n"
        "  CPython 3.11.7, pid 812, user www, 48.2 MiB resident, up 3d 04h\n"
        "  python3 -m myservice\n"
        "  \n"
        "  104,322 objects, 341,870 references, 12.9 MiB\n"
        "  ...\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .run = run,
};
