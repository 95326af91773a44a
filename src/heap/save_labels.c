// save_labels.c - how the references of each object are called, taken out of a live heap.
//
// Objects are visited once more, in the order in which their references were counted, and claim what they
// share in the same way: so the edges met are those that were recorded. Those that are in no column are
// left out: targets that are no objects, static classes, possible words that no count asked for.
#include <stdlib.h>

#include "heap/save.h"

#define NAME_NBYTES 200 // as mx_reference.label

static void collect_edge(struct visitor *visitor, struct edge edge)
{
    struct saver *saver = (struct saver *)visitor;
    if (saver->edge_count == saver->edge_capacity &&
        !vector_grow_((void **)&saver->edges, &saver->edge_capacity, saver->edge_count + 1,
                      sizeof *saver->edges)) {
        saver->failed = true;
        return;
    }
    saver->uncertain |= edge.hold == HOLD_POSSIBLE;
    saver->edges[saver->edge_count++] = edge;
}

static bool collect_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    return kind == CLAIM_TYPE_KEYS || heap_claim(((struct saver *)visitor)->heap, memory);
}

void saver_init_labels(struct saver *saver)
{
    saver->visitor = (struct visitor){collect_edge, collect_claim};
    decoder_refill(&saver->heap->decoder);
    heap_claim_counted(saver->heap);
}

void saver_free_labels(struct saver *saver)
{
    heap_unclaim(saver->heap);
    free(saver->edges);
    free(saver->texts);
    vector_free(&saver->words);
    vector_free(&saver->met);
    vector_free(&saver->unlikely);
    map_free(&saver->met_by_hash);
}

const struct unlikely *save_unlikely(void *data, size_t *ret_count)
{
    struct saver *saver = data;
    *ret_count = saver->unlikely.count;
    return saver->unlikely.items;
}

// ---- which edges are references of the columns ----------------------------------------------------

static void add_unlikely(struct saver *saver, uint32_t object, const struct edge *edge,
                         uint64_t before, uint32_t to)
{
    struct unlikely unlikely = {.from = object, .to = to, .before = before};
    edge_label(&saver->heap->decoder, edge, unlikely.label, sizeof unlikely.label);
    saver->failed |= !vector_push(&saver->unlikely, unlikely);
}

// Keeps those that were recorded and not dropped, in their order. `count` are wanted.
static void keep_recorded(struct saver *saver, uint32_t object, uint64_t first, uint64_t count)
{
    const struct snapshot *s = saver->snapshot;
    const uint64_t *dropped = saver->heap->columns->dropped;
    const struct type_info *type = saver->heap->decoder.types[saver->heap->types[object]];
    uint64_t kept = 0;
    for (size_t i = 0; i < saver->edge_count; i++) {
        const struct edge edge = saver->edges[i];
        uint32_t to;
        if ((!type->heap && edge.hold == HOLD_BORROWED && edge.to == type->addr) ||
            !mx_heap_find(saver->heap, edge.to, &to))
            continue;
        uint64_t recorded = first + kept + saver->dropped;
        if (edge.hold == HOLD_POSSIBLE && dropped[recorded / 64] >> recorded % 64 & 1) {
            saver->dropped++;
            add_unlikely(saver, object, &edge, kept, to);
        } else if (kept < count && column_at(&s->target, first + kept) == to) {
            saver->edges[kept++] = edge;
        }
    }
    saver->edge_count = kept;
}

static void visit(struct saver *saver, uint32_t object, uint64_t first, uint64_t count)
{
    struct mx_heap *heap = saver->heap;
    const struct type_info *type = heap->decoder.types[heap->types[object]];
    saver->edge_count = 0;
    saver->uncertain = false;
    object_visit(&heap->decoder, heap->addresses[object], heap->types[object], &saver->visitor);
    // Without a doubt among them, as many as there are references are those references.
    if (!type->heap && saver->edge_count) {
        const struct edge *last = &saver->edges[saver->edge_count - 1];
        saver->edge_count -= last->to == type->addr && last->hold == HOLD_BORROWED;
    }
    if (saver->uncertain || saver->edge_count != count)
        keep_recorded(saver, object, first, count);
}

// ---- labels -----------------------------------------------------------------------------------

// Labels of a dict in its usual order: {key 0}, ['key'], {key 1} ...
static bool is_dict_order(const struct saver *saver)
{
    for (size_t i = 0; i < saver->edge_count; i++) {
        const struct edge *edge = &saver->edges[i];
        if (i % 2 == 0 ? edge->kind != EDGE_KEY || edge->detail != i / 2
                       : edge->kind != EDGE_VALUE || edge->detail != edge[-1].to)
            return false;
    }
    return saver->edge_count % 2 == 0;
}

