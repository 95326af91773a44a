// text.h - numbers, sizes and times for people; text that a terminal can show.
#ifndef MX_CLI_TEXT_H
#define MX_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "memexplorer.h"

// By value, so that `text_size(n).s` can be handed to printf.
struct text {
    char s[48];
};

struct text text_address(mx_addr address);                 // 0x7f3a5c2d1e80
struct text text_count(uint64_t count);                    // 1,234,567
struct text text_size(uint64_t nbytes);                    // 640 B, 12.3 MiB
struct text text_percent(uint64_t part, uint64_t whole);   // 12.3 %
struct text text_duration(double seconds);                 // 40 s, 4m 10s, 3d 04h
struct text text_milliseconds(uint64_t ns);                // 12.3 ms
struct text text_refcount(const struct mx_object *object); // 3, immortal

// Valid UTF-8 of one line: what is not printable is written \x1b, \u2028; broken bytes as U+FFFD.
// The caller frees it.
char *text_clean(const char *text);

// Columns on a terminal, of text_clean text.
size_t text_width(const char *text);

// Bytes of the longest beginning that fits into `width` columns.
size_t text_fit(const char *text, size_t width);

#endif
