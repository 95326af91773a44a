// trace_names.c - what a line did to the names of its frame and of its module: compares what they
// refer to with what they referred to before.
//
// A name that gets the same object again has not changed. Where the end of an object is not told
// (a builtin type's before 3.13), its address in a name may be another object's: not seen here.
#include "trace.h"

static struct map spaces; // of modules, by their dict

struct change { // where, and under what name
    struct thread *thread;
    struct place place;
    struct line *line;
    const char *scope;
    bool leaving;
};

// ---- spaces ----------------------------------------------------------------------------------------

static void name_free(void *value)
{
    struct name *name = value;
    object_unname(name->address, name->id);
    free((char *)name->text);
    free(name);
}

void space_free(void *value)
{
    struct space *space = value;
    map_clear(&space->names, name_free);
    free(space);
}

void names_end(void)
{
    map_clear(&spaces, space_free);
}

// Double underscores are the interpreter's; a dot is a comprehension's argument.
static bool is_shown(const char *name)
{
    return name[0] != '.' && strncmp(name, "__", 2) != 0;
}

static struct name *name_new(PyObject *key)
{
    struct name *name = calloc(1, sizeof *name);
    char *text = text_copy(key);
    if (!name || !text) {
        free(text);
        free(name);
        return NULL;
    }
    name->text = text;
    return name;
}

// Two names of one object tell the same: the count before the step.
static void look(struct object *object, PyObject *op, uint64_t step)
{
    if (object->looked != step) {
        object->before = object->names || object->born_step != step ? object->refs : 0;
        object->looked = step;
    }
    object->refs = api_refs(op);
}

// `step`: 0 when it was so before.
static void name_set(struct name *name, PyObject *value, uint64_t step)
{
    if (name->address)
        object_unname(name->address, name->id);
    *name = (struct name){.text = name->text, .refs = -1, .round = name->round};
    struct object *object = value ? object_named(value) : NULL;
    if (!object)
        return;
    object->names++;
    look(object, value, step);
    name->address = (uintptr_t)value;
    name->id = object->id;
    name->refs = object->refs;
    name->told = object->told;
    memcpy(name->kind, object->kind, sizeof name->kind);
}

// What is in the dict from before has changed nothing.
static void space_baseline(struct space *space)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(space->dict, &at, &key, &value)) {
        struct name *name = PyUnicode_CheckExact(key) ? name_new(key) : NULL;
        if (name && is_shown(name->text) && map_put(&space->names, (uintptr_t)key, name))
            name_set(name, value, 0);
        else if (name)
            name_free(name);
    }
}

// `fresh`: the names of a module or class body that begins. A module's are kept, and begin anew
// with each code that runs as one; a class body's belong to its frame.
struct space *space_of(PyObject *dict, bool fresh)
{
    struct space *space = map_find(&spaces, (uintptr_t)dict);
    if (space && !fresh)
        return space;
    if (space) {
        map_clear(&space->names, name_free);
    } else {
        space = calloc(1, sizeof *space);
        if (!space)
            return NULL;
        space->dict = dict;
        if (dict == PyEval_GetGlobals())
            map_put(&spaces, (uintptr_t)dict, space);
    }
    if (settings.names)
        space_baseline(space);
    return space;
}

// ---- changes ------------------------------------------------------------------------------------------

static void count_out(long long refs)
{
    if (refs < 0)
        out_null(NULL);
    else
        out_number(NULL, refs);
}

static void counts_out(const char *name, long long before, long long after)
{
    out_open_list(name);
    count_out(before);
    count_out(after);
    out_close_list();
}

// The count of what the name referred to: 0 when it died, -1 when nothing tells.
static long long old_count(const struct change *change, const struct name *name)
{
    const struct object *object = object_find(name->address);
    bool same = object && object->id == name->id;
    bool told = name->told || settings.deaths;
    if (change->leaving)
        return -1; // the frame lets go of it when it has left
    if (told && !same)
        return 0;
    if (same && (told || holders_hold(change->thread, name->address)))
        return api_refs((PyObject *)name->address);
    return -1;
}

static bool budget(const struct change *change)
{
    if (!change->line)
        return true;
    change->line->names++;
    if (change->line->names <= settings.limit)
        return true;
    change->line->hidden++;
    return false;
}

static void begin(const struct change *change, const char *event, const struct name *name)
{
    out_begin(event);
    place_out(change->thread, &change->place);
    out_text("name", name->text);
    out_text("scope", change->scope);
}

