// freeze.c - stopping every thread of a process, and letting all of them go on.
//
//   freeze_begin --starts--> tracer thread: seize all, interrupt all, wait for all, look again
//   freeze_end   --tells---> tracer thread: detach each with the signal it was stopped by, exit
//
// The tracer is a thread of its own because its exit makes the kernel detach whatever is left: a
// thread in uninterruptible sleep, or one that is dying, cannot be detached in any other way.
// How it stops them is in seize.c.
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "memory/procfs.h"
#include "memory/tracer.h"

#define REAP_NS 10000000

void tracer_read_registers(struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->threads.count; i++) {
        const struct frozen_thread *thread = &tracer->threads.items[i];
        struct thread_registers registers = {.tid = thread->tid};
        struct iovec words = {registers.words, sizeof registers.words};
        if (thread->gone ||
            ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_PRSTATUS, &words) != 0)
            continue;
        registers.count = words.iov_len / sizeof registers.words[0];
        registers.stack_pointer = registers.words[STACK_POINTER_REGISTER];
        if (!vector_push(&tracer->registers, registers))
            return;
    }
}

void tracer_release(struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->threads.count; i++) {
        struct frozen_thread *thread = &tracer->threads.items[i];
        if (!thread->gone &&
            ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal) == 0)
            thread->gone = true;
    }
    tracer->ended_ns = clock_ns();
}

static void *freeze_run(void *data)
{
    struct tracer *tracer = data;
    tracer->status = tracer_stop_all(tracer, &tracer->err);
    if (!tracer->status) {
        tracer_read_registers(tracer);
        sem_post(&tracer->begun);
        while (sem_wait(&tracer->ended) != 0)
            ;
    }
    tracer_release(tracer);
    if (tracer->status)
        sem_post(&tracer->begun);
    return NULL;
}

// While execve waits for somebody to reap a thread, it keeps a lock that seizing another needs: then
// the tracer sleeps, and cannot do it itself.
static void reap_dead(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    cleanup(close_dir) DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        if (tid > 0 && thread_is_dead(tid))
            thread_reap(pid, tid);
    }
}

static void tracer_await(struct tracer *tracer)
{
    struct timespec until;
    for (;;) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REAP_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (sem_timedwait(&tracer->begun, &until) == 0)
            return;
        if (errno == ETIMEDOUT)
            reap_dead(tracer->pid);
    }
}

mx_status tracer_start(struct tracer *tracer, void *(*run)(void *), void *data,
                       struct mx_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&tracer->thread, NULL, run, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return fail(err, MX_NO_MEMORY, "pid %d: no thread to stop it with can be started",
                    tracer->pid);
    tracer_await(tracer);
    if (!tracer->status)
        return MX_OK;
    pthread_join(tracer->thread, NULL);
    return fail(err, tracer->status, "%s", tracer->err.message);
}

struct tracer *tracer_new(int pid)
{
    struct tracer *tracer = calloc(1, sizeof *tracer);
    uint64_t *seized = calloc(LIMIT_TID / 64, sizeof *seized);
    if (!tracer || !seized) {
        free(tracer);
        free(seized);
        return NULL;
    }
    tracer->pid = pid;
    tracer->seized = seized;
    sem_init(&tracer->begun, 0, 0);
    sem_init(&tracer->ended, 0, 0);
    return tracer;
}

void tracer_free(struct tracer *tracer)
{
    if (!tracer)
        return;
    sem_destroy(&tracer->begun);
    sem_destroy(&tracer->ended);
    vector_free(&tracer->threads);
    vector_free(&tracer->registers);
    free(tracer->seized);
    free(tracer);
}

mx_status freeze_begin(int pid, struct freeze *ret, struct mx_error *err)
{
    if (pid == getpid())
        return fail(err, MX_BAD_ARGUMENT, "pid %d: a process cannot stop itself", pid);
    struct tracer *tracer = tracer_new(pid);
    if (!tracer)
        return fail_no_memory(err);
    mx_status status = tracer_start(tracer, freeze_run, tracer, err);
    if (status) {
        tracer_free(tracer);
        return proc_explain(pid, status, err);
    }
    *ret = (struct freeze){
        .pid = pid,
        .thread_count = tracer->alive,
        .began_ns = tracer->began_ns,
        .registers = tracer->registers.items,
        .register_count = tracer->registers.count,
        .tracer = tracer,
    };
    return MX_OK;
}

void freeze_end(struct freeze *freeze)
{
    struct tracer *tracer = freeze->tracer;
    if (!tracer)
        return;
    sem_post(&tracer->ended);
    pthread_join(tracer->thread, NULL);
    freeze->ended_ns = tracer->ended_ns;
    freeze->tracer = NULL;
    freeze->registers = NULL;
    freeze->register_count = 0;
    tracer_free(tracer);
}
