// counts.h - reference counts as each build keeps them: in the header, and beside it.
#ifndef MX_DECODE_COUNTS_H
#define MX_DECODE_COUNTS_H

#include "decode/decoder.h"

#define PLAIN_HEADER 16 // bytes of the object header in builds with the GIL

// ob_gc_bits of free-threaded builds, Include/internal/pycore_gc.h
#define GC_BIT_TRACKED 1
#define GC_BIT_FINALIZED 2
#define GC_BIT_FROZEN 8
#define GC_BIT_DEFERRED 64

// The count in the header whose bytes these are, but for what threads keep: fills refcount, immortal
// and deferred; false when it is not that of a live object.
bool refcount_decode(const struct layout *layout, const uint8_t *bytes, struct header *ret);

// Free-threaded, from 3.14 on: threads keep counts of some deferred objects for themselves. Adds
// references that one of them has to the object at addr; object_header then tells the sum.
void decoder_add_count(struct decoder *decoder, mx_addr addr, int64_t references);
int64_t decoder_thread_count(const struct decoder *decoder, mx_addr addr);

#endif
