// diff_rows.c - what changed by type, and in all.
//
// Types are told by their names here: a class that is made anew for each request is one row.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/diff.h"

bool diff_grew_every_time(const struct mx_diff *diff, const struct mx_diff_sum *all)
{
    for (size_t i = 1; i < diff->count; i++)
        if (all[i].bytes <= all[i - 1].bytes)
            return false;
    return true;
}

// ---- order --------------------------------------------------------------------------------------

static uint64_t by_how_much(const struct mx_diff_row *row, size_t count)
{
    uint64_t before = row->all[0].bytes, after = row->all[count - 1].bytes;
    return before < after ? after - before : before - after;
}

int diff_compare_rows(const void *a, const void *b, void *data)
{
    const struct mx_diff_row *left = a, *right = b;
    const struct mx_diff *diff = data;
    if (diff->count > 2 && left->every_time != right->every_time)
        return left->every_time ? -1 : 1;
    uint64_t of_left = by_how_much(left, diff->count), of_right = by_how_much(right, diff->count);
    if (of_left != of_right)
        return of_left < of_right ? 1 : -1;
    if (left->born.bytes != right->born.bytes)
        return left->born.bytes < right->born.bytes ? 1 : -1;
    return strcmp(left->name, right->name);
}

// ---- one row a name -----------------------------------------------------------------------------

struct named {
    const char *name;
    uint32_t snapshot, type;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

struct typing {
    struct mx_diff *diff;
    uint32_t *row_of[MX_DIFF_SNAPSHOTS]; // [types]
};

static mx_status name_rows(struct typing *typing, struct mx_error *err)
{
    struct mx_diff *diff = typing->diff;
    VECTOR(struct named) names = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < diff->count; i++) {
        const struct snapshot *s = diff->of[i];
        typing->row_of[i] = malloc((s->type_count + 1) * sizeof *typing->row_of[i]);
        ok = typing->row_of[i] && vector_reserve(&names, names.count + s->type_count);
        for (uint32_t type = 0; ok && type < s->type_count; type++)
            names.items[names.count++] = (struct named){s->types[type].name, i, type};
    }
    if (ok && names.count)
        qsort(names.items, names.count, sizeof *names.items, by_name);
    for (size_t i = 0; ok && i < names.count; i++) {
        const struct named *named = &names.items[i];
        if (i == 0 || strcmp(named->name, names.items[i - 1].name) != 0) {
            struct mx_diff_row row = {.name = named->name, .path = "", .type = named->name};
            ok = vector_push(&diff->types, row);
        }
        typing->row_of[named->snapshot][named->type] = (uint32_t)diff->types.count - 1;
    }
    vector_free(&names);
    return ok ? MX_OK : fail_no_memory(err);
}

static void add(struct mx_diff_sum *sum, uint64_t bytes)
{
    sum->objects++;
    sum->bytes += bytes;
}

// ---- objects ------------------------------------------------------------------------------------

static void count_all(struct typing *typing, size_t i, struct mx_diff_sum *sums)
{
    struct mx_diff *diff = typing->diff;
    const struct snapshot *s = diff->of[i];
    for (uint32_t object = 0; object < s->object_count; object++) {
        uint64_t bytes = snapshot_nbytes(s, object);
        uint32_t row = typing->row_of[i][column_at(&s->type, object)];
        add(&sums[row * diff->count + i], bytes);
        add(&diff->totals.all[i], bytes);
        bool is_last = i + 1 == diff->count;
        if (is_last && diff_is_born(diff, object)) {
            add(&diff->types.items[row].born, bytes);
            add(&diff->totals.born, bytes);
        } else if (is_last && diff->since[i][object]) {
            add(&diff->totals.recent, bytes);
        } else if (!is_last && diff->since[i][object] && diff->next[i][object] == MX_NO_OBJECT) {
            add(&diff->totals.traffic, bytes);
        }
    }
}

static void count_first(struct typing *typing)
{
    struct mx_diff *diff = typing->diff;
    const struct snapshot *s = diff->of[0], *last = diff->of[diff->count - 1];
    for (uint32_t object = 0; object < s->object_count; object++) {
        uint32_t after = diff_follow(diff, 0, object, diff->count - 1);
        uint64_t bytes = snapshot_nbytes(s, object);
        if (after == MX_NO_OBJECT) {
            add(&diff->types.items[typing->row_of[0][column_at(&s->type, object)]].died, bytes);
            add(&diff->totals.died, bytes);
            continue;
        }
        uint64_t now = snapshot_nbytes(last, after);
        if (now > bytes)
            add(&diff->totals.grew, now - bytes);
        else if (now < bytes)
            add(&diff->totals.shrank, bytes - now);
        if (diff_has_moved(diff, object, after))
            add(&diff->totals.moved, now);
    }
}

// ---- rows that say something --------------------------------------------------------------------

static bool is_changed(const struct mx_diff *diff, const struct mx_diff_row *row)
{
    for (size_t i = 1; i < diff->count; i++)
        if (row->all[i].bytes != row->all[0].bytes || row->all[i].objects != row->all[0].objects)
            return true;
    return row->born.objects || row->died.objects;
}

static void keep_changed(struct mx_diff *diff)
{
    size_t kept = 0;
    for (size_t i = 0; i < diff->types.count; i++) {
        struct mx_diff_row *row = &diff->types.items[i];
        row->all = diff->type_sums.items + i * diff->count;
        row->every_time = diff_grew_every_time(diff, row->all);
        if (is_changed(diff, row) && (!diff->type || strcmp(diff->type, row->name) == 0))
            diff->types.items[kept++] = *row;
    }
    diff->types.count = kept;
    if (kept)
        qsort_r(diff->types.items, kept, sizeof *diff->types.items, diff_compare_rows, diff);
    if (kept > diff->most)
        diff->types.count = diff->most;
}

mx_status diff_add_types(struct mx_diff *diff, struct mx_error *err)
{
    struct typing typing = {.diff = diff};
    mx_status status = name_rows(&typing, err);
    size_t sums = diff->types.count * diff->count;
    if (!status && !vector_reserve(&diff->type_sums, sums + 1))
        status = fail_no_memory(err);
    if (!status) {
        memset(diff->type_sums.items, 0, sums * sizeof *diff->type_sums.items);
        for (size_t i = 0; i < diff->count; i++)
            count_all(&typing, i, diff->type_sums.items);
        count_first(&typing);
        keep_changed(diff);
    }
    for (size_t i = 0; i < diff->count; i++)
        free(typing.row_of[i]);
    return status;
}
