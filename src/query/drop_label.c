// drop_label.c - which reference a person means: ".attr", "['key']", "[3]", "{0x7f...}".
//
// The words are those that every other answer uses for it; where there is no such one, the nearest.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "query/drop.h"

#define LABEL_NBYTES 200
#define LIMIT_COMPARED 60   // bytes of a label that are compared with others
#define LIMIT_LABELS 100000 // of one object, in search of the nearest: a long list has only numbers
#define NEAREST 3

uint64_t drop_reference(const struct snapshot *s, uint32_t object, const char *label)
{
    char found[LABEL_NBYTES];
    uint64_t end = drop_end(s, object);
    for (uint64_t at = column_at(&s->first, object); at < end; at++) {
        snapshot_label(s, object, at, found, sizeof found);
        if (strcmp(found, label) == 0)
            return at;
    }
    return NO_REFERENCE;
}

// ---- the nearest --------------------------------------------------------------------------------

// Insertions, deletions and substitutions between what both begin with.
static uint32_t distance(const char *a, const char *b)
{
    uint32_t rows[2][LIMIT_COMPARED + 1];
    size_t na = strnlen(a, LIMIT_COMPARED), nb = strnlen(b, LIMIT_COMPARED);
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = (uint32_t)j;
    for (size_t i = 1; i <= na; i++) {
        uint32_t *above = rows[(i + 1) % 2], *row = rows[i % 2];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= nb; j++) {
            uint32_t least = above[j - 1] + (a[i - 1] != b[j - 1]);
            least = above[j] + 1 < least ? above[j] + 1 : least;
            row[j] = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
        }
    }
    return rows[na % 2][nb];
}

struct nearest {
    char labels[NEAREST][LABEL_NBYTES];
    uint32_t distances[NEAREST];
    uint32_t count;
};

static void take_nearest(struct nearest *nearest, const char *wanted, const char *label)
{
    uint32_t found = distance(wanted, label), at = nearest->count;
    for (uint32_t i = 0; i < nearest->count; i++)
        if (strcmp(nearest->labels[i], label) == 0)
            return;
    while (at > 0 && nearest->distances[at - 1] > found)
        at--;
    if (at == NEAREST)
        return;
    uint32_t moved = (nearest->count < NEAREST ? nearest->count++ : NEAREST - 1) - at;
    memmove(nearest->labels[at + 1], nearest->labels[at], moved * sizeof *nearest->labels);
    memmove(&nearest->distances[at + 1], &nearest->distances[at],
            moved * sizeof *nearest->distances);
    snprintf(nearest->labels[at], LABEL_NBYTES, "%s", label);
    nearest->distances[at] = found;
}

static void add_nearest(const struct snapshot *s, uint32_t object, const char *wanted,
                        struct nearest *nearest)
{
    char label[LABEL_NBYTES];
    uint64_t first = column_at(&s->first, object), end = drop_end(s, object);
    end = snapshot_references(s, object) > LIMIT_LABELS ? first + LIMIT_LABELS : end;
    for (uint64_t at = first; at < end; at++) {
        if (column_at(&s->hold, at) != MX_OWNED)
            continue;
        snapshot_label(s, object, at, label, sizeof label);
        take_nearest(nearest, wanted, label);
    }
}

// ---- the one ------------------------------------------------------------------------------------

struct match {
    uint64_t reference;
    uint64_t count;
    bool owned;
};

// "{0x7f...}": the key or member at this address.
static mx_addr member_address(const char *label)
{
    char *end;
    if (strncmp(label, "{0x", 3) != 0)
        return 0;
    mx_addr address = strtoull(label + 1, &end, 16);
    return strcmp(end, "}") == 0 ? address : 0;
}

static void match_label(const struct snapshot *s, uint32_t object, const char *label,
                        struct match *ret)
{
    char found[LABEL_NBYTES];
    mx_addr member = member_address(label);
    uint64_t end = drop_end(s, object);
    *ret = (struct match){NO_REFERENCE, 0, false};
    for (uint64_t at = column_at(&s->first, object); at < end; at++) {
        bool owned = column_at(&s->hold, at) == MX_OWNED;
        if (member && snapshot_address(s, (uint32_t)column_at(&s->target, at)) != member)
            continue;
        snapshot_label(s, object, at, found, sizeof found);
        if (member ? found[0] != '{' : strcmp(found, label) != 0)
            continue;
        if (ret->owned && !owned) // beside an owned one, others do not count
            continue;
        ret->count = owned && !ret->owned ? 1 : ret->count + 1;
        ret->reference = at;
        ret->owned = owned;
    }
}

