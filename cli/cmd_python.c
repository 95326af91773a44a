// cmd_python.c - commands that the Python package has: this program becomes it.
//
// Within a wheel they are answered before this program is asked (python/memexplorer/__main__.py).
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "python.h"

mx_status python_become(int argc, char **argv, struct mx_error *err)
{
    char python[PATH_MAX];
    mx_status status = python_find(NULL, python, sizeof python, err);
    if (status)
        return status;
    char **words = must(calloc((size_t)argc + 4, sizeof *words));
    words[0] = python;
    words[1] = "-m";
    words[2] = "memexplorer";
    memcpy(words + 3, argv, (size_t)argc * sizeof *argv);
    execvp(python, words);
    int error = errno;
    free(words);
    return cli_fail(err, MX_NOT_FOUND, "%s: %s", python, strerror(error));
}

static mx_status run(struct request *request, struct mx_error *err)
{
    char *words[] = {(char *)request->command->name, "--help"};
    return python_become(2, words, err);
}

static const struct argp_option options[] = {COMMON_OPTIONS};

const struct command cmd_trace = {
    .name = "trace",
    .arguments = "SCRIPT [ARGUMENT...]",
    .summary = "run a script, and show what each line did to its objects",
    .help = "Needs the Python package: `memexplorer trace --help` is its help there.\v"
            "Example:\n\n"
            "  $ memexplorer trace script.py\n",
    .needs = IN_PYTHON,
    .options = options,
    .run = run,
};

const struct command cmd_run = {
    .name = "run",
    .arguments = "-- COMMAND...",
    .summary = "start a program that writes a snapshot when memory runs out",
    .help = "Needs the Python package: `memexplorer run --help` is its help there.\v"
            "Example:\n\n"
            "  $ memexplorer run --on-memory-error oom.mxs -- python app.py\n",
    .needs = IN_PYTHON,
    .options = options,
    .run = run,
};
