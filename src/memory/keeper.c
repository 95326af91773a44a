// keeper.c - the process of ours that makes a copy-on-write child of a target, and ends it.
//
//   stop all --> one thread clones the helper --> the helper clones the child --> helper killed and
//   reaped --> all go on --> ... until the caller has read the child, or is gone ... --> child killed
//   and reaped, by one thread that is stopped for it
//
// Knows what happens in the target; fork.c says why, and talks to it.
#include "memory/keeper.h"

#if defined(__x86_64__)
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "memory/inject.h"
#include "memory/procfs.h"
#include "memory/tracer.h"

#define LIMIT_CLONE_NS 30000000000u // 30 ms a GB: a terabyte
#define LIMIT_REAP_NS 5000000000u   // how long a thread of the target is sought that can reap
#define LIMIT_STOP_NS 100000000u    // for one of them to stop
#define POLL_NS 1000000             // between looks at what dies
#define TRIES_SETTLE 10             // signals on their way to one thread
#define TRIES_REAP 1000             // for the kernel to say that a killed child is dead
#define BAD_STACK 8                 // no page is there: who runs on ends at the first use
#define NR_CLOSE_RANGE 436          // Linux 5.9; with 2, CLOSE_RANGE_UNSHARE
#define NR_PIDFD_OPEN 434
#define TRACE_CALLS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)

struct keeper {
    struct tracer *tracer;
    mx_status status;
    struct mx_error err;
    struct caller caller;   // the thread of the target that calls
    int channel, parent;    // parent: a descriptor of the process that wants the child, or -1
    int child, child_there; // its pid here, and in the target's namespace
    uint64_t foreign_ns;
    struct maps maps;
    char *text; // of the target's mappings while it stands still
    size_t text_nbytes;
};

// ---- the thread that calls --------------------------------------------------------------------

// One that is blocked in a system call, if there is one: it stands at a well-defined place.
static const char *find_thread(struct keeper *keeper)
{
    const char *forbids = "none stands still";
    keeper->caller.tid = 0;
    for (size_t i = 0; i < keeper->tracer->threads.count; i++) {
        const struct frozen_thread *thread = &keeper->tracer->threads.items[i];
        bool waits = false;
        const char *reason = thread->gone ? forbids : thread_forbids(thread->tid, &waits);
        forbids = reason ? reason : forbids;
        if (!reason && (waits || !keeper->caller.tid))
            keeper->caller.tid = thread->tid;
        if (!reason && waits)
            break;
    }
    return keeper->caller.tid ? NULL : forbids;
}

// A thread that stopped on the way to a signal gets it, and stops before it runs its handler.
static void settle(struct frozen_thread *thread)
{
    for (int tries = 0; thread->signal && !thread->gone && tries < TRIES_SETTLE; tries++) {
        ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
        if (ptrace(PTRACE_CONT, thread->tid, NULL, (void *)(intptr_t)thread->signal) != 0)
            return;
        thread->signal = 0;
        if (thread_await(thread->tid, LIMIT_STOP_NS))
            thread_has_stopped(thread);
    }
}

static mx_status choose_thread(struct keeper *keeper, struct mx_error *err)
{
    const char *forbids = find_thread(keeper);
    for (size_t i = 0; forbids && i < keeper->tracer->threads.count; i++)
        settle(&keeper->tracer->threads.items[i]);
    if (forbids)
        forbids = find_thread(keeper);
    void *options = (void *)(uintptr_t)TRACE_CALLS;
    if (!forbids && ptrace(PTRACE_SETOPTIONS, keeper->caller.tid, NULL, options) == 0)
        return MX_OK;
    return fail(err, MX_UNSUPPORTED,
                "pid %d: --fork is not safe: no thread can be made to fork, %s; use --freeze",
                keeper->caller.pid, forbids ? forbids : "they are gone");
}

static mx_status call(struct keeper *keeper, struct call call, struct called *ret,
                      struct mx_error *err)
{
    mx_status status = inject_call(&keeper->caller, &call, ret, err);
    keeper->foreign_ns += ret->foreign_ns;
    return status;
}