// ["key"] for ['key'], and the other way.
static bool swap_quotes(const char *label, char *ret)
{
    size_t length = strlen(label);
    char quote = label[0] == '[' ? label[1] : '\0';
    if ((quote != '\'' && quote != '"') || length < 4 || length >= LABEL_NBYTES ||
        label[length - 2] != quote || label[length - 1] != ']' ||
        memchr(label + 2, '\\', length - 4) || memchr(label + 2, quote, length - 4))
        return false;
    snprintf(ret, LABEL_NBYTES, "%s", label);
    ret[1] = ret[length - 2] = quote == '"' ? '\'' : '"';
    return true;
}

// The dict behind an attribute, and what the attribute is called in it.
static uint32_t namespace_of(const struct snapshot *s, uint32_t object, const char *label,
                             char *ret_key)
{
    if (label[0] != '.' || strlen(label) + 4 > LABEL_NBYTES)
        return MX_NO_OBJECT;
    uint64_t dict = drop_reference(s, object, ".__dict__");
    snprintf(ret_key, LABEL_NBYTES, "['%s']", label + 1);
    return dict == NO_REFERENCE ? MX_NO_OBJECT : (uint32_t)column_at(&s->target, dict);
}

static mx_status not_found(const struct snapshot *s, uint32_t object, const char *label,
                           struct mx_error *err)
{
    struct nearest nearest = {.count = 0};
    char key[LABEL_NBYTES], list[3 * LABEL_NBYTES];
    struct text text;
    add_nearest(s, object, label, &nearest);
    uint32_t dict = namespace_of(s, object, label, key);
    if (dict != MX_NO_OBJECT) {
        struct nearest keys = {.count = 0};
        add_nearest(s, dict, key, &keys);
        for (uint32_t i = 0; i < keys.count; i++) {
            size_t length = strlen(keys.labels[i]);
            bool is_name = length > 4 && strncmp(keys.labels[i], "['", 2) == 0 &&
                           keys.labels[i][length - 2] == '\'';
            if (is_name) {
                char name[LABEL_NBYTES + 2];
                snprintf(name, sizeof name, ".%.*s", (int)(length - 4), keys.labels[i] + 2);
                take_nearest(&nearest, label, name);
            }
        }
    }
    text_init(&text, list, sizeof list);
    for (uint32_t i = 0; i < nearest.count; i++)
        text_add(&text, "%s%.80s", i ? ", " : "", nearest.labels[i]);
    return fail(err, MX_NOT_FOUND,
                "0x%llx, %.80s, has no reference %.80s%s%s; 'memexplorer show' lists them",
                (unsigned long long)snapshot_address(s, object), snapshot_type_of(s, object)->name,
                label, nearest.count ? "; the nearest are " : "; it has none", list);
}

static mx_status judge(const struct snapshot *s, uint32_t object, const char *label,
                       const struct match *match, struct mx_error *err)
{
    unsigned long long address = snapshot_address(s, object);
    if (match->count > 1)
        return fail(err, MX_BAD_ARGUMENT,
                    "0x%llx has %llu references called %.80s; of a set's members and a dict's keys "
                    "name one by its address, as in 0x%llx{0x7f3a5c2d1e80}",
                    address, (unsigned long long)match->count, label, address);
    if (!match->owned)
        return fail(err, MX_BAD_ARGUMENT,
                    "0x%llx%.80s does not count in its object's references: nothing is freed when "
                    "it goes away",
                    address, label);
    return MX_OK;
}

mx_status drop_find(const struct snapshot *s, uint32_t object, const char *label,
                    uint32_t *ret_from, uint64_t *ret_reference, struct mx_error *err)
{
    char other[LABEL_NBYTES];
    struct match match;
    uint32_t from = object;
    match_label(s, from, label, &match);
    if (!match.count && swap_quotes(label, other))
        match_label(s, from, other, &match);
    if (!match.count) {
        uint32_t dict = namespace_of(s, object, label, other);
        if (dict != MX_NO_OBJECT)
            match_label(s, from = dict, other, &match);
    }
    if (!match.count)
        return not_found(s, object, label, err);
    mx_status status = judge(s, from, from == object ? label : other, &match, err);
    if (status)
        return status;
    *ret_from = from;
    *ret_reference = match.reference;
    return MX_OK;
}
