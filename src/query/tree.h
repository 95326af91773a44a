// tree.h - the dominator tree of a snapshot, from its column: for those who walk all of it.
#ifndef MX_QUERY_TREE_H
#define MX_QUERY_TREE_H

#include "graph/dominated.h"
#include "snapshot/snapshot.h"

struct tree {
    struct dominators dominators; // order: each after the one that holds it
    struct dominator_children children;
    uint64_t *retained; // [objects]
};

// Freed by tree_free, also after a failure. O(objects), 24 bytes an object. A column that is no tree
// (of a damaged file) gives a part of it.
mx_status tree_make(const struct snapshot *s, struct tree *ret, struct mx_error *err);
void tree_free(struct tree *tree);

#endif
