// answers.c - what an open snapshot says, as plain tuples: what messages about tests are made of.
//
//   Heap --lease--> mx_heap_why, _garbage, _suspects, _tree, _diff --> list of tuples
//
// Methods of Heap (heap.c); knows nothing of tests. The library works with the interpreter's lock released.
#include "answers.h"

#include <stdlib.h>

#include "heap.h"

// Appends a new reference, which is given up; false with an exception set, also when `item` is NULL.
static bool list_add(PyObject *list, PyObject *item)
{
    bool added = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return added;
}

static PyObject *list_done(PyObject *list, bool right)
{
    if (right)
        return list;
    Py_XDECREF(list);
    return NULL;
}

static bool number_read(PyObject *number, mx_addr *ret)
{
    *ret = PyLong_AsUnsignedLongLongMask(number);
    return !PyErr_Occurred();
}

// ---- why --------------------------------------------------------------------------------------

static PyObject *why_list(const mx_why *why)
{
    const struct mx_chain *chains;
    size_t count = mx_why_chains(why, &chains);
    PyObject *list = PyList_New(0);
    bool right = list;
    for (size_t i = 0; right && i < count; i++)
        right = list_add(list, Py_BuildValue("(ss)", chains[i].root_kind, chains[i].text));
    return list_done(list, right);
}

PyObject *answer_ways(PyObject *self, PyObject *arguments)
{
    unsigned long long address;
    unsigned paths;
    if (!PyArg_ParseTuple(arguments, "KI:ways", &address, &paths))
        return NULL;
    const mx_heap *heap = heap_lease(self);
    if (!heap)
        return NULL;
    struct mx_error err = {0};
    mx_why *why = NULL;
    mx_status status = MX_OK;
    uint32_t object;
    bool found;
    Py_BEGIN_ALLOW_THREADS found = mx_heap_find(heap, address, &object);
    if (found)
        status = mx_heap_why(heap, &object, 1, paths, &why, &err);
    Py_END_ALLOW_THREADS PyObject *ret = status  ? status_raise(status, &err)
                                         : found ? why_list(why)
                                                 : PyList_New(0);
    mx_why_free(why);
    heap_return(self);
    return ret;
}

// ---- garbage ----------------------------------------------------------------------------------

static PyObject *group_tuple(const struct mx_cycle_group *group)
{
    PyObject *addresses = PyList_New(0);
    bool right = addresses;
    for (uint64_t i = 0; right && i < group->objects + group->held; i++)
        right = list_add(addresses, PyLong_FromUnsignedLongLong(group->addresses[i]));
    addresses = list_done(addresses, right);
    if (!addresses)
        return NULL;
    return Py_BuildValue("(sKKN)", group->shape, (unsigned long long)group->cycles,
                         (unsigned long long)group->objects, addresses); // N gives the list away
}

PyObject *answer_garbage(PyObject *self, PyObject *unused)
{
    (void)unused;
    const mx_heap *heap = heap_lease(self);
    if (!heap)
        return NULL;
    struct mx_error err = {0};
    mx_cycles *cycles = NULL;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = mx_heap_garbage(heap, &cycles, &err);
    Py_END_ALLOW_THREADS PyObject *list = status ? status_raise(status, &err) : PyList_New(0);
    const struct mx_cycle_group *groups;
    size_t count = status ? 0 : mx_cycles_groups(cycles, &groups);
    bool right = list;
    for (size_t i = 0; right && i < count; i++)
        right = list_add(list, group_tuple(&groups[i]));
    mx_cycles_free(cycles);
    heap_return(self);
    return list_done(list, right);
}

// ---- objects ----------------------------------------------------------------------------------

static PyObject *object_tuple(const mx_heap *heap, const mx_tree *tree, uint32_t index)
{
    struct mx_object object;
    struct mx_error err = {0};
    mx_status status = mx_heap_object(heap, index, &object, &err);
    if (status)
        return status_raise(status, &err);
    PyObject *preview =
        PyUnicode_DecodeUTF8(object.preview, (Py_ssize_t)strlen(object.preview), "replace");
    if (!preview)
        return NULL;
    return Py_BuildValue("(sLINK)", object.type, (long long)object.refcount,
                         (unsigned)mx_heap_found_count(heap, index), preview,
                         (unsigned long long)mx_tree_retained(tree, index));
}

PyObject *answer_facts(PyObject *self, PyObject *addresses)
{
    Py_ssize_t count = PyList_Size(addresses);
    const mx_heap *heap = count < 0 ? NULL : heap_lease(self);
    if (!heap)
        return NULL;
    struct mx_error err = {0};
    mx_tree *tree = NULL;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = mx_heap_tree(heap, &tree, &err);
    Py_END_ALLOW_THREADS PyObject *list = status ? status_raise(status, &err) : PyList_New(0);
    bool right = list;
    for (Py_ssize_t i = 0; right && i < PyList_Size(addresses); i++) {
        mx_addr address;
        uint32_t index;
        right = number_read(PyList_GetItem(addresses, i), &address);
        if (!right)
            break;
        if (mx_heap_find(heap, address, &index)) {
            right = list_add(list, object_tuple(heap, tree, index));
        } else {
            Py_INCREF(Py_None);
            right = list_add(list, Py_None);
        }
    }
    mx_tree_free(tree);
    heap_return(self);
    return list_done(list, right);
}

static int compare_addresses(const void *a, const void *b)
{
    mx_addr x = *(const mx_addr *)a, y = *(const mx_addr *)b;
    return x < y ? -1 : x > y;
}

