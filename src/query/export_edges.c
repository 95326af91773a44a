// export_edges.c - labels of references as Chrome DevTools names edges.
//
//   .attr            property attr          [3]        element 3
//   ['key']          property key           [3]        property 3 (a key of a dict)
//   .__class__       internal __class__     local x    context x
//   stack 3          internal stack 3       {member}   internal member
//
// What does not count in the reference count is a weak edge, whatever its label: it retains nothing.
#include "query/export_edges.h"

#include <string.h>

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// "[3]" to 3; false for anything else, and for what has no room in 32 bits.
static bool read_index(const char *label, size_t nbytes, uint32_t *ret)
{
    uint64_t index = 0;
    if (nbytes < 3 || nbytes > 12 || label[0] != '[' || label[nbytes - 1] != ']')
        return false;
    for (size_t i = 1; i < nbytes - 1; i++) {
        if (label[i] < '0' || label[i] > '9')
            return false;
        index = index * 10 + (uint64_t)(label[i] - '0');
    }
    *ret = (uint32_t)index;
    return index <= UINT32_MAX;
}

// Without the first and the last characters.
static void strip(struct edge_name *name, size_t before, size_t after)
{
    name->bytes += before;
    name->nbytes -= before + after;
}

static enum edge_type name_attribute(struct edge_name *name)
{
    strip(name, 1, 0);
    bool special = name->nbytes > 4 && has_prefix(name->bytes, "__") &&
                   memcmp(name->bytes + name->nbytes - 2, "__", 2) == 0;
    return special ? EDGE_INTERNAL : EDGE_PROPERTY;
}

static enum edge_type name_item(uint8_t family, struct edge_name *name)
{
    if (family != SNAPSHOT_DICT && read_index(name->bytes, name->nbytes, &name->index))
        return EDGE_ELEMENT;
    char quote = name->nbytes > 4 ? name->bytes[1] : '\0';
    if ((quote == '\'' || quote == '"') && name->bytes[name->nbytes - 2] == quote &&
        name->bytes[name->nbytes - 1] == ']')
        strip(name, 2, 2);
    else if (name->nbytes > 2 && name->bytes[name->nbytes - 1] == ']')
        strip(name, 1, 1);
    return EDGE_PROPERTY;
}

struct edge_name edge_name_of(uint8_t family, uint8_t hold, const char *label)
{
    struct edge_name name = {.bytes = label, .nbytes = strlen(label)};
    if (label[0] == '.' && name.nbytes > 1) {
        name.type = name_attribute(&name);
    } else if (label[0] == '[') {
        name.type = name_item(family, &name);
    } else if (label[0] == '{' && name.nbytes > 2 && label[name.nbytes - 1] == '}') {
        name.type = EDGE_INTERNAL;
        strip(&name, 1, 1);
    } else if (has_prefix(label, "local ") || has_prefix(label, "closure ")) {
        name.type = EDGE_CONTEXT;
        strip(&name, (size_t)(strchr(label, ' ') - label) + 1, 0);
    } else {
        name.type = EDGE_INTERNAL;
    }
    // DevTools reads internal names that begin with a number as those of WeakMaps, which retain less.
    if (name.type == EDGE_INTERNAL && name.nbytes && name.bytes[0] >= '0' && name.bytes[0] <= '9')
        name.type = EDGE_PROPERTY;
    if (hold == MX_OWNED)
        return name;
    if (name.type == EDGE_ELEMENT)
        strip(&name, 1, 1); // a weak edge has a name
    name.type = EDGE_WEAK;
    return name;
}
