// trace_holders.c - who else refers to an object: the names of the frames that run and of their
// modules, and what these names refer to, one level deep: attributes, items, keys.
//
// Looks at what is held now, not at what is noted. Runs nobody's code: attributes are read only
// where the class has no descriptor for them but a slot's.
#include "trace.h"

#define LIMIT_HELD 12    // told for one object: a line of text has no more room
#define LIMIT_LOOKS 2000 // names looked through for one object
#define LIMIT_ITEMS 1000 // of a container
#define LIMIT_LEAVE 64   // objects that go with a frame's name

typedef void holder_fn(const char *scope, const char *name, PyObject *value, void *data);

static struct {
    PyObject **names; // the attributes that the user's code mentions, held
    size_t n, capacity;
    PyObject *known; // a set of them
} attributes;

void holders_attributes(PyObject *code)
{
    PyObject *names = PyObject_GetAttrString(code, "co_names");
    if (!attributes.known)
        attributes.known = PySet_New(NULL);
    for (Py_ssize_t i = 0; names && attributes.known && i < PyTuple_Size(names); i++) {
        PyObject *name = PyTuple_GetItem(names, i);
        if (PySet_Contains(attributes.known, name) != 0)
            continue;
        if (attributes.n == attributes.capacity) {
            size_t capacity = attributes.capacity ? attributes.capacity * 2 : 64;
            PyObject **all = realloc(attributes.names, capacity * sizeof(*all));
            if (!all)
                break;
            attributes.names = all;
            attributes.capacity = capacity;
        }
        PySet_Add(attributes.known, name); // holds it
        attributes.names[attributes.n++] = name;
    }
    Py_XDECREF(names);
    PyErr_Clear();
}

void holders_end(void)
{
    free(attributes.names);
    attributes.names = NULL;
    attributes.n = attributes.capacity = 0;
    if (!api.is_finalizing())
        Py_CLEAR(attributes.known);
}

// ---- names -------------------------------------------------------------------------------------------

static void each_global(const struct space *space, holder_fn *function, void *data)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(space->dict, &at, &key, &value)) {
        const struct name *name = map_find(&space->names, (uintptr_t)key);
        if (name && strncmp(name->text, "__", 2) != 0)
            function("global", name->text, value, data);
    }
}

#define LIMIT_FRAMES 16 // of the top: below, a deep recursion says the same again

static void each_name(const struct thread *thread, holder_fn *function, void *data)
{
    const struct space *last = NULL;
    size_t end = thread->depth > LIMIT_FRAMES ? thread->depth - LIMIT_FRAMES : 0;
    for (size_t i = thread->depth; i > end; i--) {
        const struct frame *frame = thread->stack[i - 1];
        for (int k = 0; k < frame->code->nnames; k++) {
            PyObject *value = frame_value(frame, k);
            if (value && frame->names[k].text[0] != '.')
                function(frame->code->function, frame->names[k].text, value, data);
        }
        if (frame->own)
            each_global(frame->own, function, data);
        if (frame->globals && frame->globals != last)
            each_global(frame->globals, function, data);
        last = frame->globals ? frame->globals : last;
    }
}

struct search {
    PyObject *target;
    const char *but_text; // the name that is told anyway
    bool but_seen;
    unsigned told, looks;
    PyObject *seen[64]; // holders that were looked into
    unsigned nseen;
};

struct hold {
    uintptr_t address;
    bool found;
};

static void is_held(const char *scope, const char *name, PyObject *value, void *data)
{
    struct hold *hold = data;
    (void)scope;
    (void)name;
    hold->found |= (uintptr_t)value == hold->address;
}

bool holders_hold(const struct thread *thread, uintptr_t address)
{
    struct hold hold = {.address = address};
    each_name(thread, is_held, &hold);
    return hold.found;
}

static void tell(struct search *search, const char *scope, const char *text)
{
    if (search->told++ >= LIMIT_HELD)
        return;
    char line[256];
    if (strcmp(scope, "global") == 0)
        snprintf(line, sizeof line, "%s", text);
    else
        snprintf(line, sizeof line, "%.80s of %.80s()", text, scope);
    out_text(NULL, line);
}

static void tell_name(const char *scope, const char *name, PyObject *value, void *data)
{
    struct search *search = data;
    if (value != search->target)
        return;
    if (!search->but_seen && strcmp(name, search->but_text) == 0) {
        search->but_seen = true;
        return;
    }
    tell(search, scope, name);
}

// ---- what names refer to -------------------------------------------------------------------------------

