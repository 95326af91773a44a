// tree.c - children of every object, then an order from the roots down.
#include "query/tree.h"

#include <stdlib.h>

#include "base/error.h"

static void read_columns(const struct snapshot *s, struct tree *tree)
{
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t parent = snapshot_dominator(s, i);
        tree->dominators.parent[i] = parent < s->object_count ? parent : DOMINATOR_ROOT;
        tree->dominators.order[i] = i; // until it is known: all that dominator_children_find needs
        if (tree->unpacked)
            tree->unpacked[i] = column_at(&s->retained, i);
    }
}

static void order_from_roots(struct tree *tree)
{
    uint32_t *order = tree->dominators.order, reached, count;
    const uint32_t *children = dominator_children_of(&tree->children, DOMINATOR_ROOT, &reached);
    memcpy(order, children, reached * sizeof *order);
    for (uint32_t at = 0; at < reached; at++) {
        children = dominator_children_of(&tree->children, order[at], &count);
        memcpy(order + reached, children, count * sizeof *order);
        reached += count;
    }
    tree->dominators.reached = reached;
}

// Dominators that go round in a circle, which only a damaged file has, would never end: they are put
// under the root, where the proof (--verify) finds them wrong.
static mx_status break_circles(struct tree *tree, struct mx_error *err)
{
    uint32_t count = tree->dominators.node_count;
    if (tree->dominators.reached == count)
        return MX_OK;
    uint8_t *reached = calloc((size_t)count + 1, 1);
    if (!reached)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < tree->dominators.reached; i++)
        reached[tree->dominators.order[i]] = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!reached[i])
            tree->dominators.parent[i] = DOMINATOR_ROOT;
        tree->dominators.order[i] = i;
    }
    free(reached);
    tree->dominators.reached = count;
    dominator_children_free(&tree->children);
    mx_status status = dominator_children_find(&tree->dominators, &tree->children, err);
    if (!status)
        order_from_roots(tree);
    return status;
}

mx_status tree_make(const struct snapshot *s, struct tree *ret, struct mx_error *err)
{
    size_t room = (size_t)s->object_count + 1;
    *ret = (struct tree){.dominators = {.node_count = s->object_count, .reached = s->object_count}};
    ret->dominators.parent = malloc(room * sizeof *ret->dominators.parent);
    ret->dominators.order = malloc(room * sizeof *ret->dominators.order);
    if (s->retained.encoding == COLUMN_U64 && !s->retained.untrusted)
        ret->retained = (const uint64_t *)(const void *)s->retained.bytes;
    else
        ret->retained = ret->unpacked = malloc(room * sizeof *ret->unpacked);
    if (!ret->dominators.parent || !ret->dominators.order || !ret->retained)
        return fail_no_memory(err);
    read_columns(s, ret);
    mx_status status = dominator_children_find(&ret->dominators, &ret->children, err);
    if (status)
        return status;
    order_from_roots(ret);
    return break_circles(ret, err);
}

void tree_free(struct tree *tree)
{
    dominators_free(&tree->dominators);
    dominator_children_free(&tree->children);
    free(tree->unpacked);
    tree->retained = tree->unpacked = NULL;
}
