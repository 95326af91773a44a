// answers_lists.c - suspects and diff: the answers that are long lists, as the commands' --json has them.
#include <stdlib.h>
#include <string.h>

#include "docstrings.h"
#include "heap.h"
#include "record.h"

#define LIMIT_ROWS 100000 // what top=0 is: more objects than that are counted, not listed

// ---- suspects ---------------------------------------------------------------------------------

static PyObject *suspect_types(const struct mx_suspect *suspect)
{
    PyObject *list = record_list();
    for (size_t i = 0; i < suspect->type_count; i++)
        record_append(list, record_make("type", record_text(suspect->types[i].name),     //
                                        "count", record_number(suspect->types[i].count), //
                                        "bytes", record_number(suspect->types[i].bytes), NULL));
    return list;
}

static PyObject *suspect_rows(const mx_suspects *suspects)
{
    const struct mx_suspect *rows;
    size_t count = mx_suspects_list(suspects, &rows);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("kind", record_text(mx_suspect_kind_name(rows[i].kind)), //
                                        "text", record_text(rows[i].text),                       //
                                        "holder", record_text(rows[i].holder),                   //
                                        "path", record_text(rows[i].path),                       //
                                        "user", record_text(rows[i].user),                       //
                                        "together", record_text(rows[i].together),               //
                                        "address", record_address(rows[i].address),              //
                                        "type", record_text(rows[i].type),                       //
                                        "count", record_number(rows[i].count),                   //
                                        "of_type", record_text(rows[i].of_type),                 //
                                        "of_count", record_number(rows[i].of_count),             //
                                        "objects", record_number(rows[i].objects),               //
                                        "bytes", record_number(rows[i].bytes),                   //
                                        "retained", record_number(rows[i].retained),             //
                                        "types", suspect_types(&rows[i]), NULL));
    return list;
}

static PyObject *duplicate_rows(const mx_suspects *suspects)
{
    const struct mx_duplicate *rows;
    size_t count = mx_suspects_duplicates(suspects, &rows);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("type", record_text(rows[i].type),          //
                                        "preview", record_text(rows[i].preview),    //
                                        "count", record_number(rows[i].count),      //
                                        "wasted", record_number(rows[i].wasted),    //
                                        "example", record_address(rows[i].example), //
                                        "where", record_text(rows[i].where),        //
                                        "where_count", record_number(rows[i].where_count), NULL));
    return list;
}

static PyObject *sparse_rows(const mx_suspects *suspects)
{
    const struct mx_sparse *rows;
    size_t count = mx_suspects_sparse(suspects, &rows);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("type", record_text(rows[i].type),       //
                                        "where", record_text(rows[i].where),     //
                                        "count", record_number(rows[i].count),   //
                                        "empty", record_number(rows[i].empty),   //
                                        "nearly", record_number(rows[i].nearly), //
                                        "wasted", record_number(rows[i].wasted), //
                                        "example", record_address(rows[i].example), NULL));
    return list;
}

static PyObject *slots_rows(const mx_suspects *suspects)
{
    const struct mx_slots *rows;
    size_t count = mx_suspects_slots(suspects, &rows);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("type", record_text(rows[i].type),               //
                                        "instances", record_number(rows[i].instances),   //
                                        "attributes", record_number(rows[i].attributes), //
                                        "bytes", record_number(rows[i].bytes),           //
                                        "saved", record_number(rows[i].saved), NULL));
    return list;
}

static PyObject *suspects_record(const mx_heap *heap, const mx_suspects *suspects,
                                 const struct mx_blind_spots *spots)
{
    const struct mx_suspect_totals *totals = mx_suspects_totals(suspects);
    return record_make("bytes", record_number(totals->bytes),                       //
                       "baseline", record_number(totals->baseline),                 //
                       "threshold", record_number(totals->threshold),               //
                       "suspects", suspect_rows(suspects),                          //
                       "duplicates", record_number(totals->duplicates),             //
                       "duplicate_groups", record_number(totals->duplicate_groups), //
                       "duplicate_wasted", record_number(totals->duplicate_wasted), //
                       "duplicate_rows", duplicate_rows(suspects),                  //
                       "empty", record_number(totals->empty),                       //
                       "nearly_empty", record_number(totals->nearly),               //
                       "sparse_wasted", record_number(totals->sparse_wasted),       //
                       "sparse_rows", sparse_rows(suspects),                        //
                       "slots_saved", record_number(totals->slots_saved),           //
                       "slots_rows", slots_rows(suspects),                          //
                       "blind_spots", record_blind_spots(spots),                    //
                       "capture", record_capture(heap), NULL);
}

static PyObject *finish(mx_status status, const struct mx_error *err, PyObject *answer)
{
    if (!status && answer && !PyErr_Occurred())
        return answer;
    Py_XDECREF(answer);
    return status ? status_raise(status, err) : NULL;
}

static PyObject *answer_suspects(PyObject *Py_UNUSED(module), PyObject *op)
{
    struct shared_heap *shared = heap_shared(op);
    struct mx_error err = {0};
    struct mx_blind_spots spots;
    mx_suspects *suspects = NULL;
    mx_status status;
    const mx_heap *heap = shared ? shared_lease(shared) : NULL;
    if (!heap)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = mx_heap_blind_spots(heap, &spots, &err);
    if (!status)
        status = mx_heap_suspects(heap, &suspects, &err);
    Py_END_ALLOW_THREADS PyObject *answer = status ? NULL : suspects_record(heap, suspects, &spots);
    mx_suspects_free(suspects);
    shared_unlock(shared);
    return finish(status, &err, answer);
}

// ---- diff -------------------------------------------------------------------------------------

