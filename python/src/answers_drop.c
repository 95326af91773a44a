// answers_drop.c - what would go, and what only the collector frees: free, garbage and cycles.
#include "answers.h"
#include "record.h"

// ---- free -------------------------------------------------------------------------------------

static PyObject *dropped_reference(const struct question *question,
                                   const struct mx_reference *reference)
{
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from = {0};
    if (!root)
        from = question_object(question, reference->from);
    return record_make("label", record_text(reference->label),                         //
                       "address", root ? record_none() : record_address(from.address), //
                       "type", root ? record_none() : record_text(from.type),          //
                       "root", root ? record_text(reference->root) : record_none(), NULL);
}

static PyObject *dropped_objects(const struct question *question, const mx_drop *drop,
                                 mx_drop_fate fate)
{
    const struct mx_drop_object *objects;
    size_t count = mx_drop_objects(drop, &objects);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++) {
        if (objects[i].fate != fate)
            continue;
        struct mx_object object = question_object(question, objects[i].object);
        record_append(list, record_make("address", record_address(object.address),      //
                                        "type", record_text(object.type),               //
                                        "bytes", record_number(objects[i].bytes),       //
                                        "finalizer", record_flag(objects[i].finalizer), //
                                        "preview", record_text(object.preview), NULL));
    }
    return list;
}

static PyObject *dropped_types(const mx_drop *drop)
{
    const struct mx_drop_type *types;
    size_t count = mx_drop_types(drop, &types);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(list, record_make("type", record_text(types[i].type),                    //
                                        "fate", record_text(mx_drop_fate_name(types[i].fate)), //
                                        "count", record_number(types[i].count),                //
                                        "bytes", record_number(types[i].bytes), NULL));
    return list;
}

static PyObject *dropped_calls(const struct question *question, const mx_drop *drop)
{
    const struct mx_drop_call *calls;
    size_t count = mx_drop_calls(drop, &calls);
    PyObject *list = record_list();
    for (size_t i = 0; i < count; i++) {
        struct mx_object object = question_object(question, calls[i].object);
        bool finalizer = calls[i].weakref == MX_NO_OBJECT;
        PyObject *weakref =
            finalizer ? record_none()
                      : record_address(question_object(question, calls[i].weakref).address);
        record_append(
            list, record_make("kind", record_text(finalizer ? "finalizer" : "callback"), //
                              "address", record_address(object.address),                 //
                              "type", record_text(object.type), "weakref", weakref,      //
                              "when", record_text(calls[i].collector ? "collector" : "now"), NULL));
    }
    return list;
}

static PyObject *dropped_stays(const struct question *question, const mx_drop *drop)
{
    PyObject *list = record_list();
    for (uint64_t i = 0; i < mx_drop_totals(drop)->stays; i++) {
        struct mx_drop_stay stay;
        mx_drop_stays(drop, i, &stay);
        struct mx_object object = question_object(question, stay.object);
        bool named = stay.reason == MX_STAYS_HELD || stay.reason == MX_STAYS_ROOT;
        record_append(
            list, record_make("address", record_address(object.address),                          //
                              "type", record_text(object.type), "lost", record_number(stay.lost), //
                              "refcount",
                              stay.refcount < 0 ? record_none() : record_signed(stay.refcount),
                              "reason", record_text(mx_drop_reason_name(stay.reason)), //
                              "holder",
                              named ? dropped_reference(question, &stay.holder) : record_none(), //
                              "preview", record_text(object.preview), NULL));
    }
    return list;
}

static PyObject *drop_record(const struct question *question, const mx_drop *drop)
{
    const struct mx_drop_totals *totals = mx_drop_totals(drop);
    struct mx_object object = question_object(question, totals->object);
    PyObject *references = record_list();
    for (uint64_t i = 0; i < totals->references; i++) {
        struct mx_reference reference;
        mx_drop_reference(drop, i, &reference);
        record_append(references, dropped_reference(question, &reference));
    }
    return record_make("address", record_address(object.address),                       //
                       "type", record_text(object.type),                                //
                       "fate", record_text(mx_drop_fate_name(totals->fate)),            //
                       "references", references,                                        //
                       "freed_bytes", record_number(totals->freed_bytes),               //
                       "collected_bytes", record_number(totals->collected_bytes),       //
                       "lost_bytes", record_number(totals->lost_bytes),                 //
                       "depth", record_number(totals->depth),                           //
                       "immortal", record_number(totals->immortal),                     //
                       "types", dropped_types(drop),                                    //
                       "calls", dropped_calls(question, drop),                          //
                       "freed", dropped_objects(question, drop, MX_DROP_FREED),         //
                       "collected", dropped_objects(question, drop, MX_DROP_COLLECTED), //
                       "lost", dropped_objects(question, drop, MX_DROP_LOST),           //
                       "stays", dropped_stays(question, drop),                          //
                       "blind_spots", record_blind_spots(&question->spots),             //
                       "capture", record_capture(question->heap), NULL);
}

