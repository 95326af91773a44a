// report.h - what the two forms of a report share.
#ifndef MX_CLI_REPORT_H
#define MX_CLI_REPORT_H

#include "memexplorer.h"

// What would be freed with objects, and with the objects of a type.
struct report_retained {
    mx_tree *tree;
    struct mx_holding *types; // the largest first
    size_t type_count;
    uint32_t *objects; // that roots alone hold: the largest first
    uint32_t object_count;
    uint64_t total; // bytes of all objects, and of blocks that they own
};

// `top`: so many objects. Freed by report_free_retained.
mx_status report_find_retained(const mx_heap *heap, uint32_t top, struct report_retained *ret,
                               struct mx_error *err);
void report_free_retained(struct report_retained *retained);

void report_print_json(const mx_heap *heap, const struct report_retained *retained,
                       const struct mx_blind_spots *spots);

enum type_order { TYPES_BY_BYTES, TYPES_BY_COUNT };

// The types, the biggest first; by name where they are equal. *ret is the caller's to free.
size_t report_sort_types(const mx_heap *heap, enum type_order order, const struct mx_type ***ret);

#endif
