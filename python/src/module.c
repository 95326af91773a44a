// module.c - memexplorer._memexplorer: the type Doomed, and looking at addresses.
//
// Knows nothing of either; see doomed.c and memutil.c. The docstrings come from _memexplorer.pyi.
#include "docstrings.h"
#include "extension.h"
#include "heap.h"

static int add_type(PyObject *module, const char *name, PyObject *type)
{
    if (!type)
        return -1;
    if (PyModule_AddObject(module, name, type) < 0) { // steals the reference on success only
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

static int module_exec(PyObject *module)
{
    if (compat_init() < 0 || add_type(module, "Doomed", doomed_type_new(module)) < 0 ||
        add_type(module, "Heap", heap_type_new(module)) < 0 ||
        add_type(module, "TableData", table_type_new(module)) < 0 ||
        PyModule_AddFunctions(module, heap_functions) < 0 ||
        PyModule_AddFunctions(module, install_functions) < 0 ||
        PyModule_AddFunctions(module, answer_functions) < 0 ||
        PyModule_AddFunctions(module, watch_functions) < 0)
        return -1;
    return PyModule_AddFunctions(module, list_functions);
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
