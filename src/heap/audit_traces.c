// audit_traces.c - every place where a reference to a subject may be, and what to call it.
//
//   words of static data, C stacks, registers, value stacks   (the heap's roots)
//   words of objects that nobody described, module state      (possible edges)
//   what unreached objects refer to                           (owned edges)
//   words of blocks that native code allocated                (blocks.c)
//
// Not looked at: blocks of objects whose decoder tells their references, which have been counted, and
// whose slots beyond the end are stale; blocks of CPython's own state, full of borrowed references
// and free lists.
#include <stdio.h>
#include <stdlib.h>

#include "heap/audit.h"
#include "heap/variables.h"

#define LIMIT_TRACES (1u << 22) // words found; a pool of one shared value may be everywhere
#define LIMIT_NAMES (1u << 20)

// ---- names ------------------------------------------------------------------------------------

static uint64_t hash_of(const char *text, uint64_t seed)
{
    uint64_t hash = 14695981039346656037ull ^ seed; // FNV-1a
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash | 1; // 0 is no key
}

const char *audit_name(struct audit *audit, const char *text)
{
    struct audit_names *names = &audit->names;
    for (uint64_t key = hash_of(text, names->seed);; key += 2) {
        uint64_t *number = names->items.count < LIMIT_NAMES ? map_put(&names->by_hash, key)
                                                            : map_find(&names->by_hash, key);
        if (!number)
            return "";
        if (*number && strcmp(names->items.items[*number - 1], text) != 0)
            continue;
        if (!*number) {
            char *name = strdup(text);
            if (!name || !vector_push(&names->items, name)) {
                free(name);
                audit->failed = true;
                return "";
            }
            *number = names->items.count;
        }
        return names->items.items[*number - 1];
    }
}

void audit_names_free(struct audit_names *names)
{
    for (size_t i = 0; i < names->items.count; i++)
        free(names->items.items[i]);
    vector_free(&names->items);
    map_free(&names->by_hash);
}

// ---- adding -----------------------------------------------------------------------------------

// The subject at addr that misses references, or NULL.
static const struct subject *subject_at(const struct audit *audit, mx_addr addr)
{
    size_t low = 0, high = audit->subjects.count;
    const struct subject *items = audit->subjects.items;
    if (!high || addr < items[0].addr || addr > items[high - 1].addr || addr % 8)
        return NULL;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (items[middle].addr < addr)
            low = middle + 1;
        else
            high = middle;
    }
    return items[low].addr == addr && items[low].missing > 0 ? &items[low] : NULL;
}

static void add_trace(struct audit *audit, const struct subject *subject, struct trace trace)
{
    trace.subject = (uint32_t)(subject - audit->subjects.items);
    if (audit->traces.count < LIMIT_TRACES)
        audit->failed |= !vector_push(&audit->traces, trace);
}

// ---- roots ------------------------------------------------------------------------------------

// "thread 812 C stack, running f at app.py:14"
static const char *name_stack(struct audit *audit, int tid, const char *what)
{
    char name[300];
    const struct mx_thread *thread = NULL;
    for (size_t i = 0; i < audit->heap->threads.count; i++) {
        const struct mx_thread *candidate = &audit->heap->threads.items[i];
        const struct thread_registers *registers =
            image_thread(&audit->heap->image, candidate->ident, candidate->native_id);
        if (registers && registers->tid == tid)
            thread = candidate;
    }
    if (!thread || !thread->frame_count || !thread->frames[0].function || !thread->frames[0].file) {
        snprintf(name, sizeof name, "thread %d %s", tid, what);
        return audit_name(audit, name);
    }
    const struct mx_frame *frame = &thread->frames[0];
    const char *slash = strrchr(frame->file, '/');
    snprintf(name, sizeof name, "thread %d %s, running %.80s at %.80s:%d", tid, what,
             frame->function, slash ? slash + 1 : frame->file, frame->line);
    return audit_name(audit, name);
}

static void trace_root(struct audit *audit, const struct root_edge *root_edge)
{
    const struct subject *subject = subject_at(audit, root_edge->edge.to);
    const struct root *root = &audit->heap->roots.items[root_edge->root];
    // Words of blocks that variables own are told by trace_blocks, unreached objects by trace_unreached.
    if (root_edge->edge.hold != HOLD_POSSIBLE || root_edge->edge.kind == EDGE_BLOCK ||
        root->unreached || !subject || heap_is_inside_object(audit->heap, root_edge->place))
        return;
    struct trace trace = {.holder = MX_HOLDER_FRAME, .offset = NO_OFFSET, .block = NO_BLOCK};
    if (root_edge->edge.kind == EDGE_STATIC) {
        char name[300];
        variable_name(audit->heap, root_edge->place, name, sizeof name, &trace.offset);
        trace.holder = MX_HOLDER_STATIC;
        trace.where = audit_name(audit, name);
        trace.place = root_edge->place;
    } else if (root_edge->edge.kind == EDGE_NATIVE) {
        trace.place = root_edge->edge.detail;
        trace.holder = trace.place ? MX_HOLDER_STACK : MX_HOLDER_REGISTER;
        trace.where = name_stack(audit, root->tid, trace.place ? "C stack" : "register");
    } else {
        trace.where = audit_name(audit, root->name);
    }
    add_trace(audit, subject, trace);
}

