// trace_births.c - births and deaths of objects of any type, as PyRefTracer tells them (3.13).
//
// Knows what the interpreter says, and how much it leaves unsaid; see trace_objects.c.
#include "trace.h"

enum { REF_CREATE = 0, REF_DESTROY = 1 }; // 3.15 has a third, of no object: the tracer is off

static void created(PyObject *op, bool is_user)
{
    struct object *object = object_find((uintptr_t)op);
    if (object && object->resurrected) { // PyObject_CallFinalizerFromDealloc
        object->resurrected = false;
        return;
    }
    object_reused((uintptr_t)op);
    if (settings.all || is_user)
        object_born(op, class_find((PyObject *)Py_TYPE(op)));
}

static int ref_function(PyObject *op, int event, void *data)
{
    struct thread *thread = settings.active ? thread_self() : NULL;
    (void)data;
    if (!thread || thread->busy || !op)
        return 0;
    bool is_user = event == REF_CREATE && class_is_user((PyObject *)Py_TYPE(op));
    recorder_enter(thread);
    if (settings.active && event == REF_CREATE)
        created(op, is_user);
    else if (settings.active && event == REF_DESTROY)
        classes_destroy(op);
    recorder_leave(thread);
    return 0;
}

static int probe_function(PyObject *op, int event, void *data)
{
    unsigned *counts = data;
    if ((event == REF_CREATE || event == REF_DESTROY) && PyFloat_CheckExact(op))
        counts[event]++;
    return 0;
}

// Python's own way to drop an object, in a loop: as many deaths as births, or not all are told.
void births_probe(void)
{
    static const char *const source = "x = 1.5\n"
                                      "for i in range(8):\n"
                                      "    y = [x + i, (x + i).is_integer]\n"
                                      "    y = x + i\n"
                                      "    x + i\n"
                                      "y = None\n";
    unsigned counts[2] = {0, 0};
    PyObject *code = Py_CompileString(source, "<memexplorer>", Py_file_input);
    PyObject *names = PyDict_New();
    if (code && names && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0 &&
        api.set_ref_tracer(probe_function, counts) == 0) {
        Py_XDECREF(PyEval_EvalCode(code, names, names));
        api.set_ref_tracer(NULL, NULL);
    }
    Py_XDECREF(names);
    Py_XDECREF(code);
    PyErr_Clear();
    settings.deaths = counts[REF_CREATE] && counts[REF_CREATE] == counts[REF_DESTROY];
}

bool births_begin(void)
{
    return api.set_ref_tracer(ref_function, NULL) == 0;
}

void births_end(void)
{
    api.set_ref_tracer(NULL, NULL);
}
