// heap.c - from a stopped process to a finished heap: copy, discover, number, count, judge.
#include "heap/heap.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/error.h"
#include "heap/blocks.h"
#include "heap/columns.h"
#include "heap/target.h"
#include "heap/thread_counts.h"
#include "heap/variables.h"
#include "snapshot/file.h"

// 3.11 gives the objects inside _PyRuntime and in frozen code a count that never falls to zero
// (Include/internal/pycore_object.h, _PyObject_IMMORTAL_REFCNT).
#define STATIC_REFCOUNT_311 999999999

int64_t refcount_unowned(const struct mx_heap *heap, const struct header *header)
{
    if (!statics_find(&heap->statics, header->addr))
        return 0;
    switch (heap->decoder.layout->refcount_shape) {
    case REFCOUNT_PLAIN:
        return header->refcount > STATIC_REFCOUNT_311 / 2 ? STATIC_REFCOUNT_311 : 1;
    case REFCOUNT_IMMORTAL_32:
    case REFCOUNT_LOW_32:
    case REFCOUNT_BIASED_313:
    case REFCOUNT_BIASED:
        return 1;
    }
    return 0;
}

int64_t refcount_missing(const struct mx_heap *heap, uint32_t index, const struct header *header)
{
    bool is_static = heap->recorder.flags[index] & OBJECT_STATIC;
    int64_t unowned = is_static ? refcount_unowned(heap, header) : 0;
    return header->refcount - unowned - (int64_t)heap->found[index];
}

bool refcount_is_explained(const struct mx_heap *heap, uint32_t index, const struct header *header,
                           int64_t *ret_missing)
{
    int64_t missing = refcount_missing(heap, index, header);
    int64_t possible = missing > 0 ? possible_count(heap, header->addr) : 0;
    *ret_missing = missing > possible ? missing - possible : missing > 0 ? 0 : missing;
    return *ret_missing == 0;
}

static void judge(struct mx_heap *heap)
{
    struct mx_heap_summary *summary = &heap->summary;
    memset(&summary->refcounts, 0, sizeof summary->refcounts);
    for (uint32_t i = 0; i < heap->count; i++) {
        struct header header = {.addr = heap->addresses[i],
                                .refcount = heap->recorder.refcounts[i],
                                .immortal = heap->recorder.flags[i] & OBJECT_IMMORTAL};
        int64_t missing;
        if (header.immortal)
            summary->refcounts.immortal++;
        else if (refcount_is_explained(heap, i, &header, &missing)) {
            summary->refcounts.explained++;
            summary->refcounts.certain += refcount_missing(heap, i, &header) == 0;
        } else if (missing > 0)
            summary->refcounts.surplus++;
        else
            summary->refcounts.deficit++;
    }
}

// The counts by type are kept by the decoder's numbers; the public ones leave out unused types.
static mx_status name_types(struct mx_heap *heap, struct mx_error *err)
{
    struct decoder *decoder = &heap->decoder;
    struct mx_type *all = heap->type_stats.items;
    uint32_t type_count = decoder->type_count; // naming one may meet another
    heap->public_types = calloc(type_count + 1, sizeof *heap->public_types);
    if (!heap->public_types)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < type_count && i < heap->type_stats.capacity; i++) {
        if (!all[i].count)
            continue;
        heap->public_types[i] = (uint32_t)heap->type_stats.count;
        all[heap->type_stats.count++] = (struct mx_type){
            decoder->types[i]->addr, type_qualified_name(decoder, i), all[i].count, all[i].bytes};
    }
    return MX_OK;
}

static mx_status make_columns(struct mx_heap *heap, struct mx_error *err)
{
    mx_status status = regions_number(&heap->regions, &heap->count, err);
    if (status)
        return status;
    size_t count = (size_t)heap->count + 1;
    heap->addresses = malloc(count * sizeof *heap->addresses);
    heap->types = calloc(count, sizeof *heap->types);
    heap->found = calloc(count, sizeof *heap->found);
    heap->generations = malloc(count);
    if (!heap->addresses || !heap->types || !heap->found || !heap->generations)
        return fail_no_memory(err);
    regions_addresses(&heap->regions, heap->addresses);
    memset(heap->generations, NO_GENERATION, count);
    size_t at = 0;
    for (int generation = 0; generation < 4; generation++)
        for (; at < heap->generation_ends[generation]; at++) {
            mx_addr addr = heap->queue.items[at];
            heap->generations[region_number(regions_find(&heap->regions, addr), addr)] =
                (uint8_t)generation;
        }
    return MX_OK;
}

static void free_queue(struct mx_heap *heap)
{
    if (heap->queue.items)
        munmap(heap->queue.items, heap->queue.capacity * sizeof *heap->queue.items);
    heap->queue.items = NULL;
    heap->queue.count = heap->queue.capacity = 0;
}

// What a process has not touched reads as zeros: no reason to look at more of it.
static uint64_t decoded_nbytes(const struct mx_heap *heap)
{
    uint64_t nbytes = heap->image.copied_bytes;
    for (size_t i = 0; !heap->image.blocks && i < heap->memory->segment_count; i++)
        nbytes += heap->memory->segments[i].nbytes;
    return nbytes;
}

// Code and constants are full of words that look like the heads of chunks.
static uint64_t block_nbytes(void *data, mx_addr addr)
{
    struct mx_heap *heap = data;
    const struct mapping *mapping = maps_find(heap->maps, addr);
    if (!mapping || !mapping->writable || mapping->inode)
        return 0;
    uint64_t nbytes = allocator_block_nbytes(&heap->allocator, addr);
    return nbytes <= mapping->end - addr ? nbytes : 0;
}

