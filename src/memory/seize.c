// seize.c - every thread of a process brought to a stop, and none forgotten.
//
//   list threads -> PTRACE_SEIZE each -> PTRACE_INTERRUPT all -> wait for all -> list again ...
//
// until nothing new is listed while all stand still. Threads come, go, die, and change their numbers
// by execve meanwhile. Stops are looked at with PTRACE_GETSIGINFO, never consumed by waiting for them:
// the exit status of our own child stays with whoever waits for it, and a signal that stopped a thread
// is still delivered by the kernel when we are killed before we could pass it on.
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "memory/procfs.h"
#include "memory/tracer.h"

#define LIMIT_STOP_NS 5000000000u // a disk or network file system may hold a thread, not for long
#define LIMIT_THREADS 1000000     // kernel.threads-max is lower on all but giant machines
#define TRIES_SEIZE 60            // a millisecond each: a thread that is ending takes its time
#define TRIES_KEEPER 1000         // what it does takes longer with every gigabyte
#define TRIES_AT_ONCE 10          // of them without a pause
#define POLL_MIN_NS 20000
#define POLL_MAX_NS 1000000

// ---- seizing ----------------------------------------------------------------------------------

static bool is_seized(const struct tracer *tracer, int tid)
{
    return tracer->seized[tid / 64] >> (tid % 64) & 1;
}

static void mark_gone(struct tracer *tracer, struct frozen_thread *thread)
{
    thread->gone = true;
    tracer->seized[thread->tid / 64] &= ~((uint64_t)1 << (thread->tid % 64));
}

static uint64_t tracer_of(int tid)
{
    uint64_t tracer = 0;
    proc_status_number(tid, "TracerPid", 10, &tracer);
    return tracer;
}

bool thread_is_dead(int tid)
{
    struct proc_stat stat;
    return !proc_stat_read(tid, &stat) || stat.state == 'Z' || stat.state == 'X';
}

static bool is_keeper(int tid)
{
    char name[32];
    return proc_read(tid, "comm", name, sizeof name, NULL) && strcmp(name, KEEPER_NAME "\n") == 0;
}

static mx_status fail_seize(int pid, uint64_t tracer, int error, struct mx_error *err)
{
    if (tracer)
        return fail(err, MX_PERMISSION,
                    "pid %d: already traced by pid %d (gdb, strace?); end that first", pid,
                    (int)tracer);
    mx_status status = process_check_access(pid, err);
    if (status == MX_NOT_PYTHON) // it has given its memory back already
        return proc_fail_gone(pid, err);
    return status ? status : proc_fail(pid, "mem", error, err);
}

mx_status thread_seize(int pid, int tid, bool *ret_seized, struct mx_error *err)
{
    *ret_seized = false;
    for (unsigned tries = 1; ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0; tries++) {
        int error = errno;
        if (error == ESRCH || thread_is_dead(tid))
            return MX_OK;
        // Ours under another number: execve gives the thread that called it the number of the main
        // thread.
        uint64_t tracer = tracer_of(tid);
        if ((pid_t)tracer == gettid())
            break;
        // Not the last word when execve has replaced the thread meanwhile, nor when a tracer of our
        // own has not quite ended yet; the keeper of another explorer needs it for a moment only.
        bool keeper = tracer && is_keeper((int)tracer);
        bool ours = keeper || (tracer && tgkill(getpid(), (pid_t)tracer, 0) == 0);
        if ((tracer && !ours) || tries == (keeper ? TRIES_KEEPER : TRIES_SEIZE))
            return fail_seize(pid, tracer, error, err);
        if (tries < TRIES_AT_ONCE)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    *ret_seized = true;
    return MX_OK;
}

static mx_status thread_add(struct tracer *tracer, int tid, size_t *count, struct mx_error *err)
{
    if (tracer->threads.count == LIMIT_THREADS)
        return fail(err, MX_LIMIT, "pid %d: more than %d threads", tracer->pid, LIMIT_THREADS);
    if (!vector_reserve(&tracer->threads, tracer->threads.count + 1))
        return fail_no_memory(err);
    bool seized;
    mx_status status = thread_seize(tracer->pid, tid, &seized, err);
    if (status || !seized)
        return status;
    tracer->threads.items[tracer->threads.count++] = (struct frozen_thread){.tid = tid};
    tracer->seized[tid / 64] |= (uint64_t)1 << (tid % 64);
    ++*count;
    return MX_OK;
}

// Seizes all threads that are listed and not seized yet; how many there were.
static mx_status seize_new(struct tracer *tracer, size_t *ret_count, struct mx_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", tracer->pid);
    cleanup(close_dir) DIR *tasks = opendir(path);
    if (!tasks)
        return proc_fail(tracer->pid, "task", errno, err);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        if (tid <= 0 || tid >= LIMIT_TID || is_seized(tracer, tid))
            continue;
        mx_status status = thread_add(tracer, tid, &count, err);
        if (status)
            return status;
    }
    *ret_count = count;
    return MX_OK;
}

// ---- waiting ----------------------------------------------------------------------------------

