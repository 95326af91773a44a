// core_none.c - in the place of core.c where the library is built without libelf.
#include "base/error.h"
#include "memory/core.h"

mx_status core_open(const char *path, const char *exe, struct core **ret, struct mx_error *err)
{
    (void)exe, (void)ret;
    return fail(err, MX_UNSUPPORTED, "%s: this build does not read core files (libelf)", path);
}

// No core was ever opened: none of these is reached with one.

struct core *core_hold(struct core *core)
{
    return core;
}

void core_release(struct core *core)
{
    (void)core;
}

mx_status core_maps(const struct core *core, struct maps *ret, struct mx_error *err)
{
    (void)core, (void)ret;
    return fail(err, MX_UNSUPPORTED, "no core files");
}

void core_describe(const struct core *core, struct mx_process *ret)
{
    (void)core;
    *ret = (struct mx_process){0};
}

size_t core_fetch(void *core, mx_addr addr, void *buffer, size_t nbytes)
{
    (void)core, (void)addr, (void)buffer, (void)nbytes;
    return 0;
}

bool core_missing_file(const struct core *core, char *buffer, size_t size)
{
    (void)core, (void)buffer, (void)size;
    return false;
}

int core_file_open(const struct core *core, mx_addr addr)
{
    (void)core, (void)addr;
    return -1;
}

mx_status core_capture(struct core *core, mx_progress_fn *progress, void *progress_data,
                       struct image *ret, struct mx_error *err)
{
    (void)core, (void)progress, (void)progress_data, (void)ret;
    return fail(err, MX_UNSUPPORTED, "no core files");
}
