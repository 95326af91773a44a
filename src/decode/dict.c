// dict.c - every key and value of a dict, an ordered dict, a set, and of an instance's values.
//
//   PyDictObject --ma_keys--> [ header | indices | entries ]         Objects/dictobject.c
//        \--------ma_values-> values (split tables only)
//
// Knows the shapes in layout/shapes.h, never a Python version. The dict may have been changing when
// it was read: counts are checked against the table's size and the readable memory before use.
#include "decode/decoder.h"

#define LIMIT_LOG2_SIZE 36 // entries of one dict
#define LEAST_INTERNED 200 // a bare interpreter has interned thousands

enum { KEYS_GENERAL = 0, KEYS_UNICODE = 1, KEYS_SPLIT = 2 }; // DictKeysKind, pycore_dict.h

static bool table_layout(struct decoder *decoder, struct table *table)
{
    const struct layout *l = decoder->layout;
    uint64_t index_nbytes;
    uint32_t kind = KEYS_GENERAL;
    switch (l->keys_shape) {
    case KEYS_DK_SIZE: // Objects/dictobject.c, DK_IXSIZE
        table->dk_size = field_at(decoder, table->keys, l->keys_dk_size);
        index_nbytes = table->dk_size * (table->dk_size <= 0xFF         ? 1
                                         : table->dk_size <= 0xFFFF     ? 2
                                         : table->dk_size <= 0xFFFFFFFF ? 4
                                                                        : 8);
        table->entry_nbytes = 24;
        table->key_offset = 8;
        break;
    case KEYS_LOG2_SIZE: {
        uint8_t log2_size = 0, log2_index = 0, kind8 = 0;
        memory_u8(decoder->memory, table->keys + (uint64_t)l->keys_log2_size, &log2_size);
        memory_u8(decoder->memory, table->keys + (uint64_t)l->keys_log2_index_bytes, &log2_index);
        memory_u8(decoder->memory, table->keys + (uint64_t)l->keys_kind, &kind8);
        if (log2_size > LIMIT_LOG2_SIZE || log2_index > LIMIT_LOG2_SIZE + 3 || kind8 > KEYS_SPLIT)
            return false;
        kind = kind8;
        table->dk_size = 1ull << log2_size;
        index_nbytes = 1ull << log2_index;
        table->entry_nbytes = kind == KEYS_GENERAL ? 24 : 16;
        table->key_offset = kind == KEYS_GENERAL ? 8 : 0;
        table->unicode = kind != KEYS_GENERAL;
        break;
    }
    default:
        return false;
    }
    table->entries = table->keys + (uint64_t)l->keys_indices + index_nbytes;
    return table->dk_size <= 1ull << LIMIT_LOG2_SIZE;
}

bool table_open(struct decoder *decoder, mx_addr keys, mx_addr values, struct table *ret)
{
    const struct layout *l = decoder->layout;
    *ret = (struct table){.keys = keys, .values = values};
    if (!keys || !memory_at(decoder->memory, keys, (uint64_t)l->keys_indices) ||
        !table_layout(decoder, ret))
        return false;
    ret->entry_count = field_at(decoder, keys, l->keys_nentries);
    if (ret->entry_count > ret->dk_size)
        return false;
    if (ret->entry_count == 0)
        return true;
    if (!memory_at(decoder->memory, ret->entries, ret->entry_count * ret->entry_nbytes))
        return false;
    return !values || memory_at(decoder->memory, values, ret->entry_count * 8);
}

bool dict_open(struct decoder *decoder, mx_addr dict, struct table *ret)
{
    const struct layout *l = decoder->layout;
    mx_addr values = field_at(decoder, dict, l->dict_values);
    if (values && l->values_values != ABSENT && l->values_values > 0) {
        // 3.13 on: a header with the capacity, which bounds what may be read
        uint8_t capacity = 0;
        mx_addr header = values;
        memory_u8(decoder->memory, header + (uint64_t)l->values_capacity, &capacity);
        if (!table_open(decoder, field_at(decoder, dict, l->dict_keys),
                        header + (uint64_t)l->values_values, ret))
            return false;
        if (ret->entry_count > capacity)
            ret->entry_count = capacity;
        return true;
    }
    return table_open(decoder, field_at(decoder, dict, l->dict_keys), values, ret);
}

bool table_entry(struct decoder *decoder, const struct table *table, uint64_t i, mx_addr *ret_key,
                 mx_addr *ret_value)
{
    const uint8_t *entry = memory_at(
        decoder->memory, table->entries + i * table->entry_nbytes + table->key_offset, 16);
    if (!entry)
        return false;
    memcpy(ret_key, entry, 8);
    if (table->values)
        *ret_value = word_at(decoder, table->values + 8 * i);
    else
        memcpy(ret_value, entry + 8, 8);
    return *ret_key && *ret_value;
}

