// text_number.c - float and complex as repr() prints them.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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
void text_add_double(struct text *text, double value, bool point)
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

void text_add_complex(struct text *text, double real, double imaginary)
{
    bool whole = real != 0 || signbit(real);
    text_add(text, whole ? "(" : "");
    if (whole)
        text_add_double(text, real, false);
    if (whole && !signbit(imaginary))
        text_add(text, "+");
    text_add_double(text, imaginary, false);
    text_add(text, whole ? "j)" : "j");
}
