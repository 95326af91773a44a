// text.h - text built in a fixed buffer, UTF-8 whatever it is made of. Knows no target.
#ifndef MX_BASE_TEXT_H
#define MX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Text being built in a fixed buffer: what does not fit is dropped at a character's border and
// `full` is set. Always ends by NUL.
struct text {
    char *buffer;
    size_t nbytes, used;
    bool full;
};
void text_init(struct text *text, char *buffer, size_t nbytes);
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);
// At most `most` bytes of the UTF-8, cut at a character's border.
void text_add_cut(struct text *text, const char *utf8, size_t most);
void text_add_char(struct text *text, uint32_t code_point);
// As repr() escapes it; `quote` may be 0.
void text_add_escaped_char(struct text *text, uint32_t code_point, char quote);
// Adds UTF-8 from anywhere: control characters and invalid bytes come out as \\n, \\xNN.
void text_add_escaped(struct text *text, const char *bytes);
// The same of a byte of a bytes.
void text_add_byte(struct text *text, uint8_t c, char quote);
// Length and value of the UTF-8 sequence at bytes, 0 when it is none. Stops at NUL by itself.
size_t utf8_decode(const uint8_t *bytes, uint32_t *ret);

// text_number.c: the fewest digits that read back as the same number. `point`: 1.0 and not 1.
void text_add_double(struct text *text, double value, bool point);
void text_add_complex(struct text *text, double real, double imaginary);

#endif
