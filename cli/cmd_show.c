// cmd_show.c - one object: what it is, what it refers to, and everything that refers to it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define LIMIT_LINES 50 // of each list on a terminal; --all and --json have none

static struct {
    bool all;
} settings;

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)key, (void)text, (void)err;
    settings.all = true;
    return MX_OK;
}

// What is known of the object that was asked for.
struct subject {
    struct mx_object object;
    uint32_t index;
    uint32_t found; // owned references
    char kind[300];
};

static const char *generation_text(const struct mx_object *object)
{
    static const char *const names[] = {"generation 0", "generation 1", "generation 2",
                                        "permanent generation (gc.freeze)"};
    bool known = object->generation >= 0 && object->generation <= MX_PERMANENT_GENERATION;
    return known ? names[object->generation] : "in no generation that is known";
}

static json_t *generation_json(const struct mx_object *object)
{
    if (!object->tracked || object->generation == MX_NO_GENERATION)
        return json_null();
    if (object->generation == MX_PERMANENT_GENERATION)
        return json_text("permanent");
    return json_integer(object->generation);
}

// ---- JSON -------------------------------------------------------------------------------------

struct json_list {
    const mx_heap *heap;
    struct json_stream *stream;
    mx_status status;
    struct mx_error *err;
};

static bool add_reference_json(const struct mx_reference *reference, void *data)
{
    struct json_list *list = data;
    struct mx_object to;
    list->status = mx_heap_object(list->heap, reference->to, &to, list->err);
    if (list->status)
        return false;
    json_stream_add(list->stream, NULL,
                    json_make("label", json_text(reference->label),                            //
                              "ownership", json_text(mx_ownership_name(reference->ownership)), //
                              "address", json_address(to.address), "type", json_text(to.type), //
                              "preview", json_text(to.preview), NULL));
    return !output_failed();
}

static bool add_referrer_json(const struct mx_reference *reference, void *data)
{
    struct json_list *list = data;
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from;
    if (!root)
        list->status = mx_heap_object(list->heap, reference->from, &from, list->err);
    if (list->status)
        return false;
    json_stream_add(list->stream, NULL,
                    json_make("label", json_text(reference->label),                            //
                              "ownership", json_text(mx_ownership_name(reference->ownership)), //
                              "address", root ? json_null() : json_address(from.address),      //
                              "type", root ? json_null() : json_text(from.type),               //
                              "root", root ? json_text(reference->root) : json_null(),         //
                              "preview", root ? json_null() : json_text(from.preview), NULL));
    return !output_failed();
}

static void add_facts_json(struct json_stream *stream, const struct subject *subject)
{
    const struct mx_object *object = &subject->object;
    json_stream_add(stream, "address", json_address(object->address));
    json_stream_add(stream, "alive", json_boolean(object->alive));
    json_stream_add(stream, "kind", json_text(subject->kind));
    json_stream_add(stream, "type", json_text(object->type));
    json_stream_add(stream, "refcount", json_refcount(object));
    json_stream_add(stream, "immortal", json_boolean(object->immortal));
    json_stream_add(stream, "found", object->immortal ? json_null() : json_integer(subject->found));
    json_stream_add(stream, "size", json_integer((json_int_t)object->size));
    json_stream_add(stream, "tracked", json_boolean(object->tracked));
    json_stream_add(stream, "generation", generation_json(object));
    json_stream_add(stream, "preview", json_text(object->preview));
}

static mx_status print_json(const mx_heap *heap, const struct subject *subject,
                            struct mx_error *err)
{
    struct json_stream stream = {0};
    struct json_list list = {.heap = heap, .stream = &stream, .err = err};
    struct mx_blind_spots spots;
    mx_status status = mx_heap_blind_spots(heap, &spots, err);
    if (status)
        return status;
    json_stream_open(&stream, NULL, '{');
    add_facts_json(&stream, subject);
    json_stream_open(&stream, "references", '[');
    status = mx_heap_references(heap, subject->index, add_reference_json, &list, err);
    json_stream_close(&stream, ']');
    json_stream_open(&stream, "referrers", '[');
    if (!status && !list.status)
        status = mx_heap_referrers(heap, subject->index, add_referrer_json, &list, err);
    json_stream_close(&stream, ']');
    json_stream_add(&stream, "capture", capture_json(heap));
    json_stream_add(&stream, "blind_spots", blind_spots_json(&spots));
    json_stream_close(&stream, '}');
    return status ? status : list.status;
}

// ---- for people -------------------------------------------------------------------------------

static void print_refcount(const struct subject *subject)
{
    const struct mx_object *object = &subject->object;
    printf("  refcount   ");
    if (object->immortal) {
        puts("immortal: never freed, its count is a mark and not a number");
        return;
    }
    int64_t missing = object->refcount - (int64_t)subject->found;
    if (missing == 0)
        printf("%" PRId64 ", explained: every reference was found\n", object->refcount);
    else if (missing > 0)
        printf("%" PRId64 ", %" PRIu32 " found: a surplus of %" PRId64
               ", held by native code, or leaked\n",
               object->refcount, subject->found, missing);
    else
        printf("%" PRId64 ", %" PRIu32 " found: a deficit of %" PRId64
               ", a use after free in waiting, or our own error\n",
               object->refcount, subject->found, -missing);
}

