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

// C types of the standard library with a __sizeof__ of their own. Their structs are private to one
// C file; the offsets are behind the object's header and the same in 3.8 to 3.13.
static uint64_t array_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/arraymodule.c: ob_size, ob_item, allocated, ob_descr -> {char typecode; int itemsize}
    uint64_t itemsize = field32_at(decoder, word_at(decoder, fields + 24), 4);
    return itemsize <= 16 ? itemsize * word_at(decoder, fields + 16) : 0;
}

static uint64_t buffered_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_io/bufferedio.c, struct buffered: buffer, buffer_size
    return word_at(decoder, fields + 40) ? word_at(decoder, fields + 104) : 0;
}

static uint64_t bytesio_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_io/bytesio.c, bytesio_sizeof: its bytes object, when nobody else holds it
    mx_addr buffer = word_at(decoder, fields);
    struct header header;
    if (!object_header(decoder, buffer, &header) || header.refcount > 1)
        return 0;
    const struct type_info *type = decoder->types[header.type];
    return type->family == FAMILY_BYTES // not another BytesIO, and another
               ? type->basicsize + type->itemsize * object_items(decoder, buffer, type)
               : 0;
}

static uint64_t struct_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_struct.c: s_size, s_len, s_codes -> formatcode[] of 32 bytes, ended by fmtdef NULL
    mx_addr code = word_at(decoder, fields + 16);
    uint64_t nbytes = 32;
    while (nbytes < 1 << 20 && decoder_take(decoder, 1) && word_at(decoder, code)) {
        code += 32;
        nbytes += 32;
    }
    return nbytes;
}

static uint64_t decimal_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_decimal/_decimal.c: hash, mpd_t {u8 flags, exp, digits, len, alloc, data}
    uint8_t flags = 0;
    memory_u8(decoder->memory, fields + 8, &flags);
    return flags & 0xE0 ? 0 : 8 * word_at(decoder, fields + 40); // MPD_DATAFLAGS: not malloc'ed
}

static uint64_t element_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_elementtree.c: tag, text, tail, extra -> {attrib, length, allocated, children, [4]}
    mx_addr extra = word_at(decoder, fields + 24);
    if (!extra)
        return 0;
    bool inside = word_at(decoder, extra + 24) == extra + 32;
    return 64 + (inside ? 0 : 8 * word_at(decoder, extra + 16));
}

static uint64_t product_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/itertoolsmodule.c: pools, indices
    return 8 * field_at(decoder, word_at(decoder, fields), decoder->layout->var_size);
}

static uint64_t combinations_extra(struct decoder *decoder, mx_addr fields)
{ // pool, indices, result, r
    return 8 * word_at(decoder, fields + 24);
}

static uint64_t permutations_extra(struct decoder *decoder, mx_addr fields)
{ // pool, indices, cycles, result, r
    return 8 * word_at(decoder, fields + 32) + product_extra(decoder, fields);
}

// Bytes of a C string with its NUL; 0 for a null pointer.
static uint64_t string_nbytes(struct decoder *decoder, mx_addr addr)
{
    char text[256]; // formats, encodings and short lines
    return addr && memory_string(decoder->memory, addr, text, sizeof text) ? strlen(text) + 1 : 0;
}

// The type of the object whose fields these are: it was known before its size was asked for.
static const struct type_info *type_of(struct decoder *decoder, mx_addr fields)
{
    mx_addr addr = fields - (uint64_t)decoder->layout->object_size;
    uint32_t type = type_lookup(decoder, field_at(decoder, addr, decoder->layout->object_type));
    return decoder->types[type];
}

static uint64_t pickler_extra(struct decoder *decoder, mx_addr fields)
{ // Modules/_pickle.c: memo -> {mask, used, allocated, table of 16 bytes each}
    mx_addr memo = word_at(decoder, fields);
    return memo ? 32 + 16 * word_at(decoder, memo + 16) : 0;
}

static uint64_t unpickler_extra(struct decoder *decoder, mx_addr fields)
{   // stack, memo, memo_size, memo_len, one or two (to 3.12) of persistent_load, Py_buffer buffer,
    // input_buffer, input_line, 3 lengths, 5 methods, encoding, errors, marks, num_marks, marks_size
    const struct type_info *type = type_of(decoder, fields);
    mx_addr tail = fields + type->family_nbytes - 16 - 48; // encoding
    mx_addr line = tail - 72;                              // input_line
    return 8 * word_at(decoder, fields + 16) +
           (word_at(decoder, tail + 16) ? 8 * word_at(decoder, tail + 32) : 0) +
           string_nbytes(decoder, word_at(decoder, line)) +
           string_nbytes(decoder, word_at(decoder, tail)) +
           string_nbytes(decoder, word_at(decoder, tail + 8));
}

