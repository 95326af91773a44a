// copy.c - copying ranges of a stopped process into blocks, many ranges in one system call.
//
// process_vm_readv ends at the first page it cannot read and says how far it came. That page is
// tried once more through /proc/PID/mem, else it is a hole, and copying goes on behind it. Guard pages
// (madvise, MADV_GUARD_INSTALL; under each stack that glibc 2.42 makes for a thread) are holes that look
// like swapped pages until they are read.
#include "memory/copy.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sorted.h"
#include "memory/process.h"
#include "memory/procfs.h"

#define PAGE_NBYTES 4096u
#define BATCH_RANGES 1024                 // UIO_MAXIOV
#define PAGE_GUARD ((uint64_t)1 << 58)    // Documentation/admin-guide/mm/pagemap.rst, Linux 6.15
#define BATCH_NBYTES ((uint64_t)32 << 20) // about 5 ms: progress is told that often

struct batch {
    struct iovec local[BATCH_RANGES], remote[BATCH_RANGES];
    size_t count, first; // first: what was copied before it
    uint64_t nbytes;     // of the whole batch
};

size_t blocks_after(const struct image_block *blocks, size_t count, mx_addr addr)
{
    size_t after = sorted_upto(blocks, count, addr);
    return after && addr - blocks[after - 1].start < blocks[after - 1].nbytes ? after - 1 : after;
}

const struct image_block *blocks_find(const struct image_block *blocks, size_t count, mx_addr addr)
{
    size_t index = blocks_after(blocks, count, addr);
    return index < count && blocks[index].start <= addr ? &blocks[index] : NULL;
}

static bool hole_push(struct copy *copy, mx_addr start, mx_addr end)
{
    struct range *last = copy->holes.count ? &copy->holes.items[copy->holes.count - 1] : NULL;
    if (last && last->end == start) {
        last->end = end;
        return true;
    }
    return vector_push(&copy->holes, ((struct range){start, end, RANGE_NONE}));
}

// Takes nbytes from the front of what is left of the batch.
static void batch_advance(struct batch *batch, size_t nbytes)
{
    while (nbytes) {
        struct iovec *local = &batch->local[batch->first], *remote = &batch->remote[batch->first];
        size_t taken = nbytes < local->iov_len ? nbytes : local->iov_len;
        local->iov_base = (uint8_t *)local->iov_base + taken;
        remote->iov_base = (uint8_t *)remote->iov_base + taken;
        local->iov_len = remote->iov_len -= taken;
        nbytes -= taken;
        batch->first += local->iov_len == 0;
    }
}

// Nobody can read it, not the process either: nothing is lost.
static bool is_guard_page(int pid, mx_addr addr)
{
    cleanup(close_fd) int pagemap = proc_open(pid, "pagemap");
    uint64_t entry = 0;
    return pagemap >= 0 &&
           pread(pagemap, &entry, sizeof entry, (off_t)(addr / PAGE_NBYTES * sizeof entry)) ==
               sizeof entry &&
           entry & PAGE_GUARD;
}

// The page at the front of the batch could not be read with the others.
static mx_status copy_page(struct copy *copy, struct batch *batch, struct mx_error *err)
{
    mx_addr addr = (mx_addr)(uintptr_t)batch->remote[batch->first].iov_base;
    void *local = batch->local[batch->first].iov_base;
    if (process_fetch(&copy->pid, addr, local, PAGE_NBYTES) == PAGE_NBYTES)
        copy->copied_bytes += PAGE_NBYTES;
    else if (!hole_push(copy, addr, addr + PAGE_NBYTES))
        return fail_no_memory(err);
    else if (is_guard_page(copy->pid, addr))
        copy->guard_bytes += PAGE_NBYTES;
    batch_advance(batch, PAGE_NBYTES);
    return MX_OK;
}

static mx_status batch_copy(struct copy *copy, struct batch *batch, struct mx_error *err)
{
    while (batch->first < batch->count) {
        size_t count = batch->count - batch->first;
        ssize_t got = process_vm_readv(copy->pid, batch->local + batch->first, count,
                                       batch->remote + batch->first, count, 0);
        if (got > 0) {
            batch_advance(batch, (size_t)got);
            copy->copied_bytes += (uint64_t)got;
            continue;
        }
        if (got < 0 && errno == ESRCH)
            return proc_fail_gone(copy->pid, err);
        mx_status status = copy_page(copy, batch, err);
        if (status)
            return status;
    }
    batch->count = batch->first = 0;
    batch->nbytes = 0;
    return MX_OK;
}

// Adds a piece of at most what is left of the batch's size; how much.
static uint64_t batch_add(struct batch *batch, const struct image_block *block, mx_addr addr,
                          uint64_t nbytes)
{
    if (nbytes > BATCH_NBYTES - batch->nbytes)
        nbytes = BATCH_NBYTES - batch->nbytes;
    batch->local[batch->count] = (struct iovec){block_at(block, addr), nbytes};
    batch->remote[batch->count] = (struct iovec){(void *)(uintptr_t)addr, nbytes}; // NOLINT
    batch->count++;
    batch->nbytes += nbytes;
    return nbytes;
}

mx_status copy_ranges(struct copy *copy, const struct ranges *ranges, enum range_kind kind,
                      struct mx_error *err)
{
    struct batch batch = {.count = 0};
    uint64_t done = 0, total = ranges_nbytes(ranges, kind);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *range = &ranges->items[i];
        const struct image_block *block = NULL;
        for (mx_addr addr = range->start; range->kind == kind && addr < range->end;) {
            if (!block || !block_holds(block, addr, addr + 1))
                block = blocks_find(copy->blocks, copy->block_count, addr);
            if (!block)
                break;
            mx_addr end = block->start + block->nbytes;
            addr += batch_add(&batch, block, addr, (range->end < end ? range->end : end) - addr);
            if (batch.count < BATCH_RANGES && batch.nbytes < BATCH_NBYTES)
                continue;
            done += batch.nbytes;
            mx_status status = batch_copy(copy, &batch, err);
            if (status)
                return status;
            if (copy->progress)
                copy->progress("copying", done, total, copy->progress_data);
        }
    }
    return batch_copy(copy, &batch, err);
}
