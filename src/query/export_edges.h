// export_edges.h - what a reference's label is in a .heapsnapshot: a type of edge, and a name or place.
#ifndef MX_QUERY_EXPORT_EDGES_H
#define MX_QUERY_EXPORT_EDGES_H

#include "memexplorer.h"
#include "snapshot/snapshot.h"

// In the order of the meta data that the file begins with.
enum edge_type {
    EDGE_CONTEXT,
    EDGE_ELEMENT,
    EDGE_PROPERTY,
    EDGE_INTERNAL,
    EDGE_HIDDEN,
    EDGE_SHORTCUT,
    EDGE_WEAK,
};

struct edge_name {
    enum edge_type type;
    const char *bytes; // inside the label
    size_t nbytes;
    uint32_t index; // EDGE_ELEMENT: instead of a name
};

// `family` is that of the object that refers; `label` outlives the result.
struct edge_name edge_name_of(uint8_t family, uint8_t hold, const char *label);

#endif
