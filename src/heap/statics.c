// statics.c - data segments of the mapped ELF files, out of their own headers in memory.
#include "heap/statics.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"
#include "memory/elf_symbols.h"

mx_status statics_read(struct memory *memory, const struct maps *maps, struct statics *ret,
                       struct mx_error *err)
{
    mx_addr end_before = 0;
    *ret = (struct statics){0};
    for (size_t i = 0; i < maps->count; i++) {
        const struct mapping *mapping = &maps->items[i];
        struct elf_image image;
        if (mapping->file_offset || !mapping->inode || !mapping->readable ||
            elf_image_open(memory, mapping->start, &image, NULL) != MX_OK ||
            image.data_start < end_before || image.data_end <= image.data_start)
            continue;
        end_before = image.data_end;
        if (!vector_push(&ret->ranges, ((struct static_range){image.data_start, image.data_end,
                                                              mapping->path, mapping->start})))
            return fail_no_memory(err);
    }
    return MX_OK;
}

static int compare_ends(const void *a, const void *b)
{
    const struct static_range *x = a, *y = b;
    return x->end < y->end ? -1 : x->end > y->end;
}

// glibc and musl keep a thread's own data, at which its register points, in the last page of its stack.
// What is mapped right behind may be the next arena: the kernel makes one mapping of both.
mx_addr stack_end(const struct thread_registers *thread, const struct mapping *mapping)
{
#ifdef THREAD_REGISTER
    mx_addr self = thread->count > THREAD_REGISTER ? thread->words[THREAD_REGISTER] : 0;
    mx_addr end = (self | 4095) + 1;
    if (self >= thread->stack_pointer && end < mapping->end)
        return end;
#else
    (void)thread;
#endif
    return mapping->end;
}

mx_status statics_read_stacks(const struct thread_registers *threads, size_t count,
                              const struct maps *maps, struct statics *ret, struct mx_error *err)
{
    *ret = (struct statics){0};
    struct static_range *ranges;
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = maps_find(maps, threads[i].stack_pointer);
        mx_addr end = mapping ? stack_end(&threads[i], mapping) : 0;
        if (mapping && !vector_push(&ret->ranges,
                                    ((struct static_range){mapping->start, end, mapping->path, 0})))
            return fail_no_memory(err);
    }
    ranges = ret->ranges.items;
    if (ret->ranges.count)
        qsort(ranges, ret->ranges.count, sizeof *ranges, compare_ends);
    for (size_t i = 1; i < ret->ranges.count; i++) // two stacks in one mapping
        if (ranges[i].start < ranges[i - 1].end)
            ranges[i].start = ranges[i - 1].end;
    return MX_OK;
}

void statics_free(struct statics *statics)
{
    vector_free(&statics->ranges);
}

const struct static_range *statics_find(const struct statics *statics, mx_addr addr)
{
    const struct static_range *ranges = statics->ranges.items;
    size_t after = sorted_upto(ranges, statics->ranges.count, addr);
    return after && addr < ranges[after - 1].end ? &ranges[after - 1] : NULL;
}
