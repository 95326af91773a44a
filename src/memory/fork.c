// fork.c - a copy-on-write child of another process, made by one of its threads and never run.
//
//   we --fork--> keeper (own session) --stops--> target
//                  |                               |  clone: same memory, no signal at its end
//                  |<---------- traces -------- helper     and it is gone before the target goes on
//                  |                               |  clone: a copy of the memory
//                  '<---------- traces --------- child     of the target, never runs
//
// The keeper is a process of its own because somebody may kill us at any moment, and then a thread of
// the target might be left with registers that are not its own, or a dead child with nobody to reap
// it. Nobody kills the keeper: it has left our process group, and reacts to no signal; it ends when we
// do, after the child. Only a SIGKILL to the keeper itself in the microseconds that inject_call takes
// would harm the target; at any other moment the kernel ends helper and child (PTRACE_O_EXITKILL) and
// lets the target go on, which keeps one dead child that no wait() of its own sees.
//
// The helper is there to make those microseconds few: copying the page tables of gigabytes takes
// a hundred thousand of them, and the helper does it, not a thread of the target. It has given up the
// files first: the child holds no pipe or port open.
//
// Nothing is written into the target's memory. What a target can notice: the time it stood still, the
// child in /proc, that reaping it counts in the times of its children, and that its first write to each
// page copies that page.
#include "memory/fork.h"

#include "base/error.h"

#if !defined(__x86_64__)
mx_status fork_begin(int pid, struct fork_copy *ret, struct mx_error *err)
{
    (void)ret;
    return fail(err, MX_UNSUPPORTED,
                "pid %d: --fork is there on x86-64 alone, where it can be tested; use --freeze",
                pid);
}

mx_status fork_end(struct fork_copy *copy, struct mx_error *err)
{
    (void)copy;
    (void)err;
    return MX_OK;
}
#else
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "memory/filter.h"
#include "memory/keeper.h"
#include "memory/procfs.h"

#define LIMIT_REGISTERS 1000000 // threads, as in seize.c
#define LOOKS_ASLEEP 20         // a fifth of a second: most disks are faster
#define LOOK_NS 10000000
#define LIMIT_TEXT ((size_t)1 << 30) // of mappings, as in maps.c

// ---- the keeper -------------------------------------------------------------------------------

