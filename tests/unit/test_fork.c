// test_fork.c - a copy-on-write child of a process, and the process unharmed by it.
#include <dirent.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "targets.h"

// ---- targets that are blocked -----------------------------------------------------------------

static uint32_t futex_word;

static long block_read(void)
{
    char byte = 0;
    return read(shared->pipe[0], &byte, 1) == 1 && byte == 'x';
}
static long block_poll(void)
{
    struct pollfd waited = {shared->pipe[0], POLLIN, 0};
    return poll(&waited, 1, 100000) == 1;
}
static long block_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(shared->pipe[0], &set);
    return select(shared->pipe[0] + 1, &set, NULL, NULL, &(struct timeval){.tv_sec = 100}) == 1;
}
static long block_futex(void)
{
    struct timespec limit = {.tv_nsec = 700000000};
    return syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, &limit, NULL, 0) == -1 &&
           errno == ETIMEDOUT;
}
static long block_accept(void)
{
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = sizeof(sa_family_t); // the kernel chooses a name
    shared->address.sun_family = AF_UNIX;
    if (bind(listening, (struct sockaddr *)&shared->address, size) != 0)
        return 0;
    size = sizeof shared->address;
    getsockname(listening, (struct sockaddr *)&shared->address, &size);
    shared->address_size = size;
    return listen(listening, 1) == 0 && accept(listening, NULL, NULL) >= 0;
}

// Sleeps neither longer nor shorter than it wants to.
static long block_sleep(void)
{
    double began = now();
    int result = nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
    double slept = now() - began;
    return result == 0 && slept >= 0.7 && slept < 0.7 + LIMIT_SECONDS;
}
static long block_wait(void)
{
    pid_t child = fork();
    if (child == 0) {
        char byte;
        _exit(read(shared->pipe[0], &byte, 1) == 1 ? 7 : 1);
    }
    int status;
    pid_t got = waitpid(-1, &status, 0);
    return got == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static long (*blocking)(void);

static void body_blocked(int ready)
{
    watch_children(SA_RESTART);
    say_ready(ready);
    shared->returned = blocking() ? 1 : 2;
    for (;;)
        pause();
}

// ---- tests ------------------------------------------------------------------------------------

static void test_child_keeps_the_memory_that_the_target_changes(void **state)
{
    (void)state;
    pid_t pid = target_start(body_pages);
    struct fork_copy copy;
    begin(pid, &copy);
    assert_int_equal(copy.thread_count, 1);
    assert_int_equal(copy.register_count, 1);
    assert_true(copy.maps.count > 10 && copy.ended_ns > copy.began_ns);
    assert_int_equal(state_of(copy.child), 't');
    shared->go = 1;
    assert_true(reaches(&shared->go, 2));
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(word_of(copy.child, shared->pages + 4096 * i), 0x6161616161616161);
        assert_int_equal(word_of(pid, shared->pages + 4096 * i), 0x6262626262626262);
    }
    int child = copy.child;
    end(&copy);
    end(&copy);
    assert_int_equal(state_of(child), '?');
    target_kill(pid);
}

// The threads that make it are first in line for a moment: the target, and its child, are not.
static void test_no_priority_changes(void **state)
{
    (void)state;
    pid_t pid = target_start(body_pages);
    assert_int_equal(setpriority(PRIO_PROCESS, (id_t)pid, 7), 0);
    struct fork_copy copy;
    for (unsigned i = 0; i < 3; i++) {
        begin(pid, &copy);
        assert_int_equal(sched_getscheduler(copy.child), SCHED_OTHER);
        end(&copy);
        assert_int_equal(sched_getscheduler(pid), SCHED_OTHER);
        assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), 7);
    }
    assert_int_equal(sched_setscheduler(pid, SCHED_BATCH, &(struct sched_param){0}), 0);
    begin(pid, &copy);
    end(&copy);
    assert_int_equal(sched_getscheduler(pid), SCHED_BATCH);
    target_kill(pid);
}

static void test_child_holds_no_file_open(void **state)
{
    (void)state;
    pid_t pid = target_start(body_pages);
    struct fork_copy copy;
    begin(pid, &copy);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", copy.child);
    DIR *files = opendir(path);
    assert_non_null(files);
    for (struct dirent *entry; (entry = readdir(files));)
        assert_int_equal(entry->d_name[0], '.');
    closedir(files);
    end(&copy);
    target_kill(pid);
}

static void test_no_register_changes(void **state)
{
    (void)state;
    pid_t pid = target_start(body_registers);
    for (unsigned i = 0; i < 50; i++) {
        fork_times(pid, 1);
        assert_true(goes_on(&shared->counts[0]));
    }
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(shared->children, 0);
    target_kill(pid);
}

static void test_busy_threads_go_on_as_if_nothing_had_happened(void **state)
{
    (void)state;
    pid_t pid = target_start(body_busy);
    for (unsigned i = 0; i < 40; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        assert_int_equal(copy.thread_count, THREADS);
        end(&copy);
        assert_int_equal(children_of(pid), 0);
        assert_true(all_go_on());
    }
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(shared->children, 0);
    target_kill(pid);
}

