// test_fork.c - a copy-on-write child of a process, and the process unharmed by it.
//
// Targets are forked children that check themselves: their registers, what their system calls return,
// which signals come. Shared pages show it to us: a test waits for what happens and never for a time.
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/fork.h"

enum { THREADS = 6, LIMIT_SECONDS = 60, PAGES = 64 };

struct shared {
    atomic_ulong counts[THREADS];
    atomic_ulong wrong;    // what a target found out of order
    atomic_ulong children; // SIGCHLD
    atomic_ulong returned; // of the system call that it is blocked in
    atomic_ulong go;
    uint8_t *pages; // in the target
    int pipe[2];
    struct sockaddr_un address; // that it listens at
    socklen_t address_size;
};

static struct shared *shared;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void say_ready(int ready)
{
    if (write(ready, "r", 1) != 1)
        _exit(1);
}

static pid_t target_start(void (*body)(int ready))
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    memset(shared, 0, sizeof *shared);
    assert_int_equal(pipe(shared->pipe), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipes[0]);
        body(pipes[1]);
        _exit(0);
    }
    char byte;
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    return pid;
}

static void target_kill(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(shared->pipe[0]);
    close(shared->pipe[1]);
}

static bool reaches(atomic_ulong *counter, unsigned long value)
{
    for (double end = now() + LIMIT_SECONDS; now() < end; sched_yield())
        if (*counter >= value)
            return true;
    return false;
}

static bool goes_on(atomic_ulong *counter)
{
    return reaches(counter, *counter + 1);
}

// The children of all threads of a process, zombies too, as /proc lists them.
static size_t children_of(pid_t pid)
{
    size_t count = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        char file[400], text[4096] = "";
        snprintf(file, sizeof file, "%s/%s/children", path, entry->d_name);
        FILE *children = fopen(file, "r");
        if (!children)
            continue;
        size_t nbytes = fread(text, 1, sizeof text - 1, children);
        for (size_t i = 0; i < nbytes; i++)
            count += text[i] == ' ';
        fclose(children);
    }
    if (tasks)
        closedir(tasks);
    return count;
}

static char state_of(pid_t pid)
{
    char path[64], text[512], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return '?';
    if (fgets(text, sizeof text, file) && strrchr(text, ')'))
        state = strrchr(text, ')')[2];
    fclose(file);
    return state;
}

static bool comes_to(pid_t pid, char state)
{
    for (double end = now() + LIMIT_SECONDS; now() < end; sched_yield())
        if (state_of(pid) == state)
            return true;
    return false;
}

static void begin(pid_t pid, struct fork_copy *ret)
{
    struct mx_error err = {.message = ""};
    if (fork_begin(pid, ret, &err) != MX_OK)
        fail_msg("%s", err.message);
}

static void end(struct fork_copy *copy)
{
    struct mx_error err = {.message = ""};
    if (fork_end(copy, &err) != MX_OK)
        fail_msg("%s", err.message);
}

static void fork_times(pid_t pid, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        end(&copy);
        assert_int_equal(children_of(pid), 0);
    }
}

static uint64_t word_of(pid_t pid, const void *address)
{
    uint64_t word = 0;
    int number = pid;
    mx_addr addr = (mx_addr)(uintptr_t)address;
    assert_int_equal(process_fetch(&number, addr, &word, sizeof word), sizeof word);
    return word;
}

static void refusal(pid_t pid, mx_status status, const char *part)
{
    struct fork_copy copy;
    struct mx_error err = {.message = ""};
    assert_int_equal(fork_begin(pid, &copy, &err), status);
    if (!strstr(err.message, part) || strchr(err.message, '\n'))
        fail_msg("'%s' does not say '%s' in one line", err.message, part);
    assert_int_equal(children_of(pid), 0);
}

// ---- targets that check themselves ------------------------------------------------------------

static void count_child(int signal)
{
    (void)signal;
    shared->children++;
}

