// urgent.c - first in line for a processor, while a target stands still.
//
// On a machine with more to do than processors each of some twenty steps of a fork waits for its turn,
// and copying the page tables of a gigabyte takes ten turns and more.
#include "memory/urgent.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

struct urgent urgent_begin(int tid)
{
    const struct sched_param first = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    struct urgent before = {.nbytes = 0};
    if (syscall(SYS_sched_getattr, tid, &before, sizeof before, 0) != 0 ||
        (before.policy != SCHED_OTHER && before.policy != SCHED_BATCH &&
         before.policy != SCHED_IDLE) ||
        sched_setscheduler(tid, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) != 0)
        return (struct urgent){.nbytes = 0};
    return before;
}

void urgent_end(int tid, const struct urgent *before)
{
    if (before->nbytes)
        syscall(SYS_sched_setattr, tid, before, 0);
}

bool urgent_is(void)
{
    int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    return policy == SCHED_FIFO || policy == SCHED_RR;
}
