// size.c - what sys.getsizeof says of an object.
//
// The general rule is basicsize + itemsize * |ob_size| + the headers in front; every type with a
// __sizeof__ of its own is a case here, named by the C function that it follows. A __sizeof__ written
// in Python cannot be asked: the rule of its base class holds.
#include "decode/decoder.h"

// Python/sysmodule.c, _PySys_GetSizeOf
static uint64_t headers_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    uint64_t head = (uint64_t)decoder->layout->gc_head_size;
    if (decoder->layout->gc_shape == GC_WITHOUT_LISTS)
        head = 0;
    switch (decoder->layout->size_shape) {
    case SIZE_GC_HEAD:
        return object_is_gc(decoder, addr, type) ? head : 0;
    case SIZE_BY_TYPE:
        return type->gc ? head + (type->preheader ? 16 : 0) : 0;
    case SIZE_BY_OBJECT:
        return object_prefix(decoder, addr, type);
    }
    return 0;
}

// Objects/dictobject.c, USABLE_FRACTION and _PyDict_KeysSize
uint64_t table_nbytes(struct decoder *decoder, mx_addr keys)
{
    struct table table;
    if (!table_open(decoder, keys, 0, &table))
        return 0;
    return table.entries - keys + table.dk_size * 2 / 3 * table.entry_nbytes;
}

static uint64_t dict_extra(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    mx_addr keys = field_at(decoder, addr, l->dict_keys);
    uint64_t nbytes = 0;
    if (field_at(decoder, addr, l->dict_values)) {
        uint64_t usable = 0;
        switch (l->keys_shape) {
        case KEYS_DK_SIZE:
            usable = field_at(decoder, keys, l->keys_dk_size) * 2 / 3;
            break;
        case KEYS_LOG2_SIZE: // shared_keys_usable_size
            usable =
                field_at(decoder, keys, l->keys_usable) + field_at(decoder, keys, l->keys_nentries);
            break;
        }
        nbytes = usable <= LIMIT_ITEMS ? 8 * usable : 0;
    }
    if (field_at(decoder, keys, l->keys_refcnt) == 1)
        nbytes += table_nbytes(decoder, keys);
    return nbytes;
}

// Objects/odictobject.c, odict_sizeof: the table of nodes, and 32 bytes a node
static uint64_t ordered_dict_extra(struct decoder *decoder, mx_addr addr)
{
    mx_addr fields = addr + (uint64_t)decoder->layout->dict_size;
    uint64_t fast_nodes = word_at(decoder, fields + 24);
    uint64_t nodes = field_at(decoder, addr, decoder->layout->dict_used);
    if (fast_nodes > LIMIT_ITEMS || nodes > LIMIT_ITEMS)
        return 0;
    return dict_extra(decoder, addr) + 8 * fast_nodes + 32 * nodes;
}

// Modules/_collectionsmodule.c, deque_sizeof
static uint64_t deque_extra(struct decoder *decoder, mx_addr addr)
{
    mx_addr fields = addr + (uint64_t)decoder->layout->var_size;
    uint64_t used = word_at(decoder, fields) + word_at(decoder, fields + 24);
    return used <= LIMIT_ITEMS ? (used + 63) / 64 * (66 * 8) : 0;
}

static uint64_t set_extra(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    uint64_t mask = field_at(decoder, addr, l->set_mask);
    if (field_at(decoder, addr, l->set_table) == addr + (uint64_t)l->set_smalltable ||
        mask > LIMIT_ITEMS)
        return 0;
    return 16 * (mask + 1);
}

// Objects/longobject.c, int___sizeof___impl
static uint64_t int_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    uint64_t digits = object_items(decoder, addr, type);
    switch (decoder->layout->size_shape) {
    case SIZE_GC_HEAD:
        break;
    case SIZE_BY_TYPE:
    case SIZE_BY_OBJECT:
        digits += !digits;
        break;
    }
    return (uint64_t)decoder->layout->long_digits + 4 * digits;
}

// Objects/bytearrayobject.c, bytearray_sizeof_impl: from 3.15 on the bytes are an object, counted
// with its header.
static uint64_t bytearray_extra(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    uint64_t nbytes = field_at(decoder, addr, l->bytearray_alloc) & (8 * LIMIT_ITEMS - 1);
    return nbytes + (nbytes && l->bytearray_object != ABSENT ? (uint64_t)l->bytes_data + 1 : 0);
}

// Objects/codeobject.c, code_sizeof
static uint64_t code_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    const struct layout *l = decoder->layout;
    uint64_t nbytes = type->basicsize + type->itemsize * object_items(decoder, addr, type);
    nbytes = (nbytes + 7) & ~7ull; // _PyObject_VAR_SIZE
    mx_addr extra = field_at(decoder, addr, l->code_extra);
    if (extra)
        nbytes += 8 * (1 + (field_at(decoder, extra, 0) & 0xFF)); // ce_size, ce_extras[]
    if (field_at(decoder, addr, l->code_cell2arg)) {
        mx_addr cells = field_at(decoder, addr, l->code_cellvars);
        nbytes += 8 * (field_at(decoder, cells, l->var_size) & 0xFFFF);
    }
    if (field_at(decoder, addr, l->code_opcache)) { // struct _PyOpcache is 32 bytes
        mx_addr code = field_at(decoder, addr, l->code_code);
        nbytes += (field_at(decoder, code, l->var_size) & 0xFFFFFFFF) / 2 +
                  32 * (field32_at(decoder, addr, l->code_opcache_size) & 0xFF);
    }
    return nbytes;
}

