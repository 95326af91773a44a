// free.h - what `free` has to say, for both ways of saying it.
#ifndef MX_CLI_FREE_H
#define MX_CLI_FREE_H

#include <stddef.h>

#include "memexplorer.h"

struct free_answer {
    const mx_heap *heap;
    const mx_drop *drop;
    const struct mx_drop_totals *totals;
    const struct mx_drop_object *objects;
    const struct mx_drop_call *calls;
    size_t object_count, call_count;
    struct mx_blind_spots spots;
};

struct mx_object free_object(const mx_heap *heap, uint32_t index);
void free_print_json(const struct free_answer *answer);

#endif
