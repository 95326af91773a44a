// cmd_lesson.c - runs a lesson of the Python package, and looks at it from outside when asked to.
//
// The lesson is Python, in the package memexplorer of the interpreter chosen. Here it is found,
// started and waited for; with --outside its questions are answered (outside.c).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "outside.h"
#include "suggest.h"

extern char **environ;

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

// ---- which Python -----------------------------------------------------------------------------

// The checkout that this program was built in: two directories above, when it looks like one.
// "" for an installed program.
static void find_checkout(char *path, size_t nbytes)
{
    ssize_t length = readlink("/proc/self/exe", path, nbytes - 1);
    path[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < 3; up++) { // project/build/cli/memexplorer
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    char mark[PATH_MAX + 32];
    snprintf(mark, sizeof mark, "%s/include/memexplorer.h", path);
    if (access(mark, R_OK) != 0)
        path[0] = '\0';
}

// --python, the active virtual environment, the checkout's, the one on PATH.
static void choose_python(char *path, size_t nbytes, const char *checkout)
{
    const char *environment = getenv("VIRTUAL_ENV");
    if (settings.python) {
        snprintf(path, nbytes, "%s", settings.python);
        return;
    }
    if (environment && *environment) {
        snprintf(path, nbytes, "%s/bin/python", environment);
        if (access(path, X_OK) == 0)
            return;
    }
    snprintf(path, nbytes, "%s/.venv/bin/python", checkout);
    if (!*checkout || access(path, X_OK) != 0)
        snprintf(path, nbytes, "python3");
}

// ---- children ---------------------------------------------------------------------------------

static mx_status start(char *const *argv, const posix_spawn_file_actions_t *actions, pid_t *ret,
                       struct mx_error *err)
{
    int error = posix_spawnp(ret, argv[0], actions, NULL, argv, environ);
    if (error)
        return cli_fail(err, MX_NOT_FOUND,
                        "%s: %s; choose an interpreter with --python /path/to/python", argv[0],
                        strerror(error));
    return MX_OK;
}

// The child's exit code, 128 and the signal when one ended it.
static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Says in one line what an `import` in the lesson would say in ten.
static mx_status check_package(char *python, const char *checkout, struct mx_error *err)
{
    char *argv[] = {python, "-c",
                    "import sys\n"
                    "try: import memexplorer.lesson\n"
                    "except ModuleNotFoundError as error:\n"
                    "    sys.exit(41 if error.name == 'memexplorer' else 42)\n",
                    NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    mx_status status = start(argv, &actions, &pid, err);
    posix_spawn_file_actions_destroy(&actions);
    if (status)
        return status;
    int exit_code = wait_for(pid);
    if (exit_code == 0)
        return MX_OK;
    const char *source = *checkout ? checkout : "memexplorer";
    if (exit_code == 41)
        return cli_fail(err, MX_NOT_FOUND,
                        "%s: the package memexplorer is not installed there; install it with: "
                        "%s -m pip install %s",
                        python, python, source);
    return cli_fail(err, MX_NOT_FOUND,
                    "%s: the package memexplorer cannot be imported there; see why with: "
                    "%s -c 'import memexplorer.lesson'",
                    python, python);
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
    status = start(argv, &actions, ret, err);
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
    char checkout[PATH_MAX], python[PATH_MAX];
    find_checkout(checkout, sizeof checkout);
    choose_python(python, sizeof python, checkout);
    mx_status status = check_package(python, checkout, err);
    if (status)
        return status;
    char *argv[] = {
        python, "-m", "memexplorer.lesson", (char *)request->word, request->json ? "--json" : NULL,
        NULL};
    pid_t pid;
    struct pipes pipes;
    unsetenv("MEMEXPLORER_OUTSIDE"); // of a lesson around this one: its descriptors are not ours
    status =
        settings.outside ? start_outside(argv, &pipes, &pid, err) : start(argv, NULL, &pid, err);
    if (status)
        return status;
    if (settings.outside)
        outside_serve(pid, pipes.questions[0], pipes.answers[1]);
    request->exit_code = wait_for(pid);
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
