// targets.c - processes to stop or to fork that check themselves, and what a test sees of them.
#include "targets.h"

#include <dirent.h>
#include <errno.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct shared *shared;

static int shared_fd; // of its memory: also for a target that has called execve

static void shared_map(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
    if (shared == MAP_FAILED)
        abort();
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void say_ready(int ready)
{
    if (write(ready, "r", 1) != 1)
        _exit(1);
}

pid_t target_start(void (*body)(int ready))
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

void target_kill(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(shared->pipe[0]);
    close(shared->pipe[1]);
}

bool reaches(atomic_ulong *counter, unsigned long value)
{
    for (double end = now() + LIMIT_SECONDS; now() < end; sched_yield())
        if (*counter >= value)
            return true;
    return false;
}

bool goes_on(atomic_ulong *counter)
{
    return reaches(counter, *counter + 1);
}

bool all_go_on(void)
{
    unsigned long before[THREADS];
    bool all = true;
    for (unsigned i = 0; i < THREADS; i++)
        before[i] = shared->counts[i];
    for (unsigned i = 0; i < THREADS; i++)
        all &= reaches(&shared->counts[i], before[i] + 1);
    return all;
}

size_t children_of(pid_t pid)
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

bool has_no_children(pid_t pid)
{
    for (double end = now() + LIMIT_SECONDS; now() < end; sched_yield())
        if (children_of(pid) == 0)
            return true;
    return false;
}

char state_of(pid_t pid)
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

bool comes_to(pid_t pid, char state)
{
    for (double end = now() + LIMIT_SECONDS; now() < end; sched_yield())
        if (state_of(pid) == state)
            return true;
    return false;
}

void begin(pid_t pid, struct fork_copy *ret)
{
    struct mx_error err = {.message = ""};
    if (fork_begin(pid, ret, &err) != MX_OK)
        fail_msg("%s", err.message);
}

void end(struct fork_copy *copy)
{
    struct mx_error err = {.message = ""};
    if (fork_end(copy, &err) != MX_OK)
        fail_msg("%s", err.message);
}

void fork_times(pid_t pid, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct fork_copy copy;
        begin(pid, &copy);
        end(&copy);
        assert_int_equal(children_of(pid), 0);
    }
}

uint64_t word_of(pid_t pid, const void *address)
{
    uint64_t word = 0;
    int number = pid;
    mx_addr addr = (mx_addr)(uintptr_t)address;
    assert_int_equal(process_fetch(&number, addr, &word, sizeof word), sizeof word);
    return word;
}

// ---- bodies ---------------------------------------------------------------------------------------

static void count_child(int signal)
{
    (void)signal;
    shared->children++;
}

void watch_children(int flags)
{
    struct sigaction action = {.sa_handler = count_child, .sa_flags = flags};
    sigaction(SIGCHLD, &action, NULL);
}

void check_registers(atomic_ulong *count)
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

void body_registers(int ready)
{
    watch_children(SA_RESTART);
    say_ready(ready);
    check_registers(&shared->counts[0]);
}

static void *check_in_thread(void *count)
{
    check_registers(count);
    return NULL;
}

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

void body_busy(int ready)
{
    void *(*const bodies[THREADS])(void *) = {check_in_thread, check_in_thread, check_in_thread,
                                              sleep_often, read_often};
    watch_children(SA_RESTART);
    pthread_t thread;
    for (unsigned i = 0; i < 5; i++)
        pthread_create(&thread, NULL, bodies[i], &shared->counts[i]);
    say_ready(ready);
    for (;; shared->counts[5]++) // nobody's child but ours: there is none
        shared->wrong += waitpid(-1, NULL, 0) != -1 || errno != ECHILD;
}

void body_pages(int ready)
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

// ---- execve -----------------------------------------------------------------------------------

static void *count_in_thread(void *counter)
{
    for (;;)
        ++*(atomic_ulong *)counter;
    return NULL;
}

static void *exec_from_thread(void *number)
{
    char *const arguments[] = {"target", "--exec", number, NULL};
    execv("/proc/self/exe", arguments);
    abort();
}

// Replaces itself over and over, from another thread than the main one.
static void exec_again(void)
{
    static char number[16];
    snprintf(number, sizeof number, "%d", shared_fd);
    pthread_t threads[3];
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, count_in_thread, &shared->counts[i]);
    pthread_create(&threads[2], NULL, exec_from_thread, number);
    for (;;)
        pause();
}

// What execve has put in the target's place: it ends with its parent, because PR_SET_PDEATHSIG does
// not outlast an execve from another thread.
static void exec_main(const char *number)
{
    shared_fd = atoi(number);
    shared_map();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((unsigned long)getppid() != shared->parent)
        _exit(1);
    shared->turns++;
    exec_again();
}

void body_exec(int ready)
{
    shared->parent = (unsigned long)getppid();
    say_ready(ready);
    exec_again();
}

void targets_main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--exec") == 0)
        exec_main(argv[2]);
    shared_fd = memfd_create("counts", 0);
    if (shared_fd < 0 || ftruncate(shared_fd, sizeof *shared) != 0)
        abort();
    shared_map();
}
