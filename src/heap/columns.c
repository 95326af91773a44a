// columns.c - from what counting recorded to the columns of a snapshot.
//
// A reference that is only possible is taken for real when a count asks for it, in the order of the
// objects, then of the roots; the others are dropped. What a count has beyond that is held from
// outside the graph.
#include "heap/columns.h"

#include <stdlib.h>

#include "base/error.h"
#include "snapshot/file.h"

// ---- which references are real ------------------------------------------------------------------

static void find_missing(const struct columns *columns, int64_t *missing)
{
    struct mx_heap *heap = columns->heap;
    for (uint32_t i = 0; i < heap->count; i++) {
        uint8_t flags = heap->recorder.flags[i];
        struct header header = {.addr = heap->addresses[i],
                                .refcount = heap->recorder.refcounts[i]};
        missing[i] = flags & OBJECT_IMMORTAL ? 0 : refcount_missing(heap, i, &header);
    }
}

// References of one object after the other, those that are none left out.
static void settle(struct columns *columns, int64_t *missing)
{
    struct recorder *recorder = &columns->heap->recorder;
    uint64_t kept = 0, at = 0;
    for (uint32_t i = 0; i < columns->heap->count; i++) {
        uint64_t end = recorder->first[i + 1];
        recorder->first[i] = kept;
        for (; at < end; at++) {
            uint32_t to = recorder->targets[at];
            uint8_t hold = recorder->holds[at];
            if (hold == RECORDED_POSSIBLE && missing[to] > 0) {
                hold = MX_OWNED;
                missing[to]--;
                columns->possible[to]++;
            }
            if (hold == RECORDED_POSSIBLE) {
                columns->dropped[at / 64] |= 1ull << at % 64;
                continue;
            }
            recorder->targets[kept] = to;
            recorder->holds[kept++] = hold;
        }
    }
    recorder->first[columns->heap->count] = recorder->edge_count = kept;
}

// ---- objects ------------------------------------------------------------------------------------

static mx_status widen_sizes(struct columns *columns, struct mx_error *err)
{
    const struct recorder *recorder = &columns->heap->recorder;
    if (!recorder->big_sizes.count)
        return MX_OK;
    columns->sizes = malloc(((size_t)columns->heap->count + 1) * sizeof *columns->sizes);
    if (!columns->sizes)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < columns->heap->count; i++)
        columns->sizes[i] = recorder->sizes[i];
    for (size_t i = 0; i < recorder->big_sizes.count; i++)
        columns->sizes[recorder->big_sizes.items[i].object] = recorder->big_sizes.items[i].value;
    return MX_OK;
}

// By the numbers of the public types, which leave out those without instances.
static mx_status number_types(struct columns *columns, struct mx_error *err)
{
    const struct mx_heap *heap = columns->heap;
    bool small = heap->type_stats.count <= UINT16_MAX;
    size_t room = (size_t)heap->count + 1;
    if (small)
        columns->small_types = malloc(room * sizeof *columns->small_types);
    else
        columns->types = malloc(room * sizeof *columns->types);
    if (!columns->small_types && !columns->types)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < heap->count; i++) {
        uint32_t type = heap->public_types[heap->types[i]];
        if (small)
            columns->small_types[i] = (uint16_t)type;
        else
            columns->types[i] = type;
    }
    return MX_OK;
}

static mx_status allocate(struct columns *columns, struct mx_error *err)
{
    size_t room = (size_t)columns->heap->count + 1;
    columns->unexplained = malloc(room * sizeof *columns->unexplained);
    columns->possible = calloc(room, sizeof *columns->possible);
    columns->addresses = malloc(room * sizeof *columns->addresses);
    columns->dropped =
        calloc(columns->heap->recorder.edge_count / 64 + 1, sizeof *columns->dropped);
    if (!columns->unexplained || !columns->possible || !columns->addresses || !columns->dropped)
        return fail_no_memory(err);
    return MX_OK;
}

static void finish_objects(struct columns *columns, const int64_t *missing)
{
    struct mx_heap *heap = columns->heap;
    for (uint32_t i = 0; i < heap->count; i++) {
        if (missing[i] > 0)
            heap->recorder.flags[i] |= OBJECT_NATIVE;
        columns->unexplained[i] = zigzag(missing[i]); // in its place
        columns->addresses[i] = heap->addresses[i] >> 3;
    }
}

