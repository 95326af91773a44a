// answers_dominators.c - what holds what: retained and dominators.
#include <stdlib.h>

#include "answers.h"
#include "record.h"

#define LIMIT_DEPTH 1000
#define LIMIT_TOP 100000

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

PyObject *answer_retained(PyObject *Py_UNUSED(module), PyObject *arguments)
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
    Py_BEGIN_ALLOW_THREADS status = question_find(&question, address, &index, &object);
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
    struct mx_object object = question_object(walk->question, node->object);
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

PyObject *answer_dominators(PyObject *Py_UNUSED(module), PyObject *arguments)
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
    Py_BEGIN_ALLOW_THREADS if (!whole) status = question_find(&question, address, &index, &object);
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
