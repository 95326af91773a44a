// extension.h - the parts that module.c puts together.
#ifndef MEMEXPLORER_PYTHON_EXTENSION_H
#define MEMEXPLORER_PYTHON_EXTENSION_H

#include "compat.h"

// A new reference to the type Doomed, NULL with an exception set.
PyObject *doomed_type_new(PyObject *module);

extern PyMethodDef memutil_methods[];
extern PyMethodDef install_functions[]; // added to the module
extern PyMethodDef watch_functions[];   // watch.c

#endif
