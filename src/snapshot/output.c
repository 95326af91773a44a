// output.c - writes a snapshot file: without a name or under a temporary one, synced, then renamed.
//
// Where the filesystem has files without names (O_TMPFILE) a kill at any moment leaves nothing; else
// the temporary name goes on every failure that can be told.
#include "snapshot/output.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define MODE 0600        // values of somebody's process are in it
#define NAMES_TO_TRY 100 // temporary names: each is as good as free

static mx_status fail_io(const struct output *output, const char *what, struct mx_error *err)
{
    int problem = errno;
    const char *remedy = problem == ENOSPC || problem == EDQUOT ? "; free some space"
                         : problem == EFBIG  ? "; raise the limit of file sizes (ulimit -f)"
                         : problem == EACCES ? "; choose a directory that can be written to"
                                             : "";
    return fail(err, problem == EACCES || problem == EPERM ? MX_PERMISSION : MX_IO,
                "%.300s: %s: %s%s", output->path, what, strerror(problem), remedy);
}

// ---- names ------------------------------------------------------------------------------------

static mx_status split_path(struct output *output, struct mx_error *err)
{
    const char *slash = strrchr(output->path, '/');
    const char *name = slash ? slash + 1 : output->path;
    size_t nbytes = slash ? (size_t)(slash - output->path) : 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, MX_BAD_ARGUMENT, "'%.300s' is a directory; name a file to write",
                    output->path);
    if (strlen(name) >= sizeof output->name || nbytes >= sizeof output->directory)
        return fail(err, MX_BAD_ARGUMENT, "'%.200s...' is too long for a file's name",
                    output->path);
    snprintf(output->directory, sizeof output->directory, "%.*s", (int)nbytes, output->path);
    if (!nbytes)
        snprintf(output->directory, sizeof output->directory, "%s", slash ? "/" : ".");
    snprintf(output->name, sizeof output->name, "%s", name);
    return MX_OK;
}

static void make_temporary_name(struct output *output)
{
    uint64_t number = (uint64_t)time(NULL);
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number ^= (uint64_t)getpid() << 32;
    snprintf(output->temporary, sizeof output->temporary, ".%.200s.%012llx", output->name,
             (unsigned long long)(number & 0xFFFFFFFFFFFF));
}

static mx_status create(struct output *output, struct mx_error *err)
{
    output->fd = openat(output->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    if (output->fd >= 0)
        return MX_OK;
    for (int i = 0; i < NAMES_TO_TRY && output->fd < 0; i++) {
        make_temporary_name(output);
        output->fd = openat(output->directory_fd, output->temporary,
                            O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, MODE);
        if (output->fd < 0 && errno != EEXIST)
            break;
    }
    if (output->fd >= 0)
        return MX_OK;
    output->temporary[0] = '\0';
    return fail_io(output, "cannot be written", err);
}

mx_status output_open(struct output *output, const char *path, bool compress, struct mx_error *err)
{
    memset(output, 0, sizeof *output);
    output->path = path;
    output->compress = compress;
    output->fd = output->directory_fd = -1;
    output->nbytes = sizeof(struct format_header);
    pthread_mutex_init(&output->mutex, NULL);
    sigset_t
        too_large; // a write beyond the limit of file sizes is to fail, and not to end the process
    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &too_large, &output->signals);
    mx_status status = split_path(output, err);
    if (status)
        return status;
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return fail(err, MX_BAD_ARGUMENT, "'%.300s' is no regular file; name another to write",
                    path);
    output->directory_fd = open(output->directory, O_DIRECTORY | O_PATH | O_CLOEXEC);
    if (output->directory_fd < 0)
        return fail_io(output, "its directory cannot be opened", err);
    return create(output, err);
}

// ---- bytes ------------------------------------------------------------------------------------

