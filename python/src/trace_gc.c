// trace_gc.c - runs of the cycle collector, as gc.callbacks tells them: why, what it found, how
// long it took. Knows which thread collects, so that a death has its cause.
#include <time.h>

#include "trace.h"

static struct {
    PyObject *module, *function;
} gc;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// The first element of what gc.NAME() answers, or the answer; -1: no answer.
static long first_of(const char *name)
{
    PyObject *answer = PyObject_CallMethod(gc.module, name, NULL);
    PyObject *value = answer && PyTuple_Check(answer) ? PyTuple_GetItem(answer, 0) : answer;
    long number = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(answer);
    PyErr_Clear();
    return number;
}

// The collector starts by itself when the count of the young is above the threshold, and only
// when it is enabled; the counts are set back after the callback (gc_collect_main).
static bool is_automatic(long *count, long *threshold)
{
    *count = first_of("get_count");
    *threshold = first_of("get_threshold");
    return first_of("isenabled") > 0 && *threshold > 0 && *count > *threshold;
}

static long item_of(PyObject *info, const char *name)
{
    PyObject *value = PyDict_Check(info) ? PyDict_GetItemString(info, name) : NULL;
    long number = value ? PyLong_AsLong(value) : -1;
    PyErr_Clear();
    return number;
}

static void started(struct thread *thread, PyObject *info)
{
    long count, threshold;
    thread->collecting = (int)item_of(info, "generation");
    thread->collecting_depth = thread->depth;
    thread->collecting_finalizers = thread->finalizers;
    struct place place = place_now(thread);
    bool automatic = is_automatic(&count, &threshold);
    recorder_enter(thread);
    out_begin("collection-start");
    place_out(thread, &place);
    out_number("generation", thread->collecting);
    out_text("why", automatic ? "threshold" : api.is_finalizing() ? "shutdown" : "asked");
    if (automatic) {
        out_number("count", count);
        out_number("threshold", threshold);
    }
    out_end();
    recorder_leave(thread);
    thread->collecting_since = now();
}

static void stopped(struct thread *thread, PyObject *info)
{
    double seconds = now() - thread->collecting_since;
    long collected = item_of(info, "collected"), uncollectable = item_of(info, "uncollectable");
    if (thread->collecting < 0)
        return;
    recorder_enter(thread);
    objects_after_collection();
    struct place place = place_now(thread);
    out_begin("collection");
    place_out(thread, &place);
    out_number("generation", thread->collecting);
    out_number("collected", collected);
    out_number("uncollectable", uncollectable);
    out_float("seconds", seconds);
    out_end();
    recorder_leave(thread);
    thread->collecting = -1;
}

static PyObject *callback(PyObject *self, PyObject *args)
{
    PyObject *phase, *info;
    struct thread *thread = settings.active ? thread_self() : NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "OO", &phase, &info))
        return NULL;
    if (thread) {
        thread->busy++;
        if (PyUnicode_CompareWithASCIIString(phase, "start") == 0)
            started(thread, info);
        else
            stopped(thread, info);
        thread->busy--;
    }
    Py_RETURN_NONE;
}

static PyMethodDef callback_def = {"memexplorer_trace", callback, METH_VARARGS, NULL};

bool gc_begin(void)
{
    gc.module = PyImport_ImportModule("gc");
    gc.function = PyCFunction_New(&callback_def, NULL);
    PyObject *callbacks = gc.module ? PyObject_GetAttrString(gc.module, "callbacks") : NULL;
    int status = callbacks && gc.function ? PyList_Append(callbacks, gc.function) : -1;
    Py_XDECREF(callbacks);
    return status == 0;
}

void gc_end(void)
{
    if (!gc.module || api.is_finalizing())
        return;
    PyObject *callbacks = PyObject_GetAttrString(gc.module, "callbacks");
    PyObject *done = callbacks ? PyObject_CallMethod(callbacks, "remove", "O", gc.function) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(callbacks);
    PyErr_Clear();
    Py_CLEAR(gc.module);
    Py_CLEAR(gc.function);
}
