// test_freeze.c - stopping a process and letting it go on, whatever happens to either.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "targets.h"

enum { SPINNERS = 4 };

static void stop(pid_t pid, struct freeze *ret)
{
    struct mx_error err = {.message = ""};
    if (freeze_begin(pid, ret, &err) != MX_OK)
        fail_msg("%s", err.message);
}

// ---- targets ----------------------------------------------------------------------------------

static void *count_forever(void *counter)
{
    for (;;)
        atomic_fetch_add((atomic_ulong *)counter, 1);
    return NULL;
}

static void body_threads(int ready)
{
    pthread_t thread;
    for (unsigned i = 1; i < SPINNERS; i++)
        pthread_create(&thread, NULL, count_forever, &shared->counts[i]);
    for (unsigned i = 1; i < SPINNERS; i++)
        while (!shared->counts[i])
            sched_yield();
    say_ready(ready);
    count_forever(&shared->counts[0]);
}

static void body_pause(int ready)
{
    say_ready(ready);
    for (;;)
        pause();
}

static void count_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&shared->signals, 1);
}

static void body_signals(int ready)
{
    signal(SIGUSR1, count_signal);
    say_ready(ready);
    count_forever(&shared->counts[0]);
}

static void *count_once(void *counter)
{
    atomic_fetch_add((atomic_ulong *)counter, 1);
    return NULL;
}

