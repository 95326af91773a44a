// trace.h - what the parts of the recorder (trace*.c) share.
//
//   interpreter --events--> trace_watch --> trace_frames --> trace_out --> lines of JSON in a file
//               --births, deaths, finalizers--> trace_classes, trace_objects --^
//               --collections--> trace_gc ------------------------------------/
//
// Addresses are kept, references never: an object is looked at only while something else is known
// to hold it. One thread at a time is in here: trace_lock.c.
#ifndef MEMEXPLORER_TRACE_H
#define MEMEXPLORER_TRACE_H

#include "compat.h"

#include <stdlib.h>
#include <string.h>

typedef struct _frame PyFrameObject; // the limited API of 3.8 does not name it

// ---- trace_map.c: a number -> a pointer -----------------------------------------------------

struct map_entry {
    uint64_t key; // 0: never used
    void *value;  // NULL with a key: removed
};

struct map {
    struct map_entry *entries;
    size_t capacity, used, live; // used counts the removed, too
};

void *map_find(const struct map *map, uint64_t key);
bool map_put(struct map *map, uint64_t key, void *value); // false: no memory
void map_remove(struct map *map, uint64_t key);
void map_clear(struct map *map, void (*release)(void *));

// ---- trace_out.c: lines of JSON in a mapped file ---------------------------------------------

bool out_open(int fd); // false with an exception set
bool out_is_open(void);
void out_close(void);  // cuts the file to what was written
void out_forget(void); // in a forked child: the file is the parent's

void out_begin(const char *event);
void out_text(const char *name, const char *value);
void out_texts(const char *name, const char *value, size_t nbytes);
void out_number(const char *name, long long value);
void out_float(const char *name, double value);
void out_bool(const char *name, bool value);
void out_null(const char *name);
void out_address(const char *name, uintptr_t value);
void out_open_object(const char *name); // NULL: an element of a list
void out_close_object(void);
void out_open_list(const char *name);
void out_close_list(void);
void out_end(void);

// ---- trace_api.c: what the limited API does not have ------------------------------------------

struct api {
    int version; // 0x030B for 3.11
    void (*set_trace)(int (*function)(PyObject *, PyFrameObject *, int, PyObject *), PyObject *);
    int (*set_ref_tracer)(int (*function)(PyObject *, int, void *), void *); // 3.13
    int (*line_number)(PyFrameObject *);
    int (*get_extra)(PyObject *code, Py_ssize_t index, void **extra);
    int (*set_extra)(PyObject *code, Py_ssize_t index, void *extra);
    Py_ssize_t (*request_extra)(void (*release)(void *));
    int (*is_finalizing)(void);
    PyObject *(*type_lookup)(PyObject *type, PyObject *name); // borrowed, sets no exception
    PyObject *member_type;                                    // of the descriptors of __slots__
    PyObject *cell_type;                                      // borrowed: a static type
    PyObject *module_get; // type.__dict__["__module__"]: asks no metaclass
    // Where things lie, found on objects that are known (api_calibrate).
    size_t frame_code, frame_inner, frame_locals; // inner: 0 where the frame has the rest itself
    size_t type_alloc, type_free, type_finalize, type_new, type_traverse;
    void *python_finalize; // tp_finalize of every class with a __del__
};

extern struct api api;
bool api_load(void); // false with an exception set

PyObject *api_frame_code(PyFrameObject *frame);        // borrowed
PyObject **api_frame_locals(PyFrameObject *frame);     // locals, then cells
const void *api_frame_key(const PyFrameObject *frame); // the same as long as the frame runs
PyObject *api_value(PyObject *slot);                   // what a slot of a frame holds, without tags
PyObject *api_cell_get(PyObject *cell);                // borrowed, NULL when empty
const char *api_type_name(PyObject *type);             // without the module
long long api_refs(PyObject *op);                      // -1: immortal
void **api_type_slot(PyObject *type, size_t offset);

struct file;
struct object;
struct thread;

struct place {         // where something happened
    struct file *file; // NULL: in no code of the user's
    int line;
    uint64_t step;
    const char *function;
    uint64_t frame;
};

// ---- trace_objects.c: the objects that are followed --------------------------------------------

struct class
{
    PyObject *type; // an address: it may be gone
    char *name, *module;
    bool settled, user, hooked;
};

struct object {
    uintptr_t address;
    uint64_t id;
    uint64_t born_step;  // 0: its birth was not seen
    struct class *class; // NULL: no class that is followed to the end
    long long refs;      // when last looked at; -1: never
    long long before;    // refs as they were before the step `looked`
    uint64_t looked;
    unsigned names; // that refer to it in what is followed
    bool told;      // a birth, a death, a finalizer are events; its end is seen
    bool finalized; // the collector called its finalizer in this collection
    bool born;      // its birth was seen
    bool was_finalized;
    bool dead;          // told, and its memory not yet another's
    bool resurrected;   // PyRefTracer calls it new once more
    size_t left_depth;  // of the stack without the frame that alone held it: that has left
    uint64_t left_step; // of the frame it returned to
    struct place left_at;
    char kind[32]; // its type's name
    char text[48]; // of a value that cannot change, or how long it was; "": nothing
};

struct object *object_find(uintptr_t address); // NULL: none that lives
void object_reused(uintptr_t address);
struct object *object_named(PyObject *op); // finds or adds; NULL: no memory
void object_unname(uintptr_t address, uint64_t id);
void object_born(PyObject *op, struct class *class);
void object_died(PyObject *op);
void object_freed(PyObject *op);
void object_gone_out(const char *name, uintptr_t address, uint64_t id, const char *kind);
void object_out(const char *name, uintptr_t address, const struct object *object);
void objects_after_collection(void);
void objects_clear(void);