static void watch_children(void)
{
    struct sigaction action = {.sa_handler = count_child, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
}

// Every general register holds what only this loop put there, an XMM register too.
static void check_registers(atomic_ulong *count)
{
    for (uint64_t seed = 1;; seed += 0x10001) {
        uint64_t wrong;
        __asm__ volatile("movq %1, %%rbx\n\t"
                         "leaq 1(%%rbx), %%rcx\n\tleaq 2(%%rbx), %%rdx\n\tleaq 3(%%rbx), %%rsi\n\t"
                         "leaq 4(%%rbx), %%rdi\n\tleaq 5(%%rbx), %%r8\n\tleaq 6(%%rbx), %%r9\n\t"
                         "leaq 7(%%rbx), %%r10\n\tleaq 8(%%rbx), %%r11\n\tleaq 9(%%rbx), %%r12\n\t"
                         "leaq 10(%%rbx), %%r13\n\tleaq 11(%%rbx), %%r14\n\t"
                         "leaq 12(%%rbx), %%r15\n\tmovq %%rbx, %%xmm3\n\t"
                         "movl $2000, %%eax\n"
                         "1:\tdecl %%eax\n\tjnz 1b\n\t"
                         "subq %%rbx, %%rcx\n\tsubq %%rbx, %%rdx\n\tsubq %%rbx, %%rsi\n\t"
                         "subq %%rbx, %%rdi\n\tsubq %%rbx, %%r8\n\tsubq %%rbx, %%r9\n\t"
                         "subq %%rbx, %%r10\n\tsubq %%rbx, %%r11\n\tsubq %%rbx, %%r12\n\t"
                         "subq %%rbx, %%r13\n\tsubq %%rbx, %%r14\n\tsubq %%rbx, %%r15\n\t"
                         "xorq $1, %%rcx\n\txorq $2, %%rdx\n\txorq $3, %%rsi\n\txorq $4, %%rdi\n\t"
                         "xorq $5, %%r8\n\txorq $6, %%r9\n\txorq $7, %%r10\n\txorq $8, %%r11\n\t"
                         "xorq $9, %%r12\n\txorq $10, %%r13\n\txorq $11, %%r14\n\t"
                         "xorq $12, %%r15\n\torq %%rcx, %%rax\n\torq %%rdx, %%rax\n\t"
                         "orq %%rsi, %%rax\n\torq %%rdi, %%rax\n\torq %%r8, %%rax\n\t"
                         "orq %%r9, %%rax\n\torq %%r10, %%rax\n\torq %%r11, %%rax\n\t"
                         "orq %%r12, %%rax\n\torq %%r13, %%rax\n\torq %%r14, %%rax\n\t"
                         "orq %%r15, %%rax\n\tmovq %%xmm3, %%rcx\n\tsubq %%rbx, %%rcx\n\t"
                         "orq %%rcx, %%rax\n\t"
                         : "=a"(wrong)
                         : "m"(seed)
                         : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
                           "r13", "r14", "r15", "xmm3", "cc", "memory");
        shared->wrong += wrong != 0;
        ++*count;
    }
}

static void body_registers(int ready)
{
    watch_children();
    say_ready(ready);
    check_registers(&shared->counts[0]);
}

static void *check_in_thread(void *count)
{
    check_registers(count);
    return NULL;
}

// Threads that compute, and one in each of two system calls that are made over and over.
static void *sleep_often(void *count)
{
    for (;; ++*(atomic_ulong *)count)
        shared->wrong += nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL) != 0;
    return NULL;
}

static void *read_often(void *count)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        abort();
    for (;; ++*(atomic_ulong *)count) {
        char byte = 'a', got = 0;
        shared->wrong += write(pipes[1], &byte, 1) != 1;
        shared->wrong += read(pipes[0], &got, 1) != 1 || got != byte;
    }
    return NULL;
}

static void body_busy(int ready)
{
    void *(*const bodies[THREADS])(void *) = {check_in_thread, check_in_thread, check_in_thread,
                                              sleep_often, read_often};
    watch_children();
    pthread_t thread;
    for (unsigned i = 0; i < 5; i++)
        pthread_create(&thread, NULL, bodies[i], &shared->counts[i]);
    say_ready(ready);
    for (;; shared->counts[5]++) // nobody's child but ours: there is none
        shared->wrong += waitpid(-1, NULL, 0) != -1 || errno != ECHILD;
}

static void body_pages(int ready)
{
    shared->pages =
        mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < PAGES; i++)
        memset(shared->pages + 4096 * i, 'a', 4096);
    say_ready(ready);
    while (!shared->go)
        sched_yield();
    memset(shared->pages, 'b', PAGES * 4096);
    shared->go = 2;
    for (;;)
        pause();
}

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
    watch_children();
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
    for (unsigned i = 0; i < 100; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        assert_int_equal(copy.thread_count, THREADS);
        end(&copy);
        assert_int_equal(children_of(pid), 0);
        for (unsigned k = 0; k < THREADS; k++)
            assert_true(goes_on(&shared->counts[k]));
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
    struct sigaction action = {.sa_handler = count_child, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &action, NULL);
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
    for (unsigned k = 0; k < THREADS; k++)
        assert_true(goes_on(&shared->counts[k]));
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
    for (unsigned long sent = 1; sent <= 200; sent++) {
        pid_t sender = fork();
        if (sender == 0) {
            for (volatile unsigned i = 0; i < sent * 2000; i++)
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
    for (unsigned i = 0; i < 100; i++) {
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
        for (unsigned k = 0; k < THREADS; k++)
            assert_true(goes_on(&shared->counts[k]));
        for (double limit = now() + LIMIT_SECONDS; children_of(pid) && now() < limit;)
            sched_yield();
        assert_int_equal(children_of(pid), 0);
    }
    assert_int_equal(shared->wrong, 0);
    assert_int_equal(shared->children, 0);
    target_kill(pid);
}

// ---- refusals ---------------------------------------------------------------------------------

static void body_filtered(int ready)
{
    struct sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {1, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(1);
    body_pages(ready);
}

static void test_filtered_process_is_refused(void **state)
{
    (void)state;
    pid_t pid = target_start(body_filtered);
    refusal(pid, MX_UNSUPPORTED, "seccomp");
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

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_keeps_the_memory_that_the_target_changes),
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
        cmocka_unit_test(test_target_that_is_killed_meanwhile),
        cmocka_unit_test(test_child_that_is_killed_is_not_trusted),
        cmocka_unit_test(test_target_goes_on_when_the_explorer_is_killed_at_any_moment),
        cmocka_unit_test(test_filtered_process_is_refused),
        cmocka_unit_test(test_process_that_may_have_no_children_is_refused),
        cmocka_unit_test(test_process_inside_a_vfork_is_refused),
        cmocka_unit_test(test_oneself_zombie_and_nobody_are_refused),
        cmocka_unit_test(test_other_tracer_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
