// memory.c - finding the local bytes of a remote address.
//
//   address --binary search--> segment         bytes that somebody copied and owns
//           --hash of page --> window          pages fetched when first asked for, owned here
//           --fetch---------->  new window
//
// A range that no single segment or window holds is put together in a window of its own, out of
// the segments and what `fetch` gives. Knows neither processes nor files: only `fetch` does.
#include "memory/memory.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"

#define PAGE_NBYTES 4096u
// A few looks at a process need a few hundred pages. Who needs more than this wants an image, and a
// length read from broken memory must not make us allocate more.
#define LIMIT_WINDOWS ((uint64_t)256 << 20)
// The same length may be read a million times, and each time what is missing is found at the end: past
// LIMIT_WINDOWS of such bytes only small windows are tried.
#define SMALL_WINDOW (16u << 10)

struct window {
    struct window *next;
    mx_addr start;
    uint64_t nbytes;
    uint8_t bytes[];
};

// Of all windows that hold the start of the page, the one that reaches furthest.
struct window_slot {
    uint64_t page;
    struct window *window; // NULL: the slot is free
};

void memory_init(struct memory *memory, memory_fetch_fn *fetch, void *fetch_data)
{
    *memory = (struct memory){.fetch = fetch, .fetch_data = fetch_data};
}

void memory_fini(struct memory *memory)
{
    memory_forget(memory);
    free(memory->segments);
    memory_init(memory, NULL, NULL);
}

void memory_forget(struct memory *memory)
{
    while (memory->windows) {
        struct window *next = memory->windows->next;
        free(memory->windows);
        memory->windows = next;
    }
    free(memory->slots);
    memory->slots = NULL;
    memory->slot_count = memory->slot_capacity = 0;
    memory->window_nbytes = memory->wasted_nbytes = 0;
    memory->last = (struct segment){0};
}

// ---- segments ---------------------------------------------------------------------------------

static bool segment_holds(const struct segment *segment, mx_addr addr, uint64_t nbytes)
{
    uint64_t offset = addr - segment->start;
    return offset < segment->nbytes && nbytes <= segment->nbytes - offset;
}

// Index of the first segment that ends after addr; segment_count when there is none.
static size_t segment_lower_bound(const struct memory *memory, mx_addr addr)
{
    const struct segment *segments = memory->segments;
    size_t after = sorted_upto(segments, memory->segment_count, addr);
    return after && addr - segments[after - 1].start < segments[after - 1].nbytes ? after - 1
                                                                                  : after;
}

static bool segments_reserve(struct memory *memory)
{
    if (memory->segment_count < memory->segment_capacity)
        return true;
    size_t capacity = memory->segment_capacity ? memory->segment_capacity * 2 : 16;
    struct segment *moved = reallocarray(memory->segments, capacity, sizeof *moved);
    if (!moved)
        return false;
    memory->segments = moved;
    memory->segment_capacity = capacity;
    return true;
}

mx_status memory_add(struct memory *memory, mx_addr start, const void *bytes, uint64_t nbytes,
                     struct mx_error *err)
{
    if (!nbytes)
        return MX_OK;
    mx_addr last;
    if (__builtin_add_overflow(start, nbytes - 1, &last))
        return fail(err, MX_BAD_ARGUMENT, "segment at 0x%llx wraps around the address space",
                    (unsigned long long)start);
    size_t index = segment_lower_bound(memory, start);
    if (index < memory->segment_count && memory->segments[index].start <= last)
        return fail(err, MX_BAD_ARGUMENT, "segment at 0x%llx overlaps the one at 0x%llx",
                    (unsigned long long)start, (unsigned long long)memory->segments[index].start);
    if (!segments_reserve(memory))
        return fail_no_memory(err);
    memmove(&memory->segments[index + 1], &memory->segments[index],
            (memory->segment_count - index) * sizeof *memory->segments);
    memory->segments[index] = (struct segment){start, nbytes, bytes};
    memory->segment_count++;
    memory->last = (struct segment){0}; // it may be a window, which segments take precedence over
    return MX_OK;
}

// ---- windows ----------------------------------------------------------------------------------

// The slot of the page, or the free one where it belongs. slot_capacity is a power of two.
static struct window_slot *slot_find(struct memory *memory, uint64_t page)
{
    size_t mask = memory->slot_capacity - 1;
    size_t index = (size_t)((page * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (memory->slots[index].window && memory->slots[index].page != page)
        index = (index + 1) & mask;
    return &memory->slots[index];
}

// Room for `more` pages with at least half of the slots left free.
static bool slots_reserve(struct memory *memory, size_t more)
{
    size_t capacity = memory->slot_capacity ? memory->slot_capacity : 256;
    while ((memory->slot_count + more) * 2 > capacity)
        capacity *= 2;
    if (capacity == memory->slot_capacity)
        return true;
    struct window_slot *old = memory->slots;
    size_t old_capacity = memory->slot_capacity;
    struct window_slot *slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    memory->slots = slots;
    memory->slot_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].window)
            *slot_find(memory, old[i].page) = old[i];
    free(old);
    return true;
}

static bool window_remember(struct memory *memory, struct window *window)
{
    uint64_t first = window->start / PAGE_NBYTES;
    uint64_t last = (window->start + (window->nbytes - 1)) / PAGE_NBYTES;
    if (!slots_reserve(memory, (size_t)(last - first + 1)))
        return false;
    for (uint64_t page = first; page <= last; page++) {
        struct window_slot *slot = slot_find(memory, page);
        mx_addr reach = slot->window ? slot->window->start + (slot->window->nbytes - 1) : 0;
        if (slot->window && reach >= window->start + (window->nbytes - 1))
            continue;
        memory->slot_count += !slot->window;
        *slot = (struct window_slot){page, window};
    }
    window->next = memory->windows;
    memory->windows = window;
    memory->window_nbytes += window->nbytes;
    return true;
}

