// runtime.h - which CPython a process runs, and where its state is.
//
// Found through dynamic symbols (_PyRuntime, PyType_Type, Py_Version), so that a stripped interpreter
// is as good as a shared library, under whatever name; else by what its data looks like. A layout is believed only after the interpreter,
// its first thread and sys.hexversion agree with it.
#ifndef MX_HEAP_RUNTIME_H
#define MX_HEAP_RUNTIME_H

#include "decode/decoder.h"
#include "heap/allocator.h"
#include "layout/layout.h"
#include "memory/maps.h"
#include "memory/memory.h"

struct runtime {
    const struct layout *layout;
    mx_addr addr;      // _PyRuntime
    mx_addr type_type; // PyType_Type
    uint32_t version_hex;
    bool free_threaded;
    bool debug;      // configured with --with-pydebug
    bool verified;   // the layout was made from this very version's headers, or proved itself
    char python[32]; // "3.11.7"
    char file[256];  // the executable or library that it is in
    int others;      // initialised CPythons in the same process that were not chosen
};

// `thorough`: look at every mapped file, not only the executable and those named python, and where no
// symbol tells, into their data. Of several in one process the one at the lowest address is chosen.
// MX_NOT_PYTHON, or MX_UNSUPPORTED with the version where it can be told.
mx_status runtime_find(struct memory *memory, const struct maps *maps, int pid,
                       const char *executable, bool thorough, struct runtime *ret,
                       struct mx_error *err);

// Probes the allocator with what every interpreter has: sys.modules and its table.
void runtime_probe_allocator(const struct runtime *runtime, struct decoder *decoder,
                             struct allocator *allocator);

#define SUPPORTED_VERSIONS "CPython 3.8 to 3.15"

#endif
