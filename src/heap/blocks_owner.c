// blocks_owner.c - whose a block is: who points to it, or into it.
//
// Words of objects' structs come first, for they are surest, then variables of libraries, CPython's
// own state, objects that nothing refers to, C stacks, and memory that nobody described. After each
// kind of owner the blocks are followed that the found ones point to, so that the way is short.
// A pointer may lead into a block: behind a prefix (values of 3.11), with a tag in its lowest bits. Into
// the middle of a large one lead numbers, too, and words that were left behind where nobody has
// written: who has its address itself is asked first, and they when nobody has.
#include <stdlib.h>

#include "base/error.h"
#include "heap/blocks.h"

#define LIMIT_STEPS 1000            // a linked list is a chain of blocks; the number is only told
#define LIMIT_MEMORY (4ull << 30)   // of all of it
#define LIMIT_MAPPING (64ull << 20) // of memory that nobody described: more is data, not variables
#define LARGE_NBYTES 4096           // of a block that is not given away for a word into its middle
#define PREFIX_NBYTES 64            // in front of what an owner calls the beginning

struct owning {
    struct mx_heap *heap;
    struct blocks *blocks;
    mx_addr first, last; // of all blocks
    VECTOR(uint32_t) queue;
    size_t next;
    struct block found; // what to write into a block that is met
    bool anywhere;      // words into the middle of large blocks count
    bool passed_over;   // some did not
    bool *buffer_types; // [types]
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
    if (!owning->anywhere && block->nbytes > LARGE_NBYTES &&
        (word & ~7ull) - block->addr > PREFIX_NBYTES) {
        owning->passed_over = true;
        return;
    }
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

// Types whose instances own a buffer of bytes or characters, of which not all may have been written.
static bool *buffer_types(struct decoder *decoder)
{
    static const char *const NAMES[] = {"_io.BufferedReader", "_io.BufferedWriter",
                                        "_io.BufferedRandom", "_io.StringIO",
                                        "_csv.reader",        "_csv.writer"};
    bool *ret = calloc((size_t)decoder->type_count + 1, sizeof *ret);
    for (uint32_t type = 0; ret && type < decoder->type_count; type++)
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && !ret[type]; i++)
            ret[type] = decoder->types[type]->family == FAMILY_GENERIC &&
                        type_inherits(decoder, type, NAMES[i]);
    return ret;
}

// Bytes of a block that its object points to which may hold pointers: behind a module's C state, in the
// block that has it, stands what that held before.
static uint64_t written_nbytes(struct owning *owning, const struct block *block)
{
    struct mx_heap *heap = owning->heap;
    uint32_t type = heap->types[block->from];
    uint64_t nbytes;
    if (owning->buffer_types[type])
        return 0;
    if (heap->decoder.types[type]->family != FAMILY_MODULE ||
        module_state(&heap->decoder, heap->addresses[block->from], &nbytes) != block->addr)
        return block->nbytes;
    owning->found.counted = false; // its decoder does not look at what the state points to
    return nbytes < block->nbytes ? nbytes : block->nbytes;
}

// The blocks that the ones found so far point to are their owners' as well.
static void own_queued(struct owning *owning)
{
    while (owning->next < owning->queue.count) {
        uint32_t number = owning->queue.items[owning->next++];
        struct block block = owning->blocks->items.items[number];
        bool direct = block.owner == BLOCK_OF_OBJECT && !block.steps;
        owning->found = block;
        owning->found.from = number;
        owning->found.steps = (uint16_t)(block.steps < LIMIT_STEPS ? block.steps + 1 : block.steps);
        uint64_t nbytes = direct ? written_nbytes(owning, &block) : block.nbytes;
        own_words(owning, block.addr, block.addr + nbytes);
    }
}

// ---- owners -----------------------------------------------------------------------------------

// Does a decoder tell all references that instances keep outside their struct?
static bool is_described(const struct type_info *type)
{
    return type->family != FAMILY_GENERIC || type->behind != NULL;
}

