// family.c - which decoder a type belongs to, and which words of its instances remain to be scanned.
//
// A type's family is that of its nearest base with a decoder of its own. The bytes of the base
// struct are the decoder's; the words behind it (__slots__, a subclass's C fields) are listed in
// `words`: named by the layout's tables, by tp_members, or not at all.
#include <stdlib.h>

#include "base/vector.h"
#include "decode/decoder.h"
#include "layout/hidden.h"

// Who finds the references in a family's own struct.
enum cover {
    COVER_ALL,   // the family's decoder, all of them
    COVER_WORDS, // words_add, as for types without a family
};

// Families by the tp_name of the static type, or of the C type made from a spec.
static const struct {
    const char *type_name;
    enum family family;
    enum cover cover;
} FAMILIES[] = {
    {"list", FAMILY_LIST, COVER_ALL},
    {"tuple", FAMILY_TUPLE, COVER_ALL},
    {"dict", FAMILY_DICT, COVER_ALL},
    {"frozendict", FAMILY_DICT, COVER_ALL},
    {"str", FAMILY_STR, COVER_ALL},
    {"bytes", FAMILY_BYTES, COVER_ALL},
    {"int", FAMILY_INT, COVER_ALL},
    {"type", FAMILY_TYPE, COVER_ALL},
    {"NoneType", FAMILY_NONE, COVER_ALL},
    {"bool", FAMILY_BOOL, COVER_ALL},
    {"float", FAMILY_FLOAT, COVER_ALL},
    {"complex", FAMILY_COMPLEX, COVER_ALL},
    {"bytearray", FAMILY_BYTEARRAY, COVER_ALL},
    {"array.array", FAMILY_LEAF, COVER_ALL},
    {"mmap.mmap", FAMILY_LEAF, COVER_ALL},
    {"datetime.date", FAMILY_LEAF, COVER_ALL},
    {"datetime.timedelta", FAMILY_LEAF, COVER_ALL},
    {"decimal.Decimal", FAMILY_LEAF, COVER_ALL},
    {"ellipsis", FAMILY_LEAF, COVER_ALL},
    {"NotImplementedType", FAMILY_LEAF, COVER_ALL},
    {"datetime.datetime", FAMILY_DATETIME, COVER_ALL},
    {"datetime.time", FAMILY_DATETIME, COVER_ALL},
    {"set", FAMILY_SET, COVER_ALL},
    {"frozenset", FAMILY_SET, COVER_ALL},
    {"collections.deque", FAMILY_DEQUE, COVER_ALL},
    {"collections.OrderedDict", FAMILY_ORDERED_DICT, COVER_ALL},
    {"module", FAMILY_MODULE, COVER_ALL},
    {"code", FAMILY_CODE, COVER_WORDS},
    {"frame", FAMILY_FRAME, COVER_WORDS},
    {"generator", FAMILY_GENERATOR, COVER_WORDS},
    {"coroutine", FAMILY_GENERATOR, COVER_WORDS},
    {"async_generator", FAMILY_GENERATOR, COVER_WORDS},
    {"function", FAMILY_FUNCTION, COVER_WORDS},
    {"method", FAMILY_METHOD, COVER_WORDS},
    {"builtin_function_or_method", FAMILY_BUILTIN, COVER_WORDS},
    {"cell", FAMILY_CELL, COVER_WORDS},
    {"weakref", FAMILY_WEAKREF, COVER_WORDS},
    {"weakref.ReferenceType", FAMILY_WEAKREF, COVER_WORDS},
    {"weakproxy", FAMILY_WEAKREF, COVER_WORDS},
    {"weakref.ProxyType", FAMILY_WEAKREF, COVER_WORDS},
    {"weakcallableproxy", FAMILY_WEAKREF, COVER_WORDS},
    {"weakref.CallableProxyType", FAMILY_WEAKREF, COVER_WORDS},
    {"memoryview", FAMILY_MEMORYVIEW, COVER_WORDS},
    {"re.Match", FAMILY_MATCH, COVER_WORDS},
    {"functools._lru_cache_wrapper", FAMILY_LRU_CACHE, COVER_WORDS},
    {"functools._lru_list_elem", FAMILY_LRU_LINK, COVER_WORDS},
    {"BaseException", FAMILY_EXCEPTION, COVER_WORDS},
};

