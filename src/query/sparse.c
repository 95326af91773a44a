// sparse.c - dicts, lists and sets that hold nothing, or far less than they have room for.
//
// What few items need is no table of ours: it is the size of the smallest container of the type with
// as many references in the same heap. Namespaces and the dicts of instances are not looked at.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/suspects.h"

#define FEW 8 // references: four items of a dict
#define MANY (FEW + 1)
#define ROOM 4 // times what is needed
#define NOT_FOUND UINT64_MAX
#define ROW_LEAST 1024 // bytes wasted in one place, to be a row

struct finder {
    struct mx_suspects *suspects;
    const struct snapshot *snapshot;
    uint64_t (*needed)[FEW + 1]; // [types], by references
    struct mx_sparse *by_node;   // [nodes]
    uint64_t *largest;           // [nodes], waste of the example
    uint8_t *items;              // [objects], MANY for more than FEW
};

static bool is_looked_at(const struct finder *finder, uint32_t object)
{
    uint8_t family = snapshot_type_of(finder->snapshot, object)->family;
    const struct fold *fold = &finder->suspects->fold;
    const struct fold_node *node = &fold->nodes[fold->node_of[object]];
    return (family == SNAPSHOT_LIST || family == SNAPSHOT_DICT || family == SNAPSHOT_SET) &&
           !node->is_namespace && !node->is_attributes && !node->is_trunk && !node->is_code;
}

// References to what it contains: a defaultdict also has its factory, a subclass its class.
static uint64_t items_of(const struct finder *finder, uint32_t object)
{
    const struct snapshot *s = finder->snapshot;
    uint64_t first = column_at(&s->first, object);
    uint64_t count = snapshot_references(s, object), items = count;
    char label[64];
    for (uint64_t i = 0; i < count && count <= FEW + 2; i++) {
        s->texts.label(s->texts.data, object, first + i, label, sizeof label);
        if (*label != '[' && *label != '{')
            items--;
    }
    return items;
}

static void find_needed(const struct finder *finder)
{
    const struct snapshot *s = finder->snapshot;
    for (size_t type = 0; type < s->type_count; type++)
        for (int i = 0; i <= FEW; i++)
            finder->needed[type][i] = NOT_FOUND;
    for (uint32_t i = 0; i < s->object_count; i++) {
        if (!is_looked_at(finder, i))
            continue;
        uint64_t count = items_of(finder, i);
        finder->items[i] = (uint8_t)(count < MANY ? count : MANY);
        if (count > FEW)
            continue;
        uint64_t *needed = &finder->needed[column_at(&s->type, i)][count];
        uint64_t nbytes = snapshot_nbytes(s, i);
        *needed = nbytes < *needed ? nbytes : *needed;
    }
}

static void look_at(const struct finder *finder, uint32_t object)
{
    const struct snapshot *s = finder->snapshot;
    uint32_t node = finder->suspects->fold.node_of[object];
    struct mx_sparse *row = &finder->by_node[node];
    uint64_t count = finder->items[object], nbytes = snapshot_nbytes(s, object), wasted = 0;
    row->count++;
    if (count == 0) {
        row->empty++;
        wasted = nbytes;
    } else if (count <= FEW) {
        uint64_t needed = finder->needed[column_at(&s->type, object)][count];
        if (nbytes / ROOM < needed)
            return;
        row->nearly++;
        wasted = nbytes - needed;
    } else {
        return;
    }
    row->wasted += wasted;
    if (!row->type || wasted > finder->largest[node]) {
        row->type = snapshot_type_of(s, object)->name;
        row->example = snapshot_address(s, object);
        finder->largest[node] = wasted;
    }
}

static int by_waste(const void *a, const void *b)
{
    const struct mx_sparse *left = a, *right = b;
    if (left->wasted != right->wasted)
        return left->wasted < right->wasted ? 1 : -1;
    return left->example < right->example ? -1 : left->example > right->example;
}

static mx_status add_rows(struct finder *finder, struct mx_error *err)
{
    struct mx_suspects *suspects = finder->suspects;
    struct mx_suspect_totals *totals = &suspects->totals;
    for (uint32_t i = 0; i < suspects->fold.node_count; i++) {
        const struct mx_sparse *row = &finder->by_node[i];
        totals->empty += row->empty;
        totals->nearly += row->nearly;
        totals->sparse_wasted += row->wasted;
        if (row->wasted >= ROW_LEAST && !vector_push(&suspects->sparse, *row))
            return fail_no_memory(err);
    }
    if (suspects->sparse.count)
        qsort(suspects->sparse.items, suspects->sparse.count, sizeof *suspects->sparse.items,
              by_waste);
    if (suspects->sparse.count > MX_SUSPECT_ROWS)
        suspects->sparse.count = MX_SUSPECT_ROWS;
    for (size_t i = 0; i < suspects->sparse.count; i++) {
        struct mx_sparse *row = &suspects->sparse.items[i];
        const struct fold_node *node;
        struct names names;
        uint32_t object;
        if (!snapshot_find(suspects->snapshot, row->example, &object))
            return fail(err, MX_CORRUPT, "0x%llx is not found where it is",
                        (unsigned long long)row->example);
        node = &suspects->fold.nodes[suspects->fold.node_of[object]];
        mx_status status = names_of(&suspects->hang, object, node->other, &names, err);
        if (status)
            return status;
        if (!(row->where = suspects_keep(suspects, names.holder)))
            return fail_no_memory(err);
    }
    return MX_OK;
}

mx_status suspects_add_sparse(struct mx_suspects *suspects, struct mx_error *err)
{
    size_t nodes = (size_t)suspects->fold.node_count + 1;
    struct finder finder = {.suspects = suspects,
                            .snapshot = suspects->snapshot,
                            .needed =
                                calloc(suspects->snapshot->type_count + 1, sizeof *finder.needed),
                            .by_node = calloc(nodes, sizeof *finder.by_node),
                            .largest = calloc(nodes, sizeof *finder.largest),
                            .items = malloc((size_t)suspects->snapshot->object_count + 1)};
    mx_status status = MX_OK;
    if (!finder.needed || !finder.by_node || !finder.largest || !finder.items) {
        status = fail_no_memory(err);
    } else {
        find_needed(&finder);
        for (uint32_t i = 0; i < suspects->snapshot->object_count; i++)
            if (is_looked_at(&finder, i))
                look_at(&finder, i);
        status = add_rows(&finder, err);
    }
    free(finder.needed);
    free(finder.by_node);
    free(finder.largest);
    free(finder.items);
    return status;
}
