// drop_order.c - in which order an object that goes gives up its references.
//
//   list, tuple         from the end                        list_dealloc, tupledealloc
//   dict, set, deque    in the order of their tables        dict_dealloc, set_dealloc, deque_clear
//   instance            slots, the most derived class's first; attributes or __dict__; what its base of
//                       C code has; its class last          Objects/typeobject.c, subtype_dealloc
//   frame, generator    the stack from its top, then locals Python/frame.c
//
// For C types that are not listed it is the order of their struct.
#include <stdio.h>
#include <stdlib.h>

#include "query/drop.h"

#define LABEL_NBYTES 200
#define LIMIT_BASES 200 // as in decode/: depth of tp_base

// Of one kind in one order: the lower goes first.
enum rank {
    RANK_SLOT = 0, // + depth of the class
    RANK_ATTRIBUTE = LIMIT_BASES,
    RANK_STRUCT, // C members that are not listed
    RANK_LISTED, // + place in the list
    RANK_STACK = RANK_LISTED + 32,
    RANK_LOCAL,
    RANK_ITEM,
    RANK_CODE,
    RANK_CLASS,
};

// C types that give up what they have in another order than their struct has it.
static const struct {
    const char *type; // NULL: the family decides
    uint8_t family;
    const char *labels[16]; // the others before these
} LISTS[] = {
    // Objects/funcobject.c, func_clear and func_dealloc
    {NULL,
     SNAPSHOT_FUNCTION,
     {".__globals__", ".__builtins__", ".__module__", ".__defaults__", ".__kwdefaults__",
      ".__doc__", ".__dict__", ".__closure__", ".__annotations__", ".__annotate__",
      ".__type_params__", ".__code__", ".__name__", ".__qualname__"}},
    // Objects/exceptions.c, BaseException_clear
    {NULL,
     SNAPSHOT_EXCEPTION,
     {".__dict__", ".args", ".__notes__", ".__traceback__", ".__cause__", ".__context__"}},
    // Modules/_functoolsmodule.c, partial_dealloc
    {"functools.partial", SNAPSHOT_OTHER, {".func", ".args", ".keywords", ".__dict__"}},
    // lru_cache_tp_clear: the links go last
    {"functools._lru_cache_wrapper",
     SNAPSHOT_OTHER,
     {".cache", ".__wrapped__", ".kwd_mark", ".lru_list_elem_type", ".cache_info_type",
      ".__dict__"}},
};
#define LIST_COUNT (sizeof LISTS / sizeof *LISTS)
#define LABELS_MOST (sizeof LISTS->labels / sizeof *LISTS->labels)

struct given {
    uint32_t rank, to;
    uint64_t place;
};

struct sorter {
    struct mx_drop *drop;
    const struct snapshot_type *type;
    uint32_t type_place;
    const char *const *listed; // NULL: nothing
    bool last_first;           // items
    bool locals_last_first, stack_last_first;
    VECTOR(struct given) given;
};

// ---- slots --------------------------------------------------------------------------------------

static bool has_slots(const struct snapshot *s, uint32_t dict)
{
    return drop_reference(s, dict, "['__slots__']") != NO_REFERENCE;
}

static void add_slots(struct mx_drop *drop, uint32_t dict, uint32_t depth)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t end = drop_end(s, dict);
    for (uint64_t at = column_at(&s->first, dict); at < end; at++) {
        uint32_t to = (uint32_t)column_at(&s->target, at);
        if (strcmp(snapshot_type_of(s, to)->name, "builtins.member_descriptor") != 0)
            continue;
        char label[LABEL_NBYTES];
        struct drop_slot slot = {depth, ""};
        snapshot_label(s, dict, at, label, sizeof label);
        size_t length = strlen(label);
        if (length < 4 || strncmp(label, "['", 2) != 0)
            continue;
        snprintf(slot.name, sizeof slot.name, ".%.*s", (int)(length - 4), label + 2);
        if (!vector_push(&drop->slots, slot))
            drop->failed = true;
    }
}

