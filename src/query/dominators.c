// dominators.c - the public questions about what holds what: the tree, its folds, what is inside.
#include <stdlib.h>

#include "base/error.h"
#include "base/vector.h"
#include "query/tree.h"
#include "snapshot/flow.h"

struct mx_tree {
    const struct snapshot *snapshot;
    struct tree tree;
};

mx_status mx_heap_tree(const mx_heap *heap, mx_tree **ret, struct mx_error *err)
{
    const struct snapshot *s;
    mx_status status = heap_snapshot(heap, &s, err);
    if (status)
        return status;
    struct mx_tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return fail_no_memory(err);
    tree->snapshot = s;
    status = snapshot_answered(s, tree_make(s, &tree->tree, err), err);
    if (status) {
        mx_tree_free(tree);
        return status;
    }
    *ret = tree;
    return MX_OK;
}

void mx_tree_free(mx_tree *tree)
{
    if (tree)
        tree_free(&tree->tree);
    free(tree);
}

uint64_t mx_tree_retained(const mx_tree *tree, uint32_t object)
{
    return object < tree->snapshot->object_count ? tree->tree.retained[object] : 0;
}

uint64_t mx_tree_bytes(const mx_tree *tree, uint32_t object)
{
    return object < tree->snapshot->object_count ? snapshot_nbytes(tree->snapshot, object) : 0;
}

uint32_t mx_tree_parent(const mx_tree *tree, uint32_t object)
{
    uint32_t parent =
        object < tree->snapshot->object_count ? tree->tree.dominators.parent[object] : MX_NO_OBJECT;
    return parent < tree->snapshot->object_count ? parent : MX_NO_OBJECT;
}

static uint32_t node_of(uint32_t object)
{
    return object == MX_NO_OBJECT ? DOMINATOR_ROOT : object;
}

uint64_t mx_tree_largest(const mx_tree *tree, uint32_t object, uint32_t most, uint32_t *ret,
                         uint32_t *ret_count)
{
    uint32_t count = 0;
    *ret_count = 0;
    if (object != MX_NO_OBJECT && object >= tree->snapshot->object_count)
        return 0;
    dominator_children_of(&tree->tree.children, node_of(object), &count);
    *ret_count = dominator_children_largest(&tree->tree.children, node_of(object),
                                            tree->tree.retained, most, ret);
    return count;
}

// ---- rows by type -------------------------------------------------------------------------------

// Sums for each type, and which rows there are.
struct sums {
    const struct mx_tree *tree;
    struct mx_holding *by_type; // [types]
};

static mx_status sums_init(const struct mx_tree *tree, struct sums *ret, struct mx_error *err)
{
    *ret = (struct sums){tree, calloc(tree->snapshot->type_count + 1, sizeof *ret->by_type)};
    return ret->by_type ? MX_OK : fail_no_memory(err);
}

static struct mx_holding *sums_add(struct sums *sums, uint32_t object)
{
    const struct snapshot *s = sums->tree->snapshot;
    uint32_t type = (uint32_t)column_at(&s->type, object);
    struct mx_holding *row = &sums->by_type[type];
    row->type = s->types[type].name;
    row->type_index = type;
    row->count++;
    row->bytes += snapshot_nbytes(s, object);
    row->retained += sums->tree->tree.retained[object];
    return row;
}

static int compare_holdings(const void *a, const void *b)
{
    const struct mx_holding *left = a, *right = b;
    int order = (left->retained < right->retained) - (left->retained > right->retained);
    return order ? order : strcmp(left->type, right->type);
}

// The rows that there are, in one block with room for `objects` objects behind them.
static mx_status sums_finish(struct sums *sums, uint64_t objects, struct mx_holding **ret,
                             size_t *ret_count, uint32_t **ret_objects, struct mx_error *err)
{
    size_t type_count = sums->tree->snapshot->type_count, count = 0;
    mx_status status = snapshot_answered(sums->tree->snapshot, MX_OK, err);
    if (status)
        return status;
    for (size_t i = 0; i < type_count; i++)
        count += sums->by_type[i].count != 0;
    struct mx_holding *rows =
        malloc((count + 1) * sizeof *rows + (objects + 1) * sizeof **ret_objects);
    if (!rows)
        return fail_no_memory(err);
    size_t at = 0;
    for (size_t i = 0; i < type_count; i++)
        if (sums->by_type[i].count)
            rows[at++] = sums->by_type[i];
    *ret = rows;
    *ret_count = count;
    *ret_objects = (uint32_t *)(void *)(rows + count + 1);
    return MX_OK;
}

// ---- folds --------------------------------------------------------------------------------------

typedef void each_fn(struct sums *sums, uint32_t object, void *data);

static void each_child(struct sums *sums, const uint32_t *objects, size_t count, each_fn *fn,
                       void *data)
{
    const struct dominator_children *children = &sums->tree->tree.children;
    const uint32_t root = MX_NO_OBJECT;
    if (!objects) {
        objects = &root;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t child_count;
        if (objects[i] != MX_NO_OBJECT && objects[i] >= sums->tree->snapshot->object_count)
            continue;
        const uint32_t *child = dominator_children_of(children, node_of(objects[i]), &child_count);
        for (uint32_t k = 0; k < child_count; k++)
            fn(sums, child[k], data);
    }
}

static void count_child(struct sums *sums, uint32_t object, void *data)
{
    sums_add(sums, object);
    ++*(uint64_t *)data;
}

