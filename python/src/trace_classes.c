// trace_classes.c - the slots of classes through which objects come and go.
//
//   type.__new__ (tp_new of every metaclass) --> a class is made, its slots are taken:
//      tp_alloc     a birth, where no PyRefTracer tells of it (before 3.13)
//      tp_finalize  __del__ runs; afterwards the object may live on
//      tp_free      the end
//
// Some types of 3.14 have an end of their own without tp_free (a list's subclasses); there
// PyRefTracer tells. It does so before the finalizer runs: without one the object is gone then, with
// one when that has not brought it back.
//
// tp_dealloc stays: subtype_dealloc (Objects/typeobject.c) looks for its own address in the slots
// of the bases. The slots of a class made by a class statement have values that are known; another
// value is somebody else's, and stays, too.
#include "trace.h"

static struct {
    struct map map;
    PyObject *subclasses; // type.__subclasses__, asked of any metaclass's class
    newfunc new_type;     // type_new of Objects/typeobject.c
    bool on;
} classes;

struct class *class_find(PyObject *type)
{
    return map_find(&classes.map, (uintptr_t)type);
}

static void class_free(void *value)
{
    struct class *class = value;
    free(class->name);
    free(class->module);
    free(class);
}

// ---- whose a class is --------------------------------------------------------------------------------

static bool module_is_user(PyObject *name)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *module = modules ? PyDict_GetItem(modules, name) : NULL;
    if (!module || !PyModule_Check(module))
        return false;
    PyObject *file = PyDict_GetItemString(PyModule_GetDict(module), "__file__");
    PyObject *path = file && PyUnicode_Check(file) ? PyUnicode_EncodeFSDefault(file) : NULL;
    bool user = path ? file_is_user(PyBytes_AsString(path)) : false;
    if (!file) // what is typed in, a cell of a notebook
        user = PyUnicode_CompareWithASCIIString(name, "__main__") == 0;
    Py_XDECREF(path);
    return user;
}

static bool ask_whose(struct thread *thread, PyObject *class)
{
    PyObject *type, *value, *traceback;
    thread->busy++;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *name = PyObject_CallFunctionObjArgs(api.module_get, class, NULL);
    bool user = name && PyUnicode_Check(name) && module_is_user(name);
    Py_XDECREF(name);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    thread->busy--;
    return user;
}

// The module's name may be put right after the class was made (collections.namedtuple): asked at
// the first birth.
bool class_is_user(PyObject *type)
{
    struct thread *thread = thread_self();
    if (!thread || !(PyType_GetFlags((PyTypeObject *)type) & Py_TPFLAGS_HEAPTYPE))
        return false;
    recorder_enter(thread);
    const struct class *class = class_find(type);
    bool settled = !class || class->settled, user = class && class->user;
    recorder_leave(thread);
    if (settled)
        return user;
    user = ask_whose(thread, type);
    recorder_enter(thread);
    struct class *asked = class_find(type);
    if (asked) {
        asked->user = user;
        asked->settled = true;
    }
    recorder_leave(thread);
    return user;
}

// ---- what the slots do ---------------------------------------------------------------------------------

// Whatever runs Python runs before the object is there: of a class that is not made yet, the collector
// would ask what nothing answers (Objects/typeobject.c, type_traverse), and it knows the class already.
static PyObject *alloc_hook(PyTypeObject *type, Py_ssize_t nitems)
{
    struct thread *thread = settings.active ? thread_self() : NULL;
    bool told = thread && !thread->busy && class_is_user((PyObject *)type);
    PyObject *op = PyType_GenericAlloc(type, nitems);
    if (!told || !op)
        return op;
    bool is_class = PyType_GetFlags(type) & Py_TPFLAGS_TYPE_SUBCLASS;
    if (is_class)
        PyObject_GC_UnTrack(op);
    object_born(op, class_find((PyObject *)type));
    if (is_class)
        PyObject_GC_Track(op);
    return op;
}