static void print_facts(const struct subject *subject)
{
    const struct mx_object *object = &subject->object;
    char *kind = text_clean(subject->kind), *type = text_clean(object->type),
         *preview = text_clean(object->preview);
    printf("%s%s%s %s\n", output_style(STYLE_HEADING), text_address(object->address).s,
           output_style(STYLE_PLAIN), kind);
    printf("  type       %s\n", type);
    print_refcount(subject);
    printf("  size       %s\n", text_size(object->size).s);
    printf("  collector  %s%s\n", object->tracked ? "tracked, " : "not tracked",
           object->tracked ? generation_text(object) : "");
    printf("  preview    %s\n", preview);
    free(kind);
    free(type);
    free(preview);
}

struct printed_list {
    const mx_heap *heap;
    struct table table;
    uint64_t count; // at LIMIT_LINES + 1 it ends
    bool referrers; // else references
    mx_status status;
    struct mx_error *err;
};

static bool add_line(const struct mx_reference *reference, void *data)
{
    struct printed_list *list = data;
    if (list->count++ >= LIMIT_LINES && !settings.all)
        return false;
    char label[sizeof reference->label + 16];
    bool owned = reference->ownership == MX_OWNED;
    snprintf(label, sizeof label, owned ? "%s" : "%s (%s)", reference->label,
             mx_ownership_name(reference->ownership));
    uint32_t index = list->referrers ? reference->from : reference->to;
    if (index == MX_NO_OBJECT) {
        TABLE_ADD(&list->table, label, "root", "", reference->root);
        return true;
    }
    struct mx_object object;
    list->status = mx_heap_object(list->heap, index, &object, list->err);
    if (list->status)
        return false;
    TABLE_ADD(&list->table, label, text_address(object.address).s, object.type, object.preview);
    return !output_failed();
}

static mx_status print_list(const mx_heap *heap, uint32_t index, bool referrers,
                            struct mx_error *err)
{
    static const struct column columns[2][4] = {
        {{"REFERENCE", false}, {"TO", false}, {"TYPE", false}, {"PREVIEW", false}},
        {{"REFERENCE", false}, {"FROM", false}, {"TYPE", false}, {"PREVIEW", false}},
    };
    struct printed_list list = {.heap = heap, .referrers = referrers, .err = err};
    table_init(&list.table, columns[referrers], 4);
    puts("");
    mx_status status = referrers ? mx_heap_referrers(heap, index, add_line, &list, err)
                                 : mx_heap_references(heap, index, add_line, &list, err);
    status = status ? status : list.status;
    if (list.count == 0)
        table_discard(&list.table);
    else
        table_finish(&list.table);
    if (!status && list.count == 0)
        puts(referrers ? "Nothing that was found refers to it." : "It refers to nothing.");
    if (!status && list.count > LIMIT_LINES && !settings.all) {
        status = referrers ? mx_heap_count_referrers(heap, index, &list.count, err)
                           : mx_heap_count_references(heap, index, &list.count, err);
        uint64_t more = list.count > LIMIT_LINES ? list.count - LIMIT_LINES : 1;
        printf("%s... %s more (--all)%s\n", output_style(STYLE_QUIET), text_count(more).s,
               output_style(STYLE_PLAIN));
    }
    return status;
}

// ---- command ----------------------------------------------------------------------------------

static mx_status run(struct request *request, struct mx_error *err)
{
    const mx_heap *heap = request->heap;
    mx_addr address = request->addresses[0];
    struct subject subject = {0};
    const char *file = request->core ? request->core : request->snapshot;
    if (!mx_heap_find(heap, address, &subject.index) && file)
        return cli_fail(err, MX_NOT_FOUND,
                        "%s: no live object at %s; 'memexplorer objects' lists "
                        "those there are",
                        file, text_address(address).s);
    if (!mx_heap_find(heap, address, &subject.index))
        return cli_fail(err, MX_NOT_FOUND,
                        "pid %d: no live object at %s; 'memexplorer objects %d' lists those there "
                        "are",
                        request->pid, text_address(address).s, request->pid);
    mx_status status = mx_heap_object(heap, subject.index, &subject.object, err);
    if (status)
        return status;
    blind_spots_warn(heap);
    subject.found = mx_heap_found_count(heap, subject.index);
    mx_heap_kind(heap, subject.index, subject.kind, sizeof subject.kind);
    if (request->json)
        return print_json(heap, &subject, err);
    print_facts(&subject);
    status = print_list(heap, subject.index, false, err);
    if (!status)
        status = print_list(heap, subject.index, true, err);
    capture_print_note(heap);
    return status;
}

static const struct argp_option options[] = {
    {"all", OPTION_OWN, NULL, 0, "Print every reference, not the first 50 of each list", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_show = {
    .name = "show",
    .arguments = "PID ADDRESS",
    .summary = "one object: what it is, what it refers to, what refers to it",
    .help = "One object: its kind, type, reference count, size and value, whether the cycle "
            "collector tracks it, its references by name, and everything that refers to it.\v"
            "Example:\n\n"
            "  $ memexplorer show 812 0x7f3a5c2d1e80\n"
            "  0x7f3a5c2d1e80 instance\n"
            "    type       builtins.dict\n"
            "    refcount   1, explained: every reference was found\n"
            "    ...\n\n"
            "  REFERENCE   FROM            TYPE       PREVIEW\n"
            "  .sessions   0x7f3a5c2d0040  app.Cache  <app.Cache object at 0x7f3a5c2d0040>\n",
    .needs = NEEDS_PID | NEEDS_ADDRESS | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .run = run,
};
