// text.c - building text in a fixed buffer: UTF-8, escaped as repr() escapes it.
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_init(struct text *text, char *buffer, size_t nbytes)
{
    *text = (struct text){.buffer = buffer, .nbytes = nbytes};
    buffer[0] = '\0';
}

// At most nbytes of the UTF-8, ending at a character's border.
static size_t utf8_cut(const char *bytes, size_t nbytes)
{
    while (nbytes && ((uint8_t)bytes[nbytes] >> 6) == 2)
        nbytes--;
    return nbytes;
}

// `whole`: an escape, which is not cut in two. Anything else is, at a character's border, so that where
// a text ends does not depend on the pieces that it was made of.
static void text_append(struct text *text, const char *bytes, size_t nbytes, bool whole)
{
    if (text->full)
        return;
    if (nbytes >= text->nbytes - text->used) {
        text->full = true;
        nbytes = whole ? 0 : utf8_cut(bytes, text->nbytes - text->used - 1);
    }
    memcpy(text->buffer + text->used, bytes, nbytes);
    text->used += nbytes;
    text->buffer[text->used] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
    char piece[600];
    va_list args;
    va_start(args, format);
    int nbytes = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    if (nbytes > 0)
        text_append(text, piece, (size_t)nbytes < sizeof piece ? (size_t)nbytes : sizeof piece - 1,
                    false);
}

static void add_escape(struct text *text, const char *format, uint32_t c)
{
    char piece[16];
    int nbytes = snprintf(piece, sizeof piece, format, c);
    text_append(text, piece, (size_t)nbytes, true);
}

void text_add_cut(struct text *text, const char *utf8, size_t most)
{
    size_t nbytes = strlen(utf8);
    text_append(text, utf8, nbytes <= most ? nbytes : utf8_cut(utf8, most), false);
}

void text_add_char(struct text *text, uint32_t c)
{
    char utf8[4];
    size_t nbytes;
    if (c < 0x80) {
        utf8[0] = (char)c;
        nbytes = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xC0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 63));
        nbytes = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xE0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 63));
        utf8[2] = (char)(0x80 | (c & 63));
        nbytes = 3;
    } else {
        utf8[0] = (char)(0xF0 | c >> 18);
        utf8[1] = (char)(0x80 | (c >> 12 & 63));
        utf8[2] = (char)(0x80 | (c >> 6 & 63));
        utf8[3] = (char)(0x80 | (c & 63));
        nbytes = 4;
    }
    text_append(text, utf8, nbytes, false);
}

static bool is_printable(uint32_t c)
{
    return c >= ' ' && c != 0x7F && !(c >= 0x80 && c < 0xA1) && c != 0xAD &&
           !(c >= 0xD800 && c < 0xE000) && !(c >= 0x2028 && c <= 0x202E) && c <= 0x10FFFF &&
           !(c >= 0x200B && c <= 0x200F) && !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF &&
           !(c >= 0xFFF0 && c <= 0xFFFB) && (c & 0xFFFE) != 0xFFFE && !(c >= 0xE000 && c < 0xF900);
}

void text_add_escaped_char(struct text *text, uint32_t c, char quote)
{
    if (c == '\\' || (quote && c == (uint32_t)quote))
        add_escape(text, "\\%c", c);
    else if (c == '\n' || c == '\r' || c == '\t')
        add_escape(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (is_printable(c))
        text_add_char(text, c);
    else if (c < 0x100)
        add_escape(text, "\\x%02x", c);
    else
        add_escape(text, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

size_t utf8_decode(const uint8_t *bytes, uint32_t *ret)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t nbytes = bytes[0] < 0x80       ? 1
                    : bytes[0] >> 5 == 6  ? 2
                    : bytes[0] >> 4 == 14 ? 3
                    : bytes[0] >> 3 == 30 ? 4
                                          : 0;
    if (nbytes < 2) {
        *ret = bytes[0];
        return nbytes;
    }
    uint32_t c = bytes[0] & (0x7Fu >> nbytes);
    for (size_t i = 1; i < nbytes; i++) {
        if (bytes[i] >> 6 != 2)
            return 0;
        c = c << 6 | (bytes[i] & 63);
    }
    *ret = c;
    return c < LEAST[nbytes] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : nbytes;
}

void text_add_escaped(struct text *text, const char *bytes)
{
    const uint8_t *at = (const uint8_t *)bytes;
    while (*at && !text->full) {
        uint32_t c;
        size_t nbytes = utf8_decode(at, &c);
        if (!nbytes)
            add_escape(text, "\\x%02x", *at);
        else if (c == '\\')
            text_add_char(text, c);
        else
            text_add_escaped_char(text, c, 0);
        at += nbytes ? nbytes : 1;
    }
}

void text_add_byte(struct text *text, uint8_t c, char quote)
{
    if (c == '\\' || c == quote)
        add_escape(text, "\\%c", c);
    else if (c == '\n' || c == '\r' || c == '\t')
        add_escape(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c >= ' ' && c < 0x7F)
        text_add_char(text, c);
    else
        add_escape(text, "\\x%02x", c);
}
