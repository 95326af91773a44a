// procfs.h - reading the files of /proc/PID. Private to src/memory.
#ifndef MX_MEMORY_PROCFS_H
#define MX_MEMORY_PROCFS_H

#include "memexplorer.h"

// Opens /proc/PID/NAME for reading; -1 and errno as open.
int proc_open(int pid, const char *name);

// The first size - 1 bytes of /proc/PID/NAME, ended by NUL, in *ret_nbytes (may be NULL) without it.
// false and errno when it cannot be opened or read.
bool proc_read(int pid, const char *name, char *buffer, size_t size, size_t *ret_nbytes);

// What a failed open or read of /proc/PID means: MX_NO_PROCESS, MX_PERMISSION, MX_IO ...
mx_status proc_fail(int pid, const char *name, int error, struct mx_error *err);

struct proc_stat {
    char state; // R S D Z T t X I
    int parent;
    unsigned flags; // PF_ of the kernel
    int threads;
    uint64_t
        start_ticks; // since boot, in 1 / sysconf(_SC_CLK_TCK) seconds: tells a PID's users apart
};

// /proc/PID/stat; `pid` may be a thread. false and errno when there is none.
bool proc_stat_read(int pid, struct proc_stat *ret);

// The number after "NAME:" in /proc/PID/status, in the given base; false when there is none.
bool proc_status_number(int pid, const char *name, int base, uint64_t *ret);

// Has this process the capability in effect, a number of linux/capability.h?
bool proc_has_capability(unsigned capability);

// "pid 812: no such process", the line about a zombie, or "exited while it was being read".
mx_status proc_fail_gone(int pid, struct mx_error *err);

// Has the process ended, was it killed, or does it exit? Takes up to 50 ms where only its main thread
// has ended.
bool proc_is_ending(int pid);

// What a failure about a process comes from: when that has been killed or exits meanwhile, anything
// may have failed in any way, and MX_NO_PROCESS is said in its place. Else `status`, and err as it is.
mx_status proc_explain(int pid, mx_status status, struct mx_error *err);

// Copies printable UTF-8 and escapes the rest as \n, \t, \r and \xNN; cut between characters.
void escape_text(const char *text, size_t nbytes, char *buffer, size_t size);

// Login name, or the number where it has none.
void user_name(unsigned uid, char *buffer, size_t size);

#endif
