// file_texts.c - previews, labels, kinds and values out of a file: equal to what decode/ makes of the
// target's memory, limit by limit (decode/preview.h).
//
// Containers are nested PREVIEW_DEPTH deep at most, and all that a preview looks at is counted: a hostile
// file has recipes that name a thousand previews each.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/file_inside.h"

#define PREVIEW_ITEMS 8        // as in decode/preview.h: of one container
#define PREVIEW_CHARACTERS 100 // of one string
#define PREVIEW_DEPTH 3        // of containers in containers
#define PREVIEW_WORK 4096      // items looked at in all
#define LABEL_CHARACTERS 60    // as in decode/label.c: of a key

// An object on its way into a text.
struct shown {
    const struct snapshot_file *file;
    struct text *text;
    uint32_t object;
    int depth; // containers around it
    uint32_t *work;
};

static void show_inner(const struct shown *around, uint32_t object);

static bool take_work(const struct shown *it)
{
    return *it->work && (*it->work)--;
}

static uint32_t type_number(const struct snapshot_file *file, uint32_t object)
{
    return (uint32_t)column_at(&file->snapshot.type, object);
}

static const char *type_name(const struct snapshot_file *file, uint32_t object)
{
    return file->types[type_number(file, object)].name;
}

static enum text_form form_of(const struct snapshot_file *file, uint32_t object)
{
    return (enum text_form)file->forms[type_number(file, object)];
}

static const uint8_t *text_of(const struct snapshot_file *file, uint32_t object,
                              uint64_t *ret_nbytes)
{
    uint64_t first = column_at(&file->text_first, object);
    uint64_t end = column_at(&file->text_first, (uint64_t)object + 1);
    if (end <= first)
        return NULL;
    *ret_nbytes = end - first;
    return file->sections[SECTION_texts].bytes + first;
}

// ---- references and their labels ----------------------------------------------------------------

// Those of one object.
struct held {
    uint64_t first, count;
    uint64_t shape;
    const uint8_t *labels; // of a listed shape
    uint64_t label_count;
};

static struct held held_by(const struct snapshot_file *file, uint32_t object)
{
    const struct snapshot *s = &file->snapshot;
    struct held held = {.first = column_at(&s->first, object),
                        .shape = column_at(&file->shape, object)};
    uint64_t end = column_at(&s->first, (uint64_t)object + 1);
    held.count = end > held.first ? end - held.first : 0;
    const struct file_section *shapes = &file->sections[SECTION_shapes];
    if (held.shape >= SHAPE_LISTED && held.shape - SHAPE_LISTED <= shapes->nbytes / 4) {
        held.labels = shapes->bytes + 4 * (held.shape - SHAPE_LISTED);
        held.label_count = shapes->nbytes / 4 - (held.shape - SHAPE_LISTED);
    }
    return held;
}

static enum mark_kind label_at(const struct held *held, uint64_t k, uint64_t *ret_detail)
{
    *ret_detail = k;
    switch (held->shape) {
    case SHAPE_ITEMS:
        return MARK_ITEM;
    case SHAPE_MEMBERS:
        return MARK_MEMBER;
    case SHAPE_DICT:
        *ret_detail = k / 2;
        return k % 2 ? MARK_PREVIOUS : MARK_KEY;
    }
    uint32_t word;
    if (k >= held->label_count)
        return MARK_OMITTED;
    memcpy(&word, held->labels + 4 * k, sizeof word);
    word = le32toh(word);
    *ret_detail = word >> MARK_BITS;
    uint32_t kind = word & ((1u << MARK_BITS) - 1);
    return kind <= MARK_OMITTED ? (enum mark_kind)kind : MARK_OMITTED;
}

static uint32_t target_at(const struct snapshot_file *file, const struct held *held, uint64_t k)
{
    return (uint32_t)column_at(&file->snapshot.target, held->first + k);
}

// The key of the value to which reference k leads; false when it was left out, or k is no value.
static bool key_of(const struct snapshot_file *file, const struct held *held, uint64_t k,
                   uint32_t *ret)
{
    uint64_t detail;
    switch (label_at(held, k, &detail)) {
    case MARK_PREVIOUS:
        if (!k)
            return false;
        *ret = target_at(file, held, k - 1);
        return true;
    case MARK_OBJECT:
        *ret = (uint32_t)detail;
        return detail < file->snapshot.object_count;
    case MARK_ITEM:
    case MARK_MEMBER:
    case MARK_KEY:
    case MARK_TEXT:
    case MARK_OMITTED:
        return false;
    }
    return false;
}

