// compat.h - what differs between the C APIs of CPython 3.8 to 3.15, and nothing else.
#ifndef MEMEXPLORER_PYTHON_COMPAT_H
#define MEMEXPLORER_PYTHON_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

// 3.13 gave free-threaded builds a lock in every object; before, the GIL is that lock.
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(op) {
#define Py_END_CRITICAL_SECTION() }
#endif

static inline int compat_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

static inline int compat_gc_is_finalized(PyObject *op)
{
#if PY_VERSION_HEX >= 0x03090000
    return PyObject_GC_IsFinalized(op);
#else
    return _PyGC_FINALIZED(op);
#endif
}

static inline PyObject *compat_new_ref(PyObject *op)
{
    Py_INCREF(op);
    return op;
}

static inline PyObject *compat_call_one(PyObject *callable, PyObject *argument)
{
#if PY_VERSION_HEX >= 0x03090000
    return PyObject_CallOneArg(callable, argument);
#else
    return PyObject_CallFunctionObjArgs(callable, argument, NULL);
#endif
}

// The exception that is being handled, put away while a finalizer runs.
struct compat_exception {
    PyObject *type, *value, *traceback;
};

static inline struct compat_exception compat_exception_save(void)
{
    struct compat_exception saved = {0};
#if PY_VERSION_HEX >= 0x030C0000
    saved.value = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&saved.type, &saved.value, &saved.traceback);
#endif
    return saved;
}

static inline void compat_exception_restore(struct compat_exception saved)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(saved.value);
#else
    PyErr_Restore(saved.type, saved.value, saved.traceback);
#endif
}

// Heap types know their module from 3.9 on; 3.8 has neither that nor `__weaklistoffset__`.
static inline PyObject *compat_type_new(PyObject *module, PyType_Spec *spec,
                                        Py_ssize_t weaklist_offset)
{
#if PY_VERSION_HEX >= 0x03090000
    (void)weaklist_offset;
    return PyType_FromModuleAndSpec(module, spec, NULL);
#else
    (void)module;
    PyObject *type = PyType_FromSpec(spec);
    if (type)
        ((PyTypeObject *)type)->tp_weaklistoffset = weaklist_offset;
    return type;
#endif
}

#endif
