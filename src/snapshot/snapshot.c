// snapshot.c - looking up an object, and writing what a reference is called.
#include "snapshot/snapshot.h"

#include <string.h>

#include "base/text.h"
#include "snapshot/pieces.h"

#define LABEL_CHARACTERS 60 // of a key
#define NAME_BYTES 160

bool snapshot_is_foreign_path(const char *path)
{
    static const char *const FOREIGN[] = {"/lib/python", "/site-packages/", "/dist-packages/",
                                          "/lib-dynload/", "<frozen"};
    for (size_t i = 0; i < sizeof FOREIGN / sizeof FOREIGN[0]; i++)
        if (strstr(path, FOREIGN[i]))
            return true;
    return false;
}

bool snapshot_find(const struct snapshot *s, mx_addr address, uint32_t *ret_object)
{
    uint32_t low = 0, high = s->object_count;
    if (address % 8)
        return false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (snapshot_address(s, middle) < address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->object_count || snapshot_address(s, low) != address)
        return false;
    *ret_object = low;
    return true;
}

const uint8_t *snapshot_stored_bytes(const struct snapshot_stored *stored, uint64_t first,
                                     uint64_t end)
{
    if (end <= first || (stored->pieces && !pieces_are_right(stored->pieces, first, end - first)))
        return NULL;
    return stored->bytes + first;
}

static void add_name(const struct snapshot *s, const char *before, uint32_t name, struct text *text)
{
    char value[NAME_BYTES];
    text_add(text, "%s", before);
    size_t nbytes = s->texts.value(s->texts.data, name, value, sizeof value - 1);
    if (nbytes == SNAPSHOT_NO_VALUE) {
        text_add(text, "?");
        return;
    }
    value[nbytes] = '\0';
    text_add_escaped(text, value);
}

// A short preview of the key: a str is cut to LABEL_CHARACTERS, and "..." stands behind its quote then.
static void add_key(const struct snapshot *s, uint32_t key, struct text *text)
{
    char preview[800];
    bool is_str = snapshot_type_of(s, key)->family == SNAPSHOT_STR;
    s->texts.preview(s->texts.data, key, preview, is_str ? sizeof preview : 120);
    text_add(text, "[");
    if (!is_str) {
        text_add(text, "%s]", preview);
        return;
    }
    size_t shown = 0, at = preview[0] ? 1 : 0;
    for (; preview[at] && preview[at] != preview[0] && shown < LABEL_CHARACTERS; shown++) {
        size_t escape = preview[at] != '\\'      ? 1
                        : preview[at + 1] == 'x' ? 4
                        : preview[at + 1] == 'u' ? 6
                        : preview[at + 1] == 'U' ? 10
                                                 : 2;
        for (size_t i = 0; i < escape && preview[at]; i++)
            at++;
        while (((uint8_t)preview[at] & 0xC0) == 0x80)
            at++;
    }
    text_add_cut(text, preview, at);
    bool whole = preview[at] == preview[0] && !preview[at + 1];
    text_add(text, whole ? "%c]" : "%c...]", preview[0]);
}

static void write_label(const struct snapshot *s, enum label_kind kind, uint32_t number,
                        struct text *text)
{
    switch (kind) {
    case LABEL_NAME:
        text_add(text, "%s", number < s->label_name_count ? s->label_names[number] : "?");
        return;
    case LABEL_ITEM:
        text_add(text, "[%u]", number);
        return;
    case LABEL_MEMBER:
        text_add(text, "{member}");
        return;
    case LABEL_KEY:
        text_add(text, "{key %u}", number);
        return;
    case LABEL_VALUE:
        if (number < s->object_count)
            add_key(s, number, text);
        else
            text_add(text, "[?]");
        return;
    case LABEL_ATTRIBUTE:
    case LABEL_LOCAL:
    case LABEL_CLOSURE: {
        const char *before = kind == LABEL_ATTRIBUTE ? "."
                             : kind == LABEL_LOCAL   ? "local "
                                                     : "closure ";
        if (number < s->object_count)
            add_name(s, before, number, text);
        else
            text_add(text, "%s?", before);
        return;
    }
    case LABEL_STACK:
        text_add(text, "stack %u", number);
        return;
    case LABEL_STATE:
        text_add(text, "module state +0x%x", number);
        return;
    case LABEL_BLOCK:
        text_add(text, "its memory +0x%x", number);
        return;
    }
    text_add(text, "?"); // a file may have any number
}

void snapshot_label(const struct snapshot *s, uint32_t object, uint64_t reference, char *buffer,
                    size_t nbytes)
{
    struct text text;
    if (!s->label_kind.count) {
        s->texts.label(s->texts.data, object, reference, buffer, nbytes);
        return;
    }
    text_init(&text, buffer, nbytes);
    write_label(s, (enum label_kind)column_at(&s->label_kind, reference),
                (uint32_t)column_at(&s->label_number, reference), &text);
}