// What is known of a base class while a type is classified.
struct base {
    mx_addr addr;
    uint32_t basicsize;
    int32_t weaklistoffset;
    bool heap;
    char name[128];
    const struct layout_object *object; // of a C type that the layout knows
};

// A class made by Python code has a plain name; a C type has a dot in it or is static.
static bool base_is_from_c(const struct base *base)
{
    return !base->heap || strchr(base->name, '.');
}

static bool base_read(struct decoder *decoder, mx_addr addr, struct base *ret)
{
    const struct layout *l = decoder->layout;
    if (!addr || addr % 8 || !memory_at(decoder->memory, addr, (uint64_t)l->type_size))
        return false;
    ret->addr = addr;
    uint64_t basicsize = field_at(decoder, addr, l->type_basicsize);
    if (basicsize > LIMIT_BASICSIZE)
        return false;
    ret->basicsize = (uint32_t)basicsize;
    ret->weaklistoffset = (int32_t)field_at(decoder, addr, l->type_weaklistoffset);
    ret->heap = field_at(decoder, addr, l->type_flags) & FLAG_HEAPTYPE;
    ret->object = NULL;
    if (!memory_string(decoder->memory, field_at(decoder, addr, l->type_name), ret->name,
                       sizeof ret->name))
        return false;
    if (base_is_from_c(ret))
        ret->object = layout_object_find(l, ret->name, ret->basicsize);
    if (base_is_from_c(ret) && !ret->object)
        ret->object = numpy_members(l, ret->name);
    return true;
}

// Words of all types together: types lie over each other in nonsense, and each claims a large struct.
#define WORDS_LEAST (1u << 16)
#define WORDS_PER_TYPE 64

static void word_push(struct decoder *decoder, struct type_info *info, uint32_t *capacity,
                      struct scan_word word)
{
    size_t wanted = *capacity;
    if (decoder->word_count >= WORDS_LEAST + WORDS_PER_TYPE * (uint64_t)decoder->type_count ||
        (info->word_count == *capacity &&
         !vector_grow_((void **)&info->words, &wanted, wanted + 1, sizeof *info->words)))
        return;
    *capacity = (uint32_t)wanted;
    info->words[info->word_count++] = word;
    decoder->word_count++;
}

// Type codes of PyMemberDef that mean a PyObject pointer (Include/descrobject.h).
enum { MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };
#define LIMIT_MEMBERS 4096
#define LIMIT_HIDDEN 64 // fields of a struct sequence: os.stat_result has the most
#define BASE_WORK 64    // items that reading a base class and comparing its name are worth

// Include/descrobject.h, struct PyMemberDef and _Py_AFTER_ITEMS: the offset is behind the items, 3.15 on.
enum { MEMBER_FLAGS_BEHIND_OFFSET = 8, MEMBER_AFTER_ITEMS = 1 << 4 };

// The word's name in tp_members, 0 when it has none.
static mx_addr member_name(struct decoder *decoder, mx_addr type, uint32_t offset,
                           bool *ret_after_items)
{
    *ret_after_items = false;
    const struct layout *l = decoder->layout;
    mx_addr def = field_at(decoder, type, l->type_members);
    for (int i = 0; def && i < LIMIT_MEMBERS && decoder_take(decoder, 1);
         i++, def += (uint64_t)l->member_def_size) {
        mx_addr name = field_at(decoder, def, l->member_def_name);
        if (!name)
            return 0;
        uint32_t code = field32_at(decoder, def, l->member_def_type);
        if ((code == MEMBER_OBJECT || code == MEMBER_OBJECT_EX) &&
            field_at(decoder, def, l->member_def_offset) == offset) {
            *ret_after_items =
                field32_at(decoder, def, l->member_def_offset + MEMBER_FLAGS_BEHIND_OFFSET) &
                MEMBER_AFTER_ITEMS;
            return name;
        }
    }
    return 0;
}

