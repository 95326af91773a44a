// numbers.c - int, float and complex as repr() prints them.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decode/decoder.h"
#include "decode/preview.h"

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

// The fewest digits that read back as the same number, as float.__repr__ chooses them.
static void shortest(double value, char digits[20], int *ret_count, int *ret_exponent)
{
    char buffer[40];
    int precision = 0;
    do
        snprintf(buffer, sizeof buffer, "%.*e", precision, value);
    while (strtod(buffer, NULL) != value && ++precision < 17);
    int count = 0;
    for (const char *at = buffer; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9' && count < 19)
            digits[count++] = *at;
    digits[count] = '\0';
    const char *exponent = strchr(buffer, 'e');
    *ret_exponent = exponent ? (int)strtol(exponent + 1, NULL, 10) : 0;
    *ret_count = count;
}

// Python/pystrtod.c, format_float_short with format code 'r'
static void add_double(double value, bool point, struct text *text)
{
    char digits[20];
    int count, exponent;
    if (isnan(value) || isinf(value)) {
        text_add(text, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    if (signbit(value))
        text_add(text, "-");
    shortest(fabs(value), digits, &count, &exponent);
    if (exponent < -4 || exponent >= 16) {
        text_add(text, "%c%s%s", digits[0], count > 1 ? "." : "", digits + 1);
        text_add(text, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        text_add(text, "0.%.*s%s", -exponent - 1, "0000", digits);
    } else if (count <= exponent + 1) {
        text_add(text, "%s%.*s%s", digits, exponent + 1 - count, "0000000000000000",
                 point ? ".0" : "");
    } else {
        text_add(text, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
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
    add_double(double_at(it->decoder, it->addr + (uint64_t)offset), true, it->text);
}

void show_complex(const struct shown *it)
{
    struct text *text = it->text;
    mx_addr value = it->addr + (uint64_t)it->decoder->layout->complex_value;
    double real = double_at(it->decoder, value), imaginary = double_at(it->decoder, value + 8);
    bool whole = real != 0 || signbit(real);
    text_add(text, whole ? "(" : "");
    if (whole)
        add_double(real, false, text);
    if (whole && !signbit(imaginary))
        text_add(text, "+");
    add_double(imaginary, false, text);
    text_add(text, whole ? "j)" : "j");
}
