// ranges.c - which pages of a process to copy, told from /proc/PID/maps and /proc/PID/pagemap.
//
// Only pages that exist are read: reading an absent one would make the kernel create it, in the
// process that we only look at. An absent anonymous page is zero, an absent page of a file is what
// the file holds.
#include "memory/ranges.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE_NBYTES 4096u

// Documentation/admin-guide/mm/pagemap.rst
#define PAGE_RESIDENT ((uint64_t)1 << 63)
#define PAGE_SWAPPED ((uint64_t)1 << 62)
#define PAGE_OF_FILE ((uint64_t)1 << 61) // or of shared memory: not the process' own copy

// Without PAGEMAP_SCAN a page costs nanoseconds, and what is larger than this is a reservation, like
// the 14 TiB of AddressSanitizer.
#define LIMIT_READ ((uint64_t)4 << 40)

// PAGEMAP_SCAN of linux/fs.h, Linux 6.7: newer than the headers of supported distributions.
struct scan_region {
    uint64_t start, end, categories;
};

struct scan_argument {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t inverted, all_of, any_of, returned;
};

#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct scan_argument)
#define SCAN_FILE ((uint64_t)1 << 2)
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_SWAPPED ((uint64_t)1 << 4)

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

// Appends [start, end), and what lies between it and *addr as absent. Advances *addr.
static bool region_push(struct ranges *ranges, size_t first, const struct mapping *mapping,
                        mx_addr *addr, const struct scan_region *region)
{
    uint64_t entry = (region->categories & SCAN_PRESENT ? PAGE_RESIDENT : 0) |
                     (region->categories & SCAN_SWAPPED ? PAGE_SWAPPED : 0) |
                     (region->categories & SCAN_FILE ? PAGE_OF_FILE : 0);
    if (*addr < region->start &&
        !range_push(ranges, first, *addr, region->start, page_kind(mapping, 0)))
        return false;
    *addr = region->end;
    return range_push(ranges, first, region->start, region->end, page_kind(mapping, entry));
}

// By ioctl, which does not look at the pages of empty page tables one by one. Goes on from *addr,
// and leaves it before the end of the mapping when the kernel cannot do it.
static bool scan_add(struct ranges *ranges, size_t first, int pagemap,
                     const struct mapping *mapping, mx_addr *addr)
{
    struct scan_region regions[512];
    while (*addr < mapping->end) {
        struct scan_argument argument = {
            .size = sizeof argument,
            .start = *addr,
            .end = mapping->end,
            .regions = (uint64_t)(uintptr_t)regions,
            .region_count = sizeof regions / sizeof *regions,
            .any_of = SCAN_PRESENT | SCAN_SWAPPED,
            .returned = SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE,
        };
        int count = ioctl(pagemap, PAGEMAP_SCAN_IOCTL, &argument);
        if (count < 0 || argument.walk_end <= *addr)
            return true;
        for (int i = 0; i < count; i++)
            if (!region_push(ranges, first, mapping, addr, &regions[i]))
                return false;
        if (*addr < argument.walk_end &&
            !range_push(ranges, first, *addr, argument.walk_end, page_kind(mapping, 0)))
            return false;
        *addr = argument.walk_end;
    }
    return true;
}

// The same from the bits of each page, before Linux 6.7.
static bool read_add(struct ranges *ranges, size_t first, int pagemap,
                     const struct mapping *mapping, mx_addr *addr)
{
    uint64_t entries[8192];
    while (*addr < mapping->end) {
        uint64_t wanted = (mapping->end - *addr) / PAGE_NBYTES * sizeof *entries;
        if (wanted > sizeof entries)
            wanted = sizeof entries;
        ssize_t got =
            pread(pagemap, entries, wanted, (off_t)(*addr / PAGE_NBYTES * sizeof *entries));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < (ssize_t)sizeof *entries)
            return true;
        for (size_t i = 0; i < (size_t)got / sizeof *entries; i++, *addr += PAGE_NBYTES)
            if (!range_push(ranges, first, *addr, *addr + PAGE_NBYTES,
                            page_kind(mapping, entries[i])))
                return false;
    }
    return true;
}

bool ranges_add(struct ranges *ranges, int pagemap, const struct mapping *mapping)
{
    mx_addr addr = mapping->start;
    size_t first = ranges->count;
    bool huge = mapping->end - mapping->start > LIMIT_READ;
    if (pagemap >= 0 && (!scan_add(ranges, first, pagemap, mapping, &addr) ||
                         (!huge && !read_add(ranges, first, pagemap, mapping, &addr))))
        return false;
    if (addr == mapping->end)
        return true;
    return range_push(ranges, first, addr, mapping->end,
                      huge ? RANGE_NONE : page_kind(mapping, PAGE_RESIDENT));
}

uint64_t ranges_nbytes(const struct ranges *ranges, enum range_kind kind)
{
    uint64_t nbytes = 0;
    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->items[i].kind == kind)
            nbytes += ranges->items[i].end - ranges->items[i].start;
    return nbytes;
}
