// selection.c - which objects of a heap are wanted, and in which order.
//
//   type names --once--> wanted[type], rank[type] --one pass over mx_heap_facts--> ranked --> fn
//
// With a limit, no more than twice that many objects are ever held: when they are that many, the
// better half is kept. Without one, all of those wanted are.
#include "selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"

struct ranked {
    uint64_t key; // the smallest comes first
    uint32_t index;
};

struct ranking {
    struct ranked *items;
    size_t count, capacity, limit; // limit 0 for none
};

// ---- types ------------------------------------------------------------------------------------

bool selection_type_matches(const char *wanted, const char *name)
{
    const char *last = strrchr(name, '.');
    if (strcmp(wanted, name) == 0) // also a name with a bracket or a star in it
        return true;
    return fnmatch(wanted, name, 0) == 0 || (last && fnmatch(wanted, last + 1, 0) == 0);
}

static int compare_names(const void *a, const void *b)
{
    const struct mx_type *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

// The place of each type in alphabetical order; two of the same name share one, so that their
// objects stay in order of address. The caller frees it.
static uint32_t *rank_types(const struct mx_type *types, size_t count)
{
    const struct mx_type **sorted = must(calloc(count + 1, sizeof *sorted));
    uint32_t *ranks = must(calloc(count + 1, sizeof *ranks));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &types[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && strcmp(sorted[i - 1]->name, sorted[i]->name) != 0)
            rank++;
        ranks[sorted[i] - types] = rank;
    }
    free(sorted);
    return ranks;
}

static bool *mark_wanted_types(const struct mx_type *types, size_t count, const char *wanted)
{
    bool *marks = must(calloc(count + 1, sizeof *marks));
    for (size_t i = 0; i < count; i++)
        marks[i] = !wanted || selection_type_matches(wanted, types[i].name);
    return marks;
}

// ---- order ------------------------------------------------------------------------------------

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static uint64_t rank_key(enum sort_order order, const struct mx_object *object, uint32_t type_rank)
{
    switch (order) {
    case SORT_ADDRESS:
        return 0;
    case SORT_SIZE:
        return ~object->size;
    case SORT_REFCOUNT: // immortal is not a number, and comes after all numbers
        return object->immortal ? UINT64_MAX : UINT64_MAX - 1 - (uint64_t)object->refcount;
    case SORT_TYPE:
        return type_rank;
    }
    __builtin_unreachable();
}

static void sort_ranking(struct ranking *ranking)
{
    qsort(ranking->items, ranking->count, sizeof *ranking->items, compare_ranked);
    if (ranking->limit && ranking->count > ranking->limit)
        ranking->count = ranking->limit;
}

static void add_ranked(struct ranking *ranking, struct ranked item)
{
    if (ranking->limit && ranking->count == 2 * ranking->limit)
        sort_ranking(ranking);
    if (ranking->count == ranking->capacity) {
        ranking->capacity = ranking->capacity ? ranking->capacity * 2 : 1024;
        ranking->items =
            must(reallocarray(ranking->items, ranking->capacity, sizeof *ranking->items));
    }
    ranking->items[ranking->count++] = item;
}

// ---- the pass ---------------------------------------------------------------------------------

struct pass {
    const mx_heap *heap;
    const struct selection *selection;
    bool *wanted;
    uint32_t *ranks; // NULL unless sorted by type
    uint64_t found;
};

// In order of address, nothing has to be kept.
static void visit_by_address(struct pass *pass, selection_fn *fn, void *data)
{
    uint64_t count = mx_heap_summary(pass->heap)->objects, limit = pass->selection->limit;
    for (uint32_t index = 0; index < count; index++) {
        struct mx_object object;
        uint32_t type;
        mx_heap_facts(pass->heap, index, &object, &type);
        if (!pass->wanted[type] || object.size < pass->selection->min_size)
            continue;
        pass->found++;
        if ((limit == 0 || pass->found <= limit) && !fn(index, data))
            return;
    }
}

static void visit_ranked(struct pass *pass, selection_fn *fn, void *data)
{
    const struct selection *selection = pass->selection;
    uint64_t count = mx_heap_summary(pass->heap)->objects;
    struct ranking ranking = {.limit = selection->limit < count ? selection->limit : 0};
    for (uint32_t index = 0; index < count; index++) {
        struct mx_object object;
        uint32_t type;
        mx_heap_facts(pass->heap, index, &object, &type);
        if (!pass->wanted[type] || object.size < selection->min_size)
            continue;
        pass->found++;
        uint32_t type_rank = pass->ranks ? pass->ranks[type] : 0;
        uint64_t key = rank_key(selection->order, &object, type_rank);
        add_ranked(&ranking, (struct ranked){key, index});
    }
    sort_ranking(&ranking);
    for (size_t i = 0; i < ranking.count && fn(ranking.items[i].index, data); i++)
        ;
    free(ranking.items);
}

void selection_run(const mx_heap *heap, const struct selection *selection, selection_fn *fn,
                   void *data, uint64_t *ret_left)
{
    const struct mx_type *types;
    size_t count = mx_heap_types(heap, &types);
    struct pass pass = {.heap = heap, .selection = selection};
    pass.wanted = mark_wanted_types(types, count, selection->type);
    if (selection->order == SORT_TYPE)
        pass.ranks = rank_types(types, count);
    if (selection->order == SORT_ADDRESS)
        visit_by_address(&pass, fn, data);
    else
        visit_ranked(&pass, fn, data);
    uint64_t limit = selection->limit;
    *ret_left = limit && pass.found > limit ? pass.found - limit : 0;
    free(pass.wanted);
    free(pass.ranks);
}