// ---- objects ----------------------------------------------------------------------------------

// "module _ssl", "frame of f at app.py:12", "functools._lru_list_elem"
static const char *name_object(struct audit *audit, mx_addr addr, uint32_t type)
{
    struct decoder *decoder = &audit->heap->decoder;
    struct text text;
    char name[300], module[150];
    text_init(&text, name, sizeof name);
    if (decoder->types[type]->family == FAMILY_FRAME) {
        object_kind(decoder, addr, type, name, sizeof name);
    } else if (decoder->types[type]->family == FAMILY_MODULE) {
        mx_addr dict = field_at(decoder, addr, decoder->layout->module_dict);
        text_add(&text, "module ");
        if (str_value(decoder, dict_get(decoder, dict, "__name__"), module, sizeof module))
            text_add_escaped(&text, module);
    } else {
        text_add(&text, "%s", type_qualified_name(decoder, type));
    }
    return audit_name(audit, name);
}

static mx_holder holder_of(enum family family)
{
    return family == FAMILY_MODULE  ? MX_HOLDER_MODULE_STATE
           : family == FAMILY_FRAME ? MX_HOLDER_FRAME
                                    : MX_HOLDER_STRUCT;
}

static void possible_edge(struct visitor *visitor, struct edge edge)
{
    struct audit *audit = (struct audit *)visitor;
    struct mx_heap *heap = audit->heap;
    const struct subject *subject = edge.hold == HOLD_POSSIBLE ? subject_at(audit, edge.to) : NULL;
    if (!subject)
        return;
    uint32_t type = heap->types[audit->from];
    if (!audit->where)
        audit->where = name_object(audit, heap->addresses[audit->from], type);
    add_trace(audit, subject,
              (struct trace){.holder = holder_of(heap->decoder.types[type]->family),
                             .where = audit->where,
                             .offset = NO_OFFSET,
                             .block = NO_BLOCK});
}

// trace_blocks passes over the blocks of objects whose decoder tells of them, and this decoder says
// that words of this one may be references: of a metaclass's part of a class, for one.
static bool untold_block(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    struct audit *audit = (struct audit *)visitor;
    const struct block *block = kind == CLAIM_BLOCK ? blocks_at(audit->blocks, memory) : NULL;
    return block && (block->counted || block->owner == BLOCK_OF_INTERPRETER) &&
           heap_claim(audit->heap, memory);
}

// Words of objects that may be references or not: of modules' state, of C structs that nobody
// described, and, to 3.10, of the value stacks of frames.
static void trace_objects(struct audit *audit)
{
    struct mx_heap *heap = audit->heap;
    audit->visitor.edge = possible_edge;
    audit->visitor.claim = untold_block;
    heap_claim_root_blocks(heap);
    for (uint32_t i = 0; i < heap->count; i++) {
        if (heap->decoder.types[heap->types[i]]->leaf)
            continue;
        audit->from = i;
        audit->where = NULL;
        object_visit(&heap->decoder, heap->addresses[i], heap->types[i], &audit->visitor);
    }
    heap_unclaim(heap);
    audit->visitor.claim = NULL;
}

static void unreached_edge(struct visitor *visitor, struct edge edge)
{
    struct audit *audit = (struct audit *)visitor;
    const struct unreached *unreached = &audit->blocks->unreached.items[audit->from];
    const struct subject *subject =
        edge.hold == HOLD_OWNED || edge.hold == HOLD_POSSIBLE ? subject_at(audit, edge.to) : NULL;
    if (!subject)
        return;
    if (!audit->where)
        audit->where = name_object(audit, unreached->addr, unreached->type);
    add_trace(audit, subject,
              (struct trace){.holder = MX_HOLDER_LEAKED,
                             .where = audit->where,
                             .offset = NO_OFFSET,
                             .block = NO_BLOCK});
}

static void trace_unreached(struct audit *audit)
{
    audit->visitor.edge = unreached_edge;
    for (uint32_t i = 0; i < audit->blocks->unreached.count; i++) {
        const struct unreached *unreached = &audit->blocks->unreached.items[i];
        audit->from = i;
        audit->where = NULL;
        object_visit(&audit->heap->decoder, unreached->addr, unreached->type, &audit->visitor);
    }
}

