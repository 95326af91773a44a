// error.h - one way to fail: a status, and one line that names what failed and the remedy.
#ifndef MX_BASE_ERROR_H
#define MX_BASE_ERROR_H

#include "memexplorer.h"

// Fills err (which may be NULL) and returns status, so that callers write `return fail(...)`.
// Called once, where the failure is known; everybody above passes the status up untouched.
__attribute__((format(printf, 3, 4))) mx_status fail(struct mx_error *err, mx_status status,
                                                     const char *format, ...);
mx_status fail_no_memory(struct mx_error *err);

#endif
