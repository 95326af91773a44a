// shape.c - how a cycle reads: its types, and the names of the references between them.
//
//   Node .__dict__ -> dict ['children'] -> list [3] -> Node        as the objects refer to each other
//   app.Node.children -> list[...] -> app.Node                     as it reads
//
// Places in containers and keys of dicts do not matter, names of attributes and variables do. Knows
// edges, not how objects are laid out.
#include <stdio.h>
#include <stdlib.h>

#include "heap/garbage.h"

#define LIMIT_ENTRIES 256 // of a container that is searched for what its reference is called
#define SHOWN_STEPS 12    // of a cycle, in its text
#define ALLOWANCES 32     // passes over all memory that labels may cost together: see decoder_take
#define DICT_LABEL ".__dict__"

struct finder {
    struct visitor visitor;
    struct mx_heap *heap;
    mx_addr to;
    bool attribute; // the dict is that of an instance: its keys are names
    char *buffer;
    size_t nbytes;
    bool found;
};

static void name_value(struct finder *finder, mx_addr key)
{
    char name[SHAPE_LABEL];
    struct text text;
    text_init(&text, finder->buffer, finder->nbytes);
    if (!finder->attribute || !str_value(&finder->heap->decoder, key, name, sizeof name)) {
        text_add(&text, "[...]");
        return;
    }
    text_add(&text, ".");
    text_add_escaped(&text, name);
}

static void name_edge(struct finder *finder, const struct edge *edge)
{
    switch ((enum edge_kind)edge->kind) {
    case EDGE_ITEM:
        snprintf(finder->buffer, finder->nbytes, "[...]");
        return;
    case EDGE_SET_ITEM:
        snprintf(finder->buffer, finder->nbytes, "{...}");
        return;
    case EDGE_KEY:
        snprintf(finder->buffer, finder->nbytes, "{key}");
        return;
    case EDGE_VALUE:
        name_value(finder, edge->detail);
        return;
    case EDGE_STACK:
        snprintf(finder->buffer, finder->nbytes, "stack");
        return;
    case EDGE_STATE:
    case EDGE_BLOCK:
        snprintf(finder->buffer, finder->nbytes,
                 edge->kind == EDGE_STATE ? "module state" : "block");
        return;
    case EDGE_ATTRIBUTE:
    case EDGE_MEMBER:
    case EDGE_NAMED:
    case EDGE_LOCAL:
    case EDGE_CLOSURE:
    case EDGE_STATE_MEMBER:
    case EDGE_STATIC:
    case EDGE_NATIVE:
        edge_label(&finder->heap->decoder, edge, finder->buffer, finder->nbytes);
        return;
    }
}

static void find_edge(struct visitor *visitor, struct edge edge)
{
    struct finder *finder = (struct finder *)visitor;
    if (finder->found || edge.to != finder->to)
        return;
    finder->found = true;
    name_edge(finder, &edge);
}

static uint32_t object_of(const struct mx_cycles *cycles, uint32_t node)
{
    return cycles->references.objects[node];
}

static const struct type_info *type_of(const struct mx_cycles *cycles, uint32_t node)
{
    const struct mx_heap *heap = cycles->heap;
    return heap->decoder.types[heap->types[object_of(cycles, node)]];
}

// What the reference is called without looking for it: a list of a million nodes that refer back to
// it is on a million cycles.
static const char *container_label(struct mx_cycles *cycles, uint32_t node, bool attribute)
{
    struct decoder *decoder = &cycles->heap->decoder;
    const struct type_info *type = type_of(cycles, node);
    mx_addr addr = cycles->heap->addresses[object_of(cycles, node)];
    bool plain = !type->word_count && !type->dictoffset && !type->heap;
    if (type->family == FAMILY_DICT && !attribute)
        return field_at(decoder, addr, decoder->layout->dict_used) > LIMIT_ENTRIES ? "[...]" : NULL;
    if (plain && (type->family == FAMILY_LIST || type->family == FAMILY_TUPLE))
        return "[...]";
    return plain && type->family == FAMILY_SET ? "{...}" : NULL;
}

static void label_edge(struct mx_cycles *cycles, uint32_t from, uint32_t to, bool attribute,
                       char *buffer, size_t nbytes)
{
    struct mx_heap *heap = cycles->heap;
    const char *known = container_label(cycles, from, attribute);
    struct finder finder = {.visitor = {find_edge, NULL},
                            .heap = heap,
                            .to = heap->addresses[object_of(cycles, to)],
                            .attribute = attribute,
                            .buffer = buffer,
                            .nbytes = nbytes};
    snprintf(buffer, nbytes, "%s", known ? known : "?");
    if (known)
        return;
    if (heap->decoder.work < heap->decoder.work_limit / 2 && cycles->allowances < ALLOWANCES) {
        cycles->allowances++;
        decoder_refill(&heap->decoder);
    }
    object_traverse(&heap->decoder, heap->addresses[object_of(cycles, from)],
                    heap->types[object_of(cycles, from)], &finder.visitor);
}

