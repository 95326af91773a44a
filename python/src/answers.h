// answers.h - methods of Heap that answer in plain tuples; _memexplorer.pyi says what each returns.
#ifndef MEMEXPLORER_PYTHON_ANSWERS_H
#define MEMEXPLORER_PYTHON_ANSWERS_H

#include "extension.h"

PyObject *answer_ways(PyObject *self, PyObject *arguments);
PyObject *answer_garbage(PyObject *self, PyObject *unused);
PyObject *answer_facts(PyObject *self, PyObject *addresses);
PyObject *answer_instances(PyObject *self, PyObject *types);
PyObject *answer_types(PyObject *self, PyObject *unused);
PyObject *answer_suspects(PyObject *self, PyObject *unused);
PyObject *answer_growth(PyObject *self, PyObject *before);

#endif