// A class statement with __slots__ leaves them in the namespace of its class, as no C type does.
static void find_slots(struct mx_drop *drop, uint32_t type)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t *known = map_put(&drop->slotted, (uint64_t)type + 1);
    if (!known || *known)
        return;
    size_t first = drop->slots.count;
    uint32_t class = s->types[type].object;
    for (uint32_t depth = 0; class != MX_NO_OBJECT && depth < LIMIT_BASES; depth++) {
        uint64_t dict = drop_reference(s, class, ".__dict__");
        uint64_t base = drop_reference(s, class, ".__base__");
        if (dict != NO_REFERENCE && has_slots(s, (uint32_t)column_at(&s->target, dict)))
            add_slots(drop, (uint32_t)column_at(&s->target, dict), depth);
        class = base == NO_REFERENCE ? MX_NO_OBJECT : (uint32_t)column_at(&s->target, base);
    }
    *known = (first + 1) | (uint64_t)(drop->slots.count - first) << 32;
}

static bool slot_depth(const struct mx_drop *drop, uint32_t type, const char *label, uint32_t *ret)
{
    const uint64_t *known = map_find(&drop->slotted, (uint64_t)type + 1);
    uint64_t count = known ? *known >> 32 : 0;
    const struct drop_slot *slots = count ? drop->slots.items + (uint32_t)*known - 1 : NULL;
    for (uint64_t i = 0; i < count; i++)
        if (strcmp(slots[i].name, label) == 0) {
            *ret = slots[i].depth;
            return true;
        }
    return false;
}

// ---- ranks --------------------------------------------------------------------------------------

static const char *const *list_of(const struct snapshot_type *type)
{
    for (size_t i = 0; i < LIST_COUNT; i++)
        if (LISTS[i].type ? strcmp(LISTS[i].type, type->name) == 0
                          : LISTS[i].family == type->family)
            return LISTS[i].labels;
    return NULL;
}

static bool is_attribute(const struct sorter *sorter, uint64_t reference, const char *label)
{
    const struct snapshot *s = sorter->drop->snapshot;
    if (s->label_kind.count)
        return column_at(&s->label_kind, reference) == LABEL_ATTRIBUTE ||
               strcmp(label, ".__dict__") == 0;
    return sorter->type->family == SNAPSHOT_INSTANCE || strcmp(label, ".__dict__") == 0;
}

static bool begins(const char *label, const char *with)
{
    return strncmp(label, with, strlen(with)) == 0;
}

static uint32_t rank_of(const struct sorter *sorter, uint64_t reference, const char *label,
                        bool *ret_last_first)
{
    uint32_t depth;
    *ret_last_first = false;
    if (strcmp(label, ".__class__") == 0)
        return RANK_CLASS;
    if (label[0] == '[' || label[0] == '{') {
        *ret_last_first = sorter->last_first;
        return RANK_ITEM;
    }
    if (begins(label, "stack")) {
        *ret_last_first = sorter->stack_last_first;
        return sorter->stack_last_first ? RANK_STACK : RANK_LOCAL;
    }
    if (begins(label, "local ") || begins(label, "closure ")) {
        *ret_last_first = sorter->locals_last_first;
        return RANK_LOCAL;
    }
    if (strcmp(label, "frame code") == 0)
        return RANK_CODE;
    if (sorter->type->flags & TYPE_PYTHON &&
        slot_depth(sorter->drop, sorter->type_place, label, &depth))
        return RANK_SLOT + depth;
    for (uint32_t i = 0; sorter->listed && i < LABELS_MOST && sorter->listed[i]; i++)
        if (strcmp(sorter->listed[i], label) == 0)
            return RANK_LISTED + i;
    if (is_attribute(sorter, reference, label))
        return RANK_ATTRIBUTE;
    bool behind = sorter->type->family == SNAPSHOT_FRAME || // f_back, f_trace; gi_code, gi_name
                  (sorter->type->family == SNAPSHOT_GENERATOR && strcmp(label, ".gi_frame") != 0);
    return behind && label[0] == '.' ? RANK_CODE : RANK_STRUCT;
}