static mx_status write_at(struct output *output, const void *bytes, uint64_t nbytes,
                          uint64_t offset, struct mx_error *err)
{
    const uint8_t *at = bytes;
    while (nbytes) {
        ssize_t written =
            pwrite(output->fd, at, nbytes < 1u << 30 ? nbytes : 1u << 30, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_io(output, "cannot be written", err);
        at += written;
        offset += (uint64_t)written;
        nbytes -= (uint64_t)written;
    }
    return MX_OK;
}

mx_status output_add(struct output *output, enum format_number section, const void *bytes,
                     uint64_t nbytes, uint32_t encoding, uint64_t count, struct mx_error *err)
{
    cleanup(free_pointer) uint8_t *packed = NULL;
    uint64_t stored = nbytes;
    if (output->compress) {
        mx_status status = zstd_pack(bytes, nbytes, &packed, &stored, err);
        if (status)
            return status;
        bytes = packed;
    }
    struct format_section *entry = &output->sections[section];
    snprintf(entry->name, sizeof entry->name, "%s", format_name(section));
    pthread_mutex_lock(&output->mutex);
    uint64_t offset = (output->nbytes + 7) & ~7ull;
    output->nbytes = offset + stored;
    pthread_mutex_unlock(&output->mutex);
    entry->offset = htole64(offset);
    entry->nbytes = htole64(stored);
    entry->raw_nbytes = htole64(nbytes);
    entry->count = htole64(count);
    entry->encoding = htole32(encoding);
    entry->checksum = htole32(crc32c(0, bytes, stored));
    output->added[section] = true;
    output->packed_nbytes[section] = stored;
    return write_at(output, bytes, stored, offset, err);
}

// ---- the end ----------------------------------------------------------------------------------

// Under the final name: a file without a name gets one, which may be there already.
static mx_status publish(struct output *output, struct mx_error *err)
{
    int directory = output->directory_fd;
    if (!output->temporary[0]) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", output->fd);
        if (linkat(AT_FDCWD, self, directory, output->name, AT_SYMLINK_FOLLOW) == 0)
            return MX_OK;
        for (int i = 0; i < NAMES_TO_TRY && errno == EEXIST; i++) {
            make_temporary_name(output);
            if (linkat(AT_FDCWD, self, directory, output->temporary, AT_SYMLINK_FOLLOW) == 0)
                break;
            output->temporary[0] = '\0';
        }
        if (!output->temporary[0])
            return fail_io(output, "cannot be given its name", err);
    }
    if (renameat(directory, output->temporary, directory, output->name) != 0)
        return fail_io(output, "cannot be given its name", err);
    output->temporary[0] = '\0';
    return MX_OK;
}

static mx_status sync_directory(const struct output *output, struct mx_error *err)
{
    cleanup(close_fd) int fd =
        openat(output->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Some filesystems cannot sync a directory, and a directory that cannot be read has no descriptor.
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL)
        return fail_io(output, "its directory cannot be synced", err);
    return MX_OK;
}

mx_status output_finish_file(struct output *output, uint32_t flags, struct mx_error *err)
{
    struct format_section table[FORMAT_SECTION_COUNT];
    uint32_t count = 0;
    for (size_t i = 0; i < FORMAT_SECTION_COUNT; i++)
        if (output->added[i])
            table[count++] = output->sections[i];
    uint64_t offset = (output->nbytes + 7) & ~7ull, nbytes = count * sizeof *table;
    struct format_header header = {
        .version = htole32(FORMAT_VERSION),
        .flags = htole32(flags | (output->compress ? FORMAT_COMPRESSED : 0)),
        .nbytes = htole64(offset + nbytes),
        .table_offset = htole64(offset),
        .section_count = htole32(count),
        .table_checksum = htole32(crc32c(0, table, nbytes)),
    };
    memcpy(header.magic, FORMAT_MAGIC, FORMAT_MAGIC_NBYTES);
    header.checksum = htole32(crc32c(0, &header, offsetof(struct format_header, checksum)));
    output->nbytes = offset + nbytes;
    mx_status status = write_at(output, table, nbytes, offset, err);
    if (!status)
        status = write_at(output, &header, sizeof header, 0, err);
    if (!status && fsync(output->fd) != 0)
        status = fail_io(output, "cannot be written", err);
    if (!status)
        status = publish(output, err);
    return status ? status : sync_directory(output, err);
}

void output_close(struct output *output)
{
    if (output->temporary[0])
        unlinkat(output->directory_fd, output->temporary, 0);
    if (output->fd >= 0)
        close(output->fd);
    if (output->directory_fd >= 0)
        close(output->directory_fd);
    pthread_mutex_destroy(&output->mutex);
    if (!sigismember(&output->signals, SIGXFSZ)) { // one that waits was ours
        static const struct timespec now = {0, 0};
        sigset_t too_large;
        sigemptyset(&too_large);
        sigaddset(&too_large, SIGXFSZ);
        sigtimedwait(&too_large, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &output->signals, NULL);
}
