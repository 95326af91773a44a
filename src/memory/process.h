// process.h - a live process: who it is, its bytes, stopping it and letting it go on.
//
// The only part that touches another process. It reads; it never writes a byte of the target's memory.
// To make a copy-on-write child of it (fork.h) the registers of one stopped thread are changed for the
// time of a system call, and given back: nothing else is ever changed.
// Stopping is PTRACE_SEIZE + PTRACE_INTERRUPT of every thread: when the explorer dies in any way,
// the kernel detaches and the target goes on by itself.
#ifndef MX_MEMORY_PROCESS_H
#define MX_MEMORY_PROCESS_H

#include "memory/maps.h"
#include "memory/memory.h"

// Facts from /proc/PID: never needs rights over the process. MX_NO_PROCESS when there is none.
// Fills all of mx_process but `python` and `problem`. A zombie is MX_NO_PROCESS with a line saying so.
mx_status process_describe(int pid, struct mx_process *ret, struct mx_error *err);

// Can its memory be read? MX_PERMISSION (with the remedy), MX_NO_PROCESS, MX_UNSUPPORTED (32 bit or
// another architecture), MX_NOT_PYTHON (a kernel thread) or MX_OK.
mx_status process_check_access(int pid, struct mx_error *err);

// Bytes readable from addr on, without stopping anything; process_vm_readv, else /proc/PID/mem.
// A memory_fetch_fn whose data is a pointer to the int pid.
size_t process_fetch(void *pid, mx_addr addr, void *buffer, size_t nbytes);

// ---- stopping ----

// Where the stack pointer is among the general registers: sys/user.h, struct user_regs_struct.
// fs_base is what pthread_self returns there.
#if defined(__x86_64__)
#define SYSTEM_CALL_REGISTER 15 // orig_rax; less than 0 outside of one
#define STACK_POINTER_REGISTER 19
#define THREAD_REGISTER 21
#elif defined(__aarch64__)
#define STACK_POINTER_REGISTER 31
#endif

// What a stopped thread keeps outside memory.
struct thread_registers {
    int tid;
    mx_addr stack_pointer;
    uint64_t words[40]; // general registers, `count` of them
    size_t count;
};

// Is it in a system call, and not in one that allocators make?
bool thread_waits(const struct thread_registers *thread);

struct freeze {
    int pid;
    size_t thread_count;
    uint64_t began_ns, ended_ns; // CLOCK_MONOTONIC; ended_ns is 0 while the process stands still
    struct thread_registers *registers; // of each thread that could be asked; freeze_end frees
    size_t register_count;
    struct tracer *tracer; // private: a thread of ours that holds the threads of the process
};

// Stops every thread of another process. On failure none is left stopped. MX_TIMEOUT when one does
// not stop within 5 seconds. The calling process may have any children and wait for them as usual,
// `pid` among them, but not with waitpid(-1, ...) at the same time.
mx_status freeze_begin(int pid, struct freeze *ret, struct mx_error *err);
// Lets the process go on, with every signal that arrived meanwhile. Safe to call twice, from any
// thread.
void freeze_end(struct freeze *freeze);

// ---- copying ----

struct image {
    struct memory memory; // segments are the copied mappings; fetch reads what cannot change
    struct maps maps;     // as they were while the process stood still
    uint64_t pause_ns;
    uint64_t behind_bytes;   // of pages behind the end of a mapped file, which hold nothing
    uint64_t unforked_bytes; // of mappings that a copy-on-write child does not get, or gets empty
    uint64_t copied_bytes;   // bytes of resident or swapped pages that were copied
    uint64_t
        skipped_bytes; // of pages that should have been copied and could not be read; not guard
                       // pages, nor what is behind the end of a file: nothing is there
    int pid;
    struct thread_registers *registers; // of the threads while they stood still
    size_t register_count;
    struct image_block *blocks; // private: the local mappings behind the segments, by address
    size_t block_count, block_capacity;
    struct image_live *live; // private: what `fetch` reads from
    struct core *core;       // the same for the image of a core; NULL for that of a process
};

// A copy of all private writable memory and of the private read-only mappings that are not code, taken
// as options->mode says; `options` may be NULL. With MX_CAPTURE_FREEZE options->progress is called
// while the process stands still. image_free releases it. Mappings of files above 64 MiB are copied without their
// absent pages, above 1 GiB without the pages that the process has not changed.
// MX_NO_MEMORY when this machine has less memory available than the copy needs.
mx_status image_capture(int pid, const struct mx_capture_options *options, struct image *ret,
                        struct mx_error *err);
void image_free(struct image *image);
// The registers of the thread whose pthread_self is `self`, or, where that cannot be told from them,
// with this tid; NULL when they were not seen. (Inside a container a thread knows itself by another
// tid.) O(threads).
static inline const struct thread_registers *image_thread(const struct image *image, uint64_t self,
                                                          int64_t tid)
{
    for (size_t i = 0; i < image->register_count; i++) {
        const struct thread_registers *thread = &image->registers[i];
#ifdef THREAD_REGISTER
        if (self && thread->count > THREAD_REGISTER && thread->words[THREAD_REGISTER] == self)
            return thread;
#else
        (void)self;
#endif
        if (thread->tid == tid)
            return thread;
    }
    return NULL;
}
// For those that make images: keeps a copy of the threads' registers.
mx_status image_keep_registers(struct image *image, const struct thread_registers *registers,
                               size_t count, struct mx_error *err);

#endif
