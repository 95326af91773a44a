// selection.h - which objects of a heap are wanted, and in which order.
//
// Works on mx_heap_facts alone: no type name is compared and no preview made per object.
#ifndef MX_CLI_SELECTION_H
#define MX_CLI_SELECTION_H

#include "memexplorer.h"

enum sort_order { SORT_ADDRESS, SORT_SIZE, SORT_REFCOUNT, SORT_TYPE };

struct selection {
    const char *type;      // qualified name, last component, or a pattern with *; NULL for all
    uint64_t min_size;     // bytes
    uint64_t limit;        // 0 for none
    enum sort_order order; // by address, else the biggest first (types by name)
};

// Return false to stop.
typedef bool selection_fn(uint32_t index, void *data);

// Calls fn for each object wanted; those over the limit are counted in *ret_left. O(objects), and
// in an order other than by address 16 bytes of memory for each one printed.
void selection_run(const mx_heap *heap, const struct selection *selection, selection_fn *fn,
                   void *data, uint64_t *ret_left);

// True when a type's qualified name is the one asked for.
bool selection_type_matches(const char *wanted, const char *name);

#endif
