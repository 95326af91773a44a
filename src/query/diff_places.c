// diff_places.c - what changed by where it hangs: the folds of all snapshots (fold.h), laid on each
// other.
//
// A node of one fold is that of another when their parents are, and they are of one type and have one
// name in them. A row is told where the change comes from: the node of which no single child has most
// of it. The trunk (modules, classes, functions) is gone through, and so is not a row itself, but for
// what is new of it.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "query/diff.h"
#include "query/names.h"

#define HASH_STEP 0x9E3779B97F4A7C15ull
#define LIMIT_LABEL 200
#define FIXED_PLACE 32  // fold.c: of a C struct, where what is behind is not told apart
#define MOST_OF_IT 0.8  // of a change, in one child: it is told there
#define NO_PLACE_NODE 0 // the first: all hangs on it

struct place {
    uint32_t parent, child, next;
    uint32_t latest, largest, other; // the last snapshot that has it, two of its objects there
    uint32_t earliest;
    bool is_trunk;
};

struct placing {
    struct mx_diff *diff;
    VECTOR(struct place) places;
    VECTOR(struct mx_diff_sum) sums; // [places * (count + 2)]: of each, born, died
    struct map by_key;
    uint64_t *names; // [types of the snapshot that is laid on] hashes of their names
};

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * HASH_STEP;
    return hash ^ hash >> 32;
}

static uint64_t hash_text(const char *text, bool digits)
{
    uint64_t hash = 1;
    for (bool number = false; *text; text++) {
        bool digit = !digits && isdigit((unsigned char)*text);
        if (!digit || !number)
            hash = mixed(hash, digit ? '0' : (uint8_t)*text);
        number = digit;
    }
    return hash;
}

static struct mx_diff_sum *sums_of(const struct placing *placing, uint32_t place)
{
    return placing->sums.items + (size_t)place * (placing->diff->count + 2);
}

// ---- laying one on the others -------------------------------------------------------------------

static uint64_t root_key(const struct hang *hang, uint32_t object)
{
    const struct snapshot *s = hang->snapshot;
    uint32_t reference = hang->place[object];
    char label[LIMIT_LABEL] = "";
    if (reference == NO_PLACE)
        return 0;
    const struct snapshot_root *root = &s->roots[s->root_references[reference].root];
    switch ((enum root_kind)root->kind) {
    case ROOT_MODULE:
        return hash_text(root->name, true);
    case ROOT_TYPE:
        return snapshot_address(s, object);
    case ROOT_FRAME:
    case ROOT_THREAD:
    case ROOT_INTERPRETER:
        s->texts.root_label(s->texts.data, reference, label, sizeof label);
        return hash_text(label, false);
    case ROOT_NATIVE:
    case ROOT_GARBAGE:
        break;
    }
    return 0;
}

// What tells the node from its siblings, in every snapshot.
static uint64_t node_key(const struct placing *placing, const struct fold *fold, uint32_t number)
{
    const struct fold_node *node = &fold->nodes[number], *parent = &fold->nodes[node->parent];
    const struct snapshot *s = fold->hang->snapshot;
    char label[LIMIT_LABEL] = "";
    if (node->is_root)
        return mixed(
            hash_text(node->largest < s->root_count ? s->roots[node->largest].name : "", false),
            node->place + 1);
    uint64_t key = placing->names[node->type];
    if (parent->is_root)
        return mixed(key, root_key(fold->hang, node->largest));
    uint32_t holder = hang_holder(fold->hang, node->largest);
    uint32_t place = fold->hang->place[node->largest];
    if (parent->has_places && holder != MX_NO_OBJECT && place != NO_PLACE &&
        (parent->is_namespace || node->place < FIXED_PLACE))
        snapshot_label(s, holder, column_at(&s->first, holder) + place, label, sizeof label);
    return mixed(key, hash_text(label, true));
}

static mx_status find_place(struct placing *placing, uint64_t key, uint32_t parent, uint32_t *ret,
                            struct mx_error *err)
{
    uint64_t *known = map_put(&placing->by_key, mixed(key, parent) | 1);
    if (!known)
        return fail_no_memory(err);
    if (!*known) {
        size_t sums = placing->diff->count + 2;
        struct place place = {.parent = parent,
                              .child = NO_NODE,
                              .next = placing->places.items[parent].child,
                              .earliest = UINT32_MAX};
        if (!vector_push(&placing->places, place) ||
            !vector_reserve(&placing->sums, placing->sums.count + sums))
            return fail_no_memory(err);
        memset(placing->sums.items + placing->sums.count, 0, sums * sizeof *placing->sums.items);
        placing->sums.count += sums;
        *known = placing->places.count;
        placing->places.items[parent].child = (uint32_t)*known - 1;
    }
    *ret = (uint32_t)*known - 1;
    return MX_OK;
}

