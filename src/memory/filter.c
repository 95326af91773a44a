// filter.c - what a thread's system call filters (seccomp) would say of a call.
//
// A filter is a program of classic BPF over struct seccomp_data; the kernel runs all that a thread has,
// and the strictest answer holds. Here they are run beforehand, for a call that may not be tried: an
// answer may kill the process. Jumps go forward only, so that a program ends after its length.
#include "memory/filter.h"

#if defined(__x86_64__)
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "memory/procfs.h"

#define SYSCALL_NBYTES 2        // the kernel says where the thread goes on
#define LIMIT_FILTERS 1024      // of one thread; the kernel allows 32768 instructions in all
#define UNKNOWN_ALWAYS (1 << 5) // the sixth argument is what the register has

bool filters_can_be_read(void)
{
    uint64_t own = 1;
    return proc_has_capability(CAP_SYS_ADMIN) &&
           proc_status_number(getpid(), "Seccomp", 10, &own) && own == SECCOMP_MODE_DISABLED;
}

// ---- one program ------------------------------------------------------------------------------

struct machine {
    const struct seccomp_data *data;
    unsigned unknown; // bits: arguments that nobody knows yet
    uint32_t a, x, scratch[BPF_MEMWORDS];
};

static bool load(struct machine *machine, uint32_t offset)
{
    if (offset % 4 || offset >= sizeof *machine->data)
        return false;
    size_t first = offsetof(struct seccomp_data, args);
    if (offset >= first && machine->unknown >> (offset - first) / 8 & 1)
        return false;
    memcpy(&machine->a, (const uint8_t *)machine->data + offset, sizeof machine->a);
    return true;
}

static bool compute(struct machine *machine, uint16_t code, uint32_t k)
{
    uint32_t by = BPF_SRC(code) == BPF_X ? machine->x : k, *a = &machine->a;
    switch (BPF_OP(code)) {
    case BPF_ADD:
        *a += by;
        return true;
    case BPF_SUB:
        *a -= by;
        return true;
    case BPF_MUL:
        *a *= by;
        return true;
    case BPF_DIV:
        *a = by ? *a / by : 0;
        return by != 0;
    case BPF_AND:
        *a &= by;
        return true;
    case BPF_OR:
        *a |= by;
        return true;
    case BPF_XOR:
        *a ^= by;
        return true;
    case BPF_LSH:
        *a = by < 32 ? *a << by : 0;
        return by < 32;
    case BPF_RSH:
        *a = by < 32 ? *a >> by : 0;
        return by < 32;
    case BPF_NEG:
        *a = -*a;
        return true;
    }
    return false;
}

// How many instructions to go on beyond the next; -1 for one that is none.
static int64_t jump(const struct machine *machine, const struct sock_filter *at)
{
    uint32_t by = BPF_SRC(at->code) == BPF_X ? machine->x : at->k, a = machine->a;
    switch (BPF_OP(at->code)) {
    case BPF_JA:
        return at->k;
    case BPF_JEQ:
        return a == by ? at->jt : at->jf;
    case BPF_JGT:
        return a > by ? at->jt : at->jf;
    case BPF_JGE:
        return a >= by ? at->jt : at->jf;
    case BPF_JSET:
        return a & by ? at->jt : at->jf;
    }
    return -1;
}

// What is neither a jump nor the end: kernel/seccomp.c, seccomp_check_filter says what there may be.
static bool step(struct machine *machine, const struct sock_filter *at)
{
    bool to_x = BPF_CLASS(at->code) == BPF_LDX;
    uint32_t *to = to_x ? &machine->x : &machine->a;
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
    case BPF_LDX:
        switch (BPF_MODE(at->code)) {
        case BPF_ABS:
            return !to_x && load(machine, at->k);
        case BPF_IMM:
            *to = at->k;
            return true;
        case BPF_LEN:
            *to = sizeof *machine->data;
            return true;
        case BPF_MEM:
            *to = at->k < BPF_MEMWORDS ? machine->scratch[at->k] : 0;
            return at->k < BPF_MEMWORDS;
        }
        return false;
    case BPF_ST:
    case BPF_STX:
        if (at->k >= BPF_MEMWORDS)
            return false;
        machine->scratch[at->k] = BPF_CLASS(at->code) == BPF_ST ? machine->a : machine->x;
        return true;
    case BPF_ALU:
        return compute(machine, at->code, at->k);
    case BPF_MISC:
        if (BPF_MISCOP(at->code) == BPF_TAX)
            machine->x = machine->a;
        else
            machine->a = machine->x;
        return true;
    }
    return false;
}

bool filter_allows(const struct sock_filter *program, size_t length, mx_addr instruction,
                   const struct call *call)
{
    struct seccomp_data data = {.nr = (int)call->number,
                                .arch = AUDIT_ARCH_X86_64,
                                .instruction_pointer = instruction + SYSCALL_NBYTES};
    memcpy(data.args, call->arguments, sizeof call->arguments);
    struct machine machine = {.data = &data, .unknown = call->unknown | UNKNOWN_ALWAYS};
    for (uint64_t at = 0; at < length; at++) {
        const struct sock_filter *now = &program[at];
        if (BPF_CLASS(now->code) == BPF_RET) {
            uint32_t answer = BPF_RVAL(now->code) == BPF_A ? machine.a : now->k;
            uint32_t action = answer & SECCOMP_RET_ACTION_FULL;
            return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
        }
        if (BPF_CLASS(now->code) != BPF_JMP) {
            if (!step(&machine, now))
                return false;
            continue;
        }
        int64_t over = jump(&machine, now);
        if (over < 0)
            return false;
        at += (uint64_t)over;
    }
    return false;
}

// ---- all of a thread --------------------------------------------------------------------------

// The filter with this number, the caller's to free; its length. *ret_error is 0, or why there is none.
static struct sock_filter *filter_read(int tid, size_t number, size_t *ret_length, int *ret_error)
{
    void *place = (void *)(uintptr_t)number; // NOLINT
    long length = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, place, NULL);
    *ret_error = length < 0 ? errno : 0;
    if (length <= 0 || length > BPF_MAXINSNS)
        return NULL;
    struct sock_filter *program = calloc((size_t)length, sizeof *program);
    if (!program || ptrace(PTRACE_SECCOMP_GET_FILTER, tid, place, program) != length) {
        free(program);
        *ret_error = EIO;
        return NULL;
    }
    *ret_length = (size_t)length;
    return program;
}

const char *filters_forbid(int tid, mx_addr instruction, const struct call *calls, size_t count)
{
    uint64_t mode = 0;
    if (!proc_status_number(tid, "Seccomp", 10, &mode))
        return "it is gone";
    if (mode == SECCOMP_MODE_DISABLED)
        return NULL;
    if (mode != SECCOMP_MODE_FILTER)
        return "it may do nothing but read and write (strict seccomp)";
    for (size_t number = 0; number < LIMIT_FILTERS; number++) {
        size_t length = 0;
        int error = 0;
        cleanup(free_pointer) struct sock_filter *program =
            filter_read(tid, number, &length, &error);
        if (!program && error == ENOENT && number > 0)
            return NULL;
        if (!program)
            return "a system call filter (seccomp) is active, which cannot be read";
        for (size_t i = 0; i < count; i++)
            if (!filter_allows(program, length, instruction, &calls[i]))
                return "its system call filter (seccomp) does not let it";
    }
    return "it has more system call filters (seccomp) than are looked at";
}
#endif
