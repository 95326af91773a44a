// self.c - a child that has the process' memory, and works while the process goes on.
//
// fork, and not a system call of our own: it leaves the C library's locks in order in the child, which
// allocates memory, whatever other threads were doing. What it does not allow is a child without an
// exit signal: the process gets one SIGCHLD, and a wait for any child may see this one.
//
// The child must never return into the caller: there is an interpreter in the middle of something.
#include "memory/self.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

#ifndef SYS_close_range
#define SYS_close_range 436 // Linux 5.9
#endif

#define STACK_NBYTES ((size_t)8 << 20) // what a main thread has; page tables alone until it is used
#define GUARD_NBYTES 4096
#define TICK_MS 100

// ---- in the child -----------------------------------------------------------------------------

// Those of a limit on the process that would end the child for what the process has used.
static void raise_limits(void)
{
    static const int LIMITS[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_CPU, RLIMIT_NOFILE};
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        struct rlimit limit;
        if (getrlimit(LIMITS[i], &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            setrlimit(LIMITS[i], &limit);
        }
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    // Where memory runs out, the process is not the one to go.
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "1000", 4);
        (void)written;
        close(fd);
    }
}

// A file that the process closes meanwhile is closed then: whoever reads the other end sees it. What
// closing does here, ending would do later.
static void close_files(int but)
{
    bool closed = (but <= 3 || syscall(SYS_close_range, 3, but - 1, 0) == 0) &&
                  syscall(SYS_close_range, but + 1, ~0u, 0) == 0;
    if (closed)
        return;
    cleanup(close_dir) DIR *files = opendir("/proc/self/fd");
    for (struct dirent *entry; files && (entry = readdir(files));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > 2 && fd != but && fd != dirfd(files))
            close(fd);
    }
}

// With all signals blocked these still arrive when the kernel or abort() means it: then the child ends,
// and the process' handlers say nothing.
static void forget_handlers(void)
{
    static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
        signal(SIGNALS[i], SIG_DFL);
}

struct start {
    struct self_child *child;
    self_body *body;
    void *data;
};

static noreturn __attribute__((used)) void child_main(struct start *start)
{
    start->body(start->child, start->data);
    _exit(0);
}

// Shared memory is nothing that an image copies. A guard page ends it.
static noreturn void child_begin(struct start *start)
{
    struct self_child *child = start->child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent)
        _exit(1);
    child->pid = getpid();
    prctl(PR_SET_DUMPABLE,
          1); // else its own files in /proc are root's; no core is written, see below
    forget_handlers();
    raise_limits();
    close_files(child->report_fd);
    uint8_t *stack = mmap(NULL, STACK_NBYTES, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD_NBYTES, PROT_NONE) != 0)
        child_main(start);
    child->stack = (mx_addr)(uintptr_t)stack;
    child->stack_end = child->stack + STACK_NBYTES;
#if defined(__x86_64__)
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call *%2\n\t"
                     :
                     : "r"(stack + STACK_NBYTES), "D"(start), "r"(child_main)
                     : "memory");
    __builtin_unreachable();
#else
    child_main(start);
#endif
}

// ---- in the process ---------------------------------------------------------------------------

// What a call must keep, and the stack: the rest is the callers' no more.
static inline __attribute__((always_inline)) void read_registers(struct thread_registers *ret)
{
    *ret = (struct thread_registers){.tid = (int)syscall(SYS_gettid)};
#if defined(__x86_64__)
    enum { R15, R14, R13, R12, RBP, RBX }; // sys/user.h, struct user_regs_struct
    __asm__ volatile("mov %%r15, %0" : "=m"(ret->words[R15]));
    __asm__ volatile("mov %%r14, %0" : "=m"(ret->words[R14]));
    __asm__ volatile("mov %%r13, %0" : "=m"(ret->words[R13]));
    __asm__ volatile("mov %%r12, %0" : "=m"(ret->words[R12]));
    __asm__ volatile("mov %%rbp, %0" : "=m"(ret->words[RBP]));
    __asm__ volatile("mov %%rbx, %0" : "=m"(ret->words[RBX]));
    __asm__ volatile("mov %%rsp, %0" : "=m"(ret->stack_pointer));
    ret->words[STACK_POINTER_REGISTER] = ret->stack_pointer;
    ret->words[THREAD_REGISTER] = (uint64_t)pthread_self(); // NOLINT: a pointer with musl
    ret->count = THREAD_REGISTER + 1;
#endif
}

