// cmd_diff.c - what was born, died, grew, shrank and moved between heaps of one process.
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define ALL_ROWS 100000 // what --top 0 is: more objects than that are counted, not listed

static struct mx_diff_options settings;
static uint64_t top = MX_DIFF_ROWS;

enum { OPTION_TOP = OPTION_OWN, OPTION_TYPE };

static mx_status option(int key, const char *text, struct mx_error *err)
{
    if (key == OPTION_TYPE) {
        settings.type = text;
        return MX_OK;
    }
    return arguments_count("--top", text, &top, err);
}

// ---- for programs -------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

static json_t *sum_json(const struct mx_diff_sum *sum)
{
    return json_make("objects", number(sum->objects), "bytes", number(sum->bytes), NULL);
}

static json_t *sums_json(const struct mx_diff_sum *sums, size_t count)
{
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, sum_json(&sums[i]));
    return rows;
}

static json_t *rows_json(const struct mx_diff_row *list, size_t count, size_t heaps, bool places)
{
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_make("type", json_text(list[i].type),      //
                                "all", sums_json(list[i].all, heaps), //
                                "born", sum_json(&list[i].born),      //
                                "died", sum_json(&list[i].died),      //
                                "every_time", json_boolean(list[i].every_time), NULL);
        if (places) {
            json_object_set_new(row, "place", json_text(list[i].name));
            json_object_set_new(row, "path", json_text(list[i].path));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *objects_json(const mx_diff *diff, mx_change change)
{
    const struct mx_diff_object *list;
    size_t count = mx_diff_objects(diff, change, &list);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows,
                              json_make("address", json_address(list[i].address),        //
                                        "type", json_text(list[i].type),                 //
                                        "preview", json_text(list[i].preview),           //
                                        "where", json_text(list[i].where),               //
                                        "where_before", json_text(list[i].where_before), //
                                        "since", number(list[i].since),                  //
                                        "bytes_before", number(list[i].bytes_before),    //
                                        "bytes_after", number(list[i].bytes_after),      //
                                        "retained_before",
                                        number(list[i].retained_before),                  //
                                        "retained_after", number(list[i].retained_after), //
                                        "every_time", json_boolean(list[i].every_time), NULL));
    return rows;
}

static json_t *captures_json(const mx_heap *const *heaps, size_t count)
{
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, capture_json(heaps[i]));
    return rows;
}

static void print_json(const mx_heap *const *heaps, const mx_diff *diff)
{
    const struct mx_diff_totals *totals = mx_diff_totals(diff);
    const struct mx_diff_row *types, *places;
    size_t type_count = mx_diff_types(diff, &types), place_count = mx_diff_places(diff, &places);
    json_t *objects = must(json_object());
    for (int change = 0; change < MX_CHANGES; change++)
        json_object_set_new(objects, mx_change_name((mx_change)change),
                            objects_json(diff, (mx_change)change));
    json_print(json_make("all", sums_json(totals->all, totals->count),                  //
                         "born", sum_json(&totals->born),                               //
                         "died", sum_json(&totals->died),                               //
                         "grew", sum_json(&totals->grew),                               //
                         "shrank", sum_json(&totals->shrank),                           //
                         "moved", sum_json(&totals->moved),                             //
                         "recent", sum_json(&totals->recent),                           //
                         "traffic", sum_json(&totals->traffic),                         //
                         "reused", number(totals->reused),                              //
                         "types", rows_json(types, type_count, totals->count, false),   //
                         "places", rows_json(places, place_count, totals->count, true), //
                         "objects", objects,                                            //
                         "captures", captures_json(heaps, totals->count), NULL));
}

// ---- for people ---------------------------------------------------------------------------------

static const char *short_type(const char *type)
{
    return strncmp(type, "builtins.", 9) == 0 ? type + 9 : type;
}

static struct text change_text(uint64_t before, uint64_t after)
{
    struct text text, size = text_size(after > before ? after - before : before - after);
    snprintf(text.s, sizeof text.s, "%s%.40s",
             after > before   ? "+"
             : after < before ? "-"
                              : "",
             size.s);
    return text;
}

static struct text born_text(uint64_t count, char sign)
{
    struct text text, digits = text_count(count);
    if (!count)
        return digits;
    snprintf(text.s, sizeof text.s, "%c%.40s", sign, digits.s);
    return text;
}

static void print_sum(const char *title, const struct mx_diff_sum *sum, const char *what)
{
    printf("%-8s %12s objects  %10s  %s\n", title, text_count(sum->objects).s,
           text_size(sum->bytes).s, what);
}

static void print_totals(const struct mx_diff_totals *totals)
{
    const struct mx_diff_sum *first = &totals->all[0], *last = &totals->all[totals->count - 1];
    bool more = totals->count > 2;
    printf("%s objects, %s  ->  %s objects, %s  (%s)\n\n", text_count(first->objects).s,
           text_size(first->bytes).s, text_count(last->objects).s, text_size(last->bytes).s,
           change_text(first->bytes, last->bytes).s);
    print_sum("born", &totals->born, more ? "after the first, and still there in the last" : "");
    print_sum("died", &totals->died, "");
    print_sum("grew", &totals->grew, "by so many bytes of their own");
    print_sum("shrank", &totals->shrank, "");
    print_sum("moved", &totals->moved, "to another owner");
    if (more) {
        print_sum("recent", &totals->recent, "since the last but one: stay or pass, who knows");
        print_sum("traffic", &totals->traffic, "came and went between");
    }
    if (totals->reused)
        printf("%s addresses have another object of the same type than before\n",
               text_count(totals->reused).s);
}

