// sequence.c - list, tuple (struct sequences too), deque, and the links of an lru_cache.
//
//   PyListObject --ob_item--> [ PyObject*, ... ]                     Objects/listobject.c
//   PyTupleObject [ PyObject*, ... ]                                 Objects/tupleobject.c
//   dequeobject --leftblock--> block <-> block {left, 64 items, right}  Modules/_collectionsmodule.c
#include "decode/decoder.h"

static bool items_emit(struct decoder *decoder, mx_addr items, uint64_t count,
                       struct visitor *visitor)
{
    if (count > LIMIT_ITEMS)
        return false;
    const uint8_t *bytes = memory_at(decoder->memory, items, count * 8);
    if (!bytes)
        return count == 0;
    uint64_t given = decoder_take_items(decoder, count);
    for (uint64_t i = 0; i < given; i++) {
        mx_addr to;
        memcpy(&to, bytes + 8 * i, sizeof to);
        emit(visitor, to, EDGE_ITEM, HOLD_OWNED, i);
    }
    return given == count;
}

bool list_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    uint64_t count = field_at(decoder, addr, l->var_size);
    mx_addr items = field_at(decoder, addr, l->list_items);
    if (!items || !count)
        return true;
    if (count > field_at(decoder, addr, l->list_allocated))
        return false; // being changed when it was read, or nonsense
    return items_emit(decoder, items, count, visitor);
}

bool tuple_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                 struct visitor *visitor)
{
    uint64_t count = object_items(decoder, addr, type) + type_hidden_items(decoder, type);
    return items_emit(decoder, addr + (uint64_t)decoder->layout->tuple_items, count, visitor);
}

// Modules/_collectionsmodule.c, the same in 3.8 to 3.15: offsets behind the object's var head.
enum {
    DEQUE_LEFTBLOCK = 8,
    DEQUE_LEFTINDEX = 24,
    DEQUE_BLOCK_ITEMS = 64,
    DEQUE_BLOCK_DATA = 8,
    DEQUE_BLOCK_RIGHT = 8 + 64 * 8,
};

bool deque_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr fields = addr + (uint64_t)decoder->layout->var_size;
    uint64_t count = word_at(decoder, fields);
    mx_addr block = word_at(decoder, fields + DEQUE_LEFTBLOCK);
    uint64_t index = word_at(decoder, fields + DEQUE_LEFTINDEX);
    if (count > LIMIT_ITEMS || index > DEQUE_BLOCK_ITEMS)
        return false;
    uint64_t given = decoder_take_items(decoder, count);
    for (uint64_t i = 0; i < given; i++, index++) {
        if (index == DEQUE_BLOCK_ITEMS) {
            block = word_at(decoder, block + DEQUE_BLOCK_RIGHT);
            index = 0;
        }
        if (!block || !memory_at(decoder->memory, block, DEQUE_BLOCK_RIGHT + 8))
            return false;
        emit(visitor, word_at(decoder, block + DEQUE_BLOCK_DATA + 8 * index), EDGE_ITEM, HOLD_OWNED,
             i);
    }
    return given == count;
}

// Modules/_functoolsmodule.c: root is the first member and embeds a link {head, prev, next, ...};
// the list owns one reference to each link, the cache dict the other.
bool lru_cache_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    uint64_t next_offset = (uint64_t)decoder->layout->object_size + 8;
    mx_addr link = word_at(decoder, addr + next_offset), previous = 0;
    for (uint64_t i = 0; link && link != addr && i < LIMIT_ITEMS; i++) {
        if (word_at(decoder, link + (uint64_t)decoder->layout->object_size) !=
            (previous ? previous : addr))
            return false; // prev does not lead back: not a list
        if (!decoder_take(decoder, 1))
            return false;
        emit(visitor, link, EDGE_ITEM, HOLD_OWNED, i);
        previous = link;
        link = word_at(decoder, link + next_offset);
    }
    return true;
}