// ---- helper and child -------------------------------------------------------------------------

static mx_status fail_clone(int pid, int64_t value, struct mx_error *err)
{
    int error = value < 0 && value > -4096 ? (int)-value : 0;
    char text[100];
    const char *reason =
        error == EAGAIN   ? "it may have no more processes (RLIMIT_NPROC, or pids.max)"
        : error == ENOMEM ? "the kernel has not enough memory to promise a copy of it"
                          : strerror_r(error, text, sizeof text);
    return fail(err, error == ENOMEM ? MX_NO_MEMORY : MX_UNSUPPORTED,
                "pid %d: it cannot fork: %s; use --freeze", pid, reason);
}

// By somebody else: fork_begin sees to it when it was the target that was killed.
static mx_status fail_killed(int pid, const char *which, struct mx_error *err)
{
    return fail(err, MX_UNREADABLE,
                "pid %d: the %s made of it was killed (out of memory?); use --freeze", pid, which);
}

// A new process is traced from its first moment on; that it ends when the keeper does has to be said.
static bool adopt(int tid, long options)
{
    return thread_await(tid, LIMIT_CLONE_NS) &&
           ptrace(PTRACE_SETOPTIONS, tid, NULL, (void *)(uintptr_t)options) == 0;
}

// Kills a process that we trace, and takes it as its tracer: it is then for the target to reap.
static void kill_traced(int pid)
{
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
        ;
}

// The helper gives up its files and makes the child, which is the target's: its brother.
static mx_status helper_fork(struct keeper *keeper, int helper, struct mx_error *err)
{
    struct caller caller = {helper, helper, keeper->caller.instruction, LIMIT_CLONE_NS};
    struct call close_files = {NR_CLOSE_RANGE, {0, UINT32_MAX, 2}};
    struct call make_child = {SYS_clone, {CLONE_PARENT | CLONE_FILES, BAD_STACK}};
    struct called called = {0};
    mx_status status = inject_call(&caller, &close_files, &called, err);
    if (!status)
        status = inject_call(&caller, &make_child, &called, err);
    keeper->child = called.child;
    keeper->child_there = (int)called.value;
    if (status == MX_NO_PROCESS)
        return fail_killed(keeper->caller.pid, "helper", err);
    if (status)
        return fail(err, status, "pid %d: its copy could not be made in time; use --freeze",
                    keeper->caller.pid);
    return called.child ? MX_OK : fail_clone(keeper->caller.pid, called.value, err);
}

static mx_status reap(struct keeper *keeper, int pid_there, struct mx_error *err)
{
    struct call wait = {SYS_wait4, {(uint64_t)pid_there, 0, __WALL | WNOHANG}};
    struct called called = {0};
    for (int tries = 0; tries < TRIES_REAP; tries++) {
        mx_status status = call(keeper, wait, &called, err);
        if (status || called.value) // a pid, or ECHILD: somebody was faster
            return status;
        sched_yield();
    }
    return fail(err, MX_TIMEOUT, "pid %d: it cannot reap a child", keeper->caller.pid);
}

static mx_status make_child(struct keeper *keeper, struct mx_error *err)
{
    struct call make_helper = {SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES, BAD_STACK}};
    struct called helper = {0};
    mx_status status = call(keeper, make_helper, &helper, err);
    if (status)
        return status;
    if (!helper.child)
        return fail_clone(keeper->caller.pid, helper.value, err);
    if (adopt(helper.child, TRACE_CALLS | PTRACE_O_EXITKILL))
        status = helper_fork(keeper, helper.child, err);
    else
        status = fail_killed(keeper->caller.pid, "helper", err);
    if (keeper->child && !thread_await(keeper->child, LIMIT_CLONE_NS) && !status)
        status = fail_killed(keeper->caller.pid, "copy", err);
    kill_traced(helper.child);
    mx_status reaped = reap(keeper, (int)helper.value, NULL);
    return status ? status : reaped ? proc_fail_gone(keeper->caller.pid, err) : MX_OK;
}

