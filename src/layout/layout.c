// layout.c - the table of tables, and the choice among them.
//
// Does no I/O and knows no version by number: which ones there are is said by tables/all.inc.
//
// To add a CPython version: tools/gen-layout /path/to/its/python, then commit its table.
#include "layout/layout.h"

#include <stdlib.h>
#include <string.h>

#include "layout/tables/all.inc"

#define TABLE_COUNT (sizeof tables / sizeof tables[0])

size_t layout_count(void)
{
    return TABLE_COUNT;
}

const struct layout *layout_at(size_t i)
{
    return i < TABLE_COUNT ? tables[i] : NULL;
}

// PY_VERSION_HEX without micro version and release level.
static uint32_t minor_of(uint32_t version_hex)
{
    return version_hex >> 16;
}

const struct layout *layout_for(uint32_t version_hex, bool free_threaded, bool debug)
{
    const struct layout *best = NULL;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct layout *table = tables[i];
        if (table->free_threaded != free_threaded || table->debug != debug)
            continue;
        if (minor_of(table->version_hex) != minor_of(version_hex))
            continue;
        if (best == NULL || table->version_hex <= version_hex)
            best = table;
    }
    return best || !debug ? best : layout_for(version_hex, free_threaded, false);
}

static int compare_type_name(const void *type_name, const void *object)
{
    return strcmp(type_name, ((const struct layout_object *)object)->type_name);
}

const struct layout_object *layout_object_members(const struct layout *layout,
                                                  const char *type_name)
{
    return bsearch(type_name, layout->objects, layout->object_count, sizeof layout->objects[0],
                   compare_type_name);
}
