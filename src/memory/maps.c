// maps.c - /proc/PID/maps, line by line:
//
//   7f0c1a000000-7f0c1a021000 rw-p 00000000 103:02 1835 /path with spaces\012and newlines (deleted)
//
// The list is written by the kernel, but page by page while the process goes on: a line that
// overlaps the one before it, or makes no sense, is skipped.
#include "memory/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sorted.h"
#include "base/vector.h"
#include "memory/procfs.h"

// vm.max_map_count is 65,530; distributions raise it to 1,048,576.
#define LIMIT_MAPPINGS 4000000
#define LIMIT_TEXT ((size_t)1 << 30) // as many lines of 256 bytes

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *line, char wanted)
{
    if (line->at == line->end || *line->at != wanted)
        return false;
    line->at++;
    return true;
}

// One character of the permissions: is it `set`?
static bool take_flag(struct cursor *line, char set)
{
    return line->at != line->end && *line->at++ == set;
}

static bool take_number(struct cursor *line, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    const char *start = line->at;
    for (; line->at != line->end; line->at++) {
        char c = *line->at;
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (base == 16 && c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret = value;
    return line->at != start;
}

// The rest of the line. Only newlines are escaped, as \012: any other backslash stands for itself.
static char *take_path(struct cursor *line, bool *ret_deleted)
{
    static const char deleted[] = " (deleted)";
    size_t nbytes = (size_t)(line->end - line->at), length = 0, tail = sizeof deleted - 1;
    char *path = malloc(nbytes + 1);
    if (!path)
        return NULL;
    while (line->at != line->end) {
        bool newline = line->end - line->at >= 4 && memcmp(line->at, "\\012", 4) == 0;
        path[length++] = newline ? '\n' : *line->at;
        line->at += newline ? 4 : 1;
    }
    *ret_deleted =
        length > tail && *path == '/' && memcmp(path + length - tail, deleted, tail) == 0;
    path[*ret_deleted ? length - tail : length] = 0;
    return path;
}

// Everything but the path; false when the line makes no sense.
static bool take_mapping(struct cursor *line, struct mapping *ret)
{
    struct mapping mapping = {0};
    uint64_t major, minor;
    if (!take_number(line, 16, &mapping.start) || !take(line, '-') ||
        !take_number(line, 16, &mapping.end) || !take(line, ' ') || line->end - line->at < 4)
        return false;
    mapping.readable = take_flag(line, 'r');
    mapping.writable = take_flag(line, 'w');
    mapping.executable = take_flag(line, 'x');
    mapping.shared = take_flag(line, 's');
    if (!take(line, ' ') || !take_number(line, 16, &mapping.file_offset) || !take(line, ' ') ||
        !take_number(line, 16, &major) || !take(line, ':') || !take_number(line, 16, &minor) ||
        !take(line, ' ') || !take_number(line, 10, &mapping.inode))
        return false;
    if (line->at != line->end && !take(line, ' '))
        return false;
    while (take(line, ' '))
        ;
    mapping.device_major = (uint32_t)major;
    mapping.device_minor = (uint32_t)minor;
    *ret = mapping;
    return mapping.start < mapping.end;
}

mx_status maps_parse(const char *text, size_t nbytes, struct maps *ret, struct mx_error *err)
{
    cleanup(maps_free) struct maps maps = {0};
    const char *end = text + nbytes;
    while (text != end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct cursor line = {text, newline ? newline : end};
        text = newline ? newline + 1 : end;
        struct mapping mapping;
        if (!take_mapping(&line, &mapping))
            continue;
        if (maps.count && mapping.start < maps.items[maps.count - 1].end)
            continue;
        if (maps.count == LIMIT_MAPPINGS)
            return fail(err, MX_LIMIT, "more than %d mappings", LIMIT_MAPPINGS);
        if (!vector_reserve(&maps, maps.count + 1) ||
            !(mapping.path = take_path(&line, &mapping.deleted)))
            return fail_no_memory(err);
        maps.items[maps.count++] = mapping;
    }
    *ret = maps;
    maps = (struct maps){0};
    return MX_OK;
}

mx_status maps_text(int pid, char **ret, size_t *ret_nbytes, struct mx_error *err)
{
    cleanup(close_fd) int fd = proc_open(pid, "maps");
    if (fd < 0)
        return proc_fail(pid, "maps", errno, err);
    cleanup(free_pointer) char *text = NULL;
    size_t length = 0, capacity = 0;
    for (;;) {
        if (length == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 16;
            char *moved = capacity <= LIMIT_TEXT ? realloc(text, capacity) : NULL;
            if (!moved)
                return fail_no_memory(err);
            text = moved;
        }
        ssize_t got = read(fd, text + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return proc_fail(pid, "maps", errno, err);
        if (!got)
            break;
        length += (size_t)got;
    }
    *ret = steal(text);
    *ret_nbytes = length;
    return MX_OK;
}

mx_status maps_read(int pid, struct maps *ret, struct mx_error *err)
{
    cleanup(free_pointer) char *text = NULL;
    size_t nbytes = 0;
    mx_status status = maps_text(pid, &text, &nbytes, err);
    return status ? status : maps_parse(text, nbytes, ret, err);
}

void maps_free(struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        free(maps->items[i].path);
    vector_free(maps);
}

const struct mapping *maps_find(const struct maps *maps, mx_addr addr)
{
    size_t after = sorted_upto(maps->items, maps->count, addr);
    return after && addr < maps->items[after - 1].end ? &maps->items[after - 1] : NULL;
}
