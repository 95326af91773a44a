// answers.c - asking an open snapshot what the commands ask.
//
//   function(Heap, what is asked) --mx_heap_...--> dicts and lists, as the command's --json has them
//
// The library works with the interpreter's lock released; the heap is this thread's all the while.
#include "answers.h"

#include <stdio.h>

#include "docstrings.h"

bool question_begin(struct question *question, PyObject *heap)
{
    *question = (struct question){.shared = heap_shared(heap)};
    if (!question->shared)
        return false;
    question->heap = shared_lease(question->shared);
    return question->heap != NULL;
}

// What is returned to Python: takes the answer.
PyObject *question_end(struct question *question, mx_status status, PyObject *answer)
{
    shared_unlock(question->shared);
    if (!status && answer && !PyErr_Occurred())
        return answer;
    Py_XDECREF(answer);
    return status ? status_raise(status, &question->err) : NULL;
}

mx_status question_find(struct question *question, mx_addr address, uint32_t *ret,
                        struct mx_object *ret_object)
{
    if (mx_heap_find(question->heap, address, ret))
        return mx_heap_object(question->heap, *ret, ret_object, &question->err);
    snprintf(question->err.message, sizeof question->err.message,
             "there is no object at 0x%llx in the snapshot", (unsigned long long)address);
    return MX_NOT_FOUND;
}

struct mx_object question_object(const struct question *question, uint32_t index)
{
    struct mx_object object = {0};
    mx_heap_object(question->heap, index, &object, NULL); // an answer has none but the heap's own
    return object;
}

PyMethodDef answer_functions[] = {
    {"why", answer_why, METH_VARARGS, DOC_why},
    {"show", answer_show, METH_VARARGS, DOC_show},
    {"retained", answer_retained, METH_VARARGS, DOC_retained},
    {"dominators", answer_dominators, METH_VARARGS, DOC_dominators},
    {"free", answer_free, METH_VARARGS, DOC_free},
    {"cycles", answer_cycles, METH_VARARGS, DOC_cycles},
    {NULL, NULL, 0, NULL},
};
