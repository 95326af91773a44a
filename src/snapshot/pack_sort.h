// pack_sort.h - the numbers of one block in order. Private to pack.c and pack_sort.c.
#ifndef MX_SNAPSHOT_PACK_SORT_H
#define MX_SNAPSHOT_PACK_SORT_H

#include "snapshot/packed.h"

#define COUNTED 1024 // numbers so close together are sorted by counting them

struct sorter {
    uint64_t sorted[PACKED_MOST], scratch[PACKED_MOST];
    uint16_t times[COUNTED]; // all 0 between two sorts
};

// `count` numbers, at most PACKED_MOST, of which `least` and `greatest` are known, into sorter->sorted.
void sorter_sort(struct sorter *sorter, const uint64_t *numbers, uint32_t count, uint64_t least,
                 uint64_t greatest);

#endif
