// procfs.c - reading the files of /proc/PID, and saying what it means when that fails.
#include "memory/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

// include/linux/sched.h: PF_EXITING, and the bit beside it that means the same, of a thread that a core
// is written of (PF_POSTCOREDUMP, Linux 5.16).
#define PF_ENDING 0x0cu
#define LOOKS_ENDING 50 // a millisecond each: from the last signal of a thread to PF_EXITING

int proc_open(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool proc_read(int pid, const char *name, char *buffer, size_t size, size_t *ret_nbytes)
{
    cleanup(close_fd) int fd = proc_open(pid, name);
    if (fd < 0)
        return false;
    size_t length = 0;
    while (length < size - 1) {
        ssize_t got = read(fd, buffer + length, size - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (!got)
            break;
        length += (size_t)got;
    }
    buffer[length] = 0;
    if (ret_nbytes)
        *ret_nbytes = length;
    return true;
}

bool proc_stat_read(int pid, struct proc_stat *ret)
{
    char text[1024];
    if (!proc_read(pid, "stat", text, sizeof text, NULL))
        return false;
    // The name, field 2, may hold anything, parentheses and spaces too.
    const char *after_name = strrchr(text, ')');
    struct proc_stat stat;
    long long start_ticks;
    int fields = after_name
                     ? sscanf(after_name + 1,
                              " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                              "%*d %d %*d %lld",
                              &stat.state, &stat.parent, &stat.flags, &stat.threads, &start_ticks)
                     : 0;
    if (fields != 5) {
        errno = ESRCH;
        return false;
    }
    stat.start_ticks = (uint64_t)start_ticks;
    *ret = stat;
    return true;
}

bool proc_status_number(int pid, const char *name, int base, uint64_t *ret)
{
    char text[4096];
    if (!proc_read(pid, "status", text, sizeof text, NULL))
        return false;
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != ':')
            continue;
        *ret = strtoull(line + length + 1, NULL, base);
        return true;
    }
    return false;
}

bool proc_has_capability(unsigned capability)
{
    uint64_t effective = 0;
    proc_status_number(getpid(), "CapEff", 16, &effective);
    return effective >> capability & 1;
}

// ---- a process that ends ----------------------------------------------------------------------

// Has it ended, does it end, or is SIGKILL the next that it sees? What ends a whole process sends that
// to each of its threads (kernel/signal.c, complete_signal and zap_other_threads).
static bool thread_is_ending(int tid)
{
    const uint64_t kill_bit = (uint64_t)1 << (SIGKILL - 1);
    struct proc_stat stat;
    uint64_t own = 0, shared = 0, dumping = 0;
    if (!proc_stat_read(tid, &stat) || stat.state == 'Z' || stat.state == 'X' ||
        stat.flags & PF_ENDING)
        return true;
    proc_status_number(tid, "SigPnd", 16, &own);
    proc_status_number(tid, "ShdPnd", 16, &shared);
    proc_status_number(tid, "CoreDumping", 10, &dumping);
    return (own | shared) & kill_bit || dumping;
}

// Some of its threads may end at any time, and between the last signal of one and the mark that it
// exits nothing is to be seen: then it is looked at again.
bool proc_is_ending(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    for (int looks = 0; looks < LOOKS_ENDING; looks++) {
        size_t ending = 0, others = 0;
        cleanup(close_dir) DIR *tasks = opendir(path);
        if (!tasks)
            return errno == ENOENT || errno == ESRCH;
        for (struct dirent *entry; (entry = readdir(tasks));) {
            int tid = (int)strtol(entry->d_name, NULL, 10);
            if (tid > 0)
                *(thread_is_ending(tid) ? &ending : &others) += 1;
        }
        // A thread that calls execve gets the number of the main thread, and may be met under neither.
        if (!others && thread_is_ending(pid))
            return true;
        if (!ending)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

mx_status proc_fail_gone(int pid, struct mx_error *err)
{
    struct proc_stat stat;
    if (!proc_stat_read(pid, &stat))
        return fail(err, MX_NO_PROCESS, "pid %d: no such process", pid);
    if (stat.state == 'Z' && stat.threads > 1) {
        if (proc_is_ending(pid))
            return fail(err, MX_NO_PROCESS, "pid %d: was killed, or is exiting", pid);
        return fail(err, MX_UNSUPPORTED,
                    "pid %d: its main thread has ended while others run; that is not supported",
                    pid);
    }
    if (stat.state == 'Z' || stat.state == 'X')
        return fail(err, MX_NO_PROCESS,
                    "pid %d: a zombie: it has exited and waits for its parent (pid %d); there is "
                    "no memory left to read",
                    pid, stat.parent);
    return fail(err, MX_NO_PROCESS, "pid %d: exited while it was being read", pid);
}

mx_status proc_explain(int pid, mx_status status, struct mx_error *err)
{
    if (status == MX_OK || status == MX_NO_PROCESS || !proc_is_ending(pid))
        return status;
    return proc_fail_gone(pid, err);
}

mx_status proc_fail(int pid, const char *name, int error, struct mx_error *err)
{
    if (error == ENOENT || error == ESRCH)
        return proc_fail_gone(pid, err);
    if (error == EACCES || error == EPERM)
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied; run as the same user with CAP_SYS_PTRACE, or "
                    "docker run --cap-add SYS_PTRACE",
                    pid);
    char text[100];
    return fail(err, MX_IO, "pid %d: /proc/%d/%s: %s", pid, pid, name,
                strerror_r(error, text, sizeof text));
}

void user_name(unsigned uid, char *buffer, size_t size)
{
    char text[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, text, sizeof text, &found) == 0 && found && *found->pw_name)
        snprintf(buffer, size, "%s", found->pw_name);
    else
        snprintf(buffer, size, "%u", uid);
}
