// trace_objects.c - the objects that are followed: by a name, or because their class is the
// user's. Says births and deaths. Knows an address and never a reference; the memory behind it is
// read only while a name is known to hold it.
#include "trace.h"

static struct {
    struct map map;
    uint64_t last_id;
} objects;

struct object *object_find(uintptr_t address)
{
    struct object *object = map_find(&objects.map, address);
    return object && !object->dead ? object : NULL;
}

static struct object *object_add(PyObject *op)
{
    struct object *object = map_find(&objects.map, (uintptr_t)op);
    free(object); // a dead one
    object = calloc(1, sizeof *object);
    if (!object || !map_put(&objects.map, (uintptr_t)op, object)) {
        free(object);
        return NULL;
    }
    object->address = (uintptr_t)op;
    object->id = ++objects.last_id;
    object->refs = -1;
    snprintf(object->kind, sizeof object->kind, "%s", api_type_name((PyObject *)Py_TYPE(op)));
    return object;
}

static void object_drop(struct object *object)
{
    map_remove(&objects.map, object->address);
    free(object);
}

// Another object has the address: a name that is out of date may still say it.
void object_reused(uintptr_t address)
{
    struct object *object = map_find(&objects.map, address);
    if (object)
        object_drop(object);
}

void objects_clear(void)
{
    map_clear(&objects.map, free);
    objects.last_id = 0;
}

// ---- what a value looks like -----------------------------------------------------------------------

static void text_of_str(PyObject *op, char *ret, size_t size)
{
    PyObject *part = PyUnicode_Substring(op, 0, 24);
    PyObject *bytes = part ? PyUnicode_AsEncodedString(part, "utf-8", "backslashreplace") : NULL;
    char *text = bytes ? PyBytes_AsString(bytes) : NULL;
    if (text) { // cut between characters
        size_t n = strlen(text);
        while (n > size - 8)
            do
                n--;
            while (n && ((unsigned char)text[n] & 0xC0) == 0x80);
        snprintf(ret, size, "'%.*s'%s", (int)n, text, PyUnicode_GetLength(op) > 24 ? ".." : "");
    }
    Py_XDECREF(bytes);
    Py_XDECREF(part);
    PyErr_Clear();
}

static void text_of_name(PyObject *op, char *ret, size_t size)
{
    PyObject *name = PyObject_GetAttrString(op, "__name__");
    PyObject *bytes = name && PyUnicode_CheckExact(name) ? PyUnicode_AsUTF8String(name) : NULL;
    if (bytes)
        snprintf(ret, size, "%.40s", PyBytes_AsString(bytes));
    Py_XDECREF(bytes);
    Py_XDECREF(name);
    PyErr_Clear();
}