static void changed_out(const struct change *change, const struct name *name, PyObject *value)
{
    const char *event = !name->address ? "bind" : value ? "rebind" : "unbind";
    begin(change, event, name);
    if (name->address) {
        const struct object *old = object_find(name->address);
        if (old && old->id == name->id)
            object_out("old", name->address, old);
        else
            object_gone_out("old", name->address, name->id, name->kind);
        counts_out("old_refs", name->refs, old_count(change, name));
    }
    if (value) {
        struct object *object = object_named(value);
        if (object) {
            object_out("object", (uintptr_t)value, object);
            look(object, value, change->place.step);
            counts_out("refs", object->before, object->refs);
            out_bool("immortal", object->refs < 0);
            holders_out(change->thread, value, name);
        }
    }
    if (change->leaving)
        out_text("why", "frame");
    out_end();
}

// Counts of numbers, strings and the like are the interpreter's affair.
static bool is_counted(const struct object *object, PyObject *value)
{
    static const char *const kinds[] = {"list", "dict",      "set",       "frozenset", "generator",
                                        "cell", "bytearray", "coroutine", "deque"};
    if (object->told)
        return true;
    if (PyType_GetFlags(Py_TYPE(value)) & Py_TPFLAGS_HEAPTYPE)
        return !PyType_Check(value);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], object->kind) == 0)
            return true;
    return false;
}

static void recount(const struct change *change, struct name *name, PyObject *value,
                    struct object *object)
{
    long long refs = api_refs(value);
    if (refs == name->refs)
        return;
    name->refs = refs;
    if (object->refs == refs || !is_counted(object, value)) // told under another name
        return;
    look(object, value, change->place.step);
    if (!budget(change))
        return;
    begin(change, "count", name);
    object_out("object", (uintptr_t)value, object);
    counts_out("refs", object->before, refs);
    holders_out(change->thread, value, name);
    out_end();
}

static void name_update(const struct change *change, struct name *name, PyObject *value)
{
    if (!value && !name->address)
        return;
    if (value && (uintptr_t)value == name->address) {
        struct object *object = object_find(name->address);
        if (object && object->id == name->id) {
            recount(change, name, value, object);
            return;
        }
    }
    if (budget(change))
        changed_out(change, name, value);
    name_set(name, value, change->place.step);
}

static void space_settle(struct change *change, struct space *space)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    space->round++;
    while (PyDict_Next(space->dict, &at, &key, &value)) {
        struct name *name = map_find(&space->names, (uintptr_t)key);
        if (!name && PyUnicode_CheckExact(key)) {
            name = name_new(key);
            if (name && !map_put(&space->names, (uintptr_t)key, name))
                name_free(name), name = NULL;
        }
        if (!name)
            continue;
        name->round = space->round;
        if (is_shown(name->text))
            name_update(change, name, value);
    }
    for (size_t i = 0; i < space->names.capacity; i++) {
        struct name *name = space->names.entries[i].value;
        if (!name || name->round == space->round)
            continue;
        if (is_shown(name->text))
            name_update(change, name, NULL);
        map_remove(&space->names, space->names.entries[i].key); // the key may be freed
        name_free(name);
    }
}

static struct change change_in(struct thread *thread, const struct frame *frame)
{
    struct change change = {.thread = thread, .scope = "local"};
    change.place = frame_place(frame);
    change.line = place_line(&change.place);
    return change;
}

void names_settle(struct thread *thread, struct frame *frame)
{
    struct change change = change_in(thread, frame);
    for (int i = 0; i < frame->code->nnames; i++) {
        if (!is_shown(frame->names[i].text))
            continue;
        PyObject *value = frame_value(frame, i);
        if ((uintptr_t)value != frame->names[i].address || value)
            name_update(&change, &frame->names[i], value);
    }
    if (frame->own) {
        change.scope = "class";
        space_settle(&change, frame->own);
    }
    if (frame->globals) {
        change.scope = "global";
        space_settle(&change, frame->globals);
    }
}

void names_start(struct thread *thread, struct frame *frame)
{
    if (frame->code->optimized)
        names_settle(thread, frame);
}

void names_baseline(struct frame *frame)
{
    for (int i = 0; i < frame->code->nnames; i++)
        if (is_shown(frame->names[i].text))
            name_set(&frame->names[i], frame_value(frame, i), 0);
}

// The frame lets go of its names when it has left, and of what they alone held.
void names_leave(struct thread *thread, struct frame *frame, PyObject *result)
{
    struct change change = change_in(thread, frame);
    change.leaving = true;
    if (frame->ran) // else somebody threw it away: a generator that waited
        holders_leave(thread, frame, result);
    for (int i = 0; i < frame->code->nnames; i++)
        if (frame->names[i].address)
            name_update(&change, &frame->names[i], NULL);
}
