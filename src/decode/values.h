// values.h - values as they are, for those who keep them: not cut, and not as they read.
#ifndef MX_DECODE_VALUES_H
#define MX_DECODE_VALUES_H

#include "decode/decoder.h"

// The characters of a str, of `width` bytes each; false when they cannot be read.
struct str_characters {
    const uint8_t *bytes;
    uint64_t count;
    uint32_t width;
};
bool str_characters(struct decoder *decoder, mx_addr addr, struct str_characters *ret);
// The bytes of a bytes or bytearray; NULL when they cannot be read.
const uint8_t *bytes_value(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                           uint64_t *ret_count);
// An int of at most 60 bits; false for others.
bool int_value(struct decoder *decoder, mx_addr addr, const struct type_info *type, int64_t *ret);
// A float, or the parts of a complex.
void float_value(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                 double ret[2]);

// A preview with marks in the place of what is inside it, each followed by an address of 16 digits. For
// families that are no containers.
#define PART_PREVIEW '\2' // of the object there
#define PART_SHALLOW                                                                               \
    '\3' // at the start, without an address: deep in containers it is not shown like this
#define PART_ARGUMENTS '\4' // of an exception: a tuple
void object_recipe(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes);

#endif
