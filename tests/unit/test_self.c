// test_self.c - a child copies the memory of this process, and this process is left alone.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/self.h"

enum { PAGE = 4096 };
#define SECOND_NS 1000000000u

// What the child says of an image that it made.
struct seen {
    mx_status status;
    struct mx_error err;
    uint64_t value, unforked_bytes;
    size_t registers;
    bool shared_stack; // so does what the child runs on
    bool on_stack;     // the stack pointer lies in a mapping of the image
    int open_file;     // of the file descriptor that was asked for: errno
};

struct asked {
    const uint64_t *value;
    int fd;
};

static void look(const struct self_child *child, void *data)
{
    const struct asked *asked = data;
    struct image image = {0};
    struct seen seen = {.open_file = 0};
    seen.status = image_capture_self(child, &image, &seen.err);
    if (!seen.status) {
        memory_u64(&image.memory, (mx_addr)(uintptr_t)asked->value, &seen.value);
        seen.unforked_bytes = image.unforked_bytes;
        seen.registers = image.register_count;
        seen.on_stack = maps_find(&image.maps, image.registers[0].stack_pointer) != NULL;
        seen.shared_stack = maps_find(&image.maps, (mx_addr)(uintptr_t)&seen) != NULL;
    }
    if (asked->fd >= 0 && fcntl(asked->fd, F_GETFD) < 0)
        seen.open_file = errno;
    if (write(child->report_fd, &seen, sizeof seen) < 0)
        return;
}

static struct seen look_at(const uint64_t *value, int fd)
{
    struct asked asked = {value, fd};
    struct self_child child;
    struct mx_error err = {0};
    struct seen seen;
    assert_int_equal(self_fork(look, &asked, &child, &err), MX_OK);
    mx_status status = self_wait(&child, 60ull * SECOND_NS, NULL, NULL, &seen, sizeof seen, &err);
    if (status)
        fail_msg("%s", err.message);
    if (seen.status)
        fail_msg("%s", seen.err.message);
    return seen;
}

// ---- what it sees -----------------------------------------------------------------------------

static void test_the_copy_is_of_the_moment_of_the_fork(void **state)
{
    (void)state;
    volatile uint64_t *value = malloc(sizeof *value);
    *value = 0x1234567890;
    struct asked asked = {(const uint64_t *)value, -1};
    struct self_child child;
    struct mx_error err = {0};
    struct seen seen;
    assert_int_equal(self_fork(look, &asked, &child, &err), MX_OK);
    *value = 99;
    assert_int_equal(self_wait(&child, 60ull * SECOND_NS, NULL, NULL, &seen, sizeof seen, &err),
                     MX_OK);
    assert_int_equal(seen.value, 0x1234567890);
    free((void *)(uintptr_t)value);
}

static void test_the_child_has_a_stack_of_its_own_that_is_not_in_the_image(void **state)
{
    (void)state;
    uint64_t value = 7;
    struct seen seen = look_at(&value, -1);
    assert_int_equal(seen.value, 7);
    assert_int_equal(seen.registers, 1);
    assert_true(seen.on_stack);
    assert_false(seen.shared_stack);
}

static void test_memory_that_children_do_not_get_is_counted(void **state)
{
    (void)state;
    uint64_t *pages =
        mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    pages[0] = pages[2 * PAGE / 8] = 5;
    assert_int_equal(madvise(pages, PAGE, MADV_DONTFORK), 0);
    assert_int_equal(madvise((char *)pages + 2 * PAGE, PAGE, MADV_WIPEONFORK), 0);
    struct seen seen = look_at(pages, -1);
    assert_int_equal(seen.value, 0);
    assert_int_equal(seen.unforked_bytes, 2 * PAGE);
    munmap(pages, 3 * PAGE);
}

static void *look_from_a_thread(void *data)
{
    *(struct seen *)data = look_at(&(uint64_t){11}, -1);
    return NULL;
}

static void test_a_thread_with_the_smallest_stack_can_ask(void **state)
{
    (void)state;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 32768), 0);
    pthread_t thread;
    struct seen seen = {0};
    assert_int_equal(pthread_create(&thread, &attributes, look_from_a_thread, &seen), 0);
    pthread_join(thread, NULL);
    assert_int_equal(seen.value, 11);
}

static void test_a_soft_limit_of_memory_does_not_bind_the_child(void **state)
{
    (void)state;
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight = (struct rlimit){(rlim_t)PAGE, before.rlim_max};
    uint64_t value = 13;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    struct seen seen = look_at(&value, -1);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(seen.value, 13);
}

