// allocator.c - pools of pymalloc and chunks of glibc's malloc, read as untrusted bytes.
//
//   pool: | header 48 | block | block | ... |    header: count, freeblock, szidx, nextoffset
//   chunk: | prev_size | size+flags | user data ... | next chunk's size has PREV_INUSE
#include "heap/allocator.h"

#include <stdlib.h>

#include "base/error.h"
#include "heap/mimalloc.h"

// Objects/obmalloc.c, struct pool_header and the constants above it; the same in 3.8 to 3.15.
enum {
    POOL_HEADER = 48,
    POOL_COUNT = 0,
    POOL_PAD = 4,
    POOL_FREEBLOCK = 8,
    POOL_SZIDX = 36,
    POOL_NEXTOFFSET = 40,
    POOL_MAXNEXTOFFSET = 44,
    SIZE_CLASSES = 32,
    ALIGNMENT = 16,
};

#define POOL_NBYTES_MAX 16384
#define FREE_WORDS (POOL_NBYTES_MAX / ALIGNMENT / 64)
#define POOL_SLOTS 1024 // enough for the pools that a walk meets at about the same time

struct pool {
    mx_addr addr;                      // 0: the slot is empty
    uint32_t block_nbytes, nextoffset; // block_nbytes 0: there is no pool here
    uint64_t free[FREE_WORDS];         // one bit for 16 bytes
};

struct pool_cache {
    struct pool slots[POOL_SLOTS];
};

mx_status allocator_init(struct allocator *allocator, struct memory *memory,
                         const struct layout *layout, struct mx_error *err)
{
    *allocator = (struct allocator){.memory = memory,
                                    .pool_nbytes = layout->pool_nbytes,
                                    .separates_objects = layout->free_threaded};
    allocator->pools = calloc(1, sizeof *allocator->pools);
    return allocator->pools ? MX_OK : fail_no_memory(err);
}

void allocator_fini(struct allocator *allocator)
{
    free(allocator->pools);
    mimalloc_free(allocator->mimalloc);
    *allocator = (struct allocator){0};
}