static const struct layout_member *named_member(const struct layout_object *object, uint32_t offset)
{
    for (size_t i = 0; object && i < object->member_count; i++) {
        const struct layout_member *member = &object->members[i];
        uint32_t behind = offset - member->offset; // large when it is in front
        if (behind / member->stride < member->count && behind % member->stride == 0)
            return member;
    }
    return NULL;
}

// A word of a C struct is traversed by the type whose instances have that struct: a C type may lay out
// anew what its base had there (_io.BufferedRWPair).
static bool is_hidden(struct decoder *decoder, const struct type_info *info,
                      const struct layout_member *member, uint32_t offset)
{
    struct base base = {.addr = info->addr};
    for (int depth = 0; depth < LIMIT_BASES && base_read(decoder, base.addr, &base); depth++) {
        if (base_is_from_c(&base))
            return layout_hides(decoder->version_hex, base.name, member ? member->name : NULL,
                                (int32_t)offset - decoder->layout->object_size);
        base.addr = field_at(decoder, base.addr, decoder->layout->type_base);
    }
    return false;
}

// Lists the words from `from` on, which `base` added to the struct. Where the layout knows the
// struct, its named members are all the references there are; elsewhere every word may be one.
static void words_add(struct decoder *decoder, struct type_info *info, uint32_t *capacity,
                      const struct base *base, uint32_t from, uint32_t to)
{
    const struct layout_object *object = base->object;
    // From 3.11 on frames and generators have items, but no ob_size in front of their members.
    if (object && from == (uint32_t)decoder->layout->var_size + 8)
        from = (uint32_t)decoder->layout->object_size;
    for (uint32_t offset = (from + 7) & ~7u; offset + 8 <= to; offset += 8) {
        const struct layout_member *member = named_member(object, offset);
        if ((int32_t)offset == info->weaklistoffset || (int32_t)offset == info->dictoffset ||
            (object && !member))
            continue;
        bool after_items;
        mx_addr name = member_name(decoder, base->addr, offset, &after_items);
        bool certain = member || (name && !base_is_from_c(base));
        bool weak =
            info->family == FAMILY_WEAKREF && (int32_t)offset == decoder->layout->weakref_object;
        enum hold hold = !certain ? HOLD_POSSIBLE // it may never have been initialised
                         : weak   ? HOLD_WEAK
                         : member && !member->owned ? HOLD_BORROWED
                                                    : HOLD_OWNED;
        word_push(decoder, info, capacity,
                  (struct scan_word){.offset = offset,
                                     .hold = hold,
                                     .certain = certain,
                                     .after_items = after_items && !base_is_from_c(base),
                                     .hidden = base_is_from_c(base) &&
                                               is_hidden(decoder, info, member, offset),
                                     .member = member,
                                     .name = name});
    }
}

static int family_by_name(const struct base *base)
{
    if (base_is_from_c(base))
        for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++)
            if (strcmp(FAMILIES[i].type_name, base->name) == 0)
                return (int)i;
    return -1;
}

static int compare_words(const void *a, const void *b)
{
    const struct scan_word *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

// Their items start inside the base struct, so that a subclass has no words of its own but slots
// behind the items: Objects/typeobject.c, type_new_descriptors.
static bool items_in_struct(enum family family)
{
    return family == FAMILY_TUPLE || family == FAMILY_BYTES || family == FAMILY_INT ||
           family == FAMILY_BOOL;
}

static void keep_words_after_items(struct type_info *info)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < info->word_count; i++)
        if (info->words[i].after_items)
            info->words[kept++] = info->words[i];
    info->word_count = kept;
}

static bool is_leaf(const struct layout *layout, enum family family)
{
    return family >= FAMILY_NONE && family <= FAMILY_LEAF &&
           !(family == FAMILY_BYTEARRAY && layout->bytearray_object != ABSENT);
}

