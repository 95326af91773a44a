// test_filter.c - what is foreseen of system call filters (seccomp) is what the kernel does.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/filter.h"
#include "questions.h"

#define PROGRAMS 3000
#define LENGTH 12
#define REFUSED 77 // exit code: the kernel does not take such a program

static const struct call asked = {SYS_getppid, {0x1111, 0xFFFFFFFF00000001, 7, 0, 1u << 31}, 0};

// Lets every other call through, and this one to what comes behind.
#define FOR_ONE_CALL                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                         \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),                                    \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define HEAD 3

static struct sock_filter random_instruction(uint64_t *seed, unsigned left)
{
    static const uint16_t CODES[] = {BPF_LD | BPF_W | BPF_ABS,
                                     BPF_LD | BPF_W | BPF_ABS,
                                     BPF_LD | BPF_W | BPF_LEN,
                                     BPF_LD | BPF_IMM,
                                     BPF_LDX | BPF_IMM,
                                     BPF_LD | BPF_MEM,
                                     BPF_LDX | BPF_MEM,
                                     BPF_LDX | BPF_W | BPF_LEN,
                                     BPF_ST,
                                     BPF_STX,
                                     BPF_MISC | BPF_TAX,
                                     BPF_MISC | BPF_TXA,
                                     BPF_ALU | BPF_ADD | BPF_K,
                                     BPF_ALU | BPF_SUB | BPF_X,
                                     BPF_ALU | BPF_MUL | BPF_K,
                                     BPF_ALU | BPF_DIV | BPF_K,
                                     BPF_ALU | BPF_DIV | BPF_X,
                                     BPF_ALU | BPF_AND | BPF_K,
                                     BPF_ALU | BPF_OR | BPF_X,
                                     BPF_ALU | BPF_XOR | BPF_K,
                                     BPF_ALU | BPF_LSH | BPF_K,
                                     BPF_ALU | BPF_RSH | BPF_K,
                                     BPF_ALU | BPF_NEG,
                                     BPF_JMP | BPF_JA,
                                     BPF_JMP | BPF_JEQ | BPF_K,
                                     BPF_JMP | BPF_JGT | BPF_X,
                                     BPF_JMP | BPF_JGE | BPF_K,
                                     BPF_JMP | BPF_JSET | BPF_K};
    static const uint32_t VALUES[] = {0, 1, 2, 3, 4, 16, 20, 24, 28, 32, 48, 52, 31, 0x1111, ~0u};
    struct sock_filter made = {.code = CODES[dice(seed) % (sizeof CODES / sizeof CODES[0])]};
    made.k = VALUES[dice(seed) % (sizeof VALUES / sizeof VALUES[0])];
    if (BPF_CLASS(made.code) == BPF_JMP && BPF_OP(made.code) == BPF_JA)
        made.k = (uint32_t)(dice(seed) % left);
    if ((made.code & 0xE0) == BPF_MEM || BPF_CLASS(made.code) == BPF_ST ||
        BPF_CLASS(made.code) == BPF_STX)
        made.k %= 2;
    made.jt = (uint8_t)(dice(seed) % left);
    made.jf = (uint8_t)(dice(seed) % left);
    return made;
}

static void random_program(uint64_t *seed, struct sock_filter *program)
{
    struct sock_filter head[HEAD] = {FOR_ONE_CALL};
    memcpy(program, head, sizeof head);
    size_t last = LENGTH - 1;
    // What is loaded must have been stored, or the kernel refuses.
    program[HEAD] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
    program[HEAD + 1] = (struct sock_filter)BPF_STMT(BPF_STX, 1);
    for (size_t i = HEAD + 2; i < last - 2; i++)
        program[i] = random_instruction(seed, (unsigned)(last - 1 - i));
    program[last - 2] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1u << (dice(seed) % 8), 1, 0);
    program[last - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[last] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM);
}

// 1: the kernel let the call through; 0: it did not; REFUSED.
static int ask_kernel(struct sock_filter *program)
{
    pid_t child = fork();
    if (child == 0) {
        struct sock_fprog given = {LENGTH, program};
        const uint64_t *with = asked.arguments;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &given) != 0)
            _exit(REFUSED);
        _exit(syscall((long)asked.number, with[0], with[1], with[2], with[3], with[4], 0) > 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0; // killed: by zero was divided
}

