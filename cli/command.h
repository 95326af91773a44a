// command.h - what a command is: one const table row each, collected in main.c.
//
// To add a command: write cmd_NAME.c with a `const struct command cmd_NAME`, declare it below, and
// add it to the table in main.c, to meson.build and to docs/json.md. What it needs before it runs
// (a PID, an open target, a captured heap) are flags: main.c supplies all of it.
#ifndef MX_CLI_COMMAND_H
#define MX_CLI_COMMAND_H

#include <argp.h>

#include "memexplorer.h"

enum needs {
    NEEDS_PID = 1 << 0,       // first argument; a core file or snapshot will do as well
    NEEDS_ADDRESS = 1 << 1,   // one argument
    NEEDS_ADDRESSES = 1 << 2, // one or more arguments
    NEEDS_WORD = 1 << 3,      // one argument, for the command to judge
    NEEDS_TARGET = 1 << 4,    // the PID or core opened; a snapshot is opened as a heap
    NEEDS_HEAP = 1 << 5,      // and its heap captured
    TAKES_WORD = 1 << 6,      // one argument, that may be left out
    NEEDS_TARGETS = 1 << 7,   // with NEEDS_PID: two or more of them
    IN_PYTHON = 1 << 8,       // the words are the Python package's to read
};

struct request {
    const struct command *command;
    int pid;
    const char *core, *exe; // instead of a PID; NULL
    const char *snapshot;   // instead of both; NULL
    mx_addr *addresses;
    size_t address_count;
    const char *word;
    bool json, help;
    mx_capture_mode mode;
    const char *mode_option; // the option that chose it, NULL when none did
    mx_target *target;
    mx_heap *heap;
    struct request *others; // further targets, each a request of its own
    size_t other_count;
    int exit_code; // that of a program which the command ran
};

struct command {
    const char *name;
    const char *arguments; // "PID ADDRESS..."
    const char *summary;   // one line, for the overview
    const char *help;      // with an example
    unsigned needs;
    const struct argp_option *options; // ended by COMMON_OPTIONS
    // An option of the command's own; NULL where it has none.
    mx_status (*option)(int key, const char *text, struct mx_error *err);
    // Options that do not go together; called before anything is opened. NULL where all do.
    mx_status (*check)(const struct request *request, struct mx_error *err);
    mx_status (*run)(struct request *request, struct mx_error *err);
};

#define OPTION_JSON 0x100
#define OPTION_EXE 0x101
#define OPTION_FREEZE 0x102
#define OPTION_FORK 0x103
#define OPTION_NO_PAUSE 0x104
#define OPTION_OWN 0x200 // first key for the options that have no letter
#define COMMON_OPTIONS                                                                             \
    {"json", OPTION_JSON, NULL, 0, "Print JSON (docs/json.md)", -1},                               \
        {"help", 'h', NULL, 0, "Show this help", -1},                                              \
    {                                                                                              \
        0                                                                                          \
    }

// For commands that look at a PID, before COMMON_OPTIONS.
#define TARGET_OPTIONS                                                                             \
    {                                                                                              \
        "exe", OPTION_EXE, "PATH", 0,                                                              \
            "With a core file in place of PID: the program or library that it was written by, "    \
            "when that is not at its place any more",                                              \
            -2                                                                                     \
    }

// For commands that capture a heap, between the two.
#define CAPTURE_OPTIONS                                                                            \
    {"freeze",                                                                                     \
     OPTION_FREEZE,                                                                                \
     NULL,                                                                                         \
     0,                                                                                            \
     "Stop the process, copy its memory, let it go on (the default)",                              \
     -2},                                                                                          \
        {"fork",                                                                                   \
         OPTION_FORK,                                                                              \
         NULL,                                                                                     \
         0,                                                                                        \
         "Stop it for milliseconds only: one of its threads is made to fork, and the child is "    \
         "copied and ended. Until then each page that the process writes to takes memory once "    \
         "more",                                                                                   \
         -2},                                                                                      \
    {                                                                                              \
        "no-pause", OPTION_NO_PAUSE, NULL, 0,                                                      \
            "Do not stop it: what is read is of different moments, and may not fit together", -2   \
    }

extern const struct command cmd_ps, cmd_refs, cmd_show, cmd_objects, cmd_report, cmd_audit,
    cmd_garbage, cmd_cycles, cmd_free, cmd_suspects, cmd_why, cmd_dominators, cmd_retained, cmd_sql,
    cmd_export, cmd_capture, cmd_diff, cmd_lesson, cmd_trace, cmd_run;

// Fills err and returns status: `return cli_fail(err, MX_BAD_ARGUMENT, "...")`. One line, naming
// what failed and the remedy.
__attribute__((format(printf, 3, 4))) mx_status cli_fail(struct mx_error *err, mx_status status,
                                                         const char *format, ...);

// The pointer, or the end of the program with one line when memory ran out.
void *must(void *pointer);

#endif
