// trace_watch.c - the interpreter's events: sys.monitoring where there is one (3.12), a C trace
// function where not.
//
// Says what happened to trace_frames.c and trace_objects.c, and keeps nothing. What another tool
// installs for itself is left alone.
#include "trace.h"

// Include/cpython/pystate.h and object.h, the same in every version
enum { TRACE_CALL = 0, TRACE_LINE = 2, TRACE_RETURN = 3 };

#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080 // in the limited API since 3.10; used on 3.12 and later
#endif

enum { OPCODE_RETURN_VALUE = 83, OPCODE_RESUME = 151 }; // of 3.8 to 3.11; of 3.11

static struct {
    PyObject *thread_hook; // what threading.settrace got
    PyObject *monitoring, *disable;
    PyObject *set_local; // sys.monitoring.set_local_events
    int tool;
    long local_events;
    bool threads_hooked;
} watch;

// ---- a C trace function (up to 3.11) -------------------------------------------------------------

static int lasti_of(PyFrameObject *frame)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)frame, "f_lasti");
    int lasti = value ? (int)PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    PyErr_Clear();
    return lasti;
}

// A generator's frame is called at each resumption. 3.11: RESUME with argument 0 is the start.
static bool is_start(PyFrameObject *frame, const struct code *code)
{
    if (!code->generator)
        return true;
    int lasti = lasti_of(frame);
    return lasti < 0 || (api.version >= 0x030B && code->bytes && lasti + 1 < code->nbytes &&
                         code->bytes[lasti] == OPCODE_RESUME && code->bytes[lasti + 1] == 0);
}

static bool is_end(PyFrameObject *frame, const struct code *code, PyObject *value)
{
    if (!code->generator || !value)
        return true;
    int lasti = lasti_of(frame);
    return lasti >= 0 && code->bytes && lasti < code->nbytes &&
           code->bytes[lasti] == OPCODE_RETURN_VALUE;
}

static PyObject *trace_thread(PyObject *self, PyObject *args);

// threading is not imported for the trace: once it is there, it is asked to call in new threads.
static void hook_threads(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *threading = modules ? PyDict_GetItemString(modules, "threading") : NULL;
    if (!threading)
        return;
    PyObject *hook = PyObject_GetAttrString(threading, "_trace_hook");
    if (hook == Py_None) {
        PyObject *done = PyObject_CallMethod(threading, "settrace", "O", watch.thread_hook);
        Py_XDECREF(done);
    }
    watch.threads_hooked = hook != NULL;
    Py_XDECREF(hook);
    PyErr_Clear();
}

static void on_trace(PyFrameObject *frame, const struct code *code, int what, PyObject *value)
{
    if (what == TRACE_CALL && is_start(frame, code)) {
        frame_started(frame, code);
    } else if (what == TRACE_CALL) {
        frame_resumed(frame, code);
    } else if (what == TRACE_LINE) {
        if (!watch.threads_hooked)
            hook_threads();
        frame_line(frame, code, api.line_number(frame));
    } else if (is_end(frame, code, value)) {
        frame_left(frame, value);
    } else {
        frame_suspended(frame);
    }
}

static int trace_function(PyObject *self, PyFrameObject *frame, int what, PyObject *value)
{
    struct thread *thread = settings.active ? thread_self() : NULL;
    (void)self;
    if (what != TRACE_CALL && what != TRACE_LINE && what != TRACE_RETURN)
        return 0;
    if (!thread || thread->busy) {
        if (!settings.active) // a forked child
            api.set_trace(NULL, NULL);
        return 0;
    }
    PyObject *type, *error, *traceback;
    thread->busy++;
    const struct code *code = code_info(api_frame_code(frame));
    if (code) {
        PyErr_Fetch(&type, &error, &traceback); // of a frame that is left by one
        on_trace(frame, code, what, value);
        PyErr_Restore(type, error, traceback);
    }
    thread->busy--;
    return 0;
}

// Called by sys.settrace's machinery in a new thread: the C function takes its place.
static PyObject *trace_thread(PyObject *self, PyObject *args)
{
    PyObject *frame, *event, *value;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO", &frame, &event, &value))
        return NULL;
    if (settings.active)
        api.set_trace(trace_function, NULL);
    Py_RETURN_NONE;
}