// "2.0 KiB, 4.0 KiB, 8.0 KiB": of each heap.
static void write_all(const struct mx_diff_row *row, size_t heaps, char *buffer, size_t nbytes)
{
    size_t used = 0;
    for (size_t i = 0; i < heaps && used < nbytes; i++)
        used += (size_t)snprintf(buffer + used, nbytes - used, "%s%s", i ? ", " : "",
                                 text_size(row->all[i].bytes).s);
}

static void print_rows(const char *title, const struct mx_diff_row *list, size_t count,
                       size_t heaps)
{
    const struct column columns[] = {{"BYTES", true}, {"OBJECTS", true},  {"BORN", true},
                                     {"DIED", true},  {"OF EACH", false}, {title, false}};
    struct table table;
    printf("\n");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct mx_diff_row *row = &list[i];
        char all[200], name[800];
        write_all(row, heaps, all, sizeof all);
        snprintf(name, sizeof name, "%s%s%s%s", short_type(row->name),
                 row->name == row->type ? "" : "  ",
                 row->name == row->type ? "" : short_type(row->type),
                 heaps > 2 && row->every_time ? "  grew every time" : "");
        TABLE_ADD(&table, change_text(row->all[0].bytes, row->all[heaps - 1].bytes).s,
                  text_count(row->all[heaps - 1].objects).s, born_text(row->born.objects, '+').s,
                  born_text(row->died.objects, '-').s, all, name);
    }
    table_finish(&table);
}

static void print_objects(const mx_diff *diff, mx_change change)
{
    const struct mx_diff_object *list;
    size_t count = mx_diff_objects(diff, change, &list);
    if (!count)
        return;
    char title[24];
    snprintf(title, sizeof title, "%s", mx_change_name(change));
    for (char *c = title; *c; c++)
        *c = (char)(*c - 'a' + 'A');
    bool both = change != MX_CHANGE_BORN && change != MX_CHANGE_DIED;
    const struct column columns[] = {{title, true},   {"ITSELF", true}, {"ADDRESS", false},
                                     {"TYPE", false}, {"VALUE", false}, {"WHERE", false}};
    struct table table;
    printf("\n");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct mx_diff_object *row = &list[i];
        char preview[40], where[1300];
        snprintf(preview, sizeof preview, "%.36s", row->preview);
        snprintf(where, sizeof where, "%s%s%s%s", row->where_before,
                 *row->where_before ? "  ->  " : "", row->where,
                 row->every_time ? "  grew every time" : "");
        TABLE_ADD(
            &table,
            both && change != MX_CHANGE_MOVED
                ? change_text(row->retained_before, row->retained_after).s
                : text_size(change == MX_CHANGE_DIED ? row->retained_before : row->retained_after)
                      .s,
            both ? change_text(row->bytes_before, row->bytes_after).s
                 : text_size(row->bytes_before + row->bytes_after).s,
            text_address(row->address).s, short_type(row->type), preview, where);
    }
    table_finish(&table);
}

static void print_diff(const mx_diff *diff)
{
    const struct mx_diff_totals *totals = mx_diff_totals(diff);
    const struct mx_diff_row *list;
    print_totals(totals);
    size_t count = mx_diff_places(diff, &list);
    print_rows("WHERE", list, count, totals->count);
    count = mx_diff_types(diff, &list);
    print_rows("TYPE", list, count, totals->count);
    for (int change = 0; change < MX_CHANGES; change++)
        print_objects(diff, (mx_change)change);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    size_t count = request->other_count + 1;
    const mx_heap **heaps = must(reallocarray(NULL, count, sizeof *heaps));
    mx_diff *diff;
    heaps[0] = request->heap;
    for (size_t i = 1; i < count; i++)
        heaps[i] = request->others[i - 1].heap;
    settings.rows = top && top < ALL_ROWS ? top : ALL_ROWS;
    mx_status status = mx_heap_diff(heaps, count, &settings, &diff, err);
    if (!status) {
        if (request->json)
            print_json(heaps, diff);
        else
            print_diff(diff);
        for (size_t i = 0; i < count && !request->json; i++)
            capture_print_note(heaps[i]);
        mx_diff_free(diff);
    }
    free(heaps);
    return status;
}

static const struct argp_option options[] = {
    {"top", OPTION_TOP, "COUNT", 0, "Print so many of each kind at most, 0 for all (20)", 0},
    {"type", OPTION_TYPE, "NAME", 0, "Only this type, as in app.Session or builtins.dict", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_diff = {
    .name = "diff",
    .arguments = "BEFORE AFTER...",
    .summary = "what was born, died, grew, shrank and moved in between",
    .help =
        "Compares snapshots of one process, the oldest first: by where objects hang, by type and "
        "by object. CPython moves no object, so an address says which it is; one that was put "
        "where another of its type had been is told by its contents. With three and more, what "
        "was born after the first and is still there in the last is told apart from traffic, and "
        "what grew every time stands first.\v"
        "Example:\n\n"
        "  $ memexplorer diff before.mx after.mx\n",
    .needs = NEEDS_PID | NEEDS_TARGETS | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = option,
    .run = run,
};
