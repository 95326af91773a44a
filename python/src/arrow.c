// arrow.c - Table: rows of a snapshot in columns, for readers of Arrow and for Python.
//
//   TableData(heap, "objects", None)     mx_arrow, a batch at a time, when somebody reads it
//   TableData(heap, None, "SELECT ...")  mx_batch, all of it
//       \--__arrow_c_stream__--> a capsule with an ArrowArrayStream
//       \----read(first, most)-> tuples
#include "arrow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docstrings.h"
#include "heap.h"

// ---- capsules ---------------------------------------------------------------------------------

static void stream_capsule_free(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream && stream->release)
        stream->release(stream);
    free(stream);
}

static void schema_capsule_free(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema && schema->release)
        schema->release(schema);
    free(schema);
}

static PyObject *stream_capsule(struct stream *stream)
{
    struct ArrowArrayStream *made = malloc(sizeof *made);
    if (!made) {
        stream_free(stream);
        return PyErr_NoMemory();
    }
    *made = (struct ArrowArrayStream){.get_schema = stream_schema,
                                      .get_next = stream_next,
                                      .get_last_error = stream_error,
                                      .release = stream_release,
                                      .private_data = stream};
    PyObject *capsule = PyCapsule_New(made, "arrow_array_stream", stream_capsule_free);
    if (!capsule) {
        made->release(made);
        free(made);
    }
    return capsule;
}

static PyObject *table_arrow_stream(PyObject *op, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"requested_schema", NULL};
    PyObject *requested = NULL; // a wish: there is one way in which these columns are given
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:__arrow_c_stream__", names,
                                     &requested))
        return NULL;
    struct stream *stream = stream_new((struct table *)op);
    return stream ? stream_capsule(stream) : NULL;
}

static PyObject *table_arrow_schema(PyObject *op, PyObject *Py_UNUSED(unused))
{
    struct stream *stream = stream_new((struct table *)op);
    if (!stream)
        return NULL;
    struct ArrowSchema *schema = calloc(1, sizeof *schema);
    struct mx_error err = {0};
    mx_status status = schema ? mx_batch_schema(stream->batch, schema, &err) : MX_NO_MEMORY;
    stream_free(stream);
    if (status) {
        free(schema);
        return status == MX_NO_MEMORY ? PyErr_NoMemory() : status_raise(status, &err);
    }
    PyObject *capsule = PyCapsule_New(schema, "arrow_schema", schema_capsule_free);
    if (!capsule) {
        schema->release(schema);
        free(schema);
    }
    return capsule;
}

// ---- rows for Python --------------------------------------------------------------------------

static PyObject *table_read(PyObject *op, PyObject *arguments)
{
    const struct table *table = (const struct table *)op;
    unsigned long long first, most;
    if (!PyArg_ParseTuple(arguments, "KK:read", &first, &most))
        return NULL;
    if (table->batch)
        return arrow_rows(table->batch, first, most);
    struct stream *stream = stream_new(table);
    if (!stream)
        return NULL;
    mx_batch *batch = NULL;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = stream_read(stream, first, most, &batch);
    Py_END_ALLOW_THREADS PyObject *rows =
        status ? status_raise(status, &stream->err) : arrow_rows(batch, 0, most);
    mx_batch_free(batch);
    stream_free(stream);
    return rows;
}

static PyObject *table_rows(PyObject *op, void *Py_UNUSED(closure))
{
    const struct table *table = (const struct table *)op;
    if (table->batch)
        return PyLong_FromUnsignedLongLong(mx_batch_rows(table->batch));
    struct stream *stream = stream_new(table);
    if (!stream)
        return NULL;
    uint64_t rows = mx_arrow_rows(stream->arrow);
    stream_free(stream);
    return PyLong_FromUnsignedLongLong(rows);
}

static PyObject *table_columns(PyObject *op, void *Py_UNUSED(closure))
{
    struct ArrowSchema schema = {0};
    struct mx_error err = {0};
    struct stream *stream = stream_new((struct table *)op);
    if (!stream)
        return NULL;
    mx_status status = mx_batch_schema(stream->batch, &schema, &err);
    stream_free(stream);
    if (status)
        return status_raise(status, &err);
    PyObject *names = PyTuple_New((Py_ssize_t)schema.n_children);
    for (int64_t i = 0; names && i < schema.n_children; i++) {
        const char *text = schema.children[i]->name;
        PyObject *name = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        if (!name || PyTuple_SetItem(names, (Py_ssize_t)i, name) < 0) {
            Py_DECREF(names);
            names = NULL;
        }
    }
    schema.release(&schema);
    return names;
}

// ---- making -----------------------------------------------------------------------------------