// ---- what the process notices -----------------------------------------------------------------

static void test_open_files_stay_open_here_and_not_there(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    uint64_t value = 1;
    assert_int_equal(look_at(&value, pipes[1]).open_file, EBADF);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_children_of_the_process_are_left_to_it(void **state)
{
    (void)state;
    pid_t other = fork();
    if (other == 0)
        _exit(42);
    uint64_t value = 1;
    look_at(&value, -1);
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 42);
    assert_int_equal(waitpid(-1, &status, WNOHANG), -1); // no zombie is left of ours
    assert_int_equal(errno, ECHILD);
}

static void test_children_may_be_reaped_by_the_kernel(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGCHLD, &ignore, &before);
    uint64_t value = 17;
    assert_int_equal(look_at(&value, -1).value, 17);
    sigaction(SIGCHLD, &before, NULL);
}

static void test_signals_are_blocked_as_before(void **state)
{
    (void)state;
    sigset_t before, after, some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &some, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    look_at(&(uint64_t){1}, -1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    pthread_sigmask(SIG_UNBLOCK, &some, NULL);
}

// ---- how it ends ------------------------------------------------------------------------------

static void crash(const struct self_child *child, void *data)
{
    (void)child;
    raise(*(int *)data);
    __builtin_trap(); // blocked signals do not arrive
}
static void be_killed(const struct self_child *child, void *data)
{
    (void)data;
    kill(child->pid, SIGKILL);
}
static void say_nothing(const struct self_child *child, void *data)
{
    (void)child;
    (void)data;
}
static void wait_for_ever(const struct self_child *child, void *data)
{
    (void)child;
    (void)data;
    for (;;)
        pause();
}

static mx_status end_of(self_body *body, uint64_t timeout_ns, bool (*go_on)(void *), void *data,
                        struct mx_error *err)
{
    struct self_child child;
    uint64_t report;
    int number = SIGUSR1;
    assert_int_equal(self_fork(body, &number, &child, err), MX_OK);
    mx_status status = self_wait(&child, timeout_ns, go_on, data, &report, sizeof report, err);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), -1);
    return status;
}

static void test_how_the_child_died_is_said(void **state)
{
    (void)state;
    struct mx_error err = {0};
    assert_int_equal(end_of(crash, 60ull * SECOND_NS, NULL, NULL, &err), MX_CORRUPT);
    assert_non_null(strstr(err.message, "signal"));
    assert_int_equal(end_of(be_killed, 60ull * SECOND_NS, NULL, NULL, &err), MX_NO_MEMORY);
    assert_int_equal(end_of(say_nothing, 60ull * SECOND_NS, NULL, NULL, &err), MX_IO);
}

static bool count_down(void *data)
{
    return --*(int *)data > 0;
}

static void test_a_child_that_takes_too_long_is_killed(void **state)
{
    (void)state;
    struct mx_error err = {0};
    int calls = 2;
    assert_int_equal(end_of(wait_for_ever, 1, NULL, NULL, &err), MX_TIMEOUT);
    assert_int_equal(end_of(wait_for_ever, 60ull * SECOND_NS, count_down, &calls, &err),
                     MX_TIMEOUT);
    assert_int_equal(calls, 0);
    assert_string_equal(err.message, "exploring this process was interrupted");
}

static void test_without_a_python_it_says_so(void **state)
{
    (void)state;
    struct mx_error err = {0};
    assert_int_equal(mx_capture_self("never-written.mxs", NULL, NULL, &err), MX_NOT_PYTHON);
    assert_int_equal(access("never-written.mxs", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_copy_is_of_the_moment_of_the_fork),
        cmocka_unit_test(test_the_child_has_a_stack_of_its_own_that_is_not_in_the_image),
        cmocka_unit_test(test_memory_that_children_do_not_get_is_counted),
        cmocka_unit_test(test_a_thread_with_the_smallest_stack_can_ask),
        cmocka_unit_test(test_a_soft_limit_of_memory_does_not_bind_the_child),
        cmocka_unit_test(test_open_files_stay_open_here_and_not_there),
        cmocka_unit_test(test_children_of_the_process_are_left_to_it),
        cmocka_unit_test(test_children_may_be_reaped_by_the_kernel),
        cmocka_unit_test(test_signals_are_blocked_as_before),
        cmocka_unit_test(test_how_the_child_died_is_said),
        cmocka_unit_test(test_a_child_that_takes_too_long_is_killed),
        cmocka_unit_test(test_without_a_python_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
