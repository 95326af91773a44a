// parallel.c - threads that live as long as their work.
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define LIMIT_THREADS 8 // each piece of work takes memory of its own

struct shared {
    size_t count;
    atomic_size_t next;
    parallel_fn *work;
    void *data;
    pthread_mutex_t mutex; // of what follows
    size_t failed;         // the first that has, `count` for none
    mx_status status;
    struct mx_error err;
};

static void add_failure(struct shared *shared, size_t i, mx_status status,
                        const struct mx_error *err)
{
    pthread_mutex_lock(&shared->mutex);
    if (i < shared->failed) {
        shared->failed = i;
        shared->status = status;
        shared->err = *err;
    }
    pthread_mutex_unlock(&shared->mutex);
}

static void *work_on(void *data)
{
    struct shared *shared = data;
    for (size_t i; (i = atomic_fetch_add(&shared->next, 1)) < shared->count;) {
        struct mx_error err = {0};
        mx_status status = shared->work(shared->data, i, &err);
        if (status)
            add_failure(shared, i, status, &err);
    }
    return NULL;
}

// Signals are for the threads that were there before.
static size_t start(struct shared *shared, size_t wanted, pthread_t *threads)
{
    sigset_t all, before;
    size_t started = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < wanted && pthread_create(&threads[started], NULL, work_on, shared) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

mx_status parallel_do(size_t count, parallel_fn *work, void *data, struct mx_error *err)
{
    struct shared shared = {.count = count,
                            .work = work,
                            .data = data,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .failed = count};
    pthread_t threads[LIMIT_THREADS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most =
        processors > LIMIT_THREADS ? LIMIT_THREADS : (size_t)(processors > 1 ? processors : 1);
    size_t wanted = count < most ? count : most;
    size_t started = wanted > 1 ? start(&shared, wanted - 1, threads) : 0;
    work_on(&shared);
    while (started)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&shared.mutex);
    if (shared.status && err)
        *err = shared.err;
    return shared.status;
}
