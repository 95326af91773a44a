// extension.c - references that C types of the standard library keep outside their own struct.
//
//   object --path--> pointer --path--> [ element | element | ... ]     arrays, rings
//                                      node -> node -> ...             lists, trees
//
// Where they are is said by the layout's tables (struct layout_behind), which tools/gen-layout wrote
// from the structs that CPython's C files keep to themselves. Knows shapes, no type by name, but for
// capsules: what is in their memory only their name tells.
#include "decode/decoder.h"

#define LIMIT_ARRAY (1ull << 32) // items that one of these objects keeps
#define LIMIT_TREE 4096          // nodes of a tree that wait for their turn
#define LIMIT_NODES (1ull << 20) // of a tree, one for each function that a profiler saw

static mx_addr follow(struct decoder *decoder, mx_addr addr, const uint32_t *path, uint32_t steps)
{
    for (uint32_t i = 0; addr && i < steps && i < BEHIND_STEPS; i++)
        addr = word_at(decoder, addr + path[i]);
    return addr;
}

static uint64_t number_at(struct decoder *decoder, mx_addr addr, const struct layout_number *number)
{
    mx_addr place = follow(decoder, addr, number->path, number->steps);
    if (!place)
        return 0;
    return number->nbytes == sizeof(uint32_t) ? field32_at(decoder, place, (int32_t)number->offset)
                                              : word_at(decoder, place + number->offset);
}

static void reference_emit(const struct layout_behind *behind, mx_addr to, uint64_t i,
                           struct visitor *visitor)
{
    enum hold hold = behind->owned ? HOLD_OWNED : HOLD_BORROWED;
    if ((to & 1) != behind->tag)
        return;
    to -= behind->tag;
    if (behind->name[0] == '[')
        emit(visitor, to, EDGE_ITEM, hold, i);
    else
        emit(visitor, to, EDGE_NAMED, hold, (uint64_t)(uintptr_t)behind->name);
}

// `count` pointers from `start` on, of which some may be NULL; the first has the number `first`.
static bool array_emit(struct decoder *decoder, const struct layout_behind *behind, mx_addr start,
                       uint64_t first, uint64_t count, struct visitor *visitor)
{
    uint64_t stride = behind->stride;
    if (count > LIMIT_ARRAY ||
        (count && !memory_at(decoder->memory, start, (count - 1) * stride + 8)))
        return false;
    uint64_t given = decoder_take_items(decoder, count);
    for (uint64_t i = 0; i < given; i++)
        reference_emit(behind, word_at(decoder, start + i * stride), first + i, visitor);
    return given == count;
}

static bool ring_emit(struct decoder *decoder, mx_addr addr, const struct layout_behind *behind,
                      mx_addr start, uint64_t count, struct visitor *visitor)
{
    uint64_t get = word_at(decoder, addr + behind->extra[0]),
             capacity = word_at(decoder, addr + behind->extra[1]);
    if (capacity > LIMIT_ARRAY || count > capacity || get > capacity)
        return false;
    uint64_t first = count < capacity - get ? count : capacity - get;
    return array_emit(decoder, behind, start + behind->stride * get, 0, first, visitor) &&
           array_emit(decoder, behind, start, first, count - first, visitor);
}

static void node_emit(struct decoder *decoder, const struct layout_behind *behind, mx_addr node,
                      uint64_t i, struct visitor *visitor)
{
    bool itself = behind->offset == BEHIND_NODE;
    reference_emit(behind, itself ? node : word_at(decoder, node + behind->offset), i, visitor);
}

// A list that comes back to itself is nonsense: a node that is looked back for every so often is met
// again (Brent).
static bool chain_emit(struct decoder *decoder, const struct layout_behind *behind, mx_addr node,
                       struct visitor *visitor)
{
    mx_addr remembered = 0;
    for (uint64_t i = 0, next = 1; node; i++) {
        if (node == remembered || node % 8 || !decoder_take_items(decoder, 1))
            return false;
        if (i == next) {
            remembered = node;
            next *= 2;
        }
        node_emit(decoder, behind, node, i, visitor);
        node = word_at(decoder, node + behind->extra[0]);
    }
    return true;
}

