// diff_same.c - is what is at an address what was there?
//
// CPython moves no object, but gives the memory of one that is gone to another. What cannot change is
// compared: values, items of tuples, what functions and code are called. Of what can change nothing is
// certain: it is held for another object only when who holds it is another, and all values that it
// alone has are others too. An object put where one of its type was, with equal values or by the same
// holder, cannot be told from it.
#include <string.h>

#include "query/diff.h"

#define COMPARED_NBYTES 256 // of a value
#define COMPARED_ITEMS 16   // of a tuple
#define LIMIT_HELD 64       // references of an object, looked at for values that it alone has

// ---- what cannot change -------------------------------------------------------------------------

// A str grows when its UTF-8 is asked for, or when one is added to it that nobody else has: what is
// longer than what is compared may then be of another size.
static bool is_same_value(const struct pair *pair, uint32_t a, uint32_t b)
{
    char before[COMPARED_NBYTES], after[COMPARED_NBYTES];
    const struct snapshot_texts *texts = &pair->before->texts, *others = &pair->after->texts;
    size_t nbytes = texts->value(texts->data, a, before, sizeof before);
    size_t others_nbytes = others->value(others->data, b, after, sizeof after);
    if (nbytes == SNAPSHOT_NO_VALUE || others_nbytes == SNAPSHOT_NO_VALUE) // left out on request
        return column_at(&pair->before->size, a) == column_at(&pair->after->size, b);
    return nbytes == others_nbytes && memcmp(before, after, nbytes) == 0;
}

static bool is_same_text(const struct pair *pair, uint32_t a, uint32_t b, bool kind)
{
    char before[COMPARED_NBYTES] = "", after[COMPARED_NBYTES] = "";
    const struct snapshot_texts *texts = &pair->before->texts, *others = &pair->after->texts;
    (kind ? texts->kind : texts->preview)(texts->data, a, before, sizeof before);
    (kind ? others->kind : others->preview)(others->data, b, after, sizeof after);
    return strcmp(before, after) == 0;
}

// "<...>" stands where a file has no value.
static bool is_same_number(const struct pair *pair, uint32_t a, uint32_t b)
{
    char before[COMPARED_NBYTES] = "", after[COMPARED_NBYTES] = "";
    const struct snapshot_texts *texts = &pair->before->texts, *others = &pair->after->texts;
    texts->preview(texts->data, a, before, sizeof before);
    others->preview(others->data, b, after, sizeof after);
    return before[0] == '<' || after[0] == '<' || strcmp(before, after) == 0;
}

static bool is_same_items(const struct pair *pair, uint32_t a, uint32_t b)
{
    const struct snapshot *s = pair->before, *t = pair->after;
    uint64_t from = column_at(&s->first, a), to = column_at(&t->first, b);
    uint64_t count = snapshot_references(s, a);
    if (snapshot_references(t, b) != count)
        return false;
    for (uint64_t i = 0; i < count && i < COMPARED_ITEMS; i++)
        if (snapshot_address(s, (uint32_t)column_at(&s->target, from + i)) !=
            snapshot_address(t, (uint32_t)column_at(&t->target, to + i)))
            return false;
    return true;
}

static bool is_same_size(const struct pair *pair, const struct snapshot_type *type, uint32_t a,
                         uint32_t b)
{
    return type->flags & TYPE_PYTHON || // with a dict of attributes, perhaps
           column_at(&pair->before->size, a) == column_at(&pair->after->size, b);
}

bool diff_is_same(const struct pair *pair, uint32_t a, uint32_t b)
{
    const struct snapshot_type *type = snapshot_type_of(pair->before, a);
    if (column_at(&pair->before->flags, a) & column_at(&pair->after->flags, b) &
        (OBJECT_STATIC | OBJECT_IMMORTAL))
        return true;
    switch ((enum snapshot_family)type->family) {
    case SNAPSHOT_STR:
        return is_same_value(pair, a, b);
    case SNAPSHOT_BYTES:
        return is_same_size(pair, type, a, b) && is_same_value(pair, a, b);
    case SNAPSHOT_INT:
    case SNAPSHOT_FLOAT:
    case SNAPSHOT_COMPLEX:
        return is_same_size(pair, type, a, b) && is_same_number(pair, a, b);
    case SNAPSHOT_TUPLE:
        return is_same_size(pair, type, a, b) && is_same_items(pair, a, b);
    case SNAPSHOT_METHOD:
        return is_same_items(pair, a, b);
    case SNAPSHOT_FUNCTION:
    case SNAPSHOT_CODE:
        return is_same_text(pair, a, b, true);
    case SNAPSHOT_TYPE:
        return is_same_text(pair, a, b, false);
    case SNAPSHOT_OTHER:
    case SNAPSHOT_NONE:
    case SNAPSHOT_BOOL:
    case SNAPSHOT_BYTEARRAY:
    case SNAPSHOT_LIST:
    case SNAPSHOT_DICT:
    case SNAPSHOT_SET:
    case SNAPSHOT_MODULE:
    case SNAPSHOT_BUILTIN:
    case SNAPSHOT_FRAME:
    case SNAPSHOT_GENERATOR:
    case SNAPSHOT_CELL:
    case SNAPSHOT_WEAKREF:
    case SNAPSHOT_EXCEPTION:
    case SNAPSHOT_INSTANCE:
        break;
    }
    return true;
}

