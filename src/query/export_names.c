// export_names.c - strings that get a number now and are written at the end.
#include "query/export_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"

static int open_unlinked(const char *folder)
{
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        return file;
    char path[4096]; // a filesystem without O_TMPFILE
    if (snprintf(path, sizeof path, "%s/memexplorer.XXXXXX", folder) >= (int)sizeof path)
        return -1;
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

static int open_spool(void)
{
    const char *chosen = getenv("TMPDIR");
    int file = chosen && *chosen ? open_unlinked(chosen) : -1;
    if (file < 0)
        file = open_unlinked("/var/tmp");
    return file < 0 ? open_unlinked("/tmp") : file;
}

static bool write_spool(const char *bytes, size_t nbytes, void *data)
{
    const struct names *names = data;
    while (nbytes) {
        ssize_t count = write(names->file, bytes, nbytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        nbytes -= (size_t)count;
    }
    return true;
}

mx_status names_new(struct names **ret, struct mx_error *err)
{
    struct names *names = calloc(1, sizeof *names);
    if (!names)
        return fail_no_memory(err);
    names->file = open_spool();
    if (names->file < 0) {
        free(names);
        return fail(err, MX_IO, "no temporary file could be made in $TMPDIR, /var/tmp or /tmp: %s",
                    strerror(errno));
    }
    sink_init(&names->spool, write_spool, names);
    *ret = names;
    return MX_OK;
}

void names_free(struct names *names)
{
    if (!names)
        return;
    close(names->file);
    free(names);
}

// FNV-1a. A target that chooses names with the same hash makes the file larger, no more.
static size_t hash_of(const char *bytes, size_t nbytes)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < nbytes; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return (size_t)(h ^ h >> 32) % NAMES_REMEMBERED;
}

uint32_t names_add(struct names *names, const char *bytes, size_t nbytes)
{
    struct remembered_name *known = NULL;
    if (nbytes <= REMEMBERED_NBYTES) {
        known = &names->remembered[hash_of(bytes, nbytes)];
        if (known->used && known->nbytes == nbytes && memcmp(known->bytes, bytes, nbytes) == 0)
            return known->number;
    }
    if (names->count == UINT32_MAX) {
        names->full = true;
        return 0;
    }
    sink_text(&names->spool, names->count ? ",\n" : "");
    sink_json(&names->spool, bytes, nbytes);
    if (known) {
        known->used = 1;
        known->number = names->count;
        known->nbytes = (uint8_t)nbytes;
        memcpy(known->bytes, bytes, nbytes);
    }
    return names->count++;
}

mx_status names_write(struct names *names, struct sink *sink, struct mx_error *err)
{
    sink_flush(&names->spool);
    if (names->spool.failed)
        return fail(err, MX_IO, "the temporary file of an export could not be written: %s",
                    strerror(names->spool.failed));
    if (names->full)
        return fail(err, MX_LIMIT, "a .heapsnapshot cannot have more than %u strings", UINT32_MAX);
    cleanup(free_pointer) char *buffer = malloc(SINK_NBYTES);
    if (!buffer)
        return fail_no_memory(err);
    for (uint64_t at = 0; at < names->spool.written;) {
        ssize_t count = pread(names->file, buffer, SINK_NBYTES, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return fail(err, MX_IO, "the temporary file of an export could not be read: %s",
                        strerror(count < 0 ? errno : EIO));
        sink_bytes(sink, buffer, (size_t)count);
        at += (uint64_t)count;
    }
    return MX_OK;
}
