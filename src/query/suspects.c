// suspects.c - the public questions about suspects.
#include "query/suspects.h"

#include <string.h>

#include "base/error.h"

const char *mx_suspect_kind_name(mx_suspect_kind kind)
{
    switch (kind) {
    case MX_SUSPECT_OBJECT:
        return "object";
    case MX_SUSPECT_GROUP:
        return "group";
    case MX_SUSPECT_CHAIN:
        return "chain";
    case MX_SUSPECT_GARBAGE:
        return "garbage";
    case MX_SUSPECT_NATIVE:
        return "native";
    }
    return "?";
}

// Bytes at the end of a text that are the beginning of a character only.
static size_t broken_end(const char *text, size_t length)
{
    size_t back = 0;
    while (back < 4 && back < length && ((uint8_t)text[length - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == length || back == 4)
        return back;
    uint8_t lead = (uint8_t)text[length - 1 - back];
    size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    return back < wanted ? back + 1 : 0;
}

const char *suspects_keep(struct mx_suspects *suspects, const char *text)
{
    char *kept = strdup(text);
    if (!kept)
        return NULL;
    size_t length = strlen(kept);
    kept[length - broken_end(kept, length)] = '\0';
    if (!vector_push(&suspects->strings, kept)) {
        free(kept);
        return NULL;
    }
    return kept;
}

mx_status suspects_make(struct mx_suspects *suspects, struct mx_error *err)
{
    struct accumulations found = {0};
    const struct snapshot *snapshot = suspects->snapshot;
    plain_init(&suspects->plain, snapshot);
    suspects->snapshot = &suspects->plain.snapshot;
    mx_status status = plain_add(
        &suspects->plain, PLAIN_type | PLAIN_dominator | PLAIN_REFERENCES | PLAIN_BYTES, err);
    if (!status)
        status = hang_make(suspects->snapshot, &suspects->hang, err);
    if (!status)
        status = fold_make(&suspects->hang, &suspects->fold, err);
    if (!status)
        status = suspects_find(suspects, &found, err);
    if (!status)
        status = suspects_describe(suspects, &found, err);
    free(found.items);
    if (!status)
        status = suspects_add_duplicates(suspects, err);
    if (!status)
        status = suspects_add_sparse(suspects, err);
    if (!status)
        status = suspects_add_slots(suspects, err);
    hang_free(&suspects->hang);
    fold_free(&suspects->fold);
    plain_free(&suspects->plain);
    suspects->snapshot = snapshot;
    return status;
}

mx_status mx_heap_suspects(const mx_heap *heap, mx_suspects **ret, struct mx_error *err)
{
    mx_suspects *suspects = calloc(1, sizeof *suspects);
    mx_status status =
        suspects ? heap_snapshot(heap, &suspects->snapshot, err) : fail_no_memory(err);
    if (!status)
        status = snapshot_answered(suspects->snapshot, suspects_make(suspects, err), err);
    if (status)
        mx_suspects_free(suspects);
    else
        *ret = suspects;
    return status;
}

const struct mx_suspect_totals *mx_suspects_totals(const mx_suspects *suspects)
{
    return &suspects->totals;
}

size_t mx_suspects_list(const mx_suspects *suspects, const struct mx_suspect **ret)
{
    *ret = suspects->list.items;
    return suspects->list.count;
}

size_t mx_suspects_duplicates(const mx_suspects *suspects, const struct mx_duplicate **ret)
{
    *ret = suspects->duplicates.items;
    return suspects->duplicates.count;
}

size_t mx_suspects_sparse(const mx_suspects *suspects, const struct mx_sparse **ret)
{
    *ret = suspects->sparse.items;
    return suspects->sparse.count;
}

size_t mx_suspects_slots(const mx_suspects *suspects, const struct mx_slots **ret)
{
    *ret = suspects->slots.items;
    return suspects->slots.count;
}

void mx_suspects_free(mx_suspects *suspects)
{
    if (!suspects)
        return;
    for (size_t i = 0; i < suspects->list.count; i++)
        free((void *)(uintptr_t)suspects->list.items[i].types);
    for (size_t i = 0; i < suspects->strings.count; i++)
        free(suspects->strings.items[i]);
    vector_free(&suspects->list);
    vector_free(&suspects->duplicates);
    vector_free(&suspects->sparse);
    vector_free(&suspects->slots);
    vector_free(&suspects->strings);
    hang_free(&suspects->hang);
    fold_free(&suspects->fold);
    free(suspects);
}
