// targets.h - processes to stop or to fork that check themselves, and what a test sees of them.
//
// They check their registers, what their system calls return, which signals come. Shared pages show it
// to us: a test waits for what happens and never for a time.
#ifndef MX_TESTS_TARGETS_H
#define MX_TESTS_TARGETS_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "memory/fork.h"

enum { THREADS = 6, LIMIT_SECONDS = 60, PAGES = 64 };

struct shared {
    atomic_ulong counts[THREADS];
    atomic_ulong wrong;    // what a target found out of order
    atomic_ulong children; // SIGCHLD
    atomic_ulong returned; // of the system call that it is blocked in
    atomic_ulong go;
    atomic_ulong signals, parent;
    atomic_ulong turns; // of a target that does things over and over
    uint8_t *pages;     // in the target
    int pipe[2];
    struct sockaddr_un address; // that it listens at
    socklen_t address_size;
};

extern struct shared *shared; // made by targets_main

// To be called first in main: the program runs itself as a target that calls execve.
void targets_main(int argc, char **argv);

double now(void);

// Starts a process that runs `body`, and waits until that has called say_ready.
pid_t target_start(void (*body)(int ready));
void say_ready(int ready);
void target_kill(pid_t pid);

// Within LIMIT_SECONDS.
bool reaches(atomic_ulong *counter, unsigned long value);
bool goes_on(atomic_ulong *counter);
bool all_go_on(void); // every thread of body_busy
bool comes_to(pid_t pid, char state);
bool has_no_children(pid_t pid);

char state_of(pid_t pid);
// The children of all threads of a process, zombies too, as /proc lists them.
size_t children_of(pid_t pid);
uint64_t word_of(pid_t pid, const void *address);

// fork_begin and fork_end that must not fail.
void begin(pid_t pid, struct fork_copy *ret);
void end(struct fork_copy *copy);
void fork_times(pid_t pid, unsigned times);

// ---- bodies -----------------------------------------------------------------------------------

// Counts SIGCHLD; flags of sigaction.
void watch_children(int flags);
// Every general register holds what only this loop put there, an XMM register too. Never returns.
void check_registers(atomic_ulong *count);
void body_registers(int ready);
// Threads that compute, and one in each of two system calls that are made over and over.
void body_busy(int ready);
// Replaces itself over and over, each time from another thread than the main one, and counts it.
void body_exec(int ready);
// Pages full of 'a', changed to 'b' when shared->go is 1.
void body_pages(int ready);

#endif
