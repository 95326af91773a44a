// chain.h - a way from what holds an object to that object, as text.
#ifndef MX_QUERY_CHAIN_H
#define MX_QUERY_CHAIN_H

#include "base/text.h"
#include "snapshot/snapshot.h"

struct chain {
    const struct snapshot *snapshot;
    const uint32_t *nodes; // each refers to the next
    uint32_t count;
    bool in_namespace; // the first is one: ['name'] of it is written .name
    bool names;        // it is a module, or a module's namespace: name stands without its dot
    bool general;      // subscripts are [...]
};

// Told of each node, with what the reference to it is called; "" where that goes without saying.
typedef bool (*chain_step_fn)(void *data, uint32_t node, const char *label);

// Adds " -> CACHE -> ['user:17'] -> .next (300 times)". `step` may be NULL. False when there is no
// memory, or `step` says so. O(references of the nodes).
bool chain_write(const struct chain *chain, struct text *text, chain_step_fn step, void *data);

#endif
