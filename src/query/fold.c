// fold.c - each object, holders first, to its node.
#include "query/fold.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"

#define LIMIT_NODES (1u << 22) // more kinds of places than a person could ask for: 400 MB
#define LIMIT_ANCESTORS 12     // looked at for a chain: what a link of a list consists of
#define FIXED_REFERENCES 32    // a C struct has names for so many, a container has more
#define HASH_STEP 0x9E3779B97F4A7C15ull

struct folding {
    struct fold *fold;
    const struct snapshot *snapshot;
    struct map by_key; // hash of parent, type, place, ... -> node + 1
};

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * HASH_STEP;
    return hash ^ hash >> 32;
}

// Numbers and addresses in a root's name tell threads and blocks apart, which are alike here.
static uint64_t hash_name(const char *name, uint64_t hash)
{
    for (bool number = false; *name; name++) {
        bool digit = isdigit((unsigned char)*name) || (number && isxdigit((unsigned char)*name)) ||
                     (number && *name == 'x');
        if (!digit || !number)
            hash = mixed(hash, digit ? '0' : (uint8_t)*name);
        number = digit;
    }
    return hash;
}

// ---- nodes --------------------------------------------------------------------------------------

static mx_status add_node(struct folding *folding, struct fold_node node, uint32_t *ret,
                          struct mx_error *err)
{
    struct fold *fold = folding->fold;
    if (fold->node_count == fold->node_capacity) {
        uint32_t capacity = fold->node_capacity ? fold->node_capacity * 2 : 4096;
        struct fold_node *grown = realloc(fold->nodes, (size_t)capacity * sizeof *grown);
        if (!grown)
            return fail_no_memory(err);
        fold->nodes = grown;
        fold->node_capacity = capacity;
    }
    node.child = NO_NODE;
    node.other = MX_NO_OBJECT;
    node.back = NO_NODE;
    node.next = node.parent == NO_NODE ? NO_NODE : fold->nodes[node.parent].child;
    *ret = fold->node_count++;
    if (node.parent != NO_NODE)
        fold->nodes[node.parent].child = *ret;
    fold->nodes[*ret] = node;
    return MX_OK;
}

// What C code holds of a class as its own, beside functions: found by the names of static types.
static bool is_descriptor(const char *type)
{
    static const char *const NAMES[] = {"builtins.staticmethod",      "builtins.classmethod",
                                        "builtins.property",          "builtins.member_descriptor",
                                        "builtins.getset_descriptor", "builtins.method_descriptor",
                                        "builtins.wrapper_descriptor"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(type, NAMES[i]) == 0)
            return true;
    return false;
}

static void label_of(const struct folding *folding, uint32_t object, char *label, size_t nbytes)
{
    const struct hang *hang = folding->fold->hang;
    uint32_t holder = hang_holder(hang, object), place = hang->place[object];
    *label = '\0';
    if (holder != MX_NO_OBJECT && place != NO_PLACE)
        folding->snapshot->texts.label(folding->snapshot->texts.data, holder,
                                       column_at(&folding->snapshot->first, holder) + place, label,
                                       nbytes);
}

// A dict is what it is for by the name that its holder has for it.
static void describe_dict(const struct folding *folding, uint32_t object,
                          const struct fold_node *parent, struct fold_node *node)
{
    char label[64];
    label_of(folding, object, label, sizeof label);
    if (strcmp(label, ".__dict__") != 0)
        return;
    uint8_t family = parent->type == MX_NO_OBJECT ? SNAPSHOT_OTHER
                                                  : folding->snapshot->types[parent->type].family;
    node->is_namespace = family == SNAPSHOT_MODULE || family == SNAPSHOT_TYPE;
    node->is_attributes = !node->is_namespace;
    node->is_trunk = node->is_namespace && parent->is_trunk;
}

// Containers that the interpreter itself keeps: interned strings, codecs, builtins.
static bool is_interpreters(const struct folding *folding, const struct fold_node *parent)
{
    const struct snapshot *s = folding->snapshot;
    if (!parent->is_root || parent->largest == NO_PLACE)
        return false;
    const struct snapshot_root *root = &s->roots[parent->largest];
    const char *slash = strrchr(s->info.library, '/');
    const char *library = slash ? slash + 1 : s->info.library;
    return root->kind == ROOT_INTERPRETER || (root->kind == ROOT_NATIVE && *library &&
                                              strncmp(root->name, library, strlen(library)) == 0);
}

