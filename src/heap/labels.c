// labels.c - what all references are called, as kinds and numbers: for files, exports and queries.
//
// The objects are visited once more as when they were counted, so that the references come in the
// same order; those that were dropped then are left out again.
#include <stdlib.h>

#include "base/error.h"
#include "heap/columns.h"
#include "snapshot/file.h"

struct labelling {
    struct visitor visitor;
    struct columns *columns;
    mx_addr from_type; // of the object, when it is static: this reference was not recorded
    uint64_t recorded; // place among all that were recorded
    uint64_t kept;     // and among those that were kept
    bool failed;
};

// Names come from tables and from the target's own members: the same place, the same name.
static uint32_t name_number(struct labelling *labelling, uint64_t place, const struct edge *edge)
{
    struct columns *columns = labelling->columns;
    uint64_t *number = map_put(&columns->label_name_numbers, place);
    if (number && *number)
        return (uint32_t)*number - 1;
    char label[200];
    edge_label(&columns->heap->decoder, edge, label, sizeof label);
    char *kept = strdup(label);
    if (!number || !kept || !vector_push(&columns->strings, kept)) {
        labelling->failed = true;
        free(kept);
        return 0;
    }
    if (!vector_push(&columns->label_names, kept))
        labelling->failed = true;
    *number = columns->label_names.count;
    return (uint32_t)*number - 1;
}

static uint32_t object_number(struct labelling *labelling, mx_addr addr)
{
    uint32_t object;
    return mx_heap_find(labelling->columns->heap, addr, &object) ? object : MX_NO_OBJECT;
}

static uint32_t cut(uint64_t detail)
{
    return detail > UINT32_MAX ? UINT32_MAX : (uint32_t)detail;
}

static enum label_kind describe(struct labelling *labelling, const struct edge *edge,
                                uint32_t *ret_number)
{
    switch ((enum edge_kind)edge->kind) {
    case EDGE_ITEM:
        *ret_number = cut(edge->detail);
        return LABEL_ITEM;
    case EDGE_SET_ITEM:
        *ret_number = 0;
        return LABEL_MEMBER;
    case EDGE_KEY:
        *ret_number = cut(edge->detail);
        return LABEL_KEY;
    case EDGE_VALUE:
        *ret_number = object_number(labelling, edge->detail);
        return LABEL_VALUE;
    case EDGE_ATTRIBUTE:
        *ret_number = object_number(labelling, edge->detail);
        return LABEL_ATTRIBUTE;
    case EDGE_LOCAL:
        *ret_number = object_number(labelling, edge->detail);
        return LABEL_LOCAL;
    case EDGE_CLOSURE:
        *ret_number = object_number(labelling, edge->detail);
        return LABEL_CLOSURE;
    case EDGE_STACK:
        *ret_number = cut(edge->detail);
        return LABEL_STACK;
    case EDGE_STATE:
        *ret_number = cut(edge->detail);
        return LABEL_STATE;
    case EDGE_BLOCK:
        *ret_number = cut(edge->detail);
        return LABEL_BLOCK;
    case EDGE_MEMBER:
    case EDGE_NAMED:
    case EDGE_STATE_MEMBER:
        *ret_number = name_number(labelling, edge->detail, edge);
        return LABEL_NAME;
    case EDGE_STATIC: // roots' alone
    case EDGE_NATIVE:
        break;
    }
    *ret_number = 0;
    return LABEL_BLOCK;
}

static void label_edge(struct visitor *visitor, struct edge edge)
{
    struct labelling *labelling = (struct labelling *)visitor;
    struct columns *columns = labelling->columns;
    struct region *region = regions_find_marked(&columns->heap->regions, edge.to);
    if (!region || (edge.to == labelling->from_type && edge.hold == HOLD_BORROWED))
        return;
    uint64_t at = labelling->recorded++;
    if (columns->dropped[at / 64] >> at % 64 & 1)
        return;
    uint32_t number;
    uint64_t kept = labelling->kept++;
    columns->label_kinds[kept] = (uint8_t)describe(labelling, &edge, &number);
    columns->label_numbers[kept] = number;
}

static bool label_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    struct labelling *labelling = (struct labelling *)visitor;
    return kind == CLAIM_TYPE_KEYS || heap_claim(labelling->columns->heap, memory);
}

static void label_object(struct labelling *labelling, uint32_t object)
{
    struct mx_heap *heap = labelling->columns->heap;
    struct header header;
    mx_addr addr = heap->addresses[object];
    if (!object_header(&heap->decoder, addr, &header))
        return;
    const struct type_info *type = heap->decoder.types[header.type];
    labelling->from_type = type->heap ? 0 : type->addr;
    if (!type->leaf)
        object_visit(&heap->decoder, addr, header.type, &labelling->visitor);
    else
        label_edge(&labelling->visitor,
                   (struct edge){.to = type->addr,
                                 .detail = (uint64_t)(uintptr_t) ".__class__",
                                 .kind = EDGE_NAMED,
                                 .hold = type->heap ? HOLD_OWNED : HOLD_BORROWED});
}

static mx_status label_all(struct labelling *labelling, struct mx_error *err)
{
    struct columns *columns = labelling->columns;
    struct mx_heap *heap = columns->heap;
    uint64_t count = columns->snapshot.reference_count;
    columns->label_kinds = malloc(count + 1);
    columns->label_numbers = malloc((count + 1) * sizeof *columns->label_numbers);
    if (!columns->label_kinds || !columns->label_numbers)
        return fail_no_memory(err);
    decoder_refill(&heap->decoder);
    heap_claim_counted(heap);
    for (uint32_t i = 0; i < heap->count; i++)
        label_object(labelling, i);
    heap_unclaim(heap);
    if (labelling->failed)
        return fail_no_memory(err);
    // The allowance was the same, so that as many came: anything else is our own error.
    if (labelling->kept != count)
        return fail(err, MX_CORRUPT, "references: %llu were counted, and %llu have a name",
                    (unsigned long long)count, (unsigned long long)labelling->kept);
    return MX_OK;
}

mx_status heap_labels(const mx_heap *heap, struct mx_error *err)
{
    const struct snapshot *snapshot;
    if (heap->opened)
        return snapshot_answered(file_snapshot(heap->opened), file_make_labels(heap->opened, err),
                                 err);
    mx_status status = heap_snapshot(heap, &snapshot, err);
    if (status || snapshot->label_kind.count || !snapshot->reference_count)
        return status;
    struct columns *columns = heap->columns;
    struct labelling labelling = {.visitor = {label_edge, label_claim}, .columns = columns};
    status = label_all(&labelling, err);
    if (status)
        return status;
    struct snapshot *s = &columns->snapshot;
    uint64_t count = s->reference_count;
    s->label_kind = column_plain(columns->label_kinds, count, COLUMN_U8);
    s->label_number = column_plain(columns->label_numbers, count, COLUMN_U32);
    s->label_names = columns->label_names.items;
    s->label_name_count = columns->label_names.count;
    return MX_OK;
}
