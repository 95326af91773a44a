// answers.h - a question about an open snapshot while it is answered, as a command's --json has it.
#ifndef MEMEXPLORER_PYTHON_ANSWERS_H
#define MEMEXPLORER_PYTHON_ANSWERS_H

#include "heap.h"

struct question {
    struct shared_heap *shared;
    mx_heap *heap;
    struct mx_error err;
    struct mx_blind_spots spots;
};

// Leases the heap, for this thread alone; false with an exception set.
bool question_begin(struct question *question, PyObject *heap);
// Gives it back. What is returned to Python: the answer, which is taken, or NULL with an exception set.
PyObject *question_end(struct question *question, mx_status status, PyObject *answer);

mx_status question_find(struct question *question, mx_addr address, uint32_t *ret,
                        struct mx_object *ret_object);
// One of the heap's own, which cannot fail.
struct mx_object question_object(const struct question *question, uint32_t index);

PyObject *answer_why(PyObject *module, PyObject *arguments);
PyObject *answer_show(PyObject *module, PyObject *arguments);
PyObject *answer_retained(PyObject *module, PyObject *arguments);
PyObject *answer_dominators(PyObject *module, PyObject *arguments);
PyObject *answer_free(PyObject *module, PyObject *arguments);
PyObject *answer_cycles(PyObject *module, PyObject *arguments);

#endif
