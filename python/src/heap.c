// heap.c - Heap: a snapshot file that is open, and who may use it when.
//
//   capture_self --> a file --> Heap --lease--> mx_heap, for one thread at a time
//
// A lease is taken with the interpreter's lock released, so that who holds one may want that lock. It
// may be taken again by the same thread: objects that are made while it is held can set off the
// collector, and that anybody's code. close() takes effect when the last lease ends.
#include "heap.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "answers.h"
#include "docstrings.h"

struct heap {
    PyObject ob_base; // what PyObject_HEAD says
    pthread_mutex_t *lock;
    mx_heap *heap; // NULL when closed
    int leases;
    bool closing;
};

PyObject *status_raise(mx_status status, const struct mx_error *err)
{
    const char *name = mx_status_exception(status);
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *exception = builtins && name ? PyObject_GetAttrString(builtins, name) : NULL;
    if (!exception)
        PyErr_Clear();
    PyErr_SetString(exception ? exception : PyExc_RuntimeError, err->message);
    Py_XDECREF(exception);
    Py_XDECREF(builtins);
    return NULL;
}

// ---- leases -----------------------------------------------------------------------------------

const mx_heap *heap_lease(PyObject *op)
{
    struct heap *self = (struct heap *)op;
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(self->lock);
    Py_END_ALLOW_THREADS if (!self->heap || self->closing)
    {
        pthread_mutex_unlock(self->lock);
        PyErr_SetString(PyExc_ValueError, "the snapshot is closed");
        return NULL;
    }
    self->leases++;
    return self->heap;
}

void heap_return(PyObject *op)
{
    struct heap *self = (struct heap *)op;
    mx_heap *done = NULL;
    if (--self->leases == 0 && self->closing) {
        done = self->heap;
        self->heap = NULL;
    }
    pthread_mutex_unlock(self->lock);
    mx_heap_free(done);
}

static PyObject *heap_close(PyObject *op, PyObject *Py_UNUSED(unused))
{
    struct heap *self = (struct heap *)op;
    mx_heap *done = NULL;
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(self->lock);
    self->closing = true;
    if (self->leases == 0) {
        done = self->heap;
        self->heap = NULL;
    }
    pthread_mutex_unlock(self->lock);
    mx_heap_free(done);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *heap_is_closed(PyObject *op, void *Py_UNUSED(closure))
{
    struct heap *self = (struct heap *)op;
    return PyBool_FromLong(self->closing || !self->heap);
}

// ---- making -----------------------------------------------------------------------------------

static bool heap_init(struct heap *self)
{
    pthread_mutexattr_t attributes;
    self->lock = malloc(sizeof *self->lock);
    if (!self->lock)
        return false;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(self->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (!error)
        return true;
    free(self->lock);
    self->lock = NULL;
    return false;
}

static PyObject *heap_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", NULL};
    PyObject *path = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&:Heap", names, PyUnicode_FSConverter,
                                     &path))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct heap *self = (struct heap *)allocate(type, 0);
    if (self && !heap_init(self)) {
        Py_DECREF(self);
        self = NULL;
        PyErr_NoMemory();
    }
    if (self) {
        struct mx_error err = {0};
        mx_status status;
        Py_BEGIN_ALLOW_THREADS status = mx_heap_open(PyBytes_AsString(path), &self->heap, &err);
        Py_END_ALLOW_THREADS if (status)
        {
            Py_DECREF(self);
            self = NULL;
            status_raise(status, &err);
        }
    }
    Py_DECREF(path);
    return (PyObject *)self;
}

static void heap_dealloc(PyObject *op)
{
    struct heap *self = (struct heap *)op;
    PyTypeObject *type = Py_TYPE(op);
    mx_heap_free(self->heap);
    if (self->lock)
        pthread_mutex_destroy(self->lock);
    free(self->lock);
    compat_free(op);
    Py_DECREF(type);
}

// ---- this process -----------------------------------------------------------------------------

struct waiting {
    PyThreadState *thread; // while other threads may run
    bool raised;
};

