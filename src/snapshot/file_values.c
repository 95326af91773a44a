// file_values.c - the values in a file's texts, as repr() has them.
#include <endian.h>
#include <stdio.h>

#include "base/text.h"
#include "snapshot/file_inside.h"

#define PREVIEW_CHARACTERS 100 // as in decode/preview.h: of one string

size_t file_character(const uint8_t *bytes, uint64_t nbytes, uint32_t *ret)
{
    uint8_t padded[6] = {0};
    memcpy(padded, bytes, nbytes < 5 ? nbytes : 5);
    if (nbytes >= 5 && padded[0] == TEXT_NO_CHARACTER) {
        memcpy(ret, padded + 1, sizeof *ret);
        *ret = le32toh(*ret);
        return 5;
    }
    if (nbytes >= 3 && padded[0] == 0xED && padded[1] >= 0xA0 && padded[1] <= 0xBF &&
        padded[2] >> 6 == 2) {
        *ret = 0xD000u | (padded[1] & 63u) << 6 | (padded[2] & 63u);
        return 3;
    }
    size_t taken = utf8_decode(padded, ret);
    if (taken)
        return taken;
    *ret = padded[0] ? 0xFFFD : 0;
    return 1;
}

void file_show_characters(const uint8_t *bytes, uint64_t nbytes, uint32_t characters,
                          struct text *text)
{
    if (!nbytes || bytes[0] == TEXT_UNREADABLE) {
        text_add(text, "<unreadable str>");
        return;
    }
    bool single = false, twice = false, more = bytes[0] != TEXT_WHOLE;
    uint64_t end = 0, at = 0;
    uint32_t c;
    bytes++, nbytes--;
    // The same quote however much of it is shown.
    for (uint32_t count = 0; at < nbytes && count < PREVIEW_CHARACTERS; count++) {
        at += file_character(bytes + at, nbytes - at, &c);
        end = count < characters ? at : end;
        single |= c == '\'';
        twice |= c == '"';
    }
    char quote = single && !twice ? '"' : '\'';
    text_add_char(text, (uint32_t)quote);
    for (at = 0; at < end && !text->full;) {
        at += file_character(bytes + at, nbytes - at, &c);
        text_add_escaped_char(text, c, quote);
    }
    text_add(text, more || end < nbytes ? "%c..." : "%c", quote);
}

static void show_bytes(const uint8_t *bytes, uint64_t nbytes, struct text *text)
{
    bool more = nbytes && bytes[0] != TEXT_WHOLE;
    bool there = nbytes && bytes[0] != TEXT_UNREADABLE;
    bytes++, nbytes = there ? nbytes - 1 : 0;
    uint64_t shown = nbytes < PREVIEW_CHARACTERS ? nbytes : PREVIEW_CHARACTERS;
    bool double_quoted = memchr(bytes, '\'', shown) && !memchr(bytes, '"', shown);
    char quote = double_quoted ? '"' : '\'';
    text_add(text, "b%c", quote);
    for (uint64_t i = 0; i < shown && !text->full; i++)
        text_add_byte(text, bytes[i], quote);
    text_add(text, more || nbytes > shown ? "%c..." : "%c", quote);
}

static void show_int(const uint8_t *bytes, uint64_t nbytes, struct text *text)
{
    uint64_t word = 0;
    if (nbytes <= 8) {
        memcpy(&word, bytes, nbytes);
        text_add(text, "%lld", (long long)zagzig(le64toh(word)));
        return;
    }
    char digits[400];
    snprintf(digits, sizeof digits, "%.*s", (int)(nbytes < 399 ? nbytes : 399),
             (const char *)bytes);
    text_add_escaped(text, digits);
}

static double double_at(const uint8_t *bytes)
{
    uint64_t bits;
    double value;
    memcpy(&bits, bytes, sizeof bits);
    bits = le64toh(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

// A value that was left out: what it is, and nothing of what it says.
static void show_redacted(const struct snapshot_file *file, uint32_t object, struct text *text)
{
    const char *name = snapshot_type_of(&file->snapshot, object)->name;
    text_add(text, "<%s>", strncmp(name, "builtins.", 9) == 0 ? name + 9 : name);
}

void file_show_value(const struct snapshot_file *file, uint32_t object, struct text *text)
{
    uint64_t nbytes = 0;
    enum text_form form = file_form(file, object);
    const uint8_t *bytes = file_text(file, object, &nbytes);
    if (file->flags & FORMAT_REDACTED) {
        show_redacted(file, object, text);
    } else if (form == FORM_INT) {
        show_int(bytes ? bytes : (const uint8_t *)"", nbytes, text);
    } else if (form == FORM_STR) {
        file_show_characters(bytes, nbytes, PREVIEW_CHARACTERS, text);
    } else if (form == FORM_FLOAT && nbytes == 8) {
        text_add_double(text, double_at(bytes), true);
    } else if (form == FORM_COMPLEX && nbytes == 16) {
        text_add_complex(text, double_at(bytes), double_at(bytes + 8));
    } else if (form == FORM_FLOAT || form == FORM_COMPLEX || !nbytes) {
        text_add(text, "?");
    } else {
        text_add(text, form == FORM_BYTEARRAY ? "bytearray(" : "");
        show_bytes(bytes, nbytes, text);
        text_add(text, form == FORM_BYTEARRAY ? ")" : "");
    }
}