// Modules/_ctypes/stgdict.c, PyCStgDict_sizeof; 3.13: _ctypes.c, CType_Type___sizeof__. What is
// known of a C type: {..., length, ffi_type {size, alignment, elements}, ...}, its format, number of
// dimensions.
static uint64_t ctype_extra(struct decoder *decoder, mx_addr length, mx_addr format)
{
    uint64_t nbytes = string_nbytes(decoder, word_at(decoder, format)) +
                      8 * (uint64_t)field32_at(decoder, format, 8);
    if (word_at(decoder, length + 24))
        nbytes += 8 * (word_at(decoder, length) + 1);
    return nbytes;
}

// To 3.12 behind a dict: size, align, length ... format at 120, and all of it is counted twice.
static uint64_t ctype_dict_extra(struct decoder *decoder, mx_addr fields)
{
    const struct type_info *type = type_of(decoder, fields);
    uint64_t nbytes = (uint64_t)decoder->layout->dict_size;
    mx_addr info = fields + nbytes - (uint64_t)decoder->layout->object_size;
    return type->basicsize - nbytes + ctype_extra(decoder, info + 16, info + 120);
}

// From 3.13 on behind the type object: initialized, size, align, length ... format at 136.
static uint64_t ctype_type_extra(struct decoder *decoder, mx_addr fields)
{
    mx_addr info = fields - (uint64_t)decoder->layout->object_size +
                   (((uint64_t)decoder->layout->heaptype_size + 15) & ~15ull);
    return field32_at(decoder, info, 0) ? ctype_extra(decoder, info + 24, info + 136) : 0;
}

static const struct {
    const char *type_name;
    uint64_t (*extra)(struct decoder *decoder, mx_addr fields);
} SIZERS[] = {
    {"array.array", array_extra},
    {"_io.BufferedReader", buffered_extra},
    {"_io.BufferedWriter", buffered_extra},
    {"_io.BufferedRandom", buffered_extra},
    {"_io.BytesIO", bytesio_extra},
    {"_struct.Struct", struct_extra},
    {"Struct", struct_extra}, // 3.8
    {"decimal.Decimal", decimal_extra},
    {"xml.etree.ElementTree.Element", element_extra},
    {"_pickle.Pickler", pickler_extra},
    {"_pickle.Unpickler", unpickler_extra},
    {"StgDict", ctype_dict_extra},
    {"_ctypes.CType_Type", ctype_type_extra},
    {"itertools.product", product_extra},
    {"itertools.combinations", combinations_extra},
    {"itertools.combinations_with_replacement", combinations_extra},
    {"itertools.permutations", permutations_extra},
};

int type_sizer(const char *type_name)
{
    for (size_t i = 0; i < sizeof SIZERS / sizeof SIZERS[0]; i++)
        if (strcmp(SIZERS[i].type_name, type_name) == 0)
            return (int)i;
    return NO_SIZER;
}

// What a __sizeof__ of the type's own adds.
static uint64_t own_extra(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (type->sizer == NO_SIZER)
        return 0;
    mx_addr fields = addr + (uint64_t)decoder->layout->object_size;
    uint64_t extra = SIZERS[type->sizer].extra(decoder, fields);
    return extra <= 8 * LIMIT_ITEMS ? extra : 0;
}

static uint64_t general_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    return type->basicsize + type->itemsize * object_items(decoder, addr, type) +
           own_extra(decoder, addr, type);
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
        return type->basicsize +
               (field_at(decoder, addr, l->bytearray_alloc) & (8 * LIMIT_ITEMS - 1));
    case FAMILY_LIST: {
        uint64_t allocated = field_at(decoder, addr, l->list_allocated);
        return type->basicsize + (allocated <= LIMIT_ITEMS ? 8 * allocated : 0);
    }
    case FAMILY_DICT:
        return type->basicsize + dict_extra(decoder, addr) + own_extra(decoder, addr, type);
    case FAMILY_ORDERED_DICT:
        return type->basicsize + ordered_dict_extra(decoder, addr);
    case FAMILY_SET:
        return type->basicsize + set_extra(decoder, addr);
    case FAMILY_DEQUE:
        return type->basicsize + deque_extra(decoder, addr);
    case FAMILY_TYPE:
        return type->sizer == NO_SIZER ? type_size_of(decoder, addr)
                                       : type->basicsize + own_extra(decoder, addr, type);
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
    case FAMILY_MEMORYVIEW:
        break;
    }
    return general_size(decoder, addr, type);
}

uint64_t object_size(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    return family_size(decoder, addr, type) + headers_size(decoder, addr, type);
}
