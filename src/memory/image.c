// image.c - a consistent copy of a process' memory, with the process stopped only for the copying.
//
//   before the stop   reserve local blocks, and populate them where the process has pages
//   during the stop   look at maps and pagemap again, adapt the blocks, copy
//   after the stop    read absent pages of files that cannot be written to, make segments
//
// Adjacent mappings share a block, and so become one segment: a heap is often cut into several
// mappings by their permissions or history, and the reader is fastest within one segment.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/vector.h"
#include "memory/copy.h"
#include "memory/core.h"
#include "memory/process.h"
#include "memory/procfs.h"

// The file is bound to the address space that it was opened for: it never reads another process
// that got the same number, nor what execve put in its place.
struct image_live {
    int mem;          // /proc/PID/mem, or -1
    struct maps maps; // the image's
};

struct blocks {
    struct image_block *items;
    size_t count, capacity;
};

// What is known of the process at one moment, and the local memory for it.
struct plan {
    struct maps maps;
    struct ranges ranges;
    struct blocks blocks;
};

static void blocks_free(struct blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++)
        block_release(&blocks->items[i]);
    vector_free(blocks);
}

static void plan_free(struct plan *plan)
{
    maps_free(&plan->maps);
    vector_free(&plan->ranges);
    blocks_free(&plan->blocks);
}

// ---- before and during the stop ---------------------------------------------------------------

// A block for [start, end): the old one that already stands for it, or a new one that takes over
// the pages of old ones. *ret_reserved is false when there is no room for so large a block.
static mx_status run_reserve(struct blocks *blocks, struct blocks *old, mx_addr start, mx_addr end,
                             bool *ret_reserved)
{
    if (!vector_reserve(blocks, blocks->count + 1))
        return MX_NO_MEMORY;
    struct image_block *block = &blocks->items[blocks->count];
    size_t index = blocks_after(old->items, old->count, start);
    struct image_block *first = index < old->count ? &old->items[index] : NULL;
    *ret_reserved = true;
    if (first && first->start == start && first->nbytes == end - start) {
        *block = *first;
        first->local = NULL;
    } else {
        if (!(*ret_reserved = block_reserve(start, end - start, block)))
            return MX_OK;
        for (; index < old->count && old->items[index].start < end; index++)
            if (old->items[index].local)
                block_move(&old->items[index], block);
    }
    blocks->count++;
    return MX_OK;
}

// Blocks for the mappings from first to last, which follow each other without a gap: one, or one
// for each when they are too large together.
static mx_status run_blocks(struct plan *plan, struct blocks *old, size_t first, size_t last)
{
    const struct mapping *mappings = plan->maps.items;
    bool reserved;
    mx_status status =
        run_reserve(&plan->blocks, old, mappings[first].start, mappings[last].end, &reserved);
    if (status || reserved || first == last)
        return status;
    for (size_t i = first; i <= last && !status; i++)
        status = run_reserve(&plan->blocks, old, mappings[i].start, mappings[i].end, &reserved);
    return status;
}

static mx_status plan_blocks(struct plan *plan, struct blocks *old)
{
    const struct maps *maps = &plan->maps;
    for (size_t first = 0, last; first < maps->count; first = last + 1) {
        last = first;
        if (!mapping_is_copied(&maps->items[first]))
            continue;
        while (last + 1 < maps->count && maps->items[last + 1].start == maps->items[last].end &&
               mapping_is_copied(&maps->items[last + 1]))
            last++;
        mx_status status = run_blocks(plan, old, first, last);
        if (status)
            return status;
    }
    return MX_OK;
}

// What the process looks like now. Takes blocks out of `old` where they fit.
static mx_status plan_read(int pid, struct blocks *old, struct plan *plan, struct mx_error *err)
{
    mx_status status = maps_read(pid, &plan->maps, err);
    if (status)
        return status;
    if (!plan->maps.count)
        return proc_fail_gone(pid, err);
    cleanup(close_fd) int pagemap = proc_open(pid, "pagemap");
    for (size_t i = 0; i < plan->maps.count; i++)
        if (mapping_is_copied(&plan->maps.items[i]) &&
            !ranges_add(&plan->ranges, pagemap, &plan->maps.items[i]))
            return fail_no_memory(err);
    return plan_blocks(plan, old) ? fail_no_memory(err) : MX_OK;
}

