// cycle_rows.c - groups of cycles, one a line, the one with the most bytes first.
#include "cycle_rows.h"

#include <stdio.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "json.h"
#include "output.h"
#include "selection.h"
#include "table.h"
#include "text.h"

mx_status cycle_rows_option(struct cycle_rows *rows, int key, const char *text,
                            struct mx_error *err)
{
    if (key == CYCLES_LIMIT)
        return arguments_count("--limit", text, &rows->limit, err);
    rows->type = text;
    return MX_OK;
}

static bool is_wanted(const struct cycle_rows *rows, const struct mx_cycle_group *group)
{
    for (size_t i = 0; rows->type && i < group->step_count; i++)
        if (selection_type_matches(rows->type, group->steps[i].type))
            return true;
    return !rows->type;
}

// ---- JSON -------------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

static json_t *steps_json(const struct mx_cycle_group *group)
{
    json_t *steps = must(json_array());
    for (size_t i = 0; i < group->step_count; i++)
        json_array_append_new(steps,
                              json_make("address", json_address(group->steps[i].address), //
                                        "type", json_text(group->steps[i].type),          //
                                        "reference", json_text(group->steps[i].label), NULL));
    return steps;
}

static json_t *addresses_json(const mx_addr *addresses, uint64_t count)
{
    json_t *list = must(json_array());
    for (uint64_t i = 0; i < count; i++)
        json_array_append_new(list, json_address(addresses[i]));
    return list;
}

static void add_garbage(json_t *row, const struct mx_cycle_group *group)
{
    json_object_update_new(
        row, json_make("held", number(group->held),               //
                       "held_bytes", number(group->held_bytes),   //
                       "freed", number(group->freed),             //
                       "freed_bytes", number(group->freed_bytes), //
                       "finalizers", number(group->finalizers),   //
                       "finalized", number(group->finalized),     //
                       "callbacks", number(group->callbacks),     //
                       "uncollectable", number(group->legacy),    //
                       "held_addresses",
                       addresses_json(group->addresses + group->objects, group->held), NULL));
}

static void print_json(const mx_heap *heap, const mx_cycles *cycles, const struct cycle_rows *rows,
                       const struct mx_blind_spots *spots)
{
    const struct mx_cycle_totals *totals = mx_cycles_totals(cycles);
    const struct mx_cycle_group *groups;
    size_t count = mx_cycles_groups(cycles, &groups);
    struct json_stream stream = {0};
    uint64_t limit = rows->limit == ROWS_UNSET ? 0 : rows->limit, printed = 0;
    json_stream_open(&stream, NULL, '{');
    json_stream_add(&stream, "objects", number(totals->objects));
    json_stream_add(&stream, "bytes", number(totals->bytes));
    if (rows->garbage) {
        json_stream_add(&stream, "freed", number(totals->freed));
        json_stream_add(&stream, "freed_bytes", number(totals->freed_bytes));
        json_stream_add(&stream, "enabled", json_boolean(mx_heap_summary(heap)->gc_enabled));
    }
    json_stream_add(&stream, "collecting", json_boolean(totals->collecting));
    json_stream_add(&stream, "capture", capture_json(heap));
    json_stream_add(&stream, "blind_spots", blind_spots_json(spots));
    json_stream_open(&stream, "groups", '[');
    for (size_t i = 0; i < count && (!limit || printed < limit); i++) {
        if (!is_wanted(rows, &groups[i]))
            continue;
        printed++;
        json_t *row =
            json_make("shape", json_text(groups[i].shape),        //
                      "cycles", number(groups[i].cycles),         //
                      "shortest", number(groups[i].shortest),     //
                      "longest", number(groups[i].longest),       //
                      "objects", number(groups[i].objects),       //
                      "bytes", number(groups[i].bytes),           //
                      "example", json_address(groups[i].example), //
                      "cycle", steps_json(&groups[i]),            //
                      "addresses", addresses_json(groups[i].addresses, groups[i].objects), NULL);
        if (rows->garbage)
            add_garbage(row, &groups[i]);
        json_stream_add(&stream, NULL, row);
    }
    json_stream_close(&stream, ']');
    json_stream_close(&stream, '}');
}

// ---- for people -------------------------------------------------------------------------------

