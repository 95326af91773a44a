// answers_json.c - the answers of the commands about an open snapshot: why, retained, free, garbage, ...
//
//   function(Heap, what is asked) --mx_heap_...--> dicts and lists, as the command's --json has them
//
// The library works with the interpreter's lock released; the heap is this thread's all the while.
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "docstrings.h"
#include "heap.h"
#include "record.h"

#define LIMIT_INSTANCES 2000 // of a type that are explained; the rest will hardly be different
#define LIMIT_PATHS 1000
#define LIMIT_DEPTH 1000
#define LIMIT_TOP 100000

// A question that is being answered.
struct question {
    struct shared_heap *shared;
    mx_heap *heap;
    struct mx_error err;
    struct mx_blind_spots spots;
};

static bool question_begin(struct question *question, PyObject *heap)
{
    *question = (struct question){.shared = heap_shared(heap)};
    if (!question->shared)
        return false;
    question->heap = shared_lease(question->shared);
    return question->heap != NULL;
}

// What is returned to Python: takes the answer.
static PyObject *question_end(struct question *question, mx_status status, PyObject *answer)
{
    shared_unlock(question->shared);
    if (!status && answer && !PyErr_Occurred())
        return answer;
    Py_XDECREF(answer);
    return status ? status_raise(status, &question->err) : NULL;
}

static mx_status find_object(struct question *question, mx_addr address, uint32_t *ret,
                             struct mx_object *ret_object)
{
    if (mx_heap_find(question->heap, address, ret))
        return mx_heap_object(question->heap, *ret, ret_object, &question->err);
    snprintf(question->err.message, sizeof question->err.message,
             "there is no object at 0x%llx in the snapshot", (unsigned long long)address);
    return MX_NOT_FOUND;
}

static struct mx_object object_at(const struct question *question, uint32_t index)
{
    struct mx_object object = {0};
    mx_heap_object(question->heap, index, &object, NULL); // an answer has none but the heap's own
    return object;
}

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

static PyObject *answer_why(PyObject *Py_UNUSED(module), PyObject *arguments)
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
                    : find_object(&question, address, subjects.objects, &subjects.object);
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

static const char *ownership_name(mx_ownership ownership)
{
    switch (ownership) {
    case MX_OWNED:
        return "owned";
    case MX_BORROWED:
        return "borrowed";
    case MX_WEAK:
        return "weak";
    }
    return "";
}

struct references {
    const struct question *question;
    PyObject *list;
};

static bool add_reference(const struct mx_reference *reference, void *data)
{
    const struct references *references = data;
    struct mx_object to = object_at(references->question, reference->to);
    record_append(references->list,
                  record_make("label", record_text(reference->label),                         //
                              "ownership", record_text(ownership_name(reference->ownership)), //
                              "address", record_address(to.address),                          //
                              "type", record_text(to.type),                                   //
                              "preview", record_text(to.preview), NULL));
    return !PyErr_Occurred();
}