static void tell_items(struct search *search, const char *scope, const char *name, PyObject *list)
{
    char text[160];
    bool tuple = PyTuple_CheckExact(list);
    Py_ssize_t n = tuple ? PyTuple_Size(list) : PyList_Size(list);
    for (Py_ssize_t i = 0; i < n && i < LIMIT_ITEMS; i++) {
        PyObject *item = tuple ? PyTuple_GetItem(list, i) : PyList_GetItem(list, i);
        if (item != search->target)
            continue;
        snprintf(text, sizeof text, "%.80s[%zd]", name, i);
        tell(search, scope, text);
    }
}

static void tell_keys(struct search *search, const char *scope, const char *name, PyObject *dict,
                      bool attribute)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    for (int i = 0; i < LIMIT_ITEMS && PyDict_Next(dict, &at, &key, &value); i++) {
        if (value != search->target && key != search->target)
            continue;
        char text[200];
        PyObject *bytes = PyUnicode_CheckExact(key)
                              ? PyUnicode_AsEncodedString(key, "utf-8", "backslashreplace")
                              : NULL;
        const char *word = bytes ? PyBytes_AsString(bytes) : "..";
        if (value != search->target)
            snprintf(text, sizeof text, "a key of %.80s", name);
        else if (attribute)
            snprintf(text, sizeof text, "%.80s.%.80s", name, word);
        else
            snprintf(text, sizeof text, bytes ? "%.80s['%.80s']" : "%.80s[%.80s]", name, word);
        Py_XDECREF(bytes);
        tell(search, scope, text);
    }
    PyErr_Clear();
}

// The attributes that lie in the object itself, or in slots: those that the code mentions.
static bool tell_attributes(struct search *search, const char *scope, const char *name,
                            PyObject *holder)
{
    bool found = false;
    for (size_t i = 0; i < attributes.n; i++) {
        PyObject *kind = api.type_lookup((PyObject *)Py_TYPE(holder), attributes.names[i]);
        if (kind && (PyObject *)Py_TYPE(kind) != api.member_type)
            continue;
        PyObject *value = PyObject_GenericGetAttr(holder, attributes.names[i]);
        PyErr_Clear();
        bool same = value == search->target;
        Py_XDECREF(value);
        PyObject *bytes = same ? PyUnicode_AsUTF8String(attributes.names[i]) : NULL;
        if (bytes) {
            char text[200];
            snprintf(text, sizeof text, "%.80s.%.80s", name, PyBytes_AsString(bytes));
            tell(search, scope, text);
            found = true;
        }
        Py_XDECREF(bytes);
        PyErr_Clear();
    }
    return found;
}

struct inside {
    struct search *search;
    const char *scope, *name;
    bool direct, deeper;
};

static int visit_inside(PyObject *op, void *data)
{
    struct inside *inside = data;
    if (op == inside->search->target)
        inside->direct = true;
    if (op && PyDict_CheckExact(op)) {
        unsigned before = inside->search->told;
        tell_keys(inside->search, inside->scope, inside->name, op, true);
        inside->deeper |= inside->search->told != before;
    }
    return 0;
}

static void tell_instance(struct search *search, const char *scope, const char *name,
                          PyObject *holder)
{
    traverseproc traverse =
        (traverseproc)*api_type_slot((PyObject *)Py_TYPE(holder), api.type_traverse);
    struct inside inside = {search, scope, name, false, false};
    if (!traverse || !(PyType_GetFlags(Py_TYPE(holder)) & Py_TPFLAGS_HAVE_GC))
        return;
    traverse(holder, visit_inside, &inside);
    if (!inside.direct || inside.deeper || tell_attributes(search, scope, name, holder))
        return;
    char text[160];
    snprintf(text, sizeof text, "an attribute or item of %.80s", name);
    tell(search, scope, text);
}

static bool was_seen(struct search *search, PyObject *holder)
{
    for (unsigned i = 0; i < search->nseen; i++)
        if (search->seen[i] == holder)
            return true;
    if (search->nseen < sizeof search->seen / sizeof *search->seen)
        search->seen[search->nseen++] = holder;
    return false;
}

static void tell_contents(const char *scope, const char *name, PyObject *holder, void *data)
{
    struct search *search = data;
    if (holder == search->target || ++search->looks > LIMIT_LOOKS || PyModule_Check(holder) ||
        was_seen(search, holder))
        return;
    if (PyList_CheckExact(holder) || PyTuple_CheckExact(holder))
        tell_items(search, scope, name, holder);
    else if (PyDict_CheckExact(holder))
        tell_keys(search, scope, name, holder, false);
    else if (strcmp(api_type_name((PyObject *)Py_TYPE(holder)), "set") == 0 ||
             ((PyType_GetFlags(Py_TYPE(holder)) & Py_TPFLAGS_HEAPTYPE) && !PyType_Check(holder)))
        tell_instance(search, scope, name, holder);
}

