// leaky.c - an extension module with one deliberate bug a function, for the audit to find.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

static PyObject *volatile kept; // a reference in a static variable; volatile: nothing reads it

struct box {
    PyObject *held;
};
static struct box *volatile box; // and one in a malloc'ed struct

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

static PyObject *put_away(PyObject *self, PyObject *object)
{
    (void)self;
    box = malloc(sizeof *box);
    if (!box)
        return PyErr_NoMemory();
    Py_INCREF(object);
    box->held = object;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"leak", leak, METH_O, NULL},
                                {"release", release, METH_O, NULL},
                                {"keep", keep, METH_O, NULL},
                                {"put_away", put_away, METH_O, NULL},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "leaky", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_leaky(void)
{
    return PyModule_Create(&module);
}
