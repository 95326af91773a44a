// leaky.c - an extension module with one deliberate bug a function, for the audit to find.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <sys/mman.h>

// References in static variables; volatile: nothing reads them.
static PyObject *volatile kept;
static PyObject *volatile table[4];

struct box {
    void *unused[4]; // in a freed block malloc's own links stand here
    PyObject *volatile held;
};
static struct box *volatile box; // what it points to holds one
static struct box *volatile outer;

// A missing Py_DECREF: the count is one too high for good.
static PyObject *leak(PyObject *self, PyObject *object)
{
    (void)self;
    Py_INCREF(object);
    Py_RETURN_NONE;
}

// A borrowed reference that is given up: the count is one too low.
static PyObject *release(PyObject *self, PyObject *object)
{
    (void)self;
    Py_DECREF(object);
    Py_RETURN_NONE;
}

static PyObject *keep(PyObject *self, PyObject *object)
{
    (void)self;
    Py_INCREF(object);
    kept = object;
    Py_RETURN_NONE;
}

static PyObject *keep_in_local(PyObject *self, PyObject *object)
{
    static PyObject *volatile spot;
    (void)self;
    Py_INCREF(object);
    spot = object;
    Py_RETURN_NONE;
}

static PyObject *keep_in_table(PyObject *self, PyObject *object)
{
    (void)self;
    Py_INCREF(object);
    table[1] = object;
    Py_RETURN_NONE;
}

static struct box *box_new(PyObject *object)
{
    struct box *made = calloc(1, sizeof *made);
    if (!made) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_INCREF(object);
    made->held = object;
    return made;
}

static PyObject *put_away(PyObject *self, PyObject *object)
{
    (void)self;
    if (!(box = box_new(object)))
        return NULL;
    Py_RETURN_NONE;
}

// In a box that another box points to.
static PyObject *put_deeper(PyObject *self, PyObject *object)
{
    (void)self;
    if (!(outer = calloc(1, sizeof *outer)) || !(outer->unused[1] = box_new(object)))
        return NULL;
    Py_RETURN_NONE;
}

// In a box that only a page of its own points to: is that still in use? Nobody knows.
static PyObject *put_out_of_sight(PyObject *self, PyObject *object)
{
    (void)self;
    struct box **page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return PyErr_NoMemory();
    if (!(*page = box_new(object)))
        return NULL;
    Py_RETURN_NONE;
}

// The box is lost, and with it the reference.
static PyObject *lose(PyObject *self, PyObject *object)
{
    (void)self;
    if (!box_new(object))
        return NULL;
    Py_RETURN_NONE;
}

// The same in memory of PyMem_Malloc.
static PyObject *lose_small(PyObject *self, PyObject *object)
{
    (void)self;
    struct box *made = PyMem_Malloc(sizeof *made);
    if (!made)
        return PyErr_NoMemory();
    memset(made, 0, sizeof *made);
    Py_INCREF(object);
    made->held = object;
    Py_RETURN_NONE;
}

// The box is freed, and the reference in it not given up: what stands there still is no holder.
static PyObject *forget(PyObject *self, PyObject *object)
{
    (void)self;
    struct box *made = box_new(object);
    if (!made)
        return NULL;
    free(made);
    Py_RETURN_NONE;
}

// Leaks the first item of a list, and calls on with its address in its own frame: `in_sight` is not
// counted.
static PyObject *leak_in_sight(PyObject *self, PyObject *arguments)
{
    PyObject *list, *callable;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "O!O", &PyList_Type, &list, &callable))
        return NULL;
    PyObject *volatile in_sight = PyList_GET_ITEM(list, 0);
    Py_INCREF(in_sight);
    PyObject *result = PyObject_CallObject(callable, NULL);
    (void)in_sight;
    return result;
}

// An object of a type that nobody has described: it keeps a reference in a word without a name.
struct opaque {
    PyObject_HEAD long number;
    PyObject *held;
};

static void opaque_dealloc(PyObject *self)
{
    Py_XDECREF(((struct opaque *)self)->held);
    PyObject_Free(self);
}

static PyTypeObject opaque_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "leaky.Opaque",
    .tp_basicsize = sizeof(struct opaque),
    .tp_dealloc = opaque_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

static PyObject *wrap(PyObject *self, PyObject *object)
{
    (void)self;
    struct opaque *made = PyObject_New(struct opaque, &opaque_type);
    if (!made)
        return NULL;
    made->number = 42;
    Py_INCREF(object);
    made->held = object;
    return (PyObject *)made;
}

static PyMethodDef methods[] = {{"leak", leak, METH_O, NULL},
                                {"release", release, METH_O, NULL},
                                {"keep", keep, METH_O, NULL},
                                {"keep_in_local", keep_in_local, METH_O, NULL},
                                {"keep_in_table", keep_in_table, METH_O, NULL},
                                {"put_away", put_away, METH_O, NULL},
                                {"put_deeper", put_deeper, METH_O, NULL},
                                {"put_out_of_sight", put_out_of_sight, METH_O, NULL},
                                {"lose", lose, METH_O, NULL},
                                {"lose_small", lose_small, METH_O, NULL},
                                {"forget", forget, METH_O, NULL},
                                {"wrap", wrap, METH_O, NULL},
                                {"leak_in_sight", leak_in_sight, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "leaky", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_leaky(void)
{
    return PyType_Ready(&opaque_type) == 0 ? PyModule_Create(&module) : NULL;
}
