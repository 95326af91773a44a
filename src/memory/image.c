// image.c - a copy of a process' memory, taken in one of three ways.
//
//   freeze     it stands still while its memory is copied
//   fork       it stands still while its page tables are copied, to a child that is then copied
//   no pause   its memory is copied as it runs: pages of different moments
//
//   before     reserve local blocks, and populate them where the process has pages
//   then       look at maps and pagemap again, adapt the blocks, copy
//   after      read absent pages of files that cannot be written to, make segments
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/read_at.h"
#include "memory/copy.h"
#include "memory/core.h"
#include "memory/fork.h"
#include "memory/plan.h"
#include "memory/procfs.h"
#include "memory/self.h"
#include "memory/unforked.h"

// The file is bound to the address space that it was opened for: it never reads another process
// that got the same number, nor what execve put in its place.
struct image_live {
    int mem;          // /proc/PID/mem, or -1
    struct maps maps; // the image's
};

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
        size_t got = read_at(live->mem, addr + done, (uint8_t *)buffer + done, wanted);
        done += got;
        if (got < wanted)
            break;
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

static mx_status copy_plan(struct image *image, const struct plan *plan, struct copy *copy,
                           struct mx_error *err)
{
    copy->blocks = plan->blocks.items;
    copy->block_count = plan->blocks.count;
    mx_status status = copy_ranges(copy, &plan->ranges, RANGE_COPY, err);
    image->copied_bytes = copy->copied_bytes;
    image->skipped_bytes =
        ranges_nbytes(&plan->ranges, RANGE_COPY) - copy->copied_bytes - copy->guard_bytes;
    return status;
}

// Copies what `pid` has now: the process, which stands still or does not, or a child of it.
static mx_status copy_now(struct image *image, int pid, struct blocks *old, struct plan *plan,
                          struct copy *copy, struct mx_error *err)
{
    mx_status status = plan_read(pid, image->pid, old, plan, err);
    if (status)
        return status;
    if (pid != image->pid)
        plan_populate(plan);
    copy->pid = pid;
    return copy_plan(image, plan, copy, err);
}

// Stops the process, copies it, lets it go on.
static mx_status capture_frozen(struct image *image, struct blocks *old, struct plan *plan,
                                struct copy *copy, struct mx_error *err)
{
    struct freeze freeze;
    mx_status status = freeze_begin(image->pid, &freeze, err);
    if (status)
        return status;
    status = live_open(image, err);
    if (!status)
        status = copy_now(image, image->pid, old, plan, copy, err);
    if (!status)
        status = image_keep_registers(image, freeze.registers, freeze.register_count, err);
    freeze_end(&freeze);
    image->pause_ns = freeze.ended_ns - freeze.began_ns;
    return status;
}

// Lets it go on as soon as it has a child with the same memory. That the child is killed meanwhile
// shows as an error of reading it, or as none at all.
static mx_status capture_forked(struct image *image, struct blocks *old, struct plan *plan,
                                struct copy *copy, struct mx_error *err)
{
    struct fork_copy child;
    mx_status status = live_open(image, err);
    if (!status)
        status = fork_begin(image->pid, &child, err);
    if (status)
        return status;
    image->pause_ns = child.ended_ns - child.began_ns;
    status = copy_now(image, child.child, old, plan, copy, err);
    if (!status)
        status = image_keep_registers(image, child.registers, child.register_count, err);
    if (!status)
        status =
            unforked_nbytes(child.child, &child.maps, &plan->maps, &image->unforked_bytes, err);
    struct mx_error late;
    mx_status ended = fork_end(&child, &late);
    if (ended && (!status || status == MX_NO_PROCESS || status == MX_UNREADABLE))
        return fail(err, ended, "%s", late.message);
    return status;
}

static mx_status capture_running(struct image *image, struct blocks *old, struct plan *plan,
                                 struct copy *copy, struct mx_error *err)
{
    mx_status status = live_open(image, err);
    return status ? status : copy_now(image, image->pid, old, plan, copy, err);
}

static mx_status capture(struct image *image, mx_capture_mode mode, struct blocks *old,
                         struct plan *plan, struct copy *copy, struct mx_error *err)
{
    switch (mode) {
    case MX_CAPTURE_FREEZE:
        return capture_frozen(image, old, plan, copy, err);
    case MX_CAPTURE_FORK:
        return capture_forked(image, old, plan, copy, err);
    case MX_CAPTURE_NO_PAUSE:
        return capture_running(image, old, plan, copy, err);
    case MX_CAPTURE_SELF:
        break;
    }
    return fail(err, MX_BAD_ARGUMENT, "%d is no way to capture a process", (int)mode);
}

