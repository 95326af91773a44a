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
    if (fd >= 0)
        elf_variables_read(fd, &library->variables);
}

// The name inside the library; "" when there is none.
static void name_inside(struct mx_heap *heap, struct library *library, mx_addr place,
                        struct text *text, uint64_t *ret_offset)
{
    char exported[256];
    const char *name = NULL, *section = NULL;
    uint64_t offset, into;
    if (elf_variables_find(&library->variables, place - library->image.bias, &name, &offset) &&
        name[0] == '.')
        section = name;
    if (name && !section) {
        *ret_offset = offset;
        text_add(text, ": ");
        text_add_escaped(text, name);
    } else if (elf_image_symbol_around(heap->memory, &library->image, place, exported,
                                       sizeof exported, &into)) {
        *ret_offset = into;
        text_add(text, ": ");
        text_add_escaped(text, exported);
    } else if (section) {
        *ret_offset = offset;
        text_add(text, ": ");
        text_add_escaped(text, section);
    }
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
    *ret_offset = place - (library->has_image ? library->image.bias : range->base);
    if (library->has_image)
        name_inside(heap, library, place, &text, ret_offset);
}

void libraries_free(struct libraries *libraries)
{
    for (size_t i = 0; libraries && i < libraries->count; i++)
        elf_variables_free(&libraries->items[i].variables);
    free(libraries);
}
