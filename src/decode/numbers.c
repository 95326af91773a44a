// numbers.c - int, float and complex as repr() prints them.
#include "decode/decoder.h"
#include "decode/preview.h"
#include "decode/values.h"

#define DIGIT_BITS 30   // PyLong_SHIFT, Include/cpython/longintrepr.h
#define LIMIT_DIGITS 27 // of 30 bits: 244 decimal digits, what fits a preview
#define BILLION 1000000000u

static bool int_is_negative(struct decoder *decoder, mx_addr addr)
{
    int64_t word = (int64_t)field_at(decoder, addr, decoder->layout->var_size);
    switch (decoder->layout->int_shape) {
    case INT_SIGNED_SIZE:
        return word < 0;
    case INT_TAG:
        return (word & 3) == 2; // _PyLong_SIGN_MASK
    }
    return false;
}

bool int_value(struct decoder *decoder, mx_addr addr, const struct type_info *type, int64_t *ret)
{
    uint64_t count = object_items(decoder, addr, type), value = 0;
    mx_addr digits = addr + (uint64_t)decoder->layout->long_digits;
    if (count > 2)
        return false;
    for (uint64_t i = count; i-- > 0;) {
        uint32_t digit;
        if (!memory_u32(decoder->memory, digits + 4 * i, &digit))
            return false;
        value = value << DIGIT_BITS | (digit & ((1u << DIGIT_BITS) - 1));
    }
    if (!count) { // as show_int reads it: the first digit is there, and 0
        uint32_t digit;
        if (!memory_u32(decoder->memory, digits, &digit))
            return false;
    }
    *ret = int_is_negative(decoder, addr) ? -(int64_t)value : (int64_t)value;
    return true;
}

void show_int(const struct shown *it)
{
    struct decoder *decoder = it->decoder;
    struct text *text = it->text;
    mx_addr addr = it->addr;
    uint64_t count = object_items(decoder, addr, it->info);
    const uint8_t *bytes = memory_at(decoder->memory, addr + (uint64_t)decoder->layout->long_digits,
                                     4 * (count ? count : 1));
    if (!bytes || count > LIMIT_DIGITS) {
        text_add(text, "<int of about %llu bits>", (unsigned long long)(count * DIGIT_BITS));
        return;
    }
    uint32_t groups[LIMIT_DIGITS + 2] = {0}; // of nine decimal digits, least first
    size_t group_count = 1;
    for (uint64_t i = count; i-- > 0;) {
        uint32_t digit;
        memcpy(&digit, bytes + 4 * i, sizeof digit);
        uint64_t carry = digit & ((1u << DIGIT_BITS) - 1);
        for (size_t g = 0; g < group_count; g++) {
            carry += (uint64_t)groups[g] << DIGIT_BITS;
            groups[g] = (uint32_t)(carry % BILLION);
            carry /= BILLION;
        }
        for (; carry && group_count < LIMIT_DIGITS + 2; carry /= BILLION)
            groups[group_count++] = (uint32_t)(carry % BILLION);
    }
    text_add(text, "%s%u", int_is_negative(decoder, addr) ? "-" : "", groups[group_count - 1]);
    for (size_t g = group_count - 1; g-- > 0;)
        text_add(text, "%09u", groups[g]);
}

static double double_at(struct decoder *decoder, mx_addr addr)
{
    uint64_t bits = word_at(decoder, addr);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void show_float(const struct shown *it)
{
    int32_t offset = it->decoder->layout->float_value;
    text_add_double(it->text, double_at(it->decoder, it->addr + (uint64_t)offset), true);
}

void show_complex(const struct shown *it)
{
    mx_addr value = it->addr + (uint64_t)it->decoder->layout->complex_value;
    text_add_complex(it->text, double_at(it->decoder, value), double_at(it->decoder, value + 8));
}

void float_value(struct decoder *decoder, mx_addr addr, const struct type_info *type, double ret[2])
{
    bool complex = type->family == FAMILY_COMPLEX;
    const struct layout *l = decoder->layout;
    mx_addr value = addr + (uint64_t)(complex ? l->complex_value : l->float_value);
    ret[0] = double_at(decoder, value);
    ret[1] = complex ? double_at(decoder, value + 8) : 0;
}