// `before` is what the process looked like shortly before it is copied, if it is.
static mx_status prepare(int pid, mx_capture_mode mode, struct plan *before, struct mx_error *err)
{
    mx_status status = process_check_access(pid, err);
    if (!status)
        status = plan_read(pid, pid, &(struct blocks){0}, before, err);
    if (!status)
        status = plan_check_room(pid, before, err);
    if (!status && mode != MX_CAPTURE_FORK)
        plan_populate(before);
    return status;
}

// What the files have, then segments of it all. The image takes over maps and blocks of the plan.
static mx_status finish(struct image *image, struct plan *plan, const struct copy *copy,
                        struct mx_error *err)
{
    plan_read_files(plan, image->pid);
    image->behind_bytes = plan_behind_files(plan, &copy->holes, image->pid);
    if (image->behind_bytes > image->skipped_bytes)
        image->behind_bytes = image->skipped_bytes;
    image->skipped_bytes -= image->behind_bytes;
    mx_status status = plan_segments(plan, &copy->holes, &image->memory, err);
    if (status)
        return status;
    image->maps = plan->maps;
    image->live->maps = plan->maps;
    image->blocks = plan->blocks.items;
    image->block_count = plan->blocks.count;
    image->block_capacity = plan->blocks.capacity;
    image->memory.fetch = live_fetch;
    image->memory.fetch_data = image->live;
    plan->maps = (struct maps){0};
    plan->blocks = (struct blocks){0};
    return MX_OK;
}

mx_status image_capture(int pid, const struct mx_capture_options *options, struct image *ret,
                        struct mx_error *err)
{
    cleanup(plan_free) struct plan before = {0}, plan = {0};
    cleanup(image_free) struct image image = {.pid = pid};
    struct mx_capture_options how = options ? *options : (struct mx_capture_options){0};
    struct copy copy = {.progress = how.progress, .progress_data = how.progress_data};
    mx_status status = prepare(pid, how.mode, &before, err);
    if (!status)
        status = capture(&image, how.mode, &before.blocks, &plan, &copy, err);
    if (!status) {
        plan_free(&before);
        status = finish(&image, &plan, &copy, err);
    }
    vector_free(&copy.holes);
    if (status)
        return proc_explain(pid, status, err);
    *ret = image;
    image = (struct image){0};
    return MX_OK;
}

// The stack of the child is no part of the process.
static void leave_out_stack(struct maps *maps, const struct self_child *child)
{
    size_t kept = 0;
    for (size_t i = 0; i < maps->count; i++) {
        struct mapping *mapping = &maps->items[i];
        if (mapping->start >= child->stack && mapping->end <= child->stack_end)
            free(mapping->path);
        else
            maps->items[kept++] = *mapping;
    }
    maps->count = kept;
}

// What was mapped was read before there was a block to copy to: these are no part of it.
mx_status image_capture_self(const struct self_child *child, struct image *ret,
                             struct mx_error *err)
{
    cleanup(plan_free) struct plan plan = {0};
    cleanup(image_free) struct image image = {.pid = child->pid};
    struct copy copy = {.pid = child->pid};
    image.pause_ns = child->ended_ns - child->began_ns;
    mx_status status = live_open(&image, err);
    if (!status)
        status = plan_read(child->pid, child->parent, &(struct blocks){0}, &plan, err);
    if (!status)
        status = plan_check_room(child->pid, &plan, err);
    if (!status) {
        plan_populate(&plan);
        status = copy_plan(&image, &plan, &copy, err);
    }
    leave_out_stack(&plan.maps, child);
    if (!status)
        status = image_keep_registers(&image, &child->registers, child->registers.count > 0, err);
    if (!status)
        status =
            unforked_own_nbytes(child->parent, child->pid, &plan.maps, &image.unforked_bytes, err);
    if (!status)
        status = finish(&image, &plan, &copy, err);
    vector_free(&copy.holes);
    if (status)
        return status;
    *ret = image;
    image = (struct image){0};
    return MX_OK;
}

void image_free(struct image *image)
{
    struct blocks blocks = {image->blocks, image->block_count, image->block_capacity};
    plan_blocks_free(&blocks);
    memory_fini(&image->memory);
    maps_free(&image->maps);
    if (image->live)
        close_fd(&image->live->mem);
    free(image->live);
    core_release(image->core);
    free(image->registers);
    *image = (struct image){0};
}
