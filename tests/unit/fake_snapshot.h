// fake_snapshot.h - a snapshot made by hand, of any number of objects, and its source.
//
// Object i is of type i % FAKE_TYPES, so that every form of text is there; it refers to others by a small
// generator, with labels of every kind.
#ifndef MX_TESTS_FAKE_SNAPSHOT_H
#define MX_TESTS_FAKE_SNAPSHOT_H

#include "snapshot/file.h"

struct fake_snapshot {
    struct snapshot snapshot;
    struct snapshot_source source;
    struct snapshot_answers answers;
    uint64_t *columns[17];
    void *kept[8];
};

// Freed by fake_snapshot_free.
void fake_snapshot_init(struct fake_snapshot *fake, uint32_t objects);
void fake_snapshot_free(struct fake_snapshot *fake);

// Reads everything that an open file can be asked for; fails the test when a number is beyond its limit
// or a text is not clean. Returns a number that depends on all of it.
uint64_t read_everything(const struct snapshot_file *file);

#endif
