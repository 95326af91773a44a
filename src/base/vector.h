// vector.h - a growing array: `VECTOR(struct mapping) maps = {0}; if (!vector_push(&maps, m)) ...`
//
// `items`, `count` and `capacity` are read directly. vector_free leaves it empty and usable.
#ifndef MX_BASE_VECTOR_H
#define MX_BASE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define VECTOR(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }

static inline bool vector_grow_(void **items, size_t *capacity, size_t wanted, size_t item_nbytes)
{
    size_t grown = *capacity ? *capacity + *capacity / 2 : 16;
    if (grown < wanted)
        grown = wanted;
    size_t nbytes;
    if (__builtin_mul_overflow(grown, item_nbytes, &nbytes))
        return false;
    void *moved = realloc(*items, nbytes);
    if (!moved)
        return false;
    *items = moved;
    *capacity = grown;
    return true;
}

// Room for `wanted` items in all; false when out of memory, and then nothing has changed.
#define vector_reserve(vector, wanted)                                                             \
    ((wanted) <= (vector)->capacity ||                                                             \
     vector_grow_((void **)&(vector)->items, &(vector)->capacity, (wanted),                        \
                  sizeof *(vector)->items))

#define vector_push(vector, item)                                                                  \
    (vector_reserve((vector), (vector)->count + 1) &&                                              \
     ((vector)->items[(vector)->count++] = (item), true))

#define vector_free(vector)                                                                        \
    do {                                                                                           \
        free((vector)->items);                                                                     \
        (vector)->items = NULL;                                                                    \
        (vector)->count = (vector)->capacity = 0;                                                  \
    } while (0)

#endif
