// arrow_rows.c - rows of Arrow arrays as tuples of Python.
#include "arrow.h"

#include <string.h>

#include "heap.h"

static bool is_there(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *valid = array->buffers[0];
    return !valid || valid[row / 8] >> row % 8 & 1;
}

static PyObject *bytes_at(const struct ArrowArray *array, int64_t row, bool text)
{
    const int32_t *offsets = array->buffers[1];
    const char *bytes = (const char *)array->buffers[2] + offsets[row];
    Py_ssize_t nbytes = offsets[row + 1] - offsets[row];
    return text ? PyUnicode_DecodeUTF8(bytes, nbytes, "replace")
                : PyBytes_FromStringAndSize(bytes, nbytes);
}

// Of an array that this extension has made: it has no offset.
static PyObject *value_at(const struct ArrowSchema *schema, const struct ArrowArray *array,
                          int64_t row)
{
    if (!is_there(array, row))
        return compat_new_ref(Py_None);
    const void *values = array->buffers[1];
    switch (schema->format[0]) {
    case 'l':
        return PyLong_FromLongLong(((const int64_t *)values)[row]);
    case 'L':
        return PyLong_FromUnsignedLongLong(((const uint64_t *)values)[row]);
    case 'b':
        return PyBool_FromLong(((const uint8_t *)values)[row / 8] >> row % 8 & 1);
    case 'g':
        return PyFloat_FromDouble(((const double *)values)[row]);
    case 'i':
        return bytes_at(array->dictionary, ((const int32_t *)values)[row], true);
    default:
        return bytes_at(array, row, schema->format[0] == 'u');
    }
}

static PyObject *row_at(const struct ArrowSchema *schema, const struct ArrowArray *array,
                        int64_t row)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)schema->n_children);
    for (int64_t i = 0; tuple && i < schema->n_children; i++) {
        PyObject *value = value_at(schema->children[i], array->children[i], row);
        if (!value || PyTuple_SetItem(tuple, (Py_ssize_t)i, value) < 0) {
            Py_DECREF(tuple);
            return NULL;
        }
    }
    return tuple;
}

PyObject *arrow_rows(mx_batch *batch, uint64_t first, uint64_t most)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};
    struct mx_error err = {0};
    PyObject *rows = PyList_New(0);
    mx_status status = mx_batch_schema(batch, &schema, &err);
    if (!status)
        status = mx_batch_array(batch, &array, &err);
    uint64_t end = mx_batch_rows(batch);
    end = first < end && end - first > most ? first + most : end;
    for (uint64_t row = first; rows && !status && row < end; row++) {
        PyObject *tuple = row_at(&schema, &array, (int64_t)row);
        if (!tuple || PyList_Append(rows, tuple) < 0) {
            Py_DECREF(rows);
            rows = NULL;
        }
        Py_XDECREF(tuple);
    }
    if (array.release)
        array.release(&array);
    if (schema.release)
        schema.release(&schema);
    if (!status)
        return rows;
    Py_XDECREF(rows);
    return status_raise(status, &err);
}
