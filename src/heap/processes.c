// processes.c - the Python processes of this machine, for `ps`.
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/vector.h"
#include "heap/runtime.h"
#include "memory/process.h"

static bool is_python_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strstr(name, "python") || strstr(name, "pypy");
}

// A process that cannot be read is listed when its name says Python.
static bool looks_like_python(const struct mx_process *process)
{
    if (process->executable[0])
        return is_python_name(process->executable);
    char first[256];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(process->cmdline, " "), process->cmdline);
    return is_python_name(first);
}

// The memory of a process is only looked at when something it maps is called python: the others are
// none of our business.
static bool maps_python(const struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        if (is_python_name(maps->items[i].path))
            return true;
    return false;
}

// True when the process belongs on the list.
static bool identify(int pid, struct mx_process *process)
{
    struct mx_error err = {0};
    struct maps maps = {0};
    struct memory memory;
    struct runtime runtime;
    if (process_describe(pid, process, &err) != MX_OK)
        return false; // gone, or a zombie
    mx_status status = maps_read(pid, &maps, &err);
    if (!status && !maps_python(&maps)) {
        maps_free(&maps);
        return false;
    }
    if (status && !looks_like_python(process))
        return false;
    status = process_check_access(pid, &err); // says why, better than the maps do
    if (!status) {
        memory_init(&memory, process_fetch, &pid);
        status = runtime_find(&memory, &maps, pid, process->executable, false, &runtime, &err);
        memory_fini(&memory);
    }
    maps_free(&maps);
    if (!status) {
        snprintf(process->python, sizeof process->python, "%s", runtime.python);
        return true;
    }
    snprintf(process->problem, sizeof process->problem, "%s", err.message);
    return status != MX_NOT_PYTHON || looks_like_python(process);
}

static int compare_pids(const void *a, const void *b)
{
    const struct mx_process *x = a, *y = b;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

mx_status mx_processes(struct mx_process **ret, size_t *ret_count, struct mx_error *err)
{
    cleanup(close_dir) DIR *proc = opendir("/proc");
    VECTOR(struct mx_process) found = {0};
    if (!proc)
        return fail(err, MX_IO, "/proc: cannot be read; mount it");
    for (struct dirent *entry; (entry = readdir(proc));) {
        struct mx_process process;
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            !identify((int)strtol(entry->d_name, NULL, 10), &process))
            continue;
        if (!vector_push(&found, process)) {
            vector_free(&found);
            return fail_no_memory(err);
        }
    }
    if (found.count)
        qsort(found.items, found.count, sizeof *found.items, compare_pids);
    *ret = found.items;
    *ret_count = found.count;
    return MX_OK;
}

void mx_processes_free(struct mx_process *processes)
{
    free(processes);
}
