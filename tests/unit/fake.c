// fake.c - memory, types and plain values of a fake CPython; containers and code are in fake_make.c.
#include "fake.h"

#include <stdlib.h>

#include "heap/mimalloc.h"

#define GAP 16 // between blocks, so that one byte too far is not another object

mx_addr fake_alloc(struct fake *fake, uint64_t nbytes)
{
    mx_addr addr = FAKE_START + fake->used;
    fake->used += ((nbytes + 15) & ~15ull) + GAP;
    assert_true(fake->used <= FAKE_NBYTES);
    return addr;
}

void *fake_at(struct fake *fake, mx_addr addr, uint64_t nbytes)
{
    uint64_t offset = addr - FAKE_START;
    assert_true(offset <= FAKE_NBYTES && nbytes <= FAKE_NBYTES - offset);
    return fake->bytes + offset;
}

void fake_word(struct fake *fake, mx_addr addr, uint64_t value)
{
    memcpy(fake_at(fake, addr, sizeof value), &value, sizeof value);
}

void fake_field(struct fake *fake, mx_addr addr, int32_t offset, uint64_t value)
{
    if (offset != ABSENT)
        fake_word(fake, addr + (uint64_t)offset, value);
}

void fake_field32(struct fake *fake, mx_addr addr, int32_t offset, uint32_t value)
{
    if (offset != ABSENT)
        memcpy(fake_at(fake, addr + (uint64_t)offset, sizeof value), &value, sizeof value);
}

void fake_field8(struct fake *fake, mx_addr addr, int32_t offset, uint8_t value)
{
    if (offset != ABSENT)
        *(uint8_t *)fake_at(fake, addr + (uint64_t)offset, 1) = value;
}

mx_addr fake_text(struct fake *fake, const char *text)
{
    mx_addr addr = fake_alloc(fake, strlen(text) + 1);
    strcpy(fake_at(fake, addr, strlen(text) + 1), text);
    return addr;
}

// ---- types ------------------------------------------------------------------------------------

#define BY(field) offsetof(struct layout, field)
#define NO_FIELD SIZE_MAX
#define GC FLAG_HAVE_GC

// Sizes by a member of the layout, or in bytes where the struct is private to a C file. Where the
// layout has no such size (`otherwise` then), the struct is the same in every version.
static const struct {
    const char *name;
    size_t field;
    uint64_t otherwise; // added to the field's value
    uint64_t itemsize;
    uint64_t flags;
} TYPES[] = {
    {"list", BY(list_size), 0, 0, GC | FLAG_LIST_SUBCLASS},
    {"tuple", BY(tuple_items), 0, 8, GC | FLAG_TUPLE_SUBCLASS},
    {"dict", BY(dict_size), 0, 0, GC | FLAG_DICT_SUBCLASS},
    {"str", BY(unicode_size), 0, 0, FLAG_UNICODE_SUBCLASS},
    {"bytes", BY(bytes_data), 1, 1, FLAG_BYTES_SUBCLASS},
    {"int", BY(long_digits), 0, 4, FLAG_LONG_SUBCLASS},
    {"bool", BY(long_digits), 0, 4, FLAG_LONG_SUBCLASS},
    {"NoneType", BY(object_size), 0, 0, 0},
    {"float", BY(float_value), 8, 0, 0},
    {"complex", BY(complex_value), 16, 0, 0},
    {"bytearray", BY(bytearray_start), 16, 0, 0},
    {"set", BY(set_size), 0, 0, GC},
    {"frozenset", BY(set_size), 0, 0, GC},
    {"collections.deque", NO_FIELD, 232, 0, GC},
    {"collections.OrderedDict", BY(dict_size), 64, 0, GC | FLAG_DICT_SUBCLASS},
    {"module", BY(module_size), 0, 0, GC},
    {"code", BY(code_size), 0, 0, 0},
    {"frame", BY(frame_size), 0, 0, GC},
    {"generator", BY(generator_size), 0, 0, GC},
    {"function", BY(function_size), 0, 0, GC},
    {"method", BY(method_self), 24, 0, GC},
    {"builtin_function_or_method", BY(cfunction_weaklist), 16, 0, GC},
    {"cell", BY(cell_contents), 8, 0, GC},
    {"weakref", BY(weakref_size), 0, 0, GC},
    {"weakref.ReferenceType", BY(weakref_size), 0, 0, GC},
    {"BaseException", BY(exception_args), 64, 0, GC | FLAG_BASE_EXC_SUBCLASS},
    {"functools._lru_cache_wrapper", NO_FIELD, 160, 0, GC},
    {"functools._lru_list_elem", NO_FIELD, 56, 0, GC},
    {"range", BY(object_size), 32, 0, 0},
    {"ellipsis", BY(object_size), 0, 0, 0},
};

