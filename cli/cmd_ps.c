// cmd_ps.c - the Python processes on this machine.
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

static json_t *process_json(const struct mx_process *process)
{
    return json_make("pid", json_integer(process->pid), "user", json_text(process->user), //
                     "python", json_text(process->python),                                //
                     "executable", json_text(process->executable),                        //
                     "cmdline", json_text(process->cmdline),                              //
                     "rss_bytes", json_integer((json_int_t)process->rss_bytes),           //
                     "uptime_seconds", json_seconds(process->uptime_seconds),             //
                     "problem", process->problem[0] ? json_text(process->problem) : json_null(),
                     NULL);
}

static void print_json(const struct mx_process *processes, size_t count)
{
    struct json_stream stream = {0};
    json_stream_open(&stream, NULL, '[');
    for (size_t i = 0; i < count; i++)
        json_stream_add(&stream, NULL, process_json(&processes[i]));
    json_stream_close(&stream, ']');
}

static void print_problems(const struct mx_process *processes, size_t count)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!processes[i].problem[0])
            continue;
        if (first)
            printf("\n%sThese cannot be explored:%s\n", output_style(STYLE_WARNING),
                   output_style(STYLE_PLAIN));
        first = false;
        char prefix[24];
        snprintf(prefix, sizeof prefix, "pid %d: ", processes[i].pid);
        bool named = strncmp(processes[i].problem, prefix, strlen(prefix)) == 0;
        printf("  %s%s\n", named ? "" : prefix, processes[i].problem);
    }
}

static void print_table(const struct mx_process *processes, size_t count)
{
    static const struct column columns[] = {{"PID", true}, {"USER", false},  {"PYTHON", false},
                                            {"RSS", true}, {"UPTIME", true}, {"COMMAND", false}};
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct mx_process *process = &processes[i];
        char pid[16];
        snprintf(pid, sizeof pid, "%d", process->pid);
        TABLE_ADD(&table, pid, process->user, process->python[0] ? process->python : "?",
                  text_size(process->rss_bytes).s, text_duration(process->uptime_seconds).s,
                  process->cmdline[0] ? process->cmdline : process->executable);
    }
    table_finish(&table);
    print_problems(processes, count);
    if (count == 0)
        puts("No Python process was found. Root sees those of every user.");
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct mx_process *processes;
    size_t count;
    mx_status status = mx_processes(&processes, &count, err);
    if (status)
        return status;
    if (request->json)
        print_json(processes, count);
    else
        print_table(processes, count);
    mx_processes_free(processes);
    return MX_OK;
}

static const struct argp_option options[] = {COMMON_OPTIONS};

const struct command cmd_ps = {
    .name = "ps",
    .arguments = "",
    .summary = "the Python processes on this machine",
    .help = "The Python processes on this machine: their user, CPython version, memory and age. "
            "Those that cannot be explored are listed with the reason.\v"
            "Example:\n\n"
            "  $ memexplorer ps\n"
            "  PID  USER  PYTHON       RSS  UPTIME  COMMAND\n"
            "  812  www   3.11.7  48.2 MiB  3d 04h  python3 -m myservice\n",
    .options = options,
    .run = run,
};
