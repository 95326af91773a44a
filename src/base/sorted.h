// sorted.h - looking up an address among things that are sorted by it.
#ifndef MX_BASE_SORTED_H
#define MX_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// How many of the items begin at or before the key: they are sorted by their first member, a
// uint64_t. What holds the key is then the one before, if it is long enough. O(log count).
static inline size_t sorted_upto_(const void *items, size_t count, size_t item_nbytes, uint64_t key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t start;
        memcpy(&start, (const char *)items + middle * item_nbytes, sizeof start);
        if (start <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
#define sorted_upto(items, count, key) sorted_upto_((items), (count), sizeof *(items), (key))

#endif
