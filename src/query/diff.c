// diff.c - the public questions about what changed.
#include "query/diff.h"

#include <string.h>

#include "base/error.h"

const char *mx_change_name(mx_change change)
{
    switch (change) {
    case MX_CHANGE_BORN:
        return "born";
    case MX_CHANGE_DIED:
        return "died";
    case MX_CHANGE_GREW:
        return "grew";
    case MX_CHANGE_SHRANK:
        return "shrank";
    case MX_CHANGE_MOVED:
        return "moved";
    }
    return "?";
}

const char *diff_keep(struct mx_diff *diff, const char *text)
{
    char *kept = strdup(text);
    if (kept && !vector_push(&diff->strings, kept)) {
        free(kept);
        return NULL;
    }
    return kept;
}

// ---- one process --------------------------------------------------------------------------------

// Modules that live as long as their process.
static mx_addr module_address(const struct snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root *root = &s->roots[s->root_references[i].root];
        if (root->kind == ROOT_MODULE && strcmp(root->name, name) == 0)
            return snapshot_address(s, s->root_references[i].to);
    }
    return 0;
}

static mx_addr type_address(const struct snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->type_count; i++)
        if (strcmp(s->types[i].name, name) == 0)
            return s->types[i].address;
    return 0;
}

// A fork has the addresses of its parent: it is compared, too.
static bool is_one_process(const struct snapshot *a, const struct snapshot *b)
{
    return a->info.version_hex == b->info.version_hex &&
           a->info.free_threaded == b->info.free_threaded && a->info.debug == b->info.debug &&
           type_address(a, "builtins.type") == type_address(b, "builtins.type") &&
           module_address(a, "module builtins") == module_address(b, "module builtins") &&
           module_address(a, "module sys") == module_address(b, "module sys");
}

static mx_status check(const struct mx_diff *diff, struct mx_error *err)
{
    for (size_t i = 1; i < diff->count; i++)
        if (!is_one_process(diff->of[0], diff->of[i]))
            return fail(err, MX_BAD_ARGUMENT,
                        "heaps 1 and %zu are of two processes (pid %d and %d): objects are told by "
                        "their address, so take both from one process that goes on between them",
                        i + 1, diff->of[0]->info.process.pid, diff->of[i]->info.process.pid);
    return MX_OK;
}

// ---- all of them --------------------------------------------------------------------------------

static mx_status follow(struct mx_diff *diff, size_t i, struct mx_error *err)
{
    const struct snapshot *before = diff->of[i - 1], *after = diff->of[i];
    uint64_t reused;
    diff->next[i - 1] = malloc(((size_t)before->object_count + 1) * sizeof *diff->next[0]);
    if (!diff->next[i - 1])
        return fail_no_memory(err);
    mx_status status = diff_match(before, after, diff->next[i - 1], &reused, err);
    if (status)
        return status;
    diff->totals.reused += reused;
    memset(diff->since[i], (int)i, after->object_count);
    for (uint32_t a = 0; a < before->object_count; a++)
        if (diff->next[i - 1][a] != MX_NO_OBJECT)
            diff->since[i][diff->next[i - 1][a]] = diff->since[i - 1][a];
    return MX_OK;
}

// What only the making needs.
static void release(struct mx_diff *diff)
{
    for (size_t i = 0; i < MX_DIFF_SNAPSHOTS; i++) {
        free(diff->next[i]);
        free(diff->since[i]);
        diff->next[i] = NULL;
        diff->since[i] = NULL;
        fold_free(&diff->folds[i]);
        hang_free(&diff->hangs[i]);
        plain_free(&diff->plain[i]);
    }
}

mx_status diff_make(struct mx_diff *diff, struct mx_error *err)
{
    mx_status status = check(diff, err);
    if (!status)
        status = diff_make_sides(diff, err);
    for (size_t i = 0; !status && i < diff->count; i++) {
        diff->since[i] = calloc((size_t)diff->of[i]->object_count + 1, 1);
        if (!diff->since[i])
            return fail_no_memory(err);
        if (i)
            status = follow(diff, i, err);
    }
    diff->totals.count = diff->count;
    if (!status)
        status = diff_add_types(diff, err);
    if (!status)
        status = diff_add_places(diff, err);
    if (!status)
        status = diff_add_objects(diff, err);
    release(diff);
    return status;
}

mx_status mx_heap_diff(const mx_heap *const *heaps, size_t count,
                       const struct mx_diff_options *options, mx_diff **ret, struct mx_error *err)
{
    if (count < 2 || count > MX_DIFF_SNAPSHOTS)
        return fail(err, MX_BAD_ARGUMENT, "%zu heaps cannot be compared; take 2 to %d", count,
                    MX_DIFF_SNAPSHOTS);
    mx_diff *diff = calloc(1, sizeof *diff);
    if (!diff)
        return fail_no_memory(err);
    diff->count = count;
    diff->type = options ? options->type : NULL;
    diff->most = options && options->rows ? options->rows : MX_DIFF_ROWS;
    mx_status status = MX_OK;
    for (size_t i = 0; !status && i < count; i++)
        status = heap_snapshot(heaps[i], &diff->of[i], err);
    if (!status)
        status = diff_make(diff, err);
    for (size_t i = 0; i < count && diff->of[i]; i++)
        status = snapshot_answered(diff->of[i], status, err);
    diff->type = NULL; // the caller's
    if (status)
        mx_diff_free(diff);
    else
        *ret = diff;
    return status;
}

const struct mx_diff_totals *mx_diff_totals(const mx_diff *diff)
{
    return &diff->totals;
}

size_t mx_diff_types(const mx_diff *diff, const struct mx_diff_row **ret)
{
    *ret = diff->types.items;
    return diff->types.count;
}

size_t mx_diff_places(const mx_diff *diff, const struct mx_diff_row **ret)
{
    *ret = diff->places.items;
    return diff->places.count;
}

size_t mx_diff_objects(const mx_diff *diff, mx_change change, const struct mx_diff_object **ret)
{
    *ret = diff->objects[change].items;
    return diff->objects[change].count;
}

void mx_diff_free(mx_diff *diff)
{
    if (!diff)
        return;
    release(diff);
    for (size_t i = 0; i < MX_CHANGES; i++)
        vector_free(&diff->objects[i]);
    for (size_t i = 0; i < diff->strings.count; i++)
        free(diff->strings.items[i]);
    vector_free(&diff->strings);
    vector_free(&diff->types);
    vector_free(&diff->places);
    vector_free(&diff->type_sums);
    vector_free(&diff->place_sums);
    free(diff);
}
