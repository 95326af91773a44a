// maps.h - the mappings of a process, as /proc/PID/maps lists them.
#ifndef MX_MEMORY_MAPS_H
#define MX_MEMORY_MAPS_H

#include "memexplorer.h"

struct mapping {
    mx_addr start, end;
    uint64_t file_offset;
    uint64_t inode; // 0: no file
    uint32_t device_major, device_minor;
    bool readable, writable, executable, shared;
    bool deleted; // the file was removed or replaced on disk
    char *path;   // "" for anonymous ones, "[heap]", "[stack]", or the file, without " (deleted)"
};

struct maps {
    struct mapping *items; // sorted by start
    size_t count, capacity;
};

// Reads /proc/PID/maps as it is; *ret is freed by free.
mx_status maps_text(int pid, char **ret, size_t *ret_nbytes, struct mx_error *err);
// Reads and parses it.
mx_status maps_read(int pid, struct maps *ret, struct mx_error *err);
// Parses text in the form of /proc/PID/maps: for tests and fuzzing. Lines that make no sense are
// skipped.
mx_status maps_parse(const char *text, size_t nbytes, struct maps *ret, struct mx_error *err);
void maps_free(struct maps *maps);
// The mapping that holds addr, or NULL. O(log n).
const struct mapping *maps_find(const struct maps *maps, mx_addr addr);

#endif
