// hubs.c - the cycles that are still reachable, without what lives as long as the program.
//
// Through modules, classes and functions almost all objects reach each other. A cycle tells something
// when it is among what a program makes and drops, so these are left out:
//
//   modules, and their namespaces; every dict that is the globals of a function
//   classes, and their namespaces, bases and method resolution orders
//   functions and descriptors that stand in such a namespace themselves
//   frames that are running
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "heap/garbage.h"
#include "heap/opened.h"

struct hubs {
    struct visitor visitor;
    struct mx_heap *heap;
    uint8_t *chosen; // [objects of the heap], 1: cycles are sought through it
    enum family from;
};

static void leave_out(struct hubs *hubs, mx_addr addr)
{
    uint32_t object;
    if (mx_heap_find(hubs->heap, addr, &object))
        hubs->chosen[object] = 0;
}

// What a namespace consists of, by the names of CPython's static types.
static bool is_descriptor(const char *type)
{
    static const char *const NAMES[] = {"builtins.staticmethod",
                                        "builtins.classmethod",
                                        "builtins.property",
                                        "builtins.member_descriptor",
                                        "builtins.getset_descriptor",
                                        "builtins.method_descriptor",
                                        "builtins.wrapper_descriptor",
                                        "builtins.classmethod_descriptor",
                                        "builtins.builtin_function_or_method"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(type, NAMES[i]) == 0)
            return true;
    return false;
}

static void leave_out_member(struct visitor *visitor, struct edge edge)
{
    struct hubs *hubs = (struct hubs *)visitor;
    struct decoder *decoder = &hubs->heap->decoder;
    struct header header;
    if (edge.kind == EDGE_VALUE && object_header(decoder, edge.to, &header) &&
        (decoder->types[header.type]->family == FAMILY_FUNCTION ||
         is_descriptor(type_qualified_name(decoder, header.type))))
        leave_out(hubs, edge.to);
}

static void leave_out_namespace(struct hubs *hubs, mx_addr dict)
{
    uint32_t object;
    struct hubs inner = {{leave_out_member, NULL}, hubs->heap, hubs->chosen, FAMILY_DICT};
    if (!mx_heap_find(hubs->heap, dict, &object) || !hubs->chosen[object])
        return;
    hubs->chosen[object] = 0;
    object_visit(&hubs->heap->decoder, dict, hubs->heap->types[object], &inner.visitor);
}

static bool is_globals(const struct edge *edge)
{
    const struct scan_word *word = (const struct scan_word *)(uintptr_t)edge->detail;
    return edge->kind == EDGE_MEMBER && word->member &&
           strcmp(word->member->name, "__globals__") == 0;
}

// What the class, module or function keeps for itself.
static void leave_out_own(struct visitor *visitor, struct edge edge)
{
    struct hubs *hubs = (struct hubs *)visitor;
    struct decoder *decoder = &hubs->heap->decoder;
    struct header header;
    if (edge.hold != HOLD_OWNED || !object_header(decoder, edge.to, &header))
        return;
    enum family family = decoder->types[header.type]->family;
    if (family == FAMILY_DICT && (hubs->from != FAMILY_FUNCTION || is_globals(&edge)))
        leave_out_namespace(hubs, edge.to);
    else if (family == FAMILY_TUPLE && hubs->from == FAMILY_TYPE)
        leave_out(hubs, edge.to);
}

static void choose(struct hubs *hubs)
{
    struct mx_heap *heap = hubs->heap;
    struct decoder *decoder = &heap->decoder;
    for (uint32_t i = 0; i < heap->count; i++)
        hubs->chosen[i] = (heap->recorder.flags[i] & OBJECT_TRACKED) != 0;
    for (uint32_t i = 0; i < heap->count; i++) {
        hubs->from = decoder->types[heap->types[i]]->family;
        if (hubs->from != FAMILY_TYPE && hubs->from != FAMILY_MODULE &&
            hubs->from != FAMILY_FUNCTION)
            continue;
        if (hubs->from != FAMILY_FUNCTION)
            hubs->chosen[i] = 0;
        object_visit(decoder, heap->addresses[i], heap->types[i], &hubs->visitor);
    }
    for (size_t i = 0; i < heap->root_edges.count; i++) {
        const struct edge *edge = &heap->root_edges.items[i].edge;
        if (edge->kind == EDGE_NAMED &&
            strcmp((const char *)(uintptr_t)edge->detail, "running") == 0)
            leave_out(hubs, edge->to);
    }
}

static bool wants(void *data, uint32_t from, uint32_t to, enum hold hold, bool counting)
{
    (void)data, (void)from, (void)to, (void)counting;
    return hold == HOLD_OWNED;
}

mx_status mx_heap_cycles(const mx_heap *heap, mx_cycles **ret, struct mx_error *err)
{
    if (heap->opened)
        return opened_cycles(heap, false, ret, err);
    // Looking decodes on demand, which fills the decoder's tables: no change that a caller can see.
    struct mx_heap *self = (struct mx_heap *)(uintptr_t)heap;
    struct mx_cycles *cycles = calloc(1, sizeof *cycles);
    struct hubs hubs = {.visitor = {leave_out_own, NULL}, .heap = self};
    struct reference_choice choice = {wants, NULL, NULL};
    hubs.chosen = calloc((size_t)heap->count + 1, 1);
    if (!cycles || !hubs.chosen) {
        free(cycles);
        free(hubs.chosen);
        return fail_no_memory(err);
    }
    cycles->heap = self;
    cycles->totals.collecting = heap->summary.gc_collecting;
    decoder_refill(&self->decoder);
    choose(&hubs);
    mx_status status = references_build(self, hubs.chosen, &choice, &cycles->references, err);
    free(hubs.chosen);
    if (!status)
        status = cycles_group(cycles, false, err);
    if (!status)
        status = cycles_finish(cycles, err);
    if (status) {
        mx_cycles_free(cycles);
        return status;
    }
    *ret = cycles;
    return MX_OK;
}