static void test_random_programs_answer_as_the_kernel_does(void **state)
{
    (void)state;
    unsigned allowed = 0, denied = 0;
    for (uint64_t i = 1; i <= PROGRAMS; i++) {
        uint64_t seed = i * 0x9E3779B97F4A7C15ull;
        struct sock_filter program[LENGTH];
        random_program(&seed, program);
        int kernel = ask_kernel(program);
        bool ours = filter_allows(program, LENGTH, 0, &asked);
        if (kernel == REFUSED)
            continue;
        if (kernel != ours)
            fail_msg("program %llu: the kernel says %d", (unsigned long long)i, kernel);
        allowed += kernel && ours;
        denied += !kernel;
    }
    assert_true(allowed > PROGRAMS / 20);
    assert_true(denied > PROGRAMS / 20);
}

// Every instruction there can be, and none: bounded, and nothing is allowed by chance.
static void test_nonsense_is_survived(void **state)
{
    (void)state;
    unsigned allowed = 0;
    for (uint64_t i = 1; i <= 200000; i++) {
        uint64_t seed = i * 0x9E3779B97F4A7C15ull;
        struct sock_filter program[LENGTH];
        for (size_t k = 0; k < LENGTH; k++)
            program[k] = (struct sock_filter){(uint16_t)(dice(&seed) & (k % 2 ? 0xFF : 0xFFFF)),
                                              (uint8_t)(dice(&seed) % 16),
                                              (uint8_t)(dice(&seed) % 16), (uint32_t)dice(&seed)};
        allowed += filter_allows(program, dice(&seed) % (LENGTH + 1), dice(&seed), &asked);
    }
    assert_true(allowed < 2000); // a return of 0x7FFF... by chance
}

#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))

static void test_what_is_unknown_is_not_let_through(void **state)
{
    (void)state;
    size_t first = offsetof(struct seccomp_data, args);
    struct sock_filter all[] = {RETURN(SECCOMP_RET_ALLOW)};
    struct sock_filter logged[] = {RETURN(SECCOMP_RET_LOG)};
    struct sock_filter looks[] = {LOAD(first), RETURN(SECCOMP_RET_ALLOW)};
    struct sock_filter looks_high[] = {LOAD(first + 4), RETURN(SECCOMP_RET_ALLOW)};
    struct sock_filter sixth[] = {LOAD(first + 40), RETURN(SECCOMP_RET_ALLOW)};
    struct call unknown = asked;
    unknown.unknown = 1;
    assert_true(filter_allows(all, 1, 0, &unknown));
    assert_true(filter_allows(logged, 1, 0, &unknown));
    assert_true(filter_allows(looks, 2, 0, &asked));
    assert_false(filter_allows(looks, 2, 0, &unknown));
    assert_false(filter_allows(looks_high, 2, 0, &unknown));
    assert_false(filter_allows(sixth, 2, 0, &asked));
    assert_false(filter_allows(all, 0, 0, &asked));
    static const uint32_t OTHERS[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                                      SECCOMP_RET_TRAP,         SECCOMP_RET_ERRNO,
                                      SECCOMP_RET_USER_NOTIF,   SECCOMP_RET_TRACE};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        assert_false(filter_allows((struct sock_filter[]){RETURN(OTHERS[i])}, 1, 0, &asked));
}

static void test_a_filter_sees_from_where_the_call_is_made(void **state)
{
    (void)state;
    struct sock_filter place[] = {
        LOAD(offsetof(struct seccomp_data, instruction_pointer)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x1002, 0, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_KILL_PROCESS),
    };
    assert_true(filter_allows(place, 4, 0x1000, &asked));
    assert_false(filter_allows(place, 4, 0x1002, &asked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs_answer_as_the_kernel_does),
        cmocka_unit_test(test_nonsense_is_survived),
        cmocka_unit_test(test_what_is_unknown_is_not_let_through),
        cmocka_unit_test(test_a_filter_sees_from_where_the_call_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
