// unforked.c - memory that a process does not give to its children: madvise can say so.
#include "memory/unforked.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "memory/procfs.h"
#include "memory/ranges.h"

// Bytes of the mapping that none of `maps` covers.
static uint64_t uncovered(const struct mapping *mapping, const struct maps *maps)
{
    uint64_t nbytes = 0;
    for (mx_addr at = mapping->start; at < mapping->end;) {
        const struct mapping *other = maps_find(maps, at);
        mx_addr next = at + 4096;
        if (other && mapping_is_copied(other))
            next = other->end;
        else
            nbytes += next - at;
        at = next;
    }
    return nbytes;
}

// The mappings that /proc/PID/smaps marks with `flag`, of those that would be copied:
//
//   7f0c1a000000-7f0c1a021000 rw-p 00000000 00:00 0
//   Size:                132 kB
//   ...
//   VmFlags: rd wr mr mw me ac wf
static mx_status marked_nbytes(int pid, const char *flag, const struct maps *maps, uint64_t *nbytes,
                               struct mx_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps", pid);
    cleanup(close_file) FILE *file = fopen(path, "re");
    if (!file)
        return proc_fail(pid, "smaps", errno, err);
    cleanup(free_pointer) char *line = NULL;
    size_t size = 0;
    const struct mapping *mapping = NULL;
    while (getline(&line, &size, file) > 0) {
        mx_addr start, end;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
            mapping = maps_find(maps, start);
        else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, flag) && mapping &&
                 mapping_is_copied(mapping))
            *nbytes += mapping->end - mapping->start;
    }
    return MX_OK;
}

mx_status unforked_nbytes(int child, const struct maps *parents, const struct maps *childs,
                          uint64_t *ret, struct mx_error *err)
{
    uint64_t nbytes = 0;
    for (size_t i = 0; i < parents->count; i++)
        if (mapping_is_copied(&parents->items[i]))
            nbytes += uncovered(&parents->items[i], childs);
    mx_status status = marked_nbytes(child, " wf", childs, &nbytes, err);
    if (!status)
        *ret = nbytes;
    return status;
}

// The process goes on meanwhile: what it maps now is no loss, what it has marked is.
mx_status unforked_own_nbytes(int parent, int child, const struct maps *childs, uint64_t *ret,
                              struct mx_error *err)
{
    cleanup(maps_free) struct maps parents = {0};
    uint64_t nbytes = 0;
    mx_status status = marked_nbytes(child, " wf", childs, &nbytes, err);
    if (!status && !maps_read(parent, &parents, NULL))
        marked_nbytes(parent, " dc", &parents, &nbytes, NULL);
    if (!status)
        *ret = nbytes;
    return status;
}