// ---- what can change ----------------------------------------------------------------------------

static bool can_change(uint8_t family)
{
    switch ((enum snapshot_family)family) {
    case SNAPSHOT_BYTEARRAY:
    case SNAPSHOT_LIST:
    case SNAPSHOT_DICT:
    case SNAPSHOT_SET:
    case SNAPSHOT_CELL:
    case SNAPSHOT_EXCEPTION:
    case SNAPSHOT_INSTANCE:
    case SNAPSHOT_OTHER:
        return true;
    case SNAPSHOT_NONE:
    case SNAPSHOT_INT:
    case SNAPSHOT_BOOL:
    case SNAPSHOT_FLOAT:
    case SNAPSHOT_COMPLEX:
    case SNAPSHOT_STR:
    case SNAPSHOT_BYTES:
    case SNAPSHOT_TUPLE:
    case SNAPSHOT_TYPE:
    case SNAPSHOT_MODULE:
    case SNAPSHOT_FUNCTION:
    case SNAPSHOT_METHOD:
    case SNAPSHOT_BUILTIN:
    case SNAPSHOT_CODE:
    case SNAPSHOT_FRAME:
    case SNAPSHOT_GENERATOR:
    case SNAPSHOT_WEAKREF:
        break;
    }
    return false;
}

static bool is_value(uint8_t family)
{
    return family == SNAPSHOT_STR || family == SNAPSHOT_BYTES || family == SNAPSHOT_INT ||
           family == SNAPSHOT_FLOAT || family == SNAPSHOT_COMPLEX || family == SNAPSHOT_TUPLE;
}

// Values that the object alone has, or through a dict that it alone has.
struct held {
    uint32_t items[LIMIT_HELD];
    size_t count;
};

static void find_held(const struct snapshot *s, uint32_t object, bool through_dict,
                      struct held *held)
{
    uint64_t at = column_at(&s->first, object), end = column_at(&s->first, (uint64_t)object + 1);
    end = end - at < LIMIT_HELD ? end : at + LIMIT_HELD;
    for (; at < end && held->count < LIMIT_HELD; at++) {
        uint32_t to = (uint32_t)column_at(&s->target, at);
        uint8_t family = snapshot_type_of(s, to)->family;
        if (snapshot_dominator(s, to) != object)
            continue;
        if (is_value(family))
            held->items[held->count++] = to;
        else if (through_dict && family == SNAPSHOT_DICT)
            find_held(s, to, false, held);
    }
}

// Both have values of their own, and none is the same.
static bool has_others(const struct pair *pair, uint32_t a, uint32_t b)
{
    struct held before = {.count = 0}, after = {.count = 0};
    find_held(pair->before, a, true, &before);
    if (!before.count)
        return false;
    find_held(pair->after, b, true, &after);
    for (size_t i = 0; i < before.count; i++)
        for (size_t k = 0; k < after.count; k++)
            if (pair->next[before.items[i]] == after.items[k])
                return false;
    return after.count > 0;
}

static bool has_same_holder(const struct pair *pair, uint32_t a, uint32_t b)
{
    uint32_t before = snapshot_dominator(pair->before, a);
    uint32_t after = snapshot_dominator(pair->after, b);
    if (before >= pair->before->object_count) // a root alone
        return after >= pair->after->object_count;
    return pair->next[before] == after;
}

uint64_t diff_tell_apart(const struct pair *pair)
{
    uint64_t apart = 0;
    for (uint32_t a = 0; a < pair->before->object_count; a++) {
        uint32_t b = pair->next[a];
        if (b == MX_NO_OBJECT || has_same_holder(pair, a, b) ||
            !can_change(snapshot_type_of(pair->before, a)->family) || !has_others(pair, a, b))
            continue;
        pair->next[a] = MX_NO_OBJECT;
        apart++;
    }
    return apart;
}
