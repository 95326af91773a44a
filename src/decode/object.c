// object.c - the header that every object has, and the dispatch to the decoder of its family.
//
//   ... [pre-header 16] [GC head 16] | refcount | type | struct ... | items ...
//                                    ^ the object's address
//
// Knows GC heads (Include/internal/pycore_gc.h); counts.c knows reference counts. In free-threaded
// builds there is no GC head: its bits are in the header.
#include "decode/counts.h"

bool object_header(struct decoder *decoder, mx_addr addr, struct header *ret)
{
    const struct layout *l = decoder->layout;
    if (!addr || addr % 8)
        return false;
    const uint8_t *bytes = memory_at(decoder->memory, addr, (uint64_t)l->object_size);
    if (!bytes || !refcount_decode(l, bytes, ret))
        return false;
    mx_addr type;
    memcpy(&type, bytes + l->object_type, sizeof type);
    ret->addr = addr;
    ret->type = type_lookup(decoder, type);
    if (ret->deferred)
        ret->refcount += decoder_thread_count(decoder, addr);
    return ret->type != NO_TYPE;
}

bool object_is_gc(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!type->gc)
        return false;
    // Objects/typeobject.c, type_is_gc
    return type->family != FAMILY_TYPE ||
           field_at(decoder, addr, decoder->layout->type_flags) & FLAG_HEAPTYPE;
}

bool object_is_tracked(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!object_is_gc(decoder, addr, type))
        return false;
    switch (decoder->layout->gc_shape) {
    case GC_IN_RUNTIME:
    case GC_IN_INTERP:
    case GC_INCREMENTAL:
        return word_at(decoder, addr - (uint64_t)decoder->layout->gc_head_size) != 0;
    case GC_WITHOUT_LISTS: {
        uint8_t bits = 0;
        memory_u8(decoder->memory, addr + (uint64_t)decoder->layout->object_gc_bits, &bits);
        return bits & GC_BIT_TRACKED;
    }
    }
    return false;
}

// Include/internal/pycore_gc.h, _PyGC_FINALIZED
bool object_is_finalized(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!object_is_gc(decoder, addr, type))
        return false;
    switch (decoder->layout->gc_shape) {
    case GC_IN_RUNTIME:
    case GC_IN_INTERP:
    case GC_INCREMENTAL:
        return word_at(decoder, addr - 8) & 1;
    case GC_WITHOUT_LISTS: {
        uint8_t bits = 0;
        memory_u8(decoder->memory, addr + (uint64_t)decoder->layout->object_gc_bits, &bits);
        return bits & GC_BIT_FINALIZED;
    }
    }
    return false;
}

uint32_t object_prefix(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!object_is_gc(decoder, addr, type))
        return 0;
    uint32_t head =
        decoder->layout->gc_shape == GC_WITHOUT_LISTS ? 0 : (uint32_t)decoder->layout->gc_head_size;
    return head + (type->preheader ? 16 : 0);
}

uint64_t object_items(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!type->itemsize)
        return 0;
    int64_t size = (int64_t)field_at(decoder, addr, decoder->layout->var_size);
    if (type->family == FAMILY_INT || type->family == FAMILY_BOOL) {
        switch (decoder->layout->int_shape) {
        case INT_SIGNED_SIZE:
            break;
        case INT_TAG: // Include/internal/pycore_long.h, _PyLong_DigitCount
            size = (int64_t)((uint64_t)size >> 3);
            break;
        }
    }
    uint64_t count = size < 0 ? -(uint64_t)size : (uint64_t)size;
    return count <= LIMIT_ITEMS ? count : 0;
}

static void words_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                        struct visitor *visitor)
{
    if (!type->word_count)
        return;
    uint64_t given = decoder_take(decoder, type->word_count);
    // Python/structmember.c, _PyMember_GetOffset
    uint64_t items = (type->itemsize * object_items(decoder, addr, type) + 7) & ~7ull;
    for (uint64_t i = 0; i < given; i++) {
        const struct scan_word *word = &type->words[i];
        mx_addr place = addr + word->offset + (word->after_items ? items : 0);
        struct edge edge = {word_at(decoder, place), (uint64_t)(uintptr_t)word, EDGE_MEMBER,
                            word->hold, word->certain};
        if (!edge.to || edge.to % 8)
            continue;
        if (word->hold == HOLD_POSSIBLE)
            possible_visit(decoder, edge, visitor);
        else
            visitor->edge(visitor, edge);
    }
}