uint64_t available_nbytes(void)
{
    cleanup(close_file) FILE *file = fopen("/proc/meminfo", "re");
    char line[256];
    unsigned long long kilobytes;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
            return kilobytes * 1024;
    return UINT64_MAX;
}

// Refuses a copy that would make the kernel kill somebody, perhaps the process itself.
static mx_status check_room(int pid, const struct plan *plan, struct mx_error *err)
{
    uint64_t wanted = ranges_nbytes(&plan->ranges, RANGE_COPY), available = available_nbytes();
    if (wanted < available)
        return MX_OK;
    return fail(
        err, MX_NO_MEMORY,
        "pid %d: a copy of its memory takes %.1f GB, and this machine has %.1f GB available", pid,
        (double)wanted / 1e9, (double)available / 1e9);
}

static void plan_populate(const struct plan *plan)
{
    for (size_t i = 0; i < plan->ranges.count; i++) {
        const struct range *range = &plan->ranges.items[i];
        const struct image_block *block =
            blocks_find(plan->blocks.items, plan->blocks.count, range->start);
        if (range->kind == RANGE_COPY && block && block_holds(block, range->start, range->end))
            block_populate(block, range->start, range->end);
    }
}

// ---- after the stop ---------------------------------------------------------------------------

// The file behind a mapping, when it still is the one that was mapped; else -1.
static int mapping_open(int pid, const struct mapping *mapping)
{
    char path[5000];
    int length = snprintf(path, sizeof path, "/proc/%d/root%s", pid, mapping->path);
    if (mapping->deleted || mapping->path[0] != '/' || length >= (int)sizeof path)
        return -1;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_ino == mapping->inode && major(info.st_dev) == mapping->device_major &&
        minor(info.st_dev) == mapping->device_minor)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

// Absent pages are read from the file: reading them through the process would make them resident
// there. What cannot be read becomes RANGE_NONE, and is left to `fetch`.
static void late_read(const struct plan *plan, int pid)
{
    const struct mapping *opened = NULL;
    cleanup(close_fd) int fd = -1;
    for (size_t i = 0; i < plan->ranges.count; i++) {
        struct range *range = &plan->ranges.items[i];
        if (range->kind != RANGE_LATE)
            continue;
        const struct mapping *mapping = maps_find(&plan->maps, range->start);
        if (mapping != opened) {
            close_fd(&fd);
            fd = mapping_open(pid, mapping);
            opened = mapping;
        }
        const struct image_block *block =
            blocks_find(plan->blocks.items, plan->blocks.count, range->start);
        off_t offset = (off_t)(mapping->file_offset + (range->start - mapping->start));
        if (fd < 0 || !block ||
            pread(fd, block_at(block, range->start), range->end - range->start, offset) <= 0)
            range->kind = RANGE_NONE;
    }
}

// Adds [start, end) of a block, but for the holes in it. *hole goes through them in order.
static mx_status add_segments(struct image *image, const struct image_block *block,
                              struct range covered, const struct ranges *holes, size_t *hole,
                              struct mx_error *err)
{
    for (mx_addr start = covered.start; start < covered.end;) {
        while (*hole < holes->count && holes->items[*hole].end <= start)
            ++*hole;
        bool holed = *hole < holes->count && holes->items[*hole].start < covered.end;
        mx_addr until = holed ? holes->items[*hole].start : covered.end;
        if (until > start) {
            mx_status status =
                memory_add(&image->memory, start, block_at(block, start), until - start, err);
            if (status)
                return status;
        }
        start = holed ? holes->items[*hole].end : covered.end;
    }
    return MX_OK;
}

// Turns what was copied, or is known to be zero, into segments: as few as possible.
static mx_status make_segments(struct image *image, const struct plan *plan,
                               const struct ranges *holes, struct mx_error *err)
{
    const struct ranges *ranges = &plan->ranges;
    size_t hole = 0;
    for (size_t first = 0, last; first < ranges->count; first = last + 1) {
        last = first;
        const struct range *range = &ranges->items[first];
        const struct image_block *block =
            blocks_find(plan->blocks.items, plan->blocks.count, range->start);
        if (range->kind == RANGE_NONE || !block)
            continue;
        while (last + 1 < ranges->count && ranges->items[last + 1].kind != RANGE_NONE &&
               ranges->items[last + 1].start == ranges->items[last].end &&
               block_holds(block, ranges->items[last + 1].start, ranges->items[last + 1].end))
            last++;
        struct range covered = {range->start, ranges->items[last].end, RANGE_COPY};
        mx_status status = add_segments(image, block, covered, holes, &hole, err);
        if (status)
            return status;
    }
    return MX_OK;
}

