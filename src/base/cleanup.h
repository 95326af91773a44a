// cleanup.h - locals that release themselves: `cleanup(free_pointer) char *line = NULL;`
#ifndef MX_BASE_CLEANUP_H
#define MX_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

static inline void free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

static inline void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

// Takes the value out of a cleanup local, so that the caller owns it.
#define steal(pointer)                                                                             \
    ({                                                                                             \
        __typeof__(pointer) stolen_ = (pointer);                                                   \
        (pointer) = NULL;                                                                          \
        stolen_;                                                                                   \
    })

#endif