mx_status self_fork(self_body *body, void *data, struct self_child *ret, struct mx_error *err)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return fail(err, MX_LIMIT, "no pipe to a copy of this process can be made: %m");
    struct self_child child = {.parent = getpid(), .report_fd = pipes[1]};
    struct start start = {&child, body, data};
    read_registers(&child.registers);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child.began_ns = clock_ns();
    pid_t pid = fork();
    child.ended_ns = clock_ns();
    if (pid == 0)
        child_begin(&start);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        errno = error;
        return fail(err, error == ENOMEM ? MX_NO_MEMORY : MX_LIMIT,
                    "this process cannot fork a copy of itself: %m");
    }
    child.pid = pid;
    child.report_fd = pipes[0];
    fcntl(child.report_fd, F_SETFL, O_NONBLOCK);
    *ret = child;
    return MX_OK;
}

// Somebody else in the process may wait for any child, or let the kernel reap all: then it is not known
// how this one ended. *ret_status is -1 then.
static bool child_has_ended(pid_t pid, bool wait, int *ret_status)
{
    pid_t got;
    do
        got = waitpid(pid, ret_status, wait ? 0 : WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        *ret_status = -1;
    return got != 0;
}

static mx_status fail_ended(int status, struct mx_error *err)
{
    if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return fail(err, MX_NO_MEMORY,
                    "the copy of this process that was to be explored was killed: most likely the "
                    "machine, or its control group, was out of memory");
    if (status >= 0 && WIFSIGNALED(status))
        return fail(err, MX_CORRUPT,
                    "the copy of this process that was to be explored died of signal %d; capture "
                    "it from outside: memexplorer capture PID",
                    WTERMSIG(status));
    return fail(err, MX_IO,
                "the copy of this process that was to be explored ended without a word");
}

static mx_status kill_child(struct self_child *child, uint64_t waited_ns, bool stopped,
                            struct mx_error *err)
{
    int status;
    if (!child_has_ended(child->pid, false, &status)) {
        kill(child->pid, SIGKILL);
        child_has_ended(child->pid, true, &status);
    }
    if (stopped)
        return fail(err, MX_TIMEOUT, "exploring this process was interrupted");
    return fail(err, MX_TIMEOUT, "exploring this process took more than %.0f seconds",
                (double)waited_ns / 1e9);
}

mx_status self_wait(struct self_child *child, uint64_t timeout_ns, bool (*go_on)(void *data),
                    void *data, void *report, size_t nbytes, struct mx_error *err)
{
    cleanup(close_fd) int fd = child->report_fd;
    uint64_t until = clock_ns() + timeout_ns;
    int status = -1;
    for (bool ended = false;;) {
        struct pollfd wanted = {fd, POLLIN, 0};
        int ready = ended ? 1 : poll(&wanted, 1, TICK_MS);
        ssize_t got = ready > 0 ? read(fd, report, nbytes) : -1;
        if (got == (ssize_t)nbytes)
            break;
        if (ended || got == 0) { // whoever forked meanwhile may keep the pipe open
            if (!ended)
                child_has_ended(child->pid, true, &status);
            return fail_ended(status, err);
        }
        bool stopped = go_on && !go_on(data);
        if (stopped || clock_ns() > until)
            return kill_child(child, timeout_ns, stopped, err);
        ended = child_has_ended(child->pid, false, &status);
    }
    child_has_ended(child->pid, true, &status);
    return MX_OK;
}
