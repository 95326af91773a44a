// wire.h - records in a section: numbers of 7 bits a byte, the lowest first, and bytes behind a length.
//
// Reading never goes beyond the end: what is not there reads as 0, and `bad` is set.
#ifndef MX_SNAPSHOT_WIRE_H
#define MX_SNAPSHOT_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/vector.h"

struct wire_out {
    uint8_t *items;
    size_t count, capacity;
    bool failed; // out of memory
};

struct wire_in {
    const uint8_t *at, *end;
    bool bad;
};

static inline void put_bytes(struct wire_out *out, const void *bytes, size_t nbytes)
{
    if (!vector_reserve(out, out->count + nbytes)) {
        out->failed = true;
        return;
    }
    if (nbytes)
        memcpy(out->items + out->count, bytes, nbytes);
    out->count += nbytes;
}

static inline void put_number(struct wire_out *out, uint64_t number)
{
    uint8_t bytes[10];
    size_t nbytes = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[nbytes++] = (uint8_t)(number | 0x80);
    bytes[nbytes++] = (uint8_t)number;
    put_bytes(out, bytes, nbytes);
}

static inline void put_double(struct wire_out *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(out, bits);
}

static inline uint64_t take_number(struct wire_in *in)
{
    uint64_t number = 0;
    for (unsigned shift = 0; in->at < in->end && shift < 70; shift += 7) {
        uint8_t byte = *in->at++;
        number |= (uint64_t)(byte & 0x7F) << (shift < 64 ? shift : 63);
        if (byte < 0x80)
            return number;
    }
    in->bad = true;
    in->at = in->end;
    return 0;
}

static inline double take_double(struct wire_in *in)
{
    uint64_t bits = take_number(in);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// A number below the limit, which is not 0.
static inline uint64_t take_below(struct wire_in *in, uint64_t limit)
{
    uint64_t number = take_number(in);
    if (number < limit)
        return number;
    in->bad = true;
    return 0;
}

// How many records follow, each of at least one byte.
static inline size_t take_count(struct wire_in *in)
{
    uint64_t count = take_number(in);
    if (count <= (uint64_t)(in->end - in->at))
        return (size_t)count;
    in->bad = true;
    return 0;
}

#endif
