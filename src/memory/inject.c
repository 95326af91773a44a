// inject.c - one system call in a stopped thread of another process.
//
//   stop of PTRACE_INTERRUPT   all signals blocked, registers set to the call
//   --PTRACE_SYSCALL-->        entry of the call
//   --PTRACE_SYSCALL-->        its end; for a clone the event of the new process
//   --PTRACE_CONT-->           stop of PTRACE_INTERRUPT again: registers and signal mask as before
//
// The last stop is of the same kind as the first because only there the kernel looks, when the thread
// goes on, whether the system call that it was blocked in has to be restarted: it reads that from the
// registers (arch/x86/kernel/signal.c, arch_do_signal_or_restart), and from current->restart_block,
// which neither clone nor wait4 nor close_range touches. So a sleep goes on for the time it had left.
//
// Between the first and the last stop the thread must not be left alone: a tracer that dies there
// leaves it with registers that are not its own. fork.c keeps that short, and the tracer out of the
// way of whoever kills the explorer. For that time alone the thread has a real-time priority, where
// that is allowed: it has to run some microseconds, and would wait for its turn at each stop.
#include "memory/inject.h"

#if defined(__x86_64__)
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "memory/filter.h"
#include "memory/process.h"
#include "memory/procfs.h"
#include "memory/tracer.h"
#include "memory/urgent.h"

#define CODE_64_BIT 0x33      // __USER_CS
#define LIMIT_CODE (4u << 20) // of one mapping: libc has 1.5 MiB, and [vdso] comes first
#define SPIN_NS 300000        // most stops come within 20 us
#define SLEEP_NS 100000       // and a clone of gigabytes later
#define SLEEP_URGENT_NS 10000
#define LOOK_NS 10000000 // whether the thread is still there
#define TRIES_CALL 100   // a SIGSTOP or SIGCONT that arrives makes a clone start again
#define LIMIT_STOPS 1000 // of other kinds in one call: signals that cannot be blocked
#define STOP_SYSCALL (SIGTRAP | 0x80)

// linux/ptrace.h, Linux 5.13 and 6.4: newer than the headers of supported distributions.
#define GET_RSEQ 0x420f
#define GET_DISPATCH 0x4211
struct rseq_place {
    uint64_t address;
    uint32_t size, signature, flags, padding;
};
struct dispatch {
    uint64_t mode, selector, offset, nbytes;
};

// ---- where ------------------------------------------------------------------------------------

// pop, or ret
static bool reads_stack(const uint8_t *code, size_t nbytes)
{
    return (nbytes > 0 && ((code[0] & 0xF8) == 0x58 || code[0] == 0xC3)) ||
           (nbytes > 1 && code[0] == 0x41 && (code[1] & 0xF8) == 0x58);
}

// 1: found one; 2: found a good one; else 0.
static int find_in(int pid, const struct mapping *mapping, mx_addr *ret)
{
    uint64_t nbytes = mapping->end - mapping->start;
    if (nbytes > LIMIT_CODE)
        nbytes = LIMIT_CODE;
    cleanup(free_pointer) uint8_t *code = malloc(nbytes);
    if (!code)
        return 0;
    size_t got = process_fetch(&pid, mapping->start, code, nbytes);
    int found = 0;
    for (size_t i = 0; i + 2 <= got; i++) {
        if (code[i] != 0x0F || code[i + 1] != 0x05)
            continue;
        bool good = reads_stack(code + i + 2, got - i - 2);
        if (good || !found)
            *ret = mapping->start + i;
        found = good ? 2 : 1;
        if (good)
            break;
    }
    return found;
}

mx_status syscall_find(int pid, const struct maps *maps, mx_addr *ret, struct mx_error *err)
{
    int found = 0;
    // The kernel's own code first: it is small, and always resident.
    for (int pass = 0; pass < 2 && found < 2; pass++) {
        for (size_t i = 0; i < maps->count && found < 2; i++) {
            const struct mapping *mapping = &maps->items[i];
            bool kernels = strcmp(mapping->path, "[vdso]") == 0;
            mx_addr at;
            if (!mapping->executable || !mapping->readable || kernels != (pass == 0))
                continue;
            int this = find_in(pid, mapping, &at);
            if (this > found) {
                found = this;
                *ret = at;
            }
        }
        if (found)
            return MX_OK;
    }
    return fail(err, MX_UNSUPPORTED,
                "pid %d: no system call instruction in its code, so that --fork is not possible; "
                "use --freeze",
                pid);
}

