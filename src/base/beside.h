// beside.h - one piece of work beside another: on a thread of its own, or first where there is none.
//
//   struct beside beside;
//   beside_begin(&beside, work, data);
//   ... what does not touch what `work` touches
//   beside_end(&beside);                     what it has done can be seen from here on
//
// What comes of it does not depend on which of the two is faster.
#ifndef MX_BASE_BESIDE_H
#define MX_BASE_BESIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct beside {
    pthread_t thread;
    bool runs;
};

static inline void beside_begin(struct beside *beside, void *(*work)(void *data), void *data)
{
    beside->runs = pthread_create(&beside->thread, NULL, work, data) == 0;
    if (!beside->runs)
        work(data);
}

static inline void beside_end(struct beside *beside)
{
    if (beside->runs)
        pthread_join(beside->thread, NULL);
    beside->runs = false;
}

#endif
