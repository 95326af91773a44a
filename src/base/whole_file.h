// whole_file.h - a file that is there as a whole or not at all.
//
// Written without a name or under a temporary one, synced, then renamed: a full disk or a kill leaves what
// was there before. Knows no format.
#ifndef MX_BASE_WHOLE_FILE_H
#define MX_BASE_WHOLE_FILE_H

#include <signal.h>
#include <stdint.h>

#include "memexplorer.h"

struct whole_file {
    const char *path; // the caller's, until whole_file_close
    char directory[4096], name[256];
    char temporary[300]; // "" for a file without a name
    int directory_fd, fd;
    sigset_t signals; // those of the thread that opened it
};

// Readable and writable by its owner alone. A path that is there and no regular file is refused. Errors
// name the path and the remedy: MX_BAD_ARGUMENT, MX_PERMISSION, MX_IO. The thread gets no SIGXFSZ
// until whole_file_close, which is called whatever this says, by the same thread.
mx_status whole_file_open(struct whole_file *file, const char *path, struct mx_error *err);
// Any thread.
mx_status whole_file_write(const struct whole_file *file, const void *bytes, uint64_t nbytes,
                           uint64_t offset, struct mx_error *err);
// The bytes are on the disk, and have no name yet.
mx_status whole_file_sync(const struct whole_file *file, struct mx_error *err);
// Gives it its name, for good.
mx_status whole_file_publish(struct whole_file *file, struct mx_error *err);
// Nothing is left of it, unless it was published.
void whole_file_close(struct whole_file *file);

#endif
