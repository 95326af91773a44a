// unforked.h - memory that a process does not give to its children. Private to src/memory.
#ifndef MX_MEMORY_UNFORKED_H
#define MX_MEMORY_UNFORKED_H

#include "memory/maps.h"

// Bytes of mappings that would be copied, and that the child lacks (MADV_DONTFORK) or has empty
// (MADV_WIPEONFORK): whole mappings, used or not. O(pages of the child).
mx_status unforked_nbytes(int child, const struct maps *parents, const struct maps *childs,
                          uint64_t *ret, struct mx_error *err);

// The same, asked by the child itself of a parent that does not stand still.
mx_status unforked_own_nbytes(int parent, int child, const struct maps *childs, uint64_t *ret,
                              struct mx_error *err);

#endif
