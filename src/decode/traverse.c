// traverse.c - what tp_traverse of an object reports: object_visit without what it leaves out, and
// with what it looks through.
//
//   left out:        names and subclasses of a type, words of layout/hidden.h, running value stacks
//   looked through:  links of an lru_cache, the description of a ctypes class, a dict over values
//                    inside its instance (in some versions)
//
// An object is reported as often as it is referred to: the collector subtracts each from its count.
// Knows CPython's traverse functions (Objects/typeobject.c, subtype_traverse and type_traverse, and
// those named below), never a version.
#include "decode/decoder.h"
#include "layout/hidden.h"

struct traverser {
    struct visitor visitor;
    struct decoder *decoder;
    struct visitor *outer;
    mx_addr addr;
    const struct type_info *type;
    bool own_values; // an instance that reports its values itself, and not its __dict__
    bool inside;     // being looked through
};

static bool is_named(const struct edge *edge, const char *name)
{
    return edge->kind == EDGE_NAMED && strcmp((const char *)(uintptr_t)edge->detail, name) == 0;
}

static bool is_member(const struct edge *edge, const char *name)
{
    const struct scan_word *word = (const struct scan_word *)(uintptr_t)edge->detail;
    return word->member && strcmp(word->member->name, name) == 0;
}

// The edge comes from behind a pointer of the struct: it has a name of the type's layout.
static bool is_behind(const struct type_info *type, const struct edge *edge)
{
    for (size_t i = 0; type->behind && i < type->behind->behind_count; i++)
        if (type->behind->behind[i].name == (const char *)(uintptr_t)edge->detail)
            return true;
    return false;
}

// The value is never behind a word that was not initialised, and borrowed ones are frames' alone:
// Include/internal/pycore_stackref.h, Python/gc.c, _PyGC_VisitStackRef.
static bool hold_is_reported(const struct edge *edge)
{
    switch ((enum hold)edge->hold) {
    case HOLD_OWNED:
        return true;
    case HOLD_POSSIBLE: // a value stack of unknown depth is not visited: frame_traverse
        return edge->kind != EDGE_STACK;
    case HOLD_BORROWED:
        return edge->kind == EDGE_STACK || edge->kind == EDGE_LOCAL || edge->kind == EDGE_CLOSURE ||
               (edge->kind == EDGE_NAMED &&
                (is_named(edge, " frame function") || is_named(edge, " frame code")));
    case HOLD_WEAK:
        return false;
    }
    return false;
}

static bool is_reported(const struct traverser *traverser, const struct edge *edge)
{
    if (!hold_is_reported(edge))
        return false;
    if (traverser->type->family ==
        FAMILY_CODE) // Objects/codeobject.c, code_traverse, without a GIL
        return edge->kind == EDGE_MEMBER && is_member(edge, "co_consts");
    switch ((enum edge_kind)edge->kind) {
    case EDGE_MEMBER:
        return !((const struct scan_word *)(uintptr_t)edge->detail)->hidden;
    case EDGE_ITEM:
        return !traverser->type->behind || !traverser->type->hides_items;
    case EDGE_NAMED:
        if (traverser->type->family == FAMILY_TYPE)
            return !is_named(edge, ".__slots__") && !is_named(edge, ".__subclasses__");
        if (traverser->type->hides_items && is_behind(traverser->type, edge))
            return false;
        return !traverser->own_values || !is_named(edge, ".__dict__");
    case EDGE_SET_ITEM:
    case EDGE_KEY:
    case EDGE_VALUE:
    case EDGE_ATTRIBUTE:
    case EDGE_LOCAL:
    case EDGE_CLOSURE:
    case EDGE_STACK:
    case EDGE_STATE:
    case EDGE_BLOCK:
        return true;
    case EDGE_STATE_MEMBER:
        return !layout_hides(traverser->decoder->version_hex, "module",
                             ((const struct layout_member *)(uintptr_t)edge->detail)->name, 0);
    case EDGE_STATIC:
    case EDGE_NATIVE:
        return false;
    }
    return false;
}

static void look_through(struct traverser *traverser, mx_addr addr, enum family family)
{
    struct header header;
    if (traverser->inside || !object_header(traverser->decoder, addr, &header) ||
        traverser->decoder->types[header.type]->family != family)
        return;
    traverser->inside = true;
    object_visit(traverser->decoder, addr, header.type, &traverser->visitor);
    traverser->inside = false;
}

// To 3.12 the __dict__ of a ctypes class is a StgDict, whose `proto` these metaclasses report
// (Modules/_ctypes/_ctypes.c, CDataType_traverse; stgdict.c, struct StgDictObject).
enum { STGDICT_PROTO = 96 };

