// opened.c - the public questions, asked of a snapshot file.
#include "heap/opened.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/garbage.h"
#include "snapshot/cursor.h"

mx_status mx_heap_open(const char *path, mx_heap **ret, struct mx_error *err)
{
    struct mx_heap *heap = calloc(1, sizeof *heap);
    if (!heap)
        return fail_no_memory(err);
    mx_status status = file_open(path, &heap->opened, err);
    if (status) {
        free(heap);
        return status;
    }
    const struct snapshot *s = file_snapshot(heap->opened);
    heap->info = s->info;
    heap->summary = s->summary;
    heap->count = s->object_count;
    *ret = heap;
    return MX_OK;
}

bool mx_file_is_snapshot(const char *path)
{
    return file_is_snapshot(path);
}

mx_status mx_heap_verify(const mx_heap *heap, struct mx_error *err)
{
    return heap->opened ? file_verify(heap->opened, err) : MX_OK;
}

mx_status mx_heap_intact(const mx_heap *heap, struct mx_error *err)
{
    return heap->opened ? snapshot_answered(file_snapshot(heap->opened), MX_OK, err) : MX_OK;
}

// ---- objects ----------------------------------------------------------------------------------

void opened_facts(const struct mx_heap *heap, uint32_t index, struct mx_object *ret,
                  uint32_t *ret_type_index)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    uint32_t type = (uint32_t)column_at(&s->type, index);
    uint64_t flags = column_at(&s->flags, index), generation = column_at(&s->generation, index);
    ret->address = snapshot_address(s, index);
    ret->alive = true;
    ret->immortal = flags & OBJECT_IMMORTAL;
    ret->refcount = ret->immortal ? -1 : (int64_t)column_at(&s->refcount, index);
    ret->size = column_at(&s->size, index);
    ret->tracked = flags & OBJECT_TRACKED;
    ret->generation = generation == SNAPSHOT_NO_GENERATION ? MX_NO_GENERATION : (int)generation;
    ret->type_address = s->types[type].address;
    ret->type[0] = ret->preview[0] = '\0';
    if (ret_type_index)
        *ret_type_index = type;
}

mx_status opened_object(const struct mx_heap *heap, uint32_t index, struct mx_object *ret,
                        struct mx_error *err)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    if (index >= s->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, s->object_count);
    opened_facts(heap, index, ret, NULL);
    struct text type;
    text_init(&type, ret->type, sizeof ret->type);
    text_add_cut(&type, snapshot_type_of(s, index)->name, sizeof ret->type - 1);
    s->texts.preview(s->texts.data, index, ret->preview, sizeof ret->preview);
    return snapshot_answered(s, MX_OK, err);
}

// Undoes what heap.c, refcount_unowned has taken from the count.
static int64_t unowned(const struct mx_heap *heap, uint64_t flags, int64_t refcount)
{
    enum { LARGE = 999999999 }; // heap.c, STATIC_REFCOUNT_311
    if (!(flags & OBJECT_STATIC))
        return 0;
    return file_large_statics(heap->opened) && refcount > LARGE / 2 ? LARGE : 1;
}

uint32_t opened_found_count(const struct mx_heap *heap, uint32_t index)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    uint64_t flags = column_at(&s->flags, index);
    int64_t refcount = (int64_t)column_at(&s->refcount, index);
    int64_t missing = zagzig(column_at(&s->unexplained, index));
    if (missing >= 0 && missing <= refcount)
        return (uint32_t)(refcount - missing);
    return missing < 0 && missing > -(int64_t)UINT32_MAX
               ? (uint32_t)(refcount - unowned(heap, flags, refcount) - missing)
               : 0;
}

// ---- references -------------------------------------------------------------------------------

// Where the words that may be references of this object stand, or behind.
static size_t first_unlikely(const struct stored_unlikely *items, size_t count, uint32_t from)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void set_label(struct mx_reference *reference, const char *label)
{
    struct text text;
    text_init(&text, reference->label, sizeof reference->label);
    text_add_cut(&text, label, sizeof reference->label - 1);
}

// A static class does not count its instances, and is in no column of references.
static bool static_class(const struct snapshot *s, uint32_t index, uint32_t *ret)
{
    const struct snapshot_type *type = snapshot_type_of(s, index);
    *ret = type->object;
    return !(type->flags & TYPE_HEAP) && type->object != MX_NO_OBJECT;
}

// Everything that an object refers to, as a live heap tells it; `only`: what leads to this object alone.
struct telling {
    const struct mx_heap *heap;
    const struct snapshot *s;
    mx_reference_fn *fn;
    void *data;
    uint32_t only; // or MX_NO_OBJECT
    bool stopped;
};

static void tell(struct telling *telling, struct mx_reference *reference)
{
    if (telling->stopped || (telling->only != MX_NO_OBJECT && reference->to != telling->only))
        return;
    telling->stopped = !telling->fn(reference, telling->data);
}

static void tell_unlikely(struct telling *telling, uint32_t from,
                          const struct stored_unlikely *unlikely)
{
    struct mx_reference reference = {.from = from, .to = unlikely->to, .ownership = MX_OWNED};
    set_label(&reference, unlikely->label);
    tell(telling, &reference);
}

