// why.h - where the ways to an object may begin: objects that a root keeps alive, modules, and the
// namespaces of modules.
#ifndef MX_QUERY_WHY_H
#define MX_QUERY_WHY_H

#include "base/map.h"
#include "graph/paths.h"
#include "snapshot/cursor.h"
#include "snapshot/snapshot.h"

struct ends {
    const struct snapshot *snapshot;
    struct map kinds;   // object + 1 -> a bit for each enum root_kind
    struct map modules; // namespace + 1 -> root reference of its module + 1
    bool garbage;       // nothing else leads to what is asked for; garbage keeps nothing else alive
    bool alike;         // one kind is as good as another: the nearest end ends the search
    struct cursor first, referrer,
        hold; // where the search is in the snapshot's columns of referrers
};

// Freed by ends_free. O(root references).
mx_status ends_init(const struct snapshot *s, struct ends *ret, struct mx_error *err);
void ends_free(struct ends *ends);
// Ways begin at the object.
bool ends_are(const struct ends *ends, uint32_t object);
// The graph to look for paths in; `ends` has to outlive it.
struct path_source ends_source(struct ends *ends);
// The root reference by which a way that begins at `object` is held; its kind is one of `kinds`, the
// lowest that there is. SIZE_MAX when there is none. O(root references).
size_t ends_reference(const struct ends *ends, uint32_t object, uint8_t kinds);

#endif