static void table_dealloc(PyObject *op)
{
    struct table *self = (struct table *)op;
    PyTypeObject *type = Py_TYPE(op);
    mx_batch_free(self->batch);
    table_free_columns(self->columns, self->column_count);
    free(self->name);
    shared_release(self->shared);
    compat_free(op);
    Py_DECREF(type);
}

// A tuple of str.
static bool take_columns(PyObject *names, struct table *table)
{
    Py_ssize_t count = PyTuple_Size(names);
    if (count < 0)
        return false;
    table->columns = calloc((size_t)count + 1, sizeof *table->columns);
    for (Py_ssize_t i = 0; table->columns && i < count; i++) {
        PyObject *bytes = PyUnicode_AsUTF8String(PyTuple_GetItem(names, i));
        const char *text = bytes ? PyBytes_AsString(bytes) : NULL;
        char *copy = text ? strdup(text) : NULL;
        Py_XDECREF(bytes);
        if (!copy) {
            if (!PyErr_Occurred())
                PyErr_NoMemory();
            return false;
        }
        table->columns[table->column_count++] = copy;
    }
    if (!table->columns)
        PyErr_NoMemory();
    return table->columns != NULL;
}

static mx_status run_query(struct shared_heap *shared, const char *text, double seconds,
                           mx_batch **ret, struct mx_error *err)
{
    mx_sql *sql = NULL;
    mx_sql_query *query = NULL;
    struct mx_sql_options options = {
        .timeout_ns = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 0};
    const mx_heap *heap = shared_lock(shared);
    if (!heap)
        return fail_heap_closed(err);
    mx_status status = mx_sql_open(heap, &options, &sql, err);
    if (!status)
        status = mx_sql_prepare(sql, text, &query, NULL, err);
    if (!status && !query) {
        snprintf(err->message, sizeof err->message, "there is no statement, only space");
        status = MX_BAD_ARGUMENT;
    }
    if (!status)
        status = mx_sql_read_all(query, ret, err);
    mx_sql_query_free(query);
    mx_sql_free(sql);
    shared_unlock(shared);
    return status;
}

static bool init_query(struct table *table, PyObject *text, double seconds)
{
    PyObject *bytes = PyUnicode_AsUTF8String(text);
    const char *query = bytes ? PyBytes_AsString(bytes) : NULL;
    struct mx_error err = {0};
    mx_status status;
    if (!query)
        return false;
    Py_BEGIN_ALLOW_THREADS status = run_query(table->shared, query, seconds, &table->batch, &err);
    Py_END_ALLOW_THREADS Py_DECREF(bytes);
    if (status)
        status_raise(status, &err);
    return status == MX_OK;
}

static bool init_table(struct table *table, const char *name, PyObject *columns)
{
    table->name = strdup(name);
    if (!table->name)
        PyErr_NoMemory();
    if (!table->name || (columns != Py_None && !take_columns(columns, table)))
        return false;
    struct stream *stream = stream_new(table); // so that names are right
    if (stream)
        stream_free(stream);
    return stream != NULL;
}

static PyObject *table_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"heap", "name", "what", "seconds", NULL};
    PyObject *heap, *what = Py_None;
    const char *name;
    double seconds = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Oz|Od:TableData", names, &heap, &name,
                                     &what, &seconds))
        return NULL;
    struct shared_heap *shared = heap_shared(heap);
    if (!shared)
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct table *self = (struct table *)allocate(type, 0);
    if (!self)
        return NULL;
    shared_keep(shared);
    self->shared = shared;
    if (name ? init_table(self, name, what) : init_query(self, what, seconds))
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static PyMethodDef table_methods[] = {
    {"__arrow_c_stream__", (PyCFunction)(void (*)(void))table_arrow_stream,
     METH_VARARGS | METH_KEYWORDS, DOC_TableData___arrow_c_stream__},
    {"__arrow_c_schema__", table_arrow_schema, METH_NOARGS, DOC_TableData___arrow_c_schema__},
    {"read", table_read, METH_VARARGS, DOC_TableData_read},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef table_getset[] = {
    {"row_count", table_rows, NULL, DOC_TableData_row_count, NULL},
    {"columns", table_columns, NULL, DOC_TableData_columns, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot table_slots[] = {
    {Py_tp_doc, DOC_TableData},     {Py_tp_new, table_new},       {Py_tp_dealloc, table_dealloc},
    {Py_tp_methods, table_methods}, {Py_tp_getset, table_getset}, {0, NULL},
};

static PyType_Spec table_spec = {
    .name = "memexplorer._memexplorer.TableData",
    .basicsize = sizeof(struct table),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = table_slots,
};

PyObject *table_type_new(PyObject *module)
{
    (void)module;
    return PyType_FromSpec(&table_spec);
}
