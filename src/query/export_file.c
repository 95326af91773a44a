// export_file.c - an export under a name that it gets when it is complete.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "query/export.h"

static bool write_file(const char *bytes, size_t nbytes, void *data)
{
    int file = *(const int *)data;
    while (nbytes) {
        ssize_t count = write(file, bytes, nbytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        nbytes -= (size_t)count;
    }
    return true;
}

static mx_status fail_file(struct mx_error *err, const char *path, int error)
{
    return fail(err, MX_IO, "%.300s: %s", path, strerror(error));
}

static mx_status write_in_place(const mx_heap *heap, mx_export_format format,
                                const struct mx_export_options *options, const char *path,
                                struct mx_export_result *ret, struct mx_error *err)
{
    cleanup(close_fd) int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return fail_file(err, path, errno);
    return mx_heap_export(heap, format, options, write_file, &file, ret, err);
}

// Its folder, so that the new name is on the disk too.
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    cleanup(close_fd) int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0)
        fsync(file);
}

mx_status mx_heap_export_file(const mx_heap *heap, mx_export_format format,
                              const struct mx_export_options *options, const char *path,
                              struct mx_export_result *ret, struct mx_error *err)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return S_ISDIR(facts.st_mode) ? fail_file(err, path, EISDIR)
                                      : write_in_place(heap, format, options, path, ret, err);
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
        return fail_file(err, path, ENAMETOOLONG);
    cleanup(close_fd) int file = mkostemp(temporary, O_CLOEXEC); // 0600
    if (file < 0)
        return fail_file(err, path, errno);
    struct mx_export_result result;
    mx_status status = mx_heap_export(heap, format, options, write_file, &file, &result, err);
    if (!status && (fsync(file) || rename(temporary, path)))
        status = fail_file(err, path, errno);
    if (status) {
        unlink(temporary);
        return status;
    }
    sync_folder(path);
    if (ret)
        *ret = result;
    return MX_OK;
}
