// cmd_cycles.c - cycles that are still reachable.
#include "command.h"
#include "cycle_rows.h"

static struct cycle_rows rows = {.limit = ROWS_UNSET};

static mx_status option(int key, const char *text, struct mx_error *err)
{
    return cycle_rows_option(&rows, key, text, err);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    mx_cycles *cycles;
    mx_status status = mx_heap_cycles(request->heap, &cycles, err);
    return status ? status : cycle_rows_print(request, cycles, &rows, err);
}

static const struct argp_option options[] = {CYCLE_OPTIONS, TARGET_OPTIONS, CAPTURE_OPTIONS,
                                             COMMON_OPTIONS};

const struct command cmd_cycles = {
    .name = "cycles",
    .arguments = "PID",
    .summary = "cycles that are still reachable, and will need the collector",
    .help = "Cycles among what a program makes and drops, grouped by shape: the types on the cycle "
            "and the references that close it; name* stands for some of the same in a row. Once "
            "the program lets go of them, they wait for the "
            "collector. Each object is counted with one shape, that of a short cycle through it.\n"
            "Through modules and classes nearly everything is one cycle, so cycles are not sought "
            "through: modules, classes and what these keep; every dict that is the globals of a "
            "function; functions and descriptors that stand in such a namespace themselves; frames "
            "that are running.\v"
            "Example:\n\n"
            "  $ memexplorer cycles 812 --type Session\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = option,
    .run = run,
};