static int compare_given(const void *a, const void *b)
{
    const struct given *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void sort_all(struct sorter *sorter, uint32_t object, uint64_t called)
{
    struct mx_drop *drop = sorter->drop;
    const struct snapshot *s = drop->snapshot;
    uint64_t end = drop_end(s, object);
    char label[LABEL_NBYTES];
    for (uint64_t at = column_at(&s->first, object); at < end; at++) {
        struct given given = {.to = (uint32_t)column_at(&s->target, at), .place = at};
        bool last_first;
        if (!drop_owns(drop, at) || at == called)
            continue;
        snapshot_label(s, object, at, label, sizeof label);
        given.rank = rank_of(sorter, at, label, &last_first);
        given.place = last_first ? ~at : at;
        if (!vector_push(&sorter->given, given))
            drop->failed = true;
    }
    if (sorter->given.count > 1)
        qsort(sorter->given.items, sorter->given.count, sizeof *sorter->given.items, compare_given);
    for (size_t i = sorter->given.count; i-- > 0;)
        if (!vector_push(&drop->order, sorter->given.items[i].to))
            drop->failed = true;
    vector_free(&sorter->given);
}

// ---- plain containers ---------------------------------------------------------------------------

// Nothing but items and a class that is not counted: no label is needed.
static bool is_plain(const struct snapshot_type *type)
{
    return !(type->flags & TYPE_HEAP) &&
           (type->family == SNAPSHOT_LIST || type->family == SNAPSHOT_TUPLE ||
            type->family == SNAPSHOT_SET ||
            (type->family == SNAPSHOT_DICT && strcmp(type->name, "builtins.dict") == 0));
}

static void take_all(struct mx_drop *drop, uint32_t object, bool last_first)
{
    const struct snapshot *s = drop->snapshot;
    uint64_t first = column_at(&s->first, object), count = snapshot_references(s, object);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = first + (last_first ? i : count - 1 - i); // the last one is given up first
        if (drop_owns(drop, at) && !vector_push(&drop->order, (uint32_t)column_at(&s->target, at)))
            drop->failed = true;
    }
}

#define VERSION_313 0x030D0000u
#define VERSION_314 0x030E0000u

void drop_order(struct mx_drop *drop, uint32_t object)
{
    const struct snapshot *s = drop->snapshot;
    struct sorter sorter = {.drop = drop,
                            .type = snapshot_type_of(s, object),
                            .type_place = (uint32_t)column_at(&s->type, object)};
    uint8_t family = sorter.type->family;
    bool last_first = family == SNAPSHOT_LIST || family == SNAPSHOT_TUPLE;
    drop->order.count = 0;
    if (is_plain(sorter.type)) {
        take_all(drop, object, last_first);
        return;
    }
    sorter.last_first = last_first;
    sorter.listed = list_of(sorter.type);
    // Python/frame.c, _PyFrame_ClearLocals: from the top on since 3.14. A generator is unwound, which
    // pops its stack first, but where it waits in no try block from 3.13 on (gen_close).
    sorter.locals_last_first = s->info.version_hex >= VERSION_314;
    sorter.stack_last_first = sorter.locals_last_first ||
                              (family == SNAPSHOT_GENERATOR && s->info.version_hex < VERSION_313);
    if (sorter.type->flags & TYPE_PYTHON)
        find_slots(drop, sorter.type_place);
    uint64_t called = NO_REFERENCE;
    if (drop_state(drop, object) & STATE_CALLED)
        called = drop_reference(s, object, ".__callback__");
    sort_all(&sorter, object, called);
}
