// core.h - an ELF core file: the memory of a process at one moment, written by the kernel or by gcore.
//
//   PT_LOAD             memory that was dumped              --> pieces, read from the core
//   NT_FILE             which file was mapped where         --> what was not dumped is read from the
//   build-id            is the file there still that file?      file that was mapped, when it fits
//   NT_PRPSINFO, NT_AUXV  who it was
//
// Everything is read with pread, never through a mapping: a core (or a library) that is cut short
// while it is looked at, or lies on a broken disk, would kill whoever reads its mapping by SIGBUS.
// Nothing in a core is believed: it may be truncated, corrupted or made up.
#ifndef MX_MEMORY_CORE_H
#define MX_MEMORY_CORE_H

#include "memory/process.h"

struct core;

// Opens a core. `exe` (may be NULL) is tried for any mapped file that is not found under its own
// name; MX_BAD_ARGUMENT when it is none of them. Released by core_release.
// MX_NOT_FOUND: no such file. MX_BAD_ARGUMENT: not a core. MX_UNSUPPORTED: another architecture, or
// built without libelf. MX_CORRUPT. MX_LIMIT.
mx_status core_open(const char *path, const char *exe, struct core **ret, struct mx_error *err);
// One more holder, from any thread.
struct core *core_hold(struct core *core);
void core_release(struct core *core); // may be NULL

// What was mapped where, in the form of /proc/PID/maps. Inodes only tell files apart.
mx_status core_maps(const struct core *core, struct maps *ret, struct mx_error *err);
// All but `python` and `problem`; the uptime is not known, and 0.
void core_describe(const struct core *core, struct mx_process *ret);
// A memory_fetch_fn whose data is the core.
size_t core_fetch(void *core, mx_addr addr, void *buffer, size_t nbytes);
// Why memory of a program is missing: one line about the first file that was needed and is not
// there or is another one. false when none is missing.
bool core_missing_file(const struct core *core, char *buffer, size_t size);

// A new descriptor of the file that is mapped at addr, when it is the one that was mapped; else -1.
int core_file_open(const struct core *core, mx_addr addr);

// The same memory as image_capture gives for a live process. skipped_bytes: what was dumped but is
// cut off, writable memory that was not dumped, and constants of programs whose file does not fit.
mx_status core_capture(struct core *core, mx_progress_fn *progress, void *progress_data,
                       struct image *ret, struct mx_error *err);

#endif
