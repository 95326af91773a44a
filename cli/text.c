// text.c - numbers, sizes and times for people; text that a terminal can show.
//
// Width is judged with the C.UTF-8 tables of wcwidth, which main.c selects: output is UTF-8
// whatever the locale says, as Python's own is.
#include "text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "command.h"

__attribute__((format(printf, 1, 2))) static struct text format(const char *format, ...)
{
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text.s, sizeof text.s, format, arguments);
    va_end(arguments);
    return text;
}

struct text text_address(mx_addr address)
{
    return format("0x%" PRIx64, address);
}

struct text text_count(uint64_t count)
{
    char digits[24];
    int ndigits = snprintf(digits, sizeof digits, "%" PRIu64, count);
    struct text text;
    char *out = text.s;
    for (int i = 0; i < ndigits; i++) {
        if (i > 0 && (ndigits - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

struct text text_size(uint64_t nbytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (nbytes < 1024)
        return format("%" PRIu64 " B", nbytes);
    double value = (double)nbytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 &&
           unit + 1 < sizeof units / sizeof *units) { // 1023.95 prints as 1024.0
        value /= 1024;
        unit++;
    }
    return format("%.1f %s", value, units[unit]);
}

struct text text_percent(uint64_t part, uint64_t whole)
{
    double share = whole ? 100.0 * (double)part / (double)whole : 0;
    if (part < whole && share >= 99.95) // 100.0 % is said of nothing less
        share = 99.9;
    return format("%.1f %%", share);
}

struct text text_duration(double seconds)
{
    uint64_t whole = seconds > 0 ? (uint64_t)seconds : 0;
    unsigned second = (unsigned)(whole % 60), minute = (unsigned)(whole / 60 % 60),
             hour = (unsigned)(whole / 3600 % 24);
    uint64_t days = whole / 86400;
    if (days)
        return format("%" PRIu64 "d %02uh", days, hour);
    if (hour)
        return format("%uh %02um", hour, minute);
    if (minute)
        return format("%um %02us", minute, second);
    return format("%us", second);
}

struct text text_milliseconds(uint64_t ns)
{
    double ms = (double)ns / 1e6;
    if (ms >= 10000)
        return format("%.1f s", ms / 1000);
    return ms < 1 ? format("%.2f ms", ms) : format("%.1f ms", ms);
}

struct text text_refcount(const struct mx_object *object)
{
    if (object->immortal)
        return format("%s", "immortal");
    return format("%" PRId64, object->refcount);
}

// ---- one line of UTF-8 ------------------------------------------------------------------------

// Bytes of the next character, its value in *ret; 0 where they are not UTF-8.
static size_t next_character(const char *text, wchar_t *ret)
{
    if (*text >= ' ' && *text <= '~') { // nearly all of it
        *ret = *text;
        return 1;
    }
    mbstate_t state = {0};
    size_t nbytes = mbrtowc(ret, text, strnlen(text, MB_LEN_MAX), &state);
    return nbytes > 4 ? 0 : nbytes; // (size_t)-1 and -2 are errors
}

char *text_clean(const char *text)
{
    size_t nbytes = strlen(text);
    char *clean = must(malloc(6 * nbytes + 1)); // one byte grows to \u0085 at most
    char *out = clean;
    while (*text) {
        wchar_t character;
        size_t taken = next_character(text, &character);
        if (taken == 0) {
            out = stpcpy(out, "\xef\xbf\xbd");
            taken = 1;
        } else if (character >= ' ' && (character <= '~' || wcwidth(character) >= 0)) {
            out = mempcpy(out, text, taken);
        } else {
            const char *format = character < 0x100     ? "\\x%02x"
                                 : character < 0x10000 ? "\\u%04x"
                                                       : "\\U%08x";
            out += snprintf(out, sizeof "\\U00000000", format, (unsigned)character);
        }
        text += taken;
    }
    *out = '\0';
    return clean;
}

// The columns of what fits into `limit`, and its bytes in *ret_nbytes.
static size_t measure(const char *text, size_t limit, size_t *ret_nbytes)
{
    size_t width = 0;
    const char *at = text;
    while (*at) {
        wchar_t character;
        size_t taken = next_character(at, &character);
        int columns = taken > 1 ? wcwidth(character) : 1;
        if (columns > 0 && width + (size_t)columns > limit)
            break;
        width += columns > 0 ? (size_t)columns : 0;
        at += taken ? taken : 1;
    }
    *ret_nbytes = (size_t)(at - text);
    return width;
}

size_t text_width(const char *text)
{
    size_t nbytes;
    return measure(text, SIZE_MAX, &nbytes);
}

size_t text_fit(const char *text, size_t width)
{
    size_t nbytes;
    measure(text, width, &nbytes);
    return nbytes;
}
