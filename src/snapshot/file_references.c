// file_references.c - the references of an object in a file, and how they are called.
#include <endian.h>
#include <stdlib.h>

#include "base/error.h"
#include "snapshot/file_inside.h"

struct held file_held(const struct snapshot_file *file, uint32_t object)
{
    const struct snapshot *s = &file->snapshot;
    struct held held = {.first = column_at(&s->first, object),
                        .shape = column_at(&file->shape, object)};
    uint64_t end = column_at(&s->first, (uint64_t)object + 1);
    held.count = end > held.first ? end - held.first : 0;
    const struct file_section *shapes = &file->sections[SECTION_shapes];
    if (held.shape >= SHAPE_LISTED && held.shape - SHAPE_LISTED <= shapes->nbytes / 4) {
        held.shapes = shapes;
        held.marks = shapes->bytes + 4 * (held.shape - SHAPE_LISTED);
        held.mark_count = shapes->nbytes / 4 - (held.shape - SHAPE_LISTED);
    }
    return held;
}

enum mark_kind file_mark(const struct held *held, uint64_t k, uint64_t *ret_detail)
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
    if (k >= held->mark_count ||
        !file_may_read(held->shapes, (uint64_t)(held->marks - held->shapes->bytes) + 4 * k, 4))
        return MARK_OMITTED;
    memcpy(&word, held->marks + 4 * k, sizeof word);
    word = le32toh(word);
    *ret_detail = word >> MARK_BITS;
    uint32_t kind = word & ((1u << MARK_BITS) - 1);
    return kind <= MARK_OMITTED ? (enum mark_kind)kind : MARK_OMITTED;
}

bool file_key(const struct snapshot_file *file, const struct held *held, uint64_t k, uint32_t *ret)
{
    uint64_t detail;
    switch (file_mark(held, k, &detail)) {
    case MARK_PREVIOUS:
        if (!k)
            return false;
        *ret = file_target(file, held, k - 1);
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

// ---- labels as columns --------------------------------------------------------------------------

// Names are strings of the file, and behind them one for keys that were left out.
static enum label_kind label_column(const struct snapshot_file *file, const struct held *held,
                                    uint64_t k, uint32_t *ret_number)
{
    uint64_t detail;
    uint32_t key;
    enum mark_kind kind = file_mark(held, k, &detail);
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
        if (!file_key(file, held, k, &key))
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
        struct held held = file_held(file, object);
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
