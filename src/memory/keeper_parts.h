// keeper_parts.h - what keeper.c and keeper_reap.c share.
#ifndef MX_MEMORY_KEEPER_PARTS_H
#define MX_MEMORY_KEEPER_PARTS_H

#include "memory/inject.h"
#include "memory/keeper.h"
#include "memory/tracer.h"

#define LIMIT_STOP_NS 100000000u // for one of them to stop
#define BAD_STACK 8              // no page is there: who runs on ends at the first use
#define NR_CLOSE_RANGE 436       // Linux 5.9; with 2, CLOSE_RANGE_UNSHARE
#define TRACE_CALLS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)

// All calls that the target, and what is made of it, are ever made to do.
enum keeper_call { MAKE_HELPER, CLOSE_FILES, MAKE_CHILD, REAP, KEEPER_CALLS };
extern const struct call keeper_calls[KEEPER_CALLS];

struct keeper {
    struct tracer *tracer;
    mx_status status;
    struct mx_error err;
    struct caller caller;   // the thread of the target that calls
    int channel, parent;    // parent: a descriptor of the process that wants the child, or -1
    int child, child_there; // its pid here, and in the target's namespace
    uint64_t foreign_ns;
    struct maps maps;
    char *text; // of the target's mappings while it stands still
    size_t text_nbytes;
};

// One system call in the thread keeper->caller; the time that it takes is added up.
mx_status keeper_call(struct keeper *keeper, struct call call, struct called *ret,
                      struct mx_error *err);

// Kills a process that we trace, and takes it as its tracer: it is then for the target to reap.
void keeper_kill(int pid);
// Makes the thread keeper->caller wait for a child that is dead.
mx_status keeper_reap(struct keeper *keeper, int pid_there, struct mx_error *err);
// Kills the child, and makes some thread of the target, which runs, reap it.
void keeper_end_child(struct keeper *keeper);
// After tracer_release: takes the threads that were killed before they could be detached.
void keeper_reap_killed(const struct tracer *tracer);

#endif