// Items of a type without a decoder: pointers, if they are as wide as pointers.
static void items_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                        struct visitor *visitor)
{
    uint64_t count = object_items(decoder, addr, type);
    if (type->itemsize != 8 || type->counts_items || !count ||
        !memory_at(decoder->memory, addr, type->basicsize + 8 * count))
        return;
    count = decoder_take(decoder, count);
    for (uint64_t i = 0; i < count; i++) {
        mx_addr to = word_at(decoder, addr + type->basicsize + 8 * i);
        if (to && to % 8 == 0)
            visitor->edge(visitor, (struct edge){to, i, EDGE_ITEM, HOLD_OWNED, false});
    }
}

// Modules/_datetimemodule.c: tzinfo is the last word, and there only when hastzinfo is set.
static void datetime_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                           struct visitor *visitor)
{
    uint8_t has_tzinfo = 0;
    memory_u8(decoder->memory, addr + (uint64_t)decoder->layout->object_size + 8, &has_tzinfo);
    if (has_tzinfo == 1)
        emit(visitor, word_at(decoder, addr + type->family_nbytes - 8), EDGE_NAMED, HOLD_OWNED,
             (uint64_t)(uintptr_t) ".tzinfo");
}

static bool family_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                         struct visitor *visitor)
{
    switch (type->family) {
    case FAMILY_NONE:
    case FAMILY_INT:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_COMPLEX:
    case FAMILY_STR:
    case FAMILY_BYTES:
    case FAMILY_LEAF:
    case FAMILY_FUNCTION:
    case FAMILY_METHOD:
    case FAMILY_BUILTIN:
    case FAMILY_CELL:
    case FAMILY_WEAKREF:
    case FAMILY_EXCEPTION:
    case FAMILY_LRU_LINK:
    case FAMILY_MATCH: // its items are numbers, the last one never written: Modules/_sre, MatchObject
    case FAMILY_MEMORYVIEW:
        return true; // words_visit does the rest
    case FAMILY_GENERIC:
        items_visit(decoder, addr, type, visitor);
        return true;
    case FAMILY_BYTEARRAY: // 3.15 on: its bytes are an object of their own
        emit(visitor, field_at(decoder, addr, decoder->layout->bytearray_object), EDGE_NAMED,
             HOLD_OWNED, (uint64_t)(uintptr_t) " bytes");
        return true;
    case FAMILY_DATETIME:
        datetime_visit(decoder, addr, type, visitor);
        return true;
    case FAMILY_LIST:
        return list_visit(decoder, addr, visitor);
    case FAMILY_TUPLE:
        return tuple_visit(decoder, addr, type, visitor);
    case FAMILY_DICT:
        return dict_visit(decoder, addr, visitor);
    case FAMILY_ORDERED_DICT:
        return ordered_dict_visit(decoder, addr, visitor);
    case FAMILY_SET:
        return set_visit(decoder, addr, visitor);
    case FAMILY_DEQUE:
        return deque_visit(decoder, addr, visitor);
    case FAMILY_TYPE:
        return type_visit(decoder, addr, visitor);
    case FAMILY_MODULE:
        return module_visit(decoder, addr, visitor);
    case FAMILY_CODE:
        return code_visit(decoder, addr, visitor);
    case FAMILY_FRAME:
        return frame_visit(decoder, addr, visitor);
    case FAMILY_GENERATOR:
        return generator_visit(decoder, addr, visitor);
    case FAMILY_LRU_CACHE:
        return lru_cache_visit(decoder, addr, visitor);
    }
    return false;
}

bool object_visit(struct decoder *decoder, mx_addr addr, uint32_t type, struct visitor *visitor)
{
    const struct type_info *info = decoder->types[type];
    bool ok = family_visit(decoder, addr, info, visitor);
    if (info->behind)
        ok &= behind_visit(decoder, addr, info->behind, visitor);
    if (info->ndarray)
        ok &= ndarray_visit(decoder, addr, visitor);
    ok &= instance_visit(decoder, addr, info, visitor);
    words_visit(decoder, addr, info, visitor);
    // Objects/object.c, PyObject_Init: only heap types are counted by their instances
    emit(visitor, info->addr, EDGE_NAMED, info->heap ? HOLD_OWNED : HOLD_BORROWED,
         (uint64_t)(uintptr_t) ".__class__");
    return ok;
}
