// roots_native.c - words of native code that may be references: static data, C stacks, registers.
//
// Every aligned word there is a possible reference: counted only where a reference count asks for it.
#include "heap/roots.h"

// ---- static data ------------------------------------------------------------------------------

// The runtime's and the main interpreter's state have their members listed.
static bool is_state(const struct mx_heap *heap, mx_addr place)
{
    return place - heap->runtime.addr < (uint64_t)heap->decoder.layout->runtime_size;
}

// To 3.9 the type attribute cache is static: {u32 version, name, value}; the name is counted, the
// value is not (Objects/typeobject.c, struct method_cache_entry).
static bool is_cached_attribute(struct mx_heap *heap, mx_addr place)
{
    struct header header;
    uint64_t version = word_at(&heap->decoder, place - 16);
    return heap->decoder.layout->interp_type_cache == ABSENT && version && version <= UINT32_MAX &&
           object_header(&heap->decoder, word_at(&heap->decoder, place - 8), &header) &&
           heap->decoder.types[header.type]->family == FAMILY_STR;
}

// Collects what a word of static data refers to, or a block of memory that it points to.
struct variable {
    struct visitor visitor;
    struct mx_heap *heap;
    uint32_t root;
    mx_addr place;
    bool blocks;
};

static void variable_edge(struct visitor *visitor, struct edge edge)
{
    struct variable *variable = (struct variable *)visitor;
    struct mx_heap *heap = variable->heap;
    struct header header;
    if (!regions_find(&heap->regions, edge.to) ||
        !heap_check_object(heap, edge.to, false, &header) ||
        (edge.kind == EDGE_STATIC && is_cached_attribute(heap, variable->place)))
        return;
    if (edge.kind == EDGE_STATIC && heap->decoder.layout->interp_interned == ABSENT &&
        heap->decoder.types[header.type]->family == FAMILY_DICT &&
        looks_like_interned(&heap->decoder, edge.to))
        roots_add_interned(heap, edge.to); // to 3.11: static PyObject *interned
    if (heap->root_edges.count < LIMIT_ROOT_EDGES)
        (void)vector_push(&heap->root_edges,
                          ((struct root_edge){edge, variable->root, variable->place}));
}

static bool variable_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    struct variable *variable = (struct variable *)visitor;
    return kind == CLAIM_BLOCK && variable->blocks && heap_claim(variable->heap, memory) &&
           vector_push(&variable->heap->root_blocks, memory);
}

static void scan_words(struct mx_heap *heap, const struct variable *range, mx_addr start,
                       mx_addr end)
{
    struct variable variable = *range;
    end = start + 8 * decoder_take(&heap->decoder, (end - start) / 8);
    for (mx_addr place = start; place < end; place += 8) {
        mx_addr to = word_at(&heap->decoder, place);
        variable.place = place;
        if (to && to % 8 == 0 && !is_state(heap, place) && regions_find(&heap->regions, to))
            possible_visit(&heap->decoder,
                           (struct edge){to, place, EDGE_STATIC, HOLD_POSSIBLE, false},
                           &variable.visitor);
    }
}

// Of the interpreter's own data the free lists would lead to dead objects, of the C library's the
// lists of free chunks to freed memory.
static bool may_own_blocks(const struct mx_heap *heap, const struct static_range *range)
{
    static const char *const ALLOCATORS[] = {"libc.", "libc-", "ld-", "ld.", "libpython"};
    const char *slash = strrchr(range->path, '/'), *name = slash ? slash + 1 : range->path;
    for (size_t i = 0; i < sizeof ALLOCATORS / sizeof ALLOCATORS[0]; i++)
        if (strncmp(name, ALLOCATORS[i], strlen(ALLOCATORS[i])) == 0)
            return false;
    return heap->runtime.addr < range->start || heap->runtime.addr >= range->end;
}

// What was made read-only after loading (.got, .data.rel.ro) refers to nothing that is counted.
void roots_scan_static(struct mx_heap *heap, const struct static_range *range)
{
    struct collector collector = {{root_collect, NULL}, heap, 0};
    if (range->end - range->start > LIMIT_STATIC || !root_add(heap, &collector, ROOT_NATIVE))
        return;
    struct variable variable = {.visitor = {variable_edge, variable_claim},
                                .heap = heap,
                                .root = collector.root,
                                .blocks = may_own_blocks(heap, range)};
    const char *slash = strrchr(range->path, '/');
    struct text text = root_name(heap, &collector);
    text_add_escaped(&text, slash ? slash + 1 : range->path);
    text_add(&text, " static data");
    for (mx_addr at = (range->start + 7) & ~7ull;
         at < range->end && decoder_take(&heap->decoder, 1);) {
        const struct mapping *mapping = maps_find(heap->maps, at);
        mx_addr end = mapping && mapping->end < range->end ? mapping->end : range->end;
        if (mapping && mapping->writable)
            scan_words(heap, &variable, at, end);
        at = mapping ? end : at + 4096;
    }
}

// ---- C stacks ---------------------------------------------------------------------------------

static bool add_native(struct mx_heap *heap, uint32_t root, mx_addr to, mx_addr place)
{
    struct header header;
    struct edge edge = {to, place, EDGE_NATIVE, HOLD_POSSIBLE, false};
    if (!to || to % 8 || !regions_find(&heap->regions, to) ||
        !heap_check_object(heap, to, false, &header))
        return true;
    return heap->root_edges.count < LIMIT_ROOT_EDGES &&
           vector_push(&heap->root_edges, ((struct root_edge){edge, root, 0}));
}

// What C functions that are running work with: arguments, results, frames' own references. Below
// the stack pointer stands what others have left.
void roots_scan_stack(struct mx_heap *heap, const struct thread_registers *thread)
{
    struct collector collector = {{root_collect, NULL}, heap, 0};
    const struct mapping *mapping = maps_find(heap->maps, thread->stack_pointer);
    if (!mapping || !root_add(heap, &collector, ROOT_THREAD))
        return;
    struct text text = root_name(heap, &collector);
    text_add(&text, "thread %d C stack", thread->tid);
    heap->roots.items[collector.root].tid = thread->tid;
    for (size_t i = 0; i < thread->count; i++)
        if (!add_native(heap, collector.root, thread->words[i], 0))
            return;
    mx_addr start = thread->stack_pointer & ~7ull;
    uint64_t count = decoder_take(&heap->decoder, (stack_end(thread, mapping) - start) / 8);
    for (mx_addr place = start; place < start + 8 * count; place += 8)
        if (!add_native(heap, collector.root, word_at(&heap->decoder, place), place))
            return;
}
