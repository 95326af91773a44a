// filter.h - what a thread's system call filters (seccomp) would say of a call. Private to src/memory;
// x86-64.
#ifndef MX_MEMORY_FILTER_H
#define MX_MEMORY_FILTER_H

#include "memory/inject.h"

struct sock_filter;

// May this process read the filters of another? Linux asks for CAP_SYS_ADMIN, and for a reader without
// a filter of its own (kernel/seccomp.c, seccomp_get_filter).
bool filters_can_be_read(void);

// Would each of the calls be let through, made at this instruction by a thread that we trace and that
// stands still? What forbids it, or NULL; also when the thread has no filter.
const char *filters_forbid(int tid, mx_addr instruction, const struct call *calls, size_t count);

// One filter's program: does it let the call through, whatever its unknown arguments are? A program
// that the kernel would not have taken lets nothing through.
bool filter_allows(const struct sock_filter *program, size_t length, mx_addr instruction,
                   const struct call *call);

#endif
