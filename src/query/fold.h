// fold.h - the objects of a heap folded by where they hang: what a person would give one name.
//
//   the tree of hang.h        folded
//   ['a'] Session             [...] Session x 40,000
//   ['b'] Session                .user str x 40,000
//   ...                       ...
//
// Two objects are in one node when they are of one type and their holders are in one node, in the same
// place of it (attributes and locals have places, items do not). What hangs on itself folds onto
// itself: a linked list is one node. Modules, classes and their functions are nodes of their own: the
// trunk, which is as large as the program is.
#ifndef MX_QUERY_FOLD_H
#define MX_QUERY_FOLD_H

#include "query/hang.h"

#define NO_NODE UINT32_MAX
#define NODE_ROOTS 0 // the first node: all hangs on it

struct fold_node {
    uint32_t parent, type;   // type: place in snapshot types, MX_NO_OBJECT for roots
    uint32_t place;          // that the objects have in their holders; 0 where all are alike
    uint32_t largest;        // of the objects, by retained size; of a root its number
    uint32_t child, next;    // a list of children
    uint32_t other;          // one more of them; MX_NO_OBJECT
    uint64_t count;          // objects
    uint64_t links;          // of them that hang on others of them
    uint32_t back;           // the node below on whose objects they do; NO_NODE
    uint64_t own_bytes;      // of these objects
    uint64_t objects, bytes; // and of all below
    uint64_t largest_bytes;
    bool is_trunk;
    bool is_root;       // of root: kind and name
    bool has_places;    // children are told apart by their place
    bool is_namespace;  // dict of a module or class
    bool is_attributes; // dict of an instance
    bool is_code;       // the program itself: code, and what only code has
};

struct fold {
    const struct hang *hang;
    struct fold_node *nodes; // parents before their children
    uint32_t node_count, node_capacity;
    uint32_t *node_of; // [objects]
};

// O(objects). fold_free also after a failure.
mx_status fold_make(const struct hang *hang, struct fold *ret, struct mx_error *err);
void fold_free(struct fold *fold);

#endif
