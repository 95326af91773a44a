// suspects_find.c - down from the trunk to where many hang on few.
//
// A node is where objects accumulate when at least half of it are children of which there are many
// more than of itself, or when no child is large enough to be looked at. What is above the threshold
// is followed into every large child, so that a service object that has everything is none itself.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "query/suspects.h"

#define THRESHOLD_PERCENT 5         // of what is not the baseline
#define THRESHOLD_LEAST (64u << 10) // bytes: a smaller thing is no leak yet
#define MANY 16                     // children, at least, that accumulate
#define MANY_TIMES 8                // as many as there are holders

struct finder {
    const struct mx_suspects *suspects;
    const struct fold *fold;
    uint64_t threshold;
    struct accumulations *ret;
    VECTOR(struct accumulation) stack; // node and top are set
};

// ---- the baseline -------------------------------------------------------------------------------

static bool is_baseline(const struct fold_node *node)
{
    return node->is_code || (node->is_trunk && !node->is_root);
}

static void reckon_threshold(struct mx_suspects *suspects)
{
    const struct fold *fold = &suspects->fold;
    struct mx_suspect_totals *totals = &suspects->totals;
    for (uint32_t i = 0; i < fold->node_count; i++) {
        totals->bytes += fold->nodes[i].own_bytes;
        if (is_baseline(&fold->nodes[i]))
            totals->baseline += fold->nodes[i].own_bytes;
    }
    uint64_t part = (totals->bytes - totals->baseline) / 100 * THRESHOLD_PERCENT;
    totals->threshold = part > THRESHOLD_LEAST ? part : THRESHOLD_LEAST;
}

// ---- the walk -----------------------------------------------------------------------------------

static bool is_many(const struct fold_node *child, const struct fold_node *holder)
{
    uint64_t holders = holder->is_trunk ? 1 : holder->count;
    return child->count >= MANY && child->count / MANY_TIMES >= holders;
}

static bool add(struct finder *finder, uint32_t node, uint32_t top, uint32_t of, bool is_group)
{
    const struct fold_node *n = &finder->fold->nodes[node];
    struct accumulation accumulation = {.node = node,
                                        .top = top,
                                        .of = of,
                                        .bytes = n->bytes,
                                        .objects = n->objects,
                                        .is_group = is_group};
    return vector_push(finder->ret, accumulation);
}

static bool push(struct finder *finder, uint32_t node, uint32_t top)
{
    struct accumulation next = {.node = node, .top = top};
    return vector_push(&finder->stack, next);
}

static bool visit_trunk(struct finder *finder, uint32_t number)
{
    const struct fold_node *nodes = finder->fold->nodes, *node = &nodes[number];
    for (uint32_t child = node->child; child != NO_NODE; child = nodes[child].next) {
        if (nodes[child].bytes < finder->threshold || nodes[child].is_code)
            continue;
        bool is_passed =
            nodes[child].is_root || // and frames that run
            (nodes[child].is_trunk &&
             finder->suspects->snapshot->types[nodes[child].type].family == SNAPSHOT_FRAME);
        bool is_group = !is_passed && is_many(&nodes[child], node);
        if (is_group ? !add(finder, child, child, child, true) : !push(finder, child, child))
            return false;
    }
    return true;
}

// What only joins an object to what a person wrote: the dict of an instance, the cells of a closure.
static bool is_joint(const struct finder *finder, const struct fold_node *node)
{
    const struct snapshot_type *types = finder->suspects->snapshot->types;
    const struct fold_node *holder = &finder->fold->nodes[node->parent];
    uint8_t family = types[node->type].family;
    return node->is_attributes || family == SNAPSHOT_CELL ||
           (family == SNAPSHOT_TUPLE && !holder->is_root &&
            types[holder->type].family == SNAPSHOT_FUNCTION);
}

// Behind joints, the child with the most bytes; in a chain, the one that it goes on with.
static uint32_t behind_joints(const struct finder *finder, uint32_t number)
{
    const struct fold_node *nodes = finder->fold->nodes;
    while (number != NO_NODE && is_joint(finder, &nodes[number])) {
        uint32_t next = nodes[number].links ? nodes[number].back : NO_NODE;
        for (uint32_t child = nodes[number].child; child != NO_NODE && !nodes[number].links;
             child = nodes[child].next)
            if (nodes[child].count >= MANY &&
                (next == NO_NODE || nodes[child].bytes > nodes[next].bytes))
                next = child;
        if (next == NO_NODE)
            break;
        number = next;
    }
    return number;
}

// In the object, not in the dict of its attributes.
static bool add_at(struct finder *finder, uint32_t number, uint32_t top, uint32_t of)
{
    const struct fold_node *nodes = finder->fold->nodes;
    uint32_t parent = nodes[number].parent;
    bool is_chain = of != NO_NODE && nodes[of].links && nodes[of].links >= nodes[of].count / 10 * 9;
    if (nodes[number].is_attributes && !nodes[parent].is_trunk &&
        nodes[parent].count == nodes[number].count)
        number = parent;
    if (!add(finder, number, top, behind_joints(finder, of), false))
        return false;
    finder->ret->items[finder->ret->count - 1].is_chain = is_chain;
    return true;
}