// Families whose own struct points to no memory but objects; a subclass may. Of most of them not every
// word is written: slots of a frame, of a generator.
static const bool IS_WHOLE[FAMILY_COUNT] = {
    [FAMILY_NONE] = true,      [FAMILY_INT] = true,       [FAMILY_BOOL] = true,
    [FAMILY_FLOAT] = true,     [FAMILY_COMPLEX] = true,   [FAMILY_BYTES] = true,
    [FAMILY_TUPLE] = true,     [FAMILY_CELL] = true,      [FAMILY_METHOD] = true,
    [FAMILY_FUNCTION] = true,  [FAMILY_FRAME] = true,     [FAMILY_GENERATOR] = true,
    [FAMILY_EXCEPTION] = true, [FAMILY_LRU_CACHE] = true, [FAMILY_LRU_LINK] = true,
    [FAMILY_WEAKREF] = true,   [FAMILY_DATETIME] = true,  [FAMILY_MATCH] = true,
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

// Of a str: most end before the struct that tp_basicsize tells of, with characters where that has a
// pointer, and three bytes of `state` are never written.
static uint64_t own_str(struct owning *owning, mx_addr addr)
{
    const struct layout *l = owning->heap->decoder.layout;
    const int32_t pointers[] = {l->ascii_wstr, l->compact_utf8, l->unicode_data};
    uint64_t nbytes = str_head_nbytes(&owning->heap->decoder, addr);
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        if (pointers[i] > 0 && (uint64_t)pointers[i] < nbytes)
            own_words(owning, addr + (uint64_t)pointers[i], addr + (uint64_t)pointers[i] + 8);
    return (uint64_t)l->unicode_size;
}

// Of a code object, from 3.14 on: nothing is written to _co_unique_id with the GIL, and what was there
// before may point to any block (Objects/codeobject.c, init_code).
static uint64_t own_code(struct owning *owning, mx_addr addr)
{
    uint64_t offset = (uint64_t)owning->heap->decoder.layout->code_unique_id;
    own_words(owning, addr, addr + offset);
    return offset + 8;
}

// What its words point to, but for those that nobody has written.
static void own_object(struct owning *owning, mx_addr addr, const struct type_info *type)
{
    struct decoder *decoder = &owning->heap->decoder;
    uint64_t done = 0;
    owning->found.counted = true;
    if (type->preheader) { // values and dict, in front of the GC head where there is one (3.11 on)
        mx_addr block = addr - object_prefix(decoder, addr, type);
        own_words(owning, block, block + 16);
    }
    owning->found.counted = is_described(type);
    if (IS_WHOLE[type->family])
        done = type->family_nbytes;
    else if (type->family == FAMILY_STR)
        done = own_str(owning, addr);
    else if (type->family == FAMILY_CODE && decoder->layout->code_unique_id > 0)
        done = own_code(owning, addr);
    own_words(owning, addr + done, addr + struct_nbytes(decoder, addr, type));
}

// Classes come first: the table that a class and its instances share is the class's. Then those that
// are known to own what they point to: others may look into what is theirs, as a memoryview does.
enum turn { TURN_TYPES, TURN_OWNERS, TURN_OTHERS, TURNS };

static enum turn turn_of(const struct type_info *type)
{
    if (type->family == FAMILY_TYPE)
        return TURN_TYPES;
    return is_described(type) && type->family != FAMILY_MEMORYVIEW ? TURN_OWNERS : TURN_OTHERS;
}

static void own_by_objects(struct owning *owning)
{
    struct mx_heap *heap = owning->heap;
    owning->found = (struct block){.owner = BLOCK_OF_OBJECT};
    for (enum turn turn = 0; turn < TURNS; turn++)
        for (uint32_t i = 0; i < heap->count; i++) {
            const struct type_info *type = heap->decoder.types[heap->types[i]];
            if (turn_of(type) != turn)
                continue;
            owning->found.from = i;
            owning->found.steps = 0;
            own_object(owning, heap->addresses[i], type);
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
            if (!malloc_owns(&owning->blocks->walk, page) &&
                !malloc_owns(&owning->blocks->walk, page + 4095) &&
                !statics_find(&heap->stacks, page) && !allocator_owns(&heap->allocator, page))
                own_words(owning, page, page + 4096);
    }
    own_queued(owning);
}

static void own_all(struct owning *owning)
{
    owning->next = 0;
    own_by_objects(owning);
    own_by_statics(owning, false);
    own_by_statics(owning, true);
    own_by_unreached(owning);
    own_by_stacks(owning);
    own_by_memory(owning);
}

static bool has_large_lost(const struct blocks *blocks)
{
    for (size_t i = 0; i < blocks->items.count; i++)
        if (blocks->items.items[i].owner == BLOCK_LOST &&
            blocks->items.items[i].nbytes > LARGE_NBYTES)
            return true;
    return false;
}

mx_status blocks_find_owners(struct mx_heap *heap, struct blocks *blocks, struct mx_error *err)
{
    struct owning owning = {.heap = heap, .blocks = blocks};
    if (!blocks->items.count)
        return MX_OK;
    const struct block *last = &blocks->items.items[blocks->items.count - 1];
    if (!(owning.buffer_types = buffer_types(&heap->decoder)))
        return fail_no_memory(err);
    owning.first = blocks->items.items[0].addr;
    owning.last = last->addr + last->nbytes;
    own_all(&owning);
    if (owning.passed_over && has_large_lost(blocks)) {
        owning.anywhere = true;
        own_all(&owning);
    }
    free(owning.buffer_types);
    vector_free(&owning.queue);
    return owning.failed ? fail_no_memory(err) : MX_OK;
}
