// trace_api.c - what the limited API does not have: functions by their name, places by looking.
//
// A place in a frame or a type is found at run time on objects whose contents are known, and on
// nothing else: no offset of a version is written here. A place that is not found is an error.
#include "trace.h" // first: Python.h says what is wanted of the C library

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

struct api api;

static void *symbol(const char *name, const char *older)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    return found || !older ? found : dlsym(RTLD_DEFAULT, older);
}

static bool load_symbols(void)
{
    api.set_trace = (void (*)(int (*)(PyObject *, PyFrameObject *, int, PyObject *),
                              PyObject *))symbol("PyEval_SetTrace", NULL);
    api.set_ref_tracer =
        (int (*)(int (*)(PyObject *, int, void *), void *))symbol("PyRefTracer_SetTracer", NULL);
    api.line_number = (int (*)(PyFrameObject *))symbol("PyFrame_GetLineNumber", NULL);
    api.get_extra = (int (*)(PyObject *, Py_ssize_t, void **))symbol("PyUnstable_Code_GetExtra",
                                                                     "_PyCode_GetExtra");
    api.set_extra = (int (*)(PyObject *, Py_ssize_t, void *))symbol("PyUnstable_Code_SetExtra",
                                                                    "_PyCode_SetExtra");
    api.request_extra = (Py_ssize_t(*)(void (*)(void *)))symbol(
        "PyUnstable_Eval_RequestCodeExtraIndex", "_PyEval_RequestCodeExtraIndex");
    api.is_finalizing = (int (*)(void))symbol("Py_IsFinalizing", "_Py_IsFinalizing");
    api.type_lookup = (PyObject * (*)(PyObject *, PyObject *)) symbol("_PyType_Lookup", NULL);
    api.member_type = symbol("PyMemberDescr_Type", NULL);
    api.cell_type = symbol("PyCell_Type", NULL);
    if (api.set_trace && api.line_number && api.get_extra && api.set_extra && api.request_extra &&
        api.is_finalizing && api.cell_type && api.type_lookup && api.member_type)
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this interpreter has not what tracing needs: its program "
                                        "gives out no functions to extensions");
    return false;
}

// ---- frames --------------------------------------------------------------------------------------

#define LIMIT_WORDS 64 // a frame up to its third local is shorter

struct probe {
    PyObject *a, *b, *c; // the first three locals of the frame that called
    bool found;
};

// Our own memory by system call: a word that looks like a pointer need not be one.
static size_t read_words(uintptr_t address, uintptr_t *ret, size_t count)
{
    struct iovec local = {ret, count * sizeof *ret};
    struct iovec remote = {(void *)address, count * sizeof *ret};
    ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    return n < 0 ? 0 : (size_t)n / sizeof *ret;
}

static bool find_in(const uintptr_t *words, size_t n, uintptr_t code, const struct probe *probe)
{
    size_t code_at = n, locals_at = n;
    for (size_t i = 0; i < n; i++)
        if ((words[i] & ~(uintptr_t)7) == code && code_at == n)
            code_at = i;
    for (size_t i = 0; i + 2 < n && locals_at == n; i++)
        if ((words[i] & ~(uintptr_t)7) == (uintptr_t)probe->a &&
            (words[i + 1] & ~(uintptr_t)7) == (uintptr_t)probe->b &&
            (words[i + 2] & ~(uintptr_t)7) == (uintptr_t)probe->c)
            locals_at = i;
    if (code_at == n || locals_at == n)
        return false;
    api.frame_code = code_at * sizeof *words;
    api.frame_locals = locals_at * sizeof *words;
    return true;
}

// probe(a, b, c), called by a Python function with exactly these locals.
static PyObject *calibrate_frame(PyObject *self, PyObject *args)
{
    struct probe probe = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO", &probe.a, &probe.b, &probe.c))
        return NULL;
    uintptr_t words[LIMIT_WORDS], inner[LIMIT_WORDS];
    PyObject *frame = (PyObject *)PyEval_GetFrame();
    PyObject *code = frame ? PyObject_GetAttrString(frame, "f_code") : NULL;
    if (!code)
        return NULL;
    size_t n = read_words((uintptr_t)frame, words, LIMIT_WORDS);
    bool found = find_in(words, n, (uintptr_t)code, &probe);
    api.frame_inner = 0;
    for (size_t i = 2; i < n && i < 8 && !found; i++) {
        size_t ninner = read_words(words[i], inner, LIMIT_WORDS);
        found = ninner && find_in(inner, ninner, (uintptr_t)code, &probe);
        api.frame_inner = i * sizeof *words;
    }
    Py_DECREF(code);
    return PyBool_FromLong(found);
}

static PyMethodDef probe_def = {"probe", calibrate_frame, METH_VARARGS, NULL};