static uint32_t u32_of(const uint8_t *bytes, size_t offset)
{
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static uint64_t u64_of(const uint8_t *bytes, size_t offset)
{
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

// A pool in use proves itself: its numbers agree with each other.
static bool header_makes_sense(const struct allocator *allocator, const uint8_t *header,
                               struct pool *pool)
{
    uint32_t szidx = u32_of(header, POOL_SZIDX), count = u32_of(header, POOL_COUNT);
    if (szidx >= SIZE_CLASSES || u32_of(header, POOL_PAD))
        return false;
    uint32_t size = (szidx + 1) * ALIGNMENT;
    uint32_t next = u32_of(header, POOL_NEXTOFFSET);
    if (count > (allocator->pool_nbytes - POOL_HEADER) / size ||
        u32_of(header, POOL_MAXNEXTOFFSET) != allocator->pool_nbytes - size || next < POOL_HEADER ||
        next > allocator->pool_nbytes || (next - POOL_HEADER) % size)
        return false;
    pool->block_nbytes = size;
    pool->nextoffset = next;
    return true;
}

static void pool_read(struct allocator *allocator, mx_addr addr, struct pool *pool)
{
    memset(pool, 0, sizeof *pool);
    pool->addr = addr;
    const uint8_t *bytes = memory_at(allocator->memory, addr, allocator->pool_nbytes);
    if (!bytes || !header_makes_sense(allocator, bytes, pool))
        return;
    uint64_t block = u64_of(bytes, POOL_FREEBLOCK);
    for (uint32_t steps = allocator->pool_nbytes / ALIGNMENT; block && steps; steps--) {
        uint64_t offset = block - addr;
        if (offset < POOL_HEADER || offset > allocator->pool_nbytes - 8 ||
            (offset - POOL_HEADER) % pool->block_nbytes) {
            pool->block_nbytes = 0; // the chain leaves the pool: it is none
            return;
        }
        pool->free[offset / ALIGNMENT / 64] |= 1ull << (offset / ALIGNMENT % 64);
        block = u64_of(bytes, offset);
    }
}

static const struct pool *pool_at(struct allocator *allocator, mx_addr addr)
{
    mx_addr start = addr & ~(mx_addr)(allocator->pool_nbytes - 1);
    struct pool *pool = &allocator->pools->slots[start / allocator->pool_nbytes % POOL_SLOTS];
    if (pool->addr != start || !start)
        pool_read(allocator, start, pool);
    return pool;
}

static enum block_state pool_state(const struct pool *pool, mx_addr addr)
{
    uint64_t offset = addr - pool->addr;
    if (offset < POOL_HEADER || (offset - POOL_HEADER) % pool->block_nbytes)
        return BLOCK_INSIDE;
    if (offset >= pool->nextoffset)
        return BLOCK_FREE; // not handed out yet
    return pool->free[offset / ALIGNMENT / 64] >> (offset / ALIGNMENT % 64) & 1 ? BLOCK_FREE
                                                                                : BLOCK_USED;
}

static bool block_is_used(const struct pool *pool, uint32_t offset)
{
    return !(pool->free[offset / ALIGNMENT / 64] >> (offset / ALIGNMENT % 64) & 1);
}

void pymalloc_each_used(struct allocator *allocator, mx_addr start, mx_addr end, block_fn *fn,
                        void *data)
{
    uint32_t nbytes = allocator->pool_nbytes, count;
    start = (start + nbytes - 1) & ~(mx_addr)(nbytes - 1);
    for (mx_addr addr = start; addr < end && end - addr >= nbytes; addr += nbytes) {
        struct pool pool;
        pool_read(allocator, addr, &pool);
        uint32_t used = 0;
        for (uint32_t at = POOL_HEADER; pool.block_nbytes && at < pool.nextoffset;
             at += pool.block_nbytes)
            used += block_is_used(&pool, at);
        if (!used || !memory_u32(allocator->memory, addr + POOL_COUNT, &count) || count != used)
            continue;
        for (uint32_t at = POOL_HEADER; at < pool.nextoffset; at += pool.block_nbytes)
            if (block_is_used(&pool, at))
                fn(data, addr + at, pool.block_nbytes);
    }
}

bool has_debug_head(struct allocator *allocator, mx_addr addr)
{
    static const uint8_t FORBIDDEN[7] = {0xFD, 0xFD, 0xFD, 0xFD, 0xFD, 0xFD, 0xFD};
    const uint8_t *head = memory_at(allocator->memory, addr - DEBUG_HEAD, DEBUG_HEAD);
    return head && (head[8] == 'o' || head[8] == 'm' || head[8] == 'r') &&
           memcmp(head + 9, FORBIDDEN, sizeof FORBIDDEN) == 0;
}

bool allocator_owns(struct allocator *allocator, mx_addr addr)
{
    if (allocator->mimalloc)
        return mimalloc_owns(allocator->mimalloc, addr);
    return pool_at(allocator, addr)->block_nbytes != 0;
}

void block_strip_hooks(struct allocator *allocator, mx_addr *addr, uint64_t *nbytes)
{
    // Two heads where the hooks of one API pass a large block on to those of another.
    for (int heads = 0; heads < 2 && *nbytes >= 2 * DEBUG_HEAD; heads++) {
        uint64_t size;
        if (!has_debug_head(allocator, *addr + DEBUG_HEAD) ||
            !memory_u64(allocator->memory, *addr, &size))
            return;
        size = __builtin_bswap64(size);
        if (size > *nbytes - DEBUG_HEAD)
            return;
        *addr += DEBUG_HEAD;
        *nbytes = size;
    }
}

enum block_state pymalloc_state(struct allocator *allocator, mx_addr addr)
{
    const struct pool *pool = pool_at(allocator, addr);
    if (!pool->block_nbytes)
        return BLOCK_UNKNOWN;
    enum block_state state = pool_state(pool, addr);
    if (state == BLOCK_INSIDE && has_debug_head(allocator, addr))
        state = pool_state(pool, addr - DEBUG_HEAD);
    return state;
}

// glibc malloc/malloc.c, struct malloc_chunk
enum { PREV_INUSE = 1, IS_MMAPPED = 2, CHUNK_FLAGS = 7, CHUNK_LEAST = 32, CHUNK_HEAD = 16 };
#define PAGE 4096 // mmapped chunks are made of whole ones
#define LIMIT_CHUNK (1ull << 46)

// Up to glibc 2.42 the size of an mmapped chunk is that of its pages, from 2.43 on without its head.
uint64_t mapped_chunk_nbytes(uint64_t size)
{
    return size % PAGE == 0 ? size : (size + CHUNK_HEAD) % PAGE == 0 ? size + CHUNK_HEAD : 0;
}

// *ret_nbytes is set when the block is used.
static enum block_state chunk_state(struct allocator *allocator, mx_addr addr, uint64_t nbytes,
                                    uint64_t *ret_nbytes)
{
    uint64_t word, next;
    if (addr % ALIGNMENT || !memory_u64(allocator->memory, addr - 8, &word))
        return BLOCK_UNKNOWN;
    uint64_t size = word & ~(uint64_t)CHUNK_FLAGS;
    if (size < CHUNK_LEAST || size % ALIGNMENT || size > LIMIT_CHUNK || size - 8 < nbytes)
        return BLOCK_UNKNOWN;
    // The last word of a chunk in use lies in the next one's head, but for mmapped ones.
    *ret_nbytes = size - CHUNK_HEAD / 2;
    if (word & IS_MMAPPED) {
        uint64_t whole = mapped_chunk_nbytes(size);
        *ret_nbytes = whole - CHUNK_HEAD;
        return (addr - CHUNK_HEAD) % PAGE == 0 && whole ? BLOCK_USED : BLOCK_UNKNOWN;
    }
    if (!memory_u64(allocator->memory, addr - 8 + size, &next) ||
        (next & ~(uint64_t)CHUNK_FLAGS) > LIMIT_CHUNK)
        return BLOCK_UNKNOWN;
    return next & PREV_INUSE ? BLOCK_USED : BLOCK_FREE;
}

enum block_state malloc_state(struct allocator *allocator, mx_addr addr, uint64_t nbytes)
{
    // Two heads where the hooks of one API pass a large block on to those of another.
    for (int heads = 0; heads < 2 && has_debug_head(allocator, addr); heads++) {
        addr -= DEBUG_HEAD;
        nbytes += DEBUG_HEAD;
    }
    uint64_t unused;
    return chunk_state(allocator, addr, nbytes, &unused);
}

static bool may_hold_objects(const struct allocator *allocator, int tag)
{
    return tag != MIMALLOC_MEM || !allocator->separates_objects;
}

enum block_state allocator_state(struct allocator *allocator, mx_addr addr)
{
    int tag = 0;
    if (!allocator->mimalloc)
        return allocator->pymalloc ? pymalloc_state(allocator, addr) : BLOCK_UNKNOWN;
    enum block_state state = mimalloc_state(allocator->mimalloc, addr, &tag);
    if (state == BLOCK_INSIDE && has_debug_head(allocator, addr))
        state = mimalloc_state(allocator->mimalloc, addr - DEBUG_HEAD, &tag);
    return state == BLOCK_USED && !may_hold_objects(allocator, tag) ? BLOCK_INSIDE : state;
}

// The mimalloc of another micro version may be the one: what a table has of it depends on nothing else.
static bool uses_mimalloc(struct allocator *allocator, const struct layout *layout, mx_addr block)
{
    if (mimalloc_new(allocator->memory, layout, &allocator->mimalloc, NULL) == MX_OK &&
        allocator_state(allocator, block) == BLOCK_USED)
        return true;
    mimalloc_free(allocator->mimalloc);
    allocator->mimalloc = NULL;
    return false;
}

void allocator_probe(struct allocator *allocator, const struct layout *layout, mx_addr small,
                     mx_addr large)
{
    bool found = uses_mimalloc(allocator, layout, small);
    for (size_t i = 0; !found && i < layout_count(); i++)
        if (layout_at(i)->free_threaded == layout->free_threaded &&
            layout_at(i)->mimalloc_shape != layout->mimalloc_shape)
            found = uses_mimalloc(allocator, layout_at(i), small);
    allocator->pymalloc = !found && pymalloc_state(allocator, small) == BLOCK_USED;
    allocator->malloc = malloc_state(allocator, large, 1) == BLOCK_USED;
}

bool allocator_confirms(struct allocator *allocator, mx_addr addr, uint64_t nbytes)
{
    enum block_state state = allocator_state(allocator, addr);
    if (state != BLOCK_UNKNOWN || allocator->mimalloc)
        return state == BLOCK_USED; // mimalloc lets nothing go to malloc
    return !allocator->malloc || malloc_state(allocator, addr, nbytes) == BLOCK_USED;
}

// A word in the middle of a block may look like a chunk's head whose size leads to something like
// another: that a few follow each other is no accident. The last one ends where the memory does.
#define CHAIN 4

static bool chunks_follow(struct allocator *allocator, mx_addr addr, uint64_t nbytes)
{
    mx_addr at = addr - CHUNK_HEAD + ((nbytes + CHUNK_HEAD / 2) & ~(uint64_t)CHUNK_FLAGS);
    uint64_t word;
    for (int i = 0; i < CHAIN && memory_u64(allocator->memory, at + 8, &word); i++) {
        uint64_t size = word & ~(uint64_t)CHUNK_FLAGS;
        if (size < CHUNK_LEAST || size % ALIGNMENT || size > LIMIT_CHUNK)
            return false;
        at += size;
    }
    return true;
}

// Of the block in use that starts at addr, with what hooks have put into it.
static uint64_t used_nbytes(struct allocator *allocator, mx_addr addr)
{
    uint64_t nbytes = 0;
    if (allocator->mimalloc && (nbytes = mimalloc_block_nbytes(allocator->mimalloc, addr)))
        return nbytes;
    const struct pool *pool = allocator->pymalloc ? pool_at(allocator, addr) : NULL;
    if (pool && pool->block_nbytes)
        return pool_state(pool, addr) == BLOCK_USED ? pool->block_nbytes : 0;
    bool malloc = allocator->malloc || allocator->mimalloc; // C code has its own memory from malloc
    if (!malloc || chunk_state(allocator, addr, 1, &nbytes) != BLOCK_USED)
        return 0;
    bool mapped = nbytes % ALIGNMENT == 0; // the others have half a head more
    return mapped || chunks_follow(allocator, addr, nbytes) ? nbytes : 0;
}

uint64_t allocator_block_nbytes(struct allocator *allocator, mx_addr addr)
{
    mx_addr start = addr;
    for (int heads = 0; heads < 2 && has_debug_head(allocator, start); heads++)
        start -= DEBUG_HEAD;
    uint64_t nbytes = used_nbytes(allocator, start);
    block_strip_hooks(allocator, &start, &nbytes);
    return start == addr ? nbytes : 0;
}

struct each_used {
    block_fn *fn;
    void *data;
};

static void pass_on(void *data, mx_addr addr, uint64_t nbytes, int tag)
{
    const struct each_used *each = data;
    (void)tag;
    each->fn(each->data, addr, nbytes);
}

void allocator_each_used(struct allocator *allocator, mx_addr start, mx_addr end, block_fn *fn,
                         void *data)
{
    struct each_used each = {fn, data};
    if (allocator->mimalloc)
        mimalloc_each_used(allocator->mimalloc, start, end, pass_on, &each);
    else if (allocator->pymalloc)
        pymalloc_each_used(allocator, start, end, fn, data);
}
