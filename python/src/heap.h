// heap.h - an open snapshot file, as the parts of the extension use it.
#ifndef MEMEXPLORER_PYTHON_HEAP_H
#define MEMEXPLORER_PYTHON_HEAP_H

#include "extension.h"

#include <memexplorer.h>
#include <stdbool.h>

// Raises the exception that goes with the status; returns NULL.
PyObject *status_raise(mx_status status, const struct mx_error *err);

// Who waits for the child that explores this process.
struct waiting {
    PyThreadState *thread; // while other threads may run
    bool stopped;          // the others, without a GIL
    bool raised;
};
// mx_capture_self, as every thread of Python stands; others run again as soon as it has forked. `waiting` is
// zero at first, and options->data; `forked` is set here.
mx_status capture_standing(const char *path, struct mx_self_options *options,
                           struct waiting *waiting, struct mx_error *err);

// A heap, and all who need it: Heap, tables, streams, arrays that readers have kept. Not one of
// these functions needs the interpreter's lock.
struct shared_heap;
void shared_keep(struct shared_heap *shared);
void shared_release(struct shared_heap *shared);
// The heap for this thread alone until shared_unlock; may be locked again by the same thread. NULL when
// it is closed: then there is nothing to unlock.
mx_heap *shared_lock(struct shared_heap *shared);
void shared_unlock(struct shared_heap *shared);
// While something is pinned, closing waits for it. For mx_keeper.
void shared_pin(void *shared);
void shared_unpin(void *shared);

// That of a Heap; TypeError, and NULL, when it is none.
struct shared_heap *heap_shared(PyObject *heap);
// shared_lock, waiting with the interpreter's lock released; ValueError when it is closed.
mx_heap *shared_lease(struct shared_heap *shared);

// New references to types, NULL with an exception set.
PyObject *heap_type_new(PyObject *module);
PyObject *table_type_new(PyObject *module);

// Is it of the type that has this function in Py_tp_dealloc? An interpreter has types of its own.
bool type_frees_with(PyObject *type, void *dealloc);

extern PyMethodDef heap_functions[];
// answers.c, answers_lists.c: functions of the module that take a Heap.
extern PyMethodDef answer_functions[], list_functions[];

#endif