bool thread_has_stopped(struct frozen_thread *thread)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info) == 0)
        thread->signal = info.si_code >> 8 == PTRACE_EVENT_STOP ? 0 : info.si_signo;
    else if (errno == EINVAL) // a group stop has no siginfo in old kernels
        thread->signal = 0;
    else
        return false;
    return thread->stopped = true;
}

// Nobody else may wait for a dead thread, and execve in another one does not go on before somebody
// did. The main thread is for its parent to wait for.
void thread_reap(int pid, int tid)
{
    siginfo_t info;
    if (tid != pid)
        waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
}

// Only what this thread traces is waited for: otherwise a child of the explorer that nobody has seized,
// because execve put it under this number, would be one that runs.
static void thread_poll(struct tracer *tracer, struct frozen_thread *thread)
{
    if (!thread->stopped && thread_has_stopped(thread))
        return;
    siginfo_t info = {0};
    int options = WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD;
    if (waitid(P_PID, (id_t)thread->tid, &info, options) == 0) {
        // Of a traced thread stops are reported too, asked for or not.
        if (!info.si_pid || info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
            return;
        thread_reap(tracer->pid, thread->tid);
    }
    mark_gone(tracer, thread);
}

// A main thread that has ended before the others reports nothing until they have too. And what execve
// has put under its number may be a thread that was seized before, and not asked to stop.
static void leader_poll(struct tracer *tracer)
{
    bool dead = thread_is_dead(tracer->pid);
    for (size_t i = 0; i < tracer->threads.count; i++) {
        struct frozen_thread *thread = &tracer->threads.items[i];
        if (thread->tid == tracer->pid && dead)
            mark_gone(tracer, thread);
        else if (thread->tid == tracer->pid && !thread->gone && !thread->stopped)
            ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
    }
}

// Asks all threads to stop, at once: the pause begins here. One that is dying is seen by the polls.
static void interrupt_new(struct tracer *tracer)
{
    if (!tracer->began_ns)
        tracer->began_ns = clock_ns();
    for (size_t i = 0; i < tracer->threads.count; i++) {
        struct frozen_thread *thread = &tracer->threads.items[i];
        if (!thread->interrupted)
            ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
        thread->interrupted = true;
    }
}

// One look at all threads; how many have not stopped yet, and one of them.
static size_t poll_all(struct tracer *tracer, int *ret_tid)
{
    size_t running = 0;
    for (size_t i = 0; i < tracer->threads.count; i++) {
        struct frozen_thread *thread = &tracer->threads.items[i];
        if (thread->gone)
            continue;
        thread_poll(tracer, thread);
        if (!thread->stopped && !thread->gone) {
            running++;
            *ret_tid = thread->tid;
        }
    }
    return running;
}

static mx_status wait_for_all(struct tracer *tracer, struct mx_error *err)
{
    uint64_t deadline = tracer->began_ns + LIMIT_STOP_NS;
    struct timespec pause = {0, POLL_MIN_NS};
    for (int tid; poll_all(tracer, &tid);) {
        if (clock_ns() > deadline)
            return fail(err, MX_TIMEOUT, "pid %d: thread %d does not stop (uninterruptible sleep?)",
                        tracer->pid, tid);
        nanosleep(&pause, NULL);
        if (pause.tv_nsec > POLL_MAX_NS / 2)
            leader_poll(tracer);
        if (pause.tv_nsec < POLL_MAX_NS)
            pause.tv_nsec *= 2;
    }
    return MX_OK;
}

// A thread that calls execve ends all others, stopped or not, and goes on under the number of the
// main thread: what had stopped there may run again. Interrupts what does; true when nothing did.
static bool all_stand_still(struct tracer *tracer)
{
    bool still = true;
    for (size_t i = 0; i < tracer->threads.count; i++) {
        struct frozen_thread *thread = &tracer->threads.items[i];
        if (thread->gone || thread_has_stopped(thread))
            continue;
        thread->stopped = false;
        ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
        still = false;
    }
    return still;
}

static size_t count_alive(const struct tracer *tracer)
{
    size_t alive = 0;
    for (size_t i = 0; i < tracer->threads.count; i++)
        alive += !tracer->threads.items[i].gone;
    return alive;
}

// When nothing new is listed while all threads stand still, no thread is left to make another. None
// at all may be listed while execve gives the thread that called it the number of the main thread.
mx_status tracer_stop_all(struct tracer *tracer, struct mx_error *err)
{
    uint64_t deadline = clock_ns() + LIMIT_STOP_NS;
    for (;;) {
        size_t count = 0;
        mx_status status = seize_new(tracer, &count, err);
        if (status)
            return status;
        if (count == 0 && all_stand_still(tracer) &&
            ((tracer->alive = count_alive(tracer)) || clock_ns() > deadline ||
             proc_is_ending(tracer->pid)))
            break;
        interrupt_new(tracer);
        if ((status = wait_for_all(tracer, err)))
            return status;
    }
    return tracer->alive ? MX_OK : proc_fail_gone(tracer->pid, err);
}
