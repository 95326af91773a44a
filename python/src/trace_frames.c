// trace_frames.c - the frames of the user's code that run, a stack for each thread, and where in
// them things happen. Knows no names; see trace_names.c.
#include <pthread.h>

#include "trace.h"

static struct {
    struct map live; // frames by their key: those that run, and generators that wait
    uint64_t last_id, last_step;
    unsigned last_thread, traces;
    pthread_key_t key;
    bool has_key;
} frames;

static __thread struct thread *current;

// ---- threads ---------------------------------------------------------------------------------------

static void thread_free(void *value)
{
    struct thread *thread = value;
    free(thread->stack);
    free(thread);
}

static void make_key(void)
{
    frames.has_key = pthread_key_create(&frames.key, thread_free) == 0;
}

static struct thread *thread_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return NULL;
    pthread_once(&once, make_key);
    if (frames.has_key)
        pthread_setspecific(frames.key, thread);
    thread->id = __atomic_add_fetch(&frames.last_thread, 1, __ATOMIC_RELAXED);
    thread->collecting = -1;
    return thread;
}

// What it did in an earlier trace is forgotten: its frames there are gone.
struct thread *thread_self(void)
{
    if (!current)
        current = thread_new();
    if (current && current->trace != frames.traces) {
        current->trace = frames.traces;
        current->depth = 0;
        current->finalizers = 0;
        current->collecting = -1;
    }
    return current;
}

// ---- places ------------------------------------------------------------------------------------------

struct place frame_place(const struct frame *frame)
{
    return (struct place){frame->code->file, frame->line, frame->step, frame->code->function,
                          frame->id};
}

struct place place_now(struct thread *thread)
{
    if (thread->depth)
        return frame_place(thread->stack[thread->depth - 1]);
    return (struct place){0};
}

void place_out(const struct thread *thread, const struct place *place)
{
    out_number("thread", thread->id);
    out_number("step", (long long)place->step);
    if (!place->file)
        return;
    out_number("file", place->file->id);
    out_number("line", place->line);
    out_text("function", place->function);
    out_number("frame", (long long)place->frame);
}

// ---- frames ------------------------------------------------------------------------------------------

PyObject *frame_value(const struct frame *frame, int i)
{
    PyObject *value = api_value(frame->locals[i]);
    if (value && frame->code->kinds[i] == NAME_CELL && (PyObject *)Py_TYPE(value) == api.cell_type)
        return api_cell_get(value);
    return value;
}

static void frame_free(struct frame *frame)
{
    if (frame->own && !frame->code->module)
        space_free(frame->own);
    free(frame);
}

static void step_to(struct frame *frame, int line)
{
    frame->ran = true;
    frame->line = line;
    frame->step = ++frames.last_step;
    struct place place = frame_place(frame);
    struct line *counts = place_line(&place);
    if (counts)
        counts->runs++;
}

static bool push(struct thread *thread, struct frame *frame)
{
    if (thread->depth == thread->capacity) {
        size_t capacity = thread->capacity ? thread->capacity * 2 : 64;
        struct frame **stack = realloc(thread->stack, capacity * sizeof(*stack));
        if (!stack)
            return false;
        thread->stack = stack;
        thread->capacity = capacity;
    }
    thread->stack[thread->depth++] = frame;
    return true;
}

// Forgets what is at this place in memory: a frame that ended without telling.
static void forget(const void *key)
{
    struct frame *old = map_find(&frames.live, (uintptr_t)key);
    if (!old)
        return;
    map_remove(&frames.live, (uintptr_t)key);
    struct thread *thread = thread_self();
    for (size_t i = 0; thread && i < thread->depth; i++)
        if (thread->stack[i] == old)
            thread->depth = i;
    frame_free(old);
}

