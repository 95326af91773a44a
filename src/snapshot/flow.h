// flow.h (snapshot) - the owned references of a snapshot as a flow of plain arrays, for those who go
// through all of them.
#ifndef MX_SNAPSHOT_FLOW_H
#define MX_SNAPSHOT_FLOW_H

#include "graph/flow.h"
#include "snapshot/snapshot.h"

struct snapshot_flow {
    struct flow flow; // entered where a root keeps an object alive
    struct graph graph;
    uint32_t *entries;
    void *owned[3]; // arrays that were unpacked; NULL where the columns were plain
};

// Points into the snapshot's columns where these are plain, else unpacks them: 4 bytes a reference and
// 8 an object. Freed by snapshot_flow_free, before the snapshot. O(references).
mx_status snapshot_flow_init(const struct snapshot *s, struct snapshot_flow *ret,
                             struct mx_error *err);
void snapshot_flow_free(struct snapshot_flow *flow);

#endif
