// compat.h - what differs between CPython 3.8 to 3.15, and nothing else.
//
// The extension is written against the limited API of 3.8, so that one module serves every later
// version (meson.build sets Py_LIMITED_API). Free-threaded builds have no such API: for them the same
// sources are compiled without the macro. What the limited API leaves out, or newer versions alone
// have, is looked up here when the module is loaded; no other file asks for a version or a symbol.
#ifndef MEMEXPLORER_PYTHON_COMPAT_H
#define MEMEXPLORER_PYTHON_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>
#include <stdint.h>

// What headers inline counts as their version does: older ones would count immortal objects, and none
// would tell a debug build's total. The interpreter's own functions are right in each.
#ifdef Py_LIMITED_API
#undef Py_INCREF
#undef Py_DECREF
#undef Py_XINCREF
#undef Py_XDECREF
#define Py_INCREF(op) Py_IncRef((PyObject *)(op))
#define Py_DECREF(op) Py_DecRef((PyObject *)(op))
#define Py_XINCREF(op) Py_IncRef((PyObject *)(op))
#define Py_XDECREF(op) Py_DecRef((PyObject *)(op))
// From 3.12 on these count nothing: an older interpreter would lose a reference with each.
#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#define Py_RETURN_NONE return (Py_INCREF(Py_None), Py_None)
#define Py_RETURN_TRUE return (Py_INCREF(Py_True), Py_True)
#define Py_RETURN_FALSE return (Py_INCREF(Py_False), Py_False)
#endif

// 3.13 gave free-threaded builds a lock in every object; elsewhere the GIL is that lock.
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(op) {
#define Py_END_CRITICAL_SECTION() }
#endif

#ifndef METH_FASTCALL // in the limited API from 3.10 on, the same since 3.7
#define METH_FASTCALL 0x0080
#endif

// Looks everything up, once; -1 with ImportError set when this interpreter lacks what it must have.
// Before anything else of this file is used.
int compat_init(void);

// Of the interpreter that runs, not of the headers: 0x030D01F0 is 3.13.1.
uint32_t compat_version(void);

// An exported function of the interpreter; NULL when this version has none of that name.
void *compat_symbol(const char *name);

int compat_is_finalizing(void);

// Free-threaded, from 3.14 on: every other thread stands still where it touches no object, until
// compat_start_world. False, and nothing was done, in versions that have no such thing.
bool compat_stop_world(void);
void compat_start_world(void);

// Whether tp_finalize was called, or is about to be by the collector.
int compat_gc_is_finalized(PyObject *op);

// For tp_dealloc: runs tp_finalize; -1 when that brought the object back to life.
int compat_call_finalizer(PyObject *op);

PyObject *compat_new_ref(PyObject *op);
PyObject *compat_call_one(PyObject *callable, PyObject *argument);

// `__name__` of an object's type, a new reference; NULL with an exception set.
PyObject *compat_type_name(PyObject *op);

void compat_free(PyObject *op); // tp_free of its type, which is a heap type

// The exception that is being handled, put away while a finalizer runs.
struct compat_exception {
    PyObject *type, *value, *traceback;
};

struct compat_exception compat_exception_save(void);
void compat_exception_restore(struct compat_exception saved);

// A heap type. They know their module from 3.9 on; 3.8 has neither that nor a member
// `__weaklistoffset__`, which is taken out of `members` there. The members are the spec's.
PyObject *compat_type_new(PyObject *module, PyType_Spec *spec, PyMemberDef *members,
                          Py_ssize_t weaklist_offset);

// Whether instances of heap types hold a reference to their type that tp_traverse has to visit; before
// 3.9 the interpreter does that.
bool compat_visits_type(void);

#endif
