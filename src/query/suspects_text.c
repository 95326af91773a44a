// suspects_text.c - an accumulation in plain words.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/suspects.h"

#define SENTENCE_NBYTES (3 * NAME_NBYTES)
#define LIMIT_GROUPED_NODES (1u << 20) // below one suspect, whose types are told

// ---- numbers ------------------------------------------------------------------------------------

struct words {
    char s[64];
};

static struct words count_words(uint64_t count)
{
    char digits[24];
    struct words words = {""};
    size_t length = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            words.s[used++] = ',';
        words.s[used++] = digits[i];
    }
    return words;
}

static struct words size_words(uint64_t nbytes)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct words words;
    double size = (double)nbytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof UNITS / sizeof *UNITS; unit++)
        size /= 1024;
    snprintf(words.s, sizeof words.s, unit ? "%.1f %s" : "%.0f %s", size, UNITS[unit]);
    return words;
}

// ---- what hangs there ---------------------------------------------------------------------------

static int by_bytes(const void *a, const void *b)
{
    const struct mx_suspect_type *left = a, *right = b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return strcmp(left->name, right->name);
}

// `sums` has one for each type, all zero; and is so again afterwards.
static mx_status add_types(const struct mx_suspects *suspects, uint32_t top,
                           struct mx_suspect_type *sums, struct mx_suspect *suspect,
                           struct mx_error *err)
{
    const struct fold_node *nodes = suspects->fold.nodes;
    VECTOR(struct mx_suspect_type) met = {0};
    VECTOR(uint32_t) types = {0}, stack = {0};
    bool ok = vector_push(&stack, top);
    for (uint32_t looked_at = 0; ok && stack.count && looked_at < LIMIT_GROUPED_NODES;
         looked_at++) {
        const struct fold_node *node = &nodes[stack.items[--stack.count]];
        if (!sums[node->type].name) {
            sums[node->type].name = suspects->snapshot->types[node->type].name;
            ok = vector_push(&types, node->type);
        }
        sums[node->type].count += node->count;
        sums[node->type].bytes += node->own_bytes;
        for (uint32_t child = node->child; ok && child != NO_NODE; child = nodes[child].next)
            ok = vector_push(&stack, child);
    }
    for (size_t i = 0; i < types.count; i++) {
        ok = ok && vector_push(&met, sums[types.items[i]]);
        sums[types.items[i]] = (struct mx_suspect_type){0};
    }
    if (ok && met.count)
        qsort(met.items, met.count, sizeof *met.items, by_bytes);
    suspect->types = met.items;
    suspect->type_count = met.count < MX_SUSPECT_TYPES ? met.count : MX_SUSPECT_TYPES;
    vector_free(&types);
    vector_free(&stack);
    return ok ? MX_OK : fail_no_memory(err);
}

// ---- sentences ----------------------------------------------------------------------------------

static const char *short_name(const char *type)
{
    return strncmp(type, "builtins.", 9) == 0 ? type + 9 : type;
}

// "800 modules", "1 module", "40,000 app.Session": names of classes stay as they are written.
struct counted {
    char s[NAME_NBYTES];
};

static struct counted many_words(uint64_t count, const char *type)
{
    struct counted words;
    struct words number = count_words(count);
    const char *name = short_name(type);
    size_t length = strlen(name);
    char last = length ? name[length - 1] : 's';
    bool plural = name != type && count != 1 && last != 's';
    bool is_y = plural && last == 'y'; // property
    snprintf(words.s, sizeof words.s, "%.30s %.*s%s", number.s, (int)(length - is_y), name,
             is_y     ? "ies"
             : plural ? "s"
                      : "");
    return words;
}

static const char *article(const char *word)
{
    return *word && strchr("aeiouAEIOU", *word) ? "an" : "a";
}

// "12.3 MiB (81 %)": of what is not the baseline.
static struct words share_words(const struct mx_suspects *suspects, uint64_t bytes)
{
    uint64_t whole = suspects->totals.bytes - suspects->totals.baseline;
    struct words words, size = size_words(bytes);
    snprintf(words.s, sizeof words.s, "%.40s (%.0f %%)", size.s,
             whole ? 100.0 * (double)bytes / (double)whole : 0.0);
    return words;
}

static void add_object_text(char *text, const struct mx_suspect *suspect, const char *share)
{
    const char *type = short_name(suspect->type);
    if (suspect->count > 1)
        snprintf(text, SENTENCE_NBYTES, "%s in places like %s hold",
                 many_words(suspect->count, suspect->type).s, suspect->holder);
    else
        snprintf(text, SENTENCE_NBYTES, "%s, %s %s", suspect->holder, article(type), type);
    size_t used = strlen(text);
    if (*suspect->of_type && suspect->count == 1)
        snprintf(text + used, SENTENCE_NBYTES - used, " of %s, holds %s",
                 many_words(suspect->of_count, suspect->of_type).s, share);
    else if (*suspect->of_type)
        snprintf(text + used, SENTENCE_NBYTES - used, " %s, %s",
                 many_words(suspect->of_count, suspect->of_type).s, share);
    else
        snprintf(text + used, SENTENCE_NBYTES - used, suspect->count > 1 ? " %s" : ", holds %s",
                 share);
}