static bool is_item_order(const struct saver *saver)
{
    for (size_t i = 0; i < saver->edge_count; i++)
        if (saver->edges[i].kind != EDGE_ITEM || saver->edges[i].detail != i)
            return false;
    return true;
}

static bool are_members(const struct saver *saver)
{
    for (size_t i = 0; i < saver->edge_count; i++)
        if (saver->edges[i].kind != EDGE_SET_ITEM)
            return false;
    return true;
}

// Is the key of the value at edge i the target of the edge before?
static bool follows_key(const struct saver *saver, size_t i)
{
    return i && saver->edges[i - 1].to == saver->edges[i].detail;
}

// Names that programs give to attributes; anything else may be a value.
static bool is_identifier(const char *name)
{
    if (!*name || (*name >= '0' && *name <= '9'))
        return false;
    for (; *name; name++)
        if (!((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
              (*name >= 'A' && *name <= 'Z') || *name == '_' || (uint8_t)*name >= 0x80))
            return false;
    return true;
}

// The __dict__ of a module, class or instance: its keys are names.
static bool is_namespace(const struct saver *saver, uint32_t object)
{
    const struct snapshot *s = saver->snapshot;
    struct decoder *decoder = &saver->heap->decoder;
    mx_addr addr = saver->heap->addresses[object];
    uint64_t first = column_at(&s->referrer_first, object);
    uint64_t end = column_at(&s->referrer_first, object + 1ull);
    for (uint64_t at = first; at < end && at < first + 64; at++) {
        uint32_t from = (uint32_t)column_at(&s->referrer, at);
        mx_addr holder = saver->heap->addresses[from];
        const struct type_info *type = decoder->types[saver->heap->types[from]];
        if (type->family == FAMILY_TYPE
                ? field_at(decoder, holder, decoder->layout->type_dict) == addr
            : type->family == FAMILY_MODULE
                ? field_at(decoder, holder, decoder->layout->module_dict) == addr
                : instance_dict(decoder, holder, type) == addr)
            return true;
    }
    return false;
}

// ['name'] where the key is an attribute's name, which is kept without its str.
static void redact_key(struct saver *saver, const struct edge *edge, bool namespace, char *text,
                       struct mark *ret)
{
    char name[160];
    ret->kind = MARK_OMITTED;
    if (!namespace || !str_value(&saver->heap->decoder, edge->detail, name, sizeof name) ||
        !is_identifier(name))
        return;
    ret->kind = MARK_TEXT;
    edge_label(&saver->heap->decoder, edge, text, NAME_NBYTES);
}

static void make_label(struct saver *saver, size_t i, bool redact, bool namespace, char *text,
                       struct mark *ret)
{
    const struct edge *edge = &saver->edges[i];
    uint32_t key;
    *ret = (struct mark){.text = text};
    ret->kind = MARK_TEXT;
    switch ((enum edge_kind)edge->kind) {
    case EDGE_ITEM:
    case EDGE_KEY:
        ret->kind = edge->kind == EDGE_ITEM ? MARK_ITEM : MARK_KEY;
        ret->detail = (uint32_t)edge->detail;
        if (edge->detail > MARK_MOST_DETAIL)
            ret->kind = MARK_TEXT;
        break;
    case EDGE_SET_ITEM:
        ret->kind = MARK_MEMBER;
        break;
    case EDGE_VALUE:
        if (redact) {
            redact_key(saver, edge, namespace, text, ret);
            return;
        }
        if (follows_key(saver, i))
            ret->kind = MARK_PREVIOUS;
        else if (mx_heap_find(saver->heap, edge->detail, &key) && key <= MARK_MOST_DETAIL)
            ret->kind = MARK_OBJECT, ret->detail = key;
        break;
    case EDGE_ATTRIBUTE:
        if (redact) {
            char name[160];
            if (!str_value(&saver->heap->decoder, edge->detail, name, sizeof name) ||
                !is_identifier(name)) {
                ret->kind = MARK_OMITTED;
                return;
            }
        }
        break;
    case EDGE_MEMBER:
    case EDGE_NAMED:
    case EDGE_LOCAL:
    case EDGE_CLOSURE:
    case EDGE_STACK:
    case EDGE_STATE:
    case EDGE_STATE_MEMBER:
    case EDGE_STATIC:
    case EDGE_NATIVE:
    case EDGE_BLOCK:
        break;
    }
    if (ret->kind == MARK_TEXT)
        edge_label(&saver->heap->decoder, edge, text, NAME_NBYTES);
}

static uint64_t list_labels(struct saver *saver, uint32_t object, struct text_tables *tables,
                            bool redact, uint64_t count)
{
    // What was not met again has no name: it cannot be, but for a table that changed its mind.
    struct mark *labels = calloc(count + 1, sizeof *labels);
    char *texts = malloc((saver->edge_count + 1) * NAME_NBYTES);
    bool namespace = redact && is_namespace(saver, object);
    uint64_t shape = UINT64_MAX;
    if (labels && texts) {
        for (size_t i = 0; i < saver->edge_count && i < count; i++)
            make_label(saver, i, redact, namespace, texts + i * NAME_NBYTES, &labels[i]);
        for (uint64_t i = saver->edge_count; i < count; i++)
            labels[i].kind = MARK_OMITTED;
        shape = table_shape(tables, labels, count);
    }
    free(labels);
    free(texts);
    return shape;
}

// ---- shapes met before --------------------------------------------------------------------------

// Kind and detail of each edge, as the decoder tells them: equal ones have equal labels. Only where a value
// follows its key, the key itself does not matter.
static bool put_words(struct saver *saver)
{
    if (!vector_reserve(&saver->words, saver->words.count + 2 * saver->edge_count))
        return false;
    uint64_t *at = saver->words.items + saver->words.count;
    for (size_t i = 0; i < saver->edge_count; i++) {
        const struct edge *edge = &saver->edges[i];
        bool after_key = edge->kind == EDGE_VALUE && follows_key(saver, i);
        *at++ = edge->kind;
        *at++ = after_key ? UINT64_MAX : edge->detail;
    }
    return true;
}

static uint64_t hash_words(const uint64_t *words, size_t count)
{
    uint64_t hash = count + 1;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * 0xD6E8FEB86659FD93ull;
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}

static uint64_t shape_of_edges(struct saver *saver, uint32_t object, struct text_tables *tables,
                               bool redact, uint64_t count)
{
    if (!put_words(saver))
        return UINT64_MAX;
    const uint64_t *words = saver->words.items + saver->words.count;
    uint64_t word_count = 2 * saver->edge_count, *known;
    for (uint64_t key = hash_words(words, word_count);; key = key * 31 + 7) {
        known = map_put(&saver->met_by_hash, key ? key : 1);
        if (!known)
            return UINT64_MAX;
        if (!*known)
            break;
        const struct met_shape *met = &saver->met.items[*known - 1];
        if (met->count == word_count &&
            memcmp(saver->words.items + met->first, words, word_count * sizeof *words) == 0)
            return met->shape;
    }
    struct met_shape met = {saver->words.count, word_count,
                            list_labels(saver, object, tables, redact, count)};
    if (met.shape == UINT64_MAX || !vector_push(&saver->met, met))
        return UINT64_MAX;
    *known = saver->met.count;
    saver->words.count += word_count;
    return met.shape;
}

uint64_t save_shape(void *data, uint32_t object, struct text_tables *tables, bool redact)
{
    struct saver *saver = data;
    struct mx_heap *heap = saver->heap;
    const struct type_info *type = heap->decoder.types[heap->types[object]];
    uint64_t first = column_at(&saver->snapshot->first, object);
    uint64_t count = column_at(&saver->snapshot->first, object + 1ull) - first;
    if (type->leaf && !count)
        return SHAPE_ITEMS;
    if (heap->decoder.work < heap->decoder.work_limit / 2)
        decoder_refill(&heap->decoder);
    visit(saver, object, first, count);
    if (saver->failed)
        return UINT64_MAX;
    if (!count)
        return SHAPE_ITEMS;
    bool whole = saver->edge_count == count;
    if (whole && is_item_order(saver))
        return SHAPE_ITEMS;
    if (whole && !redact && is_dict_order(saver))
        return SHAPE_DICT;
    if (whole && are_members(saver))
        return SHAPE_MEMBERS;
    // A dict's labels depend on whether it is a namespace.
    bool keys = false;
    for (size_t i = 0; redact && i < saver->edge_count; i++)
        keys |= saver->edges[i].kind == EDGE_VALUE;
    return keys || !whole ? list_labels(saver, object, tables, redact, count)
                          : shape_of_edges(saver, object, tables, redact, count);
}
