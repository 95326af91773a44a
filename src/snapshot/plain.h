// plain.h - a snapshot some of whose columns are in memory, one number next to the other.
//
// Reading one number of a packed column costs some 20 ns. Who reads columns in any order unpacks them
// first, and lets them go when they have been read.
#ifndef MX_SNAPSHOT_PLAIN_H
#define MX_SNAPSHOT_PLAIN_H

#include "snapshot/snapshot.h"

#define PLAIN_COLUMNS(X)                                                                           \
    X(address)                                                                                     \
    X(type)                                                                                        \
    X(size)                                                                                        \
    X(extra)                                                                                       \
    X(refcount)                                                                                    \
    X(unexplained)                                                                                 \
    X(possible)                                                                                    \
    X(flags)                                                                                       \
    X(generation)                                                                                  \
    X(first)                                                                                       \
    X(target)                                                                                      \
    X(hold)                                                                                        \
    X(referrer_first)                                                                              \
    X(dominator)                                                                                   \
    X(retained)

enum plain_number {
#define X(name) PLAIN_NUMBER_##name,
    PLAIN_COLUMNS(X)
#undef X
        PLAIN_COUNT
};

// Sets of them.
enum plain_columns {
#define X(name) PLAIN_##name = 1u << PLAIN_NUMBER_##name,
    PLAIN_COLUMNS(X)
#undef X
        PLAIN_REFERENCES =
            PLAIN_first | PLAIN_target | PLAIN_hold,         // 4 bytes an object, 4 to 5 each
    PLAIN_BYTES = PLAIN_size | PLAIN_extra | PLAIN_retained, // as narrow as they are
};

struct plain {
    const struct snapshot *of;
    struct snapshot snapshot; // as the one it was made of, but for the columns
    void *numbers[PLAIN_COUNT];
};

// Nothing is unpacked yet. `s` has to outlive it.
void plain_init(struct plain *plain, const struct snapshot *s);

// Unpacks those of the columns that are packed, each as narrow as its numbers are. plain_free also
// after a failure. O(objects + references). MX_NO_MEMORY.
mx_status plain_add(struct plain *plain, unsigned columns, struct mx_error *err);

// The one at this place in struct snapshot; 0 for one that is never unpacked.
unsigned plain_column(size_t offset);

// These are packed again: their memory is given back.
void plain_drop(struct plain *plain, unsigned columns);
void plain_free(struct plain *plain); // plain_drop of all

#endif