// ---- reaping the child ------------------------------------------------------------------------

struct attempt {
    struct keeper *keeper;
    int tid;
    bool done;
};

// Makes one thread reap, if it stops soon and may be used; every other goes on as it was.
static void *reap_with(void *data)
{
    struct attempt *attempt = data;
    struct keeper *keeper = attempt->keeper;
    struct frozen_thread thread = {.tid = attempt->tid};
    bool seized = false, waits;
    if (thread_seize(keeper->caller.pid, thread.tid, &seized, NULL) != MX_OK || !seized)
        return NULL;
    ptrace(PTRACE_INTERRUPT, thread.tid, NULL, NULL);
    if (!thread_await(thread.tid, LIMIT_STOP_NS))
        return NULL;
    thread_has_stopped(&thread);
    keeper->caller.tid = thread.tid;
    if (!thread_forbids(thread.tid, &waits) &&
        syscall_is_at(thread.tid, keeper->caller.instruction) &&
        ptrace(PTRACE_SETOPTIONS, thread.tid, NULL, (void *)(uintptr_t)TRACE_CALLS) == 0)
        attempt->done = reap(keeper, keeper->child_there, NULL) == MX_OK;
    ptrace(PTRACE_DETACH, thread.tid, NULL, (void *)(intptr_t)thread.signal);
    return NULL;
}

// By a thread of ours for each of the target's: what does not stop cannot be detached, but the kernel
// does it when its tracer ends. A thread that was left seized might be the one that calls execve, and
// gets the number of the main thread while that is made to call, and its registers.
static bool reap_by(struct keeper *keeper, int tid)
{
    struct attempt attempt = {keeper, tid, false};
    pthread_t thread;
    if (pthread_create(&thread, NULL, reap_with, &attempt) != 0)
        return false;
    pthread_join(thread, NULL);
    return attempt.done;
}

// The target may have called execve since: the instruction is looked for again. Or it is about to, and
// has no memory for a moment.
static bool reap_somehow(struct keeper *keeper)
{
    cleanup(maps_free) struct maps maps = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", keeper->caller.pid);
    cleanup(close_dir) DIR *tasks = opendir(path);
    if (!tasks)
        return true; // it is gone, and its children are not its own any more
    if (maps_read(keeper->caller.pid, &maps, NULL) != MX_OK ||
        syscall_find(keeper->caller.pid, &maps, &keeper->caller.instruction, NULL) != MX_OK)
        return proc_is_ending(keeper->caller.pid);
    if (reap_by(keeper, keeper->caller.tid))
        return true;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        if (tid > 0 && reap_by(keeper, tid))
            return true;
    }
    return false;
}

static void end_child(struct keeper *keeper)
{
    kill_traced(keeper->child);
    uint64_t began = clock_ns();
    while (!reap_somehow(keeper) && clock_ns() - began < LIMIT_REAP_NS)
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

// ---- the whole --------------------------------------------------------------------------------

static mx_status read_maps(struct keeper *keeper, struct mx_error *err)
{
    mx_status status = maps_text(keeper->caller.pid, &keeper->text, &keeper->text_nbytes, err);
    if (!status)
        status = maps_parse(keeper->text, keeper->text_nbytes, &keeper->maps, err);
    if (!status && !keeper->maps.count)
        return proc_fail_gone(keeper->caller.pid, err);
    return status;
}

static mx_status fork_stopped(struct keeper *keeper, struct mx_error *err)
{
    mx_status status = read_maps(keeper, err);
    if (!status)
        status = syscall_find(keeper->caller.pid, &keeper->maps, &keeper->caller.instruction, err);
    if (!status)
        status = choose_thread(keeper, err);
    if (status)
        return status;
    tracer_read_registers(keeper->tracer);
    return make_child(keeper, err);
}

// Whoever has to do without memory: the child, before the target or us.
static void offer_child(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
    cleanup(close_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) < 0)
        return; // it is as likely as the target, then
}

