// error.c - statuses and their texts. Knows libc only.
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

mx_status fail(struct mx_error *err, mx_status status, const char *format, ...)
{
    if (!err)
        return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

mx_status fail_no_memory(struct mx_error *err)
{
    return fail(err, MX_NO_MEMORY, "out of memory");
}

static const struct {
    const char *text;
    int exit_code;
    const char *exception;
} STATUSES[] = {
#define X(name, exit_code, text, exception) [name] = {text, exit_code, exception},
    MX_STATUS_MAP(X)
#undef X
};

enum { STATUS_COUNT = sizeof STATUSES / sizeof STATUSES[0] };

const char *mx_status_text(mx_status status)
{
    return (unsigned)status < STATUS_COUNT ? STATUSES[status].text : "unknown status";
}

int mx_status_exit_code(mx_status status)
{
    return (unsigned)status < STATUS_COUNT ? STATUSES[status].exit_code : 1;
}

const char *mx_status_exception(mx_status status)
{
    return (unsigned)status < STATUS_COUNT ? STATUSES[status].exception : "RuntimeError";
}
