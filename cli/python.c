// python.c - which interpreter has the package, and starting programs in it.
#include "python.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

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

// --python, the one that this program came with in a wheel (python/memexplorer/__main__.py), the active virtual environment, the checkout's, the one on PATH.
static void choose_python(const char *named, char *path, size_t nbytes, const char *checkout)
{
    const char *environment = getenv("VIRTUAL_ENV");
    if (!named)
        named = getenv("MEMEXPLORER_PYTHON");
    if (named) {
        snprintf(path, nbytes, "%s", named);
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

mx_status python_start(char *const *argv, const posix_spawn_file_actions_t *actions, pid_t *ret,
                       struct mx_error *err)
{
    int error = posix_spawnp(ret, argv[0], actions, NULL, argv, environ);
    if (error)
        return cli_fail(err, MX_NOT_FOUND,
                        "%s: %s; name an interpreter in MEMEXPLORER_PYTHON, or install python3",
                        argv[0], strerror(error));
    return MX_OK;
}

int python_wait(pid_t pid)
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
    mx_status status = python_start(argv, &actions, &pid, err);
    posix_spawn_file_actions_destroy(&actions);
    if (status)
        return status;
    int exit_code = python_wait(pid);
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

mx_status python_find(const char *named, char *python, size_t nbytes, struct mx_error *err)
{
    char checkout[PATH_MAX];
    find_checkout(checkout, sizeof checkout);
    choose_python(named, python, nbytes, checkout);
    return check_package(python, checkout, err);
}