static const struct window *window_find(struct memory *memory, mx_addr addr, uint64_t nbytes)
{
    if (!memory->slot_capacity)
        return NULL;
    const struct window *window = slot_find(memory, addr / PAGE_NBYTES)->window;
    if (!window)
        return NULL;
    struct segment held = {window->start, window->nbytes, window->bytes};
    return segment_holds(&held, addr, nbytes) ? window : NULL;
}

// Reads up to nbytes at addr from segments and `fetch`; how many could be read from the start.
static uint64_t read_pieces(struct memory *memory, mx_addr addr, uint8_t *buffer, uint64_t nbytes)
{
    uint64_t done = 0;
    while (done < nbytes) {
        mx_addr at = addr + done;
        uint64_t wanted = nbytes - done, got = 0;
        size_t index = segment_lower_bound(memory, at);
        const struct segment *next =
            index < memory->segment_count ? &memory->segments[index] : NULL;
        if (next && next->start <= at) {
            uint64_t left = next->nbytes - (at - next->start);
            got = left < wanted ? left : wanted;
            memcpy(buffer + done, next->bytes + (at - next->start), got);
        } else if (memory->fetch) {
            if (next && next->start - at < wanted)
                wanted = next->start - at;
            got = memory->fetch(memory->fetch_data, at, buffer + done, wanted);
        }
        if (!got)
            break;
        done += got;
    }
    return done;
}

// What to read for [addr, addr + nbytes): whole pages where only `fetch` can give them, and not a
// byte more where segments are involved, which may begin anywhere.
static void window_bounds(const struct memory *memory, mx_addr *addr, uint64_t *nbytes)
{
    mx_addr first = *addr & ~(mx_addr)(PAGE_NBYTES - 1);
    mx_addr last = (*addr + (*nbytes - 1)) | (PAGE_NBYTES - 1);
    size_t index = segment_lower_bound(memory, first);
    if (index < memory->segment_count && memory->segments[index].start <= last)
        return;
    *addr = first;
    *nbytes = last - first + 1;
}

static const struct window *window_fetch(struct memory *memory, mx_addr addr, uint64_t nbytes)
{
    mx_addr start = addr;
    uint64_t wanted = nbytes;
    window_bounds(memory, &start, &wanted);
    if (wanted > LIMIT_WINDOWS - memory->window_nbytes ||
        (wanted > SMALL_WINDOW && memory->wasted_nbytes > LIMIT_WINDOWS))
        return NULL;
    struct window *window = malloc(sizeof *window + wanted);
    if (!window)
        return NULL;
    window->start = start;
    window->nbytes = read_pieces(memory, start, window->bytes, wanted);
    if (window->nbytes < addr - start + nbytes || !window_remember(memory, window)) {
        memory->wasted_nbytes += window->nbytes;
        free(window);
        return NULL;
    }
    return window;
}

// ---- reading ----------------------------------------------------------------------------------

const uint8_t *memory_at_slow(struct memory *memory, mx_addr addr, uint64_t nbytes)
{
    static const uint8_t nothing[1];
    if (!nbytes)
        return nothing;
    mx_addr last;
    if (__builtin_add_overflow(addr, nbytes - 1, &last) || nbytes > UINT64_MAX - PAGE_NBYTES)
        return NULL;
    size_t index = segment_lower_bound(memory, addr);
    bool in_segment = index < memory->segment_count && memory->segments[index].start <= addr;
    if (in_segment && segment_holds(&memory->segments[index], addr, nbytes)) {
        memory->last = memory->segments[index];
        return memory->last.bytes + (addr - memory->last.start);
    }
    // With no `fetch`, only a range that goes on in the next segment can still be read.
    if (!memory->fetch && !in_segment)
        return NULL;
    const struct window *window = window_find(memory, addr, nbytes);
    if (!window)
        window = window_fetch(memory, addr, nbytes);
    if (!window)
        return NULL;
    if (memory->fetch && !in_segment) // a window over segments may not hide them
        memory->last = (struct segment){window->start, window->nbytes, window->bytes};
    return window->bytes + (addr - window->start);
}

bool memory_string(struct memory *memory, mx_addr addr, char *buffer, size_t size)
{
    if (!size)
        return false;
    size_t length = 0;
    while (length < size - 1) {
        mx_addr at = addr + length;
        if (at < addr)
            break; // the end of the address space
        size_t chunk = PAGE_NBYTES - at % PAGE_NBYTES;
        if (chunk > size - 1 - length)
            chunk = size - 1 - length;
        const uint8_t *bytes = memory_at(memory, at, chunk);
        if (!bytes) // a segment may end in the middle of a page
            bytes = memory_at(memory, at, chunk = 1);
        if (!bytes)
            break;
        const uint8_t *end = memchr(bytes, 0, chunk);
        memcpy(buffer + length, bytes, end ? (size_t)(end - bytes) : chunk);
        length += end ? (size_t)(end - bytes) : chunk;
        if (end) {
            buffer[length] = 0;
            return true;
        }
    }
    buffer[length] = 0;
    return length > 0 || (size == 1 && memory_at(memory, addr, 1));
}
