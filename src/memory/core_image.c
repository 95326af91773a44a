// core_image.c - an image out of a core file: the same segments as image.c makes of a live process.
//
// Bytes are copied, as from a process: a mapping of the core would be faster, and deadly when the
// file is cut short meanwhile. Holes of a sparse core are zeros that take no memory here either.
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/read_at.h"
#include "memory/block.h"
#include "memory/core_parts.h"
#include "memory/ranges.h"

#define LIMIT_WHOLE_FILE ((uint64_t)64 << 20) // as in ranges.c
#define CHUNK_NBYTES ((uint64_t)16 << 20)     // between two calls of progress

struct filling {
    struct core *core;
    struct image *image;
    const struct image_block *block;
    mx_addr start, end; // what has been filled and is no segment yet; start == end: nothing
    uint64_t total;
    mx_progress_fn *progress;
    void *progress_data;
};

// Makes a segment of what was filled, and goes on at addr.
static mx_status flush(struct filling *filling, mx_addr addr, struct mx_error *err)
{
    mx_status status = MX_OK;
    if (filling->start < filling->end)
        status = memory_add(&filling->image->memory, filling->start,
                            block_at(filling->block, filling->start), filling->end - filling->start,
                            err);
    filling->start = filling->end = addr;
    return status;
}

// Reads from the core, but for the holes in the file; how many bytes there are.
static uint64_t read_dumped(struct filling *filling, uint64_t offset, uint8_t *local,
                            uint64_t nbytes)
{
    uint64_t done = 0;
    while (done < nbytes) {
        off_t data = lseek(filling->core->fd, (off_t)(offset + done), SEEK_DATA);
        if (data > (off_t)(offset + done)) {
            uint64_t hole = (uint64_t)data - (offset + done);
            done += hole < nbytes - done ? hole : nbytes - done;
            continue;
        }
        if (data < 0 && errno == ENXIO) { // a hole up to the end, or the file has become shorter
            struct stat info;
            uint64_t size = fstat(filling->core->fd, &info) == 0 ? (uint64_t)info.st_size : 0;
            uint64_t left = size > offset + done ? size - (offset + done) : 0;
            return done + (left < nbytes - done ? left : nbytes - done);
        }
        uint64_t wanted = nbytes - done < CHUNK_NBYTES ? nbytes - done : CHUNK_NBYTES;
        off_t hole = lseek(filling->core->fd, (off_t)(offset + done), SEEK_HOLE);
        if (hole > (off_t)(offset + done) && (uint64_t)hole - (offset + done) < wanted)
            wanted = (uint64_t)hole - (offset + done);
        size_t got = read_at(filling->core->fd, offset + done, local + done, wanted);
        done += got;
        filling->image->copied_bytes += got;
        if (filling->progress)
            filling->progress("copying", filling->image->copied_bytes, filling->total,
                              filling->progress_data);
        if (got < wanted)
            break;
    }
    return done;
}

// Are the constants of a program or library missing, or the data of somebody who never asked to be
// in a core?
static bool is_loss(const struct core *core, size_t index)
{
    size_t file = core->map_files[index];
    return core->maps.items[index].writable ||
           (file != SIZE_MAX && core->files.items[file].state != CORE_FILE_UNKNOWN);
}

// Fills [addr, addr + nbytes), which has one origin; *ret_done is how much of it could be had.
static void fill_part(struct filling *filling, size_t index, mx_addr addr, uint64_t nbytes,
                      enum core_origin origin, uint64_t *ret_done)
{
    const struct core *core = filling->core;
    const struct mapping *mapping = &core->maps.items[index];
    uint8_t *local = block_at(filling->block, addr);
    *ret_done = 0;
    switch (origin) {
    case CORE_DUMPED: {
        const struct core_piece *piece = core_piece_find(core, addr);
        *ret_done = read_dumped(filling, piece->offset + (addr - piece->start), local, nbytes);
        filling->image->skipped_bytes += nbytes - *ret_done;
        return;
    }
    case CORE_IN_FILE:
        if (mapping->end - mapping->start > LIMIT_WHOLE_FILE)
            return; // left to core_fetch
        *ret_done = read_at(core->files.items[core->map_files[index]].fd,
                            mapping->file_offset + (addr - mapping->start), local, nbytes);
        return;
    case CORE_LOST:
        filling->image->skipped_bytes += nbytes;
        return;
    case CORE_NOWHERE:
        if (is_loss(core, index))
            filling->image->skipped_bytes += nbytes;
        return;
    }
}

