// cmd_lesson.c - runs a lesson of the Python package, and looks at it from outside when asked to.
//
// The lesson is Python, in the package memexplorer of the interpreter chosen (python.c). Here it is
// started and waited for; with --outside its questions are answered (outside.c).
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "outside.h"
#include "python.h"
#include "suggest.h"

enum { OPTION_PYTHON = OPTION_OWN, OPTION_OUTSIDE };

static struct {
    const char *python;
    bool outside;
} settings;

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)err;
    if (key == OPTION_PYTHON)
        settings.python = text;
    else
        settings.outside = true;
    return MX_OK;
}

static mx_status check(const struct request *request, struct mx_error *err)
{
    static const char *const lessons[] = {"refcounting", "gcing"};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(request->word, lessons[i]) == 0)
            return MX_OK;
    const char *nearest = suggest_nearest(request->word, lessons, 2);
    return cli_fail(err, MX_BAD_ARGUMENT,
                    "there is no lesson '%.80s'; %s%s%sthere are refcounting and gcing",
                    request->word, nearest ? "did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'? " : "");
}

// ---- the lesson -------------------------------------------------------------------------------

struct pipes {
    int questions[2], answers[2]; // [0] is read, [1] written
};

static mx_status open_pipes(struct pipes *pipes, struct mx_error *err)
{
    if (pipe2(pipes->questions, O_CLOEXEC) != 0)
        return cli_fail(err, MX_IO, "a pipe to the lesson: %s", strerror(errno));
    if (pipe2(pipes->answers, O_CLOEXEC) == 0)
        return MX_OK;
    int error = errno;
    close(pipes->questions[0]);
    close(pipes->questions[1]);
    return cli_fail(err, MX_IO, "a pipe to the lesson: %s", strerror(error));
}

// The child gets its two ends under their own numbers; dup2 onto itself clears close-on-exec.
static mx_status start_outside(char *const *argv, struct pipes *pipes, pid_t *ret,
                               struct mx_error *err)
{
    mx_status status = open_pipes(pipes, err);
    if (status)
        return status;
    int reads = pipes->answers[0], writes = pipes->questions[1];
    char variable[32];
    snprintf(variable, sizeof variable, "%d,%d", reads, writes);
    setenv("MEMEXPLORER_OUTSIDE", variable, 1);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, reads, reads);
    posix_spawn_file_actions_adddup2(&actions, writes, writes);
    status = python_start(argv, &actions, ret, err);
    posix_spawn_file_actions_destroy(&actions);
    close(reads);
    close(writes);
    if (status) {
        close(pipes->questions[0]);
        close(pipes->answers[1]);
    }
    return status;
}

static mx_status run(struct request *request, struct mx_error *err)
{
    char python[PATH_MAX];
    mx_status status = python_find(settings.python, python, sizeof python, err);
    if (status)
        return status;
    char *argv[] = {
        python, "-m", "memexplorer.lesson", (char *)request->word, request->json ? "--json" : NULL,
        NULL};
    pid_t pid;
    struct pipes pipes;
    unsetenv("MEMEXPLORER_OUTSIDE"); // of a lesson around this one: its descriptors are not ours
    status = settings.outside ? start_outside(argv, &pipes, &pid, err)
                              : python_start(argv, NULL, &pid, err);
    if (status)
        return status;
    if (settings.outside)
        outside_serve(pid, pipes.questions[0], pipes.answers[1]);
    request->exit_code = python_wait(pid);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"python", OPTION_PYTHON, "PATH", 0,
     "The interpreter to run it in (the virtual environment's, else python3)", 0},
    {"outside", OPTION_OUTSIDE, NULL, 0,
     "Read every count from this process, while the lesson stands still", 0},
    COMMON_OPTIONS};

const struct command cmd_lesson = {
    .name = "lesson",
    .arguments = "NAME",
    .summary = "learn it on real objects: refcounting, gcing",
    .help = "A lesson on real objects, step by step, each with its line of code and the counts "
            "after it. The lessons are refcounting (what a reference count is) and gcing (what "
            "the cycle collector is for).\v"
            "Examples:\n\n"
            "  $ memexplorer lesson refcounting\n"
            "  $ memexplorer lesson gcing --outside --python /usr/bin/python3\n",
    .needs = NEEDS_WORD,
    .options = options,
    .option = take_option,
    .check = check,
    .run = run,
};
