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
        tree->retained[i] = column_at(&s->retained, i);
    }
}

// What no root of the tree leads to is left out: only a damaged file has such.
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

mx_status tree_make(const struct snapshot *s, struct tree *ret, struct mx_error *err)
{
    size_t room = (size_t)s->object_count + 1;
    *ret = (struct tree){.dominators = {.node_count = s->object_count, .reached = s->object_count}};
    ret->dominators.parent = malloc(room * sizeof *ret->dominators.parent);
    ret->dominators.order = malloc(room * sizeof *ret->dominators.order);
    ret->retained = malloc(room * sizeof *ret->retained);
    if (!ret->dominators.parent || !ret->dominators.order || !ret->retained)
        return fail_no_memory(err);
    read_columns(s, ret);
    mx_status status = dominator_children_find(&ret->dominators, &ret->children, err);
    if (!status)
        order_from_roots(ret);
    return status;
}

void tree_free(struct tree *tree)
{
    dominators_free(&tree->dominators);
    dominator_children_free(&tree->children);
    free(tree->retained);
    tree->retained = NULL;
}