static bool send_all(int channel, const void *bytes, size_t nbytes)
{
    for (size_t done = 0; done < nbytes;) {
        ssize_t sent = send(channel, (const char *)bytes + done, nbytes - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

// false: nobody listens any more.
static bool send_report(const struct keeper *keeper)
{
    const struct tracer *tracer = keeper->tracer;
    struct report report = {
        .status = keeper->status,
        .child = keeper->child,
        .thread_count = tracer->alive,
        .register_count = tracer->registers.count,
        .maps_nbytes = keeper->text_nbytes,
        .began_ns = tracer->began_ns,
        .ended_ns = tracer->ended_ns,
        .foreign_ns = keeper->foreign_ns,
        .err = keeper->err,
    };
    if (!send_all(keeper->channel, &report, sizeof report))
        return false;
    return report.status || (send_all(keeper->channel, tracer->registers.items,
                                      report.register_count * sizeof *tracer->registers.items) &&
                             send_all(keeper->channel, keeper->text, keeper->text_nbytes));
}

// Until the caller says so, or is gone: its end of the channel may have been inherited by others.
static bool await_word(const struct keeper *keeper)
{
    struct pollfd waited[] = {{keeper->channel, POLLIN, 0}, {keeper->parent, POLLIN, 0}};
    while (poll(waited, 2, -1) < 0 && errno == EINTR)
        ;
    char word;
    return recv(keeper->channel, &word, 1, MSG_DONTWAIT) == 1;
}

static bool child_lives(const struct keeper *keeper)
{
    return keeper->child && !thread_is_dead(keeper->child);
}

// Tells the caller how it went, and keeps the child until it is not needed any more.
static void keep_child(struct keeper *keeper)
{
    bool lived = false;
    if (keeper->child)
        offer_child(keeper->child);
    if (send_report(keeper) && !keeper->status && await_word(keeper))
        lived = child_lives(keeper);
    if (keeper->child)
        end_child(keeper);
    if (lived)
        send_all(keeper->channel, "y", 1);
}

// One thread that goes on before the others may kill them, by execve or exit, and then waits for their
// tracer to reap them: now, not when it ends. A main thread is given back to its parent so.
static void reap_killed(const struct tracer *tracer)
{
    uint64_t began = clock_ns();
    for (bool left = true; left && clock_ns() - began < LIMIT_REAP_NS;) {
        left = false;
        for (size_t i = 0; i < tracer->threads.count; i++) {
            struct frozen_thread *thread = &tracer->threads.items[i];
            siginfo_t info = {0};
            if (thread->gone)
                continue;
            int options = WEXITED | WNOHANG | __WALL | __WNOTHREAD;
            if (waitid(P_PID, (id_t)thread->tid, &info, options) != 0 || info.si_pid)
                thread->gone = true;
            left |= !thread->gone;
        }
        if (left)
            nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
}

// The thread that traces everything. What ends it ends helper and child.
static void *trace(void *data)
{
    struct keeper *keeper = data;
    struct tracer *tracer = keeper->tracer;
    tracer->status = keeper->status = tracer_stop_all(tracer, &keeper->err);
    sem_post(&tracer->begun);
    if (!keeper->status)
        keeper->status = fork_stopped(keeper, &keeper->err);
    tracer_release(tracer);
    if (!keeper->status)
        reap_killed(tracer);
    keep_child(keeper);
    return NULL;
}

void keeper_run(int pid, int channel, int parent)
{
    struct keeper keeper = {.caller.pid = pid, .channel = channel};
    prctl(PR_SET_NAME, KEEPER_NAME);
    setsid(); // what is sent to our terminal or process group is not for it
    keeper.parent = (int)syscall(NR_PIDFD_OPEN, parent, 0);
    keeper.tracer = tracer_new(pid);
    // When the process cannot be stopped, the thread has said so and has ended.
    if (keeper.tracer && tracer_start(keeper.tracer, trace, &keeper, NULL) == MX_OK)
        pthread_join(keeper.tracer->thread, NULL);
    _exit(0);
}
#endif