// "3 to call", "2 callbacks", ...: what runs when the collector comes.
static void finalizer_text(const struct mx_cycle_group *group, char *buffer, size_t nbytes)
{
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = {{group->finalizers, "finalizers"},
                 {group->finalized, "finalized before"},
                 {group->callbacks, "callbacks"},
                 {group->legacy, "uncollectable"}};
    size_t used = 0;
    snprintf(buffer, nbytes, "-");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].count && used < nbytes)
            used += (size_t)snprintf(buffer + used, nbytes - used, "%s%s %s", used ? ", " : "",
                                     text_count(parts[i].count).s, parts[i].what);
}

static void add_row(struct table *table, const struct mx_cycle_group *group, bool garbage)
{
    char finalizers[160];
    finalizer_text(group, finalizers, sizeof finalizers);
    if (garbage)
        TABLE_ADD(table, text_size(group->bytes + group->held_bytes + group->freed_bytes).s,
                  text_count(group->objects).s, text_count(group->held).s,
                  text_count(group->freed).s, text_count(group->cycles).s, finalizers,
                  text_address(group->example).s, group->shape);
    else
        TABLE_ADD(table, text_size(group->bytes).s, text_count(group->objects).s,
                  text_count(group->cycles).s, text_address(group->example).s, group->shape);
}

static void print_table(const mx_cycles *cycles, const struct cycle_rows *rows)
{
    static const struct column garbage_columns[] = {
        {"BYTES", true},  {"OBJECTS", true},     {"HELD", true},     {"FREED", true},
        {"CYCLES", true}, {"FINALIZERS", false}, {"EXAMPLE", false}, {"SHAPE", false}};
    static const struct column columns[] = {
        {"BYTES", true}, {"OBJECTS", true}, {"CYCLES", true}, {"EXAMPLE", false}, {"SHAPE", false}};
    const struct mx_cycle_group *groups;
    size_t count = mx_cycles_groups(cycles, &groups);
    uint64_t limit = rows->limit == ROWS_UNSET ? ROWS_LIMIT : rows->limit, printed = 0, left = 0;
    struct table table;
    if (rows->garbage)
        table_init(&table, garbage_columns, sizeof garbage_columns / sizeof *garbage_columns);
    else
        table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(rows, &groups[i]))
            continue;
        if (limit && printed == limit) {
            left++;
            continue;
        }
        printed++;
        add_row(&table, &groups[i], rows->garbage);
    }
    table_finish(&table);
    if (left)
        printf("%s... %s more (--limit 0 prints all)%s\n", output_style(STYLE_QUIET),
               text_count(left).s, output_style(STYLE_PLAIN));
}

static void print_totals(const mx_heap *heap, const mx_cycles *cycles, bool garbage)
{
    const struct mx_cycle_totals *totals = mx_cycles_totals(cycles);
    if (garbage)
        printf("%s objects in %s are garbage that waits for the collector%s, and %s more in %s go "
               "with them\n",
               text_count(totals->objects).s, text_size(totals->bytes).s,
               mx_heap_summary(heap)->gc_enabled ? "" : " (which is disabled)",
               text_count(totals->freed).s, text_size(totals->freed_bytes).s);
    else
        printf("%s objects in %s are on cycles, and need the collector once they are let go\n",
               text_count(totals->objects).s, text_size(totals->bytes).s);
    if (totals->collecting)
        printf("%sthe collector was at work: what it had set aside is not seen%s\n",
               output_style(STYLE_WARNING), output_style(STYLE_PLAIN));
    printf("\n");
}

mx_status cycle_rows_print(const struct request *request, mx_cycles *cycles,
                           const struct cycle_rows *rows, struct mx_error *err)
{
    struct mx_blind_spots spots;
    mx_status status = mx_heap_blind_spots(request->heap, &spots, err);
    if (!status && request->json) {
        print_json(request->heap, cycles, rows, &spots);
    } else if (!status) {
        print_totals(request->heap, cycles, rows->garbage);
        print_table(cycles, rows);
        blind_spots_print(&spots, "Not seen, or not for certain", "  ");
        capture_print_note(request->heap);
    }
    mx_cycles_free(cycles);
    return status;
}