static const char *api_source = "class C:\n"
                                "    def __del__(self):\n"
                                "        pass\n"
                                "def f(a, b, c):\n"
                                "    return probe(a, b, c)\n"
                                "found = f([], {}, {1})\n"
                                "module_get = type.__dict__['__module__'].__get__\n";

// ---- types ---------------------------------------------------------------------------------------

// The place of a slot, in a class that has it; 0: in no place, or in more than one.
static size_t find_slot(PyObject *type, int slot)
{
    void *value = PyType_GetSlot((PyTypeObject *)type, slot);
    uintptr_t words[64];
    size_t n = read_words((uintptr_t)type, words, 52), found = 0; // a type is longer than that
    for (size_t i = 2; i < n; i++)
        if (value && words[i] == (uintptr_t)value) {
            if (found)
                return 0;
            found = i * sizeof *words;
        }
    return found;
}

static bool calibrate(PyObject *names)
{
    PyObject *type = PyDict_GetItemString(names, "C");
    PyObject *get = PyDict_GetItemString(names, "module_get");
    api.type_alloc = find_slot(type, Py_tp_alloc);
    api.type_free = find_slot(type, Py_tp_free);
    api.type_finalize = find_slot(type, Py_tp_finalize);
    api.type_new = find_slot(type, Py_tp_new);
    api.type_traverse = find_slot(type, Py_tp_traverse);
    api.python_finalize = PyType_GetSlot((PyTypeObject *)type, Py_tp_finalize);
    Py_INCREF(get);
    api.module_get = get;
    if (PyDict_GetItemString(names, "found") == Py_True && api.type_alloc && api.type_free &&
        api.type_finalize && api.type_new && api.type_traverse)
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this interpreter keeps frames or types in a way that "
                                        "tracing does not know");
    return false;
}

bool api_load(void)
{
    if (api.module_get)
        return true;
    api.version = (int)PyLong_AsLong(PySys_GetObject("hexversion")) >> 16;
    if (!load_symbols())
        return false;
    PyObject *names = PyDict_New(), *probe = PyCFunction_New(&probe_def, NULL), *done = NULL;
    if (names && probe && PyDict_SetItemString(names, "probe", probe) == 0 &&
        PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0) {
        PyObject *code = Py_CompileString(api_source, "<memexplorer>", Py_file_input);
        done = code ? PyEval_EvalCode(code, names, names) : NULL;
        Py_XDECREF(code);
    }
    bool ok = done && calibrate(names);
    Py_XDECREF(done);
    Py_XDECREF(probe);
    Py_XDECREF(names);
    return ok;
}

// ---- reading -------------------------------------------------------------------------------------

static char *frame_body(const PyFrameObject *frame)
{
    char *body = (char *)frame;
    return api.frame_inner ? *(char **)(body + api.frame_inner) : body;
}

const void *api_frame_key(const PyFrameObject *frame)
{
    return frame_body(frame);
}

PyObject *api_value(PyObject *slot)
{
    return (PyObject *)((uintptr_t)slot & ~(uintptr_t)7); // _PyStackRef, 3.14
}

PyObject *api_frame_code(PyFrameObject *frame)
{
    return api_value(*(PyObject **)(frame_body(frame) + api.frame_code));
}

PyObject **api_frame_locals(PyFrameObject *frame)
{
    return (PyObject **)(frame_body(frame) + api.frame_locals);
}

PyObject *api_cell_get(PyObject *cell)
{
    return *(PyObject **)(cell + 1); // PyCellObject: ob_ref comes first
}

void **api_type_slot(PyObject *type, size_t offset)
{
    return (void **)((char *)type + offset);
}

// tp_name comes first after the header of every version.
const char *api_type_name(PyObject *type)
{
    const char *name = *(const char **)((char *)type + sizeof(PyVarObject));
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

// 3.11 gives static objects a count that no reference brings to its end.
#define STATIC_REFS 900000000

// What those begin with whose references are not all counted.
#define DEFERRED_REFS (PY_SSIZE_T_MAX / 8)

// Since 3.12 the lower half is the count, and negative when it means nothing (_Py_IsImmortal).
long long api_refs(PyObject *op)
{
#ifdef Py_GIL_DISABLED // Include/refcount.h, Include/internal/pycore_object_deferred.h
    if (op->ob_ref_local == UINT32_MAX)
        return -1;
    long long refs = (long long)op->ob_ref_local + (op->ob_ref_shared >> 2);
    return refs < DEFERRED_REFS / 2 ? refs : refs - DEFERRED_REFS;
#else
    if (api.version < 0x030C)
        return op->ob_refcnt > STATIC_REFS ? -1 : (long long)op->ob_refcnt;
    int32_t low = (int32_t)(op->ob_refcnt & 0xFFFFFFFF);
    return low < 0 ? -1 : low;
#endif
}
