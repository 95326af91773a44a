// strings.c - the values of str objects.
//
//   ASCII:   PyASCIIObject | bytes         compact: PyCompactUnicodeObject | UCS1, 2 or 4
//   legacy:  PyUnicodeObject -> data       not ready (to 3.11): wstr -> wchar_t
//
// Include/cpython/unicodeobject.h.
#include "decode/values.h"

#define QUOTE_CHARACTERS 100 // that decide about the quotes: those of a preview

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

static uint64_t head_nbytes(const struct layout *l, bool compact, bool ascii)
{
    return (uint64_t)(!compact ? l->unicode_size : ascii ? l->ascii_size : l->compact_size);
}

uint64_t str_head_nbytes(struct decoder *decoder, mx_addr addr)
{
    uint32_t kind;
    bool compact, ascii;
    state_of(decoder, addr, &kind, &compact, &ascii);
    return head_nbytes(decoder->layout, compact, ascii);
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
        ret->data = addr + head_nbytes(l, compact, ascii);
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

bool str_characters(struct decoder *decoder, mx_addr addr, struct str_characters *ret)
{
    struct characters chars;
    if (!characters_of(decoder, addr, &chars))
        return false;
    ret->bytes = memory_at(decoder->memory, chars.data, chars.count * chars.width);
    ret->count = chars.count;
    ret->width = chars.width;
    return ret->bytes || !chars.count;
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
    return (int)(field32_at(decoder, addr, decoder->layout->ascii_state) & STR_INTERNED);
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
    // The same quote however much of it is shown.
    uint64_t judged = chars.count < QUOTE_CHARACTERS ? chars.count : QUOTE_CHARACTERS;
    const uint8_t *all = memory_at(decoder->memory, chars.data, judged * chars.width);
    for (uint64_t i = 0; all && i < judged; i++) {
        uint32_t c = character(all, chars.width, i);
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
    nbytes = head_nbytes(l, compact, ascii);
    if (compact || field_at(decoder, addr, l->unicode_data))
        nbytes += (length + 1) * kind;
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
