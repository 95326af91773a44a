// inspect.c - the public questions about a finished heap: objects, types, references, threads.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/heap.h"
#include "heap/opened.h"
#include "heap/variables.h"

// Looking decodes on demand, which fills the decoder's tables: no change that a caller can see.
static struct mx_heap *mutable_heap(const mx_heap *heap)
{
    struct mx_heap *self = (struct mx_heap *)(uintptr_t)heap;
    if (!self->asking) // each question has an allowance of its own, but for those in its callbacks
        decoder_refill(&self->decoder);
    return self;
}

const struct mx_heap_summary *mx_heap_summary(const mx_heap *heap)
{
    return &heap->summary;
}

const struct mx_target_info *mx_heap_target(const mx_heap *heap)
{
    return &heap->info;
}

size_t mx_heap_types(const mx_heap *heap, const struct mx_type **ret)
{
    if (heap->opened) {
        *ret = file_types(heap->opened);
        return file_snapshot(heap->opened)->type_count;
    }
    *ret = heap->type_stats.items;
    return heap->type_stats.count;
}

size_t mx_heap_threads(const mx_heap *heap, const struct mx_thread **ret)
{
    if (heap->opened) {
        *ret = file_snapshot(heap->opened)->threads;
        return file_snapshot(heap->opened)->thread_count;
    }
    *ret = heap->threads.items;
    return heap->threads.count;
}

void mx_heap_facts(const mx_heap *heap, uint32_t index, struct mx_object *ret,
                   uint32_t *ret_type_index)
{
    if (heap->opened) {
        opened_facts(heap, index, ret, ret_type_index);
        return;
    }
    struct decoder *decoder = &mutable_heap(heap)->decoder;
    mx_addr addr = heap->addresses[index];
    const struct type_info *type = decoder->types[heap->types[index]];
    struct header header = {0};
    object_header(decoder, addr, &header);
    ret->address = addr;
    ret->alive = true;
    ret->immortal = header.immortal;
    ret->refcount = header.immortal ? -1 : header.refcount;
    ret->size = recorder_size_of(&heap->recorder, index);
    ret->tracked = object_is_tracked(decoder, addr, type);
    ret->generation =
        heap->generations[index] == NO_GENERATION ? MX_NO_GENERATION : heap->generations[index];
    ret->type_address = type->addr;
    ret->type[0] = ret->preview[0] = '\0';
    if (ret_type_index)
        *ret_type_index = heap->public_types[heap->types[index]];
}

mx_status mx_heap_object(const mx_heap *heap, uint32_t index, struct mx_object *ret,
                         struct mx_error *err)
{
    if (heap->opened)
        return opened_object(heap, index, ret, err);
    struct decoder *decoder = &mutable_heap(heap)->decoder;
    if (index >= heap->count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, heap->count);
    mx_heap_facts(heap, index, ret, NULL);
    struct text type;
    text_init(&type, ret->type, sizeof ret->type);
    text_add_cut(&type, type_qualified_name(decoder, heap->types[index]), sizeof ret->type - 1);
    object_preview(decoder, ret->address, ret->preview, sizeof ret->preview);
    return MX_OK;
}

bool mx_heap_find(const mx_heap *heap, mx_addr address, uint32_t *ret_index)
{
    if (heap->opened)
        return snapshot_find(file_snapshot(heap->opened), address, ret_index);
    struct region *region =
        regions_find_marked(&((struct mx_heap *)(uintptr_t)heap)->regions, address);
    if (!region)
        return false;
    *ret_index = region_number(region, address);
    return true;
}

uint32_t mx_heap_found_count(const mx_heap *heap, uint32_t index)
{
    if (heap->opened)
        return opened_found_count(heap, index);
    struct header header;
    int64_t missing;
    struct mx_heap *self = mutable_heap(heap);
    if (!object_header(&self->decoder, heap->addresses[index], &header) || header.immortal)
        return heap->found[index];
    refcount_is_explained(heap, index, &header, &missing);
    return missing >= 0 ? (uint32_t)(header.refcount - missing) : heap->found[index];
}

void mx_heap_kind(const mx_heap *heap, uint32_t index, char *buffer, size_t nbytes)
{
    if (heap->opened) {
        const struct snapshot *s = file_snapshot(heap->opened);
        s->texts.kind(s->texts.data, index, buffer, nbytes);
        return;
    }
    object_kind(&mutable_heap(heap)->decoder, heap->addresses[index], heap->types[index], buffer,
                nbytes);
}

// ---- references -------------------------------------------------------------------------------

struct teller {
    struct visitor visitor;
    struct mx_heap *heap;
    mx_reference_fn *fn; // NULL: they are counted
    void *data;
    uint64_t count;
    uint32_t from; // the object being visited
    mx_addr only;  // tell references to this address alone; 0: all
    const char *root;
    bool stopped;
};

const char *mx_ownership_name(mx_ownership ownership)
{
    switch (ownership) {
    case MX_OWNED:
        return "owned";
    case MX_BORROWED:
        return "borrowed";
    case MX_WEAK:
        return "weak";
    }
    return "";
}

static mx_ownership public_ownership(enum hold hold)
{
    switch (hold) {
    case HOLD_OWNED:
    case HOLD_POSSIBLE:
        return MX_OWNED;
    case HOLD_BORROWED:
        return MX_BORROWED;
    case HOLD_WEAK:
        return MX_WEAK;
    }
    return MX_BORROWED;
}