// Objects/structseq.c. Asked when an instance is met, not when the type is classified: looking into
// its dict meets other types, whose dicts meet others.
uint32_t type_hidden_items(struct decoder *decoder, const struct type_info *type)
{
    struct type_info *info =
        (struct type_info *)(uintptr_t)type; // only fills in what was not known
    if (info->hidden_items != HIDDEN_UNKNOWN)
        return info->hidden_items;
    info->hidden_items = 0;
    uint32_t head = (uint32_t)decoder->layout->tuple_items;
    if (!info->dict) { // a static type of 3.12 on: from 3.13 on its size has room for them
        uint32_t more = info->basicsize > head ? (info->basicsize - head) / 8 : 0;
        info->hidden_items = more <= LIMIT_HIDDEN ? more : 0;
        return info->hidden_items;
    }
    mx_addr all = dict_get(decoder, info->dict, "n_fields");
    mx_addr shown = dict_get(decoder, info->dict, "n_sequence_fields");
    int32_t digits = decoder->layout->long_digits;
    uint32_t count = field32_at(decoder, all, digits) - field32_at(decoder, shown, digits);
    if (all && shown && count <= LIMIT_HIDDEN)
        info->hidden_items = count;
    return info->hidden_items;
}

bool type_classify(struct decoder *decoder, struct type_info *info)
{
    const struct layout *l = decoder->layout;
    uint32_t head = (uint32_t)(info->itemsize ? l->var_size + 8 : l->object_size);
    uint32_t capacity = 0;
    uint32_t to = info->basicsize; // where the words end that no derived class has listed
    struct base bases[2];
    info->sizer = NO_SIZER;
    info->behind = NULL;
    info->ndarray = false;
    if (!base_read(decoder, info->addr, &bases[0]))
        return false;
    for (int depth = 0; depth < LIMIT_BASES; depth++) {
        struct base *base = &bases[depth % 2], *next = &bases[(depth + 1) % 2];
        if (decoder_take(decoder, BASE_WORK) < BASE_WORK)
            break;
        int family = family_by_name(base);
        // Modules/_sre/sre.h, MatchObject: where the groups begin and end
        info->counts_items |= base_is_from_c(base) && strcmp(base->name, "re.Match") == 0;
        if (info->sizer == NO_SIZER && base_is_from_c(base)) {
            info->sizer = type_sizer(base->name);
            info->family_nbytes = info->sizer == NO_SIZER ? 0 : base->basicsize;
        }
        info->ndarray |= base_is_from_c(base) && strcmp(base->name, "numpy.ndarray") == 0;
        if (!info->behind && base->object && base->object->behind_count)
            info->behind = base->object;
        info->hides_items |= base_is_from_c(base) &&
                             layout_hides(decoder->version_hex, base->name, NULL, HIDDEN_BEHIND);
        if (family >= 0) {
            info->family = FAMILIES[family].family;
            info->family_nbytes = base->basicsize;
            if (FAMILIES[family].cover == COVER_WORDS)
                words_add(decoder, info, &capacity, base, head,
                          base->basicsize < to ? base->basicsize : to);
            break;
        }
        bool last = !base_read(decoder, field_at(decoder, base->addr, l->type_base), next);
        // A table has the whole struct. A C type need not start with the struct of its base: _io's.
        uint32_t from = last || next->basicsize < head || base->object ? head : next->basicsize;
        words_add(decoder, info, &capacity, base, from, to);
        if (last)
            break;
        to = from < to ? from : to;
    }
    if (items_in_struct(info->family))
        keep_words_after_items(info);
    if (info->family == FAMILY_TUPLE)
        info->hidden_items = HIDDEN_UNKNOWN;
    if (info->word_count > 1)
        qsort(info->words, info->word_count, sizeof *info->words, compare_words);
    info->leaf =
        is_leaf(l, info->family) && !info->word_count && !info->dictoffset && !info->preheader;
    return true;
}