bool classes_hook(struct thread *thread);
void classes_unhook(struct thread *thread);
struct class *class_find(PyObject *type);
bool class_is_user(PyObject *type); // asks the interpreter when it is not known: not inside
void classes_destroy(PyObject *op); // PyRefTracer: it goes, if its finalizer lets it

// ---- trace_frames.c: frames, lines and names -----------------------------------------------------

struct line {
    uint64_t runs, names, births, deaths, hidden;
};

struct file {
    int id;
    char *path;
    struct line *lines;
    int nlines;
};

enum name_kind {
    NAME_LOCAL,
    NAME_CELL, // the slot holds a cell as soon as the code has made it
};

struct code {
    struct file *file;
    char *function;
    int first_line;
    int nnames;
    char **names;
    unsigned char *kinds;
    bool optimized, module, generator, monitored;
    unsigned generation;
    struct code *next;
    unsigned char *bytes; // of a generator: to tell a return from a yield
    Py_ssize_t nbytes;
};

struct name {
    const char *text;
    uintptr_t address; // 0: unbound
    uint64_t id;       // of the object: an address may be used again
    long long refs;    // of the object, when last looked at
    unsigned round;    // in which it was last seen, in a space
    bool told;         // the object's end would have been seen
    char kind[32];     // the object's
};

struct space { // the names of a module or of a class body
    PyObject *dict;
    struct map names; // by the address of the key
    unsigned round;
};

struct frame {
    const struct code *code;
    const void *key;
    PyObject **locals;
    uint64_t id;
    int line;
    uint64_t step;
    bool ran;              // a line, since it was started or resumed
    struct space *own;     // of a module or class body; NULL: a function
    struct space *globals; // of the module that a function is of
    struct name names[];
};

struct thread {
    unsigned id;
    unsigned trace;  // of which the rest is
    unsigned inside; // of what one thread at a time may do: trace_lock.c
    bool alone;      // every other one stands still
    struct frame **stack;
    size_t depth, capacity;
    unsigned busy;       // in code of the recorder
    unsigned finalizers; // that run now, one inside the other
    int collecting;      // the generation, -1: no collection on this thread
    size_t collecting_depth;
    unsigned collecting_finalizers;
    double collecting_since;
};

struct thread *thread_self(void); // NULL: no memory
struct place place_now(struct thread *thread);
void place_out(const struct thread *thread, const struct place *place);
struct line *place_line(const struct place *place);
struct place frame_place(const struct frame *frame);
PyObject *frame_value(const struct frame *frame, int i); // of its name i; borrowed, NULL: unbound

char *text_copy(PyObject *text);        // a str, as UTF-8, freed by free; NULL: none, or no memory
struct code *code_info(PyObject *code); // NULL: not the user's; the thread is busy meanwhile
bool code_begin(PyObject *roots, PyObject *excluded, PyObject *extra);
void code_end(void);
bool file_is_user(const char *path);
void frame_started(PyFrameObject *frame, const struct code *code);
void frame_resumed(PyFrameObject *frame, const struct code *code);
void frame_line(PyFrameObject *frame, const struct code *code, int line);
void frame_left(PyFrameObject *frame, PyObject *result); // NULL: by an exception
void frame_suspended(PyFrameObject *frame);
void frames_settle(struct thread *thread);
void frames_end(void);

// ---- trace_names.c: what changed in the names of a frame -----------------------------------------

void names_start(struct thread *thread, struct frame *frame); // binds what it was called with
void names_baseline(struct frame *frame);
void names_settle(struct thread *thread, struct frame *frame);
void names_leave(struct thread *thread, struct frame *frame, PyObject *result);
void names_end(void);
struct space *space_of(PyObject *dict, bool fresh);
void space_free(void *space);

// ---- trace_holders.c: who else refers to an object ------------------------------------------------

void holders_out(const struct thread *thread, PyObject *op, const struct name *but);
bool holders_hold(const struct thread *thread, uintptr_t address);
void holders_attributes(PyObject *code); // remembers the attributes that the code uses
void holders_leave(struct thread *thread, const struct frame *frame, PyObject *result);
bool holders_left(const struct thread *thread, const struct object *object);
void holders_end(void);

// ---- trace_lock.c: one thread at a time ---------------------------------------------------------

bool recorder_begin(void); // false with an exception set: this interpreter has not what it takes
// After both the trace may have ended: settings.active says so. Each may be inside the other of its kind.
void recorder_enter(struct thread *thread);
void recorder_leave(struct thread *thread);
// Every other thread stands still. Others may have their turn before: meanwhile anything runs that the
// interpreter is asked to, so that the thread had better not be busy. Nothing inside stops the world.
void recorder_enter_alone(struct thread *thread);
void recorder_leave_alone(struct thread *thread);
bool recorder_is_pause(PyObject *code);        // that runs while a thread waits for its turn
void recorder_in_child(struct thread *thread); // of a fork

// ---- the rest ------------------------------------------------------------------------------------

struct settings {
    bool active; // between start and stop, in the process that started
    bool all, names;
    unsigned limit; // name events told for a line
    bool ref_tracer, monitoring;
    bool deaths; // of every object are told: 3.13's eval loop frees some without a word
};

extern struct settings settings;

bool births_begin(void);
void births_end(void);
void births_probe(void); // sets settings.deaths
bool watch_begin(struct thread *thread);
void watch_end(void);
bool gc_begin(void);
void gc_end(void);

#endif
