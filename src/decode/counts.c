// counts.c - reference counts, in the header and beside it.
//
//   with the GIL:   one word
//   free-threaded:  | ob_tid | ... ob_gc_bits, ob_ref_local | ob_ref_shared << 2 | ob_type |
//                   count = local + shared, less what marks the count as deferred, and from 3.14 on
//                   with what the threads keep for themselves (decoder_add_count)
//
// Include/object.h, Include/refcount.h; Include/internal/pycore_object.h and pycore_gc.h;
// Objects/object.c, _PyObject_SetDeferredRefcount.
#include "decode/counts.h"

// A count that no real object reaches: 2^40 references fill 8 TiB.
#define LIMIT_REFCOUNT (1ll << 40)
#define LIMIT_FLAGS 16           // ob_flags has four bits: Include/refcount.h, pycore_object.h
#define DEFERRED (INT64_MAX / 8) // _Py_REF_DEFERRED
#define LIMIT_COUNTS (1u << 24)  // objects of which threads keep counts

static bool biased_decode(const struct layout *layout, const uint8_t *bytes, int64_t mark,
                          struct header *ret)
{
    uint32_t local;
    int64_t shared;
    memcpy(&local, bytes + layout->object_ref_local, sizeof local);
    memcpy(&shared, bytes + layout->object_ref_shared, sizeof shared);
    int64_t stored = (int64_t)local + (shared >> 2); // the low bits say who may change it
    ret->immortal = local == UINT32_MAX;             // _Py_IMMORTAL_REFCNT_LOCAL
    ret->deferred = !ret->immortal && bytes[layout->object_gc_bits] & GC_BIT_DEFERRED;
    ret->refcount = stored - (ret->deferred ? mark : 0);
    // One that only deferred references keep alive has a count of 0 but for the mark.
    return stored > 0 && ret->refcount < LIMIT_REFCOUNT && ret->refcount > -LIMIT_REFCOUNT;
}

bool refcount_decode(const struct layout *layout, const uint8_t *bytes, struct header *ret)
{
    int64_t word;
    ret->deferred = false;
    switch (layout->refcount_shape) {
    case REFCOUNT_BIASED_313:
        return biased_decode(layout, bytes, 1, ret);
    case REFCOUNT_BIASED:
        return biased_decode(layout, bytes, DEFERRED, ret);
    case REFCOUNT_PLAIN:
    case REFCOUNT_IMMORTAL_32:
    case REFCOUNT_LOW_32:
        break;
    }
    memcpy(&word, bytes + layout->object_refcnt, sizeof word);
    ret->refcount = word;
    ret->immortal = layout->refcount_shape != REFCOUNT_PLAIN && (int32_t)word < 0;
    if (layout->refcount_shape == REFCOUNT_PLAIN)
        return word > 0 && word < LIMIT_REFCOUNT;
    if (layout->refcount_shape == REFCOUNT_IMMORTAL_32) // Include/object.h, _Py_IsImmortal
        return word > 0 && word <= UINT32_MAX;
    ret->refcount = (uint32_t)word; // Include/refcount.h: u32 count, u16 overflow, u16 flags
    // In a free list the word is a pointer to the next dead object: not a small number above.
    return ret->refcount > 0 && (uint16_t)(word >> 32) == 0 && (uint64_t)word >> 48 < LIMIT_FLAGS;
}

// ---- counts that threads keep -----------------------------------------------------------------

void decoder_add_count(struct decoder *decoder, mx_addr addr, int64_t references)
{
    if (addr % 8 || references > LIMIT_REFCOUNT || references < -LIMIT_REFCOUNT ||
        decoder->thread_counts.used >= LIMIT_COUNTS)
        return;
    uint64_t *sum = map_put(&decoder->thread_counts, addr);
    if (sum)
        *sum += (uint64_t)references;
}

int64_t decoder_thread_count(const struct decoder *decoder, mx_addr addr)
{
    const uint64_t *sum = map_find(&decoder->thread_counts, addr);
    int64_t references = sum ? (int64_t)*sum : 0;
    return references < LIMIT_REFCOUNT && references > -LIMIT_REFCOUNT ? references : 0;
}
