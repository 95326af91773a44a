// heap.c - Heap: a snapshot file that is open, and who may use it when.
//
//   capture_self --> a file --> Heap --> shared_heap --lock--> mx_heap, for one thread at a time
//
// The lock is waited for without the interpreter's, so that who holds it may want that one. It may be
// taken again by the same thread: objects that are made while it is held can set off the collector,
// and that anybody's code. close() takes effect when the last question is answered and the last array
// that lies in the mapped file is released.
#include "heap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "docstrings.h"

struct shared_heap {
    atomic_size_t users;
    pthread_mutex_t lock;
    mx_heap *heap; // NULL when it has been closed
    int locks;     // by the thread that has the lock
    int pins;
    bool closing;
};

struct heap {
    PyObject ob_base; // what PyObject_HEAD says
    struct shared_heap *shared;
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

// ---- sharing ----------------------------------------------------------------------------------

static struct shared_heap *shared_new(void)
{
    pthread_mutexattr_t attributes;
    struct shared_heap *shared = calloc(1, sizeof *shared);
    if (!shared)
        return NULL;
    atomic_init(&shared->users, 1);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(&shared->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (!error)
        return shared;
    free(shared);
    return NULL;
}

void shared_keep(struct shared_heap *shared)
{
    atomic_fetch_add(&shared->users, 1);
}

void shared_release(struct shared_heap *shared)
{
    if (!shared || atomic_fetch_sub(&shared->users, 1) > 1)
        return;
    mx_heap_free(shared->heap);
    pthread_mutex_destroy(&shared->lock);
    free(shared);
}

// Gives up the lock, and the heap when it is time.
static void unlock(struct shared_heap *shared)
{
    mx_heap *done = NULL;
    if (shared->closing && !shared->locks && !shared->pins) {
        done = shared->heap;
        shared->heap = NULL;
    }
    pthread_mutex_unlock(&shared->lock);
    mx_heap_free(done);
}

mx_heap *shared_lock(struct shared_heap *shared)
{
    pthread_mutex_lock(&shared->lock);
    if (shared->closing) {
        unlock(shared);
        return NULL;
    }
    shared->locks++;
    return shared->heap;
}

void shared_unlock(struct shared_heap *shared)
{
    shared->locks--;
    unlock(shared);
}

// By a thread that has the lock.
void shared_pin(void *data)
{
    struct shared_heap *shared = data;
    shared_keep(shared);
    shared->pins++;
}

void shared_unpin(void *data)
{
    struct shared_heap *shared = data;
    pthread_mutex_lock(&shared->lock);
    shared->pins--;
    unlock(shared);
    shared_release(shared);
}

mx_heap *shared_lease(struct shared_heap *shared)
{
    mx_heap *heap;
    Py_BEGIN_ALLOW_THREADS heap = shared_lock(shared);
    Py_END_ALLOW_THREADS if (!heap) PyErr_SetString(PyExc_ValueError, "the snapshot is closed");
    return heap;
}

bool type_frees_with(PyObject *type, void *dealloc)
{
    // PyType_GetSlot takes heap types alone, up to 3.9.
    return PyType_GetFlags((PyTypeObject *)type) & Py_TPFLAGS_HEAPTYPE &&
           PyType_GetSlot((PyTypeObject *)type, Py_tp_dealloc) == dealloc;
}

static void heap_dealloc(PyObject *op);

struct shared_heap *heap_shared(PyObject *op)
{
    if (type_frees_with((PyObject *)Py_TYPE(op), (void *)heap_dealloc))
        return ((struct heap *)op)->shared;
    PyErr_SetString(PyExc_TypeError, "a memexplorer._memexplorer.Heap is wanted");
    return NULL;
}

static PyObject *heap_close(PyObject *op, PyObject *Py_UNUSED(unused))
{
    struct shared_heap *shared = heap_shared(op);
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&shared->lock);
    shared->closing = true;
    unlock(shared);
    Py_END_ALLOW_THREADS return compat_new_ref(Py_None);
}

static PyObject *heap_is_closed(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(heap_shared(op)->closing);
}

// ---- making -----------------------------------------------------------------------------------

static PyObject *heap_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", NULL};
    PyObject *path = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&:Heap", names, PyUnicode_FSConverter,
                                     &path))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct heap *self = (struct heap *)allocate(type, 0);
    if (self && !(self->shared = shared_new())) {
        Py_DECREF(self);
        self = NULL;
        PyErr_NoMemory();
    }
    if (self) {
        struct mx_error err = {0};
        mx_status status;
        Py_BEGIN_ALLOW_THREADS status =
            mx_heap_open(PyBytes_AsString(path), &self->shared->heap, &err);
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
    PyTypeObject *type = Py_TYPE(op);
    shared_release(((struct heap *)op)->shared);
    compat_free(op);
    Py_DECREF(type);
}

// ---- this process -----------------------------------------------------------------------------

static void let_others_run(void *data)
{
    struct waiting *waiting = data;
    if (waiting->stopped)
        compat_start_world();
    waiting->stopped = false;
    waiting->thread = PyEval_SaveThread();
}

mx_status capture_standing(const char *path, struct mx_self_options *options,
                           struct waiting *waiting, struct mx_error *err)
{
    options->forked = let_others_run;
    options->data = waiting;
    waiting->stopped = compat_stop_world();
    mx_status status = mx_capture_self(path, options, NULL, err);
    if (waiting->stopped) // there was no fork
        compat_start_world();
    if (waiting->thread)
        PyEval_RestoreThread(waiting->thread);
    return status;
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
    int redact = 0, compress = 0, plain = 0;
    double seconds = 0;
    unsigned long long object = 0, function = 0;
    if (!PyArg_ParseTuple(arguments, "O&|pppdKK:capture_self", PyUnicode_FSConverter, &path,
                          &redact, &compress, &plain, &seconds, &object, &function))
        return NULL;
    struct waiting waiting = {NULL, false, false};
    struct mx_self_options options = {
        .save = {.redact = redact, .compress = compress, .plain = plain},
        .timeout_ns = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 0,
        .argument = object,
        .callee = function,
        .go_on = look_for_signals,
    };
    struct mx_error err = {0};
    mx_status status = capture_standing(PyBytes_AsString(path), &options, &waiting, &err);
    Py_DECREF(path);
    if (waiting.raised)
        return NULL;
    if (status)
        return status_raise(status, &err);
    return compat_new_ref(Py_None);
}

static PyObject *heap_capture_process(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *path = NULL;
    int pid, redact = 0, compress = 0, plain = 0, mode = MX_CAPTURE_FREEZE;
    if (!PyArg_ParseTuple(arguments, "iO&|pppi:capture_process", &pid, PyUnicode_FSConverter, &path,
                          &redact, &compress, &plain, &mode))
        return NULL;
    struct mx_capture_options how = {.mode = (mx_capture_mode)mode};
    struct mx_save_options save = {.redact = redact, .compress = compress, .plain = plain};
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
    return compat_new_ref(Py_None);
}

// ---- the type ---------------------------------------------------------------------------------

static PyMethodDef heap_methods[] = {
    {"close", heap_close, METH_NOARGS, DOC_Heap_close},
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
