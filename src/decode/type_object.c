// type_object.c - what a type, a module and a code object refer to.
//
//   static type: dict, bases, mro, cache in the struct, or (3.12+) in the interpreter's state
//   heap type:   the same, its base and metatype, names, slots, and the keys its instances share
//
// Objects/typeobject.c (type_traverse), Objects/moduleobject.c, Objects/codeobject.c.
#include "decode/decoder.h"

#define LIMIT_CONDITIONS 32 // of decimal: there are nine signals and five conditions

static void named(struct decoder *decoder, mx_addr addr, int32_t offset, const char *name,
                  enum hold hold, struct visitor *visitor)
{
    emit(visitor, field_at(decoder, addr, offset), EDGE_NAMED, hold, (uint64_t)(uintptr_t)name);
}

static void heap_type_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    named(decoder, addr, l->heaptype_name, ".__name__", HOLD_OWNED, visitor);
    named(decoder, addr, l->heaptype_qualname, ".__qualname__", HOLD_OWNED, visitor);
    named(decoder, addr, l->heaptype_slots, ".__slots__", HOLD_OWNED, visitor);
    named(decoder, addr, l->heaptype_module, ".ht_module", HOLD_OWNED, visitor);
    mx_addr keys = field_at(decoder, addr, l->heaptype_cached_keys);
    struct table table;
    if (!keys || !visitor->claim || !visitor->claim(visitor, keys, CLAIM_TYPE_KEYS) ||
        !table_open(decoder, keys, 0, &table))
        return;
    uint64_t given = decoder_take(decoder, table.entry_count);
    for (uint64_t i = 0; i < given; i++)
        emit(visitor, word_at(decoder, table.entries + i * table.entry_nbytes + table.key_offset),
             EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t) " shared attribute name");
}

// Heap types own their base; static ones only point to it (Objects/typeobject.c, inherit). To 3.9
// PyType_Ready counts a base that nobody gave the type: `object`. The struct does not say who did.
static enum hold static_base_hold(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    switch (l->static_type_shape) {
    case STATIC_TYPES_COUNT_DEFAULT_BASE: {
        mx_addr base = field_at(decoder, addr, l->type_base);
        return base && !field_at(decoder, base, l->type_base) ? HOLD_POSSIBLE : HOLD_BORROWED;
    }
    case STATIC_TYPES_IN_STRUCT:
    case STATIC_TYPES_PER_INTERP:
        return HOLD_BORROWED;
    }
    return HOLD_BORROWED;
}

bool type_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    uint64_t flags = field_at(decoder, addr, l->type_flags);
    bool heap = flags & FLAG_HEAPTYPE;
    bool in_interpreter = false;
    switch (l->static_type_shape) {
    case STATIC_TYPES_COUNT_DEFAULT_BASE:
    case STATIC_TYPES_IN_STRUCT:
        break;
    case STATIC_TYPES_PER_INTERP:
        in_interpreter = flags & FLAG_STATIC_BUILTIN;
        break;
    }
    named(decoder, addr, l->type_base, ".__base__",
          heap ? HOLD_OWNED : static_base_hold(decoder, addr), visitor);
    named(decoder, addr, l->type_dict, ".__dict__", HOLD_OWNED, visitor);
    named(decoder, addr, l->type_bases, ".__bases__", HOLD_OWNED, visitor);
    named(decoder, addr, l->type_mro, ".__mro__", HOLD_OWNED, visitor);
    named(decoder, addr, l->type_cache, ".tp_cache", HOLD_OWNED, visitor);
    if (!in_interpreter) // there tp_subclasses is a number
        named(decoder, addr, l->type_subclasses, ".__subclasses__", HOLD_OWNED, visitor);
    if (heap)
        heap_type_visit(decoder, addr, visitor);
    else // tp_doc, which follows tp_flags (Include/cpython/object.h)
        emit(visitor, object_of_characters(decoder, field_at(decoder, addr, l->type_flags + 8)),
             EDGE_NAMED, HOLD_POSSIBLE, (uint64_t)(uintptr_t) ".__doc__");
    return true;
}

static bool module_is(struct decoder *decoder, mx_addr module, mx_addr def, const char *wanted)
{
    char name[16] = "";
    if (!def)
        return str_equals(decoder, field_at(decoder, module, decoder->layout->module_name), wanted);
    return memory_string(decoder->memory, field_at(decoder, def, decoder->layout->module_def_name),
                         name, sizeof name) &&
           strcmp(name, wanted) == 0;
}

// 3.8, 3.9: what atexit calls is kept in the module's state {callbacks, ncallbacks, callback_len},
// each {func, args, kwargs} (Modules/atexitmodule.c, atexitmodule_state).
static void atexit_visit(struct decoder *decoder, mx_addr module, mx_addr def, mx_addr state,
                         struct visitor *visitor)
{
    mx_addr callbacks = word_at(decoder, state);
    uint32_t count = field32_at(decoder, state, 8);
    if (decoder->layout->interp_atexit_callbacks != ABSENT ||
        !module_is(decoder, module, def, "atexit"))
        return;
    for (uint32_t i = 0; i < count && decoder_take(decoder, 1); i++) {
        mx_addr callback = word_at(decoder, callbacks + 8 * i);
        for (int word = 0; callback && word < 3; word++)
            named(decoder, callback, 8 * word, " atexit callback", HOLD_OWNED, visitor);
    }
}

