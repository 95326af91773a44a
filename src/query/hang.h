// hang.h - where each object hangs: one tree over all of them, and the way to each that a person
// would follow.
//
//   way      the shortest way of owned references from a root: modules of the user's code first, then
//            running frames and other modules, then what only the interpreter or native code holds
//   holder   the object's dominator; where that is a root alone or a part of the program (a module, a
//            class, sys.modules), the object before it on the way
//
// What no root leads to begins ways of its own, as garbage. Knows the columns of a snapshot alone.
#ifndef MX_QUERY_HANG_H
#define MX_QUERY_HANG_H

#include "snapshot/snapshot.h"

#define NO_PLACE UINT32_MAX

#define PROGRAM_NAMESPACE 2 // the dict of a module or class

struct module_facts {
    bool is_user;     // not of the standard library, nor of an installed package
    bool is_made;     // by the program: it has neither a file nor a loader's spec
    uint64_t of_file; // the same for modules of the same file; 0 without one
};

struct hang {
    const struct snapshot *snapshot;
    uint32_t *before; // [objects] the one before it on the way; MX_NO_OBJECT: a root
    uint32_t *place;  // [objects] which of its holder's references it is; NO_PLACE: of none. Of a
                      // root: which root reference, NO_PLACE for garbage
    uint32_t *order;  // [objects] each after the one before it on the way
    uint32_t reached; // of them from roots; behind these garbage
    struct module_facts *modules; // [root references], of those to modules
    uint8_t *program; // [objects] 1: a module or class, or above modules; PROGRAM_NAMESPACE
    bool is_strict;   // while it is made: namespaces are reached from their owners alone
};

// O(objects + references). hang_free also after a failure.
mx_status hang_make(const struct snapshot *snapshot, struct hang *ret, struct mx_error *err);
void hang_free(struct hang *hang);

// MX_NO_OBJECT: a root, or nothing.
static inline uint32_t hang_holder(const struct hang *hang, uint32_t object)
{
    if (hang->before[object] == MX_NO_OBJECT)
        return MX_NO_OBJECT;
    uint32_t dominator = snapshot_dominator(hang->snapshot, object);
    return dominator == MX_NO_OBJECT || hang->program[dominator] ? hang->before[object] : dominator;
}

// The reference of `from` that leads to `to`: its number, or UINT64_MAX. O(references of from).
uint64_t hang_reference(const struct snapshot *snapshot, uint32_t from, uint32_t to);

// The namespace of a module or class: its dict. MX_NO_OBJECT when it has none.
uint32_t hang_namespace(const struct snapshot *snapshot, uint32_t object);

#endif
