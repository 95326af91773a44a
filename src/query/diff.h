// diff.h - what changed between snapshots of one process: the parts of the answer.
//
//   diff_sides.c -> diff_match.c -> diff.c -> diff_rows.c (types)
//   (one at once)   diff_same.c            -> diff_places.c (folds of all, laid on each other)
//                   (two at once)          -> diff_objects.c
//
// An object is followed from each snapshot to the next: it is in all between the first and the last
// where it is found.
#ifndef MX_QUERY_DIFF_H
#define MX_QUERY_DIFF_H

#include "base/vector.h"
#include "query/fold.h"
#include "query/hang.h"
#include "snapshot/plain.h"

// Two neighbours.
struct pair {
    const struct snapshot *before, *after;
    const uint32_t *type_after; // [types before] MX_NO_OBJECT: not there any more
    uint32_t *next;             // [objects before] its number after; MX_NO_OBJECT: died
};

// Is `a` of `before` the object `b` of `after`, which has its address and type? Judged by contents that
// cannot change. O(1).
bool diff_is_same(const struct pair *pair, uint32_t a, uint32_t b);

// The same, of those that can change, when all others are matched: who holds it, and what it alone
// has. Returns how many it has told apart. O(objects).
uint64_t diff_tell_apart(const struct pair *pair);

// Finds in *next (room for all objects before) what became of each. O(objects).
mx_status diff_match(const struct snapshot *before, const struct snapshot *after, uint32_t *next,
                     uint64_t *ret_reused, struct mx_error *err);

struct mx_diff {
    size_t count;
    const struct snapshot *of[MX_DIFF_SNAPSHOTS];
    struct plain plain[MX_DIFF_SNAPSHOTS]; // what `of` is of, while it is made
    uint32_t *next[MX_DIFF_SNAPSHOTS];     // of each but the last
    uint8_t *since[MX_DIFF_SNAPSHOTS];     // [objects] the first snapshot that has it
    struct hang hangs[MX_DIFF_SNAPSHOTS];
    struct fold folds[MX_DIFF_SNAPSHOTS]; // until places are known
    const char *type;                     // NULL for all
    size_t most;                          // rows
    struct mx_diff_totals totals;
    VECTOR(struct mx_diff_row) types;
    VECTOR(struct mx_diff_row) places;
    VECTOR(struct mx_diff_object) objects[MX_CHANGES];
    VECTOR(struct mx_diff_sum) type_sums;  // [rows * count]
    VECTOR(struct mx_diff_sum) place_sums; // the same of places
    VECTOR(char *) strings;
};

// Fills hangs and folds, each snapshot on its own: where there are processors for it at once. What is
// left unpacked are types, sizes, dominators and what is retained. O(objects + references).
mx_status diff_make_sides(struct mx_diff *diff, struct mx_error *err);

mx_status diff_add_types(struct mx_diff *diff, struct mx_error *err);
mx_status diff_add_places(struct mx_diff *diff, struct mx_error *err);
mx_status diff_add_objects(struct mx_diff *diff, struct mx_error *err);

// All of them; *diff is zero but for count, of, type and most.
mx_status diff_make(struct mx_diff *diff, struct mx_error *err);

// Where object `at` of snapshot `from` is in snapshot `to`; MX_NO_OBJECT: gone on the way.
static inline uint32_t diff_follow(const struct mx_diff *diff, size_t from, uint32_t at, size_t to)
{
    for (; from < to && at != MX_NO_OBJECT; from++)
        at = diff->next[from][at];
    return at;
}

// Of the last snapshot: was the object born, as mx_change has it?
static inline bool diff_is_born(const struct mx_diff *diff, uint32_t object)
{
    uint8_t since = diff->since[diff->count - 1][object];
    return since > 0 && (diff->count == 2 || since < diff->count - 1);
}

// Has the object of the first snapshot, `after` in the last, another dominator than it had?
static inline bool diff_has_moved(const struct mx_diff *diff, uint32_t object, uint32_t after)
{
    uint32_t had = snapshot_dominator(diff->of[0], object);
    uint32_t has = snapshot_dominator(diff->of[diff->count - 1], after);
    if (had >= diff->of[0]->object_count) // a root alone
        return has != MX_NO_OBJECT;
    return has == MX_NO_OBJECT || diff_follow(diff, 0, had, diff->count - 1) != has;
}

// A copy that lives as long as the diff; NULL when out of memory.
const char *diff_keep(struct mx_diff *diff, const char *text);

// Did the bytes grow from each to the next?
bool diff_grew_every_time(const struct mx_diff *diff, const struct mx_diff_sum *all);

// For qsort_r with the diff: what grew every time first, then the most bytes more or less.
int diff_compare_rows(const void *a, const void *b, void *diff);

#endif