static mx_status lay_nodes(struct placing *placing, const struct fold *fold, uint32_t i,
                           uint32_t *place_of_node, struct mx_error *err)
{
    place_of_node[NODE_ROOTS] = NO_PLACE_NODE;
    for (uint32_t number = 1; number < fold->node_count; number++) {
        const struct fold_node *node = &fold->nodes[number];
        uint32_t *place = &place_of_node[number];
        mx_status status = find_place(placing, node_key(placing, fold, number),
                                      place_of_node[node->parent], place, err);
        if (status)
            return status;
        struct place *known = &placing->places.items[*place];
        struct mx_diff_sum *sum = &sums_of(placing, *place)[i];
        sum->objects += node->count;
        sum->bytes += node->own_bytes;
        known->earliest = known->earliest < i ? known->earliest : i;
        known->latest = i;
        known->is_trunk = node->is_trunk;
        known->largest = node->is_root ? MX_NO_OBJECT : node->largest;
        known->other = node->other;
    }
    return MX_OK;
}

static mx_status lay(struct placing *placing, uint32_t i, struct mx_error *err)
{
    const struct snapshot *s = placing->diff->of[i];
    struct fold *fold = &placing->diff->folds[i];
    uint32_t *place_of_node = calloc((size_t)fold->node_count + 1, sizeof *place_of_node);
    mx_status status = MX_OK;
    placing->names = calloc(s->type_count + 1, sizeof *placing->names);
    if (!place_of_node || !placing->names)
        status = fail_no_memory(err);
    for (size_t type = 0; !status && type < s->type_count; type++)
        placing->names[type] = hash_text(s->types[type].name, true);
    if (!status)
        status = lay_nodes(placing, fold, i, place_of_node, err);
    for (uint32_t object = 0; !status && object < s->object_count; object++)
        fold->node_of[object] = place_of_node[fold->node_of[object]];
    free(place_of_node);
    free(placing->names);
    placing->names = NULL;
    return status;
}

// Of an object, when its fold was laid.
static uint32_t place_of(const struct mx_diff *diff, size_t i, uint32_t object)
{
    return diff->folds[i].node_of[object];
}

// ---- sums ---------------------------------------------------------------------------------------

static void add_born_and_died(struct placing *placing)
{
    struct mx_diff *diff = placing->diff;
    size_t last = diff->count - 1;
    const struct snapshot *s = diff->of[last];
    for (uint32_t object = 0; object < s->object_count; object++) {
        struct mx_diff_sum *sum = &sums_of(placing, place_of(diff, last, object))[diff->count];
        sum->objects += diff_is_born(diff, object);
        sum->bytes += diff_is_born(diff, object) ? snapshot_nbytes(s, object) : 0;
    }
    s = diff->of[0];
    for (uint32_t object = 0; object < s->object_count; object++) {
        struct mx_diff_sum *sum = &sums_of(placing, place_of(diff, 0, object))[diff->count + 1];
        bool died = diff_follow(diff, 0, object, last) == MX_NO_OBJECT;
        sum->objects += died;
        sum->bytes += died ? snapshot_nbytes(s, object) : 0;
    }
}

// Parents stand before their children.
static void sum_up(struct placing *placing)
{
    for (uint32_t place = (uint32_t)placing->places.count; place-- > 1;) {
        struct mx_diff_sum *sums = sums_of(placing, place);
        struct mx_diff_sum *above = sums_of(placing, placing->places.items[place].parent);
        for (size_t i = 0; i < placing->diff->count + 2; i++) {
            above[i].objects += sums[i].objects;
            above[i].bytes += sums[i].bytes;
        }
    }
}

static double change_of(const struct placing *placing, uint32_t place)
{
    const struct mx_diff_sum *sums = sums_of(placing, place);
    double change = (double)sums[placing->diff->count - 1].bytes - (double)sums[0].bytes;
    return change < 0 ? -change : change;
}

// ---- rows ---------------------------------------------------------------------------------------

// Names are made for those that become rows.
struct candidate {
    struct mx_diff_row row; // first: diff_compare_rows looks at it
    uint32_t place;
};
struct candidates {
    struct candidate *items;
    size_t count, capacity;
};

static bool is_wanted(const struct placing *placing, const struct place *place)
{
    const struct mx_diff *diff = placing->diff;
    const struct snapshot *s = diff->of[place->latest];
    return place->largest != MX_NO_OBJECT &&
           (!diff->type || strcmp(snapshot_type_of(s, place->largest)->name, diff->type) == 0);
}

