// why.c - why objects are alive: ways from what holds them, as a person would follow them.
//
//   one object     the shortest way from each kind of root, then others that share nothing with these
//   many of them   the nearest root of each; ways that read the same but for subscripts are counted
//                  together
#include "query/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "query/chain.h"
#include "query/names.h"
#include "query/steps.h"

// References looked at for one object, and objects gone on from: some hundredths of a second. A class may
// have more instances, one of which is where a way begins.
#define LIMIT_EDGES 1200000
#define LIMIT_INNER 100000
#define LIMIT_EDGES_EACH 20000 // for one of many
#define CHAIN_NBYTES 2000
#define REFERRERS_LOOKED_AT 64 // of a dict that may be an instance's

struct mx_why {
    const struct snapshot *snapshot;
    struct ends ends;
    VECTOR(struct mx_chain) chains;
    VECTOR(size_t) first_steps; // [chains]
    VECTOR(struct mx_why_step) steps;
    VECTOR(char *) strings;
    struct map by_text; // hash of a general way -> chain + 1
    struct mx_why_totals totals;
};

static const char *kind_name(uint8_t kind)
{
    static const char *const NAMES[ROOT_KINDS] = {
        [ROOT_MODULE] = "module",    [ROOT_FRAME] = "frame",
        [ROOT_THREAD] = "thread",    [ROOT_INTERPRETER] = "interpreter",
        [ROOT_TYPE] = "static type", [ROOT_NATIVE] = "native code",
        [ROOT_GARBAGE] = "garbage",
    };
    return kind < ROOT_KINDS ? NAMES[kind] : "";
}

static const char *keep(struct mx_why *why, const char *text)
{
    char *kept = strdup(text);
    if (kept && !vector_push(&why->strings, kept)) {
        free(kept);
        kept = NULL;
    }
    return kept;
}

// ---- one way, written ---------------------------------------------------------------------------

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// The root, and `object` that it holds where its name does not say that; MX_NO_OBJECT if nothing follows.
static void write_root(const struct snapshot *s, size_t reference, uint32_t object,
                       struct text *text)
{
    const struct snapshot_root *root = &s->roots[s->root_references[reference].root];
    char label[200] = "";
    s->texts.root_label(s->texts.data, reference, label, sizeof label);
    // "libfoo.so: cache+0x8" says more than "libfoo.so static data"
    if (root->kind == ROOT_NATIVE && strstr(label, ": ")) {
        text_add(text, "native code: %s", label);
        return;
    }
    text_add(text, "%s", root->name);
    if (ends_with(root->name, "C stack") && strncmp(label, "C stack", 7) == 0)
        text_add(text, "%s", label + 7);
    else if (root->kind == ROOT_FRAME && strcmp(label, "running") == 0)
        return; // the frame itself, before 3.11
    else if (*label)
        text_add(text, " -> %s", label);
    else if (object != MX_NO_OBJECT && root->kind != ROOT_MODULE)
        text_add(text, " (%s)", names_type(s, (uint32_t)column_at(&s->type, object)));
}

static bool keep_step(void *data, uint32_t node, const char *label)
{
    struct mx_why *why = data;
    const struct snapshot *s = why->snapshot;
    const char *kept = keep(why, label);
    struct mx_why_step step = {node, snapshot_address(s, node), snapshot_type_of(s, node)->name,
                               kept};
    return kept && vector_push(&why->steps, step);
}

// ---- where it begins ----------------------------------------------------------------------------

// The instance whose __dict__ `object` is, where that begins the way to it as well; else the object.
static uint32_t with_names(const struct ends *ends, uint32_t object)
{
    const struct snapshot *s = ends->snapshot;
    uint64_t at = column_at(&s->referrer_first, object);
    uint64_t end = column_at(&s->referrer_first, (uint64_t)object + 1);
    if (snapshot_type_of(s, object)->family != SNAPSHOT_DICT)
        return object;
    end = snapshot_referrers(s, object) < REFERRERS_LOOKED_AT ? end : at + REFERRERS_LOOKED_AT;
    for (char label[STEP_NBYTES]; at < end; at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        if (column_at(&s->referrer_hold, at) != MX_OWNED || !ends_are(ends, from))
            continue;
        step_label(s, from, object, label);
        if (strcmp(label, ".__dict__") == 0)
            return from;
    }
    return object;
}

static bool write_chain(struct mx_why *why, const uint32_t *nodes, uint32_t count, uint8_t kinds,
                        bool general, struct mx_chain *ret)
{
    char buffer[CHAIN_NBYTES];
    const struct snapshot *s = why->snapshot;
    size_t reference = ends_reference(&why->ends, nodes[0], kinds);
    if (reference == SIZE_MAX)
        return true;
    uint8_t kind = s->roots[s->root_references[reference].root].kind;
    bool is_module = kind == ROOT_MODULE;
    uint32_t begin = is_module ? nodes[0] : with_names(&why->ends, nodes[0]);
    // A module's first step leads into its namespace, an instance's into its __dict__.
    bool in_namespace = is_module || begin != nodes[0];
    struct chain chain = {s, nodes, count, in_namespace, is_module, general};
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    write_root(s, reference, count > 1 ? begin : MX_NO_OBJECT, &text);
    ret->root_kind = kind_name(kind);
    ret->root = keep(why, buffer);
    ret->step_count = count;
    if (count == 1 && is_module && s->root_references[reference].to != nodes[0])
        text_add(&text, " -> .__dict__"); // the namespace is what was asked for
    bool ok = chain_write(&chain, &text, general ? NULL : keep_step, why);
    ret->text = keep(why, buffer);
    return ok && ret->root && ret->text;
}

