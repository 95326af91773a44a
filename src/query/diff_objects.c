// diff_objects.c - the objects that a person would look at, of each change the largest.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/diff.h"
#include "query/names.h"

#define PREVIEW_NBYTES 200

struct found {
    uint64_t bytes;  // by which rows are ranked
    uint32_t object; // of the last snapshot, of what died of the first
    uint32_t before; // of the first; MX_NO_OBJECT
    bool every_time;
};

// The largest so far: a heap with the least on top.
struct best {
    struct found *items;
    size_t count, capacity, most;
};

static bool is_less(const struct found *a, const struct found *b)
{
    if (a->every_time != b->every_time)
        return b->every_time;
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->object > b->object;
}

static void sift_down(struct best *best)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < best->count; at = child) {
        if (child + 1 < best->count && is_less(&best->items[child + 1], &best->items[child]))
            child++;
        if (!is_less(&best->items[child], &best->items[at]))
            return;
        struct found found = best->items[at];
        best->items[at] = best->items[child];
        best->items[child] = found;
    }
}

static bool best_add(struct best *best, struct found found)
{
    if (best->count == best->most) {
        if (is_less(&best->items[0], &found)) {
            best->items[0] = found;
            sift_down(best);
        }
        return true;
    }
    if (!vector_push(best, found))
        return false;
    for (size_t at = best->count - 1; at; at = (at - 1) / 2) {
        size_t parent = (at - 1) / 2;
        if (!is_less(&best->items[at], &best->items[parent]))
            break;
        best->items[at] = best->items[parent];
        best->items[parent] = found;
    }
    return true;
}

static int most_first(const void *a, const void *b)
{
    return is_less(a, b) ? 1 : is_less(b, a) ? -1 : 0;
}

// ---- which --------------------------------------------------------------------------------------

struct finder {
    struct mx_diff *diff;
    const struct snapshot *first, *last;
    uint32_t *made;        // `after` of more than two
    const uint32_t *after; // [objects of the first] their number in the last
    uint64_t *below; // [objects of the first] the most that one it dominates retains more, less
    struct best best[MX_CHANGES];
};

static bool is_wanted(const struct finder *finder, const struct snapshot *s, uint32_t object)
{
    return !finder->diff->type ||
           strcmp(snapshot_type_of(s, object)->name, finder->diff->type) == 0;
}

static bool find_born(struct finder *finder)
{
    const struct snapshot *s = finder->last;
    bool ok = true;
    for (uint32_t object = 0; ok && object < s->object_count; object++) {
        uint32_t dominator = snapshot_dominator(s, object);
        if (!diff_is_born(finder->diff, object) || !is_wanted(finder, s, object) ||
            (!finder->diff->type && dominator < s->object_count &&
             diff_is_born(finder->diff, dominator)))
            continue;
        ok = best_add(&finder->best[MX_CHANGE_BORN],
                      (struct found){.bytes = column_at(&s->retained, object),
                                     .object = object,
                                     .before = MX_NO_OBJECT});
    }
    return ok;
}

static bool find_died(struct finder *finder)
{
    const struct snapshot *s = finder->first;
    bool ok = true;
    for (uint32_t object = 0; ok && object < s->object_count; object++) {
        uint32_t dominator = snapshot_dominator(s, object);
        if (finder->after[object] != MX_NO_OBJECT || !is_wanted(finder, s, object) ||
            (!finder->diff->type && dominator < s->object_count &&
             finder->after[dominator] == MX_NO_OBJECT))
            continue;
        ok = best_add(&finder->best[MX_CHANGE_DIED],
                      (struct found){.bytes = column_at(&s->retained, object),
                                     .object = object,
                                     .before = object});
    }
    return ok;
}

static int64_t retains_more(const struct finder *finder, uint32_t object)
{
    return (int64_t)(column_at(&finder->last->retained, finder->after[object]) -
                     column_at(&finder->first->retained, object));
}

static uint64_t amount(int64_t change)
{
    return change < 0 ? -(uint64_t)change : (uint64_t)change;
}

// Of a file, retained bytes may be any number.
static int64_t added(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? 0 : sum;
}

static void find_below(struct finder *finder)
{
    const struct snapshot *s = finder->first;
    for (uint32_t object = 0; object < s->object_count; object++) {
        uint32_t dominator = snapshot_dominator(s, object);
        if (finder->after[object] == MX_NO_OBJECT || dominator >= s->object_count)
            continue;
        if (!diff_has_moved(finder->diff, object, finder->after[object]))
            finder->below[dominator] =
                added(finder->below[dominator], retains_more(finder, object));
    }
}