// Numbers, strings and the like have too many holders to tell.
static bool is_told(PyObject *op)
{
    return !(PyLong_CheckExact(op) || PyUnicode_CheckExact(op) || PyBytes_CheckExact(op) ||
             PyFloat_CheckExact(op) || op == Py_None || op == Py_True || op == Py_False ||
             PyModule_Check(op));
}

void holders_out(const struct thread *thread, PyObject *op, const struct name *but)
{
    struct search search = {.target = op, .but_text = but->text};
    out_open_list("held_by");
    if (is_told(op) && api_refs(op) > 1) {
        each_name(thread, tell_name, &search);
        each_name(thread, tell_contents, &search);
    }
    out_close_list();
    if (search.told > LIMIT_HELD)
        out_number("held_by_more", search.told - LIMIT_HELD);
}

// ---- what goes with a frame ------------------------------------------------------------------------------

struct leaving {
    struct thread *thread;
    struct object *objects[LIMIT_LEAVE];
    unsigned n;
};

// `holders`: how many references are known to go. An object with more lives on.
static void leave(struct leaving *leaving, PyObject *op, long long holders)
{
    struct object *object = op ? object_find((uintptr_t)op) : NULL;
    struct thread *thread = leaving->thread;
    if (!object || !object->told || leaving->n == LIMIT_LEAVE || api_refs(op) != holders)
        return;
    object->left_at = place_now(thread);
    object->left_depth = thread->depth - 1;
    object->left_step = thread->depth > 1 ? thread->stack[thread->depth - 2]->step : 0;
    leaving->objects[leaving->n++] = object;
}

// `op` has one reference, which goes. What is in a dict or a list goes with it; a dict may be an
// object's attributes, and have a list in it: so deep it is looked, no deeper.
#define LIMIT_DEPTH 3

static void leave_contents(struct leaving *leaving, PyObject *op, int depth)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!op || api_refs(op) != 1 || depth == LIMIT_DEPTH)
        return;
    leave(leaving, op, 1);
    for (int i = 0; PyDict_CheckExact(op) && i < LIMIT_ITEMS; i++) {
        if (!PyDict_Next(op, &at, &key, &value))
            break;
        leave_contents(leaving, value, depth + 1);
    }
    for (Py_ssize_t i = 0; PyList_CheckExact(op) && i < PyList_Size(op) && i < LIMIT_ITEMS; i++)
        leave_contents(leaving, PyList_GetItem(op, i), depth + 1);
}

static int visit_leaving(PyObject *op, void *data)
{
    leave_contents(data, op, 0);
    return 0;
}

// What a frame alone holds dies when it has left, and before that (subtype_dealloc) what such an
// object alone holds: noted beforehand, for it happens between two events.
void holders_leave(struct thread *thread, const struct frame *frame, PyObject *result)
{
    struct leaving leaving = {.thread = thread};
    for (int i = 0; i < frame->code->nnames; i++) {
        PyObject *op = api_value(frame->locals[i]);
        long long same = 0;
        for (int k = 0; k < frame->code->nnames; k++)
            same += op && api_value(frame->locals[k]) == op;
        if (op && (PyObject *)Py_TYPE(op) == api.cell_type && api_refs(op) == 1)
            op = api_cell_get(op);
        if (op == result) // counted for the caller after the event only, since 3.14
            continue;
        leave(&leaving, op, same);
        if (same == 1)
            leave_contents(&leaving, op, 0);
    }
    for (unsigned i = 0; i < leaving.n; i++) {
        PyObject *op = (PyObject *)leaving.objects[i]->address;
        traverseproc traverse =
            (traverseproc)*api_type_slot((PyObject *)Py_TYPE(op), api.type_traverse);
        if (traverse && (PyType_GetFlags(Py_TYPE(op)) & Py_TPFLAGS_HAVE_GC))
            traverse(op, visit_leaving, &leaving);
    }
}

// Whether it dies because of that: the frame returned to is still where it was.
bool holders_left(const struct thread *thread, const struct object *object)
{
    size_t depth = object->left_depth;
    if (!object->left_at.file)
        return false;
    return depth == 0 ||
           (thread->depth >= depth && thread->stack[depth - 1]->step == object->left_step);
}
