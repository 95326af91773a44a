// test_fork_ends.c - forks that come to a bad end: somebody is killed, or it is refused.
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/filter.h"
#include "targets.h"

// ---- somebody dies --------------------------------------------------------------------------------

static void test_target_that_is_killed_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        pid_t pid = target_start(body_busy);
        pid_t killer = fork();
        if (killer == 0) {
            for (volatile unsigned k = 0; k < i * 20000; k++)
                ;
            _exit(kill(pid, SIGKILL));
        }
        struct fork_copy copy = {0};
        struct mx_error err = {.message = ""};
        mx_status status = fork_begin(pid, &copy, &err);
        if (status != MX_OK && status != MX_NO_PROCESS)
            fail_msg("%s", err.message);
        fork_end(&copy, NULL);
        waitpid(killer, NULL, 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(shared->pipe[0]);
        close(shared->pipe[1]);
    }
}

// Its threads and numbers change all the time; the child outlives what it was made of.
static void test_target_that_replaces_itself(void **state)
{
    (void)state;
    pid_t pid = target_start(body_exec);
    for (unsigned i = 0; i < 20; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        assert_true(goes_on(&shared->turns));
        end(&copy);
        assert_true(goes_on(&shared->turns));
    }
    target_kill(pid);
}

static void test_child_that_is_killed_is_not_trusted(void **state)
{
    (void)state;
    pid_t pid = target_start(body_busy);
    struct fork_copy copy;
    begin(pid, &copy);
    kill(copy.child, SIGKILL);
    assert_true(comes_to(copy.child, 'Z'));
    struct mx_error err;
    assert_int_equal(fork_end(&copy, &err), MX_UNREADABLE);
    assert_non_null(strstr(err.message, "its copy-on-write child was killed"));
    assert_int_equal(children_of(pid), 0);
    assert_int_equal(shared->children, 0);
    target_kill(pid);
}

// Forks over and over for as long as it lives.
static void forker_run(pid_t pid, int ready)
{
    for (bool told = false;; told = true) {
        struct fork_copy copy;
        if (fork_begin(pid, &copy, NULL) != MX_OK)
            _exit(1);
        if (!told)
            say_ready(ready);
        fork_end(&copy, NULL);
    }
}

static void test_target_goes_on_when_the_explorer_is_killed_at_any_moment(void **state)
{
    (void)state;
    pid_t pid = target_start(body_busy);
    uint32_t seed = 3;
    for (unsigned i = 0; i < 50; i++) {
        int pipes[2];
        char byte;
        assert_int_equal(pipe(pipes), 0);
        pid_t forker = fork();
        if (forker == 0) {
            setpgid(0, 0);
            forker_run(pid, pipes[1]);
        }
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        close(pipes[0]);
        seed = seed * 1664525 + 1013904223;
        for (volatile unsigned k = 0; k < seed >> 9; k++)
            ;
        kill(-forker, SIGKILL); // its whole process group
        assert_int_equal(waitpid(forker, NULL, 0), forker);
        assert_true(all_go_on());
        assert_true(has_no_children(pid));
    }
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(shared->children, 0);
    target_kill(pid);
}

// ---- refusals ---------------------------------------------------------------------------------

static void refusal(pid_t pid, mx_status status, const char *part)
{
    struct fork_copy copy;
    struct mx_error err = {.message = ""};
    assert_int_equal(fork_begin(pid, &copy, &err), status);
    if (!strstr(err.message, part) || strchr(err.message, '\n'))
        fail_msg("'%s' does not say '%s' in one line", err.message, part);
    assert_int_equal(children_of(pid), 0);
}

static void filter_and_wait(int ready, struct sock_filter *code, unsigned short length)
{
    struct sock_fprog program = {length, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(1);
    body_pages(ready);
}

// As containers have it: a list of what is let through, clone with a look at its flags.
static void body_filtered(int ready)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER | CLONE_NEWPID, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    filter_and_wait(ready, code, sizeof code / sizeof code[0]);
}

static void body_forbidden(int ready)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    filter_and_wait(ready, code, sizeof code / sizeof code[0]);
}

static void test_filter_that_lets_it_fork_is_no_reason(void **state)
{
    (void)state;
    if (!filters_can_be_read())
        skip();
    pid_t pid = target_start(body_filtered);
    struct fork_copy copy;
    for (unsigned i = 0; i < 5; i++) {
        begin(pid, &copy);
        end(&copy);
    }
    assert_true(has_no_children(pid));
    target_kill(pid);
}

static void test_filter_that_would_kill_it_is_a_reason(void **state)
{
    (void)state;
    pid_t pid = target_start(body_forbidden);
    refusal(pid, MX_UNSUPPORTED, "seccomp");
    target_kill(pid);
}

