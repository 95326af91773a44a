// read_at.h - bytes out of a file by their place in it, as many as there are.
#ifndef MX_BASE_READ_AT_H
#define MX_BASE_READ_AT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

// nbytes at offset; less at the end of the file, where reading fails, or beyond what an offset may be.
static inline size_t read_at(int fd, uint64_t offset, void *buffer, size_t nbytes)
{
    size_t done = 0;
    while (done < nbytes && offset + done <= INT64_MAX) {
        ssize_t got = pread(fd, (uint8_t *)buffer + done, nbytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static inline bool read_all_at(int fd, uint64_t offset, void *buffer, size_t nbytes)
{
    return read_at(fd, offset, buffer, nbytes) == nbytes;
}

#endif