mx_status heap_build(struct mx_heap *heap, struct mx_error *err)
{
    uint64_t began = clock_ns();
    decoder_init(&heap->decoder, heap->memory, heap->runtime.layout, heap->runtime.type_type);
    heap->decoder.version_hex = heap->runtime.version_hex;
    mx_status status = allocator_init(&heap->allocator, heap->memory, heap->runtime.layout, err);
    if (!status)
        decoder_allow(&heap->decoder, decoded_nbytes(heap));
    heap->most_references = (int64_t)(decoded_nbytes(heap) / sizeof(uint64_t));
    if (!status) {
        runtime_probe_allocator(&heap->runtime, &heap->decoder, &heap->allocator);
        heap->decoder.block_nbytes = block_nbytes;
        heap->decoder.block_data = heap;
        thread_counts_read(&heap->decoder, heap->runtime.addr);
        decoder_refill(&heap->decoder);
    }
    if (!status)
        status = regions_init(&heap->regions, heap->memory, err);
    if (!status)
        status = statics_read(heap->memory, heap->maps, &heap->statics, err);
    if (!status)
        status = statics_read_stacks(heap->image.registers, heap->image.register_count, heap->maps,
                                     &heap->stacks, err);
    if (!status)
        status = heap_read_generations(heap, err);
    if (!status)
        status = heap_find_roots(heap, err);
    decoder_refill(&heap->decoder);
    if (!status)
        status = heap_discover(heap, err);
    if (!status)
        status = make_columns(heap, err);
    free_queue(heap);
    decoder_refill(&heap->decoder);
    if (!status)
        status = heap_count_references(heap, err);
    if (status)
        return status;
    decoder_refill(&heap->decoder);
    judge(heap);
    if (heap_many_unexplained(heap)) {
        status = heap_add_unreached_roots(heap, err);
        judge(heap);
    }
    if (status)
        return status;
    heap->summary.objects = heap->count;
    heap->summary.undecoded = heap->decoder.undecoded;
    heap->summary.skipped_bytes = heap->image.skipped_bytes + heap->regions.skipped_bytes;
    status = name_types(heap, err);
    heap->summary.walk_ns = clock_ns() - began;
    return status;
}

const char *mx_capture_mode_name(mx_capture_mode mode)
{
    switch (mode) {
    case MX_CAPTURE_FREEZE:
        return "freeze";
    case MX_CAPTURE_FORK:
        return "fork";
    case MX_CAPTURE_NO_PAUSE:
        return "no pause";
    case MX_CAPTURE_SELF:
        return "self";
    }
    return "";
}

static mx_status copy_target(struct mx_heap *heap, const mx_target *target,
                             const struct mx_capture_options *options, struct mx_error *err)
{
    if (options->mode == MX_CAPTURE_SELF)
        return fail(err, MX_BAD_ARGUMENT,
                    "a process that captures itself has nobody to ask: mx_capture_self");
    if (!target->core)
        return image_capture(target->pid, options, &heap->image, err);
    if (options->mode != MX_CAPTURE_FREEZE)
        return fail(err, MX_BAD_ARGUMENT,
                    "a core file stands still: --fork and --no-pause go with a process");
    return core_capture(target->core, options->progress, options->progress_data, &heap->image, err);
}

mx_status mx_heap_capture(mx_target *target, const struct mx_capture_options *options,
                          mx_heap **ret, struct mx_error *err)
{
    struct mx_heap *heap = calloc(1, sizeof *heap);
    if (!heap)
        return fail_no_memory(err);
    struct mx_capture_options how = options ? *options : (struct mx_capture_options){0};
    heap->progress = how.progress;
    heap->progress_data = how.progress_data;
    heap->info = *mx_target_info(target);
    heap->runtime = target->runtime;
    mx_status status = copy_target(heap, target, &how, err);
    if (status) {
        free(heap);
        return status;
    }
    heap->memory = &heap->image.memory;
    heap->maps = &heap->image.maps;
    heap->summary.mode = how.mode;
    heap->summary.pause_ns = heap->image.pause_ns;
    heap->summary.copied_bytes = heap->image.copied_bytes;
    status = heap_build(heap, err);
    if (status) {
        mx_heap_free(heap);
        return status;
    }
    *ret = heap;
    return MX_OK;
}

void mx_heap_free(mx_heap *heap)
{
    if (!heap)
        return;
    file_free(heap->opened);
    for (size_t i = 0; i < heap->threads.count; i++)
        free((void *)(uintptr_t)heap->threads.items[i].frames);
    for (size_t i = 0; i < heap->strings.count; i++)
        free(heap->strings.items[i]);
    vector_free(&heap->threads);
    vector_free(&heap->strings);
    vector_free(&heap->roots);
    vector_free(&heap->root_edges);
    vector_free(&heap->root_blocks);
    blocks_free(heap->blocks);
    libraries_free(heap->libraries);
    columns_free(heap->columns);
    recorder_free(&heap->recorder);
    statics_free(&heap->statics);
    statics_free(&heap->stacks);
    vector_free(&heap->type_stats);
    free_queue(heap);
    map_free(&heap->possible);
    map_free(&heap->claimed);
    free(heap->addresses);
    free(heap->types);
    free(heap->found);
    free(heap->generations);
    free(heap->public_types);
    regions_fini(&heap->regions);
    allocator_fini(&heap->allocator);
    decoder_fini(&heap->decoder);
    if (heap->memory == &heap->image.memory)
        image_free(&heap->image);
    free(heap);
}