PyObject *answer_free(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap;
    unsigned long long address;
    const char *label;
    struct question question;
    mx_drop *drop = NULL;
    mx_status status;
    if (!PyArg_ParseTuple(arguments, "OKz:free", &heap, &address, &label) ||
        !question_begin(&question, heap))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        mx_heap_drop(question.heap, address, label, &drop, &question.err);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    Py_END_ALLOW_THREADS PyObject *answer = status ? NULL : drop_record(&question, drop);
    mx_drop_free(drop);
    return question_end(&question, status, answer);
}

// ---- garbage, cycles --------------------------------------------------------------------------

static PyObject *addresses_record(const mx_addr *addresses, uint64_t count)
{
    PyObject *list = record_list();
    for (uint64_t i = 0; i < count; i++)
        record_append(list, record_address(addresses[i]));
    return list;
}

static PyObject *group_record(const struct mx_cycle_group *group, bool garbage)
{
    PyObject *steps = record_list();
    for (size_t i = 0; i < group->step_count; i++)
        record_append(steps, record_make("address", record_address(group->steps[i].address), //
                                         "type", record_text(group->steps[i].type),          //
                                         "reference", record_text(group->steps[i].label), NULL));
#define COUNT(name) #name, record_number(group->name)
    PyObject *row =
        record_make("shape", record_text(group->shape), COUNT(cycles), COUNT(shortest),
                    COUNT(longest), COUNT(objects), COUNT(bytes), //
                    "example", record_address(group->example), "cycle", steps, "addresses",
                    addresses_record(group->addresses, group->objects), NULL);
    if (!garbage)
        return row;
    struct {
        const char *name;
        uint64_t count;
    } more[] = {{"held", group->held},
                {"held_bytes", group->held_bytes},
                {"freed", group->freed},
                {"freed_bytes", group->freed_bytes},
                {"finalizers", group->finalizers},
                {"finalized", group->finalized},
                {"callbacks", group->callbacks},
                {"uncollectable", group->legacy}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        record_set(row, more[i].name, record_number(more[i].count));
    record_set(row, "held_addresses",
               addresses_record(group->addresses + group->objects, group->held));
    return row;
#undef COUNT
}

static PyObject *cycles_record(const struct question *question, const mx_cycles *cycles,
                               bool garbage)
{
    const struct mx_cycle_totals *totals = mx_cycles_totals(cycles);
    const struct mx_cycle_group *groups;
    size_t count = mx_cycles_groups(cycles, &groups);
    PyObject *rows = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(rows, group_record(&groups[i], garbage));
    PyObject *answer = record_make("objects", record_number(totals->objects), //
                                   "bytes", record_number(totals->bytes), NULL);
    if (garbage) {
        record_set(answer, "freed", record_number(totals->freed));
        record_set(answer, "freed_bytes", record_number(totals->freed_bytes));
        record_set(answer, "enabled", record_flag(mx_heap_summary(question->heap)->gc_enabled));
    }
    record_set(answer, "collecting", record_flag(totals->collecting));
    record_set(answer, "capture", record_capture(question->heap));
    record_set(answer, "blind_spots", record_blind_spots(&question->spots));
    record_set(answer, "groups", rows);
    return answer;
}

PyObject *answer_cycles(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap;
    int garbage;
    struct question question;
    mx_cycles *cycles = NULL;
    mx_status status;
    if (!PyArg_ParseTuple(arguments, "Op:cycles", &heap, &garbage) ||
        !question_begin(&question, heap))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = garbage ? mx_heap_garbage(question.heap, &cycles, &question.err)
                                            : mx_heap_cycles(question.heap, &cycles, &question.err);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    Py_END_ALLOW_THREADS PyObject *answer =
        status ? NULL : cycles_record(&question, cycles, garbage);
    mx_cycles_free(cycles);
    return question_end(&question, status, answer);
}