static void describe(const struct folding *folding, uint32_t object, const struct fold_node *parent,
                     struct fold_node *node)
{
    const struct snapshot *s = folding->snapshot;
    const struct snapshot_type *type = snapshot_type_of(s, object);
    uint64_t references = snapshot_references(s, object);
    switch ((enum snapshot_family)type->family) {
    case SNAPSHOT_DICT:
        describe_dict(folding, object, parent, node);
        break;
    case SNAPSHOT_TYPE:
    case SNAPSHOT_MODULE:
        node->is_trunk = parent->is_trunk;
        break;
    case SNAPSHOT_FUNCTION:
    case SNAPSHOT_BUILTIN:
        node->is_trunk = parent->is_trunk && !parent->is_root;
        break;
    case SNAPSHOT_FRAME: // one that runs: its locals are what a person sees
        node->is_trunk = parent->is_root && parent->place == ROOT_FRAME;
        break;
    case SNAPSHOT_TUPLE: // bases, and the order of their resolution
        node->is_code =
            parent->is_trunk && !parent->is_root && s->types[parent->type].family == SNAPSHOT_TYPE;
        break;
    case SNAPSHOT_CODE:
        node->is_code = true;
        break;
    case SNAPSHOT_OTHER:
        node->is_trunk = parent->is_trunk && is_descriptor(type->name);
        break;
    case SNAPSHOT_NONE:
    case SNAPSHOT_INT:
    case SNAPSHOT_BOOL:
    case SNAPSHOT_FLOAT:
    case SNAPSHOT_COMPLEX:
    case SNAPSHOT_STR:
    case SNAPSHOT_BYTES:
    case SNAPSHOT_BYTEARRAY:
    case SNAPSHOT_LIST:
    case SNAPSHOT_SET:
    case SNAPSHOT_METHOD:
    case SNAPSHOT_GENERATOR:
    case SNAPSHOT_CELL:
    case SNAPSHOT_WEAKREF:
    case SNAPSHOT_EXCEPTION:
    case SNAPSHOT_INSTANCE:
        break;
    }
    bool is_container = type->family == SNAPSHOT_LIST || type->family == SNAPSHOT_TUPLE ||
                        type->family == SNAPSHOT_SET || type->family == SNAPSHOT_DICT ||
                        (type->family == SNAPSHOT_OTHER && references > FIXED_REFERENCES);
    node->is_trunk |= is_container && is_interpreters(folding, parent);
    node->has_places = !is_container || node->is_namespace || node->is_attributes;
    node->is_code |= parent->is_code;
}

// ---- objects ------------------------------------------------------------------------------------

// The node of roots of one kind and name; modules have none between them and all.
static mx_status root_node(struct folding *folding, uint32_t reference, uint32_t *ret,
                           struct mx_error *err)
{
    const struct snapshot *s = folding->snapshot;
    uint32_t root = reference == NO_PLACE ? NO_PLACE : s->root_references[reference].root;
    enum root_kind kind = root == NO_PLACE ? ROOT_GARBAGE : (enum root_kind)s->roots[root].kind;
    *ret = NODE_ROOTS;
    if (kind == ROOT_MODULE)
        return MX_OK;
    uint64_t key = mixed(kind == ROOT_GARBAGE ? 1 : hash_name(s->roots[root].name, 1), kind + 1);
    uint64_t *known = map_put(&folding->by_key, key | 1);
    if (!known)
        return fail_no_memory(err);
    if (!*known) {
        struct fold_node node = {.parent = NODE_ROOTS,
                                 .type = MX_NO_OBJECT,
                                 .largest = root,
                                 .place = kind,
                                 .is_trunk = true,
                                 .is_root = true,
                                 .has_places = true};
        mx_status status = add_node(folding, node, ret, err);
        if (status)
            return status;
        *known = (uint64_t)*ret + 1;
    }
    *ret = (uint32_t)*known - 1;
    return MX_OK;
}

// Of what a root refers to: names tell locals apart, not the places that native code has for them.
static uint64_t root_place(const struct folding *folding, uint32_t object, uint32_t reference)
{
    const struct snapshot *s = folding->snapshot;
    char label[120];
    if (reference == NO_PLACE)
        return 0;
    const struct module_facts *module = &folding->fold->hang->modules[reference];
    switch ((enum root_kind)s->roots[s->root_references[reference].root].kind) {
    case ROOT_MODULE:
        return module->is_made ? 1 : module->of_file ? module->of_file : (uint64_t)object + 2;
    case ROOT_TYPE:
        return (uint64_t)object + 2;
    case ROOT_FRAME:
    case ROOT_THREAD:
    case ROOT_INTERPRETER:
        s->texts.root_label(s->texts.data, reference, label, sizeof label);
        return hash_name(label, 1);
    case ROOT_NATIVE:
    case ROOT_GARBAGE:
        break;
    }
    return 0;
}

// A holder like this one further up: the object is one more link of a chain.
static uint32_t find_link(const struct folding *folding, uint32_t parent, uint32_t type,
                          uint32_t place)
{
    const struct fold_node *nodes = folding->fold->nodes;
    uint32_t holder_type = nodes[parent].type;
    for (int i = 0; i < LIMIT_ANCESTORS && !nodes[parent].is_trunk; i++) {
        const struct fold_node *holder = &nodes[nodes[parent].parent];
        if (!holder->is_trunk && holder->type == holder_type && nodes[parent].type == type &&
            nodes[parent].place == place)
            return parent;
        parent = nodes[parent].parent;
    }
    return NO_NODE;
}

