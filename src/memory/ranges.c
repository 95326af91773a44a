// ranges.c - which pages of a process to copy, told from /proc/PID/maps and /proc/PID/pagemap.
//
// Only pages that exist are read: reading an absent one would make the kernel create it, in the
// process that we only look at. An absent anonymous page is zero, an absent page of a file is what
// the file holds.
#include "memory/ranges.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PAGE_NBYTES 4096u

// Documentation/admin-guide/mm/pagemap.rst
#define PAGE_RESIDENT ((uint64_t)1 << 63)
#define PAGE_SWAPPED ((uint64_t)1 << 62)
#define PAGE_OF_FILE ((uint64_t)1 << 61) // or of shared memory: not the process' own copy

// The data and constants of a library are read whole, the absent pages too: names are in them.
#define LIMIT_WHOLE_FILE ((uint64_t)64 << 20)
// Whatever is larger is data that was mapped (a model's weights), not objects: of it only the pages
// that the process has changed are copied.
#define LIMIT_RESIDENT_FILE ((uint64_t)1 << 30)

bool mapping_is_copied(const struct mapping *mapping)
{
    if (mapping->shared || !mapping->readable || strncmp(mapping->path, "[v", 2) == 0)
        return false; // [vdso], [vvar], [vsyscall] are the kernel's
    return mapping->writable || !mapping->executable;
}

static bool is_anonymous(const struct mapping *mapping)
{
    return !mapping->inode || strncmp(mapping->path, "/anon_hugepage", 14) == 0;
}

static enum range_kind page_kind(const struct mapping *mapping, uint64_t entry)
{
    bool exists = entry & (PAGE_RESIDENT | PAGE_SWAPPED);
    if (is_anonymous(mapping))
        return exists ? RANGE_COPY : RANGE_ZERO;
    uint64_t nbytes = mapping->end - mapping->start;
    if (nbytes > LIMIT_RESIDENT_FILE)
        return exists && !(entry & PAGE_OF_FILE) ? RANGE_COPY : RANGE_NONE;
    if (exists)
        return RANGE_COPY;
    if (nbytes > LIMIT_WHOLE_FILE)
        return RANGE_NONE;
    return mapping->writable ? RANGE_COPY : RANGE_LATE;
}

// first: where the ranges of this mapping begin.
static bool range_push(struct ranges *ranges, size_t first, mx_addr start, mx_addr end,
                       enum range_kind kind)
{
    struct range *last = ranges->count > first ? &ranges->items[ranges->count - 1] : NULL;
    if (last && last->kind == kind) {
        last->end = end;
        return true;
    }
    return vector_push(ranges, ((struct range){start, end, kind}));
}

bool ranges_add(struct ranges *ranges, int pagemap, const struct mapping *mapping)
{
    uint64_t entries[8192];
    mx_addr addr = mapping->start;
    size_t first = ranges->count;
    while (pagemap >= 0 && addr < mapping->end) {
        uint64_t wanted = (mapping->end - addr) / PAGE_NBYTES * sizeof *entries;
        if (wanted > sizeof entries)
            wanted = sizeof entries;
        ssize_t got =
            pread(pagemap, entries, wanted, (off_t)(addr / PAGE_NBYTES * sizeof *entries));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < (ssize_t)sizeof *entries)
            break;
        for (size_t i = 0; i < (size_t)got / sizeof *entries; i++, addr += PAGE_NBYTES)
            if (!range_push(ranges, first, addr, addr + PAGE_NBYTES,
                            page_kind(mapping, entries[i])))
                return false;
    }
    if (addr == mapping->end)
        return true;
    return range_push(ranges, first, addr, mapping->end, page_kind(mapping, PAGE_RESIDENT));
}

uint64_t ranges_nbytes(const struct ranges *ranges, enum range_kind kind)
{
    uint64_t nbytes = 0;
    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->items[i].kind == kind)
            nbytes += ranges->items[i].end - ranges->items[i].start;
    return nbytes;
}