// next[type] is where the type's next object goes.
static void place_child(struct sums *sums, uint32_t object, void *data)
{
    uint32_t **next = data;
    *next[column_at(&sums->tree->snapshot->type, object)]++ = object;
}

mx_status mx_tree_fold(const mx_tree *tree, const uint32_t *objects, size_t count,
                       struct mx_holding **ret, size_t *ret_count, struct mx_error *err)
{
    struct sums sums;
    uint64_t total = 0;
    uint32_t *room;
    mx_status status = sums_init(tree, &sums, err);
    if (status)
        return status;
    each_child(&sums, objects, count, count_child, &total);
    uint32_t **next = calloc(tree->snapshot->type_count + 1, sizeof *next);
    status = next ? sums_finish(&sums, total, ret, ret_count, &room, err) : fail_no_memory(err);
    if (!status) {
        qsort(*ret, *ret_count, sizeof **ret, compare_holdings);
        for (size_t i = 0; i < *ret_count; i++) {
            struct mx_holding *row = &(*ret)[i];
            next[row->type_index] = room;
            row->objects = room;
            room += row->count;
        }
        each_child(&sums, objects, count, place_child, next);
    }
    free(next);
    free(sums.by_type);
    return status;
}

// ---- what is inside -----------------------------------------------------------------------------

mx_status mx_tree_inside(const mx_tree *tree, uint32_t object, struct mx_holding **ret,
                         size_t *ret_count, struct mx_error *err)
{
    struct sums sums;
    uint32_t *unused;
    VECTOR(uint32_t) stack = {0};
    if (object >= tree->snapshot->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", object,
                    tree->snapshot->object_count);
    mx_status status = sums_init(tree, &sums, err);
    if (!status && !vector_push(&stack, object))
        status = fail_no_memory(err);
    while (!status && stack.count) {
        uint32_t at = stack.items[--stack.count], count;
        const uint32_t *children = dominator_children_of(&tree->tree.children, at, &count);
        struct mx_holding *row = sums_add(&sums, at);
        row->retained = row->bytes; // of what is inside, each for itself
        if (!vector_reserve(&stack, stack.count + count))
            status = fail_no_memory(err);
        for (uint32_t i = 0; i < count && !status; i++)
            stack.items[stack.count++] = children[i];
    }
    vector_free(&stack);
    if (!status)
        status = sums_finish(&sums, 0, ret, ret_count, &unused, err);
    if (!status)
        qsort(*ret, *ret_count, sizeof **ret, compare_holdings);
    free(sums.by_type);
    return status;
}

mx_status mx_tree_types(const mx_tree *tree, struct mx_holding **ret, size_t *ret_count,
                        struct mx_error *err)
{
    const struct snapshot *s = tree->snapshot;
    struct sums sums;
    uint32_t *unused;
    uint32_t *classes = malloc(((size_t)s->object_count + 1) * sizeof *classes);
    uint64_t *together = calloc(s->type_count + 1, sizeof *together);
    mx_status status = sums_init(tree, &sums, err);
    if (!classes || !together)
        status = fail_no_memory(err);
    for (uint32_t i = 0; i < s->object_count && !status; i++) {
        classes[i] = (uint32_t)column_at(&s->type, i);
        sums_add(&sums, i);
    }
    if (!status)
        status = dominator_children_union(&tree->tree.children, classes, (uint32_t)s->type_count,
                                          tree->tree.retained, together, err);
    for (size_t i = 0; i < s->type_count && !status; i++)
        sums.by_type[i].retained = together[i];
    if (!status)
        status = sums_finish(&sums, 0, ret, ret_count, &unused, err);
    if (!status)
        qsort(*ret, *ret_count, sizeof **ret, compare_holdings);
    free(classes);
    free(together);
    free(sums.by_type);
    return status;
}

void mx_holdings_free(struct mx_holding *holdings)
{
    free(holdings);
}

// ---- a proof ------------------------------------------------------------------------------------

// The sizes, once the tree itself is right.
static bool sizes_are_right(const struct snapshot *s, const struct tree *tree, uint32_t *ret_object,
                            uint64_t *sums)
{
    for (uint32_t i = 0; i < s->object_count; i++)
        sums[i] = snapshot_nbytes(s, i);
    dominators_retained(&tree->dominators, sums, sums);
    for (uint32_t i = 0; i < s->object_count; i++)
        if (sums[i] != tree->retained[i]) {
            *ret_object = i;
            return false;
        }
    return true;
}

mx_status mx_tree_verify(const mx_tree *tree, bool *ret_right, uint32_t *ret_object,
                         struct mx_error *err)
{
    struct snapshot_flow flow;
    const struct snapshot *s = tree->snapshot;
    *ret_object = 0;
    mx_status status = snapshot_flow_init(s, &flow, err);
    if (status)
        return status;
    status = dominators_verify(&flow.flow, &tree->tree.dominators, ret_right, ret_object, err);
    snapshot_flow_free(&flow);
    if (status || !*ret_right)
        return status;
    uint64_t *sums = malloc(((size_t)s->object_count + 1) * sizeof *sums);
    if (!sums)
        return fail_no_memory(err);
    *ret_right = sizes_are_right(s, &tree->tree, ret_object, sums);
    free(sums);
    return snapshot_answered(s, MX_OK, err);
}