static void write_text(const struct mx_suspects *suspects, const struct mx_suspect *suspect,
                       bool is_spread, char *text)
{
    struct words share = share_words(suspects, suspect->bytes);
    struct counted of = many_words(suspect->of_count, suspect->of_type);
    switch (suspect->kind) {
    case MX_SUSPECT_OBJECT:
        add_object_text(text, suspect, share.s);
        break;
    case MX_SUSPECT_GROUP:
        snprintf(text, SENTENCE_NBYTES, "%s in %s %s hold %s", of.s,
                 is_spread ? "many places, the largest at" : "places like", suspect->holder,
                 share.s);
        break;
    case MX_SUSPECT_CHAIN:
        snprintf(text, SENTENCE_NBYTES, "%s, a chain of %s, holds %s", suspect->holder, of.s,
                 share.s);
        break;
    case MX_SUSPECT_GARBAGE:
        snprintf(text, SENTENCE_NBYTES,
                 "%s are garbage: nothing holds them, and with what they hold, %s, they wait for "
                 "the cycle collector%s",
                 of.s, share.s,
                 suspects->snapshot->summary.gc_enabled ? "" : ", which is disabled");
        break;
    case MX_SUSPECT_NATIVE:
        snprintf(text, SENTENCE_NBYTES,
                 "%s are held by %s alone, or counted too often by it: with what they hold %s",
                 of.s, suspect->holder, share.s);
        break;
    }
}

// ---- one suspect --------------------------------------------------------------------------------

static mx_suspect_kind kind_of(const struct accumulation *found, enum root_kind root)
{
    if (found->is_group && root == ROOT_GARBAGE)
        return MX_SUSPECT_GARBAGE;
    if (found->is_group && root == ROOT_NATIVE)
        return MX_SUSPECT_NATIVE;
    if (found->is_group)
        return MX_SUSPECT_GROUP;
    return found->is_chain ? MX_SUSPECT_CHAIN : MX_SUSPECT_OBJECT;
}

// Of a chain, the name of what leads from one link to the next stands in the name of its second link.
static uint32_t named_object(const struct mx_suspects *suspects, const struct accumulation *found,
                             mx_suspect_kind kind)
{
    return suspects->fold.nodes[kind == MX_SUSPECT_CHAIN ? found->of : found->node].largest;
}

static mx_status describe(struct mx_suspects *suspects, const struct accumulation *found,
                          struct mx_suspect_type *sums, struct mx_error *err)
{
    const struct snapshot *s = suspects->snapshot;
    const struct fold_node *node = &suspects->fold.nodes[found->node];
    char text[SENTENCE_NBYTES] = "";
    struct names names;
    mx_status status = names_of(&suspects->hang, node->largest, node->other, &names, err);
    if (status)
        return status;
    struct mx_suspect suspect = {.kind = kind_of(found, names.root),
                                 .address = snapshot_address(s, node->largest),
                                 .type = snapshot_type_of(s, node->largest)->name,
                                 .count = node->count,
                                 .of_type = "",
                                 .objects = found->objects,
                                 .bytes = found->bytes,
                                 .retained = column_at(&s->retained, node->largest)};
    if (suspect.kind == MX_SUSPECT_CHAIN)
        status = names_of(&suspects->hang, named_object(suspects, found, suspect.kind),
                          MX_NO_OBJECT, &names, err);
    if (!status)
        status = add_types(suspects, found->node, sums, &suspect, err);
    if (status)
        return status;
    if (found->of != NO_NODE) {
        suspect.of_type = s->types[suspects->fold.nodes[found->of].type].name;
        suspect.of_count = suspects->fold.nodes[found->of].count;
    }
    suspect.holder = suspects_keep(suspects, names.holder);
    suspect.path = suspects_keep(suspects, names.path);
    suspect.user = suspects_keep(suspects, names.user);
    suspect.together = "";
    if (suspect.holder)
        write_text(suspects, &suspect, found->is_spread, text);
    suspect.text = suspects_keep(suspects, text);
    if (!suspect.holder || !suspect.path || !suspect.user || !suspect.text ||
        !vector_push(&suspects->list, suspect)) {
        free((void *)(uintptr_t)suspect.types);
        return fail_no_memory(err);
    }
    return MX_OK;
}

// Neighbours below one top are told what they hang on.
static mx_status tie_together(struct mx_suspects *suspects, const struct accumulations *found,
                              struct mx_error *err)
{
    for (size_t i = 0; i < suspects->list.count; i++) {
        bool alike =
            (i && found->items[i - 1].top == found->items[i].top) ||
            (i + 1 < suspects->list.count && found->items[i + 1].top == found->items[i].top);
        const struct fold_node *top = &suspects->fold.nodes[found->items[i].top];
        struct names names;
        if (!alike || top->is_root)
            continue;
        mx_status status = names_of(&suspects->hang, top->largest, top->other, &names, err);
        if (status)
            return status;
        if (!(suspects->list.items[i].together = suspects_keep(suspects, names.holder)))
            return fail_no_memory(err);
    }
    return MX_OK;
}

mx_status suspects_describe(struct mx_suspects *suspects, const struct accumulations *found,
                            struct mx_error *err)
{
    struct mx_suspect_type *sums = calloc(suspects->snapshot->type_count + 1, sizeof *sums);
    mx_status status = sums ? MX_OK : fail_no_memory(err);
    for (size_t i = 0; !status && i < found->count && i < MX_SUSPECT_ROWS; i++)
        status = describe(suspects, &found->items[i], sums, err);
    free(sums);
    return status ? status : tie_together(suspects, found, err);
}