// ---- values -----------------------------------------------------------------------------------

// UTF-8 with surrogates, as texts have it: the bytes of the character, at least one.
static size_t next_character(const uint8_t *bytes, uint64_t nbytes, uint32_t *ret)
{
    uint8_t padded[5] = {0};
    memcpy(padded, bytes, nbytes < 4 ? nbytes : 4);
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

static void show_characters(const uint8_t *bytes, uint64_t nbytes, uint32_t characters,
                            struct text *text)
{
    bool single = false, twice = false, more = false;
    uint64_t end = 0;
    if (!nbytes || bytes[0] == TEXT_UNREADABLE) {
        text_add(text, "<unreadable str>");
        return;
    }
    more = bytes[0] != TEXT_WHOLE;
    bytes++, nbytes--;
    uint32_t count = 0, c;
    for (; end < nbytes && count < characters; count++) {
        end += next_character(bytes + end, nbytes - end, &c);
        single |= c == '\'';
        twice |= c == '"';
    }
    char quote = single && !twice ? '"' : '\'';
    text_add_char(text, (uint32_t)quote);
    for (uint64_t at = 0; at < end && !text->full;) {
        at += next_character(bytes + at, nbytes - at, &c);
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
static void show_redacted(const struct shown *it)
{
    const char *name = type_name(it->file, it->object);
    text_add(it->text, "<%s>", strncmp(name, "builtins.", 9) == 0 ? name + 9 : name);
}

static void show_value(const struct shown *it, enum text_form form)
{
    uint64_t nbytes = 0;
    const uint8_t *bytes = text_of(it->file, it->object, &nbytes);
    if (it->file->flags & FORMAT_REDACTED)
        show_redacted(it);
    else if (form == FORM_INT)
        show_int(bytes ? bytes : (const uint8_t *)"", nbytes, it->text);
    else if (form == FORM_STR)
        show_characters(bytes, nbytes, PREVIEW_CHARACTERS, it->text);
    else if (form == FORM_FLOAT && nbytes == 8)
        text_add_double(it->text, double_at(bytes), true);
    else if (form == FORM_COMPLEX && nbytes == 16)
        text_add_complex(it->text, double_at(bytes), double_at(bytes + 8));
    else if (form == FORM_FLOAT || form == FORM_COMPLEX || !nbytes)
        text_add(it->text, "?");
    else if (form == FORM_BYTEARRAY)
        text_add(it->text, "bytearray("), show_bytes(bytes, nbytes, it->text),
            text_add(it->text, ")");
    else
        show_bytes(bytes, nbytes, it->text);
}

// ---- containers ---------------------------------------------------------------------------------

static bool is_too_deep(const struct shown *it, const char *hint)
{
    if (it->depth >= PREVIEW_DEPTH)
        text_add(it->text, "%s", hint);
    return it->depth >= PREVIEW_DEPTH;
}

// Shows the first items; returns how many there are, at most PREVIEW_ITEMS + 1.
static int show_items(const struct shown *it, const char *before)
{
    struct held held = held_by(it->file, it->object);
    int count = 0;
    for (uint64_t k = 0; k < held.count && !it->text->full && take_work(it); k++) {
        uint64_t detail;
        enum mark_kind kind = label_at(&held, k, &detail);
        if (kind != MARK_ITEM && kind != MARK_MEMBER)
            continue;
        text_add(it->text, "%s", count ? "" : before);
        if (++count > PREVIEW_ITEMS) {
            text_add(it->text, ", ...");
            break;
        }
        text_add(it->text, count > 1 ? ", " : "");
        show_inner(it, target_at(it->file, &held, k));
    }
    return count;
}

static void show_tuple(const struct shown *it)
{
    if (is_too_deep(it, "(...)"))
        return;
    text_add(it->text, "(");
    text_add(it->text, show_items(it, "") == 1 ? ",)" : ")");
}

static void show_list(const struct shown *it, bool deque)
{
    if (is_too_deep(it, deque ? "deque([...])" : "[...]"))
        return;
    text_add(it->text, deque ? "deque([" : "[");
    show_items(it, "");
    text_add(it->text, deque ? "])" : "]");
}

static void show_set(const struct shown *it, bool frozen)
{
    if (is_too_deep(it, "{...}"))
        return;
    if (show_items(it, frozen ? "frozenset({" : "{"))
        text_add(it->text, frozen ? "})" : "}");
    else
        text_add(it->text, frozen ? "frozenset()" : "set()");
}

static void show_dict(const struct shown *it)
{
    struct held held = held_by(it->file, it->object);
    int count = 0;
    if (is_too_deep(it, "{...}"))
        return;
    text_add(it->text, "{");
    for (uint64_t k = 0; k < held.count && !it->text->full && take_work(it); k++) {
        uint64_t detail;
        uint32_t key;
        enum mark_kind kind = label_at(&held, k, &detail);
        bool omitted = kind == MARK_OMITTED;
        if (!omitted && !key_of(it->file, &held, k, &key))
            continue;
        if (++count > PREVIEW_ITEMS) {
            text_add(it->text, ", ...");
            break;
        }
        text_add(it->text, count > 1 ? ", " : "");
        if (omitted)
            text_add(it->text, "...");
        else
            show_inner(it, key);
        text_add(it->text, ": ");
        show_inner(it, target_at(it->file, &held, k));
    }
    text_add(it->text, "}");
}

// ---- recipes ------------------------------------------------------------------------------------

static void show_object(const struct shown *it)
{
    text_add(it->text, "<%s object at 0x%llx>", type_name(it->file, it->object),
             (unsigned long long)snapshot_address(&it->file->snapshot, it->object));
}

// An exception's: one is not followed by a comma.
static void show_arguments(const struct shown *it, uint32_t arguments)
{
    if (it->depth >= PREVIEW_DEPTH) {
        text_add(it->text, "(...)");
        return;
    }
    struct held held = held_by(it->file, arguments);
    struct shown tuple = {it->file, it->text, arguments, it->depth + 1, it->work};
    uint64_t detail, count = 0, single = 0;
    for (uint64_t k = 0; k < held.count && count < 2 && take_work(it); k++)
        if (label_at(&held, k, &detail) == MARK_ITEM && !count++)
            single = k;
    if (count != 1) {
        show_tuple(&tuple);
        return;
    }
    text_add(it->text, "(");
    show_inner(it, target_at(it->file, &held, single));
    text_add(it->text, ")");
}

static void follow(const struct shown *it, char what, uint8_t place)
{
    struct held held = held_by(it->file, it->object);
    uint64_t k = (uint64_t)place - RECIPE_FIRST;
    if (place < RECIPE_FIRST || k >= held.count)
        return;
    uint32_t object = target_at(it->file, &held, k);
    if (what == RECIPE_PREVIEW)
        show_inner(it, object);
    else if (what == RECIPE_ARGUMENTS)
        show_arguments(it, object);
    else
        text_add(it->text, "0x%llx",
                 (unsigned long long)snapshot_address(&it->file->snapshot, object));
}

static void show_recipe(const struct shown *it)
{
    uint64_t nbytes = 0, recipe_nbytes;
    const uint8_t *text = text_of(it->file, it->object, &nbytes);
    struct wire_in in = {text, text ? text + nbytes : text, !text};
    const uint8_t *recipe = file_string_bytes(it->file, take_number(&in), &recipe_nbytes);
    if (in.bad || !recipe) {
        text_add(it->text, "?");
        return;
    }
    char piece[256];
    for (uint64_t i = 0; i < recipe_nbytes && !it->text->full && take_work(it);) {
        char c = (char)recipe[i];
        if (c == RECIPE_SHALLOW && it->depth >= PREVIEW_DEPTH) {
            show_object(it);
            return;
        }
        if (c == RECIPE_ADDRESS)
            text_add(it->text, "0x%llx",
                     (unsigned long long)snapshot_address(&it->file->snapshot, it->object));
        if ((c == RECIPE_PREVIEW || c == RECIPE_ARGUMENTS || c == RECIPE_ITS_ADDRESS) &&
            i + 1 < recipe_nbytes)
            follow(it, c, recipe[++i]);
        if ((uint8_t)c < ' ') {
            i++;
            continue;
        }
        size_t length = 0;
        while (i < recipe_nbytes && recipe[i] >= ' ' && length < sizeof piece - 1)
            piece[length++] = (char)recipe[i++];
        piece[length] = '\0';
        text_add_escaped(it->text, piece);
    }
}

// ---- previews -----------------------------------------------------------------------------------

static void show(const struct shown *it)
{
    enum text_form form = form_of(it->file, it->object);
    switch (form) {
    case FORM_OBJECT:
        show_object(it);
        return;
    case FORM_LIST:
    case FORM_DEQUE:
        show_list(it, form == FORM_DEQUE);
        return;
    case FORM_TUPLE:
        show_tuple(it);
        return;
    case FORM_SET:
    case FORM_FROZENSET:
        show_set(it, form == FORM_FROZENSET);
        return;
    case FORM_DICT:
        show_dict(it);
        return;
    case FORM_INT:
    case FORM_FLOAT:
    case FORM_COMPLEX:
    case FORM_STR:
    case FORM_BYTES:
    case FORM_BYTEARRAY:
        show_value(it, form);
        return;
    case FORM_RECIPE:
        show_recipe(it);
        return;
    }
}

static void show_inner(const struct shown *around, uint32_t object)
{
    struct shown it = {around->file, around->text, object, around->depth + 1, around->work};
    if (it.depth > PREVIEW_DEPTH)
        text_add(it.text, "...");
    else
        show(&it);
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    struct text text;
    uint32_t work = PREVIEW_WORK;
    text_init(&text, buffer, nbytes > 4 ? nbytes - 4 : nbytes);
    struct shown it = {data, &text, object, 0, &work};
    show(&it);
    if (text.full && nbytes > 4)
        memcpy(buffer + text.used, "...", 4);
}

// ---- labels, kinds, values ----------------------------------------------------------------------

static void add_key(const struct snapshot_file *file, uint32_t key, struct text *text)
{
    char shown[120];
    uint64_t nbytes = 0;
    text_add(text, "[");
    if (form_of(file, key) == FORM_STR && !(file->flags & FORMAT_REDACTED)) {
        const uint8_t *bytes = text_of(file, key, &nbytes);
        show_characters(bytes, nbytes, LABEL_CHARACTERS, text);
    } else {
        preview((void *)(uintptr_t)file, key, shown, sizeof shown);
        text_add(text, "%s", shown);
    }
    text_add(text, "]");
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    struct held held = held_by(file, object);
    uint64_t k = reference - held.first, detail;
    uint32_t key;
    struct text text;
    text_init(&text, buffer, nbytes);
    switch (label_at(&held, k, &detail)) {
    case MARK_ITEM:
        text_add(&text, "[%llu]", (unsigned long long)detail);
        return;
    case MARK_MEMBER:
        text_add(&text, "{member}");
        return;
    case MARK_KEY:
        text_add(&text, "{key %llu}", (unsigned long long)detail);
        return;
    case MARK_PREVIOUS:
    case MARK_OBJECT:
        if (k < held.count && key_of(file, &held, k, &key)) {
            add_key(file, key, &text);
            return;
        }
        break;
    case MARK_TEXT:
        text_add_cut(&text, file_string(file, detail), nbytes);
        return;
    case MARK_OMITTED:
        break;
    }
    text_add(&text, "[...]");
}

static void kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    uint64_t number = column_at(&file->kind, object);
    struct text text;
    text_init(&text, buffer, nbytes);
    text_add_cut(&text,
                 number ? file_string(file, number - 1) : file->kinds[type_number(file, object)],
                 nbytes);
}

static void root_label(void *data, size_t root_reference, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    struct text text;
    text_init(&text, buffer, nbytes);
    text_add_cut(&text, file->root_labels[root_reference], nbytes);
}

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    uint64_t length = 0;
    const uint8_t *bytes = text_of(file, object, &length);
    enum text_form form = form_of(file, object);
    if (!bytes || bytes[0] == TEXT_UNREADABLE || file->flags & FORMAT_REDACTED || !nbytes)
        return SNAPSHOT_NO_VALUE;
    bytes++, length--;
    if (form == FORM_BYTES) {
        length = length < nbytes ? length : nbytes;
        memcpy(buffer, bytes, length);
        return length;
    }
    if (form != FORM_STR)
        return SNAPSHOT_NO_VALUE;
    struct text text;
    text_init(&text, buffer, nbytes);
    for (uint64_t at = 0; at < length && !text.full;) {
        uint32_t c;
        at += next_character(bytes + at, length - at, &c);
        if (c == 0 || (c >= 0xD800 && c < 0xE000))
            text_add_escaped_char(&text, c, 0);
        else
            text_add_char(&text, c);
    }
    return text.used;
}

static void block(void *data, size_t number, struct snapshot_block *ret)
{
    const struct snapshot_file *file = data;
    uint64_t words = column_at(&file->block_words, number);
    bool known = words < file->block_text_count;
    *ret = (struct snapshot_block){
        .address = column_at(&file->block_address, number),
        .nbytes = column_at(&file->block_nbytes, number),
        .owner = (uint32_t)column_at(&file->block_owner, number) - 1,
        .allocator = known ? file->block_texts[words].allocator : "?",
        .holder = known ? file->block_texts[words].holder : "?",
    };
}

// ---- labels as columns --------------------------------------------------------------------------

// Names are strings of the file, and behind them one for keys that were left out.
static enum label_kind label_column(const struct snapshot_file *file, const struct held *held,
                                    uint64_t k, uint32_t *ret_number)
{
    uint64_t detail;
    uint32_t key;
    enum mark_kind kind = label_at(held, k, &detail);
    *ret_number = (uint32_t)detail;
    switch (kind) {
    case MARK_ITEM:
        return LABEL_ITEM;
    case MARK_MEMBER:
        return LABEL_MEMBER;
    case MARK_KEY:
        return LABEL_KEY;
    case MARK_PREVIOUS:
    case MARK_OBJECT:
        if (!key_of(file, held, k, &key))
            break;
        *ret_number = key;
        return LABEL_VALUE;
    case MARK_TEXT:
        if (detail >= file->snapshot.label_name_count)
            break;
        return LABEL_NAME;
    case MARK_OMITTED:
        break;
    }
    *ret_number = (uint32_t)file->snapshot.label_name_count - 1;
    return LABEL_NAME;
}

mx_status file_make_labels(struct snapshot_file *file, struct mx_error *err)
{
    struct snapshot *s = &file->snapshot;
    uint64_t count = s->reference_count;
    if (file->label_kinds || !count)
        return MX_OK;
    size_t names = file->string_first.count ? file->string_first.count : 1;
    file->label_kinds = calloc(count + 1, 1);
    file->label_numbers = calloc(count + 1, sizeof *file->label_numbers);
    file->label_names = calloc(names, sizeof *file->label_names);
    if (!file->label_kinds || !file->label_numbers || !file->label_names)
        return fail_no_memory(err);
    for (size_t i = 0; i + 1 < names; i++)
        file->label_names[i] = file_string(file, i);
    file->label_names[names - 1] = "[...]";
    s->label_names = file->label_names;
    s->label_name_count = names;
    for (uint32_t object = 0; object < s->object_count; object++) {
        struct held held = held_by(file, object);
        for (uint64_t k = 0; k < held.count && held.first + k < count; k++)
            file->label_kinds[held.first + k] =
                (uint8_t)label_column(file, &held, k, &file->label_numbers[held.first + k]);
    }
    s->label_kind = (struct column){
        .count = count, .bytes = file->label_kinds, .nbytes = count, .encoding = COLUMN_U8};
    s->label_number = (struct column){.count = count,
                                      .bytes = (const uint8_t *)file->label_numbers,
                                      .nbytes = 4 * count,
                                      .encoding = COLUMN_U32};
    return MX_OK;
}

void file_add_texts(struct snapshot_file *file)
{
    file->snapshot.texts = (struct snapshot_texts){
        .preview = preview,
        .kind = kind,
        .label = label,
        .root_label = root_label,
        .value = value,
        .block = block,
        .data = file,
    };
}
