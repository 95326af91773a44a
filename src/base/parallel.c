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
    void (*work)(void *data, size_t i);
    void *data;
};

static void *work_on(void *data)
{
    struct shared *shared = data;
    for (size_t i; (i = atomic_fetch_add(&shared->next, 1)) < shared->count;)
        shared->work(shared->data, i);
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

void parallel_do(size_t count, void (*work)(void *data, size_t i), void *data)
{
    struct shared shared = {.count = count, .work = work, .data = data};
    pthread_t threads[LIMIT_THREADS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most =
        processors > LIMIT_THREADS ? LIMIT_THREADS : (size_t)(processors > 1 ? processors : 1);
    size_t wanted = count < most ? count : most;
    size_t started = wanted > 1 ? start(&shared, wanted - 1, threads) : 0;
    work_on(&shared);
    while (started)
        pthread_join(threads[--started], NULL);
}