// Threads come and go all the time.
static void body_new_threads(int ready)
{
    say_ready(ready);
    for (;;) {
        pthread_t threads[4];
        for (unsigned i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, count_once, &shared->counts[i]);
        for (unsigned i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        shared->turns++;
    }
}

// ---- tests ------------------------------------------------------------------------------------

static void test_no_thread_runs_between_begin_and_end(void **state)
{
    (void)state;
    pid_t pid = target_start(body_threads);
    struct freeze freeze;
    stop(pid, &freeze);
    assert_int_equal(freeze.thread_count, SPINNERS);
    assert_int_equal(freeze.register_count, SPINNERS);
    for (unsigned i = 0; i < SPINNERS; i++)
        assert_false(thread_waits(&freeze.registers[i]));
    unsigned long before[SPINNERS];
    for (unsigned i = 0; i < SPINNERS; i++)
        before[i] = shared->counts[i];
    for (double end = now() + 0.05; now() < end;)
        for (unsigned i = 0; i < SPINNERS; i++)
            assert_int_equal(shared->counts[i], before[i]);
    freeze_end(&freeze);
    assert_true(freeze.ended_ns - freeze.began_ns >= 50000000);
    for (unsigned i = 0; i < SPINNERS; i++)
        assert_true(goes_on(&shared->counts[i]));
    uint64_t ended = freeze.ended_ns;
    freeze_end(&freeze);
    assert_int_equal(freeze.ended_ns, ended);
    target_kill(pid);
}

static void test_a_thread_in_a_system_call_waits_but_not_in_one_of_an_allocator(void **state)
{
    (void)state;
    struct freeze freeze;
    pid_t pid = target_start(body_pause);
    struct thread_registers thread;
    do { // from the byte that says so to pause() it takes a moment
        stop(pid, &freeze);
        assert_int_equal(freeze.register_count, 1);
        thread = freeze.registers[0];
        freeze_end(&freeze);
    } while (thread.words[SYSTEM_CALL_REGISTER] != SYS_pause);
    assert_true(thread_waits(&thread));
    thread.words[SYSTEM_CALL_REGISTER] = SYS_mmap;
    assert_false(thread_waits(&thread));
    target_kill(pid);
}

// A child of a child of ours.
static void test_process_that_is_not_our_child(void **state)
{
    (void)state;
    int pipes[2];
    pid_t pid;
    assert_int_equal(pipe(pipes), 0);
    pid_t parent = fork();
    if (parent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pid = target_start(body_threads);
        if (write(pipes[1], &pid, sizeof pid) != sizeof pid)
            _exit(1);
        int status; // says by its own end whether it saw that of its child
        _exit(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 42 : 1);
    }
    assert_int_equal(read(pipes[0], &pid, sizeof pid), sizeof pid);
    close(pipes[0]);
    close(pipes[1]);
    struct freeze freeze;
    stop(pid, &freeze);
    freeze_end(&freeze);
    for (unsigned i = 0; i < SPINNERS; i++)
        assert_true(goes_on(&shared->counts[i]));
    stop(pid, &freeze);
    kill(pid, SIGKILL);
    freeze_end(&freeze);
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void test_signals_are_neither_lost_nor_invented(void **state)
{
    (void)state;
    pid_t pid = target_start(body_signals);
    for (unsigned long sent = 1; sent <= 300; sent++) {
        struct freeze freeze;
        bool before = sent % 2;
        if (before)
            kill(pid, SIGUSR1);
        stop(pid, &freeze);
        if (!before)
            kill(pid, SIGUSR1);
        freeze_end(&freeze);
        for (double end = now() + LIMIT_SECONDS; shared->signals < sent && now() < end;)
            sched_yield();
        assert_int_equal(shared->signals, sent);
    }
    assert_true(goes_on(&shared->counts[0]));
    assert_int_equal(shared->signals, 300);
    target_kill(pid);
}

static void test_stopped_process_stays_stopped(void **state)
{
    (void)state;
    pid_t pid = target_start(body_threads);
    kill(pid, SIGSTOP);
    assert_true(comes_to(pid, 'T'));
    for (unsigned i = 0; i < 10; i++) {
        struct freeze freeze;
        stop(pid, &freeze);
        assert_int_equal(freeze.thread_count, SPINNERS);
        freeze_end(&freeze);
        assert_true(comes_to(pid, 'T'));
    }
    unsigned long before = shared->counts[0];
    assert_int_equal(shared->counts[0], before);
    kill(pid, SIGCONT);
    for (unsigned i = 0; i < SPINNERS; i++)
        assert_true(goes_on(&shared->counts[i]));
    target_kill(pid);
}

static void test_threads_that_come_and_go_are_all_stopped(void **state)
{
    (void)state;
    pid_t pid = target_start(body_new_threads);
    for (unsigned i = 0; i < 200; i++) {
        struct freeze freeze;
        stop(pid, &freeze);
        unsigned long counts = 0, again = 0;
        for (unsigned k = 0; k < 4; k++)
            counts += shared->counts[k];
        sched_yield();
        for (unsigned k = 0; k < 4; k++)
            again += shared->counts[k];
        assert_int_equal(counts, again);
        freeze_end(&freeze);
        assert_true(goes_on(&shared->turns));
    }
    target_kill(pid);
}

static void test_process_that_replaces_itself(void **state)
{
    (void)state;
    pid_t pid = target_start(body_exec);
    for (unsigned i = 0; i < 60; i++) {
        struct freeze freeze;
        struct mx_error err = {.message = ""};
        if (freeze_begin(pid, &freeze, &err) != MX_OK)
            fail_msg("%s", err.message);
        unsigned long turns = shared->turns;
        sched_yield();
        assert_int_equal(shared->turns, turns);
        freeze_end(&freeze);
        assert_true(goes_on(&shared->turns));
    }
    target_kill(pid);
}

static void test_process_that_is_killed_while_it_stands_still(void **state)
{
    (void)state;
    pid_t pid = target_start(body_threads);
    struct freeze freeze;
    stop(pid, &freeze);
    kill(pid, SIGKILL);
    freeze_end(&freeze);
    int status; // is ours to wait for, and nobody took it
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_process_that_ends_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        pid_t pid = target_start(body_threads);
        struct freeze freeze = {0};
        struct mx_error err;
        pid_t killer = fork();
        if (killer == 0) {
            for (volatile unsigned k = 0; k < i * 1000; k++)
                ;
            _exit(kill(pid, SIGKILL));
        }
        mx_status status = freeze_begin(pid, &freeze, &err);
        assert_true(status == MX_OK || status == MX_NO_PROCESS);
        freeze_end(&freeze);
        waitpid(killer, NULL, 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

static void test_no_process_zombie_and_oneself_are_said_so(void **state)
{
    (void)state;
    struct freeze freeze;
    struct mx_error err;
    assert_int_equal(freeze_begin(99999999, &freeze, &err), MX_NO_PROCESS);
    assert_string_equal(err.message, "pid 99999999: no such process");
    assert_int_equal(freeze_begin(getpid(), &freeze, &err), MX_BAD_ARGUMENT);
    pid_t pid = target_start(say_ready);
    assert_true(comes_to(pid, 'Z'));
    assert_int_equal(freeze_begin(pid, &freeze, &err), MX_NO_PROCESS);
    assert_non_null(strstr(err.message, "a zombie: it has exited and waits for its parent"));
    waitpid(pid, NULL, 0);
}

static void test_other_tracer_is_named(void **state)
{
    (void)state;
    pid_t pid = target_start(body_pause);
    int pipes[2];
    char byte, expected[200];
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
    struct freeze freeze;
    struct mx_error err;
    assert_int_equal(freeze_begin(pid, &freeze, &err), MX_PERMISSION);
    snprintf(expected, sizeof expected,
             "pid %d: already traced by pid %d (gdb, strace?); end that first", pid, tracer);
    assert_string_equal(err.message, expected);
    kill(tracer, SIGKILL);
    waitpid(tracer, NULL, 0);
    target_kill(pid);
    close(pipes[0]);
    close(pipes[1]);
}

// Stops and releases a process for as long as it lives.
static void freezer_run(pid_t pid, int ready)
{
    for (bool told = false;; told = true) {
        struct freeze freeze;
        if (freeze_begin(pid, &freeze, NULL) != MX_OK)
            _exit(1);
        if (!told)
            say_ready(ready);
        freeze_end(&freeze);
    }
}

static void kill_a_freezer(pid_t pid, unsigned moment)
{
    int pipes[2], status;
    char byte;
    assert_int_equal(pipe(pipes), 0);
    pid_t freezer = fork();
    if (freezer == 0)
        freezer_run(pid, pipes[1]);
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    for (volatile unsigned i = 0; i < moment; i++)
        ;
    kill(freezer, SIGKILL);
    assert_int_equal(waitpid(freezer, &status, 0), freezer);
    assert_true(WIFSIGNALED(status));
}

static void test_target_goes_on_when_the_freezer_is_killed_at_any_moment(void **state)
{
    (void)state;
    pid_t pid = target_start(body_threads);
    uint32_t seed = 1;
    for (unsigned i = 0; i < 100; i++) {
        seed = seed * 1664525 + 1013904223;
        kill_a_freezer(pid, seed >> 12);
        for (unsigned k = 0; k < SPINNERS; k++)
            assert_true(goes_on(&shared->counts[k]));
        char letter = state_of(pid);
        assert_true(letter != 't' && letter != 'T');
    }
    target_kill(pid);
}

static void test_no_signal_is_lost_when_the_freezer_is_killed(void **state)
{
    (void)state;
    pid_t pid = target_start(body_signals);
    uint32_t seed = 7;
    for (unsigned long sent = 1; sent <= 100; sent++) {
        kill(pid, SIGUSR1);
        seed = seed * 1664525 + 1013904223;
        kill_a_freezer(pid, seed >> 14);
        for (double end = now() + LIMIT_SECONDS; shared->signals < sent && now() < end;)
            sched_yield();
        assert_int_equal(shared->signals, sent);
    }
    target_kill(pid);
}

int main(int argc, char **argv)
{
    targets_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_thread_runs_between_begin_and_end),
        cmocka_unit_test(test_a_thread_in_a_system_call_waits_but_not_in_one_of_an_allocator),
        cmocka_unit_test(test_process_that_is_not_our_child),
        cmocka_unit_test(test_signals_are_neither_lost_nor_invented),
        cmocka_unit_test(test_stopped_process_stays_stopped),
        cmocka_unit_test(test_threads_that_come_and_go_are_all_stopped),
        cmocka_unit_test(test_process_that_replaces_itself),
        cmocka_unit_test(test_process_that_is_killed_while_it_stands_still),
        cmocka_unit_test(test_process_that_ends_meanwhile),
        cmocka_unit_test(test_no_process_zombie_and_oneself_are_said_so),
        cmocka_unit_test(test_other_tracer_is_named),
        cmocka_unit_test(test_target_goes_on_when_the_freezer_is_killed_at_any_moment),
        cmocka_unit_test(test_no_signal_is_lost_when_the_freezer_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
