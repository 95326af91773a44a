// numpy.c - arrays of NumPy 1.x and 2.x: their members, and the objects that their data refers to.
//
//   ndarray --data--> [ item | item | ... ]      an item is a reference, or a record with some in it
//      \-----descr--> dtype: elsize, fields {name: (dtype, offset)}, subarray {dtype, shape}
//
// numpy/core/include/numpy/ndarraytypes.h: structs that its interface has fixed. Data is followed where the array owns it: what a view shows belongs
// to its base.
#include "decode/decoder.h"

enum { // behind the header
    ARRAY_DATA = 0,
    ARRAY_NDIM = 8,
    ARRAY_SHAPE = 16,
    ARRAY_DTYPE = 40,
    ARRAY_FLAGS = 48,
    ARRAY_OWNS_DATA = 4, // NPY_ARRAY_OWNDATA
};

#define LIMIT_NDIM 64 // NPY_MAXDIMS
#define LIMIT_ITEMSIZE (1u << 20)
#define LIMIT_PLACES 1024 // references in one record
#define LIMIT_PARTS 65536 // fields of one record, and of the records in it

// Of PyArray_Descr, behind the object's header. The size of numpy.dtype's struct tells which.
struct dtype_shape {
    uint32_t nbytes;       // of the struct
    uint32_t elsize_width; // an int, or 8 bytes
    int32_t type_num, flags, elsize, subarray, fields;
};

static const struct dtype_shape DTYPES[] = {
    {80, 4, 12, 11, 16, 24, 32}, // 1.x
    {72, 8, 12, 16, 24, 72, 80}, // 2.x: subarray and fields are in the struct of the old kinds
};

enum { TYPE_OBJECT = 17, ITEM_REFCOUNT = 1 }; // NPY_OBJECT, NPY_ITEM_REFCOUNT

// From the start of the object: with the header of 16 bytes, and that of free-threaded builds.
static const struct layout_member ARRAY[] = {
    {"base", 48, 1, 8, true}, {"dtype", 56, 1, 8, true}, {"mem_handler", 88, 1, 8, true}};
static const struct layout_member ARRAY_32[] = {
    {"base", 64, 1, 8, true}, {"dtype", 72, 1, 8, true}, {"mem_handler", 104, 1, 8, true}};
// Of a flatiter most words are arrays for 32 dimensions, of which some were never written.
static const struct layout_member FLATITER[] = {{"base", 1320, 1, 8, true}};
static const struct layout_member FLATITER_32[] = {{"base", 1336, 1, 8, true}};

static const struct layout_object OBJECTS[][2] = {
    {{.type_name = "numpy.ndarray", .members = ARRAY, .member_count = 3},
     {.type_name = "numpy.ndarray", .members = ARRAY_32, .member_count = 3}},
    {{.type_name = "numpy.flatiter", .members = FLATITER, .member_count = 1},
     {.type_name = "numpy.flatiter", .members = FLATITER_32, .member_count = 1}},
};

const struct layout_object *numpy_members(const struct layout *layout, const char *type_name)
{
    int header = layout->object_size == 16 ? 0 : layout->object_size == 32 ? 1 : -1;
    for (size_t i = 0; header >= 0 && i < sizeof OBJECTS / sizeof OBJECTS[0]; i++)
        if (strcmp(OBJECTS[i][header].type_name, type_name) == 0)
            return &OBJECTS[i][header];
    return NULL;
}

// A member that stands `offset` bytes behind the header.
static mx_addr behind(const struct decoder *decoder, mx_addr addr, int32_t offset)
{
    return addr + (uint64_t)(decoder->layout->object_size + offset);
}

static uint32_t half_at(struct decoder *decoder, mx_addr addr, int32_t offset)
{
    return field32_at(decoder, addr, decoder->layout->object_size + offset);
}

// ---- dtypes -----------------------------------------------------------------------------------

static const struct dtype_shape *dtype_shape(struct decoder *decoder, mx_addr dtype)
{
    const struct layout *l = decoder->layout;
    struct header header;
    char name[16];
    if (!object_header(decoder, dtype, &header))
        return NULL;
    mx_addr type = decoder->types[header.type]->addr;
    for (int depth = 0; type && depth < LIMIT_BASES; depth++) {
        if (memory_string(decoder->memory, field_at(decoder, type, l->type_name), name,
                          sizeof name) &&
            strcmp(name, "numpy.dtype") == 0)
            for (size_t i = 0; i < sizeof DTYPES / sizeof DTYPES[0]; i++)
                if (field_at(decoder, type, l->type_basicsize) - (uint64_t)l->object_size ==
                    DTYPES[i].nbytes)
                    return &DTYPES[i];
        type = field_at(decoder, type, l->type_base);
    }
    return NULL;
}

struct dtype {
    uint64_t elsize;
    mx_addr subarray, fields;
    bool is_object, has_references;
};

