// module.c - memexplorer._memexplorer: the type Doomed, and looking at addresses.
//
// Knows nothing of either; see doomed.c and memutil.c. The docstrings come from _memexplorer.pyi.
#include "docstrings.h"
#include "extension.h"

static int module_exec(PyObject *module)
{
    PyObject *type = doomed_type_new(module);
    if (!type)
        return -1;
    if (PyModule_AddObject(module, "Doomed", type) < 0) { // steals the reference on success only
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_GIL_DISABLED // Doomed locks itself, looking at addresses has a lock of its own
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,   .m_name = "memexplorer._memexplorer",
    .m_doc = DOC_MODULE,     .m_methods = memutil_methods,
    .m_slots = module_slots,
};

// Everything is hidden but this; up to 3.8 PyMODINIT_FUNC does not say so.
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__memexplorer(void);

PyMODINIT_FUNC PyInit__memexplorer(void)
{
    return PyModuleDef_Init(&module_def);
}