static bool add_referrer(const struct mx_reference *reference, void *data)
{
    const struct references *references = data;
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from = {0};
    if (!root)
        from = object_at(references->question, reference->from);
    record_append(references->list,
                  record_make("label", record_text(reference->label),                         //
                              "ownership", record_text(ownership_name(reference->ownership)), //
                              "address", root ? record_none() : record_address(from.address), //
                              "type", root ? record_none() : record_text(from.type),          //
                              "root", root ? record_text(reference->root) : record_none(),    //
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

static PyObject *answer_show(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap, *answer = NULL;
    unsigned long long address;
    struct question question;
    struct mx_object object;
    uint32_t index;
    if (!PyArg_ParseTuple(arguments, "OK:show", &heap, &address) ||
        !question_begin(&question, heap))
        return NULL;
    mx_status status = find_object(&question, address, &index, &object);
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

// ---- retained, dominators ---------------------------------------------------------------------

static PyObject *retained_record(const struct question *question, const struct mx_object *object,
                                 const struct mx_holding *rows, size_t count)
{
    uint64_t objects = 0, retained = 0;
    PyObject *types = record_list();
    for (size_t i = 0; i < count; i++) {
        objects += rows[i].count;
        retained += rows[i].bytes;
        record_append(types, record_make("type", record_text(rows[i].type),     //
                                         "count", record_number(rows[i].count), //
                                         "bytes", record_number(rows[i].bytes), NULL));
    }
    return record_make("address", record_address(object->address), //
                       "type", record_text(object->type),          //
                       "preview", record_text(object->preview),    //
                       "bytes", record_number(object->size),       //
                       "retained", record_number(retained),        //
                       "objects", record_number(objects), "types", types, "blind_spots",
                       record_blind_spots(&question->spots), //
                       "capture", record_capture(question->heap), NULL);
}

static PyObject *answer_retained(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap;
    unsigned long long address;
    struct question question;
    struct mx_object object;
    struct mx_holding *rows = NULL;
    mx_tree *tree = NULL;
    size_t count = 0;
    uint32_t index;
    mx_status status;
    if (!PyArg_ParseTuple(arguments, "OK:retained", &heap, &address) ||
        !question_begin(&question, heap))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = find_object(&question, address, &index, &object);
    if (!status)
        status = mx_heap_tree(question.heap, &tree, &question.err);
    if (!status)
        status = mx_tree_inside(tree, index, &rows, &count, &question.err);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    Py_END_ALLOW_THREADS PyObject *answer =
        status ? NULL : retained_record(&question, &object, rows, count);
    mx_holdings_free(rows);
    mx_tree_free(tree);
    return question_end(&question, status, answer);
}

// One row of the tree, or a place in it that is still to be gone down from.
struct node {
    uint32_t object;
    uint32_t depth;
};

struct walk {
    struct question *question;
    const mx_tree *tree;
    unsigned int depth, top;
    struct node *stack;
    size_t count, capacity;
    uint32_t *largest; // [top]
    PyObject *rows;
};

static bool walk_push(struct walk *walk, struct node node)
{
    if (walk->count == walk->capacity) {
        size_t capacity = 2 * walk->capacity + 64;
        struct node *grown = realloc(walk->stack, capacity * sizeof node);
        if (!grown)
            return false;
        walk->stack = grown;
        walk->capacity = capacity;
    }
    walk->stack[walk->count++] = node;
    return true;
}

// The stack gives back the last first.
static bool walk_push_all(struct walk *walk, uint32_t object, uint32_t depth)
{
    uint32_t shown;
    mx_tree_largest(walk->tree, object, walk->top, walk->largest, &shown);
    while (shown--)
        if (!walk_push(walk, (struct node){walk->largest[shown], depth}))
            return false;
    return true;
}

static PyObject *node_record(const struct walk *walk, const struct node *node)
{
    struct mx_object object = object_at(walk->question, node->object);
    return record_make("depth", record_number(node->depth),                             //
                       "address", record_address(object.address),                       //
                       "type", record_text(object.type),                                //
                       "preview", record_text(object.preview),                          //
                       "count", record_number(1),                                       //
                       "bytes", record_number(mx_tree_bytes(walk->tree, node->object)), //
                       "retained", record_number(mx_tree_retained(walk->tree, node->object)), NULL);
}

static mx_status walk_down(struct walk *walk, bool whole, uint32_t object)
{
    walk->largest = calloc((size_t)walk->top + 1, sizeof *walk->largest);
    bool done = walk->largest && (whole ? walk_push_all(walk, MX_NO_OBJECT, 0)
                                        : walk_push(walk, (struct node){object, 0}));
    while (done && walk->count && !PyErr_Occurred()) {
        struct node node = walk->stack[--walk->count];
        record_append(walk->rows, node_record(walk, &node));
        if (node.depth + 1 < walk->depth)
            done = walk_push_all(walk, node.object, node.depth + 1);
    }
    free(walk->largest);
    free(walk->stack);
    return done ? MX_OK : MX_NO_MEMORY;
}

static mx_status tree_total(const mx_tree *tree, uint64_t *ret, struct mx_error *err)
{
    struct mx_holding *all;
    size_t count;
    mx_status status = mx_tree_fold(tree, NULL, 0, &all, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        *ret += all[i].retained;
    if (!status)
        mx_holdings_free(all);
    return status;
}

static PyObject *answer_dominators(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *heap, *answer = NULL;
    unsigned long long address;
    int whole;
    struct question question;
    struct walk walk = {.question = &question};
    struct mx_object object;
    mx_tree *tree = NULL;
    uint32_t index = MX_NO_OBJECT;
    uint64_t total = 0;
    mx_status status = MX_OK;
    if (!PyArg_ParseTuple(arguments, "OpKII:dominators", &heap, &whole, &address, &walk.depth,
                          &walk.top))
        return NULL;
    if (walk.depth > LIMIT_DEPTH || walk.top > LIMIT_TOP) {
        PyErr_Format(PyExc_ValueError, "depth is %d at most, top %d", LIMIT_DEPTH, LIMIT_TOP);
        return NULL;
    }
    if (!question_begin(&question, heap))
        return NULL;
    Py_BEGIN_ALLOW_THREADS if (!whole) status = find_object(&question, address, &index, &object);
    if (!status)
        status = mx_heap_tree(question.heap, &tree, &question.err);
    if (!status)
        status = tree_total(tree, &total, &question.err);
    if (!status)
        status = mx_heap_blind_spots(question.heap, &question.spots, &question.err);
    Py_END_ALLOW_THREADS if (!status)
    {
        walk.tree = tree;
        walk.rows = record_list();
        status = walk_down(&walk, whole, index);
        answer = record_make("total", record_number(total), "verified", record_flag(false), //
                             "rows", walk.rows,                                             //
                             "blind_spots", record_blind_spots(&question.spots),            //
                             "capture", record_capture(question.heap), NULL);
    }
    mx_tree_free(tree);
    return question_end(&question, status, answer);
}

// ---- free -------------------------------------------------------------------------------------

static PyObject *dropped_reference(const struct question *question,
                                   const struct mx_reference *reference)
{
    bool root = reference->from == MX_NO_OBJECT;
    struct mx_object from = {0};
    if (!root)
        from = object_at(question, reference->from);
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
        struct mx_object object = object_at(question, objects[i].object);
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
        struct mx_object object = object_at(question, calls[i].object);
        bool finalizer = calls[i].weakref == MX_NO_OBJECT;
        PyObject *weakref = finalizer
                                ? record_none()
                                : record_address(object_at(question, calls[i].weakref).address);
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
        struct mx_object object = object_at(question, stay.object);
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
    struct mx_object object = object_at(question, totals->object);
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

static PyObject *answer_free(PyObject *Py_UNUSED(module), PyObject *arguments)
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

static PyObject *answer_cycles(PyObject *Py_UNUSED(module), PyObject *arguments)
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

PyMethodDef answer_functions[] = {
    {"why", answer_why, METH_VARARGS, DOC_why},
    {"show", answer_show, METH_VARARGS, DOC_show},
    {"retained", answer_retained, METH_VARARGS, DOC_retained},
    {"dominators", answer_dominators, METH_VARARGS, DOC_dominators},
    {"free", answer_free, METH_VARARGS, DOC_free},
    {"cycles", answer_cycles, METH_VARARGS, DOC_cycles},
    {NULL, NULL, 0, NULL},
};