// ---- blocks -----------------------------------------------------------------------------------

static void add_owner(struct audit *audit, const struct block *first, struct text *text)
{
    struct mx_heap *heap = audit->heap;
    uint64_t offset;
    char name[300];
    switch ((enum block_owner)first->owner) {
    case BLOCK_LOST:
        text_add(text, "nothing");
        break;
    case BLOCK_OF_OBJECT:
        text_add(text, "%s",
                 name_object(audit, heap->addresses[first->from], heap->types[first->from]));
        break;
    case BLOCK_OF_VARIABLE:
        variable_name(heap, first->place, name, sizeof name, &offset);
        text_add(text, offset ? "%s+0x%llx" : "%s", name, (unsigned long long)offset);
        break;
    case BLOCK_OF_INTERPRETER:
        text_add(text, "interpreter state");
        break;
    case BLOCK_OF_UNREACHED:
        text_add(
            text, "unreached %s",
            type_qualified_name(&heap->decoder, audit->blocks->unreached.items[first->from].type));
        break;
    case BLOCK_OF_STACK:
        text_add(text, "%s", name_stack(audit, heap->image.registers[first->from].tid, "C stack"));
        break;
    case BLOCK_OF_MEMORY:
        text_add(text, "thread-local or mapped memory");
        break;
    }
}

// "leaky.so: box -> 24 bytes -> 32 bytes": the way to the block, whose inner part is left out.
static const char *name_block(struct audit *audit, const struct block *block)
{
    char name[300];
    struct text text;
    const struct block *items = audit->blocks->items.items;
    text_init(&text, name, sizeof name);
    add_owner(audit, block->owner == BLOCK_LOST ? block : &items[block->first], &text);
    if (block->steps > 0)
        text_add(&text, " -> %llu bytes", (unsigned long long)items[block->first].nbytes);
    if (block->steps > 2)
        text_add(&text, " -> ...");
    if (block->steps > 1)
        text_add(&text, " -> %llu bytes", (unsigned long long)items[block->from].nbytes);
    text_add(&text, " -> %llu bytes", (unsigned long long)block->nbytes);
    return audit_name(audit, name);
}

// What only a C stack points to is as sure as the stack, and what only unknown memory does, as that.
static mx_holder holder_of_block(const struct block *block)
{
    switch ((enum block_owner)block->owner) {
    case BLOCK_LOST:
        return MX_HOLDER_LOST_BLOCK;
    case BLOCK_OF_STACK:
        return MX_HOLDER_STACK;
    case BLOCK_OF_OBJECT:
    case BLOCK_OF_VARIABLE:
    case BLOCK_OF_INTERPRETER:
    case BLOCK_OF_UNREACHED:
        break;
    case BLOCK_OF_MEMORY:
        return MX_HOLDER_MEMORY;
    }
    return MX_HOLDER_BLOCK;
}

static void trace_block(struct audit *audit, uint32_t number)
{
    const struct block *block = &audit->blocks->items.items[number];
    const uint8_t *bytes = memory_at(audit->heap->memory, block->addr, block->nbytes);
    const char *where = NULL;
    for (uint64_t offset = 0; bytes && offset + 8 <= block->nbytes; offset += 8) {
        uint64_t word;
        memcpy(&word, bytes + offset, sizeof word);
        const struct subject *subject = subject_at(audit, word);
        if (!subject)
            continue;
        if (!where)
            where = name_block(audit, block);
        add_trace(audit, subject,
                  (struct trace){.holder = holder_of_block(block),
                                 .where = where,
                                 .offset = offset,
                                 .place = block->addr + offset,
                                 .block = number});
    }
}

static void trace_blocks(struct audit *audit)
{
    for (uint32_t i = 0; i < audit->blocks->items.count; i++) {
        const struct block *block = &audit->blocks->items.items[i];
        if (!block->counted && block->owner != BLOCK_OF_INTERPRETER)
            trace_block(audit, i);
    }
}

// ---- all --------------------------------------------------------------------------------------

void audit_find_traces(struct audit *audit)
{
    decoder_refill(&audit->heap->decoder);
    if (getrandom(&audit->names.seed, sizeof audit->names.seed, 0) < 0)
        audit->names.seed = 0; // names that collide take longer, no more
    for (size_t i = 0; i < audit->heap->root_edges.count; i++)
        trace_root(audit, &audit->heap->root_edges.items[i]);
    trace_objects(audit);
    trace_unreached(audit);
    trace_blocks(audit);
}
