// export_ids.h - the number that an object has in every .heapsnapshot of its process.
//
// An id has 32 bits and is odd, and an address has 47: so
//
//   id = 2 x ((address / 16) mod 2^31) + 1
//
// Objects are 16 bytes or more, so two of them have the same only when they are a multiple of 32 GiB
// apart. Then the one at the lower address keeps it, and the other gets a number that is hashed from
// its address. An object that lives in two snapshots has the same id in both, unless another one that
// far away came or went in between.
//
// Numbers below ID_RESERVED are for nodes that are no objects.
#ifndef MX_QUERY_EXPORT_IDS_H
#define MX_QUERY_EXPORT_IDS_H

#include "base/vector.h"
#include "snapshot/snapshot.h"

#define ID_SLOTS (1u << 31)
#define ID_RESERVED 64
#define ID_PAGE_SLOTS (1u << 16)
#define ID_PAGES (ID_SLOTS / ID_PAGE_SLOTS)

struct moved_id {
    uint32_t object, slot;
};

struct ids {
    const struct snapshot *snapshot;
    uint64_t *pages[ID_PAGES];     // which numbers are taken, a bit each; NULL: none of the page
    VECTOR(struct moved_id) moved; // by object
};

// O(objects). MX_LIMIT when there are more objects than could have ids.
mx_status ids_init(const struct snapshot *snapshot, struct ids *ids, struct mx_error *err);
uint32_t ids_of(const struct ids *ids, uint32_t object);
// Of a further node for the object: its part-th, from 1. Takes it, so ask once.
mx_status ids_take_part(struct ids *ids, uint32_t object, uint32_t part, uint32_t *ret,
                        struct mx_error *err);
void ids_fini(struct ids *ids);

// Of the nodes that are no objects; number < ID_RESERVED.
static inline uint32_t id_of_slot(uint32_t number)
{
    return 2 * number + 1;
}

#endif