static bool dtype_read(struct decoder *decoder, mx_addr addr, struct dtype *ret)
{
    const struct dtype_shape *shape = dtype_shape(decoder, addr);
    uint8_t flags;
    if (!shape || !memory_u8(decoder->memory, behind(decoder, addr, shape->flags), &flags))
        return false;
    *ret = (struct dtype){
        .elsize = shape->elsize_width == 8 ? word_at(decoder, behind(decoder, addr, shape->elsize))
                                           : half_at(decoder, addr, shape->elsize),
        .is_object = half_at(decoder, addr, shape->type_num) == TYPE_OBJECT,
        .has_references = flags & ITEM_REFCOUNT,
    };
    if (ret->has_references && !ret->is_object) {
        ret->subarray = word_at(decoder, behind(decoder, addr, shape->subarray));
        ret->fields = word_at(decoder, behind(decoder, addr, shape->fields));
    }
    return ret->elsize && ret->elsize <= LIMIT_ITEMSIZE;
}

// Where the references are in one item.
struct places {
    uint32_t offsets[LIMIT_PLACES];
    uint32_t count;
    struct part {
        mx_addr dtype;
        uint64_t offset;
    } parts[LIMIT_PLACES]; // still to be looked at
    uint32_t part_count;
};

static void part_push(struct places *places, mx_addr dtype, uint64_t offset)
{
    if (places->part_count < LIMIT_PLACES)
        places->parts[places->part_count++] = (struct part){dtype, offset};
}

// fields: {name: (dtype, offset) or (dtype, offset, title)}
static void fields_push(struct decoder *decoder, struct places *places, mx_addr fields,
                        uint64_t base)
{
    const struct layout *l = decoder->layout;
    struct table table;
    mx_addr name, value;
    if (!dict_open(decoder, fields, &table))
        return;
    uint64_t given = decoder_take_items(decoder, table.entry_count);
    for (uint64_t i = 0; i < given; i++) {
        if (!table_entry(decoder, &table, i, &name, &value))
            continue;
        mx_addr items = value + (uint64_t)l->tuple_items;
        uint64_t offset = field32_at(decoder, word_at(decoder, items + 8), l->long_digits);
        if (offset <= LIMIT_ITEMSIZE)
            part_push(places, word_at(decoder, items), base + offset);
    }
}

// subarray: {dtype, shape}; as many of them as fill the item.
static void subarray_push(struct decoder *decoder, struct places *places, mx_addr subarray,
                          uint64_t nbytes, uint64_t base)
{
    struct dtype item;
    mx_addr dtype = word_at(decoder, subarray);
    if (dtype_read(decoder, dtype, &item) && item.has_references)
        for (uint64_t at = 0; at + item.elsize <= nbytes && places->part_count < LIMIT_PLACES;
             at += item.elsize)
            part_push(places, dtype, base + at);
}

// A field with a title stands under two keys, and fields may lie over each other.
static void place_add(struct places *places, uint64_t offset)
{
    for (uint32_t i = 0; i < places->count; i++)
        if (places->offsets[i] == offset)
            return;
    if (places->count < LIMIT_PLACES)
        places->offsets[places->count++] = (uint32_t)offset;
}

static void places_find(struct decoder *decoder, mx_addr dtype, struct places *ret)
{
    ret->count = ret->part_count = 0;
    part_push(ret, dtype, 0);
    for (int parts = 0; ret->part_count && parts < LIMIT_PARTS; parts++) {
        struct part part = ret->parts[--ret->part_count];
        struct dtype item;
        if (!dtype_read(decoder, part.dtype, &item) || part.offset > LIMIT_ITEMSIZE)
            continue;
        if (item.is_object)
            place_add(ret, part.offset);
        else if (item.subarray)
            subarray_push(decoder, ret, item.subarray, item.elsize, part.offset);
        else if (item.fields)
            fields_push(decoder, ret, item.fields, part.offset);
    }
}

// ---- arrays -----------------------------------------------------------------------------------

// Items of the array; more than there can be when its shape makes no sense.
static uint64_t item_count(struct decoder *decoder, mx_addr addr)
{
    uint32_t ndim = half_at(decoder, addr, ARRAY_NDIM);
    mx_addr shape = word_at(decoder, behind(decoder, addr, ARRAY_SHAPE));
    uint64_t count = 1;
    for (uint32_t i = 0; i < ndim; i++)
        if (ndim > LIMIT_NDIM ||
            __builtin_mul_overflow(count, word_at(decoder, shape + 8 * i), &count) ||
            count > LIMIT_ITEMS)
            return UINT64_MAX;
    return count;
}

bool ndarray_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr data = word_at(decoder, behind(decoder, addr, ARRAY_DATA));
    mx_addr dtype = word_at(decoder, behind(decoder, addr, ARRAY_DTYPE));
    struct dtype item;
    if (!(half_at(decoder, addr, ARRAY_FLAGS) & ARRAY_OWNS_DATA) ||
        !dtype_read(decoder, dtype, &item) || !item.has_references)
        return true;
    uint64_t count = item_count(decoder, addr), nbytes;
    struct places places;
    places_find(decoder, dtype, &places);
    if (__builtin_mul_overflow(count, item.elsize, &nbytes) ||
        (nbytes && !memory_at(decoder->memory, data, nbytes)))
        return false;
    uint64_t given = decoder_take_items(decoder, count * (places.count + 1)) / (places.count + 1);
    for (uint64_t i = 0; i < given; i++)
        for (uint32_t k = 0; k < places.count; k++)
            emit(visitor, word_at(decoder, data + i * item.elsize + places.offsets[k]), EDGE_ITEM,
                 HOLD_OWNED, i);
    return given == count;
}
