// tracer.h - what freeze.c, fork.c and seize.c share: the thread of ours that holds a process still.
#ifndef MX_MEMORY_TRACER_H
#define MX_MEMORY_TRACER_H

#include <pthread.h>
#include <semaphore.h>

#include "base/vector.h"
#include "memory/process.h"

#define KEEPER_NAME "mx-keeper" // of the process in keeper.c
#define LIMIT_TID (1 << 22)     // PID_MAX_LIMIT of the kernel

struct frozen_thread {
    int tid;
    int signal; // stopped on the way to this one: to be passed on; 0 for most
    bool interrupted, stopped, gone;
};

struct tracer {
    int pid;
    pthread_t thread;
    sem_t begun, ended; // the process stands still, or that has failed; it may go on
    VECTOR(struct frozen_thread) threads;
    VECTOR(struct thread_registers) registers;
    uint64_t *seized; // a bit for each thread number there can be: in `threads` and not gone
    size_t alive;     // of them, while the process stands still
    uint64_t began_ns, ended_ns;
    mx_status status;
    struct mx_error err;
};

// NULL when out of memory.
struct tracer *tracer_new(int pid);
void tracer_free(struct tracer *tracer);
// Starts run(data), with all signals blocked: they are for the threads of the program. Returns when it
// has posted `begun`, with tracer->status; joins it when that is a failure.
mx_status tracer_start(struct tracer *tracer, void *(*run)(void *), void *data,
                       struct mx_error *err);

// The rest is called by the tracer alone.

// Seizes, interrupts and awaits every thread. began_ns is when the first was interrupted.
mx_status tracer_stop_all(struct tracer *tracer, struct mx_error *err);
void tracer_read_registers(struct tracer *tracer);
// Lets every thread go on, with the signal it was stopped by; sets ended_ns. Those that are not gone
// afterwards were killed meanwhile, or do not stop: the end of the tracer sets them free.
void tracer_release(struct tracer *tracer);

// Seizes one thread, which does not stop it. *ret_seized is false for one that is exiting.
mx_status thread_seize(int pid, int tid, bool *ret_seized, struct mx_error *err);
// Sees whether a seized thread has stopped, and by which signal; false when it has not.
bool thread_has_stopped(struct frozen_thread *thread);
// Has the thread ended, or is it about to? Of any process.
bool thread_is_dead(int tid);
// Reaps a dead thread that nobody else may wait for.
void thread_reap(int pid, int tid);

#endif
