// ranges.h - which pages of a process to copy. Private to src/memory.
#ifndef MX_MEMORY_RANGES_H
#define MX_MEMORY_RANGES_H

#include "base/vector.h"
#include "memory/maps.h"

// The data and constants of a library are read whole, the absent pages too: names are in them.
#define LIMIT_WHOLE_FILE ((uint64_t)64 << 20)
// Whatever is larger is data that was mapped (a model's weights), not objects: of it only the pages
// that the process has changed are copied.
#define LIMIT_RESIDENT_FILE ((uint64_t)1 << 30)

// What becomes of a run of pages in an image.
enum range_kind {
    RANGE_COPY, // copied while the process stands still
    RANGE_LATE, // contents of a file that cannot be written to: read after the stop
    RANGE_ZERO, // anonymous and never touched: reads as zero
    RANGE_NONE, // left out
};

struct range {
    mx_addr start, end;
    enum range_kind kind;
};

struct ranges {
    struct range *items; // sorted; each within one mapping; neighbours in it differ in kind
    size_t count, capacity;
};

// Private memory with contents of its own, and the constants of programs and libraries.
bool mapping_is_copied(const struct mapping *mapping);

// Appends what becomes of each page of the mapping. pagemap is a file descriptor of
// /proc/PID/pagemap; without it (-1) all pages are taken for resident. false when out of memory.
bool ranges_add(struct ranges *ranges, int pagemap, const struct mapping *mapping);

uint64_t ranges_nbytes(const struct ranges *ranges, enum range_kind kind);

#endif
