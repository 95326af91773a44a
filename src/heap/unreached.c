// unreached.c - objects that are allocated and met nowhere: nothing that is known refers to them.
//
// Found by walking the pools of pymalloc. A block counts when it begins like an object (behind the
// heads that its type has), and holds none of the heap's own. Blocks of more than 512 bytes are
// malloc's, whose chunks cannot be walked from outside.
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/audit.h"

struct unreached {
    mx_addr addr;
    uint32_t type;
    int64_t refcount;
};

struct search {
    struct mx_heap *heap;
    VECTOR(struct unreached) found;
};

// Counts up to here: what is larger in an unknown block is an address, not a count.
#define LIMIT_UNREACHED_COUNT (1 << 20)

// Is the block that of an object with `offset` bytes in front of it?
static bool unreached_header(struct mx_heap *heap, mx_addr block, uint32_t offset, uint64_t nbytes,
                             struct header *ret)
{
    struct decoder *decoder = &heap->decoder;
    if (!object_header(decoder, block + offset, ret) || ret->immortal ||
        ret->refcount > LIMIT_UNREACHED_COUNT)
        return false;
    const struct type_info *type = decoder->types[ret->type];
    return object_prefix(decoder, block + offset, type) == offset &&
           type->basicsize <= nbytes - offset && type->basicsize > nbytes / 4;
}

static void unreached_block(void *data, mx_addr block, uint64_t nbytes)
{
    struct search *search = data;
    uint32_t index;
    for (uint32_t offset = 0; offset <= 32; offset += 16)
        if (mx_heap_find(search->heap, block + offset, &index))
            return; // one of the heap's own
    for (uint32_t offset = 0; offset <= 32 && offset + 16 <= nbytes; offset += 16) {
        struct header header;
        if (!unreached_header(search->heap, block, offset, nbytes, &header))
            continue;
        (void)vector_push(&search->found,
                          ((struct unreached){block + offset, header.type, header.refcount}));
        return;
    }
}

static int compare_unreached(const void *a, const void *b)
{
    const struct unreached *x = a, *y = b;
    return x->type < y->type ? -1 : x->type > y->type;
}

static mx_status group_by_type(struct search *search, struct findings *findings,
                               struct mx_error *err)
{
    struct mx_heap *heap = search->heap;
    const struct unreached *items = search->found.items;
    size_t count = search->found.count;
    for (size_t first = 0, next; first < count; first = next) {
        struct mx_finding finding = {.holder = MX_HOLDER_UNREACHED, .example = items[first].addr};
        snprintf(finding.type, sizeof finding.type, "%s",
                 type_qualified_name(&heap->decoder, items[first].type));
        for (next = first; next < count && items[next].type == items[first].type; next++) {
            finding.objects++;
            finding.references += (uint64_t)items[next].refcount;
        }
        if (!vector_push(findings, finding))
            return fail_no_memory(err);
    }
    return MX_OK;
}

mx_status heap_find_unreached(struct mx_heap *heap, struct findings *findings, struct mx_error *err)
{
    struct search search = {.heap = heap};
    for (size_t i = 0; i < heap->regions.count; i++) {
        const struct region *region = &heap->regions.items[i];
        allocator_each_used(&heap->allocator, region->start, region->start + region->nbytes,
                            unreached_block, &search);
    }
    if (search.found.count)
        qsort(search.found.items, search.found.count, sizeof *search.found.items,
              compare_unreached);
    mx_status status = group_by_type(&search, findings, err);
    vector_free(&search.found);
    return status;
}
