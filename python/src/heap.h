// heap.h - an open snapshot file, as the parts of the extension use it.
#ifndef MEMEXPLORER_PYTHON_HEAP_H
#define MEMEXPLORER_PYTHON_HEAP_H

#include "extension.h"

#include <memexplorer.h>
#include <stdbool.h>

// Raises the exception that goes with the status; returns NULL.
PyObject *status_raise(mx_status status, const struct mx_error *err);

// The heap behind a Heap, for this thread alone until heap_return; NULL with an exception set when it
// is closed. The interpreter's lock may be released and taken meanwhile.
const mx_heap *heap_lease(PyObject *heap);
void heap_return(PyObject *heap);

// A new reference to the type Heap, NULL with an exception set.
PyObject *heap_type_new(PyObject *module);

extern PyMethodDef heap_functions[];

#endif
