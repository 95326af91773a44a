// size_extension.c - what C types of the standard library add to their size in a __sizeof__ of their
// own.
//
// Their structs are private to one C file; the offsets are behind the object's header and the same in
// 3.8 to 3.13.
#include "decode/decoder.h"

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
{ // stack, memo, memo_size, memo_len, one or two (to 3.12) of persistent_load, Py_buffer buffer,
    // input_buffer, input_line, 3 lengths, 5 methods, encoding, errors, marks, num_marks, marks_size
    const struct type_info *type = type_of(decoder, fields);
    // To 3.13.0 the fields have 256 bytes at most; then came `running` at their end, then two lengths.
    uint64_t nbytes = type->family_nbytes - (uint64_t)decoder->layout->object_size;
    uint64_t after = nbytes > 256 ? 56 : 48;
    uint64_t lengths = nbytes > 264 ? 5 : 3;
    mx_addr tail = fields + nbytes - after; // encoding
    mx_addr line = tail - 48 - 8 * lengths; // input_line
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

// From 3.13 on behind the type object: initialized, size, align, length ... format.
static uint64_t ctype_type_extra(struct decoder *decoder, mx_addr fields)
{
    mx_addr info = fields - (uint64_t)decoder->layout->object_size +
                   (((uint64_t)decoder->layout->heaptype_size + 15) & ~15ull);
    mx_addr format = info + (uint64_t)decoder->layout->ctype_format;
    return field32_at(decoder, info, 0) ? ctype_extra(decoder, info + 24, format) : 0;
}

// Modules/_queuemodule.c, simplequeue_sizeof, since 3.15: {put, get, items, capacity, count} at 24.
static uint64_t queue_extra(struct decoder *decoder, mx_addr fields)
{
    const struct type_info *type = type_of(decoder, fields);
    if (!dict_get(decoder, type->dict, "__sizeof__"))
        return 0;
    return 8 * word_at(decoder, fields + 32);
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
    {"_queue.SimpleQueue", queue_extra},
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

uint64_t sizer_extra(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (type->sizer == NO_SIZER)
        return 0;
    mx_addr fields = addr + (uint64_t)decoder->layout->object_size;
    uint64_t extra = SIZERS[type->sizer].extra(decoder, fields);
    return extra <= 8 * LIMIT_ITEMS ? extra : 0;
}
