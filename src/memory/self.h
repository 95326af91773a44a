// self.h - this process' own memory, copied by a child that it has forked for that.
//
//   the process --fork--> the child: the same memory, of the moment of the fork; copies itself
//
// No debugger's rights are needed: a process may always read itself. Nothing here knows what for.
#ifndef MX_MEMORY_SELF_H
#define MX_MEMORY_SELF_H

#include <stdnoreturn.h>
#include <sys/types.h>
#include <unistd.h>

#include "memory/process.h"

// A child that works on its own and reports through a pipe.
struct self_child {
    pid_t pid, parent;
    int report_fd;                     // there: written to; here: read from
    uint64_t began_ns, ended_ns;       // of the fork, CLOCK_MONOTONIC
    struct thread_registers registers; // of the thread that forked
    mx_addr stack, stack_end;          // there: what it runs on, and the process has not
};

// What the child runs, on a stack of its own: the thread that forked may have had a short one. It
// writes a report of at most SELF_REPORT bytes, at once, and returns; then the child ends.
typedef void self_body(const struct self_child *child, void *data);
#define SELF_REPORT 4096 // PIPE_BUF: so much is written as a whole

// Forks. The child has every signal blocked, no open files but the standard ones, and dies with the
// thread that forked it. Libraries' pthread_atfork handlers run, as with every fork.
// MX_LIMIT, MX_NO_MEMORY: the process may not have a child more.
mx_status self_fork(self_body *body, void *data, struct self_child *ret, struct mx_error *err);

// Waits until the child has ended, and takes the report of `nbytes` bytes. `go_on` (may be NULL) is
// called every tenth of a second; when it returns false, or after timeout_ns, the child is killed:
// MX_TIMEOUT. MX_CORRUPT, MX_NO_MEMORY: it died of a signal.
mx_status self_wait(struct self_child *child, uint64_t timeout_ns, bool (*go_on)(void *data),
                    void *data, void *report, size_t nbytes, struct mx_error *err);

// In the child: a copy of all that image_capture copies, as it was in the process when it forked.
mx_status image_capture_self(const struct self_child *child, struct image *ret,
                             struct mx_error *err);

#endif
