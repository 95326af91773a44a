// memory.h - the bytes of a target by address, wherever they come from. Knows no Python.
//
//   memory_at(m, addr, n) -> bytes here
//        |-- segments: whole mappings, copied (a captured process, a fake one in a test)
//        '-- windows:  pages fetched on demand (a few looks at a live process, or at ourselves)
//
// Nothing here believes an address: every read is bounded, and a miss is NULL, which costs nothing.
#ifndef MX_MEMORY_MEMORY_H
#define MX_MEMORY_MEMORY_H

#include <string.h>

#include "memexplorer.h"

struct segment {
    mx_addr start;
    uint64_t nbytes;
    const uint8_t *bytes; // local copy; bytes[0] is the byte at `start`
};

struct window; // a run of fetched pages

// Reads up to nbytes at addr into buffer; how many it could read from the start of the range.
typedef size_t memory_fetch_fn(void *data, mx_addr addr, void *buffer, size_t nbytes);

struct memory {
    struct segment *segments; // sorted by start, never overlapping
    size_t segment_count, segment_capacity;
    struct segment last;    // what the last hit was in: nearly always the next hit's too
    memory_fetch_fn *fetch; // NULL: the segments are all there is
    void *fetch_data;
    // private: every window, and a hash table that finds them by page
    struct window *windows;
    struct window_slot *slots;
    size_t slot_count, slot_capacity;
    uint64_t window_nbytes;
    uint64_t wasted_nbytes; // read for windows that then came to nothing
};

// An empty memory, safe to free. `fetch` may be NULL.
void memory_init(struct memory *memory, memory_fetch_fn *fetch, void *fetch_data);
// Unmaps nothing: segments belong to whoever added them; windows are freed.
void memory_fini(struct memory *memory);

// Adds bytes the memory does not own. MX_BAD_ARGUMENT when it overlaps another or wraps around.
mx_status memory_add(struct memory *memory, mx_addr start, const void *bytes, uint64_t nbytes,
                     struct mx_error *err);

// Drops the windows, so that the next read sees the target as it is then. Pointers that memory_at
// gave from windows end here.
void memory_forget(struct memory *memory);

const uint8_t *memory_at_slow(struct memory *memory, mx_addr addr, uint64_t nbytes);

// nbytes readable bytes at addr, or NULL when not all of them can be read. Valid until
// memory_forget. Not aligned. nbytes 0 always succeeds, with a pointer to nothing. nbytes may be
// large: a window that would pass LIMIT_WINDOWS (256 MiB in all) is a miss.
static inline const uint8_t *memory_at(struct memory *memory, mx_addr addr, uint64_t nbytes)
{
    uint64_t offset = addr - memory->last.start;
    if (__builtin_expect(offset < memory->last.nbytes && nbytes <= memory->last.nbytes - offset, 1))
        return memory->last.bytes + offset;
    return memory_at_slow(memory, addr, nbytes);
}

// One number of the target at addr; false when it cannot be read.
#define MEMORY_READER(name, type)                                                                  \
    static inline bool memory_##name(struct memory *memory, mx_addr addr, type *ret)               \
    {                                                                                              \
        const uint8_t *bytes = memory_at(memory, addr, sizeof *ret);                               \
        if (!bytes)                                                                                \
            return false;                                                                          \
        memcpy(ret, bytes, sizeof *ret);                                                           \
        return true;                                                                               \
    }
MEMORY_READER(u8, uint8_t)
MEMORY_READER(u16, uint16_t)
MEMORY_READER(u32, uint32_t)
MEMORY_READER(u64, uint64_t)
#undef MEMORY_READER

// The same, 0 when it cannot be read.
static inline uint64_t memory_word(struct memory *memory, mx_addr addr)
{
    uint64_t word = 0;
    memory_u64(memory, addr, &word);
    return word;
}

static inline uint32_t memory_half(struct memory *memory, mx_addr addr)
{
    uint32_t half = 0;
    memory_u32(memory, addr, &half);
    return half;
}

// A C string of at most size - 1 bytes, cut when longer; false when its start cannot be read.
bool memory_string(struct memory *memory, mx_addr addr, char *buffer, size_t size);

#endif
