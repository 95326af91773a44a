// cmd_retained.c - what would be freed with one object, by type.
#include <stdlib.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

struct subject {
    uint32_t index;
    struct mx_object object;
    uint64_t retained, objects;
};

static void print_json(const mx_heap *heap, const struct subject *subject,
                       const struct mx_holding *rows, size_t count,
                       const struct mx_blind_spots *spots)
{
    json_t *types = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(types, json_make("type", json_text(rows[i].type), //
                                               "count", number(rows[i].count),  //
                                               "bytes", number(rows[i].bytes), NULL));
    json_print(json_make("address", json_address(subject->object.address), //
                         "type", json_text(subject->object.type),          //
                         "preview", json_text(subject->object.preview),    //
                         "bytes", number(subject->object.size),            //
                         "retained", number(subject->retained),            //
                         "objects", number(subject->objects),              //
                         "types", types,                                   //
                         "blind_spots", blind_spots_json(spots), "capture", capture_json(heap),
                         NULL));
}

static void print_text(const mx_heap *heap, const struct subject *subject,
                       const struct mx_holding *rows, size_t count,
                       const struct mx_blind_spots *spots)
{
    static const struct column columns[] = {
        {"BYTES", true}, {"SHARE", true}, {"COUNT", true}, {"TYPE", false}};
    struct table table;
    char *preview = text_clean(subject->object.preview);
    printf("%s%s%s at %s retains %s in %s objects, itself included\n%s\n\n",
           output_style(STYLE_HEADING), subject->object.type, output_style(STYLE_PLAIN),
           text_address(subject->object.address).s, text_size(subject->retained).s,
           text_count(subject->objects).s, preview);
    free(preview);
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++)
        TABLE_ADD(&table, text_size(rows[i].bytes).s,
                  text_percent(rows[i].bytes, subject->retained).s, text_count(rows[i].count).s,
                  rows[i].type);
    table_finish(&table);
    blind_spots_print(spots, "Not seen, or not for certain", "  ");
    capture_print_note(heap);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    const mx_heap *heap = request->heap;
    struct subject subject = {0};
    struct mx_holding *rows = NULL;
    mx_tree *tree = NULL;
    size_t count = 0;
    struct mx_blind_spots spots;
    if (!mx_heap_find(heap, request->addresses[0], &subject.index))
        return cli_fail(err, MX_NOT_FOUND, "there is no object at %s",
                        text_address(request->addresses[0]).s);
    mx_status status = mx_heap_object(heap, subject.index, &subject.object, err);
    if (!status)
        status = mx_heap_tree(heap, &tree, err);
    if (!status)
        status = mx_tree_inside(tree, subject.index, &rows, &count, err);
    if (!status)
        status = mx_heap_blind_spots(heap, &spots, err);
    for (size_t i = 0; i < count; i++) {
        subject.objects += rows[i].count;
        subject.retained += rows[i].bytes;
    }
    if (!status && request->json)
        print_json(heap, &subject, rows, count, &spots);
    else if (!status)
        print_text(heap, &subject, rows, count, &spots);
    mx_holdings_free(rows);
    mx_tree_free(tree);
    return status;
}

static const struct argp_option options[] = {TARGET_OPTIONS, CAPTURE_OPTIONS, COMMON_OPTIONS};

const struct command cmd_retained = {
    .name = "retained",
    .arguments = "PID ADDRESS",
    .summary = "what would be freed with one object, by type",
    .help =
        "All that an object retains: itself, and what can be reached through it alone, by type. "
        "What else is held from elsewhere is not in it.\v"
        "Example:\n\n"
        "  $ memexplorer retained 812 0x7f3a5c2d1e80\n",
    .needs = NEEDS_PID | NEEDS_ADDRESS | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .run = run,
};