static PyObject *sum_record(const struct mx_diff_sum *sum)
{
    return record_make("objects", record_number(sum->objects), //
                       "bytes", record_number(sum->bytes), NULL);
}

static PyObject *sums_record(const struct mx_diff_sum *sums, size_t count)
{
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, sum_record(&sums[i]));
    return list;
}

static PyObject *diff_rows(const struct mx_diff_row *rows, size_t count, size_t heaps, bool places)
{
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++) {
        PyObject *row = record_make("type", record_text(rows[i].type),      //
                                    "all", sums_record(rows[i].all, heaps), //
                                    "born", sum_record(&rows[i].born),      //
                                    "died", sum_record(&rows[i].died),      //
                                    "every_time", record_flag(rows[i].every_time), NULL);
        if (places) {
            record_set(row, "place", record_text(rows[i].name));
            record_set(row, "path", record_text(rows[i].path));
        }
        record_append(list, row);
    }
    return list;
}

static PyObject *diff_objects(const mx_diff *diff, mx_change change)
{
    const struct mx_diff_object *rows;
    size_t count = mx_diff_objects(diff, change, &rows);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("address", record_address(rows[i].address),          //
                                        "type", record_text(rows[i].type),                   //
                                        "preview", record_text(rows[i].preview),             //
                                        "where", record_text(rows[i].where),                 //
                                        "where_before", record_text(rows[i].where_before),   //
                                        "since", record_number(rows[i].since),               //
                                        "bytes_before", record_number(rows[i].bytes_before), //
                                        "bytes_after", record_number(rows[i].bytes_after),   //
                                        "retained_before", record_number(rows[i].retained_before),
                                        "retained_after", record_number(rows[i].retained_after), //
                                        "every_time", record_flag(rows[i].every_time), NULL));
    return list;
}

static PyObject *diff_record(const mx_diff *diff, mx_heap *const *heaps)
{
    const struct mx_diff_totals *totals = mx_diff_totals(diff);
    const struct mx_diff_row *types, *places;
    size_t type_count = mx_diff_types(diff, &types), place_count = mx_diff_places(diff, &places);
    PyObject *objects = record_make(NULL, NULL), *captures = record_list();
    for (int change = 0; change < MX_CHANGES; change++)
        record_set(objects, mx_change_name((mx_change)change),
                   diff_objects(diff, (mx_change)change));
    for (size_t i = 0; i < totals->count; i++)
        record_append(captures, record_capture(heaps[i]));
    return record_make("all", sums_record(totals->all, totals->count),                //
                       "born", sum_record(&totals->born),                             //
                       "died", sum_record(&totals->died),                             //
                       "grew", sum_record(&totals->grew),                             //
                       "shrank", sum_record(&totals->shrank),                         //
                       "moved", sum_record(&totals->moved),                           //
                       "recent", sum_record(&totals->recent),                         //
                       "traffic", sum_record(&totals->traffic),                       //
                       "reused", record_number(totals->reused),                       //
                       "types", diff_rows(types, type_count, totals->count, false),   //
                       "places", diff_rows(places, place_count, totals->count, true), //
                       "objects", objects, "captures", captures, NULL);
}

struct leases {
    struct shared_heap *shared[MX_DIFF_SNAPSHOTS];
    mx_heap *heaps[MX_DIFF_SNAPSHOTS];
    size_t order
        [MX_DIFF_SNAPSHOTS]; // by address: two who compare the same ones do not wait for each other
    size_t count, locked;
};

static bool leases_take(struct leases *leases, PyObject *tuple)
{
    Py_ssize_t count = PyTuple_Size(tuple);
    if (count < 0)
        return false;
    if (count > MX_DIFF_SNAPSHOTS) {
        PyErr_Format(PyExc_ValueError, "at most %d snapshots are compared", MX_DIFF_SNAPSHOTS);
        return false;
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        leases->shared[i] = heap_shared(PyTuple_GetItem(tuple, (Py_ssize_t)i));
        if (!leases->shared[i])
            return false;
        size_t at = i;
        for (; at && leases->shared[leases->order[at - 1]] > leases->shared[i]; at--)
            leases->order[at] = leases->order[at - 1];
        leases->order[at] = i;
    }
    leases->count = (size_t)count;
    for (; leases->locked < leases->count; leases->locked++) {
        size_t i = leases->order[leases->locked];
        leases->heaps[i] = shared_lease(leases->shared[i]);
        if (!leases->heaps[i])
            return false;
    }
    return true;
}

static void leases_return(struct leases *leases)
{
    while (leases->locked)
        shared_unlock(leases->shared[leases->order[--leases->locked]]);
}

static PyObject *answer_diff(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *tuple, *answer = NULL;
    const char *type;
    unsigned long long rows;
    struct mx_error err = {0};
    struct leases leases = {.count = 0};
    mx_diff *diff = NULL;
    mx_status status = MX_OK;
    if (!PyArg_ParseTuple(arguments, "OzK:diff", &tuple, &type, &rows))
        return NULL;
    if (leases_take(&leases, tuple)) {
        struct mx_diff_options options = {
            .type = type, .rows = rows && rows < LIMIT_ROWS ? (size_t)rows : LIMIT_ROWS};
        Py_BEGIN_ALLOW_THREADS status =
            mx_heap_diff((const mx_heap *const *)leases.heaps, leases.count, &options, &diff, &err);
        Py_END_ALLOW_THREADS if (!status) answer = diff_record(diff, leases.heaps);
        mx_diff_free(diff);
    }
    leases_return(&leases);
    return finish(status, &err, answer);
}

PyMethodDef list_functions[] = {
    {"suspects", answer_suspects, METH_O, DOC_suspects},
    {"diff", answer_diff, METH_VARARGS, DOC_diff},
    {NULL, NULL, 0, NULL},
};
