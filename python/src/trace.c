// trace.c - memexplorer._trace: the recorder of `memexplorer trace`, switched on and off.
//
//   start(fd, ...) --> hooks of classes, events of the interpreter --> lines of JSON in fd
//   stop(), or the end of the process --> totals, and the file is cut to its length
//
// Knows nothing of how a trace is shown.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "trace.h"

struct settings settings;

static struct {
    int alive, done; // pipes to who shows the trace: open as long as we are, open until it has
    bool handlers;
} ends = {-1, -1, false};

// ---- the end ----------------------------------------------------------------------------------------

static void end_out(bool lost)
{
    out_begin("end");
    out_number("pid", getpid());
    out_bool("lines_lost", lost);
    out_end();
}

// Says that we are through, and waits until the trace has been shown: what comes after us, a
// shell's prompt, comes after it.
static void close_pipes(void)
{
    char byte;
    if (ends.alive >= 0)
        close(ends.alive);
    while (ends.done >= 0 && read(ends.done, &byte, 1) > 0)
        ;
    if (ends.done >= 0)
        close(ends.done);
    ends.alive = ends.done = -1;
}

// The last thing in the life of the interpreter (call_ll_exitfuncs): no Python any more.
static void at_exit(void)
{
    if (!settings.active)
        return;
    settings.active = false;
    code_end();
    // Every frame of the main thread has left, or its trace function was another's at the end.
    end_out(thread_self() && thread_self()->depth);
    out_close();
    close_pipes();
}

// A forked child is not followed: it goes on as if there were no trace.
static void in_child(void)
{
    recorder_in_child(settings.active ? thread_self() : NULL);
    if (settings.active)
        out_forget();
    settings.active = false;
    if (ends.alive >= 0)
        close(ends.alive);
    if (ends.done >= 0)
        close(ends.done);
    ends.alive = ends.done = -1;
}

static void in_parent(void)
{
    struct thread *thread = settings.active ? thread_self() : NULL;
    if (!thread)
        return;
    struct place place = place_now(thread);
    recorder_enter(thread);
    out_begin("fork");
    place_out(thread, &place);
    out_end();
    recorder_leave(thread);
}

static bool install_handlers(void)
{
    if (ends.handlers)
        return true;
    ends.handlers = Py_AtExit(at_exit) == 0 && pthread_atfork(NULL, in_parent, in_child) == 0;
    if (!ends.handlers)
        PyErr_SetString(PyExc_RuntimeError, "no room for a function at the interpreter's exit");
    return ends.handlers;
}

// ---- start and stop ------------------------------------------------------------------------------------

static void start_out(void)
{
    const char *version = Py_GetVersion();
    out_begin("start");
    out_number("format", 1);
    out_number("pid", getpid());
    out_texts("python", version, strcspn(version, " "));
    out_text("lines", settings.monitoring ? "sys.monitoring" : "C trace function");
    out_text("births", settings.ref_tracer ? "PyRefTracer" : "tp_alloc");
    out_bool("deaths_of_all", settings.deaths);
    out_bool("all", settings.all);
    out_bool("names", settings.names);
    out_number("limit", settings.limit);
    out_end();
}

static void stop(struct thread *thread)
{
    frames_settle(thread);
    watch_end();
    gc_end();
    classes_unhook(thread);
    recorder_enter(thread);
    settings.active = false;
    frames_end();
    names_end();
    objects_clear();
    holders_end();
    code_end();
    end_out(false);
    out_close();
    recorder_leave(thread);
}

static int pipe_end(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static PyObject *trace_start(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"fd",    "alive", "done",  "roots", "excluded",
                            "extra", "all",   "names", "limit", NULL};
    PyObject *roots, *excluded, *extra;
    int fd, alive, done, all, with_names;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iiiO!O!OppI:start", names, &fd, &alive, &done,
                                     &PyList_Type, &roots, &PyList_Type, &excluded, &extra, &all,
                                     &with_names, &settings.limit))
        return NULL;
    if (settings.active) {
        PyErr_SetString(PyExc_RuntimeError, "a trace is running in this process: stop it first");
        return NULL;
    }
    if (!recorder_begin() || !api_load() || !install_handlers() ||
        !code_begin(roots, excluded, extra))
        return NULL;
    settings.ref_tracer = api.set_ref_tracer != NULL;
    settings.monitoring = PySys_GetObject("monitoring") != NULL;
    settings.deaths = false;
    if (settings.ref_tracer)
        births_probe();
    settings.all = all && settings.ref_tracer;
    settings.names = with_names;
    struct thread *thread = thread_self();
    if (!thread || !out_open(fd))
        return thread ? NULL : PyErr_NoMemory();
    start_out();
    thread->busy++;
    settings.active = true;
    bool ok = classes_hook(thread) && gc_begin() && watch_begin(thread);
    thread->busy--;
    if (!ok) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        thread->busy++;
        stop(thread);
        thread->busy--;
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    ends.alive = pipe_end(alive);
    ends.done = pipe_end(done);
    Py_RETURN_NONE;
}

static PyObject *trace_stop(PyObject *module, PyObject *Py_UNUSED(unused))
{
    (void)module;
    struct thread *thread = settings.active ? thread_self() : NULL;
    if (thread) {
        thread->busy++;
        stop(thread);
        close_pipes();
        thread->busy--;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", (PyCFunction)(void (*)(void))trace_start, METH_VARARGS | METH_KEYWORDS,
     "start(fd, alive, done, roots, excluded, extra, all, names, limit)\n--\n\n"
     "Record what happens from now on into the file fd."},
    {"stop", trace_stop, METH_NOARGS, "stop()\n--\n\nEnd the recording."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "memexplorer._trace",
    .m_doc = "The recorder of memexplorer trace.",
    .m_size = -1, // one for the process: slots of types and signal-like hooks are the process's
    .m_methods = methods,
};

__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__trace(void);

PyMODINIT_FUNC PyInit__trace(void)
{
    PyObject *module = PyModule_Create(&module_def);
#ifdef Py_GIL_DISABLED // trace_lock.c
    if (module)
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