static mx_addr type_write(struct fake *fake, mx_addr addr, const char *name, uint64_t basicsize,
                          uint64_t itemsize, uint64_t flags)
{
    const struct layout *l = fake->l;
    fake_refcount(fake, addr, 1);
    fake_field(fake, addr, l->object_type, fake->decoder.type_type);
    fake_field(fake, addr, l->type_name, fake_text(fake, name));
    fake_field(fake, addr, l->type_basicsize, basicsize);
    fake_field(fake, addr, l->type_itemsize, itemsize);
    fake_field(fake, addr, l->type_flags, flags | FLAG_READY);
    return addr;
}

mx_addr fake_static_type(struct fake *fake, const char *name, uint64_t basicsize, uint64_t itemsize,
                         uint64_t flags)
{
    mx_addr addr = fake_alloc(fake, (uint64_t)fake->l->type_size);
    fake_field(fake, addr, fake->l->type_base, fake_type(fake, "object"));
    return type_write(fake, addr, name, basicsize, itemsize, flags);
}

mx_addr fake_type(struct fake *fake, const char *name)
{
    for (size_t i = 0; i < fake->type_count; i++)
        if (strcmp(fake->types[i].name, name) == 0)
            return fake->types[i].addr;
    size_t i = 0;
    while (i < sizeof TYPES / sizeof TYPES[0] && strcmp(TYPES[i].name, name) != 0)
        i++;
    assert_true(i < sizeof TYPES / sizeof TYPES[0]);
    uint64_t basicsize = TYPES[i].otherwise;
    if (TYPES[i].field != NO_FIELD)
        basicsize += (uint64_t) * (const int32_t *)((const char *)fake->l + TYPES[i].field);
    const struct layout_object *known = layout_object_members(fake->l, name);
    if (known && known->nbytes) // the interpreter's own tp_basicsize
        basicsize = known->nbytes;
    mx_addr addr = fake_static_type(fake, name, basicsize, TYPES[i].itemsize, TYPES[i].flags);
    fake->types[fake->type_count].name = TYPES[i].name;
    fake->types[fake->type_count++].addr = addr;
    return addr;
}

mx_addr fake_class(struct fake *fake, const char *name, mx_addr base, uint64_t basicsize,
                   uint64_t flags)
{
    const struct layout *l = fake->l;
    uint64_t head = fake_gc_head(fake), nbytes = (uint64_t)l->heaptype_size;
    mx_addr addr =
        l->free_threaded ? fake_block(fake, MIMALLOC_GC, nbytes) : fake_alloc(fake, head + nbytes);
    addr += head;
    type_write(fake, addr, name, basicsize, 0, flags | FLAG_HEAPTYPE | FLAG_HAVE_GC);
    mx_addr key = fake_str(fake, "__module__"), value = fake_str(fake, "app");
    fake_field(fake, addr, l->type_base, base);
    fake_field(fake, addr, l->type_dict, fake_dict(fake, &key, &value, 1));
    fake_field(fake, addr, l->type_bases, fake_tuple(fake, &base, 1));
    fake_field(fake, addr, l->heaptype_name, fake_str(fake, name));
    fake_field(fake, addr, l->heaptype_qualname, fake_str(fake, name));
    return addr;
}

void fake_init(struct fake *fake, const struct layout *layout)
{
    *fake = (struct fake){.l = layout, .used = 4096};
    fake->bytes = calloc(1, FAKE_NBYTES);
    assert_non_null(fake->bytes);
    memory_init(&fake->memory, NULL, NULL);
    assert_int_equal(memory_add(&fake->memory, FAKE_START, fake->bytes, FAKE_NBYTES, NULL), MX_OK);
    if (layout->free_threaded)
        fake_mimalloc_init(fake);
    mx_addr type = fake_alloc(fake, (uint64_t)layout->type_size);
    mx_addr object = fake_alloc(fake, (uint64_t)layout->type_size);
    fake->types[0].name = "type";
    fake->types[0].addr = type;
    fake->types[1].name = "object";
    fake->types[1].addr = object;
    fake->type_count = 2;
    decoder_init(&fake->decoder, &fake->memory, layout, type);
    decoder_allow(&fake->decoder, FAKE_NBYTES);
    type_write(fake, type, "type", (uint64_t)layout->heaptype_size, 40, GC | FLAG_TYPE_SUBCLASS);
    type_write(fake, object, "object", (uint64_t)layout->object_size, 0, 0);
    fake_field(fake, type, layout->type_base, object);
}

