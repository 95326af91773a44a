// variables.c - names of static variables: a library's file first, then its dynamic symbols in memory.
#include "heap/variables.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "memory/elf_symbols.h"
#include "memory/elf_variables.h"

struct library {
    bool opened;
    bool has_image;
    struct elf_image image;
    struct elf_variables variables;
};

struct libraries {
    size_t count; // one for each range of the statics
    struct library items[];
};

static struct libraries *libraries_of(struct mx_heap *heap)
{
    size_t count = heap->statics.ranges.count;
    if (!heap->libraries)
        heap->libraries = calloc(1, sizeof *heap->libraries + count * sizeof(struct library));
    if (heap->libraries)
        heap->libraries->count = count;
    return heap->libraries;
}

static void library_open(struct mx_heap *heap, const struct static_range *range,
                         struct library *library)
{
    const struct mapping *mapping = maps_find(heap->maps, range->base);
    library->opened = true;
    library->has_image = elf_image_open(heap->memory, range->base, &library->image, NULL) == MX_OK;
    if (!mapping || !library->has_image)
        return;
    cleanup(close_fd) int fd = elf_mapped_file(&heap->image, heap->memory, mapping);
    if (fd < 0 || !elf_variables_read(fd, &library->variables) || !library->variables.items.count)
        elf_variables_of_image(heap->memory, &library->image, &library->variables);
}

void variable_name(struct mx_heap *heap, mx_addr place, char *buffer, size_t nbytes,
                   uint64_t *ret_offset)
{
    const struct static_range *range = statics_find(&heap->statics, place);
    struct libraries *libraries = libraries_of(heap);
    struct text text;
    text_init(&text, buffer, nbytes);
    *ret_offset = 0;
    if (!range || !libraries)
        return;
    struct library *library = &libraries->items[range - heap->statics.ranges.items];
    if (!library->opened)
        library_open(heap, range, library);
    const char *slash = strrchr(range->path, '/');
    text_add_escaped(&text, slash ? slash + 1 : range->path);
    mx_addr bias = library->has_image ? library->image.bias : range->base;
    const char *name;
    *ret_offset = place - bias;
    if (elf_variables_find(&library->variables, place - bias, &name, ret_offset)) {
        text_add(&text, ": ");
        text_add_escaped(&text, name);
    }
}

void libraries_free(struct libraries *libraries)
{
    for (size_t i = 0; libraries && i < libraries->count; i++)
        elf_variables_free(&libraries->items[i].variables);
    free(libraries);
}
