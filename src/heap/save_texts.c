// save_texts.c - what previews are made of, taken out of a live heap (snapshot/source.h).
#include <stdio.h>
#include <stdlib.h>

#include "heap/save.h"

// ---- forms ------------------------------------------------------------------------------------

static enum text_form form_of_family(struct decoder *decoder, const struct type_info *type,
                                     const char *name)
{
    char short_name[16] = "";
    switch (type->family) {
    case FAMILY_INT:
        return FORM_INT;
    case FAMILY_FLOAT:
        return FORM_FLOAT;
    case FAMILY_COMPLEX:
        return FORM_COMPLEX;
    case FAMILY_STR:
        return FORM_STR;
    case FAMILY_BYTES:
        return FORM_BYTES;
    case FAMILY_BYTEARRAY:
        return FORM_BYTEARRAY;
    case FAMILY_LIST:
        return FORM_LIST;
    case FAMILY_TUPLE:
        return FORM_TUPLE;
    case FAMILY_DICT:
    case FAMILY_ORDERED_DICT:
        return FORM_DICT;
    case FAMILY_SET: // as preview_items.c tells them apart
        memory_string(decoder->memory, field_at(decoder, type->addr, decoder->layout->type_name),
                      short_name, sizeof short_name);
        return strcmp(short_name, "frozenset") == 0 ? FORM_FROZENSET : FORM_SET;
    case FAMILY_DEQUE:
        return FORM_DEQUE;
    case FAMILY_NONE:
    case FAMILY_BOOL:
    case FAMILY_TYPE:
    case FAMILY_MODULE:
    case FAMILY_FUNCTION:
    case FAMILY_METHOD:
    case FAMILY_BUILTIN:
    case FAMILY_CODE:
    case FAMILY_FRAME:
    case FAMILY_GENERATOR:
    case FAMILY_CELL:
    case FAMILY_WEAKREF:
    case FAMILY_EXCEPTION:
        return FORM_RECIPE;
    case FAMILY_GENERIC:
    case FAMILY_LEAF:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MATCH:
    case FAMILY_MEMORYVIEW:
        break;
    }
    static const char *const NAMED[] = {"builtins.ellipsis", "builtins.NotImplementedType",
                                        "builtins.range", "builtins.slice"};
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++)
        if (strcmp(name, NAMED[i]) == 0)
            return FORM_RECIPE;
    return FORM_OBJECT;
}

bool saver_init_forms(struct saver *saver)
{
    const struct snapshot *s = saver->snapshot;
    struct decoder *decoder = &saver->heap->decoder;
    saver->forms = calloc(s->type_count + 1, 1);
    for (size_t i = 0; saver->forms && i < s->type_count; i++) {
        uint32_t number = type_lookup(decoder, s->types[i].address);
        if (number != NO_TYPE)
            saver->forms[i] =
                (uint8_t)form_of_family(decoder, decoder->types[number], s->types[i].name);
    }
    return saver->forms != NULL;
}

static bool has_own_kind(enum family family)
{
    return family == FAMILY_FUNCTION || family == FAMILY_CODE || family == FAMILY_FRAME ||
           family == FAMILY_GENERATOR;
}

enum text_form save_form(void *data, uint32_t type, char *kind, size_t nbytes)
{
    struct saver *saver = data;
    struct decoder *decoder = &saver->heap->decoder;
    uint32_t number = type_lookup(decoder, saver->snapshot->types[type].address);
    kind[0] = '\0';
    if (number != NO_TYPE && !has_own_kind(decoder->types[number]->family))
        object_kind(decoder, 0, number, kind, nbytes);
    return (enum text_form)saver->forms[type];
}

bool save_kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    struct saver *saver = data;
    struct mx_heap *heap = saver->heap;
    uint32_t type = heap->types[object];
    if (!has_own_kind(heap->decoder.types[type]->family))
        return false;
    decoder_refill(&heap->decoder);
    object_kind(&heap->decoder, heap->addresses[object], type, buffer, nbytes);
    return true;
}

// ---- characters -------------------------------------------------------------------------------