static bool grew_every_time(const struct mx_diff *diff, uint32_t object)
{
    for (size_t i = 1; i < diff->count; i++) {
        uint64_t before = column_at(&diff->of[i - 1]->retained, object);
        object = diff->next[i - 1][object];
        if (object == MX_NO_OBJECT || column_at(&diff->of[i]->retained, object) <= before)
            return false;
    }
    return true;
}

static bool find_changed(struct finder *finder)
{
    const struct snapshot *s = finder->first;
    bool ok = true;
    for (uint32_t object = 0; ok && object < s->object_count; object++) {
        struct found found = {.object = finder->after[object], .before = object};
        if (found.object == MX_NO_OBJECT || !is_wanted(finder, s, object))
            continue;
        if (diff_has_moved(finder->diff, object, found.object)) {
            found.bytes = column_at(&finder->last->retained, found.object);
            ok = best_add(&finder->best[MX_CHANGE_MOVED], found);
        }
        int64_t change = retains_more(finder, object), below = finder->below[object];
        int64_t told = below == INT64_MIN ? 0 : added(change, -below);
        if (!told || (told > 0) != (change > 0))
            continue;
        found.bytes = amount(told);
        found.every_time =
            finder->diff->count > 2 && change > 0 && grew_every_time(finder->diff, object);
        ok = ok && best_add(&finder->best[change > 0 ? MX_CHANGE_GREW : MX_CHANGE_SHRANK], found);
    }
    return ok;
}

// ---- rows ---------------------------------------------------------------------------------------

static mx_status add_row(struct mx_diff *diff, mx_change change, const struct found *found,
                         struct mx_error *err)
{
    size_t last = diff->count - 1, seen = change == MX_CHANGE_DIED ? 0 : last;
    const struct snapshot *s = diff->of[seen];
    char preview[PREVIEW_NBYTES] = "";
    struct names names, before = {.holder = ""};
    mx_status status = names_of(&diff->hangs[seen], found->object, MX_NO_OBJECT, &names, err);
    if (!status && change == MX_CHANGE_MOVED)
        status = names_of(&diff->hangs[0], found->before, MX_NO_OBJECT, &before, err);
    if (status)
        return status;
    s->texts.preview(s->texts.data, found->object, preview, sizeof preview);
    struct mx_diff_object row = {.address = snapshot_address(s, found->object),
                                 .type = snapshot_type_of(s, found->object)->name,
                                 .preview = diff_keep(diff, preview),
                                 .where = diff_keep(diff, names.holder),
                                 .where_before = diff_keep(diff, before.holder),
                                 .since = diff->since[seen][found->object],
                                 .every_time = found->every_time};
    if (found->before != MX_NO_OBJECT) {
        row.bytes_before = snapshot_nbytes(diff->of[0], found->before);
        row.retained_before = column_at(&diff->of[0]->retained, found->before);
    }
    if (change != MX_CHANGE_DIED) {
        row.bytes_after = snapshot_nbytes(s, found->object);
        row.retained_after = column_at(&s->retained, found->object);
    }
    bool ok =
        row.preview && row.where && row.where_before && vector_push(&diff->objects[change], row);
    return ok ? MX_OK : fail_no_memory(err);
}

static mx_status find(struct finder *finder, struct mx_error *err)
{
    size_t room = (size_t)finder->first->object_count + 1;
    finder->after = finder->diff->next[0];
    finder->below = calloc(room, sizeof *finder->below);
    if (finder->diff->count > 2)
        finder->after = finder->made = malloc(room * sizeof *finder->made);
    if (!finder->after || !finder->below)
        return fail_no_memory(err);
    for (uint32_t object = 0; finder->made && object < finder->first->object_count; object++)
        finder->made[object] = diff_follow(finder->diff, 0, object, finder->diff->count - 1);
    find_below(finder);
    bool ok = find_born(finder) && find_died(finder) && find_changed(finder);
    return ok ? MX_OK : fail_no_memory(err);
}

mx_status diff_add_objects(struct mx_diff *diff, struct mx_error *err)
{
    struct finder finder = {.diff = diff, .first = diff->of[0], .last = diff->of[diff->count - 1]};
    for (int change = 0; change < MX_CHANGES; change++)
        finder.best[change].most = diff->most;
    mx_status status = find(&finder, err);
    for (int change = 0; change < MX_CHANGES; change++) {
        struct best *best = &finder.best[change];
        if (!status && best->count)
            qsort(best->items, best->count, sizeof *best->items, most_first);
        for (size_t i = 0; !status && i < best->count; i++)
            status = add_row(diff, (mx_change)change, &best->items[i], err);
        free(best->items);
    }
    free(finder.made);
    free(finder.below);
    return status;
}