// A memory_fetch_fn: reads mappings that the process cannot write to, as long as it lives.
static size_t live_fetch(void *data, mx_addr addr, void *buffer, size_t nbytes)
{
    const struct image_live *live = data;
    size_t done = 0;
    while (done < nbytes) {
        const struct mapping *mapping = maps_find(&live->maps, addr + done);
        if (!mapping || mapping->writable || mapping->shared || !mapping->readable ||
            mapping->end > INT64_MAX)
            break;
        size_t wanted = mapping->end - (addr + done);
        if (wanted > nbytes - done)
            wanted = nbytes - done;
        ssize_t got = pread(live->mem, (uint8_t *)buffer + done, wanted, (off_t)(addr + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

// ---- the whole --------------------------------------------------------------------------------

static mx_status live_open(struct image *image, struct mx_error *err)
{
    struct image_live *live = malloc(sizeof *live);
    if (!live)
        return fail_no_memory(err);
    live->mem = proc_open(image->pid, "mem");
    image->live = live;
    return MX_OK;
}

static mx_status capture_stopped(struct image *image, struct blocks *old, struct plan *plan,
                                 struct copy *copy, struct mx_error *err)
{
    mx_status status = plan_read(image->pid, old, plan, err);
    if (!status)
        status = live_open(image, err);
    if (status)
        return status;
    copy->blocks = plan->blocks.items;
    copy->block_count = plan->blocks.count;
    return copy_ranges(copy, &plan->ranges, RANGE_COPY, err);
}

mx_status image_keep_registers(struct image *image, const struct thread_registers *registers,
                               size_t count, struct mx_error *err)
{
    image->registers = malloc(count * sizeof *registers + 1);
    if (!image->registers)
        return fail_no_memory(err);
    if (count)
        memcpy(image->registers, registers, count * sizeof *registers);
    image->register_count = count;
    return MX_OK;
}

// Stops the process, copies it, lets it go on. `before` is what it looked like shortly before.
static mx_status capture(struct image *image, struct plan *before, struct plan *plan,
                         struct copy *copy, struct mx_error *err)
{
    struct freeze freeze;
    mx_status status = freeze_begin(image->pid, &freeze, err);
    if (status)
        return status;
    status = capture_stopped(image, &before->blocks, plan, copy, err);
    if (!status)
        status = image_keep_registers(image, freeze.registers, freeze.register_count, err);
    freeze_end(&freeze);
    if (status)
        return status;
    image->pause_ns = freeze.ended_ns - freeze.began_ns;
    image->copied_bytes = copy->copied_bytes;
    image->skipped_bytes = ranges_nbytes(&plan->ranges, RANGE_COPY) - copy->copied_bytes;
    plan_free(before);
    late_read(plan, image->pid);
    return make_segments(image, plan, &copy->holes, err);
}

mx_status image_capture(int pid, mx_progress_fn *progress, void *progress_data, struct image *ret,
                        struct mx_error *err)
{
    cleanup(plan_free) struct plan before = {0}, plan = {0};
    cleanup(image_free) struct image image = {.pid = pid};
    struct copy copy = {.pid = pid, .progress = progress, .progress_data = progress_data};
    mx_status status = process_check_access(pid, err);
    if (!status)
        status = plan_read(pid, &(struct blocks){0}, &before, err);
    if (!status)
        status = check_room(pid, &before, err);
    if (status)
        return status;
    plan_populate(&before);
    status = capture(&image, &before, &plan, &copy, err);
    vector_free(&copy.holes);
    if (status)
        return status;
    image.maps = plan.maps;
    image.live->maps = plan.maps;
    image.blocks = plan.blocks.items;
    image.block_count = plan.blocks.count;
    image.block_capacity = plan.blocks.capacity;
    image.memory.fetch = live_fetch;
    image.memory.fetch_data = image.live;
    plan.maps = (struct maps){0};
    plan.blocks = (struct blocks){0};
    *ret = image;
    image = (struct image){0};
    return MX_OK;
}

void image_free(struct image *image)
{
    struct blocks blocks = {image->blocks, image->block_count, image->block_capacity};
    blocks_free(&blocks);
    memory_fini(&image->memory);
    maps_free(&image->maps);
    if (image->live)
        close_fd(&image->live->mem);
    free(image->live);
    core_release(image->core);
    free(image->registers);
    *image = (struct image){0};
}
