// extension.c - C types of the standard library that keep references outside their own struct.
//
// Their structs are private to one C file each, so that no header and no table knows them. The
// offsets count from the start of an object with a header of 16 bytes and are the same in 3.8 to 3.13
// unless a function says otherwise; where the header is longer (free-threaded), `addr` is as much past
// the start of the object.
// The plain members of the structs are found by the word scan; only what lies behind a pointer is
// told here.
#include "decode/decoder.h"

#define LIMIT_ARRAY (1ull << 32) // items that one of these objects keeps

// `count` pointers, `stride` bytes apart, of which some may be NULL.
static bool array_emit(struct decoder *decoder, mx_addr start, uint64_t count, uint64_t stride,
                       struct visitor *visitor)
{
    if (count > LIMIT_ARRAY ||
        (count && !memory_at(decoder->memory, start, (count - 1) * stride + 8)))
        return false;
    uint64_t given = decoder_take_items(decoder, count);
    for (uint64_t i = 0; i < given; i++)
        emit(visitor, word_at(decoder, start + i * stride), EDGE_ITEM, HOLD_OWNED, i);
    return given == count;
}

static void named_emit(struct decoder *decoder, mx_addr place, const char *name,
                       struct visitor *visitor)
{
    emit(visitor, word_at(decoder, place), EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t)name);
}

// Modules/_elementtree.c: tag 16, text 24, tail 32, extra 40 -> {attrib, length, allocated, children,
// children in place[4]}. A text or tail that is still a list of pieces has its lowest bit set, so
// that the word scan passes over it.
static bool element_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr text = word_at(decoder, addr + 24), tail = word_at(decoder, addr + 32);
    if (text & 1)
        emit(visitor, text - 1, EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t) ".text");
    if (tail & 1)
        emit(visitor, tail - 1, EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t) ".tail");
    mx_addr extra = word_at(decoder, addr + 40);
    if (!extra)
        return true;
    named_emit(decoder, extra, ".attrib", visitor);
    uint64_t length = word_at(decoder, extra + 8);
    return length <= word_at(decoder, extra + 16) &&
           array_emit(decoder, word_at(decoder, extra + 24), length, 8, visitor);
}

// Modules/pyexpat.c: the last member points to one handler for each entry of handler_info.
static bool handlers_visit(struct decoder *decoder, mx_addr place, struct visitor *visitor)
{
    mx_addr handlers = word_at(decoder, place);
    return !handlers || array_emit(decoder, handlers, 22, 8, visitor);
}

static bool expat_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    return handlers_visit(decoder, addr + 64, visitor);
}

// 3.13: reparse_deferral_enabled stands before them
static bool expat_deferring_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    return handlers_visit(decoder, addr + 72, visitor);
}

// 3.13.18, 3.14 on: and `parent`
static bool expat_child_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    return handlers_visit(decoder, addr + 80, visitor);
}

// Modules/_pickle.c: memo 16 -> {mask, used, allocated, table -> {key, number}[allocated]}
static bool pickler_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr memo = word_at(decoder, addr + 16);
    return !memo || array_emit(decoder, word_at(decoder, memo + 24), word_at(decoder, memo + 16),
                               16, visitor);
}

// memo 24, its size 32
static bool unpickler_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr memo = word_at(decoder, addr + 24);
    return !memo || array_emit(decoder, memo, word_at(decoder, addr + 32), 8, visitor);
}

// The unpickler's stack: ob_size 16, data 24
static bool pickle_stack_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    return array_emit(decoder, word_at(decoder, addr + 24), word_at(decoder, addr + 16), 8,
                      visitor);
}

// Modules/_queuemodule.c: from 3.13 on a ring {put, get, items, capacity, count} at 24; before it the
// items are in a list, and the struct is shorter.
static bool simple_queue_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    uint64_t get = word_at(decoder, addr + 32), capacity = word_at(decoder, addr + 48),
             count = word_at(decoder, addr + 56);
    mx_addr items = word_at(decoder, addr + 40);
    if (capacity > LIMIT_ARRAY || count > capacity || get > capacity)
        return false;
    uint64_t first = count < capacity - get ? count : capacity - get;
    return array_emit(decoder, items + 8 * get, first, 8, visitor) &&
           array_emit(decoder, items, count - first, 8, visitor);
}