// Is the change told at this place, and not at those below?
static bool is_told_here(const struct placing *placing, uint32_t number)
{
    const struct mx_diff *diff = placing->diff;
    const struct place *place = &placing->places.items[number];
    double change = change_of(placing, number), most = 0;
    bool came_or_went = place->earliest > 0 || place->latest + 1 < diff->count;
    if (place->is_trunk)
        return came_or_went && place->largest != MX_NO_OBJECT && change > 0;
    if (diff->type && !is_wanted(placing, place))
        return false;
    for (uint32_t child = place->child; child != NO_NODE; child = placing->places.items[child].next)
        most = change_of(placing, child) > most ? change_of(placing, child) : most;
    return change > 0 && most < change * MOST_OF_IT;
}

static bool add_candidate(const struct placing *placing, uint32_t number,
                          struct candidates *candidates)
{
    const struct mx_diff *diff = placing->diff;
    const struct place *place = &placing->places.items[number];
    const struct mx_diff_sum *sums = sums_of(placing, number);
    if (!is_wanted(placing, place))
        return true;
    struct candidate candidate = {
        .place = number,
        .row = {.name = "",
                .path = "",
                .type = snapshot_type_of(diff->of[place->latest], place->largest)->name,
                .all = sums,
                .born = sums[diff->count],
                .died = sums[diff->count + 1],
                .every_time = diff_grew_every_time(diff, sums)}};
    return vector_push(candidates, candidate);
}

static mx_status choose(const struct placing *placing, struct candidates *ret, struct mx_error *err)
{
    VECTOR(uint32_t) stack = {0};
    bool ok = vector_push(&stack, NO_PLACE_NODE);
    while (ok && stack.count) {
        uint32_t number = stack.items[--stack.count];
        const struct place *place = &placing->places.items[number];
        if (number != NO_PLACE_NODE && is_told_here(placing, number)) {
            ok = add_candidate(placing, number, ret);
            continue;
        }
        for (uint32_t child = place->child; ok && child != NO_NODE;
             child = placing->places.items[child].next)
            ok = vector_push(&stack, child);
    }
    vector_free(&stack);
    return ok ? MX_OK : fail_no_memory(err);
}

static mx_status add_row(struct placing *placing, const struct candidate *candidate,
                         struct mx_error *err)
{
    struct mx_diff *diff = placing->diff;
    const struct place *place = &placing->places.items[candidate->place];
    struct mx_diff_row row = candidate->row;
    struct names names;
    mx_status status =
        names_of(&diff->hangs[place->latest], place->largest, place->other, &names, err);
    if (status)
        return status;
    row.name = diff_keep(diff, names.holder);
    row.path = diff_keep(diff, names.path);
    for (size_t i = 0; i < diff->count; i++)
        diff->place_sums.items[diff->place_sums.count + i] = row.all[i];
    row.all = diff->place_sums.items + diff->place_sums.count;
    diff->place_sums.count += diff->count;
    return row.name && row.path && vector_push(&diff->places, row) ? MX_OK : fail_no_memory(err);
}

static mx_status add_rows(struct placing *placing, struct mx_error *err)
{
    struct mx_diff *diff = placing->diff;
    struct candidates candidates = {0};
    mx_status status = choose(placing, &candidates, err);
    size_t count = candidates.count < diff->most ? candidates.count : diff->most;
    if (!status && candidates.count)
        qsort_r(candidates.items, candidates.count, sizeof *candidates.items, diff_compare_rows,
                diff);
    if (!status && !vector_reserve(&diff->place_sums, count * diff->count + 1))
        status = fail_no_memory(err);
    for (size_t i = 0; !status && i < count; i++)
        status = add_row(placing, &candidates.items[i], err);
    free(candidates.items);
    return status;
}

mx_status diff_add_places(struct mx_diff *diff, struct mx_error *err)
{
    struct placing placing = {.diff = diff};
    struct place all = {.child = NO_NODE, .largest = MX_NO_OBJECT, .is_trunk = true};
    size_t sums = diff->count + 2;
    bool ok = vector_push(&placing.places, all) && vector_reserve(&placing.sums, sums);
    mx_status status = ok ? MX_OK : fail_no_memory(err);
    if (ok) {
        memset(placing.sums.items, 0, sums * sizeof *placing.sums.items);
        placing.sums.count = sums;
    }
    for (uint32_t i = 0; !status && i < diff->count; i++)
        status = lay(&placing, i, err);
    if (!status) {
        add_born_and_died(&placing);
        sum_up(&placing);
        status = add_rows(&placing, err);
    }
    map_free(&placing.by_key);
    vector_free(&placing.places);
    vector_free(&placing.sums);
    for (size_t i = 0; i < diff->count; i++) // what objects are told by is hangs alone
        fold_free(&diff->folds[i]);
    return status;
}
