// free_json.c - `free --json`: docs/json.md.
#include "free.h"

#include "blind_spots.h"
#include "capture.h"
#include "json.h"
#include "output.h"

struct mx_object free_object(const mx_heap *heap, uint32_t index)
{
    struct mx_object object = {0};
    mx_heap_object(heap, index, &object, NULL); // the answer has none but the heap's own
    return object;
}

static json_t *reference_json(const mx_heap *heap, const struct mx_reference *reference)
{
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from = {0};
    if (!root)
        from = free_object(heap, reference->from);
    return json_make("label", json_text(reference->label),                       //
                     "address", root ? json_null() : json_address(from.address), //
                     "type", root ? json_null() : json_text(from.type),          //
                     "root", root ? json_text(reference->root) : json_null(), NULL);
}

static json_t *object_json(const struct free_answer *answer, const struct mx_drop_object *gone)
{
    struct mx_object object = free_object(answer->heap, gone->object);
    return json_make("address", json_address(object.address),        //
                     "type", json_text(object.type),                 //
                     "bytes", json_integer((json_int_t)gone->bytes), //
                     "finalizer", json_boolean(gone->finalizer),     //
                     "preview", json_text(object.preview), NULL);
}

static json_t *call_json(const struct free_answer *answer, const struct mx_drop_call *call)
{
    bool finalizer = call->weakref == MX_NO_OBJECT;
    struct mx_object object = free_object(answer->heap, call->object);
    json_t *weakref =
        finalizer ? json_null() : json_address(free_object(answer->heap, call->weakref).address);
    return json_make("kind", json_text(finalizer ? "finalizer" : "callback"), //
                     "address", json_address(object.address),                 //
                     "type", json_text(object.type),                          //
                     "weakref", weakref,                                      //
                     "when", json_text(call->collector ? "collector" : "now"), NULL);
}

static json_t *stay_json(const struct free_answer *answer, const struct mx_drop_stay *stay)
{
    struct mx_object object = free_object(answer->heap, stay->object);
    bool named = stay->reason == MX_STAYS_HELD || stay->reason == MX_STAYS_ROOT;
    return json_make("address", json_address(object.address),                                     //
                     "type", json_text(object.type),                                              //
                     "lost", json_integer((json_int_t)stay->lost),                                //
                     "refcount", stay->refcount < 0 ? json_null() : json_integer(stay->refcount), //
                     "reason", json_text(mx_drop_reason_name(stay->reason)),                      //
                     "holder", named ? reference_json(answer->heap, &stay->holder) : json_null(), //
                     "preview", json_text(object.preview), NULL);
}

static void add_objects_json(struct json_stream *stream, const struct free_answer *answer,
                             mx_drop_fate fate)
{
    json_stream_open(stream, mx_drop_fate_name(fate), '[');
    for (size_t i = 0; i < answer->object_count && !output_failed(); i++)
        if (answer->objects[i].fate == fate)
            json_stream_add(stream, NULL, object_json(answer, &answer->objects[i]));
    json_stream_close(stream, ']');
}

void free_print_json(const struct free_answer *answer)
{
    const struct mx_drop_totals *totals = answer->totals;
    struct json_stream stream = {0};
    struct mx_object object = free_object(answer->heap, totals->object);
    json_stream_open(&stream, NULL, '{');
    json_stream_add(&stream, "address", json_address(object.address));
    json_stream_add(&stream, "type", json_text(object.type));
    json_stream_add(&stream, "fate", json_text(mx_drop_fate_name(totals->fate)));
    json_stream_open(&stream, "references", '[');
    for (size_t i = 0; i < totals->references && !output_failed(); i++) {
        struct mx_reference reference;
        mx_drop_reference(answer->drop, i, &reference);
        json_stream_add(&stream, NULL, reference_json(answer->heap, &reference));
    }
    json_stream_close(&stream, ']');
    json_stream_add(&stream, "freed_bytes", json_integer((json_int_t)totals->freed_bytes));
    json_stream_add(&stream, "collected_bytes", json_integer((json_int_t)totals->collected_bytes));
    json_stream_add(&stream, "lost_bytes", json_integer((json_int_t)totals->lost_bytes));
    json_stream_add(&stream, "depth", json_integer((json_int_t)totals->depth));
    json_stream_add(&stream, "immortal", json_integer((json_int_t)totals->immortal));
    const struct mx_drop_type *types;
    size_t type_count = mx_drop_types(answer->drop, &types);
    json_stream_open(&stream, "types", '[');
    for (size_t i = 0; i < type_count && !output_failed(); i++)
        json_stream_add(&stream, NULL,
                        json_make("type", json_text(types[i].type),                    //
                                  "fate", json_text(mx_drop_fate_name(types[i].fate)), //
                                  "count", json_integer((json_int_t)types[i].count),   //
                                  "bytes", json_integer((json_int_t)types[i].bytes), NULL));
    json_stream_close(&stream, ']');
    json_stream_open(&stream, "calls", '[');
    for (size_t i = 0; i < answer->call_count && !output_failed(); i++)
        json_stream_add(&stream, NULL, call_json(answer, &answer->calls[i]));
    json_stream_close(&stream, ']');
    add_objects_json(&stream, answer, MX_DROP_FREED);
    add_objects_json(&stream, answer, MX_DROP_COLLECTED);
    add_objects_json(&stream, answer, MX_DROP_LOST);
    json_stream_open(&stream, "stays", '[');
    for (size_t i = 0; i < totals->stays && !output_failed(); i++) {
        struct mx_drop_stay stay;
        mx_drop_stays(answer->drop, i, &stay);
        json_stream_add(&stream, NULL, stay_json(answer, &stay));
    }
    json_stream_close(&stream, ']');
    json_stream_add(&stream, "blind_spots", blind_spots_json(&answer->spots));
    json_stream_add(&stream, "capture", capture_json(answer->heap));
    json_stream_close(&stream, '}');
}