// "_datetime.cpython-311-x86_64-linux-gnu.so: CAPI+0x18"
static void name_variable(struct mx_heap *heap, mx_addr place, char *buffer, size_t nbytes)
{
    uint64_t offset;
    struct text text;
    char name[200];
    variable_name(heap, place, name, sizeof name, &offset);
    text_init(&text, buffer, nbytes);
    text_add(&text, offset ? "%s+0x%llx" : "%s", name, (unsigned long long)offset);
}

// Between objects that the C compiler laid out nothing is counted (walk.c).
static bool is_uncounted(const struct teller *teller, mx_addr to)
{
    const struct mx_heap *heap = teller->heap;
    return teller->from != MX_NO_OBJECT && statics_find(&heap->statics, to) &&
           heap_is_frozen(heap, heap->addresses[teller->from],
                          heap->decoder.types[heap->types[teller->from]]);
}

static void tell(struct visitor *visitor, struct edge edge)
{
    struct teller *teller = (struct teller *)visitor;
    struct mx_reference reference = {.from = teller->from};
    if (teller->stopped || (teller->only && edge.to != teller->only) ||
        !mx_heap_find(teller->heap, edge.to, &reference.to))
        return;
    teller->count++;
    if (!teller->fn)
        return;
    reference.ownership = public_ownership((enum hold)edge.hold);
    if (edge.hold == HOLD_OWNED && is_uncounted(teller, edge.to))
        reference.ownership = MX_BORROWED;
    edge_label(&teller->heap->decoder, &edge, reference.label, sizeof reference.label);
    if (edge.kind == EDGE_STATIC && reference.from == MX_NO_OBJECT)
        name_variable(teller->heap, edge.detail, reference.root, sizeof reference.root);
    else
        snprintf(reference.root, sizeof reference.root, "%s", teller->root);
    teller->stopped = !teller->fn(&reference, teller->data);
}

static bool tell_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    // Keys of a table that a class has are told of the class; whose others are, all of the heap would say.
    return kind == CLAIM_TYPE_KEYS ||
           (kind == CLAIM_BLOCK && heap_claim(((struct teller *)visitor)->heap, memory));
}

static struct teller teller_of(const mx_heap *heap, mx_reference_fn *fn, void *data)
{
    return (struct teller){.visitor = {tell, tell_claim},
                           .heap = mutable_heap(heap),
                           .fn = fn,
                           .data = data,
                           .root = ""};
}

static mx_status tell_references(struct teller *teller, uint32_t index, struct mx_error *err)
{
    struct mx_heap *heap = teller->heap;
    if (index >= heap->count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, heap->count);
    bool asking = heap->asking;
    heap->asking = true;
    teller->from = index;
    object_visit(&heap->decoder, heap->addresses[index], heap->types[index], &teller->visitor);
    heap_unclaim(heap);
    heap->asking = asking;
    return MX_OK;
}

mx_status mx_heap_references(const mx_heap *heap, uint32_t index, mx_reference_fn *fn, void *data,
                             struct mx_error *err)
{
    if (heap->opened)
        return opened_references(heap, index, fn, data, err);
    struct teller teller = teller_of(heap, fn, data);
    return tell_references(&teller, index, err);
}

mx_status mx_heap_count_references(const mx_heap *heap, uint32_t index, uint64_t *ret,
                                   struct mx_error *err)
{
    if (heap->opened)
        return opened_count_references(heap, index, ret, err);
    struct teller teller = teller_of(heap, NULL, NULL);
    mx_status status = tell_references(&teller, index, err);
    *ret = teller.count;
    return status;
}

static void tell_roots(struct teller *teller)
{
    struct mx_heap *heap = teller->heap;
    teller->from = MX_NO_OBJECT;
    for (size_t i = 0; i < heap->root_edges.count && !teller->stopped; i++) {
        const struct root_edge *edge = &heap->root_edges.items[i];
        teller->root = heap->roots.items[edge->root].name;
        if (!heap_is_inside_object(heap, edge->place))
            tell(&teller->visitor, edge->edge);
    }
}

void heap_tell_roots(struct mx_heap *heap, mx_reference_fn *fn, void *data)
{
    struct teller teller = {.visitor = {tell, tell_claim}, .heap = heap, .fn = fn, .data = data};
    decoder_refill(&heap->decoder);
    tell_roots(&teller);
}

// Cheap test before a label is made: does the object refer to the one looked for at all?
static mx_status tell_referrers(struct teller *teller, uint32_t index, struct mx_error *err)
{
    struct mx_heap *heap = teller->heap;
    if (index >= heap->count)
        return fail(err, MX_BAD_ARGUMENT, "object %u: there are only %u", index, heap->count);
    bool asking = heap->asking;
    heap->asking = true;
    teller->only = heap->addresses[index];
    for (uint32_t i = 0; i < heap->count && !teller->stopped; i++) {
        teller->from = i;
        object_visit(&heap->decoder, heap->addresses[i], heap->types[i], &teller->visitor);
    }
    heap_unclaim(heap);
    tell_roots(teller);
    heap->asking = asking;
    return MX_OK;
}

mx_status mx_heap_referrers(const mx_heap *heap, uint32_t index, mx_reference_fn *fn, void *data,
                            struct mx_error *err)
{
    if (heap->opened)
        return opened_referrers(heap, index, fn, data, err);
    struct teller teller = teller_of(heap, fn, data);
    return tell_referrers(&teller, index, err);
}

mx_status mx_heap_count_referrers(const mx_heap *heap, uint32_t index, uint64_t *ret,
                                  struct mx_error *err)
{
    if (heap->opened)
        return opened_count_referrers(heap, index, ret, err);
    struct teller teller = teller_of(heap, NULL, NULL);
    mx_status status = tell_referrers(&teller, index, err);
    *ret = teller.count;
    return status;
}
