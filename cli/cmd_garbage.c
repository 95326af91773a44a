// cmd_garbage.c - what gc.collect() would find unreachable now.
#include "command.h"
#include "cycle_rows.h"

static struct cycle_rows rows = {.limit = ROWS_UNSET, .garbage = true};

static mx_status option(int key, const char *text, struct mx_error *err)
{
    return cycle_rows_option(&rows, key, text, err);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    mx_cycles *cycles;
    mx_status status = mx_heap_garbage(request->heap, &cycles, err);
    return status ? status : cycle_rows_print(request, cycles, &rows, err);
}

static const struct argp_option options[] = {CYCLE_OPTIONS, TARGET_OPTIONS, CAPTURE_OPTIONS,
                                             COMMON_OPTIONS};

const struct command cmd_garbage = {
    .name = "garbage",
    .arguments = "PID",
    .summary = "unreachable cycles: what gc.collect() would find now",
    .help =
        "The unreachable cycles that gc.collect() would find now, in every interpreter, grouped "
        "by shape: the types on the cycle and the references that close it; name* stands for some "
        "of the same in a row. OBJECTS are on such "
        "cycles, HELD are objects of the collector that these refer to, and FREED those that "
        "are not the collector's and go with them. FINALIZERS says what runs when it comes: "
        "finalizers (__del__, generators, files), callbacks of weak references from outside. "
        "'finalized before' will not run again, 'uncollectable' stays in gc.garbage.\v"
        "Example:\n\n"
        "  $ memexplorer garbage 812 --type 'myapp.*'\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = option,
    .run = run,
};