struct column columns_narrow(uint64_t **numbers, uint64_t count)
{
    uint64_t all = 0;
    for (uint64_t i = 0; i < count; i++)
        all |= (*numbers)[i];
    if (all > UINT32_MAX)
        return column_plain(*numbers, count, COLUMN_U64);
    size_t width = all > UINT16_MAX ? 4 : all > UINT8_MAX ? 2 : 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = (*numbers)[i]; // little-endian, as all that is read here
        memcpy((uint8_t *)*numbers + i * width, &number, width);
    }
    void *shrunk = realloc(*numbers, (count + 1) * width);
    *numbers = shrunk ? shrunk : *numbers;
    return column_plain(*numbers, count,
                        width == 4   ? COLUMN_U32
                        : width == 2 ? COLUMN_U16
                                     : COLUMN_U8);
}

static void publish(struct columns *columns)
{
    const struct mx_heap *heap = columns->heap;
    const struct recorder *recorder = &heap->recorder;
    struct snapshot *s = &columns->snapshot;
    uint64_t objects = heap->count, references = recorder->edge_count;
    s->object_count = heap->count;
    s->reference_count = references;
    s->address = column_plain(columns->addresses, objects, COLUMN_U64);
    s->type = columns->small_types ? column_plain(columns->small_types, objects, COLUMN_U16)
                                   : column_plain(columns->types, objects, COLUMN_U32);
    s->size = columns->sizes ? column_plain(columns->sizes, objects, COLUMN_U64)
                             : column_plain(recorder->sizes, objects, COLUMN_U32);
    s->refcount = column_plain(recorder->refcounts, objects, COLUMN_U32);
    s->unexplained = columns_narrow(&columns->unexplained, objects);
    s->possible = column_plain(columns->possible, objects, COLUMN_U32);
    s->flags = column_plain(recorder->flags, objects, COLUMN_U8);
    s->generation = column_plain(heap->generations, objects, COLUMN_U8);
    s->first = column_plain(recorder->first, objects + 1, COLUMN_U64);
    s->target = column_plain(recorder->targets, references, COLUMN_U32);
    s->hold = column_plain(recorder->holds, references, COLUMN_U8);
    s->types = columns->type_rows;
    s->type_count = heap->type_stats.count;
    s->threads = heap->threads.items;
    s->thread_count = heap->threads.count;
    s->info = heap->info;
    s->summary = heap->summary;
}

static mx_status build(struct columns *columns, struct mx_error *err)
{
    int64_t *missing = (int64_t *)columns->unexplained; // which it becomes at the end
    find_missing(columns, missing);
    settle(columns, missing);
    mx_status status = number_types(columns, err);
    if (!status)
        status = columns_add_types(columns, err);
    if (!status)
        status = columns_add_roots(columns, missing, err);
    if (!status)
        status = widen_sizes(columns, err);
    if (status)
        return status;
    finish_objects(columns, missing);
    publish(columns);
    columns_add_texts(columns);
    return columns_add_retained(columns, err);
}

static mx_status columns_make(struct mx_heap *heap, struct mx_error *err)
{
    struct columns *columns = calloc(1, sizeof *columns);
    mx_status status = columns ? MX_OK : fail_no_memory(err);
    if (!status) {
        columns->heap = heap;
        status = allocate(columns, err);
    }
    if (!status)
        status = build(columns, err);
    if (status) {
        columns_free(columns);
        return status;
    }
    heap->columns = columns;
    return MX_OK;
}

mx_status heap_snapshot(const mx_heap *heap, const struct snapshot **ret, struct mx_error *err)
{
    if (heap->opened) {
        *ret = file_snapshot(heap->opened);
        return MX_OK;
    }
    // Made when it is first asked for: no change that a caller can see.
    struct mx_heap *self = (struct mx_heap *)(uintptr_t)heap;
    if (!heap->columns) {
        decoder_refill(&self->decoder);
        mx_status status = columns_make(self, err);
        if (status)
            return status;
    }
    *ret = &heap->columns->snapshot;
    return MX_OK;
}

void columns_free(struct columns *columns)
{
    if (!columns)
        return;
    for (size_t i = 0; i < columns->strings.count; i++)
        free(columns->strings.items[i]);
    vector_free(&columns->strings);
    vector_free(&columns->roots);
    vector_free(&columns->root_references);
    vector_free(&columns->root_edges);
    free(columns->type_rows);
    free(columns->small_types);
    free(columns->types);
    free(columns->sizes);
    free(columns->extras);
    free(columns->unexplained);
    free(columns->possible);
    free(columns->addresses);
    free(columns->dropped);
    free(columns->referrer_first);
    free(columns->referrers);
    free(columns->referrer_holds);
    free(columns->label_kinds);
    free(columns->label_numbers);
    vector_free(&columns->label_names);
    map_free(&columns->label_name_numbers);
    free(columns->dominators);
    free(columns->retained);
    free(columns);
}
