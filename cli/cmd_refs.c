// cmd_refs.c - a few addresses: is an object there, and how many references does it have?
#include <stdlib.h>

#include "command.h"
#include "json.h"
#include "table.h"
#include "text.h"

static json_t *object_json(const struct mx_object *object)
{
    return json_make("address", json_address(object->address),       //
                     "alive", json_boolean(object->alive),           //
                     "refcount", json_refcount(object),              //
                     "immortal", json_boolean(object->immortal),     //
                     "type", json_text(object->type),                //
                     "size", json_integer((json_int_t)object->size), //
                     "preview", json_text(object->preview), NULL);
}

static void print_json(const struct mx_object *objects, size_t count)
{
    struct json_stream stream = {0};
    json_stream_open(&stream, NULL, '[');
    for (size_t i = 0; i < count; i++)
        json_stream_add(&stream, NULL, object_json(&objects[i]));
    json_stream_close(&stream, ']');
}

static void print_table(const struct mx_object *objects, size_t count)
{
    static const struct column columns[] = {{"ADDRESS", false}, {"ALIVE", false},
                                            {"REFCOUNT", true}, {"TYPE", false},
                                            {"SIZE", true},     {"PREVIEW", false}};
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct mx_object *object = &objects[i];
        bool alive = object->alive;
        TABLE_ADD(&table, text_address(object->address).s, alive ? "yes" : "no",
                  text_refcount(object).s, object->type, alive ? text_size(object->size).s : "",
                  object->preview);
    }
    table_finish(&table);
}

// A snapshot has the objects that were found; elsewhere nothing is alive.
static mx_status look_up(const mx_heap *heap, const mx_addr *addresses, size_t count,
                         struct mx_object *ret, struct mx_error *err)
{
    mx_status status = MX_OK;
    for (size_t i = 0; i < count && !status; i++) {
        uint32_t index;
        if (mx_heap_find(heap, addresses[i], &index))
            status = mx_heap_object(heap, index, &ret[i], err);
        else
            ret[i].address = addresses[i];
    }
    return status;
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct mx_object *objects = must(calloc(request->address_count, sizeof *objects));
    const mx_addr *addresses = request->addresses;
    size_t count = request->address_count;
    mx_status status = request->heap ? look_up(request->heap, addresses, count, objects, err)
                                     : mx_refs(request->target, addresses, count, objects, err);
    if (!status && request->json)
        print_json(objects, request->address_count);
    else if (!status)
        print_table(objects, request->address_count);
    free(objects);
    return status;
}

static const struct argp_option options[] = {TARGET_OPTIONS, COMMON_OPTIONS};

const struct command cmd_refs = {
    .name = "refs",
    .arguments = "PID ADDRESS...",
    .summary = "is an object alive there, and how many references does it have?",
    .help = "For each address: whether an object is alive there, its reference count, type, size "
            "and a preview. Addresses are what id() gives, or hexadecimal with 0x; any number may "
            "be asked about. The process stands still for well under a millisecond.\v"
            "Example:\n\n"
            "  $ memexplorer refs 812 0x7f3a5c2d1e80\n"
            "  ADDRESS         ALIVE  REFCOUNT  TYPE           SIZE  PREVIEW\n"
            "  0x7f3a5c2d1e80  yes           2  builtins.list  80 B  [1, 2, 3]\n",
    .needs = NEEDS_PID | NEEDS_ADDRESSES | NEEDS_TARGET,
    .options = options,
    .run = run,
};