// ---- one object ---------------------------------------------------------------------------------

static bool add_path(struct mx_why *why, const struct paths *paths, uint32_t number)
{
    const struct path *path = &paths->found.items[number];
    struct mx_chain chain = {.count = 1, .further = number >= paths->shortest};
    size_t first = why->steps.count;
    if (!write_chain(why, path_nodes(paths, path), path->count, path->kinds, false, &chain))
        return false;
    for (size_t i = 0; chain.text && i < why->chains.count; i++)
        if (strcmp(why->chains.items[i].text, chain.text) == 0)
            return true; // through a module, and through its namespace
    return !chain.text ||
           (vector_push(&why->first_steps, first) && vector_push(&why->chains, chain));
}

static mx_status explain_one(struct mx_why *why, uint32_t object, uint32_t further,
                             struct mx_error *err)
{
    struct path_source source = ends_source(&why->ends);
    struct path_limits limits = {LIMIT_EDGES, LIMIT_INNER, further, (1u << ROOT_KINDS) - 1};
    why->ends.garbage = column_at(&why->snapshot->flags, object) & OBJECT_UNREACHED;
    struct paths paths;
    mx_status status = paths_find(&source, object, &limits, &paths, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < paths.found.count && !status; i++)
        if (!add_path(why, &paths, i))
            status = fail_no_memory(err);
    why->totals.complete = paths.complete;
    paths_free(&paths);
    return status;
}

// ---- many ---------------------------------------------------------------------------------------

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325ull; // FNV-1a: equal texts are compared as well
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3ull;
    return hash | 1;
}

static mx_status add_general(struct mx_why *why, const struct mx_chain *chain, struct mx_error *err)
{
    uint64_t *number = map_put(&why->by_text, text_hash(chain->text));
    if (!number)
        return fail_no_memory(err);
    if (*number && strcmp(why->chains.items[*number - 1].text, chain->text) == 0) {
        why->chains.items[*number - 1].count++;
        return MX_OK;
    }
    if (!vector_push(&why->first_steps, why->steps.count) || !vector_push(&why->chains, *chain))
        return fail_no_memory(err);
    *number = why->chains.count;
    return MX_OK;
}

static mx_status explain_each(struct mx_why *why, const uint32_t *objects, size_t count,
                              struct mx_error *err)
{
    struct path_limits limits = {LIMIT_EDGES_EACH, LIMIT_INNER, 1, 1};
    struct path_source source = ends_source(&why->ends);
    why->ends.alike = why->totals.complete = true;
    mx_status status = MX_OK;
    for (size_t i = 0; i < count && !status; i++) {
        struct paths paths;
        why->ends.garbage = column_at(&why->snapshot->flags, objects[i]) & OBJECT_UNREACHED;
        status = paths_find(&source, objects[i], &limits, &paths, err);
        if (status)
            return status;
        struct mx_chain chain = {.count = 1};
        const struct path *path = paths.found.items;
        if (!paths.found.count)
            why->totals.complete &= paths.complete;
        else if (!write_chain(why, path_nodes(&paths, path), path->count, UINT8_MAX, true, &chain))
            status = fail_no_memory(err);
        else if (chain.text)
            status = add_general(why, &chain, err);
        paths_free(&paths);
    }
    return status;
}

static int compare_counts(const void *a, const void *b)
{
    const struct mx_chain *left = a, *right = b;
    int order = (left->count < right->count) - (left->count > right->count);
    return order ? order : strcmp(left->text, right->text);
}

// ---- the public questions -----------------------------------------------------------------------

// Their steps have moved while they were found.
static void finish(struct mx_why *why, bool general)
{
    for (size_t i = 0; i < why->chains.count; i++) {
        why->chains.items[i].steps = general ? NULL : why->steps.items + why->first_steps.items[i];
        if (general)
            why->chains.items[i].step_count = 0;
    }
    if (general && why->chains.count)
        qsort(why->chains.items, why->chains.count, sizeof *why->chains.items, compare_counts);
}

mx_status mx_heap_why(const mx_heap *heap, const uint32_t *objects, size_t count, uint32_t paths,
                      mx_why **ret, struct mx_error *err)
{
    const struct snapshot *s;
    mx_status status = heap_snapshot(heap, &s, err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        if (objects[i] >= s->object_count)
            return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", objects[i],
                        s->object_count);
    struct mx_why *why = calloc(1, sizeof *why);
    if (!why)
        return fail_no_memory(err);
    why->snapshot = s;
    why->totals.objects = count;
    for (size_t i = 0; i < count; i++)
        why->totals.garbage += (column_at(&s->flags, objects[i]) & OBJECT_UNREACHED) != 0;
    status = ends_init(s, &why->ends, err);
    if (!status)
        status = count == 1 ? explain_one(why, objects[0], paths, err)
                            : explain_each(why, objects, count, err);
    if (!status)
        finish(why, count != 1);
    status = snapshot_answered(s, status, err);
    if (status)
        mx_why_free(why);
    else
        *ret = why;
    return status;
}

size_t mx_why_chains(const mx_why *why, const struct mx_chain **ret)
{
    *ret = why->chains.items;
    return why->chains.count;
}

const struct mx_why_totals *mx_why_totals(const mx_why *why)
{
    return &why->totals;
}

void mx_why_free(mx_why *why)
{
    if (!why)
        return;
    for (size_t i = 0; i < why->strings.count; i++)
        free(why->strings.items[i]);
    vector_free(&why->strings);
    vector_free(&why->chains);
    vector_free(&why->first_steps);
    vector_free(&why->steps);
    map_free(&why->by_text);
    ends_free(&why->ends);
    free(why);
}
