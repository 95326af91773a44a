// watch.c - hearing of the deaths of objects that weak references cannot be made to.
//
//   PyRefTracer (3.13) --destroyed--> is its address watched? --> the watch: gone, and by what
//
// There is one tracer in a process: whoever had it before is called on, and gets it back when the last
// watch ends. Whoever takes it away leaves watches that know no more than what lies at their address.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "docstrings.h"
#include "extension.h"

#define LIMIT_WATCHES 100000 // each is looked through when one is added
#define FILTER_BITS 65536    // addresses / 16: most objects that die are not watched

enum fate {
    FREE, // the place of no watch
    WATCHING,
    DIED,
    DIED_COLLECTING, // while the cycle collector was at work in the same thread
    LOST,            // somebody else has the tracer, or had it for a while
};

struct watch {
    uintptr_t address;
    uint32_t use; // which of the place's watches: a token of an earlier one says nothing
    uint8_t fate; // enum fate
};

typedef int tracer_fn(PyObject *op, int event, void *data);
enum { CREATED, DESTROYED }; // PyRefTracer_CREATE, PyRefTracer_DESTROY

static struct {
    pthread_mutex_t lock;
    struct watch *items;
    size_t count, living;
    atomic_uchar filter[FILTER_BITS / 8]; // never cleared while there is a watch
    tracer_fn *before;
    void *before_data;
    int (*set)(tracer_fn *tracer, void *data);
    tracer_fn *(*get)(void **data);
} watches = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool collecting;

static size_t filter_bit(uintptr_t address)
{
    return address / 16 % FILTER_BITS;
}

static void mark(uintptr_t address, enum fate fate)
{
    pthread_mutex_lock(&watches.lock);
    for (size_t i = 0; i < watches.count; i++)
        if (watches.items[i].address == address && watches.items[i].fate == WATCHING)
            watches.items[i].fate = (uint8_t)fate;
    pthread_mutex_unlock(&watches.lock);
}

static void mark_all_lost(void)
{
    pthread_mutex_lock(&watches.lock);
    for (size_t i = 0; i < watches.count; i++)
        if (watches.items[i].fate == WATCHING)
            watches.items[i].fate = LOST;
    pthread_mutex_unlock(&watches.lock);
}

static int trace(PyObject *op, int event, void *data)
{
    uintptr_t address = (uintptr_t)op;
    size_t bit = filter_bit(address);
    (void)data;
    if (event == DESTROYED &&
        atomic_load_explicit(&watches.filter[bit / 8], memory_order_relaxed) >> bit % 8 & 1)
        mark(address, collecting ? DIED_COLLECTING : DIED);
    return watches.before ? watches.before(op, event, watches.before_data) : 0;
}

// ---- the tracer -------------------------------------------------------------------------------

static bool find_api(void)
{
    static const struct {
        const char *name;
        void *function;
    } NEEDED[] = {{"PyRefTracer_SetTracer", &watches.set}, {"PyRefTracer_GetTracer", &watches.get}};
    for (size_t i = 0; i < 2; i++) {
        void *symbol = compat_symbol(NEEDED[i].name);
        memcpy(NEEDED[i].function, &symbol, sizeof symbol);
        if (!symbol)
            return false;
    }
    return true;
}

static bool is_tracing(void)
{
    void *data;
    return watches.get && watches.get(&data) == trace;
}

static bool begin_tracing(void)
{
    if (is_tracing())
        return true;
    if (!find_api())
        return false;
    // What was watched before somebody took the tracer away may have died since.
    mark_all_lost();
    watches.before = watches.get(&watches.before_data);
    return watches.set(trace, NULL) == 0;
}

static void end_tracing(void)
{
    if (is_tracing())
        watches.set(watches.before, watches.before_data);
    watches.before = NULL;
}

// ---- for Python -------------------------------------------------------------------------------

static PyObject *watch_begin(PyObject *Py_UNUSED(module), PyObject *object)
{
    if (!begin_tracing()) {
        if (PyErr_Occurred())
            return NULL;
        return compat_new_ref(Py_None);
    }
    uintptr_t address = (uintptr_t)object;
    pthread_mutex_lock(&watches.lock);
    size_t place = 0;
    while (place < watches.count && watches.items[place].fate != FREE)
        place++;
    bool room = place < LIMIT_WATCHES;
    if (room && place == watches.count) {
        struct watch *grown = realloc(watches.items, (place + 1) * sizeof *grown);
        room = grown != NULL;
        if (room) {
            watches.items = grown;
            watches.items[watches.count++] = (struct watch){.fate = FREE};
        }
    }
    uint64_t token = 0;
    if (room) {
        struct watch *watch = &watches.items[place];
        *watch = (struct watch){address, watch->use + 1, WATCHING};
        watches.living++;
        size_t bit = filter_bit(address);
        atomic_fetch_or(&watches.filter[bit / 8], (unsigned char)(1u << bit % 8));
        token = (uint64_t)watch->use << 32 | place;
    }
    pthread_mutex_unlock(&watches.lock);
    return room ? PyLong_FromUnsignedLongLong(token) : PyErr_NoMemory();
}

// The watch of a token; NULL when it has ended. Needs the lock.
static struct watch *watch_of(uint64_t token)
{
    size_t place = token & UINT32_MAX;
    bool there = place < watches.count && watches.items[place].use == token >> 32;
    return there ? &watches.items[place] : NULL;
}

static PyObject *watch_fate(PyObject *Py_UNUSED(module), PyObject *number)
{
    uint64_t token = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred())
        return NULL;
    bool tracing = is_tracing();
    pthread_mutex_lock(&watches.lock);
    struct watch *watch = watch_of(token);
    if (watch && watch->fate == WATCHING && !tracing)
        watch->fate = LOST;
    long fate = watch ? watch->fate : LOST;
    pthread_mutex_unlock(&watches.lock);
    return PyLong_FromLong(fate);
}

static PyObject *watch_end(PyObject *Py_UNUSED(module), PyObject *number)
{
    uint64_t token = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred())
        return NULL;
    pthread_mutex_lock(&watches.lock);
    struct watch *watch = watch_of(token);
    if (watch && watch->fate != FREE) {
        watch->fate = FREE;
        watches.living--;
    }
    bool last = watch && watches.living == 0;
    if (last)
        memset(watches.filter, 0, sizeof watches.filter);
    pthread_mutex_unlock(&watches.lock);
    if (last)
        end_tracing();
    return PyBool_FromLong(last);
}

// In gc.callbacks while there are watches.
static PyObject *watch_collection(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *phase;
    PyObject *info;
    if (!PyArg_ParseTuple(arguments, "sO:watch_collection", &phase, &info))
        return NULL;
    collecting = strcmp(phase, "start") == 0;
    return compat_new_ref(Py_None);
}

// The object is one that the collector has found unreachable, and that is whole still: in the callback
// of its weak reference, and nowhere else.
static PyObject *watch_again(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    unsigned long long address;
    PyObject *callback;
    if (!PyArg_ParseTuple(arguments, "KO:watch_again", &address, &callback))
        return NULL;
    return PyWeakref_NewRef((PyObject *)(uintptr_t)address, callback);
}

PyMethodDef watch_functions[] = {
    {"watch_begin", watch_begin, METH_O, DOC_watch_begin},
    {"watch_fate", watch_fate, METH_O, DOC_watch_fate},
    {"watch_end", watch_end, METH_O, DOC_watch_end},
    {"watch_collection", watch_collection, METH_VARARGS, DOC_watch_collection},
    {"watch_again", watch_again, METH_VARARGS, DOC_watch_again},
    {NULL, NULL, 0, NULL},
};
