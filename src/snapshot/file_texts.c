// file_texts.c - labels, kinds, values and blocks out of a file; file_preview.c makes its previews.
#include "base/text.h"
#include "snapshot/file_inside.h"

#define LABEL_CHARACTERS 60 // as in decode/label.c: of a key

const uint8_t *file_text(const struct snapshot_file *file, uint32_t object, uint64_t *ret_nbytes)
{
    uint64_t first = column_at(&file->text_first, object);
    uint64_t end = column_at(&file->text_first, (uint64_t)object + 1);
    const struct file_section *texts = &file->sections[SECTION_texts];
    if (end <= first || !file_may_read(texts, first, end - first))
        return NULL;
    *ret_nbytes = end - first;
    return texts->bytes + first;
}

static void add_key(const struct snapshot_file *file, uint32_t key, struct text *text)
{
    char shown[120];
    uint64_t nbytes = 0;
    text_add(text, "[");
    if (file_form(file, key) == FORM_STR && !(file->flags & FORMAT_REDACTED)) {
        const uint8_t *bytes = file_text(file, key, &nbytes);
        file_show_characters(bytes, nbytes, LABEL_CHARACTERS, text);
    } else {
        file_preview((void *)(uintptr_t)file, key, shown, sizeof shown);
        text_add(text, "%s", shown);
    }
    text_add(text, "]");
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    struct held held = file_held(file, object);
    uint64_t k = reference - held.first, detail;
    uint32_t key;
    struct text text;
    text_init(&text, buffer, nbytes);
    switch (file_mark(&held, k, &detail)) {
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
        if (k < held.count && file_key(file, &held, k, &key)) {
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
                 number ? file_string(file, number - 1)
                        : file->kinds[column_at(&file->snapshot.type, object)],
                 nbytes);
}

static void root_label(void *data, size_t root_reference, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    struct text text;
    text_init(&text, buffer, nbytes);
    text_add_cut(&text, file->root_labels[root_reference], nbytes);
}

// What stands for itself: returns how many, up to the first that does not.
static uint64_t copy_ascii(const uint8_t *bytes, uint64_t nbytes, char *ret)
{
    uint64_t count = 0;
    while (count < nbytes && bytes[count] > 0 && bytes[count] < 0x80) {
        ret[count] = (char)bytes[count];
        count++;
    }
    return count;
}

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct snapshot_file *file = data;
    uint64_t length = 0;
    const uint8_t *bytes = file_text(file, object, &length);
    enum text_form form = file_form(file, object);
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
    uint64_t at = copy_ascii(bytes, length < nbytes ? length : nbytes, buffer);
    struct text text;
    if (at == length && at < nbytes) {
        buffer[at] = '\0';
        return at;
    }
    text_init(&text, buffer, nbytes);
    for (at = 0; at < length && !text.full;) {
        uint32_t c;
        at += file_character(bytes + at, length - at, &c);
        if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
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

static bool is_value(enum text_form form)
{
    return form == FORM_INT || form == FORM_FLOAT || form == FORM_COMPLEX || form == FORM_STR ||
           form == FORM_BYTES;
}

static struct snapshot_stored stored(const struct snapshot_file *file)
{
    for (size_t i = 0; i < file->snapshot.type_count; i++)
        file->are_values[i] = is_value((enum text_form)file->forms[i]);
    const struct file_section *texts = &file->sections[SECTION_texts];
    return (struct snapshot_stored){
        .bytes = file->flags & FORMAT_REDACTED ? NULL : texts->bytes,
        .pieces = texts->right ? NULL : &texts->pieces,
        .first = &file->text_first,
        .by_type = file->are_values,
    };
}

void file_add_texts(struct snapshot_file *file)
{
    file->snapshot.texts = (struct snapshot_texts){
        .preview = file_preview,
        .kind = kind,
        .label = label,
        .root_label = root_label,
        .value = value,
        .block = block,
        .data = file,
    };
    file->snapshot.stored = stored(file);
    file->snapshot.labels_at_hand = true;
}
