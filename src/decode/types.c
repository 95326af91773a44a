// types.c - the table of type objects: read once, checked, then looked up by address.
//
//   address --map--> number --> type_info              misses are remembered as NO_TYPE
//
// A type is believed when its own type is one too (up to `type`, whose type is itself) and its
// sizes and name make sense. Knows fields of PyTypeObject, never a Python version.
#include <stdio.h>
#include <stdlib.h>

#include "base/vector.h"
#include "decode/decoder.h"

// A word scan meets many words that are no types: the misses are worth remembering, up to here.
#define LIMIT_SLOTS (1u << 22)

// Items of a pass for each word of memory: a few items of no container (bases, members, frames)
// besides, and not enough to be slow.
#define WORK_FACTOR 4
#define WORK_LEAST (1u << 20) // a sys module's dict in a process whose memory is not copied

// `type` is its own type, a metaclass's type is nearly always `type`: deeper is nonsense.
#define LIMIT_METATYPES 8

void decoder_init(struct decoder *decoder, struct memory *memory, const struct layout *layout,
                  mx_addr type_type)
{
    *decoder = (struct decoder){.memory = memory,
                                .layout = layout,
                                .version_hex = layout->version_hex,
                                .type_type = type_type,
                                .most_items = UINT64_MAX};
    decoder_allow(decoder, 0);
}

void decoder_allow(struct decoder *decoder, uint64_t nbytes)
{
    decoder->work_limit = nbytes / sizeof(uint64_t) * WORK_FACTOR + WORK_LEAST;
    decoder_refill(decoder);
}

void decoder_fini(struct decoder *decoder)
{
    for (uint32_t i = 0; i < decoder->type_count; i++) {
        free(decoder->types[i]->words);
        free(decoder->types[i]->name);
        free(decoder->types[i]);
    }
    free(decoder->types);
    map_free(&decoder->type_numbers);
    map_free(&decoder->thread_counts);
    map_free(&decoder->running);
    *decoder = (struct decoder){0};
}

// What is remembered of an address: the number of its type plus 1, so that 0 is nothing yet.
static void type_remember(struct decoder *decoder, mx_addr addr, uint32_t type)
{
    if (type == NO_TYPE && decoder->type_numbers.used >= LIMIT_SLOTS)
        return;
    uint64_t *number = map_put(&decoder->type_numbers, addr);
    if (number)
        *number = (uint64_t)type + 1;
}

// The metatype is a type, and a subclass of `type`. Followed without recursion.
static bool metatype_is_type(struct decoder *decoder, mx_addr type)
{
    const struct layout *l = decoder->layout;
    for (int depth = 0; depth < LIMIT_METATYPES; depth++) {
        mx_addr meta = field_at(decoder, type, l->object_type);
        if (meta == decoder->type_type)
            return true;
        if (!meta || meta % 8 || meta == type ||
            !(field_at(decoder, meta, l->type_flags) & FLAG_TYPE_SUBCLASS))
            return false;
        type = meta;
    }
    return false;
}

static bool name_makes_sense(struct decoder *decoder, mx_addr name)
{
    uint8_t first;
    return memory_u8(decoder->memory, name, &first) && first >= ' ' && first != 0x7F;
}