static void blocked(long (*body)(void), char state, bool wakes)
{
    blocking = body;
    pid_t pid = target_start(body_blocked);
    assert_true(comes_to(pid, state));
    size_t children = children_of(pid);
    for (unsigned i = 0; i < 10; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        end(&copy);
        assert_int_equal(children_of(pid), children);
    }
    if (wakes)
        assert_int_equal(shared->returned, 0);
    if (wakes)
        assert_int_equal(write(shared->pipe[1], "x", 1), 1);
    int caller = socket(AF_UNIX, SOCK_STREAM, 0);
    if (shared->address_size)
        assert_int_equal(connect(caller, (struct sockaddr *)&shared->address, shared->address_size),
                         0);
    close(caller);
    assert_true(reaches(&shared->returned, 1));
    assert_int_equal(shared->returned, 1);
    assert_int_equal(shared->children, body == block_wait);
    target_kill(pid);
}

static void test_blocked_in_read(void **state)
{
    (void)state;
    blocked(block_read, 'S', true);
}
static void test_blocked_in_poll(void **state)
{
    (void)state;
    blocked(block_poll, 'S', true);
}
static void test_blocked_in_select(void **state)
{
    (void)state;
    blocked(block_select, 'S', true);
}
static void test_blocked_in_waiting_for_any_child(void **state)
{
    (void)state;
    blocked(block_wait, 'S', true);
}
static void test_blocked_in_sleep_for_its_time(void **state)
{
    (void)state;
    blocked(block_sleep, 'S', false);
}
static void test_blocked_in_futex_for_its_time(void **state)
{
    (void)state;
    blocked(block_futex, 'S', false);
}
static void test_blocked_in_accept(void **state)
{
    (void)state;
    blocked(block_accept, 'S', true);
}

static void body_ignores(int ready)
{
    signal(SIGCHLD, SIG_IGN);
    body_pages(ready);
}
static void body_no_wait(int ready)
{
    watch_children(SA_NOCLDWAIT);
    body_pages(ready);
}

static void test_target_that_leaves_its_children_to_the_kernel(void **state)
{
    (void)state;
    void (*const bodies[])(int) = {body_ignores, body_no_wait};
    for (unsigned i = 0; i < 2; i++) {
        pid_t pid = target_start(bodies[i]);
        fork_times(pid, 10);
        assert_int_equal(shared->children, 0);
        target_kill(pid);
    }
}

static void test_stopped_process_stays_stopped(void **state)
{
    (void)state;
    pid_t pid = target_start(body_busy);
    kill(pid, SIGSTOP);
    assert_true(comes_to(pid, 'T'));
    for (unsigned i = 0; i < 5; i++) {
        fork_times(pid, 1);
        assert_true(comes_to(pid, 'T'));
    }
    kill(pid, SIGCONT);
    assert_true(all_go_on());
    assert_int_equal(shared->wrong, 0);
    target_kill(pid);
}

static void count_usr1(int signal)
{
    (void)signal;
    shared->returned++;
}
static void body_signals(int ready)
{
    struct sigaction action = {.sa_handler = count_usr1};
    sigaction(SIGUSR1, &action, NULL);
    say_ready(ready);
    check_registers(&shared->counts[0]);
}

static void test_signals_are_neither_lost_nor_invented(void **state)
{
    (void)state;
    pid_t pid = target_start(body_signals);
    for (unsigned long sent = 1; sent <= 60; sent++) {
        pid_t sender = fork();
        if (sender == 0) {
            for (volatile unsigned i = 0; i < sent * 7000; i++)
                ;
            _exit(kill(pid, SIGUSR1));
        }
        struct fork_copy copy = {0};
        struct mx_error err = {.message = ""};
        mx_status status = fork_begin(pid, &copy, &err);
        if (status)
            fail_msg("%s", err.message);
        fork_end(&copy, NULL);
        waitpid(sender, NULL, 0);
        assert_true(reaches(&shared->returned, sent));
        assert_int_equal(shared->returned, sent);
        assert_int_equal(children_of(pid), 0);
    }
    assert_int_equal(shared->wrong, 0);
    target_kill(pid);
}

int main(int argc, char **argv)
{
    targets_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_keeps_the_memory_that_the_target_changes),
        cmocka_unit_test(test_no_priority_changes),
        cmocka_unit_test(test_child_holds_no_file_open),
        cmocka_unit_test(test_no_register_changes),
        cmocka_unit_test(test_busy_threads_go_on_as_if_nothing_had_happened),
        cmocka_unit_test(test_blocked_in_read),
        cmocka_unit_test(test_blocked_in_poll),
        cmocka_unit_test(test_blocked_in_select),
        cmocka_unit_test(test_blocked_in_waiting_for_any_child),
        cmocka_unit_test(test_blocked_in_sleep_for_its_time),
        cmocka_unit_test(test_blocked_in_futex_for_its_time),
        cmocka_unit_test(test_blocked_in_accept),
        cmocka_unit_test(test_target_that_leaves_its_children_to_the_kernel),
        cmocka_unit_test(test_stopped_process_stays_stopped),
        cmocka_unit_test(test_signals_are_neither_lost_nor_invented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