static size_t put_character(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xC0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) { // surrogates as well
        to[0] = (uint8_t)(0xE0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        to[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    if (c > 0x10FFFF) { // none, but the target has it
        c = htole32(c);
        to[0] = TEXT_NO_CHARACTER;
        memcpy(to + 1, &c, sizeof c);
        return 1 + sizeof c;
    }
    to[0] = (uint8_t)(0xF0 | (c >> 18 & 7));
    to[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    to[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

static void put_whole(struct wire_out *out, enum text_whole whole)
{
    uint8_t byte = (uint8_t)whole;
    put_bytes(out, &byte, 1);
}

static void put_str(struct saver *saver, mx_addr addr, struct wire_out *out)
{
    struct str_characters chars;
    if (!str_characters(&saver->heap->decoder, addr, &chars)) {
        put_whole(out, TEXT_UNREADABLE);
        return;
    }
    size_t at = out->count;
    put_whole(out, TEXT_WHOLE);
    for (uint64_t i = 0; i < chars.count && !out->failed; i++) {
        uint32_t c = 0;
        uint8_t utf8[8];
        memcpy(&c, chars.bytes + i * chars.width, chars.width);
        size_t nbytes = put_character(utf8, c);
        if (out->count - at - 1 + nbytes > saver->most_value) {
            out->items[at] = TEXT_CUT;
            return;
        }
        put_bytes(out, utf8, nbytes);
    }
}

// Most strings are ASCII, which is UTF-8 as it is.
static bool put_ascii(struct saver *saver, mx_addr addr, struct wire_out *out)
{
    struct str_characters chars;
    if (!str_is_ascii(&saver->heap->decoder, addr) ||
        !str_characters(&saver->heap->decoder, addr, &chars) || chars.width != 1)
        return false;
    uint8_t all = 0;
    for (uint64_t i = 0; i < chars.count; i++)
        all |= chars.bytes[i];
    if (all >= 0x80)
        return false;
    bool cut = chars.count > saver->most_value;
    put_whole(out, cut ? TEXT_CUT : TEXT_WHOLE);
    put_bytes(out, chars.bytes, cut ? saver->most_value : chars.count);
    return true;
}

static void put_data(struct saver *saver, mx_addr addr, const struct type_info *type,
                     struct wire_out *out)
{
    uint64_t count;
    const uint8_t *bytes = bytes_value(&saver->heap->decoder, addr, type, &count);
    if (!bytes) {
        put_whole(out, count ? TEXT_UNREADABLE : TEXT_WHOLE);
        return;
    }
    bool cut = count > saver->most_value;
    put_whole(out, cut ? TEXT_CUT : TEXT_WHOLE);
    put_bytes(out, bytes, cut ? saver->most_value : count);
}

// ---- numbers ----------------------------------------------------------------------------------

static void put_int(struct saver *saver, mx_addr addr, const struct type_info *type,
                    struct wire_out *out)
{
    int64_t value;
    char digits[256];
    if (!int_value(&saver->heap->decoder, addr, type, &value)) {
        object_preview(&saver->heap->decoder, addr, digits, sizeof digits);
        put_bytes(out, digits, strlen(digits));
        return;
    }
    uint64_t word = zigzag(value);
    size_t nbytes = word ? (size_t)(71 - __builtin_clzll(word)) / 8 : 0;
    word = htole64(word);
    put_bytes(out, &word, nbytes);
}

static void put_floats(struct saver *saver, mx_addr addr, const struct type_info *type,
                       size_t count, struct wire_out *out)
{
    double values[2];
    float_value(&saver->heap->decoder, addr, type, values);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits = htole64(bits);
        put_bytes(out, &bits, sizeof bits);
    }
}

// ---- recipes ----------------------------------------------------------------------------------

// The place of the object's first reference to this address, among the first RECIPE_REFERENCES.
static bool find_reference(const struct saver *saver, uint32_t object, mx_addr addr,
                           uint8_t *ret_place)
{
    const struct snapshot *s = saver->snapshot;
    uint64_t first = column_at(&s->first, object), end = column_at(&s->first, object + 1ull);
    for (uint64_t k = 0; k < end - first && k < RECIPE_REFERENCES; k++)
        if (snapshot_address(s, (uint32_t)column_at(&s->target, first + k)) == addr) {
            *ret_place = (uint8_t)(RECIPE_FIRST + k);
            return true;
        }
    return false;
}

struct recipe {
    char bytes[1400];
    size_t count;
};

static void recipe_put(struct recipe *recipe, char c)
{
    if (recipe->count < sizeof recipe->bytes)
        recipe->bytes[recipe->count++] = c;
}

// Addresses in the text become places to fill in, so that equal objects have equal recipes. Returns how
// many characters of the text that took, 0 when it is no address of ours.
static size_t put_address(const struct saver *saver, uint32_t object, const char *text,
                          struct recipe *recipe)
{
    char *end;
    uint8_t place;
    if (text[0] != '0' || text[1] != 'x')
        return 0;
    mx_addr addr = strtoull(text, &end, 16);
    char again[24];
    snprintf(again, sizeof again, "0x%llx", (unsigned long long)addr);
    if (strlen(again) != (size_t)(end - text) || memcmp(again, text, (size_t)(end - text)) != 0)
        return 0; // it would not come out the same
    if (addr == saver->heap->addresses[object]) {
        recipe_put(recipe, RECIPE_ADDRESS);
    } else if (find_reference(saver, object, addr, &place)) {
        recipe_put(recipe, RECIPE_ITS_ADDRESS);
        recipe_put(recipe, (char)place);
    } else {
        return 0;
    }
    return (size_t)(end - text);
}

// A mark and its address: a place among the references, or else the preview as it reads now.
static size_t put_part(const struct saver *saver, uint32_t object, const char *text,
                       struct recipe *recipe)
{
    char digits[17], shown[256];
    uint8_t place;
    snprintf(digits, sizeof digits, "%.16s", text + 1);
    mx_addr addr = strtoull(digits, NULL, 16);
    if (find_reference(saver, object, addr, &place)) {
        recipe_put(recipe, *text == PART_PREVIEW ? RECIPE_PREVIEW : RECIPE_ARGUMENTS);
        recipe_put(recipe, (char)place);
    } else {
        object_preview(&saver->heap->decoder, addr, shown, sizeof shown);
        for (const char *at = shown; *at; at++)
            recipe_put(recipe, *at);
    }
    return 1 + strlen(digits);
}

static void put_recipe(struct saver *saver, uint32_t object, struct text_tables *tables,
                       struct wire_out *out)
{
    char text[700];
    struct recipe recipe = {.count = 0};
    object_recipe(&saver->heap->decoder, saver->heap->addresses[object], text, sizeof text);
    for (const char *at = text; *at;) {
        size_t taken = *at == '0' ? put_address(saver, object, at, &recipe) : 0;
        if (*at == PART_PREVIEW || *at == PART_ARGUMENTS)
            taken = put_part(saver, object, at, &recipe);
        if (!taken) {
            recipe_put(&recipe, *at == PART_SHALLOW ? RECIPE_SHALLOW : *at);
            taken = 1;
        }
        at += taken;
    }
    put_number(out, table_string(tables, recipe.bytes, recipe.count));
}

void save_text(void *data, uint32_t object, struct text_tables *tables, struct wire_out *out)
{
    struct saver *saver = data;
    struct mx_heap *heap = saver->heap;
    mx_addr addr = heap->addresses[object];
    const struct type_info *type = heap->decoder.types[heap->types[object]];
    decoder_refill(&heap->decoder);
    switch ((enum text_form)saver->forms[column_at(&saver->snapshot->type, object)]) {
    case FORM_STR:
        if (!put_ascii(saver, addr, out))
            put_str(saver, addr, out);
        return;
    case FORM_BYTES:
    case FORM_BYTEARRAY:
        put_data(saver, addr, type, out);
        return;
    case FORM_INT:
        put_int(saver, addr, type, out);
        return;
    case FORM_FLOAT:
    case FORM_COMPLEX:
        put_floats(saver, addr, type, type->family == FAMILY_COMPLEX ? 2 : 1, out);
        return;
    case FORM_RECIPE:
        put_recipe(saver, object, tables, out);
        return;
    case FORM_OBJECT:
    case FORM_LIST:
    case FORM_TUPLE:
    case FORM_DEQUE:
    case FORM_SET:
    case FORM_FROZENSET:
    case FORM_DICT:
        return;
    }
}
