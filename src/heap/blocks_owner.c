// blocks_owner.c - whose a block is: who points to it, or into it.
//
// Words of objects' structs come first, for they are surest, then variables of libraries, CPython's
// own state, objects that nothing refers to, C stacks, and memory that nobody described. After each
// kind of owner the blocks are followed that the found ones point to, so that the way is short.
// A pointer may lead into a block: behind a prefix (values of 3.11), with a tag in its lowest bits.
#include "base/error.h"
#include "heap/blocks.h"

#define LIMIT_STEPS 1000            // a linked list is a chain of blocks; the number is only told
#define LIMIT_MEMORY (4ull << 30)   // of all of it
#define LIMIT_MAPPING (64ull << 20) // of memory that nobody described: more is data, not variables

struct owning {
    struct mx_heap *heap;
    struct blocks *blocks;
    mx_addr first, last; // of all blocks
    VECTOR(uint32_t) queue;
    size_t next;
    struct block found; // what to write into a block that is met
    bool failed;
};

static void own_word(struct owning *owning, mx_addr place, uint64_t word)
{
    if (word < owning->first || word >= owning->last)
        return;
    struct block *block = blocks_at(owning->blocks, word & ~7ull);
    if (!block || block->owner != BLOCK_LOST)
        return;
    // The last word of a chunk is the next one's head, which malloc's own lists point to. An object may
    // mean it: the items of a list of one, behind their number (3.13t on).
    if (owning->found.owner != BLOCK_OF_OBJECT && block->nbytes > 8 && word != block->addr &&
        word - block->addr >= block->nbytes - 8 &&
        malloc_run_find(&owning->blocks->walk, block->addr))
        return;
    uint32_t number = (uint32_t)(block - owning->blocks->items.items);
    block->place = place;
    block->from = owning->found.from;
    block->first = owning->found.steps ? owning->found.first : number;
    block->steps = owning->found.steps;
    block->owner = owning->found.owner;
    block->counted = owning->found.counted;
    owning->failed |= !vector_push(&owning->queue, number);
}

static void own_words(struct owning *owning, mx_addr start, mx_addr end)
{
    struct decoder *decoder = &owning->heap->decoder;
    const uint8_t *bytes;
    start = (start + 7) & ~7ull;
    if (start >= end || !(bytes = memory_at(decoder->memory, start, end - start)))
        return;
    for (mx_addr place = start; place + 8 <= end; place += 8) {
        uint64_t word;
        memcpy(&word, bytes + (place - start), sizeof word);
        own_word(owning, place, word);
    }
}

// The blocks that the ones found so far point to are their owners' as well.
static void own_queued(struct owning *owning)
{
    while (owning->next < owning->queue.count) {
        uint32_t number = owning->queue.items[owning->next++];
        struct block block = owning->blocks->items.items[number];
        owning->found = block;
        owning->found.from = number;
        owning->found.steps = (uint16_t)(block.steps < LIMIT_STEPS ? block.steps + 1 : block.steps);
        // What a module's state points to is not looked at by its decoder.
        if (block.owner == BLOCK_OF_OBJECT && !block.steps) {
            struct mx_heap *heap = owning->heap;
            enum family family = heap->decoder.types[heap->types[block.from]]->family;
            owning->found.counted &= family != FAMILY_MODULE;
        }
        own_words(owning, block.addr, block.addr + block.nbytes);
    }
}

// ---- owners -----------------------------------------------------------------------------------

// Does a decoder tell all references that instances keep outside their struct?
static bool is_described(const struct type_info *type)
{
    return type->family != FAMILY_GENERIC || type->behind != NULL;
}

// Families whose own struct points to no memory but objects; a subclass may.
static const bool IS_WHOLE[FAMILY_COUNT] = {
    [FAMILY_NONE] = true,  [FAMILY_INT] = true,     [FAMILY_BOOL] = true,
    [FAMILY_FLOAT] = true, [FAMILY_COMPLEX] = true, [FAMILY_BYTES] = true,
    [FAMILY_TUPLE] = true, [FAMILY_CELL] = true,    [FAMILY_METHOD] = true,
};

// A static type is a PyTypeObject, though tp_basicsize of `type` is that of a PyHeapTypeObject: what
// lies behind it are other variables.
static uint64_t struct_nbytes(struct decoder *decoder, mx_addr addr, const struct type_info *type)
{
    const struct layout *l = decoder->layout;
    bool is_static =
        type->family == FAMILY_TYPE && !(field_at(decoder, addr, l->type_flags) & FLAG_HEAPTYPE);
    return is_static ? (uint64_t)l->type_size : type->basicsize;
}

static void own_object(struct owning *owning, mx_addr addr, const struct type_info *type)
{
    if (IS_WHOLE[type->family] && type->basicsize <= type->family_nbytes && !type->preheader)
        return;
    // Its characters stand where others have pointers.
    if (type->family == FAMILY_STR && str_is_ascii(&owning->heap->decoder, addr))
        return;
    owning->found.counted = true;
    if (type->preheader) { // values and dict, in front of the GC head where there is one (3.11 on)
        mx_addr block = addr - object_prefix(&owning->heap->decoder, addr, type);
        own_words(owning, block, block + 16);
    }
    owning->found.counted = is_described(type);
    own_words(owning, addr, addr + struct_nbytes(&owning->heap->decoder, addr, type));
}

