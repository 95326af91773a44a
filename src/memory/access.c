// access.c - may we read a process, and if not, why not and what helps.
//
// The kernel says no more than EPERM, so the cause is told from what can be seen from outside:
// owners, capabilities and the yama security module, in this order.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "memory/process.h"
#include "memory/procfs.h"

#define PF_KTHREAD 0x00200000u // include/linux/sched.h

static int yama_scope(void)
{
    cleanup(close_fd) int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    char digit = '0';
    return fd >= 0 && read(fd, &digit, 1) == 1 ? digit - '0' : 0;
}

// The process made itself unreadable (prctl PR_SET_DUMPABLE, or a change of user): the kernel then
// gives its /proc files to root.
static bool is_protected(int pid, uint64_t uid)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    return stat(path, &info) == 0 && info.st_uid == 0 && uid != 0;
}

static mx_status fail_other_user(int pid, uint64_t uid, struct mx_error *err)
{
    char owner[64], self[64];
    user_name((unsigned)uid, owner, sizeof owner);
    user_name(geteuid(), self, sizeof self);
    return fail(err, MX_PERMISSION,
                "pid %d: permission denied: it belongs to user %s and you are %s; run as root or "
                "as user %s",
                pid, owner, self, owner);
}

static mx_status fail_permission(int pid, struct mx_error *err)
{
    uint64_t uid = geteuid();
    proc_status_number(pid, "Uid", 10, &uid);
    bool capable = proc_has_capability(CAP_SYS_PTRACE);
    if (!capable && uid != geteuid() && geteuid() != 0)
        return fail_other_user(pid, uid, err);
    int scope = yama_scope();
    if (scope == 3)
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied: kernel.yama.ptrace_scope is 3, which forbids it to "
                    "everybody until the machine is restarted with another setting",
                    pid);
    if (capable)
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied in spite of CAP_SYS_PTRACE: a security module, a "
                    "system call filter or another user namespace forbids it; run in the "
                    "namespace of the process or on its host",
                    pid);
    if (scope == 2)
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied: kernel.yama.ptrace_scope is 2; run as root with "
                    "CAP_SYS_PTRACE, or docker run --cap-add SYS_PTRACE",
                    pid);
    if (is_protected(pid, uid))
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied: it protects its memory (PR_SET_DUMPABLE, or it "
                    "has changed its user); run as root with CAP_SYS_PTRACE",
                    pid);
    if (scope == 1)
        return fail(err, MX_PERMISSION,
                    "pid %d: permission denied: kernel.yama.ptrace_scope is 1, only its parents "
                    "may; run as root with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE), or "
                    "sysctl kernel.yama.ptrace_scope=0",
                    pid);
    return fail(err, MX_PERMISSION,
                "pid %d: permission denied; run as the same user with CAP_SYS_PTRACE, or docker "
                "run --cap-add SYS_PTRACE",
                pid);
}

// ---- architecture -----------------------------------------------------------------------------

static bool read_ident(int pid, const struct maps *maps, Elf64_Ehdr *ret)
{
    cleanup(close_fd) int fd = proc_open(pid, "exe");
    if (fd >= 0)
        return pread(fd, ret, sizeof *ret, 0) == (ssize_t)sizeof *ret;
    // The file cannot be opened: the first mapping of a file is the program's, or another's of the
    // same architecture.
    for (size_t i = 0; i < maps->count; i++) {
        const struct mapping *mapping = &maps->items[i];
        if (mapping->inode && mapping->file_offset == 0 && mapping->readable)
            return process_fetch(&pid, mapping->start, ret, sizeof *ret) == sizeof *ret;
    }
    return false;
}

static mx_status check_architecture(int pid, const struct maps *maps, struct mx_error *err)
{
    Elf64_Ehdr header;
    if (!read_ident(pid, maps, &header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return MX_OK; // whoever needs an ELF file in it says so better
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
        return fail(err, MX_UNSUPPORTED,
                    "pid %d: a 32-bit program; only 64-bit x86-64 targets are supported", pid);
    if (header.e_machine == EM_X86_64)
        return MX_OK;
    const char *name = header.e_machine == EM_AARCH64 ? "an aarch64" : "a non-x86-64";
    return fail(err, MX_UNSUPPORTED, "pid %d: %s program; only 64-bit x86-64 targets are supported",
                pid, name);
}

// ---- access -----------------------------------------------------------------------------------

// Reads one byte of some mapping; false only when that is forbidden.
static bool may_read(int pid, const struct maps *maps)
{
    bool forbidden = false;
    for (size_t i = 0; i < maps->count; i++) {
        uint8_t byte;
        if (!maps->items[i].readable || maps->items[i].path[0] == '[')
            continue;
        errno = 0;
        if (process_fetch(&pid, maps->items[i].start, &byte, 1) == 1)
            return true;
        if (errno == EPERM || errno == EACCES)
            return false;
        forbidden = forbidden || errno == ENOSYS;
    }
    return !forbidden;
}

mx_status process_check_access(int pid, struct mx_error *err)
{
    struct proc_stat stat;
    if (pid <= 0 || !proc_stat_read(pid, &stat))
        return fail(err, MX_NO_PROCESS, "pid %d: no such process", pid);
    if (stat.state == 'Z' || stat.state == 'X')
        return proc_fail_gone(pid, err);
    if (stat.flags & PF_KTHREAD)
        return fail(err, MX_NOT_PYTHON, "pid %d: a kernel thread, not a Python process", pid);
    cleanup(maps_free) struct maps maps = {0};
    mx_status status = maps_read(pid, &maps, err);
    if (status == MX_PERMISSION)
        return fail_permission(pid, err);
    if (status)
        return status;
    if (!maps.count)
        return proc_fail_gone(pid, err);
    if (!may_read(pid, &maps))
        return fail_permission(pid, err);
    return check_architecture(pid, &maps, err);
}