// Modules/itertoolsmodule.c, teedataobject: how many were read 24, values[57] 40
static bool tee_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    uint32_t count = field32_at(decoder, addr, 24);
    return count <= 57 && array_emit(decoder, addr + 40, count, 8, visitor);
}

// Modules/_zoneinfo.c: ttinfos {utcoff, dstoff, tzname, seconds}, their number 48, the array 192.
// The two of the rule for the time after the last change are inside the struct.
static bool zoneinfo_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    uint64_t count = word_at(decoder, addr + 48);
    mx_addr ttinfos = word_at(decoder, addr + 192);
    for (uint64_t member = 0; member < 3 && ttinfos; member++)
        if (!array_emit(decoder, ttinfos + 8 * member, count, 32, visitor))
            return false;
    return true;
}

// Modules/_sqlite/connection.h, from 3.11 on: three members point to a callback_context, which starts
// with what is called and the module.
static bool connection_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    for (uint64_t offset = 16; offset < 200; offset += 8) {
        mx_addr context = word_at(decoder, addr + offset);
        struct header header;
        if (!context || context % 8 ||
            !object_header(decoder, word_at(decoder, context + 8), &header) ||
            decoder->types[header.type]->family != FAMILY_MODULE ||
            !object_header(decoder, word_at(decoder, context), &header))
            continue;
        named_emit(decoder, context, " callback", visitor);
        named_emit(decoder, context + 8, " callback's module", visitor);
    }
    return true;
}

// Modules/_sqlite/cache.c, to 3.10: first 40 -> node {head, key, data, count, prev, next}. The list
// owns one reference to each node.
static bool sqlite_cache_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr node = word_at(decoder, addr + 40), previous = 0;
    for (uint64_t i = 0; node && decoder_take(decoder, 1); i++) {
        if (word_at(decoder, node + 40) != previous)
            return false;
        emit(visitor, node, EDGE_ITEM, HOLD_OWNED, i);
        previous = node;
        node = word_at(decoder, node + 48);
    }
    return !node;
}

// Objects/capsule.c: from 3.13 on a capsule may say that its memory holds references (traverse_func
// 48), not how many: datetime's C interface, the only one in the standard library, starts with six.
static bool capsule_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr memory = word_at(decoder, addr + 16);
    if (!word_at(decoder, addr + 48) || !memory || memory % 8)
        return true;
    for (uint64_t i = 0; i < 6; i++) {
        mx_addr to = word_at(decoder, memory + 8 * i);
        if (to && to % 8 == 0)
            visitor->edge(visitor, (struct edge){to, i, EDGE_ITEM, HOLD_POSSIBLE, false});
    }
    return true;
}

static const struct {
    const char *type_name;
    uint32_t least_nbytes; // of the struct: a shorter one is of a version that keeps no such thing
    bool (*visit)(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
} EXTENSIONS[] = {
    {"xml.etree.ElementTree.Element", 48, element_visit},
    {"pyexpat.xmlparser", 88, expat_child_visit},
    {"pyexpat.xmlparser", 80, expat_deferring_visit},
    {"pyexpat.xmlparser", 72, expat_visit},
    {"_pickle.Pickler", 24, pickler_visit},
    {"_pickle.Unpickler", 40, unpickler_visit},
    {"_pickle.Pdata", 32, pickle_stack_visit},
    {"_queue.SimpleQueue", 64, simple_queue_visit},
    {"itertools._tee_dataobject", 48, tee_visit},
    {"zoneinfo.ZoneInfo", 200, zoneinfo_visit},
    {"sqlite3.Connection", 200, connection_visit},
    {"sqlite3.Cache", 48, sqlite_cache_visit},
    {"PyCapsule", 64, capsule_visit},
};

int type_extension(const struct decoder *decoder, const char *type_name, uint32_t basicsize)
{
    uint32_t more = (uint32_t)decoder->layout->object_size - PLAIN_HEADER;
    for (size_t i = 0; i < sizeof EXTENSIONS / sizeof EXTENSIONS[0]; i++)
        if (strcmp(EXTENSIONS[i].type_name, type_name) == 0 &&
            basicsize >= EXTENSIONS[i].least_nbytes + more)
            return (int)i;
    return NO_EXTENSION;
}

bool extension_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                     struct visitor *visitor)
{
    addr += (uint64_t)decoder->layout->object_size - PLAIN_HEADER;
    return EXTENSIONS[type->extension].visit(decoder, addr, visitor);
}
