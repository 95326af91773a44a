// plan.c - which pages of a process to copy, into which local memory, and what becomes of them.
//
// Adjacent mappings share a block, and so become one segment: a heap is often cut into several
// mappings by their permissions or history, and the reader is fastest within one segment.
#include "memory/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/parallel.h"
#include "memory/copy.h"
#include "memory/core.h"
#include "memory/procfs.h"

void plan_blocks_free(struct blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++)
        block_release(&blocks->items[i]);
    vector_free(blocks);
}

void plan_free(struct plan *plan)
{
    maps_free(&plan->maps);
    vector_free(&plan->ranges);
    plan_blocks_free(&plan->blocks);
}

// ---- before it is copied ----------------------------------------------------------------------

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

// The page tables of a copy-on-write child lack the pages of files that the original has not changed
// (mm/memory.c, vma_needs_copy): of a file so large that only resident pages are copied, the original
// says which those are.
static int pagemap_of(const struct mapping *mapping, int own, int original)
{
    uint64_t nbytes = mapping->end - mapping->start;
    bool resident_only = mapping->inode && nbytes > LIMIT_WHOLE_FILE;
    return original >= 0 && resident_only && nbytes <= LIMIT_RESIDENT_FILE ? original : own;
}

mx_status plan_read(int pid, int original, struct blocks *old, struct plan *plan,
                    struct mx_error *err)
{
    mx_status status = maps_read(pid, &plan->maps, err);
    if (status)
        return status;
    if (!plan->maps.count)
        return proc_fail_gone(pid, err);
    cleanup(close_fd) int own = proc_open(pid, "pagemap");
    cleanup(close_fd) int other = original == pid ? -1 : proc_open(original, "pagemap");
    for (size_t i = 0; i < plan->maps.count; i++) {
        const struct mapping *mapping = &plan->maps.items[i];
        if (mapping_is_copied(mapping) &&
            !ranges_add(&plan->ranges, pagemap_of(mapping, own, other), mapping))
            return fail_no_memory(err);
    }
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

// Where a range is copied to; NULL when there is no room for it.
static const struct image_block *block_of(const struct plan *plan, const struct range *range)
{
    const struct image_block *block =
        blocks_find(plan->blocks.items, plan->blocks.count, range->start);
    return block && block_holds(block, range->start, range->end) ? block : NULL;
}

// Ranges that are to be copied and have no room in our address space: none, where that has no limit, but
// in mappings so large that nobody can have them twice.
static bool has_room(const struct plan *plan)
{
    for (size_t i = 0; i < plan->ranges.count; i++)
        if (plan->ranges.items[i].kind == RANGE_COPY && !block_of(plan, &plan->ranges.items[i]))
            return false;
    return true;
}

mx_status plan_check_room(int pid, const struct plan *plan, struct mx_error *err)
{
    uint64_t wanted = ranges_nbytes(&plan->ranges, RANGE_COPY), available = available_nbytes();
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && !has_room(plan))
        return fail(err, MX_NO_MEMORY,
                    "pid %d: a copy of its memory does not fit beside what there is in an address "
                    "space of %llu MiB; raise its limit (ulimit -v)",
                    pid, (unsigned long long)limit.rlim_cur >> 20);
    if (wanted < available)
        return MX_OK;
    return fail(
        err, MX_NO_MEMORY,
        "pid %d: a copy of its memory takes %.1f GB, and this machine has %.1f GB available", pid,
        (double)wanted / 1e9, (double)available / 1e9);
}

// Pieces of the ranges, a number of huge pages each: pages are cleared as fast as a processor can, so that
// two of them take turns.
#define PIECE_NBYTES ((uint64_t)16 << 20)

// Every other piece: those of turn 0 or 1.
static mx_status populate_turn(void *data, size_t turn, struct mx_error *err)
{
    const struct plan *plan = data;
    uint64_t piece = 0;
    (void)err;
    for (size_t i = 0; i < plan->ranges.count; i++) {
        const struct range *range = &plan->ranges.items[i];
        const struct image_block *block = block_of(plan, range);
        if (range->kind != RANGE_COPY || !block)
            continue;
        for (mx_addr start = range->start, end; start < range->end; start = end) {
            end = (start / PIECE_NBYTES + 1) * PIECE_NBYTES;
            end = end < range->end ? end : range->end;
            if (piece++ % 2 == turn)
                block_populate(block, start, end);
        }
    }
    return MX_OK;
}

void plan_populate(const struct plan *plan)
{
    parallel_do(2, populate_turn, (void *)(uintptr_t)plan, NULL);
}

// ---- after it was copied ----------------------------------------------------------------------

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

// Reading them through the process would make them resident there. What cannot be read becomes
// RANGE_NONE, and is left to the image's `fetch`.
void plan_read_files(const struct plan *plan, int pid)
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

// Size of the file behind a mapping as it is now, -1 when that cannot be found out. map_files knows
// deleted files too, and wants more rights.
static int64_t mapped_file_size(int pid, const struct mapping *mapping)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, mapping->start,
             mapping->end);
    struct stat info;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_ino == mapping->inode)
        return info.st_size;
    cleanup(close_fd) int fd = mapping_open(pid, mapping);
    return fd >= 0 && fstat(fd, &info) == 0 ? info.st_size : -1;
}

uint64_t plan_behind_files(const struct plan *plan, const struct ranges *holes, int pid)
{
    uint64_t nbytes = 0;
    for (size_t i = 0; i < holes->count; i++) {
        const struct mapping *mapping;
        for (mx_addr addr = holes->items[i].start, end; addr < holes->items[i].end; addr = end) {
            mapping = maps_find(&plan->maps, addr);
            if (!mapping)
                break;
            end = mapping->end < holes->items[i].end ? mapping->end : holes->items[i].end;
            int64_t size = mapping->inode ? mapped_file_size(pid, mapping) : -1;
            if (size < 0)
                continue;
            uint64_t used = ((uint64_t)size + 4095) & ~(uint64_t)4095;
            used = used > mapping->file_offset ? used - mapping->file_offset : 0;
            if (used >= end - mapping->start)
                continue;
            mx_addr behind = mapping->start + used;
            nbytes += end - (behind > addr ? behind : addr);
        }
    }
    return nbytes;
}

// Adds [start, end) of a block, but for the holes in it. *hole goes through them in order.
static mx_status add_segments(struct memory *memory, const struct image_block *block,
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
                memory_add(memory, start, block_at(block, start), until - start, err);
            if (status)
                return status;
        }
        start = holed ? holes->items[*hole].end : covered.end;
    }
    return MX_OK;
}

mx_status plan_segments(const struct plan *plan, const struct ranges *holes, struct memory *memory,
                        struct mx_error *err)
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
        mx_status status = add_segments(memory, block, covered, holes, &hole, err);
        if (status)
            return status;
    }
    return MX_OK;
}
