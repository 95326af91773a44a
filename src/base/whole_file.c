// whole_file.c - a file without a name or under a temporary one, synced, then renamed.
//
// Where the filesystem has files without names (O_TMPFILE) a kill at any moment leaves nothing; else
// the temporary name goes on every failure that can be told.
#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define MODE 0600        // values of somebody's process are in it
#define NAMES_TO_TRY 100 // temporary names: each is as good as free

static mx_status fail_io(const struct whole_file *file, const char *what, struct mx_error *err)
{
    int problem = errno;
    const char *remedy = problem == ENOSPC || problem == EDQUOT ? "; free some space"
                         : problem == EFBIG  ? "; raise the limit of file sizes (ulimit -f)"
                         : problem == EACCES ? "; choose a directory that can be written to"
                                             : "";
    return fail(err, problem == EACCES || problem == EPERM ? MX_PERMISSION : MX_IO,
                "%.300s: %s: %s%s", file->path, what, strerror(problem), remedy);
}

// ---- names ------------------------------------------------------------------------------------

static mx_status split_path(struct whole_file *file, struct mx_error *err)
{
    const char *slash = strrchr(file->path, '/');
    const char *name = slash ? slash + 1 : file->path;
    size_t nbytes = slash ? (size_t)(slash - file->path) : 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, MX_BAD_ARGUMENT, "'%.300s' is a directory; name a file to write",
                    file->path);
    if (strlen(name) >= sizeof file->name || nbytes >= sizeof file->directory)
        return fail(err, MX_BAD_ARGUMENT, "'%.200s...' is too long for a file's name", file->path);
    snprintf(file->directory, sizeof file->directory, "%.*s", (int)nbytes, file->path);
    if (!nbytes)
        snprintf(file->directory, sizeof file->directory, "%s", slash ? "/" : ".");
    snprintf(file->name, sizeof file->name, "%s", name);
    return MX_OK;
}

static void make_temporary_name(struct whole_file *file)
{
    uint64_t number = (uint64_t)time(NULL);
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number ^= (uint64_t)getpid() << 32;
    snprintf(file->temporary, sizeof file->temporary, ".%.200s.%012llx", file->name,
             (unsigned long long)(number & 0xFFFFFFFFFFFF));
}

static mx_status create(struct whole_file *file, struct mx_error *err)
{
    file->fd = openat(file->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    if (file->fd >= 0)
        return MX_OK;
    for (int i = 0; i < NAMES_TO_TRY && file->fd < 0; i++) {
        make_temporary_name(file);
        file->fd = openat(file->directory_fd, file->temporary,
                          O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, MODE);
        if (file->fd < 0 && errno != EEXIST)
            break;
    }
    if (file->fd >= 0)
        return MX_OK;
    file->temporary[0] = '\0';
    return fail_io(file, "cannot be written", err);
}

mx_status whole_file_open(struct whole_file *file, const char *path, struct mx_error *err)
{
    *file = (struct whole_file){.path = path, .fd = -1, .directory_fd = -1};
    sigset_t
        too_large; // a write beyond the limit of file sizes is to fail, and not to end the process
    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &too_large, &file->signals);
    mx_status status = split_path(file, err);
    if (status)
        return status;
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return fail(err, MX_BAD_ARGUMENT, "'%.300s' is no regular file; name another to write",
                    path);
    file->directory_fd = open(file->directory, O_DIRECTORY | O_PATH | O_CLOEXEC);
    if (file->directory_fd < 0)
        return fail_io(file, "its directory cannot be opened", err);
    return create(file, err);
}

// ---- bytes ------------------------------------------------------------------------------------

mx_status whole_file_write(const struct whole_file *file, const void *bytes, uint64_t nbytes,
                           uint64_t offset, struct mx_error *err)
{
    const uint8_t *at = bytes;
    while (nbytes) {
        ssize_t written =
            pwrite(file->fd, at, nbytes < 1u << 30 ? nbytes : 1u << 30, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_io(file, "cannot be written", err);
        at += written;
        offset += (uint64_t)written;
        nbytes -= (uint64_t)written;
    }
    return MX_OK;
}

mx_status whole_file_sync(const struct whole_file *file, struct mx_error *err)
{
    return fsync(file->fd) == 0 ? MX_OK : fail_io(file, "cannot be written", err);
}

// ---- the end ----------------------------------------------------------------------------------

// Under the final name: a file without a name gets one, which may be there already.
static mx_status give_name(struct whole_file *file, struct mx_error *err)
{
    int directory = file->directory_fd;
    if (!file->temporary[0]) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
        if (linkat(AT_FDCWD, self, directory, file->name, AT_SYMLINK_FOLLOW) == 0)
            return MX_OK;
        for (int i = 0; i < NAMES_TO_TRY && errno == EEXIST; i++) {
            make_temporary_name(file);
            if (linkat(AT_FDCWD, self, directory, file->temporary, AT_SYMLINK_FOLLOW) == 0)
                break;
            file->temporary[0] = '\0';
        }
        if (!file->temporary[0])
            return fail_io(file, "cannot be given its name", err);
    }
    if (renameat(directory, file->temporary, directory, file->name) != 0)
        return fail_io(file, "cannot be given its name", err);
    file->temporary[0] = '\0';
    return MX_OK;
}

static mx_status sync_directory(const struct whole_file *file, struct mx_error *err)
{
    cleanup(close_fd) int fd = openat(file->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Some filesystems cannot sync a directory, and a directory that cannot be read has no descriptor.
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL)
        return fail_io(file, "its directory cannot be synced", err);
    return MX_OK;
}

mx_status whole_file_publish(struct whole_file *file, struct mx_error *err)
{
    mx_status status = give_name(file, err);
    return status ? status : sync_directory(file, err);
}

void whole_file_close(struct whole_file *file)
{
    if (file->temporary[0])
        unlinkat(file->directory_fd, file->temporary, 0);
    if (file->fd >= 0)
        close(file->fd);
    if (file->directory_fd >= 0)
        close(file->directory_fd);
    if (!sigismember(&file->signals, SIGXFSZ)) { // one that waits was ours
        static const struct timespec now = {0, 0};
        sigset_t too_large;
        sigemptyset(&too_large);
        sigaddset(&too_large, SIGXFSZ);
        sigtimedwait(&too_large, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &file->signals, NULL);
}
