// suspects.h - what a person who looks for a leak should look at: the parts of the answer.
//
//   hang.h -> fold.h -> suspects_find.c -> suspects_text.c
//                   \-> duplicates.c, sparse.c, slots.c
//
// docs/suspects.md says how each is reckoned.
#ifndef MX_QUERY_SUSPECTS_H
#define MX_QUERY_SUSPECTS_H

#include "base/vector.h"
#include "query/fold.h"
#include "query/names.h"
#include "snapshot/plain.h"

struct mx_suspects {
    const struct snapshot *snapshot;
    struct plain plain; // what `snapshot` is, while they are made
    struct hang hang;
    struct fold fold;
    struct mx_suspect_totals totals;
    VECTOR(struct mx_suspect) list;
    VECTOR(struct mx_duplicate) duplicates;
    VECTOR(struct mx_sparse) sparse;
    VECTOR(struct mx_slots) slots;
    VECTOR(char *) strings;
};

// Where objects accumulate, as nodes of the fold.
struct accumulation {
    uint32_t node;
    uint32_t top; // the node below the trunk that it hangs on
    uint32_t of;  // the child that most of it is; NO_NODE for one large object
    uint64_t bytes, objects;
    bool is_chain;  // most of these hang on each other
    bool is_group;  // there is no object that has them: the node's objects themselves
    bool is_spread; // a type's objects in many places: node is the one with the most
};
struct accumulations {
    struct accumulation *items;
    size_t count, capacity;
};

// The nodes with at least the threshold of bytes, which it reckons first; the most bytes first, those
// below one top together. O(nodes).
mx_status suspects_find(struct mx_suspects *suspects, struct accumulations *ret,
                        struct mx_error *err);
mx_status suspects_describe(struct mx_suspects *suspects, const struct accumulations *found,
                            struct mx_error *err);

mx_status suspects_add_duplicates(struct mx_suspects *suspects, struct mx_error *err);
mx_status suspects_add_sparse(struct mx_suspects *suspects, struct mx_error *err);
mx_status suspects_add_slots(struct mx_suspects *suspects, struct mx_error *err);

// All of them; *suspects is zero but for `snapshot`.
mx_status suspects_make(struct mx_suspects *suspects, struct mx_error *err);

// A copy that lives as long as the suspects, cut at a whole character; NULL when out of memory.
const char *suspects_keep(struct mx_suspects *suspects, const char *text);

#endif