void fake_fini(struct fake *fake)
{
    decoder_fini(&fake->decoder);
    memory_fini(&fake->memory);
    free(fake->bytes);
}

// ---- plain values -----------------------------------------------------------------------------

uint64_t fake_gc_head(const struct fake *fake)
{
    return fake->l->gc_shape == GC_WITHOUT_LISTS ? 0 : (uint64_t)fake->l->gc_head_size;
}

// Free-threaded: all of it local.
void fake_refcount(struct fake *fake, mx_addr addr, int64_t count)
{
    fake_field(fake, addr, fake->l->object_refcnt, (uint64_t)count);
    fake_field32(fake, addr, fake->l->object_ref_local, (uint32_t)count);
}

mx_addr fake_object(struct fake *fake, mx_addr type, uint64_t nbytes)
{
    uint32_t number = type_lookup(&fake->decoder, type);
    assert_int_not_equal(number, NO_TYPE);
    const struct type_info *info = fake->decoder.types[number];
    uint64_t prefix = info->gc ? fake_gc_head(fake) + (info->preheader ? 16 : 0) : 0;
    int tag = !info->gc ? MIMALLOC_OBJECT : prefix ? MIMALLOC_GC_PRE : MIMALLOC_GC;
    mx_addr addr = fake->l->free_threaded ? fake_block(fake, tag, prefix + nbytes)
                                          : fake_alloc(fake, prefix + nbytes);
    addr += prefix;
    fake_refcount(fake, addr, 1);
    fake_field(fake, addr, fake->l->object_type, type);
    return addr;
}

// struct state: interned:2, kind:3, compact:1, ascii:1, ready:1 (to 3.11)
enum { STATE_COMPACT = 1 << 5, STATE_ASCII = 1 << 6, STATE_READY = 1 << 7 };

static void write_state(struct fake *fake, mx_addr str, uint32_t state)
{
    bool apart = fake->l->str_shape == STR_INTERNED_BYTE;
    fake_field32(fake, str, fake->l->ascii_state, apart ? state >> 2 << 8 : state);
}

mx_addr fake_str(struct fake *fake, const char *ascii)
{
    const struct layout *l = fake->l;
    size_t count = strlen(ascii);
    mx_addr addr = fake_object(fake, fake_type(fake, "str"), (uint64_t)l->ascii_size + count + 1);
    fake_field(fake, addr, l->ascii_length, count);
    write_state(fake, addr, 1 << 2 | STATE_COMPACT | STATE_ASCII | STATE_READY);
    memcpy(fake_at(fake, addr + (uint64_t)l->ascii_size, count), ascii, count);
    return addr;
}

mx_addr fake_wide_str(struct fake *fake, uint32_t width, const uint32_t *characters, size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr =
        fake_object(fake, fake_type(fake, "str"), (uint64_t)l->compact_size + (count + 1) * width);
    fake_field(fake, addr, l->ascii_length, count);
    write_state(fake, addr, width << 2 | STATE_COMPACT | STATE_READY);
    for (size_t i = 0; i < count; i++)
        memcpy(fake_at(fake, addr + (uint64_t)l->compact_size + i * width, width), &characters[i],
               width);
    return addr;
}

mx_addr fake_int(struct fake *fake, bool negative, const uint32_t *digits, size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "int"),
                               (uint64_t)l->long_digits + 4 * (count ? count : 1));
    switch (l->int_shape) {
    case INT_SIGNED_SIZE:
        fake_field(fake, addr, l->var_size, negative ? -(uint64_t)count : count);
        break;
    case INT_TAG:
        fake_field(fake, addr, l->var_size, (uint64_t)count << 3 | (negative ? 2 : count ? 0 : 1));
        break;
    }
    for (size_t i = 0; i < count; i++)
        fake_field32(fake, addr + 4 * i, l->long_digits, digits[i]);
    return addr;
}

mx_addr fake_small_int(struct fake *fake, int value)
{
    uint32_t digit = (uint32_t)(value < 0 ? -value : value);
    return fake_int(fake, value < 0, &digit, value ? 1 : 0);
}

mx_addr fake_bytes(struct fake *fake, const void *bytes, size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "bytes"), (uint64_t)l->bytes_data + count + 1);
    fake_field(fake, addr, l->var_size, count);
    memcpy(fake_at(fake, addr + (uint64_t)l->bytes_data, count), bytes, count);
    return addr;
}
