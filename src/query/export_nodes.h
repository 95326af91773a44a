// export_nodes.h - what an object is in a .heapsnapshot: a type of node, and a name.
#ifndef MX_QUERY_EXPORT_NODES_H
#define MX_QUERY_EXPORT_NODES_H

#include "query/export.h"
#include "query/export_names.h"

// In the order of the meta data.
enum node_type {
    NODE_HIDDEN,
    NODE_ARRAY,
    NODE_STRING,
    NODE_OBJECT,
    NODE_CODE,
    NODE_CLOSURE,
    NODE_REGEXP,
    NODE_NUMBER,
    NODE_NATIVE,
    NODE_SYNTHETIC,
};

// What names are made of. Borrows both.
struct node_namer {
    const struct export *export;
    struct names *names;
    uint32_t *type_names; // [type_count], the number of a type's name
};

mx_status node_namer_init(struct node_namer *namer, const struct export *export,
                          struct names *names, struct mx_error *err);
void node_namer_fini(struct node_namer *namer);

enum node_type node_type_of(uint8_t family);
// The number of the object's name among names.
uint32_t node_name(struct node_namer *namer, uint32_t object);

#endif