static bool type_read(struct decoder *decoder, mx_addr addr, struct type_info *ret)
{
    const struct layout *l = decoder->layout;
    if (addr % 8 || !memory_at(decoder->memory, addr, (uint64_t)l->type_size))
        return false;
    uint64_t basicsize = field_at(decoder, addr, l->type_basicsize);
    uint64_t itemsize = field_at(decoder, addr, l->type_itemsize);
    if (basicsize < (uint64_t)l->object_size || basicsize > LIMIT_BASICSIZE ||
        itemsize > LIMIT_BASICSIZE || !metatype_is_type(decoder, addr) ||
        !name_makes_sense(decoder, field_at(decoder, addr, l->type_name)))
        return false;
    uint64_t flags = field_at(decoder, addr, l->type_flags);
    *ret = (struct type_info){
        .addr = addr,
        .base = field_at(decoder, addr, l->type_base),
        .dict = field_at(decoder, addr, l->type_dict),
        .mro = field_at(decoder, addr, l->type_mro),
        .dealloc = field_at(decoder, addr, l->type_dealloc),
        .flags = flags,
        .basicsize = (uint32_t)basicsize,
        .itemsize = (uint32_t)itemsize,
        .dictoffset = (int32_t)field_at(decoder, addr, l->type_dictoffset),
        .weaklistoffset = (int32_t)field_at(decoder, addr, l->type_weaklistoffset),
        .heap = flags & FLAG_HEAPTYPE,
        .gc = flags & FLAG_HAVE_GC,
    };
    if (ret->heap)
        ret->cached_keys = field_at(decoder, addr, l->heaptype_cached_keys);
    switch (l->instance_shape) {
    case INSTANCE_DICT_IN_STRUCT:
        break;
    case INSTANCE_VALUES_311:
        ret->preheader = flags & FLAG_MANAGED_DICT;
        break;
    case INSTANCE_VALUES_312:
    case INSTANCE_VALUES_INLINE:
        ret->preheader = flags & (FLAG_MANAGED_DICT | FLAG_MANAGED_WEAKREF);
        break;
    }
    return true;
}

// Type infos never move: a visitor may meet new types while a decoder holds one.
static uint32_t type_add(struct decoder *decoder, mx_addr addr)
{
    struct type_info info;
    if (!type_read(decoder, addr, &info) || decoder->type_count >= LIMIT_TYPES)
        return NO_TYPE;
    size_t capacity = decoder->type_capacity;
    if (decoder->type_count == capacity &&
        !vector_grow_((void **)&decoder->types, &capacity, capacity + 1, sizeof *decoder->types))
        return NO_TYPE;
    decoder->type_capacity = (uint32_t)capacity;
    struct type_info *kept = malloc(sizeof *kept);
    if (!kept || !type_classify(decoder, &info)) {
        free(kept);
        return NO_TYPE;
    }
    *kept = info;
    decoder->types[decoder->type_count] = kept;
    return decoder->type_count++;
}

uint32_t type_lookup_slow(struct decoder *decoder, mx_addr addr)
{
    if (!addr)
        return NO_TYPE;
    const uint64_t *known = map_find(&decoder->type_numbers, addr);
    uint32_t type = known ? (uint32_t)(*known - 1) : type_add(decoder, addr);
    if (!known)
        type_remember(decoder, addr, type);
    if (type != NO_TYPE)
        decoder->recent_types[type_slot(addr)] = (struct recent_type){addr, type};
    return type;
}

bool type_inherits(struct decoder *decoder, uint32_t type, const char *name)
{
    mx_addr addr = decoder->types[type]->addr;
    char buffer[128];
    for (int depth = 0; addr && depth < LIMIT_BASES; depth++) {
        mx_addr tp_name = field_at(decoder, addr, decoder->layout->type_name);
        if (memory_string(decoder->memory, tp_name, buffer, sizeof buffer) &&
            strcmp(buffer, name) == 0)
            return true;
        addr = field_at(decoder, addr, decoder->layout->type_base);
    }
    return false;
}

static char *qualified_name(struct decoder *decoder, const struct type_info *info)
{
    const struct layout *l = decoder->layout;
    char name[200] = "", module[200] = "", qualified[412];
    struct text text;
    text_init(&text, qualified, sizeof qualified);
    memory_string(decoder->memory, field_at(decoder, info->addr, l->type_name), name, sizeof name);
    const char *dot = strrchr(name, '.');
    if (!info->heap) {
        text_add(&text, dot ? "" : "builtins.");
        text_add_escaped(&text, name);
        return strdup(qualified);
    }
    if (!str_value(decoder, dict_get(decoder, info->dict, "__module__"), module, sizeof module) &&
        dot)
        snprintf(module, sizeof module, "%.*s", (int)(dot - name), name);
    str_value(decoder, field_at(decoder, info->addr, l->heaptype_qualname), name, sizeof name);
    text_add_escaped(&text, module);
    text_add(&text, *module ? "." : "");
    text_add_escaped(&text, name);
    return strdup(qualified);
}

const char *type_qualified_name(struct decoder *decoder, uint32_t type)
{
    struct type_info *info = decoder->types[type];
    if (!info->name)
        info->name = qualified_name(decoder, info);
    return info->name ? info->name : "?";
}