static void let_others_run(void *data)
{
    struct waiting *waiting = data;
    waiting->thread = PyEval_SaveThread();
}

// A signal's handler may raise: KeyboardInterrupt.
static bool look_for_signals(void *data)
{
    struct waiting *waiting = data;
    PyEval_RestoreThread(waiting->thread);
    waiting->raised = PyErr_CheckSignals() != 0;
    waiting->thread = PyEval_SaveThread();
    return !waiting->raised;
}

static PyObject *heap_capture_self(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *path = NULL;
    int redact = 0, compress = 0;
    double seconds = 0;
    if (!PyArg_ParseTuple(arguments, "O&|ppd:capture_self", PyUnicode_FSConverter, &path, &redact,
                          &compress, &seconds))
        return NULL;
    struct waiting waiting = {NULL, false};
    struct mx_self_options options = {
        .save = {.redact = redact, .compress = compress},
        .timeout_ns = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 0,
        .forked = let_others_run,
        .go_on = look_for_signals,
        .data = &waiting,
    };
    struct mx_error err = {0};
    mx_status status = mx_capture_self(PyBytes_AsString(path), &options, NULL, &err);
    if (waiting.thread)
        PyEval_RestoreThread(waiting.thread);
    Py_DECREF(path);
    if (waiting.raised)
        return NULL;
    if (status)
        return status_raise(status, &err);
    Py_RETURN_NONE;
}

static PyObject *heap_capture_process(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *path = NULL;
    int pid, redact = 0, compress = 0, mode = MX_CAPTURE_FREEZE;
    if (!PyArg_ParseTuple(arguments, "iO&|ppi:capture_process", &pid, PyUnicode_FSConverter, &path,
                          &redact, &compress, &mode))
        return NULL;
    struct mx_capture_options how = {.mode = (mx_capture_mode)mode};
    struct mx_save_options save = {.redact = redact, .compress = compress};
    struct mx_error err = {0};
    mx_target *target = NULL;
    mx_heap *heap = NULL;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = mx_target_open(pid, &target, &err);
    if (!status)
        status = mx_heap_capture(target, &how, &heap, &err);
    if (!status)
        status = mx_heap_save(heap, PyBytes_AsString(path), &save, NULL, &err);
    mx_heap_free(heap);
    mx_target_free(target);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (status)
        return status_raise(status, &err);
    Py_RETURN_NONE;
}

// ---- the type ---------------------------------------------------------------------------------

static PyMethodDef heap_methods[] = {
    {"close", heap_close, METH_NOARGS, DOC_Heap_close},
    {"ways", answer_ways, METH_VARARGS, DOC_Heap_ways},
    {"garbage_rows", answer_garbage, METH_NOARGS, DOC_Heap_garbage_rows},
    {"object_rows", answer_facts, METH_O, DOC_Heap_object_rows},
    {"instance_rows", answer_instances, METH_O, DOC_Heap_instance_rows},
    {"type_rows", answer_types, METH_NOARGS, DOC_Heap_type_rows},
    {"suspect_rows", answer_suspects, METH_NOARGS, DOC_Heap_suspect_rows},
    {"growth", answer_growth, METH_O, DOC_Heap_growth},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef heap_getset[] = {
    {"closed", heap_is_closed, NULL, DOC_Heap_closed, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot heap_slots[] = {
    {Py_tp_doc, DOC_Heap},         {Py_tp_new, heap_new},       {Py_tp_dealloc, heap_dealloc},
    {Py_tp_methods, heap_methods}, {Py_tp_getset, heap_getset}, {0, NULL},
};

static PyType_Spec heap_spec = {
    .name = "memexplorer._memexplorer.Heap",
    .basicsize = sizeof(struct heap),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = heap_slots,
};

PyObject *heap_type_new(PyObject *module)
{
    (void)module;
    return PyType_FromSpec(&heap_spec);
}

PyMethodDef heap_functions[] = {
    {"capture_self", heap_capture_self, METH_VARARGS, DOC_capture_self},
    {"capture_process", heap_capture_process, METH_VARARGS, DOC_capture_process},
    {NULL, NULL, 0, NULL},
};
