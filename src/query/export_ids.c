// export_ids.c - an odd number of 32 bits for every object, made of its address.
#include "query/export_ids.h"

#include "base/error.h"

#define LIMIT_IDS (ID_SLOTS / 2) // beyond that looking for a free number takes long

static uint32_t slot_of(const struct ids *ids, uint32_t object)
{
    return (uint32_t)(snapshot_address(ids->snapshot, object) >> 4) % ID_SLOTS;
}

// Takes the number when it is free; *ret_taken says whether it was.
static mx_status take(struct ids *ids, uint32_t slot, bool *ret_taken, struct mx_error *err)
{
    uint64_t **page = &ids->pages[slot / ID_PAGE_SLOTS];
    if (!*page && !(*page = calloc(ID_PAGE_SLOTS / 64, sizeof **page)))
        return fail_no_memory(err);
    uint64_t *word = &(*page)[slot % ID_PAGE_SLOTS / 64], bit = 1ull << slot % 64;
    *ret_taken = !(*word & bit);
    *word |= bit;
    return MX_OK;
}

// A number of which each bit depends on all of the address and of `round`.
static uint32_t hashed_slot(uint64_t address, uint64_t round)
{
    uint64_t h = address + round * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)(h ^ h >> 31) % ID_SLOTS;
}

// The table is at most half full: two attempts on average.
static mx_status take_hashed(struct ids *ids, uint64_t address, uint64_t round, uint32_t *ret,
                             struct mx_error *err)
{
    for (bool taken = false; !taken; round++) {
        *ret = hashed_slot(address, round);
        mx_status status = take(ids, *ret, &taken, err);
        if (status)
            return status;
    }
    return MX_OK;
}

static mx_status take_all(struct ids *ids, struct mx_error *err)
{
    bool taken;
    mx_status status = MX_OK;
    for (uint32_t slot = 0; slot < ID_RESERVED && !status; slot++)
        status = take(ids, slot, &taken, err);
    for (uint32_t i = 0; i < ids->snapshot->object_count && !status; i++) {
        status = take(ids, slot_of(ids, i), &taken, err);
        if (!status && !taken && !vector_push(&ids->moved, ((struct moved_id){i, 0})))
            return fail_no_memory(err);
    }
    for (size_t i = 0; i < ids->moved.count && !status; i++) {
        struct moved_id *moved = &ids->moved.items[i];
        status =
            take_hashed(ids, snapshot_address(ids->snapshot, moved->object), 0, &moved->slot, err);
    }
    return status;
}

mx_status ids_init(const struct snapshot *snapshot, struct ids *ids, struct mx_error *err)
{
    *ids = (struct ids){.snapshot = snapshot};
    if (snapshot->object_count > LIMIT_IDS)
        return fail(err, MX_LIMIT,
                    "%u objects: a .heapsnapshot has ids for %u; export them as csv or jsonl",
                    snapshot->object_count, LIMIT_IDS);
    return take_all(ids, err);
}

uint32_t ids_of(const struct ids *ids, uint32_t object)
{
    size_t low = 0, high = ids->moved.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->moved.items[middle].object < object)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < ids->moved.count && ids->moved.items[low].object == object)
        return id_of_slot(ids->moved.items[low].slot);
    return id_of_slot(slot_of(ids, object));
}

mx_status ids_take_part(struct ids *ids, uint32_t object, uint32_t part, uint32_t *ret,
                        struct mx_error *err)
{
    uint32_t slot;
    mx_status status =
        take_hashed(ids, snapshot_address(ids->snapshot, object), (uint64_t)part << 32, &slot, err);
    if (!status)
        *ret = id_of_slot(slot);
    return status;
}

void ids_fini(struct ids *ids)
{
    for (size_t i = 0; i < ID_PAGES; i++)
        free(ids->pages[i]);
    vector_free(&ids->moved);
}
