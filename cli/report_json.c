// report_json.c - the report as one JSON document: every type, every frame.
#include <stdlib.h>

#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "report.h"

static json_t *count_json(uint64_t count)
{
    return must(json_integer((json_int_t)count));
}

static json_t *target_json(const struct mx_target_info *target)
{
    const struct mx_process *process = &target->process;
    return json_make("pid", json_integer(process->pid), "python", json_text(process->python), //
                     "implementation", json_text(target->implementation),                     //
                     "cmdline", json_text(process->cmdline),                                  //
                     "rss_bytes", count_json(process->rss_bytes),                             //
                     "user", json_text(process->user),                                        //
                     "executable", json_text(process->executable),                            //
                     "uptime_seconds", json_seconds(process->uptime_seconds),                 //
                     "free_threaded", json_boolean(target->free_threaded),                    //
                     "debug", json_boolean(target->debug),                                    //
                     "library", json_text(target->library),                                   //
                     "other_pythons", json_integer(target->other_pythons),                    //
                     "layout_verified", json_boolean(target->layout_verified),                //
                     "from_core", json_boolean(target->from_core), NULL);
}

// By the type's place in mx_heap_types. The caller's to free.
static uint64_t *retained_by_type(const mx_heap *heap, const struct report_retained *retained)
{
    const struct mx_type *all;
    uint64_t *bytes = must(calloc(mx_heap_types(heap, &all) + 1, sizeof *bytes));
    for (size_t i = 0; i < retained->type_count; i++)
        bytes[retained->types[i].type_index] = retained->types[i].retained;
    return bytes;
}

static json_t *types_json(const mx_heap *heap, const struct report_retained *retained)
{
    const struct mx_type **types, *all;
    size_t count = report_sort_types(heap, TYPES_BY_BYTES, &types);
    uint64_t *bytes = retained_by_type(heap, retained);
    json_t *list = must(json_array());
    mx_heap_types(heap, &all);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_make("type", json_text(types[i]->name),             //
                                              "count", count_json(types[i]->count),          //
                                              "bytes", count_json(types[i]->bytes),          //
                                              "retained", count_json(bytes[types[i] - all]), //
                                              "address", json_address(types[i]->address), NULL));
    free(types);
    free(bytes);
    return list;
}

static json_t *largest_json(const mx_heap *heap, const struct report_retained *retained)
{
    json_t *list = must(json_array());
    for (uint32_t i = 0; i < retained->object_count; i++) {
        struct mx_object object;
        struct mx_error err;
        uint64_t bytes = mx_tree_retained(retained->tree, retained->objects[i]);
        if (mx_heap_object(heap, retained->objects[i], &object, &err) == MX_OK)
            json_array_append_new(list, json_make("address", json_address(object.address), //
                                                  "type", json_text(object.type),          //
                                                  "preview", json_text(object.preview),    //
                                                  "retained", count_json(bytes), NULL));
    }
    return list;
}

static json_t *thread_json(const struct mx_thread *thread)
{
    json_t *frames = must(json_array());
    for (size_t i = 0; i < thread->frame_count; i++) {
        const struct mx_frame *frame = &thread->frames[i];
        json_array_append_new(
            frames, json_make("function", json_text(frame->function), //
                              "file", json_text(frame->file),         //
                              "line", frame->line ? json_integer(frame->line) : json_null(), NULL));
    }
    return json_make("native_id", thread->native_id ? json_integer(thread->native_id) : json_null(),
                     "ident", count_json(thread->ident), "frames", frames, NULL);
}

static json_t *threads_json(const mx_heap *heap)
{
    const struct mx_thread *threads;
    size_t count = mx_heap_threads(heap, &threads);
    json_t *list = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, thread_json(&threads[i]));
    return list;
}

static json_t *refcounts_json(const struct mx_heap_summary *summary)
{
    return json_make("explained", count_json(summary->refcounts.explained), //
                     "certain", count_json(summary->refcounts.certain),     //
                     "surplus", count_json(summary->refcounts.surplus),     //
                     "deficit", count_json(summary->refcounts.deficit),     //
                     "immortal", count_json(summary->refcounts.immortal), NULL);
}

static json_t *gc_json(const struct mx_heap_summary *summary)
{
    json_t *generations = must(json_array());
    for (int i = 0; i < MX_PERMANENT_GENERATION; i++) {
        const struct mx_generation *generation = &summary->generations[i];
        json_array_append_new(
            generations, json_make("objects", count_json(generation->objects),         //
                                   "threshold", json_integer(generation->threshold),   //
                                   "count", json_integer(generation->count),           //
                                   "collections", count_json(generation->collections), //
                                   "collected", count_json(generation->collected),     //
                                   "uncollectable", count_json(generation->uncollectable), NULL));
    }
    uint64_t permanent = summary->generations[MX_PERMANENT_GENERATION].objects;
    return json_make("enabled", json_boolean(summary->gc_enabled),       //
                     "collecting", json_boolean(summary->gc_collecting), //
                     "generations", generations,                         //
                     "permanent", count_json(permanent), NULL);
}

void report_print_json(const mx_heap *heap, const struct report_retained *retained,
                       const struct mx_blind_spots *spots)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    json_print(json_make("target", target_json(mx_heap_target(heap)),   //
                         "objects", count_json(summary->objects),       //
                         "references", count_json(summary->references), //
                         "bytes", count_json(summary->bytes),           //
                         "types", types_json(heap, retained), "largest",
                         largest_json(heap, retained),                        //
                         "threads", threads_json(heap),                       //
                         "refcounts", refcounts_json(summary),                //
                         "gc", gc_json(summary),                              //
                         "capture", capture_json(heap),                       //
                         "pause_ms", json_milliseconds(summary->pause_ns),    //
                         "walk_ms", json_milliseconds(summary->walk_ns),      //
                         "copied_bytes", count_json(summary->copied_bytes),   //
                         "skipped_bytes", count_json(summary->skipped_bytes), //
                         "undecoded", count_json(summary->undecoded),         //
                         "blind_spots", blind_spots_json(spots), NULL));
}
