// python.h - which interpreter has the package, and starting programs in it.
#ifndef MX_CLI_PYTHON_H
#define MX_CLI_PYTHON_H

#include <spawn.h>
#include <stddef.h>
#include <sys/types.h>

#include "command.h"

// Writes the path of an interpreter that can import the package: the one named or, when that is NULL, the
// first found. MX_NOT_FOUND, with one line that says how to get it, when it cannot.
mx_status python_find(const char *named, char *python, size_t nbytes, struct mx_error *err);

mx_status python_start(char *const *argv, const posix_spawn_file_actions_t *actions, pid_t *ret,
                       struct mx_error *err);

// The child's exit code, 128 and the signal when one ended it.
int python_wait(pid_t pid);

// Becomes `python -m memexplorer` with these words; returns only when that cannot be.
mx_status python_become(int argc, char **argv, struct mx_error *err);

#endif
