// fork.h - a copy-on-write child of another process. Private to src/memory.
#ifndef MX_MEMORY_FORK_H
#define MX_MEMORY_FORK_H

#include "memory/process.h"

struct fork_copy {
    int pid;   // of the target
    int child; // has the memory that the target had while it stood still; never runs
    size_t thread_count;
    uint64_t began_ns, ended_ns; // of the stop
    uint64_t foreign_ns;         // for how long one thread had other registers than its own, in it
    struct thread_registers *registers; // of the target's threads
    size_t register_count;
    struct maps maps;    // the target's while it stood still: the child may lack some of them
    int keeper, channel; // private: the process of ours that holds the child
};

// Stops a process, makes a copy-on-write child of it, lets it go on. No page is copied but those that
// the target writes to while the child lives. A process of ours, in a session of its own, does it and
// keeps the child: when the caller is killed, it ends the child all the same. The caller gets a
// SIGCHLD when it ends.
// MX_UNSUPPORTED: not possible here, with the reason. Else as freeze_begin.
mx_status fork_begin(int pid, struct fork_copy *ret, struct mx_error *err);
// Ends the child and its keeper, and the target's memory of the child. MX_UNREADABLE when the child
// was killed before: what was read of it is not to be trusted. Safe to call twice.
mx_status fork_end(struct fork_copy *copy, struct mx_error *err);

#endif
