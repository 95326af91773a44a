// answers_why.c - what keeps objects alive, and what refers to them: why and show.
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "record.h"

#define LIMIT_INSTANCES 2000 // of a type that are explained; the rest will hardly be different
#define LIMIT_PATHS 1000

// ---- why --------------------------------------------------------------------------------------

struct subjects {
    uint32_t *objects;
    size_t count;
    uint64_t left;           // of the type, over the limit
    struct mx_object object; // when it is one
};

// As the commands match types: the whole name, the last part of it, or a pattern.
static bool type_matches(const char *wanted, const char *name)
{
    const char *last = strrchr(name, '.');
    return strcmp(wanted, name) == 0 || fnmatch(wanted, name, 0) == 0 ||
           (last && fnmatch(wanted, last + 1, 0) == 0);
}

static mx_status find_type(struct question *question, const char *wanted, struct subjects *ret)
{
    const struct mx_type *types;
    size_t count = mx_heap_types(question->heap, &types);
    bool *marks = calloc(count + 1, sizeof *marks);
    if (!marks)
        return MX_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        marks[i] = type_matches(wanted, types[i].name);
    uint64_t objects = mx_heap_summary(question->heap)->objects;
    for (uint32_t i = 0; i < objects; i++) {
        struct mx_object object;
        uint32_t type;
        mx_heap_facts(question->heap, i, &object, &type);
        if (!marks[type])
            continue;
        if (ret->count < LIMIT_INSTANCES)
            ret->objects[ret->count++] = i;
        else
            ret->left++;
    }
    free(marks);
    if (ret->count)
        return MX_OK;
    snprintf(question->err.message, sizeof question->err.message,
             "there is no object of a type called '%.100s'", wanted);
    return MX_NOT_FOUND;
}

static PyObject *chain_record(const struct mx_chain *chain)
{
    PyObject *steps = record_list();
    for (size_t i = 0; i < chain->step_count; i++)
        record_append(steps, record_make("address", record_address(chain->steps[i].address), //
                                         "type", record_text(chain->steps[i].type),          //
                                         "reference", record_text(chain->steps[i].label), NULL));
    return record_make("root_kind", record_text(chain->root_kind), //
                       "root", record_text(chain->root),           //
                       "text", record_text(chain->text),           //
                       "count", record_number(chain->count),       //
                       "further", record_flag(chain->further), "steps", steps, NULL);
}

static PyObject *why_record(const struct question *question, const struct subjects *subjects,
                            const mx_why *why, const char *type, mx_addr address)
{
    const struct mx_why_totals *totals = mx_why_totals(why);
    const struct mx_chain *chains;
    size_t count = mx_why_chains(why, &chains);
    PyObject *rows = record_list();
    for (size_t i = 0; i < count; i++)
        record_append(rows, chain_record(&chains[i]));
    return record_make("subject", type ? record_text(type) : record_address(address), //
                       "address", type ? record_none() : record_address(address),     //
                       "objects", record_number(totals->objects + subjects->left),    //
                       "explained", record_number(totals->objects),                   //
                       "garbage", record_number(totals->garbage),                     //
                       "complete", record_flag(totals->complete), "chains", rows,     //
                       "blind_spots", record_blind_spots(&question->spots),           //
                       "capture", record_capture(question->heap), NULL);
}

PyObject *answer_why(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap;
    unsigned long long address;
    const char *type;
    unsigned int paths;
    struct question question;
    struct subjects subjects = {0};
    mx_why *why = NULL;
    mx_status status;
    if (!PyArg_ParseTuple(arguments, "OKzI:why", &heap, &address, &type, &paths) ||
        !question_begin(&question, heap))
        return NULL;
    Py_BEGIN_ALLOW_THREADS subjects.objects = calloc(LIMIT_INSTANCES, sizeof *subjects.objects);
    status = !subjects.objects ? MX_NO_MEMORY
             : type            ? find_type(&question, type, &subjects)
                    : question_find(&question, address, subjects.objects, &subjects.object);
    if (!type)
        subjects.count = 1;
    if (!status)
        status = mx_heap_why(question.heap, subjects.objects, subjects.count,
                             paths > LIMIT_PATHS ? LIMIT_PATHS : paths, &why, &question.err);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    Py_END_ALLOW_THREADS PyObject *answer =
        status ? NULL : why_record(&question, &subjects, why, type, address);
    mx_why_free(why);
    free(subjects.objects);
    return question_end(&question, status, answer);
}

// ---- referrers and references -----------------------------------------------------------------

struct references {
    const struct question *question;
    PyObject *list;
};

static bool add_reference(const struct mx_reference *reference, void *data)
{
    const struct references *references = data;
    struct mx_object to = question_object(references->question, reference->to);
    record_append(references->list,
                  record_make("label", record_text(reference->label),                            //
                              "ownership", record_text(mx_ownership_name(reference->ownership)), //
                              "address", record_address(to.address),                             //
                              "type", record_text(to.type),                                      //
                              "preview", record_text(to.preview), NULL));
    return !PyErr_Occurred();
}

static bool add_referrer(const struct mx_reference *reference, void *data)
{
    const struct references *references = data;
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from = {0};
    if (!root)
        from = question_object(references->question, reference->from);
    record_append(references->list,
                  record_make("label", record_text(reference->label),                            //
                              "ownership", record_text(mx_ownership_name(reference->ownership)), //
                              "address", root ? record_none() : record_address(from.address),    //
                              "type", root ? record_none() : record_text(from.type),             //
                              "root", root ? record_text(reference->root) : record_none(),       //
                              "preview", root ? record_none() : record_text(from.preview), NULL));
    return !PyErr_Occurred();
}

static PyObject *generation_record(const struct mx_object *object)
{
    if (!object->tracked || object->generation == MX_NO_GENERATION)
        return record_none();
    if (object->generation == MX_PERMANENT_GENERATION)
        return record_text("permanent");
    return record_signed(object->generation);
}

static PyObject *show_record(const struct question *question, uint32_t index,
                             const struct mx_object *object)
{
    char kind[300];
    mx_heap_kind(question->heap, index, kind, sizeof kind);
    return record_make(
        "address", record_address(object->address), "alive", record_flag(object->alive), //
        "kind", record_text(kind), "type", record_text(object->type),                    //
        "refcount", object->immortal ? record_none() : record_signed(object->refcount),  //
        "immortal", record_flag(object->immortal),                                       //
        "found",
        object->immortal ? record_none()
                         : record_number(mx_heap_found_count(question->heap, index)), //
        "size", record_number(object->size), "tracked", record_flag(object->tracked), //
        "generation", generation_record(object), "preview", record_text(object->preview), NULL);
}

PyObject *answer_show(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap, *answer = NULL;
    unsigned long long address;
    struct question question;
    struct mx_object object;
    uint32_t index;
    if (!PyArg_ParseTuple(arguments, "OK:show", &heap, &address) ||
        !question_begin(&question, heap))
        return NULL;
    mx_status status = question_find(&question, address, &index, &object);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    if (!status) {
        struct references references = {&question, record_list()},
                          referrers = {&question, record_list()};
        answer = show_record(&question, index, &object);
        status =
            mx_heap_references(question.heap, index, add_reference, &references, &question.err);
        if (!status)
            status =
                mx_heap_referrers(question.heap, index, add_referrer, &referrers, &question.err);
        record_set(answer, "references", references.list);
        record_set(answer, "referrers", referrers.list);
        record_set(answer, "capture", record_capture(question.heap));
        record_set(answer, "blind_spots", record_blind_spots(&question.spots));
    }
    return question_end(&question, status, answer);
}
