// report.h - what the two forms of a report share.
#ifndef MX_CLI_REPORT_H
#define MX_CLI_REPORT_H

#include "memexplorer.h"

void report_print_json(const mx_heap *heap, const struct mx_blind_spots *spots);

enum type_order { TYPES_BY_BYTES, TYPES_BY_COUNT };

// The types, the biggest first; by name where they are equal. *ret is the caller's to free.
size_t report_sort_types(const mx_heap *heap, enum type_order order, const struct mx_type ***ret);

#endif