bool syscall_is_at(int tid, mx_addr instruction)
{
    uint8_t code[2] = {0};
    return process_fetch(&tid, instruction, code, 2) == 2 && code[0] == 0x0F && code[1] == 0x05;
}

// ---- who --------------------------------------------------------------------------------------

// Code that the kernel restarts when it finds a thread elsewhere, which it would not notice any more
// after a call in between.
static bool is_in_rseq(int tid)
{
    struct rseq_place place = {0};
    uint64_t section = 0;
    if (ptrace(GET_RSEQ, tid, sizeof place, &place) <= 0 || !place.address) // NOLINT
        return false;
    return process_fetch(&tid, place.address + 8, &section, sizeof section) == sizeof section &&
           section;
}

const char *thread_forbids(const struct caller *caller, const struct call *calls, size_t count,
                           bool *ret_waits)
{
    int tid = caller->tid;
    siginfo_t info;
    struct user_regs_struct registers;
    struct iovec words = {&registers, sizeof registers};
    struct dispatch dispatch = {0};
    if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) != 0 || info.si_code >> 8 != PTRACE_EVENT_STOP)
        return "a signal is on its way to it";
    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &words) != 0 || // NOLINT
        words.iov_len != sizeof registers || registers.cs != CODE_64_BIT)
        return "it runs 32-bit code";
    if (ptrace(GET_DISPATCH, tid, sizeof dispatch, &dispatch) == 0 && dispatch.mode) // NOLINT
        return "its system calls are redirected (syscall user dispatch)";
    *ret_waits = (int64_t)registers.orig_rax >= 0;
    if (!*ret_waits && is_in_rseq(tid))
        return "it is in a restartable sequence";
    return filters_forbid(tid, caller->instruction, calls, count);
}

// ---- the call ---------------------------------------------------------------------------------

enum { NOT_STOPPED = -1, IN_GROUP_STOP = PTRACE_EVENT_STOP << 8 };

static int stop_code(int tid)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0)
        return info.si_code;
    return errno == EINVAL ? IN_GROUP_STOP : NOT_STOPPED;
}

// A dead one has nothing to tell either. Nor has one of which only the number is left: with execve
// another thread gets that of the main thread, which is dead then and was reaped in silence.
static bool is_lost(int tid)
{
    siginfo_t info;
    int options = WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD;
    return thread_is_dead(tid) ||
           (waitid(P_PID, (id_t)tid, &info, options) != 0 && errno == ECHILD);
}

// Stops are looked for, not waited for: a sleep and a wakeup would double the time. But who is first in
// line sleeps, so that the thread can have this processor.
bool thread_await(int tid, uint64_t limit_ns)
{
    uint64_t began = clock_ns(), looked = began;
    bool urgent = urgent_is();
    while (stop_code(tid) == NOT_STOPPED) {
        uint64_t now = clock_ns();
        if (!urgent && now - began < SPIN_NS) {
            sched_yield();
            continue;
        }
        if (limit_ns && now - began > limit_ns)
            return false;
        if (now - looked > LOOK_NS && is_lost(tid))
            return false;
        looked = now - looked > LOOK_NS ? now : looked;
        nanosleep(&(struct timespec){.tv_nsec = urgent ? SLEEP_URGENT_NS : SLEEP_NS}, NULL);
    }
    return true;
}