static struct frame *frame_new(PyFrameObject *op, const struct code *code)
{
    const void *key = api_frame_key(op);
    forget(key);
    struct frame *frame = calloc(1, sizeof *frame + (size_t)code->nnames * sizeof frame->names[0]);
    if (!frame || !map_put(&frames.live, (uintptr_t)key, frame)) {
        free(frame);
        return NULL;
    }
    frame->code = code;
    frame->key = key;
    frame->id = ++frames.last_id;
    frame->locals = api_frame_locals(op);
    for (int i = 0; i < code->nnames; i++)
        frame->names[i].text = code->names[i];
    PyObject *globals = PyEval_GetGlobals();
    if (code->optimized) {
        frame->globals = space_of(globals, false);
    } else {
        PyObject *names = PyEval_GetLocals();
        if (code->module || names == globals)
            frame->globals = space_of(globals, names == globals && code->module);
        if (names != globals && names && PyDict_CheckExact(names))
            frame->own = space_of(names, true);
    }
    return frame;
}

void frame_started(PyFrameObject *op, const struct code *code)
{
    struct thread *thread = thread_self();
    struct frame *frame = thread ? frame_new(op, code) : NULL;
    if (!frame || !push(thread, frame))
        return;
    frame->ran = true;
    frame->step = ++frames.last_step;
    frame->line = code->module ? 0 : code->first_line;
    if (settings.names)
        names_start(thread, frame);
}

static struct frame *top_with(struct thread *thread, const void *key)
{
    struct frame *top = thread->depth ? thread->stack[thread->depth - 1] : NULL;
    return top && top->key == key ? top : NULL;
}

// Makes it the top: frames above it have left without telling.
static struct frame *leaving_with(struct thread *thread, const void *key)
{
    for (size_t i = thread ? thread->depth : 0; i > 0; i--)
        if (thread->stack[i - 1]->key == key) {
            thread->depth = i;
            return thread->stack[i - 1];
        }
    return NULL;
}

void frame_resumed(PyFrameObject *op, const struct code *code)
{
    struct thread *thread = thread_self();
    const void *key = api_frame_key(op);
    struct frame *frame = map_find(&frames.live, (uintptr_t)key);
    if (!thread || (frame && top_with(thread, key)))
        return;
    if (!frame || frame->code != code) {
        frame = frame_new(op, code);
        if (frame && settings.names)
            names_baseline(frame); // it ran before the trace began
    }
    if (frame && push(thread, frame))
        frame->ran = false;
}

void frame_line(PyFrameObject *op, const struct code *code, int line)
{
    struct thread *thread = thread_self();
    if (!thread)
        return;
    struct frame *frame = top_with(thread, api_frame_key(op));
    if (!frame) { // it ran before the trace began, or what it called left without telling
        frame = map_find(&frames.live, (uintptr_t)api_frame_key(op));
        while (frame && thread->depth && thread->stack[thread->depth - 1] != frame)
            thread->depth--;
        if (!frame || !thread->depth)
            frame_resumed(op, code);
        frame = top_with(thread, api_frame_key(op));
    }
    if (!frame)
        return;
    if (settings.names)
        names_settle(thread, frame);
    step_to(frame, line);
}

void frame_suspended(PyFrameObject *op)
{
    struct thread *thread = thread_self();
    struct frame *frame = leaving_with(thread, api_frame_key(op));
    if (!frame)
        return;
    if (settings.names)
        names_settle(thread, frame);
    thread->depth--;
}

void frame_left(PyFrameObject *op, PyObject *result)
{
    struct thread *thread = thread_self();
    struct frame *frame = leaving_with(thread, api_frame_key(op));
    if (!frame)
        return;
    if (settings.names) {
        names_settle(thread, frame);
        names_leave(thread, frame, result);
    }
    thread->depth--;
    map_remove(&frames.live, (uintptr_t)frame->key);
    frame_free(frame);
}

// What the line did that ends the trace.
void frames_settle(struct thread *thread)
{
    recorder_enter_alone(thread);
    if (thread->depth && settings.names)
        names_settle(thread, thread->stack[thread->depth - 1]);
    recorder_leave_alone(thread);
}

static void free_value(void *value)
{
    frame_free(value);
}

void frames_end(void)
{
    map_clear(&frames.live, free_value);
    frames.traces++;
    frames.last_id = frames.last_step = 0;
}
