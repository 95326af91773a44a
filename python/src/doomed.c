// doomed.c - Doomed: an object that says when it comes, when it goes, and why it went.
//
//   created --> held by names and containers --+--> count reaches zero ----> tp_finalize, freed
//                                              \--> only a cycle holds it -> collector -> same
//
// What it holds lies in a plain C array, so that two Doomed that hold each other are two objects
// for the collector and no more.
#include <string.h>

#include "docstrings.h"
#include "extension.h"

enum stage {
    NEW,    // __init__ has not run: a subclass forgot it, or is about to call it
    READY,  // announced
    FAILED, // __init__ raised: it never came, so it does not say that it goes
};

struct doomed {
    PyObject ob_base;   // what PyObject_HEAD says
    PyObject *name;     // str or NULL
    PyObject *stream;   // has write(); NULL: sys.stdout as it is at that moment
    PyObject *callback; // NULL: write to the stream
    PyObject **items;
    Py_ssize_t nitems;
    PyObject *weaklist;
    struct doomed *next; // waits to be freed
    enum stage stage;
};

// ---- holding ----------------------------------------------------------------------------------

static int hold_all(struct doomed *self, PyObject *objects)
{
    Py_ssize_t n = PyTuple_Size(objects);
    if (n == 0)
        return 0;
    PyObject **items = PyMem_Realloc(self->items, (size_t)(self->nitems + n) * sizeof(PyObject *));
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        items[self->nitems + i] = compat_new_ref(PyTuple_GetItem(objects, i));
    self->items = items;
    self->nitems += n;
    return 0;
}

// Letting go can run any code, this object's own methods included: empty first, then let go.
static void release_all(struct doomed *self)
{
    PyObject **items;
    Py_ssize_t n;
    Py_BEGIN_CRITICAL_SECTION(self);
    items = self->items;
    n = self->nitems;
    self->items = NULL;
    self->nitems = 0;
    Py_END_CRITICAL_SECTION();
    for (Py_ssize_t i = 0; i < n; i++)
        Py_DECREF(items[i]);
    PyMem_Free(items);
}

static PyObject *doomed_hold(PyObject *op, PyObject *objects)
{
    int result;
    Py_BEGIN_CRITICAL_SECTION(op);
    result = hold_all((struct doomed *)op, objects);
    Py_END_CRITICAL_SECTION();
    if (result < 0)
        return NULL;
    return compat_new_ref(Py_None);
}

static PyObject *doomed_release(PyObject *op, PyObject *Py_UNUSED(unused))
{
    release_all((struct doomed *)op);
    return compat_new_ref(Py_None);
}

static PyObject *doomed_get_held(PyObject *op, void *Py_UNUSED(closure))
{
    struct doomed *self = (struct doomed *)op;
    PyObject *held;
    Py_BEGIN_CRITICAL_SECTION(op);
    held = PyTuple_New(self->nitems);
    // A new tuple may start a collection, but nothing that Python code could see it through.
    for (Py_ssize_t i = 0; held && i < self->nitems; i++)
        PyTuple_SetItem(held, i, compat_new_ref(self->items[i]));
    Py_END_CRITICAL_SECTION();
    return held;
}

// ---- speaking ---------------------------------------------------------------------------------

// "Doomed('v1') at 0x7f0d8c2b5e40"
static PyObject *identity(PyObject *op)
{
    struct doomed *self = (struct doomed *)op;
    PyObject *class_name = compat_type_name(op);
    if (!class_name)
        return NULL;
    PyObject *who = self->name ? PyUnicode_FromFormat("%U(%R) at %p", class_name, self->name, op)
                               : PyUnicode_FromFormat("%U() at %p", class_name, op);
    Py_DECREF(class_name);
    return who;
}

// 1 when closed. A stream without `closed` is open.
static int is_closed(PyObject *stream)
{
    PyObject *closed = PyObject_GetAttrString(stream, "closed");
    if (!closed) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    int result = PyObject_IsTrue(closed);
    Py_DECREF(closed);
    return result;
}

// One write for the whole line: lines of several threads do not mix.
static int write_line(PyObject *stream, PyObject *text)
{
    int closed = is_closed(stream);
    if (closed != 0)
        return closed < 0 ? -1 : 0;
    PyObject *line = PyUnicode_FromFormat("%U\n", text);
    if (!line)
        return -1;
    int result = PyFile_WriteObject(line, stream, Py_PRINT_RAW);
    Py_DECREF(line);
    return result;
}