static mx_status fill_mapping(struct filling *filling, size_t index, struct mx_error *err)
{
    const struct mapping *mapping = &filling->core->maps.items[index];
    for (mx_addr addr = mapping->start; addr < mapping->end;) {
        uint64_t nbytes, done;
        enum core_origin origin = core_origin(filling->core, index, addr, &nbytes);
        fill_part(filling, index, addr, nbytes, origin, &done);
        filling->end = addr + done;
        addr += nbytes;
        mx_status status = done < nbytes ? flush(filling, addr, err) : MX_OK;
        if (status)
            return status;
    }
    return MX_OK;
}

// The mappings from first to last follow each other: one block, so that they become one segment.
static mx_status fill_run(struct filling *filling, size_t first, size_t last, struct mx_error *err)
{
    const struct mapping *mappings = filling->core->maps.items;
    struct image *image = filling->image;
    struct {
        struct image_block *items;
        size_t count, capacity;
    } blocks = {image->blocks, image->block_count, image->block_capacity};
    struct image_block block;
    mx_addr start = mappings[first].start, end = mappings[last].end;
    if (!block_reserve(start, end - start, &block)) {
        image->skipped_bytes += end - start;
        return MX_OK;
    }
    bool kept = vector_push(&blocks, block);
    image->blocks = blocks.items;
    image->block_count = blocks.count;
    image->block_capacity = blocks.capacity;
    if (!kept) {
        block_release(&block);
        return fail_no_memory(err);
    }
    filling->block = &image->blocks[image->block_count - 1];
    filling->start = filling->end = start;
    mx_status status = MX_OK;
    for (size_t i = first; i <= last && !status; i++)
        status = fill_mapping(filling, i, err);
    return status ? status : flush(filling, end, err);
}

static uint64_t dumped_nbytes(const struct core *core)
{
    struct stat info;
    uint64_t nbytes = 0;
    for (size_t i = 0; i < core->pieces.count; i++)
        nbytes += core->pieces.items[i].nbytes;
    uint64_t stored = fstat(core->fd, &info) == 0 ? (uint64_t)info.st_blocks * 512 : nbytes;
    return nbytes < stored ? nbytes : stored;
}

static mx_status fill_all(struct filling *filling, struct mx_error *err)
{
    const struct maps *maps = &filling->core->maps;
    mx_status status = MX_OK;
    for (size_t first = 0, last; first < maps->count && !status; first = last + 1) {
        last = first;
        if (!mapping_is_copied(&maps->items[first]))
            continue;
        while (last + 1 < maps->count && maps->items[last + 1].start == maps->items[last].end &&
               mapping_is_copied(&maps->items[last + 1]))
            last++;
        status = fill_run(filling, first, last, err);
    }
    return status;
}

mx_status core_capture(struct core *core, mx_progress_fn *progress, void *progress_data,
                       struct image *ret, struct mx_error *err)
{
    cleanup(image_free) struct image image = {.pid = core->pid, .core = core_hold(core)};
    struct filling filling = {.core = core,
                              .image = &image,
                              .total = dumped_nbytes(core),
                              .progress = progress,
                              .progress_data = progress_data};
    uint64_t available = available_nbytes();
    if (filling.total >= available)
        return fail(
            err, MX_NO_MEMORY,
            "%s: a copy of its memory takes %.1f GB, and this machine has %.1f GB available",
            core->name, (double)filling.total / 1e9, (double)available / 1e9);
    memory_init(&image.memory, core_fetch, core);
    mx_status status = fill_all(&filling, err);
    if (!status)
        status = core_maps(core, &image.maps, err);
    if (!status)
        status = image_keep_registers(&image, core->threads.items, core->threads.count, err);
    if (status)
        return status;
    *ret = image;
    image = (struct image){0};
    return MX_OK;
}
