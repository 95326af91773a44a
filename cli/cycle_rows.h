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

// Prints the groups wanted, as a table or as JSON.
void cycle_rows_print(const mx_heap *heap, const mx_cycles *cycles, const struct cycle_rows *rows,
                      bool json);

#endif
