// cmd_suspects.c - what to look at first when a program takes more memory than it should.
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define TYPES_SHOWN 4 // of what hangs on a suspect, for people

static uint64_t top = 5;

enum { OPTION_TOP = OPTION_OWN };

static mx_status option(int key, const char *text, struct mx_error *err)
{
    (void)key;
    return arguments_count("--top", text, &top, err);
}

static bool is_shown(size_t index)
{
    return !top || index < top;
}

// ---- for programs -------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

static json_t *types_json(const struct mx_suspect *suspect)
{
    json_t *rows = must(json_array());
    for (size_t i = 0; i < suspect->type_count; i++)
        json_array_append_new(rows, json_make("type", json_text(suspect->types[i].name), //
                                              "count", number(suspect->types[i].count),  //
                                              "bytes", number(suspect->types[i].bytes), NULL));
    return rows;
}

static json_t *suspects_json(const mx_suspects *suspects)
{
    const struct mx_suspect *list;
    size_t count = mx_suspects_list(suspects, &list);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++) {
        const struct mx_suspect *row = &list[i];
        json_array_append_new(rows, json_make("kind", json_text(mx_suspect_kind_name(row->kind)), //
                                              "text", json_text(row->text),                       //
                                              "holder", json_text(row->holder),                   //
                                              "path", json_text(row->path),                       //
                                              "user", json_text(row->user),                       //
                                              "together", json_text(row->together),               //
                                              "address", json_address(row->address),              //
                                              "type", json_text(row->type),                       //
                                              "count", number(row->count),                        //
                                              "of_type", json_text(row->of_type),                 //
                                              "of_count", number(row->of_count),                  //
                                              "objects", number(row->objects),                    //
                                              "bytes", number(row->bytes),                        //
                                              "retained", number(row->retained),                  //
                                              "types", types_json(row), NULL));
    }
    return rows;
}

static json_t *duplicates_json(const mx_suspects *suspects)
{
    const struct mx_duplicate *list;
    size_t count = mx_suspects_duplicates(suspects, &list);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_make("type", json_text(list[i].type),          //
                                              "preview", json_text(list[i].preview),    //
                                              "count", number(list[i].count),           //
                                              "wasted", number(list[i].wasted),         //
                                              "example", json_address(list[i].example), //
                                              "where", json_text(list[i].where),        //
                                              "where_count", number(list[i].where_count), NULL));
    return rows;
}

static json_t *sparse_json(const mx_suspects *suspects)
{
    const struct mx_sparse *list;
    size_t count = mx_suspects_sparse(suspects, &list);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_make("type", json_text(list[i].type),   //
                                              "where", json_text(list[i].where), //
                                              "count", number(list[i].count),    //
                                              "empty", number(list[i].empty),    //
                                              "nearly", number(list[i].nearly),  //
                                              "wasted", number(list[i].wasted),  //
                                              "example", json_address(list[i].example), NULL));
    return rows;
}

static json_t *slots_json(const mx_suspects *suspects)
{
    const struct mx_slots *list;
    size_t count = mx_suspects_slots(suspects, &list);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_make("type", json_text(list[i].type),          //
                                              "instances", number(list[i].instances),   //
                                              "attributes", number(list[i].attributes), //
                                              "bytes", number(list[i].bytes),           //
                                              "saved", number(list[i].saved), NULL));
    return rows;
}

static void print_json(const mx_heap *heap, const mx_suspects *suspects,
                       const struct mx_blind_spots *spots)
{
    const struct mx_suspect_totals *totals = mx_suspects_totals(suspects);
    json_print(json_make("bytes", number(totals->bytes),                       //
                         "baseline", number(totals->baseline),                 //
                         "threshold", number(totals->threshold),               //
                         "suspects", suspects_json(suspects),                  //
                         "duplicates", number(totals->duplicates),             //
                         "duplicate_groups", number(totals->duplicate_groups), //
                         "duplicate_wasted", number(totals->duplicate_wasted), //
                         "duplicate_rows", duplicates_json(suspects),          //
                         "empty", number(totals->empty),                       //
                         "nearly_empty", number(totals->nearly),               //
                         "sparse_wasted", number(totals->sparse_wasted),       //
                         "sparse_rows", sparse_json(suspects),                 //
                         "slots_saved", number(totals->slots_saved),           //
                         "slots_rows", slots_json(suspects),                   //
                         "blind_spots", blind_spots_json(spots), "capture", capture_json(heap),
                         NULL));
}

// ---- for people ---------------------------------------------------------------------------------

static const char *short_type(const char *type)
{
    return strncmp(type, "builtins.", 9) == 0 ? type + 9 : type;
}

static void print_suspect(size_t number, const struct mx_suspect *suspect)
{
    char *text = must(text_clean(suspect->text)), *path = must(text_clean(suspect->path));
    printf("%s%zu. %s%s\n", output_style(STYLE_HEADING), number, text, output_style(STYLE_PLAIN));
    printf("   path     %s\n", path);
    if (suspect->address)
        printf("   at       %s, %s\n", text_address(suspect->address).s, short_type(suspect->type));
    printf("   objects  %s:", text_count(suspect->objects).s);
    for (size_t i = 0; i < suspect->type_count && i < TYPES_SHOWN; i++)
        printf("%s %s %s %s", i ? "," : "", text_count(suspect->types[i].count).s,
               short_type(suspect->types[i].name), text_size(suspect->types[i].bytes).s);
    printf("%s\n", suspect->type_count > TYPES_SHOWN ? ", ..." : "");
    if (suspect->kind == MX_SUSPECT_OBJECT && suspect->retained < suspect->bytes / 10 * 9)
        printf("   freed    %s would go with it; the rest is held from elsewhere too\n",
               text_size(suspect->retained).s);
    if (*suspect->user)
        printf("   yours    %s\n", suspect->user);
    if (*suspect->together)
        printf("   also     others hang on %s too\n", suspect->together);
    free(text);
    free(path);
}

