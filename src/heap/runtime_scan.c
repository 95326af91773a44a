// runtime_scan.c - looks for CPython's state in the data of mapped files, word by word.
//
//   PyType_Type   its ob_type is itself, its tp_name is "type"
//   _PyRuntime    begins with the cookie of _Py_DebugOffsets (3.13 on), or has an interpreter with a
//                 thread that points back at it where one of the tables says
//
// Knows no version: where things are is said by the tables. Offers, and leaves the proof to others.
#include "heap/runtime_scan.h"

#include "heap/heap.h"
#include "heap/statics.h"
#include "layout/layout.h"

#define LIMIT_DATA (64u << 20)       // bytes of one file's data: CPython has 2 MiB
#define COOKIE 0x7970677562656478ull // "xdebugpy"

struct scan {
    struct memory *memory;
    const struct maps *maps;
    const struct static_range *range;
    runtime_fn *fn;
    void *data;
};

static uint64_t word_of(const struct scan *scan, mx_addr addr)
{
    return memory_word(scan->memory, addr);
}

static bool is_type_type(const struct scan *scan, mx_addr addr, int32_t object_size)
{
    char name[8];
    return word_of(scan, addr + (uint64_t)object_size - 8) == addr &&
           memory_string(scan->memory, word_of(scan, addr + (uint64_t)object_size + 8), name,
                         sizeof name) &&
           strcmp(name, "type") == 0;
}

// Types are laid out as in the first table that has headers of this size; all have tp_name first.
static mx_addr find_type_type(const struct scan *scan)
{
    for (mx_addr addr = scan->range->start; addr < scan->range->end; addr += 8)
        for (size_t i = 0; i < layout_count(); i++) {
            int32_t size = layout_at(i)->object_size;
            if ((i == 0 || size != layout_at(i - 1)->object_size) && is_type_type(scan, addr, size))
                return addr;
        }
    return 0;
}

static bool is_data(const struct scan *scan, mx_addr addr)
{
    const struct mapping *mapping = addr % 8 ? NULL : maps_find(scan->maps, addr);
    return mapping && mapping->writable;
}

// The main interpreter is in the list of all.
static bool is_listed(const struct scan *scan, mx_addr interp, mx_addr head,
                      const struct layout *table)
{
    for (int i = 0; head != interp && i < LIMIT_INTERPRETERS; i++) {
        if (!is_data(scan, head))
            return false;
        head = word_of(scan, head + (uint64_t)table->interp_next);
    }
    return head == interp;
}

// An interpreter whose first thread belongs to it.
static bool may_be_runtime(const struct scan *scan, mx_addr addr, const struct layout *table)
{
    mx_addr interp = word_of(scan, addr + (uint64_t)table->runtime_interpreters_main);
    mx_addr head = word_of(scan, addr + (uint64_t)table->runtime_interpreters_head);
    if (!is_data(scan, interp) || !is_listed(scan, interp, head, table))
        return false;
    mx_addr thread = word_of(scan, interp + (uint64_t)table->interp_threads_head);
    return is_data(scan, thread) &&
           word_of(scan, thread + (uint64_t)table->tstate_interp) == interp;
}

static bool any_table_fits(const struct scan *scan, mx_addr addr)
{
    for (size_t i = 0; i < layout_count(); i++)
        if (layout_at(i)->debug_offsets_size == ABSENT && may_be_runtime(scan, addr, layout_at(i)))
            return true;
    return false;
}

static bool scan_range(const struct scan *scan)
{
    mx_addr type_type = find_type_type(scan);
    for (mx_addr addr = scan->range->start; type_type && addr < scan->range->end; addr += 8)
        if ((word_of(scan, addr) == COOKIE || any_table_fits(scan, addr)) &&
            scan->fn(scan->data, addr, type_type, scan->range->path))
            return true;
    return false;
}

bool runtime_scan(struct memory *memory, const struct maps *maps, runtime_fn *fn, void *data)
{
    struct statics statics;
    bool found = false;
    if (statics_read(memory, maps, &statics, NULL) != MX_OK)
        return false;
    for (size_t i = 0; i < statics.ranges.count && !found; i++) {
        struct static_range range = statics.ranges.items[i];
        range.start = (range.start + 7) & ~7ull;
        const struct scan scan = {memory, maps, &range, fn, data};
        found = range.end - range.start <= LIMIT_DATA && scan_range(&scan);
    }
    statics_free(&statics);
    return found;
}
