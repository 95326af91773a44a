// flow.c - depth first without recursion, then the edges that lead back in the order of the search.
#include "graph/flow.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/vector.h"

#define AHEAD 6 // edges: their ends are asked for before they are needed

// A node whose edges are being followed: those that are left.
struct level {
    uint64_t edge, end;
    uint32_t number;
};

struct search {
    const struct flow *flow;
    struct numbering *to;
    VECTOR(struct level) above; // the current one
};

static uint32_t meet(struct numbering *to, uint32_t node, uint32_t from)
{
    uint32_t number = ++to->reached;
    to->number[node] = number;
    to->order[number - 1] = node;
    to->parent[number] = to->highest[number] = from;
    return number;
}

static struct level level_of(const struct search *search, uint32_t node, uint32_t number)
{
    const uint64_t *offsets = search->flow->graph->offsets;
    return (struct level){offsets[node], offsets[node + 1], number};
}

// Follows the edges until one leads to a new node that has edges itself; *ret is its level then.
// False when none does.
static bool follow(const struct search *search, struct level *level, struct level *ret)
{
    struct numbering *to = search->to;
    const uint32_t *targets = search->flow->graph->targets;
    uint32_t at = level->number;
    for (uint64_t edge = level->edge, end = level->end; edge < end; edge++) {
        if (edge + AHEAD < end)
            __builtin_prefetch(&to->number[targets[edge + AHEAD]]);
        if (!flow_follows(search->flow, edge))
            continue;
        uint32_t node = targets[edge], number = to->number[node];
        if (!number) {
            *ret = level_of(search, node, meet(to, node, at));
            if (ret->edge < ret->end) {
                level->edge = edge + 1;
                return true;
            }
        } else if (number < at) {
            to->first[number]++;
        } else if (to->highest[number] > at) {
            to->highest[number] = at;
        }
    }
    return false;
}

static bool search_from_one(struct search *search, uint32_t entry)
{
    struct numbering *to = search->to;
    if (to->number[entry]) {
        to->highest[to->number[entry]] = 0;
        return true;
    }
    struct level level = level_of(search, entry, meet(to, entry, 0)), below;
    for (;;) {
        if (follow(search, &level, &below)) {
            if (!vector_push(&search->above, level))
                return false;
            level = below;
        } else if (search->above.count) {
            level = search->above.items[--search->above.count];
        } else {
            return true;
        }
    }
}

static bool search_from(struct search *search, const uint32_t *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!search_from_one(search, entries[i]))
            return false;
    return true;
}

static mx_status search_all(struct search *search, struct mx_error *err)
{
    const struct flow *flow = search->flow;
    struct numbering *to = search->to;
    if (!search_from(search, flow->entries, flow->entry_count))
        return fail_no_memory(err);
    if (!flow->close || to->reached == flow->graph->node_count)
        return MX_OK;
    mx_status status = flow_close(flow, to->number, &to->added, &to->added_count, err);
    if (!status && !search_from(search, to->added, to->added_count))
        status = fail_no_memory(err);
    return status;
}

// first[n] has been the count of n's later edges; filled from the back, it ends as their place.
static bool keep_later(const struct flow *flow, struct numbering *to)
{
    uint64_t total = 0;
    for (uint32_t number = 0; number <= to->reached; number++)
        to->first[number] = total += to->first[number];
    to->first[to->reached + 1] = total;
    if (!(to->later = malloc((total + 1) * sizeof *to->later)))
        return false;
    const struct graph *graph = flow->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t from = to->number[node];
        for (uint64_t edge = graph->offsets[node]; from && edge < graph->offsets[node + 1];
             edge++) {
            uint32_t number = to->number[graph->targets[edge]];
            if (number < from && flow_follows(flow, edge))
                to->later[--to->first[number]] = from;
        }
    }
    return true;
}

void numbering_free(struct numbering *numbering)
{
    free(numbering->number);
    free(numbering->order);
    free(numbering->parent);
    free(numbering->highest);
    free(numbering->first);
    free(numbering->later);
    free(numbering->added);
    *numbering = (struct numbering){0};
}

mx_status numbering_find(const struct flow *flow, struct numbering *ret, struct mx_error *err)
{
    size_t count = (size_t)flow->graph->node_count + 1;
    struct numbering found = {.number = calloc(count, sizeof *found.number),
                              .order = malloc(count * sizeof *found.order),
                              .parent = malloc(count * sizeof *found.parent),
                              .highest = malloc(count * sizeof *found.highest),
                              .first = calloc(count + 1, sizeof *found.first)};
    struct search search = {.flow = flow, .to = &found};
    mx_status status = MX_OK;
    if (!found.number || !found.order || !found.parent || !found.highest || !found.first) {
        status = fail_no_memory(err);
    } else {
        found.parent[0] = found.highest[0] = 0;
        status = search_all(&search, err);
    }
    vector_free(&search.above);
    if (!status && !keep_later(flow, &found))
        status = fail_no_memory(err);
    if (status)
        numbering_free(&found);
    else
        *ret = found;
    return status;
}