static void report_prototype(struct traverser *traverser, mx_addr dict)
{
    static const char *const METACLASSES[] = {"_ctypes.PyCStructType", "_ctypes.UnionType",
                                              "_ctypes.PyCPointerType", "_ctypes.PyCFuncPtrType"};
    struct decoder *decoder = traverser->decoder;
    struct header header, type;
    if (!object_header(decoder, dict, &header) ||
        decoder->types[header.type]->basicsize <= (uint32_t)decoder->layout->dict_size ||
        !type_inherits(decoder, header.type, "StgDict") ||
        !object_header(decoder, traverser->addr, &type))
        return;
    for (size_t i = 0; i < sizeof METACLASSES / sizeof METACLASSES[0]; i++)
        if (type_inherits(decoder, type.type, METACLASSES[i])) {
            emit(traverser->outer, word_at(decoder, dict + STGDICT_PROTO), EDGE_NAMED, HOLD_OWNED,
                 (uint64_t)(uintptr_t) ".proto");
            return;
        }
}

static void report(struct visitor *visitor, struct edge edge)
{
    struct traverser *traverser = (struct traverser *)visitor;
    if (!is_reported(traverser, &edge))
        return;
    if (traverser->type->family == FAMILY_LRU_CACHE && edge.kind == EDGE_ITEM) {
        // Modules/_functoolsmodule.c, lru_cache_tp_traverse: links are no objects of the collector
        look_through(traverser, edge.to, FAMILY_LRU_LINK);
        return;
    }
    if (traverser->type->family == FAMILY_TYPE && is_named(&edge, ".__dict__"))
        report_prototype(traverser, edge.to);
    traverser->outer->edge(traverser->outer, edge);
}

static bool claim_for(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    struct visitor *outer = ((struct traverser *)visitor)->outer;
    return outer->claim && outer->claim(outer, memory, kind);
}

// ---- values inside their instance -------------------------------------------------------------

static bool flag_at(struct decoder *decoder, mx_addr values, int32_t offset)
{
    uint8_t flag = 0;
    return offset != ABSENT && memory_u8(decoder->memory, values + (uint64_t)offset, &flag) && flag;
}

// Objects/dictobject.c, PyObject_VisitManagedDict as it was before gh-130327
static bool reports_own_values(const struct traverser *traverser)
{
    struct decoder *decoder = traverser->decoder;
    const struct type_info *type = traverser->type;
    return layout_hides_managed_dict(decoder->version_hex) && type->flags & FLAG_INLINE_VALUES &&
           instance_dict(decoder, traverser->addr, type) &&
           flag_at(decoder, traverser->addr + type->basicsize, decoder->layout->values_valid);
}

// The dict itself leaves values to the instance that they are inside of.
static bool values_are_embedded(const struct traverser *traverser)
{
    struct decoder *decoder = traverser->decoder;
    mx_addr values = field_at(decoder, traverser->addr, decoder->layout->dict_values);
    return traverser->type->family == FAMILY_DICT && values &&
           layout_hides_managed_dict(decoder->version_hex) &&
           flag_at(decoder, values, decoder->layout->values_embedded);
}

bool object_traverse(struct decoder *decoder, mx_addr addr, uint32_t type, struct visitor *visitor)
{
    struct traverser traverser = {.visitor = {report, claim_for},
                                  .decoder = decoder,
                                  .outer = visitor,
                                  .addr = addr,
                                  .type = decoder->types[type]};
    if (values_are_embedded(&traverser))
        return true;
    traverser.own_values = reports_own_values(&traverser);
    bool ok = object_visit(decoder, addr, type, &traverser.visitor);
    if (traverser.own_values)
        look_through(&traverser, instance_dict(decoder, addr, traverser.type), FAMILY_DICT);
    return ok;
}

// Families of which is_reported leaves nothing out but for a hidden word.
static bool family_reports_owned(enum family family)
{
    switch (family) {
    case FAMILY_GENERIC:
    case FAMILY_NONE:
    case FAMILY_INT:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_COMPLEX:
    case FAMILY_STR:
    case FAMILY_BYTES:
    case FAMILY_LEAF:
    case FAMILY_LIST:
    case FAMILY_TUPLE:
    case FAMILY_DICT:
    case FAMILY_SET:
    case FAMILY_DEQUE:
    case FAMILY_FUNCTION:
    case FAMILY_METHOD:
    case FAMILY_BUILTIN:
    case FAMILY_CELL:
    case FAMILY_EXCEPTION:
        return true;
    case FAMILY_BYTEARRAY:
    case FAMILY_ORDERED_DICT:
    case FAMILY_TYPE:
    case FAMILY_MODULE:
    case FAMILY_CODE:
    case FAMILY_FRAME:
    case FAMILY_GENERATOR:
    case FAMILY_WEAKREF:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MATCH:
    case FAMILY_MEMORYVIEW:
        return false;
    }
    return false;
}

bool type_reports_owned(const struct decoder *decoder, const struct type_info *type)
{
    if (!family_reports_owned(type->family) || type->behind || type->ndarray || type->hides_items)
        return false;
    if (layout_hides_managed_dict(decoder->version_hex) &&
        (type->family == FAMILY_DICT || type->flags & FLAG_INLINE_VALUES))
        return false;
    for (uint32_t i = 0; i < type->word_count; i++)
        if (type->words[i].hold == HOLD_POSSIBLE || type->words[i].hidden)
            return false;
    return true;
}
