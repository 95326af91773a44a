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

struct object_list {
    const struct layout_object *objects;
    size_t count;
};

static struct object_list objects_of(const struct layout *layout)
{
    return (struct object_list){layout->objects, layout->object_count};
}

static struct object_list module_states_of(const struct layout *layout)
{
    return (struct object_list){layout->module_states, layout->module_state_count};
}

static const struct layout_object *find_sized(struct object_list list, const char *name,
                                              uint32_t nbytes, bool unknown_too)
{
    const struct layout_object *found =
        list.count
            ? bsearch(name, list.objects, list.count, sizeof list.objects[0], compare_type_name)
            : NULL;
    bool fits = found && (found->nbytes == nbytes || (unknown_too && found->nbytes == 0));
    return fits ? found : NULL;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a < b ? b - a : a - b;
}

// A struct is the same from one micro version to the next unless its size says otherwise.
static const struct layout_object *
find_nearest(const struct layout *layout, const char *name, uint32_t nbytes,
             struct object_list (*list_of)(const struct layout *))
{
    const struct layout_object *best = find_sized(list_of(layout), name, nbytes, true);
    if (best)
        return best;
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct layout *table = tables[i];
        uint32_t away = distance(table->version_hex, layout->version_hex);
        if (table->free_threaded != layout->free_threaded || table->debug != layout->debug ||
            away >= least || minor_of(table->version_hex) != minor_of(layout->version_hex))
            continue;
        const struct layout_object *found = find_sized(list_of(table), name, nbytes, false);
        if (found) {
            best = found;
            least = away;
        }
    }
    return best;
}

const struct layout_object *layout_object_find(const struct layout *layout, const char *type_name,
                                               uint32_t nbytes)
{
    return find_nearest(layout, type_name, nbytes, objects_of);
}

const struct layout_object *layout_module_state_find(const struct layout *layout, const char *name,
                                                     uint32_t nbytes)
{
    return find_nearest(layout, name, nbytes, module_states_of);
}
