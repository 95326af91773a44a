// cycle_rows.h - what `garbage` and `cycles` share: which groups are wanted, and printing them.
#ifndef MX_CLI_CYCLE_ROWS_H
#define MX_CLI_CYCLE_ROWS_H

#include "command.h"

#define ROWS_LIMIT 50 // groups in a table, unless --limit says otherwise; JSON has none
#define ROWS_UNSET UINT64_MAX

struct cycle_rows {
    const char *type; // NULL, or the name of a type on the cycle: as `objects --type` takes it
    uint64_t limit;   // 0 for all
    bool garbage;     // also what only garbage has: held, freed, finalizers
};

enum { CYCLES_TYPE = OPTION_OWN, CYCLES_LIMIT };

#define CYCLE_OPTIONS                                                                              \
    {"type",                                                                                       \
     CYCLES_TYPE,                                                                                  \
     "NAME",                                                                                       \
     0,                                                                                            \
     "Only cycles with an object of this type: its qualified name, the last part of it, or a "     \
     "pattern with *",                                                                             \
     0},                                                                                           \
    {                                                                                              \
        "limit", CYCLES_LIMIT, "COUNT", 0,                                                         \
            "Print so many kinds of cycles at most, 0 for all (50; with --json all)", 0            \
    }

// Of CYCLE_OPTIONS: as struct command has it.
mx_status cycle_rows_option(struct cycle_rows *rows, int key, const char *text,
                            struct mx_error *err);
// Prints the groups wanted, as a table or as JSON, and what was not seen. Frees the cycles.
mx_status cycle_rows_print(const struct request *request, mx_cycles *cycles,
                           const struct cycle_rows *rows, struct mx_error *err);

#endif
