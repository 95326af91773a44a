// ends.c - which objects the ways to others begin at.
//
// A module is where a person begins to read. What refers to a module's namespace is not followed: each
// of its functions does, and through them everything would be held by everything.
#include "base/error.h"
#include "query/hang.h"
#include "query/why.h"

static bool add_kind(struct ends *ends, uint32_t object, enum root_kind kind)
{
    uint64_t *kinds = map_put(&ends->kinds, (uint64_t)object + 1);
    if (kinds)
        *kinds |= 1u << kind;
    return kinds != NULL;
}

static bool add_module(struct ends *ends, size_t reference)
{
    uint32_t module = ends->snapshot->root_references[reference].to;
    uint32_t names = hang_namespace(ends->snapshot, module);
    if (!add_kind(ends, module, ROOT_MODULE))
        return false;
    if (names == MX_NO_OBJECT)
        return true;
    uint64_t *of = map_put(&ends->modules, (uint64_t)names + 1);
    if (of && !*of)
        *of = reference + 1;
    return of && add_kind(ends, names, ROOT_MODULE);
}

mx_status ends_init(const struct snapshot *s, struct ends *ret, struct mx_error *err)
{
    *ret = (struct ends){.snapshot = s};
    ret->first.column = &s->referrer_first;
    ret->referrer.column = &s->referrer;
    ret->hold.column = &s->referrer_hold;
    bool ok = true;
    for (size_t i = 0; i < s->root_reference_count && ok; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        enum root_kind kind = (enum root_kind)s->roots[reference->root].kind;
        if (kind == ROOT_MODULE)
            ok = add_module(ret, i);
        else if (reference->keeps)
            ok = add_kind(ret, reference->to, kind);
    }
    if (ok)
        return MX_OK;
    ends_free(ret);
    return fail_no_memory(err);
}

void ends_free(struct ends *ends)
{
    map_free(&ends->kinds);
    map_free(&ends->modules);
}

// Most searches go through objects in the order of their addresses, as their referrers' are kept.
static size_t referrers(void *data, uint32_t node, uint64_t *at, uint32_t *ret, size_t room)
{
    struct ends *ends = data;
    uint64_t first = cursor_near(&ends->first, node);
    uint64_t end = cursor_near(&ends->first, (uint64_t)node + 1);
    size_t count = 0;
    for (; first + *at < end && count < room; ++*at)
        if (cursor_near(&ends->hold, first + *at) == MX_OWNED)
            ret[count++] = (uint32_t)cursor_near(&ends->referrer, first + *at);
    return count;
}

static uint8_t kinds_of(void *data, uint32_t node)
{
    const struct ends *ends = data;
    const uint64_t *found = map_find(&ends->kinds, (uint64_t)node + 1);
    uint8_t kinds = found ? (uint8_t)*found : 0;
    if (!ends->garbage)
        kinds &= (uint8_t) ~(1u << ROOT_GARBAGE);
    return ends->alike ? kinds != 0 : kinds;
}

bool ends_are(const struct ends *ends, uint32_t object)
{
    return map_find(&ends->kinds, (uint64_t)object + 1) != NULL;
}

struct path_source ends_source(struct ends *ends)
{
    return (struct path_source){referrers, kinds_of, ends, ends->snapshot->object_count};
}

// A person is told of what owns it before what was only lent it.
static bool is_nearer(const struct snapshot *s, const struct snapshot_root_reference *reference,
                      const struct snapshot_root_reference *than)
{
    uint8_t kind = s->roots[reference->root].kind, other = s->roots[than->root].kind;
    return kind != other ? kind < other : reference->hold == MX_OWNED && than->hold != MX_OWNED;
}

size_t ends_reference(const struct ends *ends, uint32_t object, uint8_t kinds)
{
    const struct snapshot *s = ends->snapshot;
    const uint64_t *module = map_find(&ends->modules, (uint64_t)object + 1);
    if (module && kinds & 1u << ROOT_MODULE)
        return (size_t)*module - 1;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        uint8_t kind = s->roots[reference->root].kind;
        if (reference->to != object || !(kinds & 1u << kind) ||
            (kind != ROOT_MODULE && !reference->keeps))
            continue;
        if (best == SIZE_MAX || is_nearer(s, reference, &s->root_references[best]))
            best = i;
    }
    return best;
}