static mx_status child_node(struct folding *folding, uint32_t object, uint32_t parent,
                            uint64_t place, uint32_t *ret, struct mx_error *err)
{
    struct fold *fold = folding->fold;
    uint32_t type = (uint32_t)column_at(&folding->snapshot->type, object);
    uint32_t link = find_link(folding, parent, type, (uint32_t)place);
    if (link != NO_NODE) {
        fold->nodes[link].links++;
        fold->nodes[link].back = parent;
        *ret = link;
        return MX_OK;
    }
    uint64_t key = mixed(mixed(mixed(2, parent), type), place);
    uint64_t *known = map_put(&folding->by_key, key | 1);
    if (!known)
        return fail_no_memory(err);
    if (*known || fold->node_count >= LIMIT_NODES) {
        *ret = *known ? (uint32_t)*known - 1 : parent;
        return MX_OK;
    }
    struct fold_node node = {
        .parent = parent, .type = type, .place = (uint32_t)place, .largest = object};
    describe(folding, object, &fold->nodes[parent], &node);
    mx_status status = add_node(folding, node, ret, err);
    *known = (uint64_t)*ret + 1;
    return status;
}

static mx_status find_node(struct folding *folding, uint32_t object, uint32_t *ret,
                           struct mx_error *err)
{
    struct fold *fold = folding->fold;
    const struct hang *hang = fold->hang;
    uint32_t place = hang->place[object], holder = hang_holder(hang, object), parent;
    if (holder == MX_NO_OBJECT) {
        mx_status status = root_node(folding, place, &parent, err);
        return status ? status
                      : child_node(folding, object, parent, root_place(folding, object, place), ret,
                                   err);
    }
    parent = fold->node_of[holder];
    if (parent == NO_NODE) { // of a file whose dominators are wrong
        parent = fold->node_of[hang->before[object]];
        place = NO_PLACE;
    }
    const struct fold_node *holder_node = &fold->nodes[parent];
    if (place != NO_PLACE && !holder_node->has_places)
        place = 0;
    else if (place != NO_PLACE && !holder_node->is_namespace && place > FIXED_REFERENCES)
        place = FIXED_REFERENCES; // of a struct with a table of its own
    return child_node(folding, object, parent, place, ret, err);
}

static mx_status assign(struct folding *folding, struct mx_error *err)
{
    struct fold *fold = folding->fold;
    const struct snapshot *s = folding->snapshot;
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t object = fold->hang->order[i], number;
        mx_status status = find_node(folding, object, &number, err);
        if (status)
            return status;
        struct fold_node *node = &fold->nodes[number];
        uint64_t retained = column_at(&s->retained, object);
        fold->node_of[object] = number;
        node->count++;
        node->own_bytes += snapshot_nbytes(s, object);
        if (!node->is_root && retained > node->largest_bytes) {
            if (node->largest != object)
                node->other = node->largest;
            node->largest = object;
            node->largest_bytes = retained;
        } else if (node->largest != object) {
            node->other = object;
        }
    }
    return MX_OK;
}

static void sum_up(struct fold *fold)
{
    for (uint32_t i = 0; i < fold->node_count; i++) {
        fold->nodes[i].objects = fold->nodes[i].count;
        fold->nodes[i].bytes = fold->nodes[i].own_bytes;
    }
    for (uint32_t i = fold->node_count; i-- > 1;) {
        fold->nodes[fold->nodes[i].parent].objects += fold->nodes[i].objects;
        fold->nodes[fold->nodes[i].parent].bytes += fold->nodes[i].bytes;
    }
}

mx_status fold_make(const struct hang *hang, struct fold *ret, struct mx_error *err)
{
    *ret = (struct fold){.hang = hang};
    struct folding folding = {.fold = ret, .snapshot = hang->snapshot};
    size_t count = (size_t)hang->snapshot->object_count + 1;
    ret->node_of = malloc(count * sizeof *ret->node_of);
    if (!ret->node_of)
        return fail_no_memory(err);
    memset(ret->node_of, 0xFF, count * sizeof *ret->node_of);
    struct fold_node roots = {.parent = NO_NODE,
                              .type = MX_NO_OBJECT,
                              .largest = NO_PLACE,
                              .is_trunk = true,
                              .is_root = true,
                              .has_places = true};
    uint32_t first;
    mx_status status = add_node(&folding, roots, &first, err);
    if (!status)
        status = assign(&folding, err);
    map_free(&folding.by_key);
    if (!status)
        sum_up(ret);
    return status;
}

void fold_free(struct fold *fold)
{
    free(fold->nodes);
    free(fold->node_of);
    *fold = (struct fold){0};
}
