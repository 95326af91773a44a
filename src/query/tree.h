// tree.h - the dominator tree of a snapshot, from its column: for those who walk all of it.
#ifndef MX_QUERY_TREE_H
#define MX_QUERY_TREE_H

#include "graph/dominated.h"
#include "snapshot/snapshot.h"

struct tree {
    struct dominators dominators; // order: each after the one that holds it
    struct dominator_children children;
    const uint64_t *retained; // [objects]
    uint64_t *unpacked;       // retained, when it is not the column's own
};

// Freed by tree_free, also after a failure. O(objects), 16 bytes an object, and 8
// where the column of retained sizes is packed. Not for longer than the snapshot. A column that is no tree
// (of a damaged file) gives a part of it.
mx_status tree_make(const struct snapshot *s, struct tree *ret, struct mx_error *err);
void tree_free(struct tree *tree);

#endif