// Gives CAP_SYS_ADMIN up: then nobody can say what the filter does.
static void test_filter_that_cannot_be_read_is_a_reason(void **state)
{
    (void)state;
    pid_t pid = target_start(body_filtered);
    pid_t reader = fork();
    if (reader == 0) {
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct caps[2];
        struct fork_copy copy;
        struct mx_error err = {.message = ""};
        syscall(SYS_capget, &header, caps);
        caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
        if (syscall(SYS_capset, &header, caps) != 0 || filters_can_be_read())
            _exit(1);
        _exit(fork_begin(pid, &copy, &err) != MX_UNSUPPORTED ||
              !strstr(err.message, "CAP_SYS_ADMIN"));
    }
    int status;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    target_kill(pid);
}

static void body_alone(int ready)
{
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(1);
    setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0});
    body_pages(ready);
}

static void test_process_that_may_have_no_children_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t pid = target_start(body_alone);
    refusal(pid, MX_UNSUPPORTED, "RLIMIT_NPROC");
    target_kill(pid);
}

static void body_vfork(int ready)
{
    say_ready(ready);
    if (vfork() == 0) { // NOLINT
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
}

static void test_process_inside_a_vfork_is_refused(void **state)
{
    (void)state;
    pid_t pid = target_start(body_vfork);
    assert_true(comes_to(pid, 'D'));
    struct fork_copy copy;
    struct mx_error err = {.message = ""};
    double began = now();
    assert_int_equal(fork_begin(pid, &copy, &err), MX_TIMEOUT);
    assert_non_null(strstr(err.message, "inside a vfork"));
    assert_true(now() - began < 4); // it was not stopped for that
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void *count_alone(void *data)
{
    (void)data;
    for (;; shared->counts[0]++)
        sched_yield();
    return NULL;
}

static void body_without_main_thread(int ready)
{
    pthread_t thread;
    pthread_create(&thread, NULL, count_alone, NULL);
    say_ready(ready);
    pthread_exit(NULL);
}

static void test_process_without_a_main_thread_is_not_said_to_have_ended(void **state)
{
    (void)state;
    pid_t pid = target_start(body_without_main_thread);
    assert_true(comes_to(pid, 'Z'));
    refusal(pid, MX_UNSUPPORTED, "its main thread has ended while others run");
    struct mx_error err;
    assert_int_equal(process_check_access(pid, &err), MX_UNSUPPORTED);
    assert_true(goes_on(&shared->counts[0]));
    target_kill(pid);
}

static void test_oneself_zombie_and_nobody_are_refused(void **state)
{
    (void)state;
    struct fork_copy copy;
    struct mx_error err;
    assert_int_equal(fork_begin(getpid(), &copy, &err), MX_BAD_ARGUMENT);
    assert_int_equal(fork_begin(99999999, &copy, &err), MX_NO_PROCESS);
    pid_t pid = target_start(say_ready);
    assert_true(comes_to(pid, 'Z'));
    assert_int_equal(fork_begin(pid, &copy, &err), MX_NO_PROCESS);
    assert_non_null(strstr(err.message, "a zombie"));
    waitpid(pid, NULL, 0);
}

static void test_other_tracer_is_named(void **state)
{
    (void)state;
    pid_t pid = target_start(body_pages);
    int pipes[2];
    char byte;
    assert_int_equal(pipe(pipes), 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
            say_ready(pipes[1]);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    refusal(pid, MX_PERMISSION, "already traced by pid");
    kill(tracer, SIGKILL);
    waitpid(tracer, NULL, 0);
    target_kill(pid);
    close(pipes[0]);
    close(pipes[1]);
}

int main(int argc, char **argv)
{
    targets_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_that_is_killed_meanwhile),
        cmocka_unit_test(test_target_that_replaces_itself),
        cmocka_unit_test(test_child_that_is_killed_is_not_trusted),
        cmocka_unit_test(test_target_goes_on_when_the_explorer_is_killed_at_any_moment),
        cmocka_unit_test(test_filter_that_lets_it_fork_is_no_reason),
        cmocka_unit_test(test_filter_that_would_kill_it_is_a_reason),
        cmocka_unit_test(test_filter_that_cannot_be_read_is_a_reason),
        cmocka_unit_test(test_process_that_may_have_no_children_is_refused),
        cmocka_unit_test(test_process_inside_a_vfork_is_refused),
        cmocka_unit_test(test_process_without_a_main_thread_is_not_said_to_have_ended),
        cmocka_unit_test(test_oneself_zombie_and_nobody_are_refused),
        cmocka_unit_test(test_other_tracer_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
