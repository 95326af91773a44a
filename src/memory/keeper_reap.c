// keeper_reap.c - dead processes and threads of a target that nobody but its own threads, or we, may reap.
//
// Knows which thread of ours may trace which of the target's; keeper.c says when.
#include "memory/keeper_parts.h"

#if defined(__x86_64__)
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "memory/procfs.h"
#include "memory/urgent.h"

#define LIMIT_REAP_NS 5000000000u // how long a thread of the target is sought that can reap
#define TRIES_REAP 1000           // for the kernel to say that a killed child is dead
#define POLL_NS 1000000           // between looks at what dies

mx_status keeper_call(struct keeper *keeper, struct call call, struct called *ret,
                      struct mx_error *err)
{
    mx_status status = inject_call(&keeper->caller, &call, ret, err);
    keeper->foreign_ns += ret->foreign_ns;
    return status;
}

// Kills a process that we trace, and takes it as its tracer: it is then for the target to reap.
void keeper_kill(int pid)
{
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
        ;
}

mx_status keeper_reap(struct keeper *keeper, int pid_there, struct mx_error *err)
{
    struct call wait = keeper_calls[REAP];
    wait.arguments[0] = (uint64_t)pid_there;
    struct called called = {0};
    for (int tries = 0; tries < TRIES_REAP; tries++) {
        mx_status status = keeper_call(keeper, wait, &called, err);
        if (status || called.value) // a pid, or ECHILD: somebody was faster
            return status;
        sched_yield();
    }
    return fail(err, MX_TIMEOUT, "pid %d: it cannot reap a child", keeper->caller.pid);
}

// ---- the child --------------------------------------------------------------------------------

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
    urgent_begin(0);
    if (thread_seize(keeper->caller.pid, thread.tid, &seized, NULL) != MX_OK || !seized)
        return NULL;
    ptrace(PTRACE_INTERRUPT, thread.tid, NULL, NULL);
    if (!thread_await(thread.tid, LIMIT_STOP_NS))
        return NULL;
    thread_has_stopped(&thread);
    keeper->caller.tid = thread.tid;
    if (!thread_forbids(&keeper->caller, &keeper_calls[REAP], 1, &waits) &&
        syscall_is_at(thread.tid, keeper->caller.instruction) &&
        ptrace(PTRACE_SETOPTIONS, thread.tid, NULL, (void *)(uintptr_t)TRACE_CALLS) == 0)
        attempt->done = keeper_reap(keeper, keeper->child_there, NULL) == MX_OK;
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

void keeper_end_child(struct keeper *keeper)
{
    keeper_kill(keeper->child);
    uint64_t began = clock_ns();
    while (!reap_somehow(keeper) && clock_ns() - began < LIMIT_REAP_NS)
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

// ---- threads ----------------------------------------------------------------------------------

// One thread that goes on before the others may kill them, by execve or exit, and then waits for their
// tracer to reap them: now, not when it ends. A main thread is given back to its parent so.
void keeper_reap_killed(const struct tracer *tracer)
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
#endif