void shape_label(struct mx_cycles *cycles, const struct shape_step *step, char *buffer,
                 size_t nbytes)
{
    bool through = step->via != GRAPH_NONE;
    if (step->next == GRAPH_NONE) { // it is alone
        *buffer = '\0';
        return;
    }
    label_edge(cycles, through ? step->via : step->node, step->next, through, buffer, nbytes);
}

// FNV-1a over the type's name and the label.
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3ull;
    return (hash ^ 0xFF) * 0x100000001B3ull;
}

static void hash_step(struct mx_cycles *cycles, struct shape_step *step, const char *label)
{
    uint32_t type = cycles->heap->types[object_of(cycles, step->node)];
    uint64_t hash =
        hash_text(0xCBF29CE484222325ull, type_qualified_name(&cycles->heap->decoder, type));
    uint64_t rank = type_of(cycles, step->node)->heap ? 0 : 1;
    step->hash = hash_text(hash, label) >> 1 | rank << 63;
}

// The node is the __dict__ through which the one before it has its attributes.
static bool is_instance_dict(struct mx_cycles *cycles, uint32_t before, uint32_t node)
{
    char label[SHAPE_LABEL];
    if (type_of(cycles, node)->family != FAMILY_DICT)
        return false;
    label_edge(cycles, before, node, false, label, sizeof label);
    return strcmp(label, DICT_LABEL) == 0;
}

uint32_t shape_steps(struct mx_cycles *cycles, const uint32_t *nodes, uint32_t count,
                     struct shape_step *ret)
{
    char label[SHAPE_LABEL];
    uint32_t filled = 0;
    // A __dict__ is passed over together with what stands before it, which may be the last node.
    uint32_t first = count > 1 && is_instance_dict(cycles, nodes[count - 1], nodes[0]) ? 1 : 0;
    for (uint32_t i = first; i < count + first; i++) {
        struct shape_step step = {
            .node = nodes[i % count], .via = GRAPH_NONE, .next = nodes[(i + 1) % count]};
        if (i + 1 < count + first && count > 1 && is_instance_dict(cycles, step.node, step.next)) {
            step.via = step.next;
            step.next = nodes[(++i + 1) % count];
        }
        shape_label(cycles, &step, label, sizeof label);
        hash_step(cycles, &step, label);
        step.at = filled;
        ret[filled++] = step;
    }
    return filled;
}

static void mark_repeated(struct shape_step *step)
{
    if (!step->repeated)
        step->hash ^= 1; // the rank above stays
    step->repeated = true;
}

uint32_t shape_fold(struct shape_step *steps, uint32_t count)
{
    uint32_t kept = 0, last_same = 0;
    uint64_t first = count ? steps[0].hash : 0, previous = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = steps[i].hash;
        if (i && hash == previous) {
            mark_repeated(&steps[kept - 1]);
        } else {
            steps[kept++] = steps[i];
            last_same = hash == first;
        }
        previous = hash;
    }
    if (kept > 1 && last_same) { // the end goes on at the beginning
        steps[0].at = steps[kept - 1].at;
        steps[0].node = steps[kept - 1].node;
        steps[0].via = steps[kept - 1].via;
        steps[0].next = steps[kept - 1].next;
        mark_repeated(&steps[0]);
        kept--;
    }
    return kept;
}

static void add_type(struct mx_cycles *cycles, uint32_t node, struct text *text)
{
    uint32_t type = cycles->heap->types[object_of(cycles, node)];
    text_add(text, "%s", plain_name(type_qualified_name(&cycles->heap->decoder, type)));
}

char *shape_text(struct mx_cycles *cycles, const struct shape_step *steps, uint32_t count)
{
    char buffer[(SHOWN_STEPS + 2) * 300], label[SHAPE_LABEL];
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    bool alone = count == 1 && steps[0].next == GRAPH_NONE;
    for (uint32_t i = 0; !alone && i < count && i < SHOWN_STEPS; i++) {
        add_type(cycles, steps[i].node, &text);
        shape_label(cycles, &steps[i], label, sizeof label);
        bool attached = *label == '.' || *label == '[' || *label == '{';
        text_add(&text, "%s%s%s -> ", attached ? "" : " ", label, steps[i].repeated ? "*" : "");
    }
    if (count > SHOWN_STEPS)
        text_add(&text, "... %u more -> ", count - SHOWN_STEPS);
    if (count)
        add_type(cycles, steps[0].node, &text);
    return strdup(buffer);
}