static bool tree_emit(struct decoder *decoder, const struct layout_behind *behind, mx_addr node,
                      struct visitor *visitor)
{
    mx_addr waiting[LIMIT_TREE];
    uint32_t count = 0;
    for (uint64_t i = 0; node || count; i++) {
        if (!node)
            node = waiting[--count];
        if (i == LIMIT_NODES || node % 8 || !decoder_take_items(decoder, 1))
            return false;
        node_emit(decoder, behind, node, i, visitor);
        mx_addr right = word_at(decoder, node + behind->extra[1]);
        if (right && count == LIMIT_TREE)
            return false;
        if (right)
            waiting[count++] = right;
        node = word_at(decoder, node + behind->extra[0]);
    }
    return true;
}

// What C modules offer to each other, and how many references it starts with. Those that are not
// listed keep what is static (datetime's), or nothing.
static const struct {
    const char *name;
    uint32_t count;
} CAPSULES[] = {
    {"_socket.CAPI", 3},   // Modules/socketmodule.h: Sock_Type, error, timeout_error
    {"_curses._C_API", 1}, // Include/py_curses.h: the type of windows, counted from 3.14 on
};

static bool is_heap_type(struct decoder *decoder, mx_addr addr)
{
    struct header header;
    return object_header(decoder, addr, &header) &&
           decoder->types[header.type]->family == FAMILY_TYPE &&
           field_at(decoder, addr, decoder->layout->type_flags) & FLAG_HEAPTYPE;
}

// While the type at the start was a static one, the memory was static too and owned nothing.
static bool capsule_emit(struct decoder *decoder, mx_addr addr, const struct layout_behind *behind,
                         struct visitor *visitor)
{
    char name[32] = "";
    mx_addr memory = word_at(decoder, addr + behind->offset);
    memory_string(decoder->memory, word_at(decoder, addr + behind->extra[0]), name, sizeof name);
    for (size_t i = 0; i < sizeof CAPSULES / sizeof CAPSULES[0]; i++)
        if (strcmp(name, CAPSULES[i].name) == 0 && is_heap_type(decoder, word_at(decoder, memory)))
            return array_emit(decoder, behind, memory, 0, CAPSULES[i].count, visitor);
    return true;
}

static bool one_visit(struct decoder *decoder, mx_addr addr, const struct layout_behind *behind,
                      struct visitor *visitor)
{
    mx_addr base = follow(decoder, addr, behind->path, behind->steps);
    uint64_t count =
        behind->length.nbytes ? number_at(decoder, addr, &behind->length) : behind->count;
    if (!base)
        return true;
    switch (behind->shape) {
    case BEHIND_ARRAY:
        return array_emit(decoder, behind, base + behind->offset, 0, count, visitor);
    case BEHIND_RING:
        return ring_emit(decoder, addr, behind, base + behind->offset, count, visitor);
    case BEHIND_CHAIN:
        return chain_emit(decoder, behind, base, visitor);
    case BEHIND_TREE:
        return tree_emit(decoder, behind, base, visitor);
    case BEHIND_CAPSULE:
        return capsule_emit(decoder, addr, behind, visitor);
    case BEHIND_GUARDED:
        if (word_at(decoder, addr + behind->extra[0]))
            reference_emit(behind, word_at(decoder, base + behind->offset), 0, visitor);
        return true;
    }
    return false;
}

bool behind_visit(struct decoder *decoder, mx_addr addr, const struct layout_object *object,
                  struct visitor *visitor)
{
    bool ok = true;
    for (size_t i = 0; i < object->behind_count; i++)
        ok &= one_visit(decoder, addr, &object->behind[i], visitor);
    return ok;
}
