// debug_offsets.h - what a CPython from 3.13 on says of its own structs, laid over a table.
//
// _Py_DebugOffsets is the first member of _PyRuntime (Include/internal/pycore_debug_offsets.h). It
// has a part of the numbers only, and it is untrusted: every number is checked before it is used.
// What it has not is taken from the table; members between moved ones move along.
#ifndef MX_HEAP_DEBUG_OFFSETS_H
#define MX_HEAP_DEBUG_OFFSETS_H

#include "layout/layout.h"
#include "memory/memory.h"

struct debug_offsets {
    uint32_t version_hex;
    bool free_threaded;
};

// False when there are none at `runtime`, or they make no sense.
bool debug_offsets_read(struct memory *memory, mx_addr runtime, struct debug_offsets *ret);

// How many of the numbers differ from the table's, -1 when one of them cannot be.
int debug_offsets_differences(struct memory *memory, mx_addr runtime, const struct layout *table);

// The table with those numbers: the table itself where none differs. Stays valid for ever and is
// made once for equal numbers; NULL when there is no memory, or too many were made. Any thread.
const struct layout *debug_offsets_apply(struct memory *memory, mx_addr runtime,
                                         const struct layout *table);

#endif
