// process.c - who a process is, and its bytes as they are at this moment.
//
// Facts come from /proc/PID and need no rights; what needs rights and is denied is left empty.
// Whether memory can be read, and why not, is access.c.
#include "memory/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/read_at.h"
#include "memory/procfs.h"

// ---- text -------------------------------------------------------------------------------------

// Length of the valid UTF-8 sequence at bytes, 0 when there is none. nbytes > 0.
static size_t utf8_length(const unsigned char *bytes, size_t nbytes)
{
    if (bytes[0] < 0x80)
        return 1;
    size_t length = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4 || length > nbytes)
        return 0;
    uint32_t code = bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3Fu);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < smallest[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

void escape_text(const char *text, size_t nbytes, char *buffer, size_t size)
{
    size_t done = 0;
    for (size_t i = 0; i < nbytes;) {
        const unsigned char *at = (const unsigned char *)text + i;
        size_t length = utf8_length(at, nbytes - i);
        bool c1_control = length == 2 && at[0] == 0xC2 && at[1] < 0xA0;
        bool plain = length > 1 ? !c1_control : length == 1 && at[0] >= 0x20 && at[0] != 0x7F;
        char escape[5];
        if (!plain) {
            const char *named = *at == '\n'   ? "\\n"
                                : *at == '\t' ? "\\t"
                                : *at == '\r' ? "\\r"
                                              : NULL;
            if (named)
                snprintf(escape, sizeof escape, "%s", named);
            else
                snprintf(escape, sizeof escape, "\\x%02x", *at);
        }
        size_t out = plain ? length : strlen(escape);
        if (out >= size - done)
            break;
        memcpy(buffer + done, plain ? text + i : escape, out);
        done += out;
        i += plain ? length : 1;
    }
    buffer[done] = 0;
}

// ---- facts ------------------------------------------------------------------------------------

static void describe_cmdline(int pid, struct mx_process *process)
{
    char text[sizeof process->cmdline * 2];
    size_t nbytes = 0;
    if (!proc_read(pid, "cmdline", text, sizeof text, &nbytes))
        return;
    while (nbytes && !text[nbytes - 1])
        nbytes--;
    for (size_t i = 0; i < nbytes; i++)
        if (!text[i])
            text[i] = ' ';
    escape_text(text, nbytes, process->cmdline, sizeof process->cmdline);
}

static void describe_executable(int pid, struct mx_process *process)
{
    static const char deleted[] = " (deleted)";
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    ssize_t nbytes = readlink(link, path, sizeof path - 1);
    if (nbytes < 0)
        return; // a kernel thread, or no right to know
    path[nbytes] = 0;
    size_t length = (size_t)nbytes, tail = sizeof deleted - 1;
    if (length > tail && memcmp(path + length - tail, deleted, tail) == 0)
        length -= tail;
    escape_text(path, length, process->executable, sizeof process->executable);
}

static void describe_usage(int pid, const struct proc_stat *stat, struct mx_process *process)
{
    char text[256];
    unsigned long long pages;
    if (proc_read(pid, "statm", text, sizeof text, NULL) && sscanf(text, "%*u %llu", &pages) == 1)
        process->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double started = (double)stat->start_ticks / (double)sysconf(_SC_CLK_TCK);
    double uptime = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - started;
    process->uptime_seconds = uptime > 0 ? uptime : 0;
}

mx_status process_describe(int pid, struct mx_process *ret, struct mx_error *err)
{
    struct proc_stat stat;
    uint64_t uid = 0;
    if (pid <= 0 || !proc_stat_read(pid, &stat) || !proc_status_number(pid, "Uid", 10, &uid))
        return fail(err, MX_NO_PROCESS, "pid %d: no such process", pid);
    if (stat.state == 'Z' || stat.state == 'X')
        return proc_fail_gone(pid, err);
    struct mx_process process = {.pid = pid};
    user_name((unsigned)uid, process.user, sizeof process.user);
    describe_cmdline(pid, &process);
    describe_executable(pid, &process);
    describe_usage(pid, &stat, &process);
    *ret = process;
    return MX_OK;
}

// ---- bytes ------------------------------------------------------------------------------------

// pread at addr of /proc/PID/mem, which also reads what the process itself may not.
static size_t fetch_from_file(int pid, mx_addr addr, uint8_t *buffer, size_t nbytes)
{
    cleanup(close_fd) int fd = proc_open(pid, "mem");
    return fd < 0 ? 0 : read_at(fd, addr, buffer, nbytes);
}

size_t process_fetch(void *data, mx_addr addr, void *buffer, size_t nbytes)
{
    int pid = *(const int *)data;
    size_t done = 0;
    while (done < nbytes) {
        struct iovec local = {(uint8_t *)buffer + done, nbytes - done};
        struct iovec remote = {(void *)(uintptr_t)(addr + done), nbytes - done}; // NOLINT
        ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
        if (got > 0) {
            done += (size_t)got;
            continue;
        }
        // ESRCH: gone. Anything else may be a system call filter or protected pages.
        if (got < 0 && errno == ESRCH)
            break;
        size_t more = fetch_from_file(pid, addr + done, (uint8_t *)buffer + done, nbytes - done);
        return done + more;
    }
    return done;
}

// ---- threads ------------------------------------------------------------------------------------

bool thread_waits(const struct thread_registers *thread)
{
#ifdef SYSTEM_CALL_REGISTER
    switch ((int64_t)thread->words[SYSTEM_CALL_REGISTER]) {
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mremap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_brk:
        return false;
    default:
        return (int64_t)thread->words[SYSTEM_CALL_REGISTER] >= 0;
    }
#else
    (void)thread;
    return true;
#endif
}