// Objects/frameobject.c, frame_sizeof
static uint64_t frame_size_of(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    if (l->frame_localsplus == ABSENT) { // from 3.11 on
        mx_addr frame = field_at(decoder, addr, l->frame_iframe);
        mx_addr code = field_at(decoder, frame, l->iframe_code) & ~3ull;
        uint64_t slots = field32_at(decoder, code, l->code_nlocalsplus) +
                         field32_at(decoder, code, l->code_stacksize);
        return (uint64_t)l->frame_data + (uint64_t)l->iframe_localsplus + 8 * slots;
    }
    mx_addr code = field_at(decoder, addr, l->frame_code);
    uint64_t slots =
        field32_at(decoder, code, l->code_stacksize) + field32_at(decoder, code, l->code_nlocals) +
        (field_at(decoder, field_at(decoder, code, l->code_cellvars), l->var_size) & 0xFFFF) +
        (field_at(decoder, field_at(decoder, code, l->code_freevars), l->var_size) & 0xFFFF);
    return (uint64_t)l->frame_localsplus + 8 * slots;
}

// Objects/genobject.c, gen_sizeof: from 3.11 on
static uint64_t generator_size_of(struct decoder *decoder, mx_addr addr,
                                  const struct type_info *type)
{
    const struct layout *l = decoder->layout;
    if (l->generator_iframe == ABSENT)
        return type->basicsize;
    mx_addr frame = addr + (uint64_t)l->generator_iframe;
    mx_addr code = l->generator_code != ABSENT ? field_at(decoder, addr, l->generator_code)
                                               : field_at(decoder, frame, l->iframe_code) & ~3ull;
    uint64_t slots = field32_at(decoder, code, l->code_nlocalsplus) +
                     field32_at(decoder, code, l->code_stacksize);
    return (uint64_t)l->generator_iframe + (uint64_t)l->iframe_localsplus + 8 * slots;
}

static uint64_t type_size_of(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    if (!(field_at(decoder, addr, l->type_flags) & FLAG_HEAPTYPE))
        return (uint64_t)l->type_size;
    mx_addr keys = field_at(decoder, addr, l->heaptype_cached_keys);
    return (uint64_t)l->heaptype_size + (keys ? table_nbytes(decoder, keys) : 0);
}

static uint64_t general_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    return type->basicsize + type->itemsize * object_items(decoder, addr, type) +
           sizer_extra(decoder, addr, type);
}

static uint64_t family_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    const struct layout *l = decoder->layout;
    switch (type->family) {
    case FAMILY_INT:
    case FAMILY_BOOL:
        return int_size(decoder, addr, type);
    case FAMILY_STR:
        return str_size(decoder, addr, type);
    case FAMILY_BYTEARRAY:
        return type->basicsize + bytearray_extra(decoder, addr);
    case FAMILY_LIST: {
        uint64_t allocated = field_at(decoder, addr, l->list_allocated);
        return type->basicsize + (allocated <= LIMIT_ITEMS ? 8 * allocated : 0);
    }
    case FAMILY_DICT:
        return type->basicsize + dict_extra(decoder, addr) + sizer_extra(decoder, addr, type);
    case FAMILY_ORDERED_DICT:
        return type->basicsize + ordered_dict_extra(decoder, addr);
    case FAMILY_SET:
        return type->basicsize + set_extra(decoder, addr);
    case FAMILY_DEQUE:
        return type->basicsize + deque_extra(decoder, addr);
    case FAMILY_TYPE:
        return type->sizer == NO_SIZER ? type_size_of(decoder, addr)
                                       : type->basicsize + sizer_extra(decoder, addr, type);
    case FAMILY_CODE:
        return code_size(decoder, addr, type);
    case FAMILY_FRAME:
        return frame_size_of(decoder, addr);
    case FAMILY_GENERATOR:
        return generator_size_of(decoder, addr, type);
    case FAMILY_GENERIC:
    case FAMILY_NONE:
    case FAMILY_FLOAT:
    case FAMILY_COMPLEX:
    case FAMILY_BYTES:
    case FAMILY_LEAF:
    case FAMILY_TUPLE:
    case FAMILY_MODULE:
    case FAMILY_FUNCTION:
    case FAMILY_METHOD:
    case FAMILY_BUILTIN:
    case FAMILY_CELL:
    case FAMILY_WEAKREF:
    case FAMILY_EXCEPTION:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MATCH:
    case FAMILY_MEMORYVIEW:
        break;
    }
    return general_size(decoder, addr, type);
}

uint64_t object_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    return family_size(decoder, addr, type) + headers_size(decoder, addr, type);
}