// The interned strings' own dict: the counts leave out its two references to each mortal string,
// and one of the two to each immortal one (Objects/unicodeobject.c, PyUnicode_InternInPlace).
static void interned_entry(struct decoder *decoder, mx_addr key, uint64_t i,
                           struct visitor *visitor)
{
    int state = str_interned(decoder, key);
    emit(visitor, key, EDGE_KEY, state ? HOLD_BORROWED : HOLD_OWNED, i);
    emit(visitor, key, EDGE_VALUE, state == 1 ? HOLD_BORROWED : HOLD_OWNED, key);
}

static bool is_interned_dict(const struct decoder *decoder, mx_addr dict)
{
    for (int i = 0; i < decoder->interned_count; i++)
        if (decoder->interned[i] == dict)
            return true;
    return false;
}

bool looks_like_interned(struct decoder *decoder, mx_addr dict)
{
    struct table table;
    uint64_t seen = 0;
    if (!dict_open(decoder, dict, &table) || table.values || table.entry_count < LEAST_INTERNED)
        return false;
    for (uint64_t i = 0; i < table.entry_count && seen < LEAST_INTERNED; i++) {
        mx_addr key, value;
        if (!decoder_take(decoder, 1))
            return false;
        if (!table_entry(decoder, &table, i, &key, &value))
            continue;
        if (key != value || !str_interned(decoder, key))
            return false;
        seen++;
    }
    return seen == LEAST_INTERNED;
}

static bool interned_visit(struct decoder *decoder, const struct table *table,
                           struct visitor *visitor)
{
    uint64_t given = decoder_take(decoder, table->entry_count);
    for (uint64_t i = 0; i < given; i++) {
        mx_addr key, value;
        if (table_entry(decoder, table, i, &key, &value))
            interned_entry(decoder, key, i, visitor);
    }
    return given == table->entry_count;
}

static bool table_visit(struct decoder *decoder, const struct table *table, bool own_keys,
                        struct visitor *visitor)
{
    uint64_t given = decoder_take(decoder, table->entry_count);
    for (uint64_t i = 0; i < given; i++) {
        mx_addr key, value;
        if (!table_entry(decoder, table, i, &key, &value))
            continue;
        emit(visitor, key, EDGE_KEY, own_keys ? HOLD_OWNED : HOLD_BORROWED, i);
        emit(visitor, value, EDGE_VALUE, HOLD_OWNED, key);
    }
    return given == table->entry_count;
}

// Keys of a table that a class and its instances share: owned by the table, so counted once.
static void shared_keys_visit(struct decoder *decoder, const struct table *table,
                              struct visitor *visitor)
{
    if (!visitor->claim || !visitor->claim(visitor, table->keys, CLAIM_KEYS))
        return;
    uint64_t given = decoder_take(decoder, table->entry_count);
    for (uint64_t i = 0; i < given; i++)
        emit(visitor,
             word_at(decoder, table->entries + i * table->entry_nbytes + table->key_offset),
             EDGE_KEY, HOLD_OWNED, i);
}

bool dict_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    struct table table;
    if (!dict_open(decoder, addr, &table))
        return false;
    if (is_interned_dict(decoder, addr))
        return interned_visit(decoder, &table, visitor);
    if (table.values)
        shared_keys_visit(decoder, &table, visitor);
    return table_visit(decoder, &table, !table.values, visitor);
}

mx_addr dict_get(struct decoder *decoder, mx_addr dict, const char *key)
{
    struct table table;
    if (!dict || !dict_open(decoder, dict, &table))
        return 0;
    for (uint64_t i = 0; i < table.entry_count && decoder_take(decoder, 1); i++) {
        mx_addr found, value;
        if (table_entry(decoder, &table, i, &found, &value) && str_equals(decoder, found, key))
            return value;
    }
    return 0;
}

// Objects/odictobject.c, struct _odictobject: behind the dict come od_first, od_last, od_fast_nodes,
// its length, od_resize_sentinel, od_state, od_inst_dict, od_weakreflist. A node is {key, hash,
// next, prev} and owns its key.
enum { ODICT_FIRST = 0, ODICT_INST_DICT = 48, NODE_KEY = 0, NODE_NEXT = 16 };

bool ordered_dict_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    mx_addr fields = addr + (uint64_t)decoder->layout->dict_size;
    mx_addr node = word_at(decoder, fields + ODICT_FIRST);
    bool ok = dict_visit(decoder, addr, visitor);
    uint64_t used = field_at(decoder, addr, decoder->layout->dict_used);
    for (uint64_t i = 0; node && i < used && decoder_take(decoder, 1); i++) {
        emit(visitor, word_at(decoder, node + NODE_KEY), EDGE_KEY, HOLD_OWNED, i);
        node = word_at(decoder, node + NODE_NEXT);
    }
    emit(visitor, word_at(decoder, fields + ODICT_INST_DICT), EDGE_NAMED, HOLD_OWNED,
         (uint64_t)(uintptr_t) ".__dict__");
    return ok && !node;
}

#define SET_PIECE 64 // places taken from the allowance at once

