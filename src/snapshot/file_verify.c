// file_verify.c - looks at every byte of an open file: what opening it leaves for later.
#include "snapshot/file_inside.h"

static bool rises(const struct column *column, bool strictly)
{
    uint64_t numbers[1024], before = 0;
    for (uint64_t at = 0; at < column->count;) {
        uint64_t count = column->count - at < 1024 ? column->count - at : 1024;
        column_read(column, at, count, numbers);
        for (uint64_t i = 0; i < count; before = numbers[i++])
            if (at + i && (numbers[i] < before || (strictly && numbers[i] == before)))
                return false;
        at += count;
    }
    return true;
}

mx_status file_verify(const struct snapshot_file *file, struct mx_error *err)
{
    const struct snapshot *s = &file->snapshot;
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++)
        if (!file_section_is_right(&file->sections[i]))
            return fail_damaged(file, format_name((enum format_number)i), err);
#define X(name, of, meaning)                                                                       \
    if (!column_check(&s->name))                                                                   \
        return fail_damaged(file, #name, err);
    SNAPSHOT_COLUMNS(X)
#undef X
    if (!rises(&s->address, true))
        return fail_damaged(file, "address", err);
    if (!rises(&s->first, false) || !rises(&s->referrer_first, false) ||
        column_at(&s->first, s->object_count) != s->reference_count ||
        column_at(&s->referrer_first, s->object_count) != s->reference_count)
        return fail_damaged(file, "first", err);
    const struct column *others[] = {&file->string_first, &file->text_first, &file->kind,
                                     &file->shape, &file->block_owner};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!column_check(others[i]))
            return fail_damaged(file, "texts", err);
    return MX_OK;
}
