// urgent.h - first in line for a processor. Private to src/memory.
#ifndef MX_MEMORY_URGENT_H
#define MX_MEMORY_URGENT_H

#include <stdbool.h>
#include <stdint.h>

// linux/sched/types.h, SCHED_ATTR_SIZE_VER1: the header and sched.h cannot be had together.
struct urgent {
    uint32_t nbytes, policy; // nbytes: 0 when nothing was changed
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

// Gives a thread the lowest real-time priority: it runs when it can. Does nothing where that is not
// allowed (CAP_SYS_NICE, or RLIMIT_RTPRIO), and to a thread that has such a priority already. What it
// forks does not inherit it. Returns what the thread had.
struct urgent urgent_begin(int tid);
void urgent_end(int tid, const struct urgent *before);
// Is the calling thread one that others wait for? Then it must sleep, and not turn in circles.
bool urgent_is(void);

#endif
