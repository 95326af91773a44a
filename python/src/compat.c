// compat.c - the functions of newer versions, and those that the limited API leaves out.
//
// Every one is exported by the interpreters that have it, so dlsym finds it: in the program itself, or
// in the libpython that it was linked with.
#include "compat.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint32_t version;
    int (*is_finalizing)(void);
    int (*gc_is_finalized)(PyObject *op); // NULL before 3.9
    int (*call_finalizer)(PyObject *op);
    void *(*interpreter)(void); // NULL before 3.9
    void (*stop_world)(void *interpreter), (*start_world)(void *interpreter);
    PyObject *(*type_from_module)(PyObject *module, PyType_Spec *spec, PyObject *bases); // 3.9
} api;

void *compat_symbol(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

static void find(const char *name, void *ret)
{
    void *symbol = compat_symbol(name);
    memcpy(ret, &symbol, sizeof symbol); // ISO C converts no object pointer to a function pointer
}

// "3.13.1 (main, ...": Py_Version is there from 3.11 on only.
static uint32_t read_version(void)
{
    const char *text = Py_GetVersion();
    char *end;
    uint32_t version = 0;
    for (int shift = 24; shift > 0; shift -= 8, text = end + (*end == '.'))
        version |= (uint32_t)(strtoul(text, &end, 10) & 0xff) << shift;
    return version | 0xf0;
}

int compat_init(void)
{
    api.version = read_version();
    find("Py_IsFinalizing", &api.is_finalizing); // 3.13
    if (!api.is_finalizing)
        find("_Py_IsFinalizing", &api.is_finalizing);
    find("PyObject_GC_IsFinalized", &api.gc_is_finalized);
    find("PyObject_CallFinalizerFromDealloc", &api.call_finalizer);
    find("PyInterpreterState_Get", &api.interpreter);
    find("_PyEval_StopTheWorld", &api.stop_world); // Include/internal/pycore_pystate.h
    find("_PyEval_StartTheWorld", &api.start_world);
    find("PyType_FromModuleAndSpec", &api.type_from_module);
    bool modern = api.version >= 0x03090000;
    if (api.is_finalizing && api.call_finalizer &&
        (!modern || (api.gc_is_finalized && api.type_from_module)))
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "this interpreter does not export functions of CPython that memexplorer needs");
    return -1;
}

uint32_t compat_version(void)
{
    return api.version;
}

int compat_is_finalizing(void)
{
    return api.is_finalizing();
}

bool compat_stop_world(void)
{
    bool there = api.interpreter && api.stop_world && api.start_world;
    if (there)
        api.stop_world(api.interpreter());
    return there;
}

void compat_start_world(void)
{
    api.start_world(api.interpreter());
}

// Include/internal/pycore_gc.h of 3.8: two words stand in front of the object, and this is a bit of the
// second, _gc_prev.
#define FINALIZED_3_8 1

int compat_gc_is_finalized(PyObject *op)
{
    if (api.gc_is_finalized)
        return api.gc_is_finalized(op);
    return (((const uintptr_t *)op)[-1] & FINALIZED_3_8) != 0;
}

int compat_call_finalizer(PyObject *op)
{
    return api.call_finalizer(op);
}

PyObject *compat_new_ref(PyObject *op)
{
    Py_INCREF(op);
    return op;
}

PyObject *compat_call_one(PyObject *callable, PyObject *argument)
{
    return PyObject_CallFunctionObjArgs(callable, argument, NULL);
}

PyObject *compat_type_name(PyObject *op)
{
    return PyObject_GetAttrString((PyObject *)Py_TYPE(op), "__name__");
}

void compat_free(PyObject *op)
{
    freefunc release = (freefunc)PyType_GetSlot(Py_TYPE(op), Py_tp_free);
    release(op);
}

struct compat_exception compat_exception_save(void)
{
    struct compat_exception saved = {0};
    PyErr_Fetch(&saved.type, &saved.value, &saved.traceback);
    return saved;
}

void compat_exception_restore(struct compat_exception saved)
{
    PyErr_Restore(saved.type, saved.value, saved.traceback);
}

bool compat_visits_type(void)
{
    return api.version >= 0x03090000;
}

// Include/cpython/object.h of 3.8, PyTypeObject: the only way to weak references for a type from a spec.
// 3.8 has had its last release.
#define BASICSIZE_3_8 32
#define WEAKLISTOFFSET_3_8 208

static PyObject *type_new_3_8(PyType_Spec *spec, PyMemberDef *members, Py_ssize_t weaklist_offset)
{
    while (members && members->name && strcmp(members->name, "__weaklistoffset__") != 0)
        members++;
    if (members) // the last one
        memset(members, 0, sizeof *members);
    char *type = (char *)PyType_FromSpec(spec);
    if (!type)
        return NULL;
    Py_ssize_t basicsize;
    memcpy(&basicsize, type + BASICSIZE_3_8, sizeof basicsize);
    if (basicsize == spec->basicsize) // else its struct is another one: no weak references
        memcpy(type + WEAKLISTOFFSET_3_8, &weaklist_offset, sizeof weaklist_offset);
    return (PyObject *)type;
}

PyObject *compat_type_new(PyObject *module, PyType_Spec *spec, PyMemberDef *members,
                          Py_ssize_t weaklist_offset)
{
    if (api.version < 0x03090000)
        return type_new_3_8(spec, members, weaklist_offset);
    return api.type_from_module(module, spec, NULL);
}