static PyMethodDef trace_thread_def = {"memexplorer_trace", trace_thread, METH_VARARGS, NULL};

// ---- sys.monitoring (3.12) -------------------------------------------------------------------------

enum monitored {
    ON_START,
    ON_RESUME,
    ON_THROW,
    ON_LINE,
    ON_RETURN,
    ON_YIELD,
    ON_UNWIND,
    NMONITORED
};

static const char *const monitored_names[NMONITORED] = {
    "PY_START", "PY_RESUME", "PY_THROW", "LINE", "PY_RETURN", "PY_YIELD", "PY_UNWIND",
};

// Those that cannot be asked of one code object alone; PY_START finds the code objects.
static const bool monitored_everywhere[NMONITORED] = {
    [ON_START] = true, [ON_THROW] = true, [ON_UNWIND] = true};

static void monitor_code(PyObject *op, struct code *code)
{
    if (code->monitored)
        return;
    code->monitored = true;
    PyObject *done =
        PyObject_CallFunction(watch.set_local, "iOl", watch.tool, op, watch.local_events);
    Py_XDECREF(done);
    PyErr_Clear();
}

static void on_monitored(enum monitored what, PyObject *const *args, Py_ssize_t nargs,
                         struct code *code)
{
    PyFrameObject *frame = PyEval_GetFrame();
    if (!frame)
        return;
    switch (what) {
    case ON_START:
        frame_started(frame, code);
        break;
    case ON_RESUME:
    case ON_THROW:
        frame_resumed(frame, code);
        break;
    case ON_LINE:
        frame_line(frame, code, (int)PyLong_AsLong(args[1]));
        break;
    case ON_RETURN:
        frame_left(frame, nargs > 2 ? args[2] : NULL);
        break;
    case ON_UNWIND:
        frame_left(frame, NULL);
        break;
    case ON_YIELD:
        frame_suspended(frame);
        break;
    case NMONITORED:
        break;
    }
}

static PyObject *monitored(enum monitored what, PyObject *const *args, Py_ssize_t nargs)
{
    struct thread *thread = settings.active ? thread_self() : NULL;
    struct code *code = NULL;
    if (thread && !thread->busy && nargs >= 2 && !recorder_is_pause(args[0])) {
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        recorder_enter_alone(thread);
        thread->busy++;
        code = settings.active ? code_info(args[0]) : NULL;
        bool is_new = code && what == ON_START && !code->monitored;
        if (code)
            on_monitored(what, args, nargs, code);
        recorder_leave_alone(thread);
        if (is_new) // stops the world itself
            monitor_code(args[0], code);
        thread->busy--;
        PyErr_Restore(type, error, traceback);
    }
    bool off = !code && what != ON_THROW && what != ON_UNWIND && !(thread && thread->busy);
    PyObject *answer = off ? watch.disable : Py_None;
    Py_INCREF(answer);
    return answer;
}

#define MONITORED(function, what)                                                                  \
    static PyObject *function(PyObject *self, PyObject *const *args, Py_ssize_t nargs)             \
    {                                                                                              \
        (void)self;                                                                                \
        return monitored(what, args, nargs);                                                       \
    }
MONITORED(py_start, ON_START)
MONITORED(py_resume, ON_RESUME)
MONITORED(py_throw, ON_THROW)
MONITORED(py_line, ON_LINE)
MONITORED(py_return, ON_RETURN)
MONITORED(py_yield, ON_YIELD)
MONITORED(py_unwind, ON_UNWIND)

#define DEF(function)                                                                              \
    {                                                                                              \
        "memexplorer_trace", (PyCFunction)(void (*)(void))function, METH_FASTCALL, NULL            \
    }
static PyMethodDef monitored_defs[NMONITORED] = {
    DEF(py_start),  DEF(py_resume), DEF(py_throw),  DEF(py_line),
    DEF(py_return), DEF(py_yield),  DEF(py_unwind),
};