// An instance has gone whose class may go with it: the class is looked at first. The object's own
// reference to its class is still there (subtype_dealloc gives it back last).
static void note_free_inside(const struct thread *thread, PyObject *op)
{
    struct class *class = class_find((PyObject *)Py_TYPE(op));
    if (PyType_GetFlags(Py_TYPE(op)) & Py_TPFLAGS_TYPE_SUBCLASS) {
        struct class *gone = class_find(op);
        if (gone) {
            map_remove(&classes.map, (uintptr_t)op);
            class_free(gone);
        }
    }
    if (!settings.active || thread->busy)
        return;
    if (object_find((uintptr_t)op) || (class && class->settled && class->user))
        object_freed(op);
}

static void note_free(PyObject *op)
{
    struct thread *thread = thread_self();
    if (!thread)
        return;
    recorder_enter(thread);
    note_free_inside(thread, op);
    recorder_leave(thread);
}

static void free_gc_hook(void *op)
{
    note_free(op);
    PyObject_GC_Del(op);
}

static void free_hook(void *op)
{
    note_free(op);
    PyObject_Free(op);
}

static void finalizer_out(struct thread *thread, const char *event, PyObject *op,
                          const struct object *object, bool by_collector)
{
    struct place place = holders_left(thread, object) ? object->left_at : place_now(thread);
    out_begin(event);
    place_out(thread, &place);
    object_out("object", (uintptr_t)op, object);
    out_text("by", api.is_finalizing() ? "shutdown" : by_collector ? "collector" : "count");
    out_end();
}

static void before_finalizer(struct thread *thread, PyObject *op, struct object *object,
                             bool by_collector)
{
    finalizer_out(thread, "finalizer", op, object, by_collector);
    object->finalized = by_collector && thread->collecting >= 0;
    object->was_finalized = true;
}

static void after_finalizer(struct thread *thread, PyObject *op, uint64_t id)
{
    struct object *object = object_find((uintptr_t)op);
    if (!object || object->id != id || !settings.active)
        return;
    if (api_refs(op) <= 1) {
        if (settings.ref_tracer)
            object_died(op);
        return;
    }
    object->resurrected = settings.ref_tracer;
    object->left_at.file = NULL;
    finalizer_out(thread, "resurrected", op, object, false);
}

// PyObject_CallFinalizerFromDealloc gives a count of exactly one for the call; the collector
// (finalize_garbage) holds one besides those of the cycle. From a count of one to more: it lives on.
static void finalize_hook(PyObject *op)
{
    destructor original = (destructor)api.python_finalize;
    struct thread *thread = settings.active ? thread_self() : NULL;
    if (!thread || thread->busy) {
        original(op);
        return;
    }
    bool by_collector = api_refs(op) != 1;
    recorder_enter(thread);
    struct object *object = object_find((uintptr_t)op);
    bool told = object && object->told;
    uint64_t id = told ? object->id : 0;
    if (told)
        before_finalizer(thread, op, object, by_collector);
    recorder_leave(thread);
    thread->finalizers += told;
    original(op);
    thread->finalizers -= told;
    if (!told || by_collector)
        return;
    recorder_enter(thread);
    after_finalizer(thread, op, id);
    recorder_leave(thread);
}

void classes_destroy(PyObject *op)
{
    PyObject *type = (PyObject *)Py_TYPE(op);
    const struct class *class = class_find(type);
    const struct object *object = object_find((uintptr_t)op);
    bool has_finalizer = *api_type_slot(type, api.type_finalize) == (void *)finalize_hook;
    if (object && object->told && has_finalizer && !object->was_finalized)
        return; // finalize_hook will know
    if (object || (class && class->settled && class->user))
        object_died(op);
}

static PyObject *new_hook(PyTypeObject *meta, PyObject *args, PyObject *keywords);

static void slot_swap(PyObject *type, size_t offset, void *from, void *to)
{
    void **slot = api_type_slot(type, offset);
    if (*slot == from)
        *slot = to;
}