// Where the words go, a new reference; NULL without an exception: nowhere.
static PyObject *listener(struct doomed *self)
{
    PyObject *to = self->callback ? self->callback : self->stream;
    if (!to)
        to = PySys_GetObject("stdout"); // borrowed; gone, or None, at shutdown and under pythonw
    return to && to != Py_None ? compat_new_ref(to) : NULL;
}

static int speak_to(struct doomed *self, PyObject *to, const char *what)
{
    PyObject *who = identity((PyObject *)self);
    PyObject *text = who ? PyUnicode_FromFormat("%U %s", who, what) : NULL;
    int result = -1;
    if (text && self->callback) {
        PyObject *answer = compat_call_one(to, text);
        result = answer ? 0 : -1;
        Py_XDECREF(answer);
    } else if (text) {
        result = write_line(to, text);
    }
    Py_XDECREF(text);
    Py_XDECREF(who);
    return result;
}

static PyObject *doomed_repr(PyObject *op)
{
    Py_ssize_t n = ((struct doomed *)op)->nitems;
    PyObject *who = identity(op);
    if (!who)
        return NULL;
    PyObject *repr =
        n == 0 ? PyUnicode_FromFormat("<%U>", who)
               : PyUnicode_FromFormat("<%U, holds %zd object%s>", who, n, n == 1 ? "" : "s");
    Py_DECREF(who);
    return repr;
}

// ---- life -------------------------------------------------------------------------------------

// -1 with a TypeError; the format ends in what to call the type of `wrong`.
static int refuse(const char *format, PyObject *wrong)
{
    PyObject *type = compat_type_name(wrong);
    if (type)
        PyErr_Format(PyExc_TypeError, format, type);
    Py_XDECREF(type);
    return -1;
}

// NULL for None. -1 with an exception set when it is not what it has to be.
static int check_arguments(PyObject **name, PyObject **stream, PyObject **callback)
{
    if (*name == Py_None)
        *name = NULL;
    if (*stream == Py_None)
        *stream = NULL;
    if (*callback == Py_None)
        *callback = NULL;
    if (*name && !PyUnicode_Check(*name))
        return refuse("name must be a str or None, not %U", *name);
    if (*stream && !PyObject_HasAttrString(*stream, "write"))
        return refuse("stream must have a write() method; %U has none", *stream);
    if (*callback && !PyCallable_Check(*callback))
        return refuse("callback must be callable; %U is not", *callback);
    if (*stream && *callback) {
        PyErr_SetString(PyExc_TypeError, "give a stream or a callback, not both");
        return -1;
    }
    return 0;
}

static void replace(PyObject **field, PyObject *value)
{
    PyObject *old = *field;
    Py_XINCREF(value);
    *field = value;
    Py_XDECREF(old);
}

static int init_fields(struct doomed *self, PyObject *held, PyObject *keywords)
{
    static char *names[] = {"name", "stream", "callback", NULL};
    PyObject *name = NULL, *stream = NULL, *callback = NULL;
    PyObject *none = PyTuple_New(0);
    if (!none)
        return -1;
    int parsed = PyArg_ParseTupleAndKeywords(none, keywords, "|$OOO:Doomed", names, &name, &stream,
                                             &callback);
    Py_DECREF(none);
    if (!parsed || check_arguments(&name, &stream, &callback) < 0)
        return -1;
    int result;
    Py_BEGIN_CRITICAL_SECTION(self);
    replace(&self->name, name);
    replace(&self->stream, stream);
    replace(&self->callback, callback);
    release_all(self);
    result = hold_all(self, held);
    Py_END_CRITICAL_SECTION();
    return result;
}

static int doomed_init(PyObject *op, PyObject *held, PyObject *keywords)
{
    struct doomed *self = (struct doomed *)op;
    if (init_fields(self, held, keywords) < 0) {
        if (self->stage == NEW)
            self->stage = FAILED;
        return -1;
    }
    if (self->stage == READY) // __init__ called again: it came once
        return 0;
    PyObject *to = listener(self);
    int result = to ? speak_to(self, to, "created") : 0;
    Py_XDECREF(to);
    self->stage = result < 0 ? FAILED : READY;
    return result;
}

// The collector marks an object as finalized before it calls the finalizer (finalize_garbage in
// Modules/gcmodule.c, Python/gc.c from 3.13); PyObject_CallFinalizer, which deallocation uses,
// does so afterwards (Objects/object.c). So the mark tells who called.
static const char *cause(PyObject *op)
{
    return compat_gc_is_finalized(op) ? "finalized: the cycle collector found it"
                                      : "finalized: its reference count reached zero";
}

