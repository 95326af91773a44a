// texts.c - what a snapshot of a live heap says in words, made when it is asked for.
#include "base/error.h"
#include "heap/columns.h"
#include "heap/variables.h"

// Each text has an allowance of its own.
static struct decoder *decoder_of(const struct columns *columns)
{
    decoder_refill(&columns->heap->decoder);
    return &columns->heap->decoder;
}

static void preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct columns *columns = data;
    object_preview(decoder_of(columns), columns->heap->addresses[object], buffer, nbytes);
}

static void kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct columns *columns = data;
    object_kind(decoder_of(columns), columns->heap->addresses[object], columns->heap->types[object],
                buffer, nbytes);
}

// ---- references ---------------------------------------------------------------------------------

// The references to the same object are told apart by their order.
struct labeller {
    struct visitor visitor;
    struct decoder *decoder;
    mx_addr to;
    uint64_t left; // references to it before the one that is asked for
    char *buffer;
    size_t nbytes;
};

static void label_edge(struct visitor *visitor, struct edge edge)
{
    struct labeller *labeller = (struct labeller *)visitor;
    if (edge.to != labeller->to || labeller->left == UINT64_MAX || labeller->left-- > 0)
        return;
    edge_label(labeller->decoder, &edge, labeller->buffer, labeller->nbytes);
}

static bool label_claim(struct visitor *visitor, mx_addr memory, enum claim_kind claim)
{
    (void)visitor;
    (void)memory;
    (void)claim;
    return true;
}

static void label(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes)
{
    const struct columns *columns = data;
    struct mx_heap *heap = columns->heap;
    const struct recorder *recorder = &heap->recorder;
    struct labeller labeller = {.visitor = {label_edge, label_claim},
                                .decoder = decoder_of(columns),
                                .buffer = buffer,
                                .nbytes = nbytes};
    uint32_t to = recorder->targets[reference];
    labeller.to = heap->addresses[to];
    for (uint64_t at = recorder->first[object]; at < reference; at++)
        labeller.left += recorder->targets[at] == to;
    buffer[0] = '\0';
    object_visit(labeller.decoder, heap->addresses[object], heap->types[object], &labeller.visitor);
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

static void root_label(void *data, size_t root_reference, char *buffer, size_t nbytes)
{
    const struct columns *columns = data;
    struct decoder *decoder = decoder_of(columns);
    uint32_t place = columns->root_edges.items[root_reference];
    buffer[0] = '\0';
    if (place == NO_EDGE)
        return;
    const struct edge *edge = &columns->heap->root_edges.items[place].edge;
    if (edge->kind == EDGE_STATIC)
        name_variable(columns->heap, edge->detail, buffer, nbytes);
    else
        edge_label(decoder, edge, buffer, nbytes);
}

// ---- values and blocks --------------------------------------------------------------------------

static size_t value(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    const struct columns *columns = data;
    struct decoder *decoder = decoder_of(columns);
    mx_addr addr = columns->heap->addresses[object];
    const struct type_info *type = decoder->types[columns->heap->types[object]];
    if (type->family == FAMILY_STR)
        return nbytes && str_value(decoder, addr, buffer, nbytes) ? strlen(buffer)
                                                                  : SNAPSHOT_NO_VALUE;
    if (type->family != FAMILY_BYTES)
        return SNAPSHOT_NO_VALUE;
    uint64_t count = object_items(decoder, addr, type);
    count = count < nbytes ? count : nbytes;
    const uint8_t *bytes =
        memory_at(decoder->memory, addr + (uint64_t)decoder->layout->bytes_data, count);
    if (!bytes)
        return SNAPSHOT_NO_VALUE;
    memcpy(buffer, bytes, count);
    return count;
}

static const char *holder_of(const struct block *block)
{
    switch ((enum block_owner)block->owner) {
    case BLOCK_LOST:
        return "nothing";
    case BLOCK_OF_OBJECT:
        return "object";
    case BLOCK_OF_VARIABLE:
        return "static variable";
    case BLOCK_OF_INTERPRETER:
        return "interpreter";
    case BLOCK_OF_UNREACHED:
        return "unreached object";
    case BLOCK_OF_STACK:
        return "C stack";
    case BLOCK_OF_MEMORY:
        return "other memory";
    }
    return "";
}

static void block(void *data, size_t index, struct snapshot_block *ret)
{
    const struct columns *columns = data;
    const struct blocks *blocks = columns->heap->blocks;
    const struct block *found = &blocks->items.items[index];
    ret->address = found->addr;
    ret->nbytes = found->nbytes;
    ret->owner = columns_block_owner(blocks, index);
    bool mimalloc = columns->heap->decoder.layout->gc_shape == GC_WITHOUT_LISTS;
    ret->allocator = malloc_owns(&blocks->walk, found->addr) ? "malloc"
                     : mimalloc                              ? "mimalloc"
                                                             : "pymalloc";
    ret->holder = holder_of(found);
}

void columns_add_texts(struct columns *columns)
{
    columns->snapshot.texts = (struct snapshot_texts){
        .preview = preview,
        .kind = kind,
        .label = label,
        .root_label = root_label,
        .value = value,
        .block = block,
        .data = columns,
    };
}
