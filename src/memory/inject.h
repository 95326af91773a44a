// inject.h - one system call in a stopped thread of another process. Private to src/memory; x86-64.
#ifndef MX_MEMORY_INJECT_H
#define MX_MEMORY_INJECT_H

#include "memory/maps.h"

struct call {
    uint64_t number, arguments[5]; // of the kernel's interface, not libc's
    unsigned unknown;              // bits: arguments that are filled in later
};

struct called {
    int64_t value; // what the kernel returned, -errno for a failure; a pid as the target sees it
    int child;     // of a clone: the new process, stopped and traced by us; its pid here. Else 0
    uint64_t foreign_ns; // for how long the thread had other registers than its own
};

// Where an executable mapping has a `syscall` instruction, by preference one before an instruction
// that reads the stack: a process that runs on behind it with a bad stack pointer ends at once.
// MX_UNSUPPORTED when there is none.
mx_status syscall_find(int pid, const struct maps *maps, mx_addr *ret, struct mx_error *err);

// Is the instruction still there? A process that calls execve gives its memory up.
bool syscall_is_at(int tid, mx_addr instruction);

struct caller {
    int pid, tid;
    mx_addr instruction; // of a system call
    uint64_t limit_ns;   // 0: none
};

// May the thread, which stands in a stop of PTRACE_INTERRUPT, be made to call these, and what it makes
// with them likewise? What forbids it, or NULL. *ret_waits: it was blocked in a system call, which is
// the best moment.
const char *thread_forbids(const struct caller *caller, const struct call *calls, size_t count,
                           bool *ret_waits);

// Makes a thread that thread_forbids allows execute one system call with all signals blocked, and
// gives it back every register, its signal mask and its place in a system call that it was blocked in.
// PTRACE_O_TRACESYSGOOD and PTRACE_O_TRACECLONE have to be on. Writes no memory of the target.
// MX_NO_PROCESS: the thread was killed. MX_TIMEOUT: not back after limit_ns; then it is in no state to
// go on, and has to be killed.
mx_status inject_call(const struct caller *caller, const struct call *call, struct called *ret,
                      struct mx_error *err);

// Waits until a traced thread that was resumed or was just born stops. false: it is dead, or its number
// belongs to another by now, or limit_ns (0: no limit) have passed.
bool thread_await(int tid, uint64_t limit_ns);

#endif