// Errors have nobody to go to here: they are reported as unraisable, with the listener as the
// object at fault (this object must not escape). During shutdown a listener is half taken apart.
static void doomed_finalize(PyObject *op)
{
    struct doomed *self = (struct doomed *)op;
    if (self->stage == FAILED)
        return;
    struct compat_exception saved = compat_exception_save();
    PyObject *to = listener(self);
    if (to && speak_to(self, to, cause(op)) < 0) {
        if (compat_is_finalizing())
            PyErr_Clear();
        else
            PyErr_WriteUnraisable(to);
    }
    Py_XDECREF(to);
    compat_exception_restore(saved);
}

static int doomed_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct doomed *self = (struct doomed *)op;
    if (compat_visits_type())
        Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->name);
    Py_VISIT(self->stream);
    Py_VISIT(self->callback);
    for (Py_ssize_t i = 0; i < self->nitems; i++)
        Py_VISIT(self->items[i]);
    return 0;
}

static void doomed_dealloc(PyObject *op);

static int doomed_clear(PyObject *op)
{
    struct doomed *self = (struct doomed *)op;
    release_all(self);
    Py_CLEAR(self->name);
    Py_CLEAR(self->stream);
    Py_CLEAR(self->callback);
    return 0;
}

// Long chains of Doomed must not exhaust the stack. CPython's way is a macro that looks into structs
// (Py_TRASHCAN_BEGIN, Include/cpython/object.h), so here is our own: below a depth that leaves room for
// what lies between, objects wait until those above them are freed.
#define LIMIT_DEPTH 50

static _Thread_local struct {
    int depth;
    struct doomed *waiting;
} freeing;

static void free_now(struct doomed *self)
{
    PyObject *op = (PyObject *)self;
    PyTypeObject *type = Py_TYPE(op);
    if (self->weaklist)
        PyObject_ClearWeakRefs(op);
    doomed_clear(op);
    compat_free(op);
    Py_DECREF(type);
}

// A subclass has CPython's trashcan above it, and work to do after this.
static bool may_wait(PyObject *op)
{
    return (destructor)PyType_GetSlot(Py_TYPE(op), Py_tp_dealloc) == doomed_dealloc;
}

static void doomed_dealloc(PyObject *op)
{
    struct doomed *self = (struct doomed *)op;
    if (compat_call_finalizer(op) < 0)
        return; // resurrected
    PyObject_GC_UnTrack(op);
    if (freeing.depth >= LIMIT_DEPTH && may_wait(op)) {
        self->next = freeing.waiting;
        freeing.waiting = self;
        return;
    }
    freeing.depth++;
    free_now(self);
    while (freeing.depth == 1 && freeing.waiting) {
        struct doomed *next = freeing.waiting;
        freeing.waiting = next->next;
        free_now(next);
    }
    freeing.depth--;
}

// ---- the type ---------------------------------------------------------------------------------

static PyMethodDef doomed_methods[] = {
    {"hold", doomed_hold, METH_VARARGS, DOC_Doomed_hold},
    {"release", doomed_release, METH_NOARGS, DOC_Doomed_release},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef doomed_getset[] = {
    {"held", doomed_get_held, NULL, DOC_Doomed_held, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef doomed_members[] = {
    {"name", T_OBJECT, offsetof(struct doomed, name), READONLY, DOC_Doomed_name},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct doomed, weaklist), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot doomed_slots[] = {
    {Py_tp_doc, DOC_Doomed},           {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, doomed_init},         {Py_tp_repr, doomed_repr},
    {Py_tp_finalize, doomed_finalize}, {Py_tp_traverse, doomed_traverse},
    {Py_tp_clear, doomed_clear},       {Py_tp_dealloc, doomed_dealloc},
    {Py_tp_methods, doomed_methods},   {Py_tp_getset, doomed_getset},
    {Py_tp_members, doomed_members},   {0, NULL},
};

static PyType_Spec doomed_spec = {
    .name = "memexplorer.Doomed",
    .basicsize = sizeof(struct doomed),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = doomed_slots,
};

PyObject *doomed_type_new(PyObject *module)
{
    return compat_type_new(module, &doomed_spec, doomed_members, offsetof(struct doomed, weaklist));
}
