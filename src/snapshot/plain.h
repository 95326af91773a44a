// plain.h - a snapshot whose columns are in memory, one number next to the other.
//
// Reading one number of a packed column costs some 20 ns. Who reads all of several columns, in any
// order and more than once, unpacks them first.
#ifndef MX_SNAPSHOT_PLAIN_H
#define MX_SNAPSHOT_PLAIN_H

#include "snapshot/snapshot.h"

#define PLAIN_COLUMNS 9

struct plain {
    struct snapshot snapshot; // as the one it was made of, but for the columns
    void *numbers[PLAIN_COLUMNS];
};

// Unpacks type, size, extra, flags, first, target, hold, dominator and retained where they are packed, each as
// narrow as its numbers are: some 25 bytes an object, 5 a reference. `s` has to outlive it. plain_free
// also after a failure. O(objects + references). MX_NO_MEMORY.
mx_status plain_make(const struct snapshot *s, struct plain *ret, struct mx_error *err);
void plain_free(struct plain *plain);

#endif