static void own_by_objects(struct owning *owning)
{
    struct mx_heap *heap = owning->heap;
    owning->found = (struct block){.owner = BLOCK_OF_OBJECT};
    for (uint32_t i = 0; i < heap->count; i++) {
        owning->found.from = i;
        owning->found.steps = 0;
        own_object(owning, heap->addresses[i], heap->decoder.types[heap->types[i]]);
    }
    own_queued(owning);
}

static bool is_cpython(const struct mx_heap *heap, const struct static_range *range)
{
    return heap->runtime.addr >= range->start && heap->runtime.addr < range->end;
}

// Data of libraries, or CPython's own.
static void own_by_statics(struct owning *owning, bool cpython)
{
    struct mx_heap *heap = owning->heap;
    owning->found = (struct block){.owner = cpython ? BLOCK_OF_INTERPRETER : BLOCK_OF_VARIABLE,
                                   .counted = cpython};
    for (size_t i = 0; i < heap->statics.ranges.count; i++) {
        const struct static_range *range = &heap->statics.ranges.items[i];
        if (is_cpython(heap, range) != cpython || range->end - range->start > LIMIT_STATIC)
            continue;
        for (mx_addr at = range->start; at < range->end;) {
            const struct mapping *mapping = maps_find(heap->maps, at);
            mx_addr end = mapping && mapping->end < range->end ? mapping->end : range->end;
            if (mapping && mapping->writable)
                own_words(owning, at, end);
            at = mapping ? end : at + 4096;
        }
    }
    own_queued(owning);
}

static void own_by_unreached(struct owning *owning)
{
    for (size_t i = 0; i < owning->blocks->unreached.count; i++) {
        const struct unreached *unreached = &owning->blocks->unreached.items[i];
        owning->found = (struct block){.owner = BLOCK_OF_UNREACHED, .from = (uint32_t)i};
        own_object(owning, unreached->addr, owning->heap->decoder.types[unreached->type]);
    }
    own_queued(owning);
}

static void own_by_stacks(struct owning *owning)
{
    const struct image *image = &owning->heap->image;
    for (size_t i = 0; i < image->register_count; i++) {
        const struct thread_registers *thread = &image->registers[i];
        const struct mapping *mapping = maps_find(owning->heap->maps, thread->stack_pointer);
        owning->found = (struct block){.owner = BLOCK_OF_STACK, .from = (uint32_t)i};
        for (size_t k = 0; k < thread->count; k++)
            own_word(owning, 0, thread->words[k]);
        if (mapping)
            own_words(owning, thread->stack_pointer & ~7ull, stack_end(thread, mapping));
    }
    own_queued(owning);
}

// The C library keeps the stacks of threads that have ended for others to come, each behind its guard
// page (nptl/allocatestack.c): what stands there is stale. From glibc 2.42 on the guard is no mapping.
static bool is_old_stack(const struct maps *maps, size_t i)
{
    const struct mapping *guard = i ? &maps->items[i - 1] : NULL;
    return guard && guard->end == maps->items[i].start && guard->end - guard->start == 4096 &&
           !guard->readable && !guard->writable && !guard->executable;
}

// Private anonymous memory that neither an allocator nor a stack has: thread-local variables of the
// main thread, for one.
static void own_by_memory(struct owning *owning)
{
    struct mx_heap *heap = owning->heap;
    uint64_t left = LIMIT_MEMORY;
    owning->found = (struct block){.owner = BLOCK_OF_MEMORY};
    for (size_t i = 0; i < heap->maps->count; i++) {
        const struct mapping *mapping = &heap->maps->items[i];
        if (!mapping->writable || mapping->shared || mapping->inode ||
            mapping->end - mapping->start > LIMIT_MAPPING || mapping->end - mapping->start > left ||
            statics_find(&heap->statics, mapping->start) || is_old_stack(heap->maps, i))
            continue;
        left -= mapping->end - mapping->start;
        for (mx_addr page = mapping->start; page < mapping->end; page += 4096)
            if (!malloc_run_find(&owning->blocks->walk, page) &&
                !malloc_run_find(&owning->blocks->walk, page + 4095) &&
                !statics_find(&heap->stacks, page) && !allocator_owns(&heap->allocator, page))
                own_words(owning, page, page + 4096);
    }
    own_queued(owning);
}

mx_status blocks_find_owners(struct mx_heap *heap, struct blocks *blocks, struct mx_error *err)
{
    struct owning owning = {.heap = heap, .blocks = blocks};
    if (!blocks->items.count)
        return MX_OK;
    const struct block *last = &blocks->items.items[blocks->items.count - 1];
    owning.first = blocks->items.items[0].addr;
    owning.last = last->addr + last->nbytes;
    own_by_objects(&owning);
    own_by_statics(&owning, false);
    own_by_statics(&owning, true);
    own_by_unreached(&owning);
    own_by_stacks(&owning);
    own_by_memory(&owning);
    vector_free(&owning.queue);
    return owning.failed ? fail_no_memory(err) : MX_OK;
}
