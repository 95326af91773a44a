// packed.h - the bytes of a packed column: what packed.c reads and pack.c writes.
//
//   column   u32 log2 of the numbers in a block | u32 1 when sloped | u64 descriptor of each block
//            | the blocks, one after the other | 8 bytes of padding
//   block    base | slope (u64, if sloped) | common [D] | places [E] | exceptions [E] | codes [n]
//
// A code is `width` bits, the lowest first. Number k of a block is
//
//   exceptions[e]                          where its code is the highest that there is, E > 0 and
//                                          places[e] == k; with width 0 all such places are looked up
//   common[code] + slope                   where code < D
//   base + ((code - D) << shift) + slope   slope: (the block's slope * k) >> 8
//
// base, common and exceptions are `value_nbytes` each; a place is one byte in blocks up to 256, else two.
// A block whose width is PACKED_RAW is n numbers of 8 bytes and nothing else.
#ifndef MX_SNAPSHOT_PACKED_H
#define MX_SNAPSHOT_PACKED_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define PACKED_HEAD 8
#define PACKED_PADDING 8 // a code is read with the 8 bytes that it begins in
#define PACKED_LEAST_LOG2 6
#define PACKED_MOST_LOG2 9
#define PACKED_MOST (1u << PACKED_MOST_LOG2)
#define PACKED_RAW 63
#define PACKED_WIDEST 56 // and up to 7 bits before it in the first byte
#define PACKED_COMMON 15
#define SLOPE_BITS 8

// A descriptor, from its lowest bit on.
struct packed_block {
    uint64_t offset;       // 38 bits: of the block, from the first one
    uint32_t width;        // 6
    uint32_t value_nbytes; // 3, less 1
    uint32_t common;       // 4
    uint32_t exceptions;   // 9
    uint32_t shift;        // 4
};
#define PACKED_MOST_OFFSET ((1ull << 38) - 1)
#define PACKED_MOST_EXCEPTIONS 511
#define PACKED_MOST_SHIFT 15

static inline uint64_t packed_descriptor(const struct packed_block *block)
{
    return block->offset | (uint64_t)block->width << 38 |
           (uint64_t)(block->value_nbytes - 1) << 44 | (uint64_t)block->common << 47 |
           (uint64_t)block->exceptions << 51 | (uint64_t)block->shift << 60;
}
static inline struct packed_block packed_described(uint64_t descriptor)
{
    return (struct packed_block){descriptor & PACKED_MOST_OFFSET, descriptor >> 38 & 63,
                                 (descriptor >> 44 & 7) + 1,      descriptor >> 47 & 15,
                                 descriptor >> 51 & 511,          (uint32_t)(descriptor >> 60)};
}

static inline uint32_t bits_of(uint64_t number)
{
    return number ? 64 - (uint32_t)__builtin_clzll(number) : 0;
}

static inline uint32_t bytes_of(uint64_t number)
{
    return number ? (bits_of(number) + 7) / 8 : 1;
}

static inline uint64_t bytes_u64(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

#endif
