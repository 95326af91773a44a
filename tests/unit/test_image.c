// test_image.c - the copy of a process' memory agrees with the process.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/process.h"

enum { PAGE = 4096, MANY = 600 };

// Where a target put things, told through a pipe when it is ready.
struct places {
    mx_addr first, second, third, fourth;
};

static pid_t target_start(void (*body)(int ready), struct places *ret)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipes[0]);
        body(pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], ret, sizeof *ret), sizeof *ret);
    close(pipes[0]);
    return pid;
}

static void target_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void say_ready(int ready, const void *first, const void *second, const void *third,
                      const void *fourth)
{
    struct places places = {(mx_addr)(uintptr_t)first, (mx_addr)(uintptr_t)second,
                            (mx_addr)(uintptr_t)third, (mx_addr)(uintptr_t)fourth};
    if (write(ready, &places, sizeof places) != sizeof places)
        _exit(1);
}

static uint64_t *map_pages(size_t count)
{
    void *pages =
        mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static void capture(pid_t pid, struct image *ret)
{
    struct mx_error err = {.message = ""};
    if (image_capture(pid, NULL, ret, &err) != MX_OK)
        fail_msg("%s", err.message);
}

static char task_state(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    return strrchr(text, ')')[2];
}

// ---- what is copied ---------------------------------------------------------------------------

static const char constant_text[] = "a constant of the program";
static int initialized = 12345;

static void body_kinds(int ready)
{
    uint64_t *dense = map_pages(3000), *sparse = map_pages(1 << 18);
    for (size_t i = 0; i < 3000 * PAGE / 8; i++)
        dense[i] = i * 3;
    for (size_t i = 0; i < 1 << 18; i += 1000)
        sparse[i * PAGE / 8] = i + 1;
    initialized = 54321;
    say_ready(ready, dense, sparse, constant_text, &initialized);
    for (;;)
        pause();
}

static void test_touched_untouched_and_file_pages_read_as_in_the_process(void **state)
{
    (void)state;
    struct places places;
    struct image image;
    pid_t pid = target_start(body_kinds, &places);
    capture(pid, &image);
    assert_true(task_state(pid) != 't');
    target_kill(pid); // the image does not need it any more
    struct memory *memory = &image.memory;
    const uint64_t *dense = (const uint64_t *)memory_at(memory, places.first, 3000 * PAGE);
    assert_non_null(dense);
    for (size_t i = 0; i < 3000 * PAGE / 8; i++)
        assert_int_equal(dense[i], i * 3);
    for (size_t i = 0; i < 1 << 18; i += 500) {
        uint64_t value = 0;
        assert_true(memory_u64(memory, places.second + i * PAGE, &value));
        assert_int_equal(value, i % 1000 ? 0 : i + 1);
    }
    char text[64];
    uint32_t number = 0;
    assert_true(memory_string(memory, places.third, text, sizeof text));
    assert_string_equal(text, constant_text);
    assert_true(memory_u32(memory, places.fourth, &number));
    assert_int_equal(number, 54321);
    assert_true(image.pause_ns > 0);
    assert_int_equal(image.skipped_bytes, 0);
    assert_in_range(image.copied_bytes, 3000 * PAGE, 200000000); // not the untouched gigabyte
    image_free(&image);
}

static void body_neighbours(int ready)
{
    uint8_t *pages = (uint8_t *)map_pages(MANY);
    for (size_t i = 0; i < MANY; i++) {
        memset(pages + i * PAGE, (int)i, PAGE);
        if (i % 2)
            mprotect(pages + i * PAGE, PAGE, PROT_READ);
    }
    say_ready(ready, pages, NULL, NULL, NULL);
    for (;;)
        pause();
}

static void test_adjacent_mappings_are_one_segment(void **state)
{
    (void)state;
    struct places places;
    struct image image;
    pid_t pid = target_start(body_neighbours, &places);
    capture(pid, &image);
    assert_true(image.maps.count > MANY);
    assert_true(image.memory.segment_count < 100);
    image.memory.fetch = NULL;
    const uint8_t *bytes = memory_at(&image.memory, places.first, MANY * PAGE);
    assert_non_null(bytes);
    for (size_t i = 0; i < MANY * PAGE; i++)
        assert_int_equal(bytes[i], (uint8_t)(i / PAGE));
    assert_null(image.memory.windows);
    image_free(&image);
    target_kill(pid);
}

static void body_others(int ready)
{
    uint64_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t *closed = map_pages(1);
    *shared = *closed = 7;
    mprotect(closed, PAGE, PROT_NONE);
    say_ready(ready, shared, closed, (void *)(uintptr_t)&getpid, NULL); // NOLINT
    for (;;)
        pause();
}

static void test_shared_and_closed_memory_is_left_out_and_code_read_when_asked_for(void **state)
{
    (void)state;
    struct places places;
    struct image image;
    uint64_t value = 0;
    pid_t pid = target_start(body_others, &places);
    capture(pid, &image);
    assert_false(memory_u64(&image.memory, places.first, &value));
    assert_false(memory_u64(&image.memory, places.second, &value));
    assert_true(memory_u64(&image.memory, places.third, &value));
    assert_memory_equal(&value, (void *)(uintptr_t)&getpid, sizeof value); // NOLINT
    target_kill(pid);
    memory_forget(&image.memory);
    assert_false(memory_u64(&image.memory, places.third, &value));
    image_free(&image);
}

#define GUARD_INSTALL 102 // MADV_GUARD_INSTALL, Linux 6.13

static void cut_path(pid_t pid, char *ret, size_t size)
{
    snprintf(ret, size, "/tmp/memexplorer-test-%d", (int)pid);
}

// A file of five pages, mapped privately, and cut to three; a page of another mapping is a guard page.
static void body_nothing_there(int ready)
{
    char path[64], text[5 * PAGE];
    cut_path(getpid(), path, sizeof path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    memset(text, 'f', sizeof text);
    uint8_t *guarded = (uint8_t *)map_pages(3);
    if (file < 0 || write(file, text, sizeof text) != sizeof text)
        _exit(1);
    uint8_t *pages = mmap(NULL, sizeof text, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    pages[0] = pages[4 * PAGE] = 'm';
    memset(guarded, 'g', (size_t)3 * PAGE);
    bool has_guard = madvise(guarded + PAGE, PAGE, GUARD_INSTALL) == 0;
    if (ftruncate(file, 3 * PAGE) != 0)
        _exit(1);
    say_ready(ready, pages, guarded, (void *)(uintptr_t)has_guard, NULL); // NOLINT
    for (;;)
        pause();
}

static void test_what_nobody_can_read_is_not_missing(void **state)
{
    (void)state;
    struct places places;
    pid_t pid = target_start(body_nothing_there, &places);
    const mx_capture_mode modes[] = {MX_CAPTURE_FREEZE, MX_CAPTURE_FORK, MX_CAPTURE_NO_PAUSE};
    for (size_t i = 0; i < 3; i++) {
        struct mx_capture_options options = {.mode = modes[i]};
        struct image image;
        struct mx_error err = {.message = ""};
        if (image_capture(pid, &options, &image, &err) != MX_OK)
            fail_msg("%s", err.message);
        uint64_t word = 0;
        assert_int_equal(image.skipped_bytes, 0);
        assert_int_equal(image.behind_bytes, 2 * PAGE);
        assert_true(memory_u64(&image.memory, places.first, &word));
        assert_int_equal(word, 0x666666666666666d);
        assert_true(memory_u64(&image.memory, places.first + 3 * PAGE - 8, &word));
        assert_int_equal(word, 0x6666666666666666);
        assert_false(memory_u64(&image.memory, places.first + 3 * PAGE, &word));
        assert_true(memory_u64(&image.memory, places.second, &word));
        assert_int_equal(word, 0x6767676767676767);
        assert_true(memory_u64(&image.memory, places.second + PAGE, &word) != (bool)places.third);
        image_free(&image);
    }
    char path[64];
    cut_path(pid, path, sizeof path);
    unlink(path);
    target_kill(pid);
}

// ---- changing targets -------------------------------------------------------------------------

// Keeps two numbers equal, far from each other, but for a moment.
static void *keep_equal(void *pages)
{
    volatile uint64_t *first = pages, *second = first + 200 * PAGE / 8;
    for (uint64_t i = 0;; i++) {
        *first = i;
        *second = i;
    }
    return NULL;
}

static void body_equal(int ready)
{
    uint64_t *pages = map_pages(201);
    memset(pages, 0, 201 * PAGE);
    pthread_t thread;
    pthread_create(&thread, NULL, keep_equal, pages);
    say_ready(ready, pages, pages + 200 * PAGE / 8, NULL, NULL);
    for (;;)
        pause();
}

static void test_copy_is_of_one_moment(void **state)
{
    (void)state;
    struct places places;
    pid_t pid = target_start(body_equal, &places);
    for (unsigned i = 0; i < 20; i++) {
        struct image image;
        uint64_t first = 0, second = 0;
        capture(pid, &image);
        assert_true(memory_u64(&image.memory, places.first, &first));
        assert_true(memory_u64(&image.memory, places.second, &second));
        assert_true(first == second || first == second + 1);
        image_free(&image);
    }
    target_kill(pid);
}

static void *map_and_unmap(void *seed_of_thread)
{
    uint32_t seed = (uint32_t)(uintptr_t)seed_of_thread;
    uint8_t *pages[32] = {NULL};
    for (;;) {
        seed = seed * 1664525 + 1013904223;
        unsigned i = seed >> 27;
        size_t nbytes = (16 + 16 * i) * PAGE;
        if (pages[i]) {
            munmap(pages[i], nbytes);
            pages[i] = NULL;
            continue;
        }
        pages[i] = (uint8_t *)map_pages(nbytes / PAGE);
        memset(pages[i], (int)(1 + i), nbytes);
        mprotect(pages[i], PAGE, seed & 0x10000 ? PROT_NONE : PROT_READ);
    }
    return NULL;
}

static void body_changing(int ready)
{
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, map_and_unmap, (void *)(i + 1));
    say_ready(ready, NULL, NULL, NULL, NULL);
    for (;;)
        pause();
}

static void test_mappings_that_come_and_go(void **state)
{
    (void)state;
    struct places places;
    pid_t pid = target_start(body_changing, &places);
    for (unsigned i = 0; i < 50; i++) {
        struct image image;
        capture(pid, &image);
        assert_int_equal(image.skipped_bytes, 0);
        // Everything that the maps of that moment call private and writable is there.
        for (size_t k = 0; k < image.maps.count; k++) {
            const struct mapping *mapping = &image.maps.items[k];
            if (mapping->writable && mapping->readable && !mapping->shared)
                assert_non_null(
                    memory_at(&image.memory, mapping->start, mapping->end - mapping->start));
        }
        image_free(&image);
    }
    target_kill(pid);
}

static void test_process_that_is_killed_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        struct places places;
        struct image image;
        struct mx_error err;
        pid_t pid = target_start(body_kinds, &places);
        pid_t killer = fork();
        if (killer == 0) {
            for (volatile unsigned k = 0; k < i * 200000; k++)
                ;
            _exit(kill(pid, SIGKILL));
        }
        mx_status status = image_capture(pid, NULL, &image, &err);
        assert_true(status == MX_OK || status == MX_NO_PROCESS);
        if (status == MX_OK)
            image_free(&image);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

// ---- the rest ---------------------------------------------------------------------------------

static void count_progress(const char *phase, uint64_t done, uint64_t total, void *data)
{
    assert_string_equal(phase, "copying");
    assert_true(done <= total);
    ++*(unsigned *)data;
}

static void body_large(int ready)
{
    uint64_t *pages = map_pages(30000);
    memset(pages, 1, (size_t)30000 * PAGE);
    say_ready(ready, pages, NULL, NULL, NULL);
    for (;;)
        pause();
}

static void test_progress_is_told(void **state)
{
    (void)state;
    struct places places;
    struct image image;
    unsigned calls = 0;
    struct mx_capture_options options = {.progress = count_progress, .progress_data = &calls};
    pid_t pid = target_start(body_large, &places);
    assert_int_equal(image_capture(pid, &options, &image, NULL), MX_OK);
    assert_true(calls >= 3);
    image_free(&image);
    image_free(&image);
    target_kill(pid);
}

static void test_no_process_is_said_by_its_number(void **state)
{
    (void)state;
    struct image image;
    struct mx_error err;
    assert_int_equal(image_capture(99999999, NULL, &image, &err), MX_NO_PROCESS);
    assert_string_equal(err.message, "pid 99999999: no such process");
}

static void body_odd_name(int ready)
{
    if (!getenv("TEST_IMAGE_READY")) {
        char number[16];
        snprintf(number, sizeof number, "%d", ready);
        setenv("TEST_IMAGE_READY", number, 1);
        execl("/proc/self/exe", "x", "a b", "new\nline", "\xFF\x1B", "\xC3\xA9", NULL);
    }
    _exit(1);
}

static void test_description_is_one_line_of_valid_text(void **state)
{
    (void)state;
    struct places places;
    struct mx_process process;
    char program[4096] = "";
    pid_t pid = target_start(body_odd_name, &places);
    assert_int_equal(process_describe(pid, &process, NULL), MX_OK);
    assert_int_equal(process_check_access(pid, NULL), MX_OK);
    assert_int_equal(process.pid, pid);
    assert_string_equal(process.cmdline, "x a b new\\nline \\xff\\x1b \xC3\xA9");
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_string_equal(process.executable, program);
    assert_true(process.rss_bytes > 100000 && process.user[0]);
    assert_true(process.uptime_seconds >= 0 && process.uptime_seconds < 1000);
    target_kill(pid);
    assert_int_equal(process_describe(pid, &process, NULL), MX_NO_PROCESS);
}

int main(void)
{
    if (getenv("TEST_IMAGE_READY")) { // what body_odd_name has become
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        say_ready(atoi(getenv("TEST_IMAGE_READY")), NULL, NULL, NULL, NULL);
        for (;;)
            pause();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touched_untouched_and_file_pages_read_as_in_the_process),
        cmocka_unit_test(test_adjacent_mappings_are_one_segment),
        cmocka_unit_test(test_shared_and_closed_memory_is_left_out_and_code_read_when_asked_for),
        cmocka_unit_test(test_what_nobody_can_read_is_not_missing),
        cmocka_unit_test(test_copy_is_of_one_moment),
        cmocka_unit_test(test_mappings_that_come_and_go),
        cmocka_unit_test(test_process_that_is_killed_meanwhile),
        cmocka_unit_test(test_progress_is_told),
        cmocka_unit_test(test_no_process_is_said_by_its_number),
        cmocka_unit_test(test_description_is_one_line_of_valid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