// Asks exact types of the interpreter only: no code of the user's runs.
static void text_of(PyObject *op, char *ret, size_t size)
{
    int overflow = 0;
    if (op == Py_None || op == Py_True || op == Py_False) {
        snprintf(ret, size, "%s", op == Py_None ? "None" : op == Py_True ? "True" : "False");
    } else if (PyLong_CheckExact(op)) {
        long long value = PyLong_AsLongLongAndOverflow(op, &overflow);
        snprintf(ret, size, overflow ? "of more than 18 digits" : "%lld", value);
    } else if (PyFloat_CheckExact(op)) {
        char *text = PyOS_double_to_string(PyFloat_AsDouble(op), 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
        snprintf(ret, size, "%s", text ? text : "");
        PyMem_Free(text);
    } else if (PyUnicode_CheckExact(op)) {
        text_of_str(op, ret, size);
    } else if (PyBytes_CheckExact(op)) {
        snprintf(ret, size, "of %zd bytes", PyBytes_Size(op));
    } else if (PyList_CheckExact(op) || PyTuple_CheckExact(op)) {
        Py_ssize_t n = PyList_CheckExact(op) ? PyList_Size(op) : PyTuple_Size(op);
        snprintf(ret, size, "of %zd", n);
    } else if (PyDict_CheckExact(op)) {
        snprintf(ret, size, "of %zd", PyDict_Size(op));
    } else if (PyModule_CheckExact(op) ||
               strcmp(api_type_name((PyObject *)Py_TYPE(op)), "function") == 0) {
        text_of_name(op, ret, size);
    } else if (PyType_Check(op)) {
        snprintf(ret, size, "%.40s", api_type_name(op));
    }
}

struct object *object_named(PyObject *op)
{
    struct object *object = object_find((uintptr_t)op);
    if (!object)
        object = object_add(op);
    if (object)
        text_of(op, object->text, sizeof object->text);
    return object;
}

void object_unname(uintptr_t address, uint64_t id)
{
    struct object *object = object_find(address);
    if (!object || object->id != id)
        return;
    if (object->names)
        object->names--;
    if (!object->names && !object->told)
        object_drop(object);
}

void object_gone_out(const char *name, uintptr_t address, uint64_t id, const char *kind)
{
    out_open_object(name);
    out_number("id", (long long)id);
    out_address("address", address);
    out_text("type", kind);
    out_close_object();
}

void object_out(const char *name, uintptr_t address, const struct object *object)
{
    out_open_object(name);
    out_number("id", object ? (long long)object->id : 0);
    out_address("address", address);
    if (object)
        out_text("type", object->kind);
    if (object && object->text[0])
        out_text("text", object->text);
    out_close_object();
}

// ---- births and deaths -----------------------------------------------------------------------------

void object_born(PyObject *op, struct class *class)
{
    struct thread *thread = thread_self();
    object_reused((uintptr_t)op);
    struct object *object = thread ? object_add(op) : NULL;
    if (!object)
        return;
    struct place place = place_now(thread);
    struct line *line = place_line(&place);
    object->class = class;
    object->told = true;
    object->born_step = place.step;
    object->born = true;
    if (line)
        line->births++;
    out_begin("birth");
    place_out(thread, &place);
    object_out("object", (uintptr_t)op, object);
    out_end();
}

enum cause {
    BY_COUNT,
    BY_COUNT_IN_COLLECTION,   // of code that the collector ran: a finalizer, a weak callback
    BY_COUNT_AFTER_COLLECTOR, // the collector does not know it; what held it was garbage
    BY_COLLECTOR,
    BY_SHUTDOWN,
};

static const char *const cause_names[] = {
    "count", "count-in-collection", "count-after-collector", "collector", "shutdown",
};

// PyObject_GC_Del is for what the collector knows: the flag says so.
static enum cause cause_of_death(const struct thread *thread, PyObject *op)
{
    if (api.is_finalizing())
        return BY_SHUTDOWN;
    if (thread->collecting < 0)
        return BY_COUNT;
    if (thread->depth > thread->collecting_depth ||
        thread->finalizers > thread->collecting_finalizers)
        return BY_COUNT_IN_COLLECTION;
    bool known = PyType_GetFlags(Py_TYPE(op)) & Py_TPFLAGS_HAVE_GC;
    return known ? BY_COLLECTOR : BY_COUNT_AFTER_COLLECTOR;
}

static void death_out(struct thread *thread, PyObject *op, struct object *object)
{
    enum cause cause = cause_of_death(thread, op);
    struct place place = holders_left(thread, object) ? object->left_at : place_now(thread);
    struct line *line = place_line(&place);
    if (line)
        line->deaths++;
    snprintf(object->kind, sizeof object->kind, "%s", api_type_name((PyObject *)Py_TYPE(op)));
    out_begin("death");
    place_out(thread, &place);
    object_out("object", (uintptr_t)op, object);
    out_bool("born_seen", object->born);
    out_text("cause", cause_names[cause]);
    if (thread->collecting >= 0)
        out_number("generation", thread->collecting);
    out_end();
}

// Told twice, by PyRefTracer and by tp_free, or by one of them.
void object_died(PyObject *op)
{
    struct thread *thread = thread_self();
    struct object *object = map_find(&objects.map, (uintptr_t)op);
    if (!thread || (object && object->dead))
        return;
    if (object && !object->told) { // followed for its name alone
        object_drop(object);
        return;
    }
    if (!object)
        object = object_add(op);
    if (!object)
        return;
    death_out(thread, op, object);
    object->dead = true;
}

void object_freed(PyObject *op)
{
    object_died(op);
    object_reused((uintptr_t)op);
}

void objects_after_collection(void)
{
    for (size_t i = 0; i < objects.map.capacity; i++) {
        struct object *object = objects.map.entries[i].value;
        if (!object || object->dead || !object->finalized)
            continue;
        struct thread *thread = thread_self();
        struct place place = place_now(thread);
        object->finalized = false;
        out_begin("resurrected");
        place_out(thread, &place);
        object_out("object", object->address, object);
        out_text("by", "collector");
        out_end();
    }
}
