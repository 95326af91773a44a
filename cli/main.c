// main.c - the table of commands, and what each needs before it runs.
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "output.h"
#include "python.h"
#include "suggest.h"

static const struct command *const commands[] = {
    &cmd_ps,         &cmd_report,   &cmd_objects, &cmd_show,     &cmd_refs,
    &cmd_audit,      &cmd_garbage,  &cmd_cycles,  &cmd_suspects, &cmd_why,
    &cmd_dominators, &cmd_retained, &cmd_free,    &cmd_sql,      &cmd_export,
    &cmd_capture,    &cmd_diff,     &cmd_lesson,  &cmd_trace,    &cmd_run,
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

// ---- failures ---------------------------------------------------------------------------------

mx_status cli_fail(struct mx_error *err, mx_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return err->status = status;
}

void *must(void *pointer)
{
    if (pointer)
        return pointer;
    fputs("memexplorer: out of memory\n", stderr);
    exit(mx_status_exit_code(MX_NO_MEMORY));
}

// ---- what it can do ---------------------------------------------------------------------------

static mx_status print_overview(void)
{
    printf("memexplorer explores the memory of running CPython programs, from outside.\n"
           "Nothing runs in the program looked at, and nothing is installed there.\n\n"
           "Usage: memexplorer COMMAND [OPTION...] [ARGUMENT...]\n\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %-16s %s\n", commands[i]->name, commands[i]->arguments,
               commands[i]->summary);
    printf(
        "\n"
        "Three to try:\n"
        "  memexplorer ps                   which Python processes there are\n"
        "  memexplorer report PID           one of them in one screen\n"
        "  memexplorer lesson refcounting   what a reference count is, on real objects\n\n"
        "Every command takes --json, and --help shows an example. In place of a PID each takes a\n"
        "core file, as gcore or the kernel writes it, or a snapshot that capture wrote:\n"
        "memexplorer report core.812\n");
    return MX_OK;
}

static mx_status unknown_command(const char *word, struct mx_error *err)
{
    const char *names[COMMAND_COUNT + 2] = {[COMMAND_COUNT] = "--version", "--help"};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    const char *kind = *word == '-' ? "option" : "command";
    if (*word && word[strspn(word, "0123456789")] == '\0')
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "'%.20s' is not a command; write: memexplorer report %.20s", word, word);
    const char *nearest = suggest_nearest(word, names, COMMAND_COUNT + 2);
    if (nearest)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "there is no %s '%.80s'; did you mean '%s'? 'memexplorer --help' lists "
                        "the commands",
                        kind, word, nearest);
    return cli_fail(err, MX_BAD_ARGUMENT,
                    "there is no %s '%.80s'; 'memexplorer --help' lists the commands", kind, word);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static bool is_in_python(const struct command *command, int argc, char **argv)
{
    bool inside = false;
    for (int i = 1; command == &cmd_capture && i < argc; i++)
        inside |= strcmp(argv[i], "--from-inside") == 0;
    return inside || (command->needs & IN_PYTHON);
}

// ---- running one ------------------------------------------------------------------------------

static mx_status supply_one(struct request *request, struct mx_error *err)
{
    unsigned needs = request->command->needs;
    if (!(needs & (NEEDS_TARGET | NEEDS_HEAP)))
        return MX_OK;
    if (request->snapshot)
        return mx_heap_open(request->snapshot, &request->heap, err);
    mx_status status = request->core
                           ? mx_target_open_core(request->core, request->exe, &request->target, err)
                           : mx_target_open(request->pid, &request->target, err);
    if (status || !(needs & NEEDS_HEAP))
        return status;
    struct progress progress;
    progress_init(&progress);
    struct mx_capture_options options = {.progress = progress_show,
                                         .progress_data = &progress,
                                         .mode = request->core ? MX_CAPTURE_FREEZE : request->mode};
    status = mx_heap_capture(request->target, &options, &request->heap, err);
    progress_clear(&progress);
    return status;
}

// In the order in which they stand: processes are read one after the other.
static mx_status supply_needs(struct request *request, struct mx_error *err)
{
    mx_status status = supply_one(request, err);
    for (size_t i = 0; !status && i < request->other_count; i++)
        status = supply_one(&request->others[i], err);
    return status;
}

// An answer out of damaged bytes is none: what was printed of it and is not out yet never gets there.
static mx_status check_intact(const struct request *request, mx_status status, struct mx_error *err)
{
    struct mx_error damage;
    mx_status damaged = request->heap ? mx_heap_intact(request->heap, &damage) : MX_OK;
    if (damaged) {
        output_drop();
        *err = damage;
        status = damaged;
    }
    for (size_t i = 0; i < request->other_count; i++)
        status = check_intact(&request->others[i], status, err);
    return status;
}

static void release(struct request *request)
{
    for (size_t i = 0; i < request->other_count; i++)
        release(&request->others[i]);
    mx_heap_free(request->heap);
    mx_target_free(request->target);
    free(request->addresses);
    free(request->others);
}

static mx_status run_command(const struct command *command, int argc, char **argv, int *ret_exit,
                             struct mx_error *err)
{
    struct request request = {0};
    mx_status status = arguments_parse(command, argc, argv, &request, err);
    if (!status && request.help) {
        arguments_print_help(command);
    } else if (!status) {
        status = supply_needs(&request, err);
        if (!status)
            status = command->run(&request, err);
        status = check_intact(&request, status, err);
    }
    release(&request);
    *ret_exit = request.exit_code;
    return status;
}

static mx_status run(int argc, char **argv, int *ret_exit, struct mx_error *err)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("memexplorer " MX_VERSION);
        return MX_OK;
    }
    if (strcmp(word, "help") == 0 && argc > 2) {
        const struct command *command = find_command(argv[2]);
        if (!command)
            return unknown_command(argv[2], err);
        arguments_print_help(command);
        return MX_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return print_overview();
    const struct command *command = find_command(word);
    if (!command)
        return unknown_command(word, err);
    if (is_in_python(command, argc, argv))
        return python_become(argc - 1, argv + 1, err);
    return run_command(command, argc - 1, argv + 1, ret_exit, err);
}

int main(int argc, char **argv)
{
    output_init();
    setlocale(LC_CTYPE, "C.UTF-8"); // for the width of characters; numbers keep their points
    struct mx_error err = {0};
    int exit_code = 0;
    mx_status status = run(argc, argv, &exit_code, &err);
    struct mx_error late = {0};
    mx_status finished = output_finish(&late);
    if (!status && finished) {
        status = finished;
        err = late;
    }
    if (!status)
        return exit_code;
    if (!err.message[0]) // an expected miss is a bare status
        cli_fail(&err, status, "%s", mx_status_text(status));
    if (status == MX_NO_PROCESS) { // the library knows no commands that it could point to
        struct mx_error named = err;
        cli_fail(&err, status, "%.400s; `memexplorer ps` lists the Python processes",
                 named.message);
    }
    output_error(&err);
    return mx_status_exit_code(status);
}