static bool receive(int channel, void *buffer, size_t nbytes)
{
    for (size_t done = 0; done < nbytes;) {
        ssize_t got = recv(channel, (char *)buffer + done, nbytes - done, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static mx_status fail_keeper(int pid, struct mx_error *err)
{
    return fail(err, MX_UNREADABLE,
                "pid %d: the process that keeps its copy-on-write child was killed; try again",
                pid);
}

// Its signals are blocked from its first moment on: those of the terminal go to a whole group.
static mx_status keeper_start(struct fork_copy *copy, struct mx_error *err)
{
    int channel[2], parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
        return fail(err, MX_LIMIT, "pid %d: no more files can be opened here", copy->pid);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int keeper = fork();
    if (keeper == 0) {
        close(channel[0]);
        keeper_run(copy->pid, channel[1], parent);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(channel[1]);
    copy->keeper = keeper;
    copy->channel = channel[0];
    if (keeper > 0)
        return MX_OK;
    close(channel[0]);
    return fail(err, MX_NO_MEMORY, "pid %d: no process to copy it with can be started", copy->pid);
}

// ---- what can be seen without stopping it -----------------------------------------------------

// A thread that sleeps and cannot be woken would keep all others standing still until it is; and with
// a system call filter in every thread, and nobody who could read one, none may fork.
static mx_status look_at_threads(int pid, int *ret_asleep, bool *ret_filtered, struct mx_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    cleanup(close_dir) DIR *tasks = opendir(path);
    if (!tasks)
        return proc_fail(pid, "task", errno, err);
    *ret_asleep = 0;
    *ret_filtered = true;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        struct proc_stat stat;
        uint64_t filter = 0;
        if (tid <= 0)
            continue;
        if (proc_stat_read(tid, &stat) && stat.state == 'D')
            *ret_asleep = tid;
        if (*ret_filtered && proc_status_number(tid, "Seccomp", 10, &filter))
            *ret_filtered = filter != 0;
    }
    return MX_OK;
}

static mx_status check_threads(int pid, struct mx_error *err)
{
    int asleep = 0;
    bool filtered = false;
    for (int looks = 0; looks == 0 || (asleep && looks < LOOKS_ASLEEP); looks++) {
        if (looks)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        mx_status status = look_at_threads(pid, &asleep, &filtered, err);
        if (status)
            return status;
    }
    if (asleep)
        return fail(
            err, MX_TIMEOUT,
            "pid %d: thread %d cannot be stopped: it waits for a disk, or is inside a vfork; "
            "try again",
            pid, asleep);
    if (filtered && !filters_can_be_read())
        return fail(err, MX_UNSUPPORTED,
                    "pid %d: --fork is not safe: a system call filter (seccomp) is active, which "
                    "only root outside of its container can read (CAP_SYS_ADMIN); use --freeze",
                    pid);
    return MX_OK;
}

// ---- the whole --------------------------------------------------------------------------------

static mx_status receive_rest(struct fork_copy *copy, const struct report *report,
                              struct mx_error *err)
{
    if (report->register_count > LIMIT_REGISTERS || report->maps_nbytes > LIMIT_TEXT)
        return fail_keeper(copy->pid, err);
    size_t nbytes = report->register_count * sizeof *copy->registers;
    cleanup(free_pointer) char *text = malloc(report->maps_nbytes + 1);
    copy->registers = malloc(nbytes + 1);
    if (!text || !copy->registers)
        return fail_no_memory(err);
    if (!receive(copy->channel, copy->registers, nbytes) ||
        !receive(copy->channel, text, report->maps_nbytes))
        return fail_keeper(copy->pid, err);
    copy->register_count = report->register_count;
    return maps_parse(text, report->maps_nbytes, &copy->maps, err);
}

mx_status fork_begin(int pid, struct fork_copy *ret, struct mx_error *err)
{
    if (pid == getpid())
        return fail(err, MX_BAD_ARGUMENT, "pid %d: a process cannot stop itself", pid);
    struct fork_copy copy = {.pid = pid};
    struct report report;
    mx_status status = check_threads(pid, err);
    if (!status)
        status = keeper_start(&copy, err);
    if (status)
        return proc_explain(pid, status, err);
    if (!receive(copy.channel, &report, sizeof report))
        status = fail_keeper(pid, err);
    else if (report.status)
        status = fail(err, report.status, "%s", report.err.message);
    else
        status = receive_rest(&copy, &report, err);
    if (status) {
        fork_end(&copy, NULL);
        return proc_explain(pid, status, err);
    }
    copy.child = report.child;
    copy.thread_count = report.thread_count;
    copy.began_ns = report.began_ns;
    copy.ended_ns = report.ended_ns;
    copy.foreign_ns = report.foreign_ns;
    *ret = copy;
    return MX_OK;
}

mx_status fork_end(struct fork_copy *copy, struct mx_error *err)
{
    if (!copy->keeper)
        return MX_OK;
    char word = 'n';
    bool lived = send(copy->channel, "e", 1, MSG_NOSIGNAL) == 1 &&
                 receive(copy->channel, &word, 1) && word == 'y';
    close(copy->channel);
    while (waitpid(copy->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
    free(copy->registers);
    maps_free(&copy->maps);
    int pid = copy->pid;
    *copy = (struct fork_copy){.pid = pid};
    if (lived)
        return MX_OK;
    return fail(
        err, MX_UNREADABLE,
        "pid %d: its copy-on-write child was killed while it was read (out of memory?); use "
        "--freeze",
        pid);
}
#endif