// Exchanges what the slots are known to have for the hooks, or the other way round.
static void class_swap(PyObject *type, bool on)
{
    void *alloc[] = {(void *)PyType_GenericAlloc, (void *)alloc_hook};
    void *gc[] = {(void *)PyObject_GC_Del, (void *)free_gc_hook};
    void *plain[] = {(void *)PyObject_Free, (void *)free_hook};
    void *finalize[] = {api.python_finalize, (void *)finalize_hook};
    void *new[] = {(void *)classes.new_type, (void *)new_hook};
    if (!settings.ref_tracer && type != (PyObject *)&PyType_Type)
        slot_swap(type, api.type_alloc, alloc[!on], alloc[on]);
    slot_swap(type, api.type_free, gc[!on], gc[on]);
    slot_swap(type, api.type_free, plain[!on], plain[on]);
    slot_swap(type, api.type_finalize, finalize[!on], finalize[on]);
    slot_swap(type, api.type_new, new[!on], new[on]);
}

static void class_add_inside(PyObject *type)
{
    struct class *class = class_find(type);
    if (class)
        map_remove(&classes.map, (uintptr_t)type);
    if (class)
        class_free(class);
    class = calloc(1, sizeof *class);
    if (!class || !map_put(&classes.map, (uintptr_t)type, class)) {
        free(class);
        return;
    }
    class->type = type;
    class->hooked = true;
    class_swap(type, true);
    if (!settings.ref_tracer)
        PyType_Modified((PyTypeObject *)type); // calls that were made fast do not ask tp_alloc
}

static void class_add(struct thread *thread, PyObject *type)
{
    recorder_enter(thread);
    if (settings.active)
        class_add_inside(type);
    recorder_leave(thread);
}

static PyObject *new_hook(PyTypeObject *meta, PyObject *args, PyObject *keywords)
{
    PyObject *type = classes.new_type(meta, args, keywords);
    struct thread *thread = settings.active ? thread_self() : NULL;
    if (thread && type && PyType_Check(type) &&
        (PyType_GetFlags((PyTypeObject *)type) & Py_TPFLAGS_HEAPTYPE))
        class_add(thread, type);
    return type;
}

// ---- on and off ------------------------------------------------------------------------------------------

// Every class that there is, without recursion: `list` grows while it is walked.
static bool add_existing(struct thread *thread, PyObject *list)
{
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++) {
        PyObject *type = PyList_GetItem(list, i);
        recorder_enter(thread);
        bool seen = class_find(type) != NULL;
        recorder_leave(thread);
        if (seen && i > 0)
            continue;
        if (!seen && (PyType_GetFlags((PyTypeObject *)type) & Py_TPFLAGS_HEAPTYPE))
            class_add(thread, type);
        PyObject *below = PyObject_CallFunctionObjArgs(classes.subclasses, type, NULL);
        if (!below)
            return false;
        PyObject *longer = PySequence_InPlaceConcat(list, below);
        Py_DECREF(below);
        if (!longer)
            return false;
        Py_DECREF(longer);
    }
    return true;
}

bool classes_hook(struct thread *thread)
{
    PyObject *dict = PyObject_GetAttrString((PyObject *)&PyType_Type, "__dict__");
    classes.subclasses = dict ? PyMapping_GetItemString(dict, "__subclasses__") : NULL;
    Py_XDECREF(dict);
    PyObject *list =
        classes.subclasses ? Py_BuildValue("[O]", (PyObject *)&PyBaseObject_Type) : NULL;
    if (!classes.new_type)
        classes.new_type = (newfunc)*api_type_slot((PyObject *)&PyType_Type, api.type_new);
    class_swap((PyObject *)&PyType_Type, true);
    bool ok = list && add_existing(thread, list);
    Py_XDECREF(list);
    classes.on = true;
    if (!ok)
        classes_unhook(thread);
    return ok;
}

void classes_unhook(struct thread *thread)
{
    if (!classes.on)
        return;
    classes.on = false;
    recorder_enter_alone(thread);
    class_swap((PyObject *)&PyType_Type, false);
    for (size_t i = 0; i < classes.map.capacity; i++) {
        struct class *class = classes.map.entries[i].value;
        if (class) {
            class_swap(class->type, false);
            if (!settings.ref_tracer)
                PyType_Modified((PyTypeObject *)class->type);
        }
    }
    map_clear(&classes.map, class_free);
    recorder_leave_alone(thread);
    Py_CLEAR(classes.subclasses);
}
