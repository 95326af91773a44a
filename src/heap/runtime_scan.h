// runtime_scan.h - _PyRuntime and PyType_Type where no symbol tells of them.
//
// A program with CPython built in exports its symbols only when it was linked to (-rdynamic), and a
// static one has none at all. Then both are sought in the data of the mapped files.
#ifndef MX_HEAP_RUNTIME_SCAN_H
#define MX_HEAP_RUNTIME_SCAN_H

#include "memory/maps.h"
#include "memory/memory.h"

// Is this place _PyRuntime? What is offered here only looks like it.
typedef bool runtime_fn(void *data, mx_addr runtime, mx_addr type_type, const char *path);

// Offers every likely place until fn accepts one; false when it accepts none. Reads each word of the
// files' data.
bool runtime_scan(struct memory *memory, const struct maps *maps, runtime_fn *fn, void *data);

#endif