// `wanted` is in order.
static PyObject *instances_list(const mx_heap *heap, const mx_addr *wanted, size_t count)
{
    uint64_t objects = mx_heap_summary(heap)->objects;
    PyObject *list = PyList_New(0);
    bool right = list;
    for (uint32_t i = 0; right && i < objects; i++) {
        struct mx_object object;
        mx_heap_facts(heap, i, &object, NULL);
        if (bsearch(&object.type_address, wanted, count, sizeof *wanted, compare_addresses))
            right = list_add(list, Py_BuildValue("(KK)", (unsigned long long)object.type_address,
                                                 (unsigned long long)object.address));
    }
    return list_done(list, right);
}

PyObject *answer_instances(PyObject *self, PyObject *types)
{
    Py_ssize_t count = PyList_Size(types);
    if (count < 0)
        return NULL;
    mx_addr *wanted = calloc((size_t)count + 1, sizeof *wanted);
    if (!wanted)
        return PyErr_NoMemory();
    bool right = true;
    for (Py_ssize_t i = 0; right && i < count; i++)
        right = number_read(PyList_GetItem(types, i), &wanted[i]);
    qsort(wanted, (size_t)count, sizeof *wanted, compare_addresses);
    const mx_heap *heap = right ? heap_lease(self) : NULL;
    PyObject *list = heap ? instances_list(heap, wanted, (size_t)count) : NULL;
    if (heap)
        heap_return(self);
    free(wanted);
    return list;
}

// ---- types, suspects ----------------------------------------------------------------------------

PyObject *answer_types(PyObject *self, PyObject *unused)
{
    (void)unused;
    const mx_heap *heap = heap_lease(self);
    if (!heap)
        return NULL;
    struct mx_error err = {0};
    mx_tree *tree = NULL;
    struct mx_holding *types = NULL;
    size_t count = 0;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = mx_heap_tree(heap, &tree, &err);
    if (!status)
        status = mx_tree_types(tree, &types, &count, &err);
    Py_END_ALLOW_THREADS PyObject *list = status ? status_raise(status, &err) : PyList_New(0);
    bool right = list;
    for (size_t i = 0; right && i < count; i++)
        right = list_add(list,
                         Py_BuildValue("(sKKK)", types[i].type, (unsigned long long)types[i].count,
                                       (unsigned long long)types[i].bytes,
                                       (unsigned long long)types[i].retained));
    mx_holdings_free(types);
    mx_tree_free(tree);
    heap_return(self);
    return list_done(list, right);
}

PyObject *answer_suspects(PyObject *self, PyObject *unused)
{
    (void)unused;
    const mx_heap *heap = heap_lease(self);
    if (!heap)
        return NULL;
    struct mx_error err = {0};
    mx_suspects *suspects = NULL;
    mx_status status;
    Py_BEGIN_ALLOW_THREADS status = mx_heap_suspects(heap, &suspects, &err);
    Py_END_ALLOW_THREADS PyObject *list = status ? status_raise(status, &err) : PyList_New(0);
    const struct mx_suspect *found;
    size_t count = status ? 0 : mx_suspects_list(suspects, &found);
    bool right = list;
    for (size_t i = 0; right && i < count; i++)
        right = list_add(list, Py_BuildValue("(ss)", found[i].text, found[i].path));
    mx_suspects_free(suspects);
    heap_return(self);
    return list_done(list, right);
}

// ---- differences ------------------------------------------------------------------------------

// Rows of types or places that have more bytes than before: name, path, type, bytes before and after.
static bool rows_add(PyObject *list, const struct mx_diff_row *rows, size_t count)
{
    bool right = list;
    for (size_t i = 0; right && i < count; i++) {
        const struct mx_diff_sum *all = rows[i].all;
        if (all[1].bytes > all[0].bytes)
            right = list_add(list, Py_BuildValue("(sssKKKK)", rows[i].name, rows[i].path,
                                                 rows[i].type, (unsigned long long)all[0].objects,
                                                 (unsigned long long)all[1].objects,
                                                 (unsigned long long)all[0].bytes,
                                                 (unsigned long long)all[1].bytes));
    }
    return right;
}

static PyObject *diff_tuple(const mx_diff *diff)
{
    const struct mx_diff_totals *totals = mx_diff_totals(diff);
    const struct mx_diff_row *rows;
    PyObject *types = PyList_New(0), *places = PyList_New(0);
    size_t count = mx_diff_types(diff, &rows);
    bool right = types && places && rows_add(types, rows, count);
    count = mx_diff_places(diff, &rows);
    if (right && rows_add(places, rows, count))
        return Py_BuildValue("(KKNN)", (unsigned long long)totals->born.bytes,
                             (unsigned long long)totals->grew.bytes, types, places);
    Py_XDECREF(types);
    Py_XDECREF(places);
    return NULL;
}

PyObject *answer_growth(PyObject *self, PyObject *before)
{
    if (Py_TYPE(before) != Py_TYPE(self)) {
        PyErr_SetString(PyExc_TypeError, "growth() takes another Heap");
        return NULL;
    }
    // Two threads that compare the same two take the locks in one order.
    PyObject *first = before < self ? before : self, *second = before < self ? self : before;
    const mx_heap *one = heap_lease(first);
    const mx_heap *other = one ? heap_lease(second) : NULL;
    PyObject *ret = NULL;
    if (other) {
        const mx_heap *heaps[] = {first == before ? one : other, first == before ? other : one};
        struct mx_error err = {0};
        mx_diff *diff = NULL;
        mx_status status;
        Py_BEGIN_ALLOW_THREADS status = mx_heap_diff(heaps, 2, NULL, &diff, &err);
        Py_END_ALLOW_THREADS ret = status ? status_raise(status, &err) : diff_tuple(diff);
        mx_diff_free(diff);
        heap_return(second);
    }
    if (one)
        heap_return(first);
    return ret;
}