static bool visit(struct finder *finder, uint32_t number, uint32_t top)
{
    const struct fold_node *nodes = finder->fold->nodes, *node = &nodes[number];
    uint64_t many_bytes = 0, large_bytes = 0;
    uint32_t largest = NO_NODE;
    for (uint32_t child = node->child; child != NO_NODE; child = nodes[child].next) {
        if (is_many(&nodes[child], node)) {
            many_bytes += nodes[child].bytes;
            if (largest == NO_NODE || nodes[child].bytes > nodes[largest].bytes)
                largest = child;
        }
        if (nodes[child].bytes >= finder->threshold)
            large_bytes += nodes[child].bytes;
    }
    if (many_bytes >= finder->threshold && many_bytes >= node->bytes / 2)
        return add_at(finder, number, top, largest);
    uint64_t rest = node->bytes - large_bytes;
    if (!large_bytes || (rest >= finder->threshold && rest >= large_bytes))
        return add_at(finder, number, top, largest);
    for (uint32_t child = node->child; child != NO_NODE; child = nodes[child].next)
        if (nodes[child].bytes >= finder->threshold && !push(finder, child, top))
            return false;
    return true;
}

static mx_status walk(struct finder *finder, struct mx_error *err)
{
    bool ok = push(finder, NODE_ROOTS, NODE_ROOTS);
    while (ok && finder->stack.count) {
        struct accumulation next = finder->stack.items[--finder->stack.count];
        ok = finder->fold->nodes[next.node].is_trunk ? visit_trunk(finder, next.node)
                                                     : visit(finder, next.node, next.top);
    }
    return ok ? MX_OK : fail_no_memory(err);
}

// ---- types in many places -----------------------------------------------------------------------

// The user's objects that hang here and there, each place below the threshold.
static mx_status find_spread(struct finder *finder, struct mx_error *err)
{
    const struct snapshot *s = finder->suspects->snapshot;
    const struct fold_node *nodes = finder->fold->nodes;
    struct accumulation *by_type = calloc(s->type_count + 1, sizeof *by_type);
    if (!by_type)
        return fail_no_memory(err);
    for (uint32_t i = 1; i < finder->fold->node_count; i++) {
        const struct fold_node *node = &nodes[i];
        if (node->is_trunk || node->bytes >= finder->threshold || !nodes[node->parent].is_trunk ||
            !(s->types[node->type].flags & TYPE_USER))
            continue;
        struct accumulation *sum = &by_type[node->type];
        if (!sum->objects || node->bytes > nodes[sum->node].bytes)
            sum->node = sum->top = sum->of = i;
        sum->bytes += node->bytes;
        sum->objects += node->objects;
    }
    bool ok = true;
    for (size_t type = 0; ok && type < s->type_count; type++) {
        by_type[type].is_group = by_type[type].is_spread = true;
        if (by_type[type].bytes >= finder->threshold)
            ok = vector_push(finder->ret, by_type[type]);
    }
    free(by_type);
    return ok ? MX_OK : fail_no_memory(err);
}

// ---- order --------------------------------------------------------------------------------------

struct order {
    uint64_t together; // bytes of all below one top
    struct accumulation accumulation;
};

static int by_bytes(const void *a, const void *b)
{
    const struct order *left = a, *right = b;
    if (left->together != right->together)
        return left->together < right->together ? 1 : -1;
    if (left->accumulation.top != right->accumulation.top)
        return left->accumulation.top < right->accumulation.top ? -1 : 1;
    if (left->accumulation.bytes != right->accumulation.bytes)
        return left->accumulation.bytes < right->accumulation.bytes ? 1 : -1;
    return left->accumulation.node < right->accumulation.node ? -1 : 1;
}

static mx_status sort(struct accumulations *found, struct mx_error *err)
{
    struct order *rows = calloc(found->count + 1, sizeof *rows);
    struct map together = {0};
    mx_status status = rows ? MX_OK : fail_no_memory(err);
    for (size_t i = 0; !status && i < found->count; i++) {
        uint64_t *sum = map_put(&together, (uint64_t)found->items[i].top + 1);
        if (sum)
            *sum += found->items[i].bytes;
        else
            status = fail_no_memory(err);
    }
    for (size_t i = 0; !status && i < found->count; i++)
        rows[i] = (struct order){*map_find(&together, (uint64_t)found->items[i].top + 1),
                                 found->items[i]};
    if (!status && found->count)
        qsort(rows, found->count, sizeof *rows, by_bytes);
    for (size_t i = 0; !status && i < found->count; i++)
        found->items[i] = rows[i].accumulation;
    map_free(&together);
    free(rows);
    return status;
}

mx_status suspects_find(struct mx_suspects *suspects, struct accumulations *ret,
                        struct mx_error *err)
{
    reckon_threshold(suspects);
    struct finder finder = {.suspects = suspects,
                            .fold = &suspects->fold,
                            .threshold = suspects->totals.threshold,
                            .ret = ret};
    mx_status status = walk(&finder, err);
    vector_free(&finder.stack);
    if (!status)
        status = find_spread(&finder, err);
    return status ? status : sort(ret, err);
}
