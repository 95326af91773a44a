// text.c - building text in a fixed buffer, and the values of str objects.
//
//   ASCII:   PyASCIIObject | bytes         compact: PyCompactUnicodeObject | UCS1, 2 or 4
//   legacy:  PyUnicodeObject -> data       not ready (to 3.11): wstr -> wchar_t
//
// Include/cpython/unicodeobject.h. Everything that leaves this file is valid UTF-8.
#include <stdarg.h>
#include <stdio.h>

#include "decode/decoder.h"

void text_init(struct text *text, char *buffer, size_t nbytes)
{
    *text = (struct text){.buffer = buffer, .nbytes = nbytes};
    buffer[0] = '\0';
}

// An escape is not cut in two; anything longer is, at a character's border.
#define LONGEST_ESCAPE 10

// At most nbytes of the UTF-8, ending at a character's border.
static size_t utf8_cut(const char *bytes, size_t nbytes)
{
    while (nbytes && ((uint8_t)bytes[nbytes] >> 6) == 2)
        nbytes--;
    return nbytes;
}

static void text_append(struct text *text, const char *bytes, size_t nbytes)
{
    if (text->full)
        return;
    if (nbytes >= text->nbytes - text->used) {
        text->full = true;
        nbytes = nbytes > LONGEST_ESCAPE ? utf8_cut(bytes, text->nbytes - text->used - 1) : 0;
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
        text_append(text, piece, (size_t)nbytes < sizeof piece ? (size_t)nbytes : sizeof piece - 1);
}

void text_add_cut(struct text *text, const char *utf8, size_t most)
{
    size_t nbytes = strlen(utf8);
    text_append(text, utf8, nbytes <= most ? nbytes : utf8_cut(utf8, most));
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
    text_append(text, utf8, nbytes);
}

static bool is_printable(uint32_t c)
{
    return c >= ' ' && c != 0x7F && !(c >= 0x80 && c < 0xA1) && c != 0xAD &&
           !(c >= 0xD800 && c < 0xE000) && !(c >= 0x2028 && c <= 0x202E) && c <= 0x10FFFF &&
           !(c >= 0x200B && c <= 0x200F) && !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF &&
           !(c >= 0xFFF0 && c <= 0xFFFB) && (c & 0xFFFE) != 0xFFFE && !(c >= 0xE000 && c < 0xF900);
}

// As repr() escapes it; `quote` may be 0.
static void text_add_escaped_char(struct text *text, uint32_t c, char quote)
{
    if (c == '\\' || (quote && c == (uint32_t)quote))
        text_add(text, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        text_add(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (is_printable(c))
        text_add_char(text, c);
    else if (c < 0x100)
        text_add(text, "\\x%02x", c);
    else
        text_add(text, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

// Length and value of the UTF-8 sequence at bytes, 0 when it is none. Stops at NUL by itself.
static size_t utf8_decode(const uint8_t *bytes, uint32_t *ret)
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
            text_add(text, "\\x%02x", *at);
        else if (c == '\\')
            text_add_char(text, c);
        else
            text_add_escaped_char(text, c, 0);
        at += nbytes ? nbytes : 1;
    }
}

// ---- str --------------------------------------------------------------------------------------

struct characters {
    mx_addr data;
    uint64_t count;
    uint32_t width; // bytes of one
};

static bool state_of(struct decoder *decoder, mx_addr addr, uint32_t *ret_kind, bool *ret_compact,
                     bool *ret_ascii)
{
    // struct state: interned:2 (3.12: also), kind:3, compact:1, ascii:1
    uint32_t state = field32_at(decoder, addr, decoder->layout->ascii_state);
    switch (decoder->layout->str_shape) {
    case STR_WSTR:
    case STR_COMPACT:
        break;
    case STR_INTERNED_BYTE:
        state = state >> 8 << 2;
        break;
    }
    *ret_kind = state >> 2 & 7;
    *ret_compact = state >> 5 & 1;
    *ret_ascii = state >> 6 & 1;
    return true;
}

bool str_is_ascii(struct decoder *decoder, mx_addr addr)
{
    uint32_t kind;
    bool compact, ascii;
    return state_of(decoder, addr, &kind, &compact, &ascii) && compact && ascii;
}

static bool characters_of(struct decoder *decoder, mx_addr addr, struct characters *ret)
{
    const struct layout *l = decoder->layout;
    uint32_t kind;
    bool compact, ascii;
    struct header header;
    if (!object_header(decoder, addr, &header) ||
        decoder->types[header.type]->family != FAMILY_STR ||
        !state_of(decoder, addr, &kind, &compact, &ascii))
        return false;
    ret->count = field_at(decoder, addr, l->ascii_length);
    ret->width = kind;
    if (kind == 0) { // PyUnicode_WCHAR_KIND: not ready yet
        ret->data = field_at(decoder, addr, l->ascii_wstr);
        ret->count = field_at(decoder, addr, l->compact_wstr_length);
        ret->width = 4;
    } else if (!compact) {
        ret->data = field_at(decoder, addr, l->unicode_data);
    } else {
        ret->data = addr + (uint64_t)(ascii ? l->ascii_size : l->compact_size);
    }
    return (ret->width == 1 || ret->width == 2 || ret->width == 4) && ret->count <= LIMIT_ITEMS;
}

static uint32_t character(const uint8_t *bytes, uint32_t width, uint64_t i)
{
    uint32_t c = 0;
    memcpy(&c, bytes + i * width, width);
    return c;
}

bool str_value(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes)
{
    struct characters chars;
    if (!addr || !characters_of(decoder, addr, &chars))
        return false;
    uint64_t count = chars.count < nbytes ? chars.count : nbytes;
    const uint8_t *bytes = memory_at(decoder->memory, chars.data, count * chars.width);
    if (!bytes)
        return false;
    struct text text;
    text_init(&text, buffer, nbytes);
    for (uint64_t i = 0; i < count && !text.full; i++) {
        uint32_t c = character(bytes, chars.width, i);
        if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
            text_add_escaped_char(&text, c, 0);
        else
            text_add_char(&text, c);
    }
    return true;
}

bool str_equals(struct decoder *decoder, mx_addr addr, const char *ascii)
{
    struct characters chars;
    size_t count = strlen(ascii);
    if (!characters_of(decoder, addr, &chars) || chars.count != count || chars.width != 1)
        return false;
    const uint8_t *bytes = memory_at(decoder->memory, chars.data, count);
    return bytes && memcmp(bytes, ascii, count) == 0;
}

int str_interned(struct decoder *decoder, mx_addr addr)
{
    struct header header;
    if (!object_header(decoder, addr, &header) || decoder->types[header.type]->family != FAMILY_STR)
        return 0;
    return (int)(field32_at(decoder, addr, decoder->layout->ascii_state) & 3);
}

void str_repr(struct decoder *decoder, mx_addr addr, uint64_t characters, struct text *text)
{
    struct characters chars;
    if (!characters_of(decoder, addr, &chars)) {
        text_add(text, "<unreadable str>");
        return;
    }
    uint64_t count = chars.count < characters ? chars.count : characters;
    const uint8_t *bytes = memory_at(decoder->memory, chars.data, count * chars.width);
    if (!bytes) {
        text_add(text, "<unreadable str>");
        return;
    }
    bool single = false, twice = false;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t c = character(bytes, chars.width, i);
        single |= c == '\'';
        twice |= c == '"';
    }
    char quote = single && !twice ? '"' : '\'';
    text_add_char(text, (uint32_t)quote);
    for (uint64_t i = 0; i < count && !text->full; i++)
        text_add_escaped_char(text, character(bytes, chars.width, i), quote);
    text_add(text, chars.count > count ? "%c..." : "%c", quote);
}

// Objects/unicodeobject.c, unicode_sizeof: with the cached UTF-8 and wchar_t copies.
uint64_t str_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    const struct layout *l = decoder->layout;
    uint32_t kind;
    bool compact, ascii;
    state_of(decoder, addr, &kind, &compact, &ascii);
    uint64_t length = field_at(decoder, addr, l->ascii_length), nbytes;
    if (length > LIMIT_ITEMS)
        return type->basicsize;
    if (compact && ascii) {
        nbytes = (uint64_t)l->ascii_size + length + 1;
    } else if (compact) {
        nbytes = (uint64_t)l->compact_size + (length + 1) * kind;
    } else {
        nbytes = (uint64_t)l->unicode_size;
        if (field_at(decoder, addr, l->unicode_data))
            nbytes += (length + 1) * kind;
    }
    mx_addr data =
        compact ? addr + (uint64_t)l->compact_size : field_at(decoder, addr, l->unicode_data);
    mx_addr utf8 = compact && ascii ? 0 : field_at(decoder, addr, l->compact_utf8);
    uint64_t utf8_length = field_at(decoder, addr, l->compact_utf8_length);
    if (utf8 && utf8 != data && utf8_length <= LIMIT_ITEMS)
        nbytes += utf8_length + 1;
    mx_addr wstr = field_at(decoder, addr, l->ascii_wstr);
    uint64_t wstr_length =
        compact && ascii ? length : field_at(decoder, addr, l->compact_wstr_length);
    if (wstr && wstr != data && wstr_length <= LIMIT_ITEMS)
        nbytes += (wstr_length + 1) * 4;
    return nbytes; // also of a subclass: unicode_sizeof leaves out what that adds to the struct
}
