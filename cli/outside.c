// outside.c - answers a lesson that asks what its counts look like from another process.
#include "outside.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "command.h"

static mx_status look(int pid, mx_target **target, mx_addr address, struct mx_object *ret,
                      struct mx_error *err)
{
    if (!*target) {
        mx_status status = mx_target_open(pid, target, err);
        if (status)
            return status;
    }
    return mx_refs(*target, &address, 1, ret, err);
}

// A target opened while the interpreter was still starting may be out of date: once more, anew.
static mx_status look_twice(int pid, mx_target **target, mx_addr address, struct mx_object *ret,
                            struct mx_error *err)
{
    mx_status status = look(pid, target, address, ret, err);
    if (!status)
        return MX_OK;
    mx_target_free(*target);
    *target = NULL;
    return look(pid, target, address, ret, err);
}

static void answer(int pid, mx_target **target, char *line, FILE *out)
{
    struct mx_error err = {0};
    struct mx_object object;
    mx_addr address;
    line[strcspn(line, "\r\n")] = '\0';
    mx_status status =
        strncmp(line, "refs ", 5) != 0
            ? cli_fail(&err, MX_BAD_ARGUMENT, "'%.80s' is no question; write: refs 0xADDRESS", line)
            : arguments_address(line + 5, &address, &err);
    if (!status)
        status = look_twice(pid, target, address, &object, &err);
    if (status)
        fprintf(out, "error %s\n", err.message[0] ? err.message : mx_status_text(status));
    else
        fprintf(out, "%" PRId64 " %d %d\n", object.immortal ? -1 : object.refcount, object.alive,
                object.immortal);
    fflush(out);
}

void outside_serve(int pid, int in, int out)
{
    signal(SIGPIPE, SIG_IGN); // the lesson may end before it has read its answer
    FILE *questions = must(fdopen(in, "r")), *answers = must(fdopen(out, "w"));
    mx_target *target = NULL;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, questions) >= 0)
        answer(pid, &target, line, answers);
    free(line);
    mx_target_free(target);
    fclose(questions);
    fclose(answers);
    signal(SIGPIPE, SIG_DFL);
}