// Resumes the thread until it stops with one of two codes, past those that do not belong to the
// call. 0: it is dead, or late.
static int resume(const struct caller *caller, enum __ptrace_request request, int code, int other,
                  bool *stopped)
{
    for (int stops = 0; stops < LIMIT_STOPS; stops++) {
        if (ptrace(request, caller->tid, NULL, NULL) != 0 ||
            !thread_await(caller->tid, caller->limit_ns))
            return 0;
        int stop = stop_code(caller->tid);
        // The high byte says which event, the low one which signal stops the process: any.
        if (stop == code || stop == other ||
            (stop >> 8 == PTRACE_EVENT_STOP && code >> 8 == PTRACE_EVENT_STOP))
            return stop;
        siginfo_t info = {0};
        ptrace(PTRACE_GETSIGINFO, caller->tid, NULL, &info);
        *stopped |= info.si_signo == SIGSTOP && stop >> 8 == 0; // it cannot be blocked
    }
    return 0;
}

static bool must_restart(int64_t value)
{
    return value <= -512 && value >= -516; // include/linux/errno.h, ERESTARTSYS and its kin
}

// At the end of a call that made no process its value is there, and all registers can be given back
// at once; at the event of a new one the kernel is still to put the value into one of them.
static bool call_once(const struct caller *caller, const struct user_regs_struct *before,
                      const struct user_regs_struct *during, struct called *ret, bool *stopped)
{
    int tid = caller->tid, event = SIGTRAP | PTRACE_EVENT_CLONE << 8;
    int interrupted = SIGTRAP | PTRACE_EVENT_STOP << 8;
    struct user_regs_struct after = {0};
    if (ptrace(PTRACE_SETREGS, tid, NULL, during) != 0 ||
        !resume(caller, PTRACE_SYSCALL, STOP_SYSCALL, STOP_SYSCALL, stopped))
        return false;
    int stop = resume(caller, PTRACE_SYSCALL, STOP_SYSCALL, event, stopped);
    if (!stop || ptrace(PTRACE_GETREGS, tid, NULL, &after) != 0)
        return false;
    ret->value = (int64_t)after.rax;
    unsigned long child = 0;
    if (stop == event)
        ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child);
    ret->child = (int)child;
    ptrace(PTRACE_SETREGS, tid, NULL, before);
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    if (!resume(caller, PTRACE_CONT, interrupted, interrupted, stopped))
        return false;
    if (stop == event && ptrace(PTRACE_GETREGS, tid, NULL, &after) == 0)
        ret->value = (int64_t)after.rax;
    ptrace(PTRACE_SETREGS, tid, NULL, before);
    return true;
}

mx_status inject_call(const struct caller *caller, const struct call *call, struct called *ret,
                      struct mx_error *err)
{
    int tid = caller->tid;
    struct user_regs_struct before;
    uint64_t mask, all = ~(uint64_t)0;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &before) != 0 ||
        ptrace(PTRACE_GETSIGMASK, tid, sizeof mask, &mask) != 0) // NOLINT
        return fail(err, MX_NO_PROCESS, "pid %d: exited while it stood still", caller->pid);
    struct user_regs_struct during = before;
    during.rip = caller->instruction;
    during.rax = call->number;
    during.rdi = call->arguments[0];
    during.rsi = call->arguments[1];
    during.rdx = call->arguments[2];
    during.r10 = call->arguments[3];
    during.r8 = call->arguments[4];
    during.orig_rax = (uint64_t)-1; // no system call is to be restarted
    uint64_t began = clock_ns();
    ptrace(PTRACE_SETSIGMASK, tid, sizeof all, &all); // NOLINT
    struct urgent usual = urgent_begin(tid);
    struct called called = {0};
    bool done = true, stopped = false;
    for (int tries = 0; done && tries < TRIES_CALL; tries++) {
        done = call_once(caller, &before, &during, &called, &stopped);
        if (!must_restart(called.value))
            break;
    }
    urgent_end(tid, &usual);
    ptrace(PTRACE_SETSIGMASK, tid, sizeof mask, &mask); // NOLINT
    called.foreign_ns = clock_ns() - began;
    if (stopped)
        kill(caller->pid, SIGSTOP);
    *ret = called;
    if (done)
        return MX_OK;
    if (thread_is_dead(tid))
        return fail(err, MX_NO_PROCESS, "pid %d: killed while it stood still", caller->pid);
    return fail(err, MX_TIMEOUT, "pid %d: a system call in it does not return", caller->pid);
}
#endif