static void tell_object(struct telling *telling, uint32_t from)
{
    const struct snapshot *s = telling->s;
    uint64_t first = column_at(&s->first, from), end = column_at(&s->first, from + 1ull);
    size_t count;
    const struct stored_unlikely *items = file_unlikely(telling->heap->opened, &count);
    size_t next = first_unlikely(items, count, from);
    struct mx_reference reference = {.from = from};
    for (uint64_t at = first; at < end && !telling->stopped; at++) {
        for (; next < count && items[next].from == from && items[next].before <= at - first; next++)
            tell_unlikely(telling, from, &items[next]);
        reference.to = (uint32_t)column_at(&s->target, at);
        if (telling->only != MX_NO_OBJECT && reference.to != telling->only)
            continue;
        reference.ownership = (mx_ownership)column_at(&s->hold, at);
        s->texts.label(s->texts.data, from, at, reference.label, sizeof reference.label);
        tell(telling, &reference);
    }
    for (; next < count && items[next].from == from; next++)
        tell_unlikely(telling, from, &items[next]);
    if (static_class(s, from, &reference.to)) {
        reference.ownership = MX_BORROWED;
        set_label(&reference, ".__class__");
        tell(telling, &reference);
    }
}

mx_status opened_references(const struct mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                            void *data, struct mx_error *err)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    if (index >= s->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, s->object_count);
    struct telling telling = {heap, s, fn, data, MX_NO_OBJECT, false};
    tell_object(&telling, index);
    return snapshot_answered(s, MX_OK, err);
}

// The place among types of a static class; SIZE_MAX when the object is none.
static size_t static_type(const struct snapshot *s, uint32_t object)
{
    for (size_t i = 0; i < s->type_count; i++)
        if (s->types[i].object == object && !(s->types[i].flags & TYPE_HEAP))
            return i;
    return SIZE_MAX;
}

// Objects that refer to it by address: from three sources, each of them in order. One is the instances of
// a static class, when that is what is asked for: every object's type is looked at.
static void tell_objects(struct telling *telling, uint32_t index)
{
    const struct snapshot *s = telling->s;
    uint64_t at = column_at(&s->referrer_first, index);
    uint64_t end = column_at(&s->referrer_first, index + 1ull);
    size_t count, next = 0, type = static_type(s, index);
    const struct stored_unlikely *items = file_unlikely(telling->heap->opened, &count);
    struct cursor types = {.column = &s->type};
    for (uint32_t instance = type == SIZE_MAX ? s->object_count : 0; !telling->stopped;) {
        while (instance < s->object_count && cursor_at(&types, instance) != type)
            instance++;
        while (next < count && items[next].to != index)
            next++;
        uint32_t from = at < end ? (uint32_t)column_at(&s->referrer, at) : MX_NO_OBJECT;
        if (next < count && items[next].from < from)
            from = items[next].from;
        if (instance < s->object_count && instance < from)
            from = instance;
        if (from == MX_NO_OBJECT)
            return;
        tell_object(telling, from);
        while (at < end && column_at(&s->referrer, at) <= from)
            at++;
        while (next < count && items[next].from <= from)
            next++;
        instance += instance == from;
    }
}

mx_status opened_referrers(const struct mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                           void *data, struct mx_error *err)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    if (index >= s->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, s->object_count);
    struct telling telling = {heap, s, fn, data, index, false};
    tell_objects(&telling, index);
    size_t count;
    const struct stored_root *told = file_told_roots(heap->opened, &count);
    for (size_t i = 0; i < count && !telling.stopped; i++) {
        if (told[i].to != index)
            continue;
        struct mx_reference reference = {
            .from = MX_NO_OBJECT, .to = index, .ownership = (mx_ownership)told[i].ownership};
        set_label(&reference, told[i].label);
        snprintf(reference.root, sizeof reference.root, "%s", told[i].root);
        tell(&telling, &reference);
    }
    return snapshot_answered(s, MX_OK, err);
}

mx_status opened_count_references(const struct mx_heap *heap, uint32_t index, uint64_t *ret,
                                  struct mx_error *err)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    if (index >= s->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, s->object_count);
    size_t count;
    uint32_t class;
    const struct stored_unlikely *items = file_unlikely(heap->opened, &count);
    *ret = snapshot_references(s, index) + (static_class(s, index, &class) ? 1 : 0);
    for (size_t i = first_unlikely(items, count, index); i < count && items[i].from == index; i++)
        ++*ret;
    return snapshot_answered(s, MX_OK, err);
}

mx_status opened_count_referrers(const struct mx_heap *heap, uint32_t index, uint64_t *ret,
                                 struct mx_error *err)
{
    const struct snapshot *s = file_snapshot(heap->opened);
    if (index >= s->object_count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, s->object_count);
    size_t unlikely_count, root_count, type = static_type(s, index);
    const struct stored_unlikely *unlikely = file_unlikely(heap->opened, &unlikely_count);
    const struct stored_root *roots = file_told_roots(heap->opened, &root_count);
    *ret = snapshot_referrers(s, index);
    if (type != SIZE_MAX)
        *ret += file_types(heap->opened)[type].count;
    for (size_t i = 0; i < unlikely_count; i++)
        *ret += unlikely[i].to == index;
    for (size_t i = 0; i < root_count; i++)
        *ret += roots[i].to == index;
    return snapshot_answered(s, MX_OK, err);
}

// ---- cycles -----------------------------------------------------------------------------------

mx_status opened_cycles(const struct mx_heap *heap, bool garbage, mx_cycles **ret,
                        struct mx_error *err)
{
    struct mx_cycles *cycles = calloc(1, sizeof *cycles);
    if (!cycles)
        return fail_no_memory(err);
    mx_status status = file_cycles(heap->opened, garbage, &cycles->stored, err);
    if (status) {
        free(cycles);
        return status;
    }
    cycles->totals = cycles->stored.answer.totals;
    *ret = cycles;
    return MX_OK;
}