static long event_number(enum monitored what)
{
    PyObject *events = PyObject_GetAttrString(watch.monitoring, "events");
    PyObject *event = events ? PyObject_GetAttrString(events, monitored_names[what]) : NULL;
    long number = event ? PyLong_AsLong(event) : 0;
    Py_XDECREF(event);
    Py_XDECREF(events);
    return number;
}

static bool call_ok(PyObject *answer)
{
    Py_XDECREF(answer);
    return answer != NULL;
}

// 3 and 4 are nobody's by convention; a tool may have taken one.
static bool take_tool(void)
{
    for (int tool = 4; tool >= 3; tool--) {
        watch.tool = tool;
        if (call_ok(
                PyObject_CallMethod(watch.monitoring, "use_tool_id", "is", tool, "memexplorer")))
            return true;
        PyErr_Clear();
    }
    watch.tool = -1;
    PyErr_SetString(PyExc_RuntimeError, "tools 3 and 4 of sys.monitoring are in use by others");
    return false;
}

// The code that runs already begins no more.
static void monitor_running(struct thread *thread)
{
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    Py_XINCREF(frame);
    while (frame && frame != Py_None) {
        PyObject *op = PyObject_GetAttrString(frame, "f_code");
        recorder_enter_alone(thread);
        struct code *code = op ? code_info(op) : NULL;
        recorder_leave_alone(thread);
        if (code)
            monitor_code(op, code);
        Py_XDECREF(op);
        PyObject *back = PyObject_GetAttrString(frame, "f_back");
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    PyErr_Clear();
}

static bool monitoring_begin(PyObject *monitoring)
{
    watch.monitoring = monitoring;
    Py_INCREF(monitoring);
    watch.disable = PyObject_GetAttrString(monitoring, "DISABLE");
    watch.set_local = PyObject_GetAttrString(monitoring, "set_local_events");
    if (!watch.disable || !watch.set_local || !take_tool())
        return false;
    long everywhere = 0;
    watch.local_events = 0;
    for (int i = 0; i < NMONITORED; i++) {
        long number = event_number((enum monitored)i);
        PyObject *function = PyCFunction_New(&monitored_defs[i], NULL);
        if (!function || !call_ok(PyObject_CallMethod(monitoring, "register_callback", "ilN",
                                                      watch.tool, number, function)))
            return false;
        *(monitored_everywhere[i] ? &everywhere : &watch.local_events) |= number;
    }
    return call_ok(PyObject_CallMethod(monitoring, "restart_events", NULL)) &&
           call_ok(PyObject_CallMethod(monitoring, "set_events", "il", watch.tool, everywhere));
}

static void monitoring_end(void)
{
    if (watch.tool >= 0) {
        call_ok(PyObject_CallMethod(watch.monitoring, "set_events", "ii", watch.tool, 0));
        for (int i = 0; i < NMONITORED; i++)
            call_ok(PyObject_CallMethod(watch.monitoring, "register_callback", "ilO", watch.tool,
                                        event_number((enum monitored)i), Py_None));
        call_ok(PyObject_CallMethod(watch.monitoring, "free_tool_id", "i", watch.tool));
        PyErr_Clear();
    }
    Py_CLEAR(watch.monitoring);
    Py_CLEAR(watch.disable);
    Py_CLEAR(watch.set_local);
}

// ---- on and off ---------------------------------------------------------------------------------------

bool watch_begin(struct thread *thread)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    watch.tool = -1;
    watch.threads_hooked = false;
    settings.monitoring = monitoring != NULL;
    if (monitoring && !monitoring_begin(monitoring))
        return false;
    if (!monitoring && !watch.thread_hook)
        watch.thread_hook = PyCFunction_New(&trace_thread_def, NULL);
    if (!monitoring && !watch.thread_hook)
        return false;
    if (settings.ref_tracer && !births_begin())
        return false;
    if (monitoring)
        monitor_running(thread);
    else
        api.set_trace(trace_function, NULL);
    return true;
}

void watch_end(void)
{
    if (api.is_finalizing())
        return;
    if (settings.ref_tracer)
        births_end();
    if (settings.monitoring)
        monitoring_end();
    else
        api.set_trace(NULL, NULL);
}
