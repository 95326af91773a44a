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
#include "memory/keeper_parts.h"
#include "memory/procfs.h"
#include "memory/tracer.h"
#include "memory/urgent.h"

#define LIMIT_CLONE_NS 30000000000u // 30 ms a GB: a terabyte
#define TRIES_SETTLE 10             // signals on their way to one thread
#define NR_PIDFD_OPEN 434

const struct call keeper_calls[KEEPER_CALLS] = {
    [MAKE_HELPER] = {SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES, BAD_STACK}, 0},
    [CLOSE_FILES] = {NR_CLOSE_RANGE, {0, UINT32_MAX, 2}, 0},
    [MAKE_CHILD] = {SYS_clone, {CLONE_PARENT | CLONE_FILES, BAD_STACK}, 0},
    [REAP] = {SYS_wait4, {0, 0, __WALL | WNOHANG}, 1 << 0}, // whom
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
        struct caller caller = {.tid = thread->tid, .instruction = keeper->caller.instruction};
        const char *reason =
            thread->gone ? forbids : thread_forbids(&caller, keeper_calls, KEEPER_CALLS, &waits);
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

// The helper gives up its files and makes the child, which is the target's: its brother.
static mx_status helper_fork(struct keeper *keeper, int helper, struct mx_error *err)
{
    struct caller caller = {helper, helper, keeper->caller.instruction, LIMIT_CLONE_NS};
    struct called called = {0};
    mx_status status = inject_call(&caller, &keeper_calls[CLOSE_FILES], &called, err);
    if (!status)
        status = inject_call(&caller, &keeper_calls[MAKE_CHILD], &called, err);
    keeper->child = called.child;
    keeper->child_there = (int)called.value;
    if (status == MX_NO_PROCESS)
        return fail_killed(keeper->caller.pid, "helper", err);
    if (status)
        return fail(err, status, "pid %d: its copy could not be made in time; use --freeze",
                    keeper->caller.pid);
    return called.child ? MX_OK : fail_clone(keeper->caller.pid, called.value, err);
}

static mx_status make_child(struct keeper *keeper, struct mx_error *err)
{
    struct called helper = {0};
    mx_status status = keeper_call(keeper, keeper_calls[MAKE_HELPER], &helper, err);
    if (status)
        return status;
    if (!helper.child)
        return fail_clone(keeper->caller.pid, helper.value, err);
    urgent_begin(helper.child);
    if (adopt(helper.child, TRACE_CALLS | PTRACE_O_EXITKILL))
        status = helper_fork(keeper, helper.child, err);
    else
        status = fail_killed(keeper->caller.pid, "helper", err);
    keeper_kill(helper.child);
    mx_status reaped = keeper_reap(keeper, (int)helper.value, NULL);
    return status ? status : reaped ? proc_fail_gone(keeper->caller.pid, err) : MX_OK;
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
        keeper_end_child(keeper);
    if (lived)
        send_all(keeper->channel, "y", 1);
}

// The thread that traces everything. What ends it ends helper and child.
static void *trace(void *data)
{
    struct keeper *keeper = data;
    struct tracer *tracer = keeper->tracer;
    struct urgent before = urgent_begin(0);
    tracer->status = keeper->status = tracer_stop_all(tracer, &keeper->err);
    sem_post(&tracer->begun);
    if (!keeper->status)
        keeper->status = fork_stopped(keeper, &keeper->err);
    tracer_release(tracer);
    urgent_end(0, &before);
    // That it stops before it runs is certain; when, is not worth letting the target wait for.
    if (!keeper->status && !thread_await(keeper->child, LIMIT_CLONE_NS))
        keeper->status = fail_killed(keeper->caller.pid, "copy", &keeper->err);
    if (!keeper->status)
        keeper_reap_killed(tracer);
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