// 3.13 on: what the signals of decimal raise is in two arrays {name, full name, flag, exception},
// each ended by a NULL name; the second one's first exception is borrowed from the first array
// (Modules/_decimal/_decimal.c, decimal_state).
enum { DECIMAL_STATE = 240, DECIMAL_SIGNALS = 176, DECIMAL_CONDITIONS = 184, CONDITION = 32 };

static void decimal_visit(struct decoder *decoder, mx_addr state, struct visitor *visitor)
{
    for (mx_addr map = state + DECIMAL_SIGNALS; map <= state + DECIMAL_CONDITIONS; map += 8) {
        mx_addr at = word_at(decoder, map);
        bool borrowed = map == state + DECIMAL_CONDITIONS;
        for (int i = 0; i < LIMIT_CONDITIONS && word_at(decoder, at); i++, at += CONDITION)
            named(decoder, at, CONDITION - 8, " signal",
                  borrowed && i == 0 ? HOLD_BORROWED : HOLD_OWNED, visitor);
    }
}

// The state's table, by m_name or, where a module has no definition (3.15), by its own name.
static const struct layout_object *state_table(struct decoder *decoder, mx_addr module, mx_addr def,
                                               uint64_t nbytes)
{
    const struct layout *l = decoder->layout;
    char name[64] = "";
    bool known =
        def ? memory_string(decoder->memory, field_at(decoder, def, l->module_def_name), name,
                            sizeof name)
            : str_value(decoder, field_at(decoder, module, l->module_name), name, sizeof name);
    return known ? layout_module_state_find(l, name, (uint32_t)nbytes) : NULL;
}

static void state_members_visit(struct decoder *decoder, mx_addr state,
                                const struct layout_object *table, struct visitor *visitor)
{
    for (size_t i = 0; i < table->member_count; i++) {
        const struct layout_member *member = &table->members[i];
        uint64_t given = decoder_take(decoder, member->count);
        for (uint64_t k = 0; k < given; k++) {
            mx_addr to = word_at(decoder, state + member->offset + k * member->stride);
            if (to % 8 == 0)
                emit(visitor, to, EDGE_STATE_MEMBER, member->owned ? HOLD_OWNED : HOLD_BORROWED,
                     (uint64_t)(uintptr_t)member);
        }
    }
    (void)behind_visit(decoder, state, table, visitor);
}

// With m_size 0 it has one too, of no bytes, and what stands there was somebody's before.
mx_addr module_state(struct decoder *decoder, mx_addr addr, uint64_t *ret_nbytes)
{
    const struct layout *l = decoder->layout;
    mx_addr def = field_at(decoder, addr, l->module_def);
    uint64_t nbytes = field_at(decoder, addr, l->module_state_size); // 3.15 on
    if (def)
        nbytes = field_at(decoder, def, l->module_def_state_size);
    *ret_nbytes = nbytes > LIMIT_STATE ? 0 : nbytes;
    return field_at(decoder, addr, l->module_state);
}

static void module_state_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    uint64_t nbytes;
    mx_addr def = field_at(decoder, addr, decoder->layout->module_def);
    mx_addr state = module_state(decoder, addr, &nbytes);
    if (state && nbytes == sizeof(uint64_t) * 2)
        atexit_visit(decoder, addr, def, state, visitor);
    if (!state || !memory_at(decoder->memory, state, nbytes))
        return;
    nbytes = 8 * decoder_take(decoder, nbytes / 8);
    if (nbytes == DECIMAL_STATE && (module_is(decoder, addr, def, "decimal") ||
                                    module_is(decoder, addr, def, "_decimal"))) // m_name, md_name
        decimal_visit(decoder, state, visitor);
    const struct layout_object *table = state_table(decoder, addr, def, nbytes);
    if (table) {
        state_members_visit(decoder, state, table, visitor);
        return;
    }
    for (uint64_t offset = 0; offset + 8 <= nbytes; offset += 8) {
        mx_addr to = word_at(decoder, state + offset);
        if (to && to % 8 == 0)
            possible_visit(decoder, (struct edge){to, offset, EDGE_STATE, HOLD_POSSIBLE, false},
                           visitor);
    }
}

bool module_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    named(decoder, addr, l->module_dict, ".__dict__", HOLD_OWNED, visitor);
    named(decoder, addr, l->module_name, ".md_name", HOLD_OWNED, visitor);
    module_state_visit(decoder, addr, visitor);
    return true;
}

// 3.12 on: a malloc'ed block {co_code, co_varnames, co_cellvars, co_freevars}, filled when asked for
// (Include/cpython/code.h, _PyCoCached). The plain members are in the type's words.
bool code_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    static const char *const NAMES[] = {".co_code", ".co_varnames", ".co_cellvars", ".co_freevars"};
    mx_addr cached = field_at(decoder, addr, decoder->layout->code_cached);
    if (cached)
        for (int i = 0; i < 4; i++)
            named(decoder, cached, 8 * i, NAMES[i], HOLD_OWNED, visitor);
    return true;
}