bool set_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    uint64_t mask = field_at(decoder, addr, l->set_mask);
    mx_addr table = field_at(decoder, addr, l->set_table);
    if (mask > 1ull << LIMIT_LOG2_SIZE || (mask & (mask + 1)))
        return false;
    const uint8_t *entries = memory_at(decoder->memory, table, (mask + 1) * 16);
    if (!entries)
        return false;
    uint64_t given = 0; // a piece at a time: a preview of the items needs some as well
    for (uint64_t i = 0; i <= mask; i++) {
        mx_addr key;
        int64_t hash;
        if (i == given)
            given += decoder_take(decoder, mask + 1 - i < SET_PIECE ? mask + 1 - i : SET_PIECE);
        if (i == given)
            return false;
        memcpy(&key, entries + 16 * i, sizeof key);
        memcpy(&hash, entries + 16 * i + 8, sizeof hash);
        if (hash != -1) // -1: removed, the key is a mark (Objects/setobject.c, dummy)
            emit(visitor, key, EDGE_SET_ITEM, HOLD_OWNED, i);
    }
    return true;
}

// ---- instances --------------------------------------------------------------------------------

// Words in front of an object: Include/internal/pycore_object.h, _PyObject_ManagedDictPointer. In
// free-threaded builds there is no GC head between them and the object.
enum { MANAGED_DICT = 24, MANAGED_VALUES_311 = 32 };

static mx_addr managed_dict(const struct layout *layout, mx_addr addr)
{
    return addr - MANAGED_DICT +
           (layout->gc_shape == GC_WITHOUT_LISTS ? (uint64_t)layout->gc_head_size : 0);
}

static void values_visit(struct decoder *decoder, mx_addr values, uint64_t limit,
                         const struct type_info *type, struct visitor *visitor)
{
    struct table table;
    if (!table_open(decoder, type->cached_keys, values, &table))
        return;
    if (table.entry_count > limit)
        table.entry_count = limit;
    shared_keys_visit(decoder, &table, visitor);
    uint64_t given = decoder_take(decoder, table.entry_count);
    for (uint64_t i = 0; i < given; i++) {
        mx_addr key, value;
        if (table_entry(decoder, &table, i, &key, &value))
            emit(visitor, value, EDGE_ATTRIBUTE, HOLD_OWNED, key);
    }
}

// Where the word of an unmanaged __dict__ is: Objects/object.c, _PyObject_ComputedDictPointer.
static mx_addr dict_word(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (type->dictoffset > 0)
        return addr + (uint64_t)type->dictoffset;
    uint64_t nbytes = type->basicsize + type->itemsize * object_items(decoder, addr, type);
    nbytes = (nbytes + 7) & ~7ull;
    return nbytes < (uint64_t) - (int64_t)type->dictoffset
               ? 0
               : addr + nbytes - (uint64_t) - (int64_t)type->dictoffset;
}

mx_addr instance_dict(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    if (!(type->flags & FLAG_MANAGED_DICT) ||
        decoder->layout->instance_shape == INSTANCE_DICT_IN_STRUCT)
        return type->dictoffset ? word_at(decoder, dict_word(decoder, addr, type)) : 0;
    mx_addr word = word_at(decoder, managed_dict(decoder->layout, addr));
    return word & 1 ? 0 : word;
}

// Include/internal/pycore_dict.h, struct _dictvalues of 3.13 on
static void inline_values_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                                struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    mx_addr values = addr + type->basicsize;
    uint8_t capacity = 0, valid = 0;
    memory_u8(decoder->memory, values + (uint64_t)l->values_capacity, &capacity);
    memory_u8(decoder->memory, values + (uint64_t)l->values_valid, &valid);
    if (valid)
        values_visit(decoder, values + (uint64_t)l->values_values, capacity, type, visitor);
}

bool instance_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                    struct visitor *visitor)
{
    if (type->family == FAMILY_TYPE || type->family == FAMILY_MODULE ||
        type->family == FAMILY_ORDERED_DICT)
        return true; // their decoders do their __dict__
    mx_addr dict = instance_dict(decoder, addr, type);
    emit(visitor, dict, EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t) ".__dict__");
    if (!(type->flags & FLAG_MANAGED_DICT))
        return true;
    switch (decoder->layout->instance_shape) {
    case INSTANCE_DICT_IN_STRUCT:
        break;
    case INSTANCE_VALUES_311: {
        mx_addr values = word_at(decoder, addr - MANAGED_VALUES_311);
        if (values && !dict)
            values_visit(decoder, values, UINT64_MAX, type, visitor);
        break;
    }
    case INSTANCE_VALUES_312: {
        mx_addr word = word_at(decoder, addr - MANAGED_DICT);
        if (word & 1)
            values_visit(decoder, word + 1, UINT64_MAX, type, visitor);
        break;
    }
    case INSTANCE_VALUES_INLINE:
        if (!dict && type->flags & FLAG_INLINE_VALUES)
            inline_values_visit(decoder, addr, type, visitor);
        break;
    }
    return true;
}
