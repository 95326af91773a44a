// export_file.c - an export under a name that it gets when it is complete.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/whole_file.h"
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

struct written {
    struct whole_file file;
    uint64_t nbytes;
    mx_status status; // of what failed first, and why
    struct mx_error failure;
};

static bool write_whole(const char *bytes, size_t nbytes, void *data)
{
    struct written *written = data;
    written->status =
        whole_file_write(&written->file, bytes, nbytes, written->nbytes, &written->failure);
    written->nbytes += nbytes;
    return !written->status;
}

static mx_status write_new(const mx_heap *heap, mx_export_format format,
                           const struct mx_export_options *options, struct written *written,
                           struct mx_export_result *ret, struct mx_error *err)
{
    struct mx_export_result result;
    mx_status status = mx_heap_export(heap, format, options, write_whole, written, &result, err);
    if (written->status) {
        if (err)
            *err = written->failure;
        return written->status;
    }
    if (!status)
        status = whole_file_sync(&written->file, err);
    if (!status)
        status = whole_file_publish(&written->file, err);
    if (!status && ret)
        *ret = result;
    return status;
}

mx_status mx_heap_export_file(const mx_heap *heap, mx_export_format format,
                              const struct mx_export_options *options, const char *path,
                              struct mx_export_result *ret, struct mx_error *err)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return S_ISDIR(facts.st_mode) ? fail_file(err, path, EISDIR)
                                      : write_in_place(heap, format, options, path, ret, err);
    struct written *written = calloc(1, sizeof *written);
    if (!written)
        return fail_no_memory(err);
    mx_status status = whole_file_open(&written->file, path, err);
    if (!status)
        status = write_new(heap, format, options, written, ret, err);
    whole_file_close(&written->file);
    free(written);
    return status;
}