static void print_suspects(const mx_suspects *suspects)
{
    const struct mx_suspect_totals *totals = mx_suspects_totals(suspects);
    const struct mx_suspect *list;
    size_t count = mx_suspects_list(suspects, &list);
    printf("%s in all, %s of it modules, classes, functions and code\n", text_size(totals->bytes).s,
           text_size(totals->baseline).s);
    if (!count)
        printf("no suspects: nothing holds %s or more in one place\n",
               text_size(totals->threshold).s);
    for (size_t i = 0; i < count && is_shown(i); i++) {
        printf("\n");
        print_suspect(i + 1, &list[i]);
    }
}

static void print_duplicates(const mx_suspects *suspects)
{
    static const struct column columns[] = {{"WASTED", true}, {"COUNT", true},    {"TYPE", false},
                                            {"VALUE", false}, {"EXAMPLE", false}, {"WHERE", false}};
    const struct mx_suspect_totals *totals = mx_suspects_totals(suspects);
    const struct mx_duplicate *list;
    size_t count = mx_suspects_duplicates(suspects, &list);
    struct table table;
    printf("\n%s strings, bytes and tuples are there more than once, %s copies that waste %s\n",
           text_count(totals->duplicate_groups).s, text_count(totals->duplicates).s,
           text_size(totals->duplicate_wasted).s);
    if (!count)
        return;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count && is_shown(i); i++) {
        char preview[40];
        snprintf(preview, sizeof preview, "%.36s", list[i].preview);
        TABLE_ADD(&table, text_size(list[i].wasted).s, text_count(list[i].count).s,
                  short_type(list[i].type), preview, text_address(list[i].example).s,
                  list[i].where);
    }
    table_finish(&table);
}

static void print_sparse(const mx_suspects *suspects)
{
    static const struct column columns[] = {{"WASTED", true}, {"EMPTY", true}, {"NEARLY", true},
                                            {"OF", true},     {"TYPE", false}, {"EXAMPLE", false},
                                            {"WHERE", false}};
    const struct mx_suspect_totals *totals = mx_suspects_totals(suspects);
    const struct mx_sparse *list;
    size_t count = mx_suspects_sparse(suspects, &list);
    struct table table;
    printf("\n%s dicts, lists and sets are empty and %s nearly so, which wastes %s\n",
           text_count(totals->empty).s, text_count(totals->nearly).s,
           text_size(totals->sparse_wasted).s);
    if (!count)
        return;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count && is_shown(i); i++)
        TABLE_ADD(&table, text_size(list[i].wasted).s, text_count(list[i].empty).s,
                  text_count(list[i].nearly).s, text_count(list[i].count).s,
                  short_type(list[i].type), text_address(list[i].example).s, list[i].where);
    table_finish(&table);
}

static void print_slots(const mx_suspects *suspects)
{
    static const struct column columns[] = {
        {"SAVED", true}, {"NOW", true}, {"INSTANCES", true}, {"ATTRIBUTES", true}, {"TYPE", false}};
    const struct mx_slots *list;
    size_t count = mx_suspects_slots(suspects, &list);
    struct table table;
    printf("\n__slots__ would save %s\n", text_size(mx_suspects_totals(suspects)->slots_saved).s);
    if (!count)
        return;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count && is_shown(i); i++)
        TABLE_ADD(&table, text_size(list[i].saved).s, text_size(list[i].bytes).s,
                  text_count(list[i].instances).s, text_count(list[i].attributes).s, list[i].type);
    table_finish(&table);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    mx_suspects *suspects;
    struct mx_blind_spots spots;
    mx_status status = mx_heap_blind_spots(request->heap, &spots, err);
    if (!status)
        status = mx_heap_suspects(request->heap, &suspects, err);
    if (status)
        return status;
    if (request->json) {
        print_json(request->heap, suspects, &spots);
    } else {
        print_suspects(suspects);
        print_duplicates(suspects);
        print_sparse(suspects);
        print_slots(suspects);
        blind_spots_print(&spots, "Not seen, or not for certain", "  ");
        capture_print_note(request->heap);
    }
    mx_suspects_free(suspects);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"top", OPTION_TOP, "COUNT", 0,
     "Print so many of each kind at most, 0 for 20 (5; with --json always 20)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_suspects = {
    .name = "suspects",
    .arguments = "PID",
    .summary = "what may be leaking, who holds it, and what wastes memory",
    .help =
        "Where objects accumulate: the object that has them, the way to it as Python writes it, "
        "how many of what hang there and how large they are, in per cent of what is not the "
        "program itself (modules, classes, functions and code). Then equal strings and tuples, "
        "dicts, lists and sets with nothing in them, and classes whose instances would be "
        "smaller with __slots__.\v"
        "Example:\n\n"
        "  $ memexplorer suspects 812\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = option,
    .run = run,
};
