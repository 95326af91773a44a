// columns_tables.c - the small tables of a snapshot: types, roots, blocks.
#include <stdlib.h>

#include "base/error.h"
#include "decode/table.h"
#include "heap/blocks.h"
#include "heap/columns.h"

// ---- types --------------------------------------------------------------------------------------

static enum snapshot_family public_family(const struct type_info *type, bool python)
{
    switch (type->family) {
    case FAMILY_NONE:
        return SNAPSHOT_NONE;
    case FAMILY_INT:
        return SNAPSHOT_INT;
    case FAMILY_BOOL:
        return SNAPSHOT_BOOL;
    case FAMILY_FLOAT:
        return SNAPSHOT_FLOAT;
    case FAMILY_COMPLEX:
        return SNAPSHOT_COMPLEX;
    case FAMILY_STR:
        return SNAPSHOT_STR;
    case FAMILY_BYTES:
        return SNAPSHOT_BYTES;
    case FAMILY_BYTEARRAY:
        return SNAPSHOT_BYTEARRAY;
    case FAMILY_LIST:
        return SNAPSHOT_LIST;
    case FAMILY_TUPLE:
        return SNAPSHOT_TUPLE;
    case FAMILY_DICT:
    case FAMILY_ORDERED_DICT:
        return SNAPSHOT_DICT;
    case FAMILY_SET:
        return SNAPSHOT_SET;
    case FAMILY_TYPE:
        return SNAPSHOT_TYPE;
    case FAMILY_MODULE:
        return SNAPSHOT_MODULE;
    case FAMILY_FUNCTION:
        return SNAPSHOT_FUNCTION;
    case FAMILY_METHOD:
        return SNAPSHOT_METHOD;
    case FAMILY_BUILTIN:
        return SNAPSHOT_BUILTIN;
    case FAMILY_CODE:
        return SNAPSHOT_CODE;
    case FAMILY_FRAME:
        return SNAPSHOT_FRAME;
    case FAMILY_GENERATOR:
        return SNAPSHOT_GENERATOR;
    case FAMILY_CELL:
        return SNAPSHOT_CELL;
    case FAMILY_WEAKREF:
        return SNAPSHOT_WEAKREF;
    case FAMILY_EXCEPTION:
        return SNAPSHOT_EXCEPTION;
    case FAMILY_GENERIC:
    case FAMILY_LEAF:
    case FAMILY_DEQUE:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MATCH:
    case FAMILY_MEMORYVIEW:
        break;
    }
    return python ? SNAPSHOT_INSTANCE : SNAPSHOT_OTHER;
}

// A class statement gives tp_name the bare name, a spec of C code that of the module in front
// (Objects/typeobject.c, type_new_init and PyType_FromMetaclass).
static bool is_python_class(struct decoder *decoder, const struct type_info *type)
{
    char name[200] = "";
    memory_string(decoder->memory, field_at(decoder, type->addr, decoder->layout->type_name), name,
                  sizeof name);
    return type->heap && *name && !strchr(name, '.') &&
           dict_get(decoder, type->dict, "__module__") != 0;
}

// A module without a file is built in, unless it is what runs.
static bool is_user_module(struct decoder *decoder, mx_addr modules, mx_addr name)
{
    char text[200], path[600];
    if (!str_value(decoder, name, text, sizeof text))
        return false;
    mx_addr module = dict_get(decoder, modules, text);
    mx_addr dict = module ? field_at(decoder, module, decoder->layout->module_dict) : 0;
    mx_addr file = dict ? dict_get(decoder, dict, "__file__") : 0;
    if (file && str_value(decoder, file, path, sizeof path))
        return !snapshot_is_foreign_path(path);
    return strcmp(text, "__main__") == 0;
}

static uint32_t base_row(const struct mx_heap *heap, mx_addr base)
{
    struct decoder *decoder = &((struct mx_heap *)(uintptr_t)heap)->decoder;
    for (int depth = 0; base && depth < LIMIT_BASES; depth++) {
        uint32_t number = type_lookup(decoder, base);
        if (number == NO_TYPE || number >= heap->type_stats.capacity)
            return MX_NO_OBJECT;
        const struct type_info *type = decoder->types[number];
        uint32_t row = heap->public_types[number];
        if (row < heap->type_stats.count && heap->type_stats.items[row].address == base)
            return row;
        base = type->base;
    }
    return MX_NO_OBJECT;
}

static mx_addr modules_of(struct mx_heap *heap)
{
    const struct layout *l = heap->decoder.layout;
    mx_addr interp = field_at(&heap->decoder, heap->runtime.addr, l->runtime_interpreters_head);
    return interp ? field_at(&heap->decoder, interp, l->interp_modules) : 0;
}

static void describe_type(struct columns *columns, mx_addr modules, uint32_t number,
                          struct snapshot_type *ret)
{
    struct mx_heap *heap = columns->heap;
    struct decoder *decoder = &heap->decoder;
    const struct type_info *type = decoder->types[number];
    bool python = is_python_class(decoder, type);
    uint32_t flags = type->heap ? TYPE_HEAP : 0;
    if (field_at(decoder, type->addr, decoder->layout->type_finalize))
        flags |= TYPE_FINALIZER;
    if (field_at(decoder, type->addr, decoder->layout->type_del))
        flags |= TYPE_LEGACY_DEL;
    if (type->gc)
        flags |= TYPE_GC;
    if (type->dictoffset || type->flags & FLAG_MANAGED_DICT)
        flags |= TYPE_DICT;
    if (python)
        flags |= TYPE_PYTHON;
    if (python && is_user_module(decoder, modules, dict_get(decoder, type->dict, "__module__")))
        flags |= TYPE_USER;
    *ret = (struct snapshot_type){
        .address = type->addr,
        .object = MX_NO_OBJECT,
        .base = base_row(heap, type->base),
        .flags = flags,
        .basic_nbytes = type->basicsize,
        .family = (uint8_t)public_family(type, python),
        .name = type_qualified_name(decoder, number),
    };
    uint32_t object;
    if (mx_heap_find(heap, type->addr, &object))
        ret->object = object;
}

mx_status columns_add_types(struct columns *columns, struct mx_error *err)
{
    struct mx_heap *heap = columns->heap;
    columns->type_rows = calloc(heap->type_stats.count + 1, sizeof *columns->type_rows);
    if (!columns->type_rows)
        return fail_no_memory(err);
    mx_addr modules = modules_of(heap);
    for (uint32_t row = 0; row < heap->type_stats.count; row++)
        describe_type(columns, modules,
                      type_lookup(&heap->decoder, heap->type_stats.items[row].address),
                      &columns->type_rows[row]);
    return MX_OK;
}

// ---- roots --------------------------------------------------------------------------------------

static const char *keep(struct columns *columns, const char *text)
{
    char *kept = strdup(text);
    if (kept && !vector_push(&columns->strings, kept)) {
        free(kept);
        kept = NULL;
    }
    return kept ? kept : "";
}

uint32_t columns_add_root(struct columns *columns, enum root_kind kind, const char *name)
{
    struct snapshot_root root = {(uint8_t)kind, keep(columns, name)};
    return vector_push(&columns->roots, root) ? (uint32_t)columns->roots.count - 1 : NO_EDGE;
}

bool columns_add_root_reference(struct columns *columns, uint32_t root, uint32_t to,
                                mx_ownership hold, bool keeps, uint32_t edge)
{
    struct snapshot_root_reference reference = {root, to, (uint8_t)hold, keeps};
    return root != NO_EDGE && vector_push(&columns->root_edges, edge) &&
           vector_push(&columns->root_references, reference);
}

// What the heap's own roots hold.
static bool add_held(struct columns *columns, int64_t *missing)
{
    struct mx_heap *heap = columns->heap;
    bool stacks_count = heap->decoder.layout->gc_shape != GC_WITHOUT_LISTS;
    for (size_t i = 0; i < heap->root_edges.count && i < NO_EDGE; i++) {
        const struct root_edge *edge = &heap->root_edges.items[i];
        uint32_t to;
        if (!mx_heap_find(heap, edge->edge.to, &to) || heap_is_inside_object(heap, edge->place))
            continue;
        mx_ownership hold = MX_OWNED;
        if (edge->edge.hold == HOLD_POSSIBLE) {
            if (missing[to] <= 0)
                continue;
            missing[to]--;
            columns->possible[to]++;
        } else if (edge->edge.hold != HOLD_OWNED) {
            hold = edge->edge.hold == HOLD_WEAK ? MX_WEAK : MX_BORROWED;
        }
        bool keeps = hold == MX_OWNED || (hold == MX_BORROWED && !stacks_count);
        if (!columns_add_root_reference(columns, edge->root, to, hold, keeps, (uint32_t)i))
            return false;
    }
    return true;
}

struct module_finder {
    struct visitor visitor;
    struct columns *columns;
    bool failed;
};

// A module in an interpreter's table: where a person's path to an object begins.
static void module_edge(struct visitor *visitor, struct edge edge)
{
    struct module_finder *finder = (struct module_finder *)visitor;
    struct mx_heap *heap = finder->columns->heap;
    uint32_t object;
    char name[200] = "?", text[240];
    if (edge.kind != EDGE_VALUE || !mx_heap_find(heap, edge.to, &object) ||
        heap->decoder.types[heap->types[object]]->family != FAMILY_MODULE)
        return;
    str_value(&heap->decoder, edge.detail, name, sizeof name);
    struct text escaped;
    text_init(&escaped, text, sizeof text);
    text_add(&escaped, "module ");
    text_add_escaped(&escaped, name);
    uint32_t root = columns_add_root(finder->columns, ROOT_MODULE, text);
    finder->failed |=
        !columns_add_root_reference(finder->columns, root, object, MX_BORROWED, false, NO_EDGE);
}

static bool add_modules(struct columns *columns)
{
    struct mx_heap *heap = columns->heap;
    const struct layout *l = heap->decoder.layout;
    struct module_finder finder = {{module_edge, NULL}, columns, false};
    mx_addr interp = field_at(&heap->decoder, heap->runtime.addr, l->runtime_interpreters_head);
    for (int i = 0; interp && i < LIMIT_INTERPRETERS; i++) {
        dict_visit(&heap->decoder, field_at(&heap->decoder, interp, l->interp_modules),
                   &finder.visitor);
        interp = field_at(&heap->decoder, interp, l->interp_next);
    }
    return !finder.failed;
}

// What was never allocated is never freed: static types and their tables, constants.
static bool add_statics(struct columns *columns)
{
    struct mx_heap *heap = columns->heap;
    uint32_t types = columns_add_root(columns, ROOT_TYPE, "static types");
    uint32_t others = columns_add_root(columns, ROOT_INTERPRETER, "static objects");
    for (uint32_t i = 0; i < heap->count; i++) {
        if (!(heap->recorder.flags[i] & OBJECT_STATIC))
            continue;
        bool is_type = heap->decoder.types[heap->types[i]]->family == FAMILY_TYPE;
        if (!columns_add_root_reference(columns, is_type ? types : others, i, MX_BORROWED, true,
                                        NO_EDGE))
            return false;
    }
    return true;
}

mx_status columns_add_roots(struct columns *columns, int64_t *missing, struct mx_error *err)
{
    struct mx_heap *heap = columns->heap;
    bool ok = true;
    for (size_t i = 0; i < heap->roots.count && ok; i++)
        ok = columns_add_root(columns, (enum root_kind)heap->roots.items[i].kind,
                              heap->roots.items[i].name) != NO_EDGE;
    return ok && add_held(columns, missing) && add_modules(columns) && add_statics(columns)
               ? MX_OK
               : fail_no_memory(err);
}

// ---- blocks -------------------------------------------------------------------------------------

// Of a chain of blocks: the object that points to the first one.
uint32_t columns_block_owner(const struct blocks *blocks, size_t index)
{
    const struct block *block = &blocks->items.items[index];
    if (block->steps)
        block = &blocks->items.items[block->first];
    return block->owner == BLOCK_OF_OBJECT ? block->from : MX_NO_OBJECT;
}

// Bytes that sys.getsizeof counts outside the object's own struct: list items, a dict's keys.
static uint64_t counted_outside(struct columns *columns, uint32_t object)
{
    struct mx_heap *heap = columns->heap;
    struct decoder *decoder = &heap->decoder;
    mx_addr addr = heap->addresses[object];
    const struct type_info *type = decoder->types[heap->types[object]];
    uint64_t size = object_size(decoder, addr, type);
    uint64_t own = object_prefix(decoder, addr, type) + type->basicsize +
                   object_items(decoder, addr, type) * type->itemsize;
    return size > own ? size - own : 0;
}

// Blocks are a little larger than what was asked for, mimalloc's by up to a quarter; what getsizeof has
// is not counted twice.
static void subtract_counted(struct columns *columns)
{
    uint64_t share = columns->heap->allocator.mimalloc ? 4 : 8;
    for (uint32_t i = 0; i < columns->heap->count; i++)
        if (columns->extras[i]) {
            uint64_t counted = counted_outside(columns, i), slack = counted / share + 32;
            columns->extras[i] =
                columns->extras[i] > counted + slack ? columns->extras[i] - counted : 0;
        }
}

// Words that nothing has written yet, behind the items of a list or between the entries of a dict, may
// still point to memory that was somebody's: where the decoder knows all that a container keeps, no
// block that only its blocks point to is its own.
static bool is_its_own(const struct mx_heap *heap, const struct block *block, uint32_t owner)
{
    return !block->steps || !block->counted ||
           heap->decoder.types[heap->types[owner]]->behind != NULL;
}

mx_status columns_add_blocks(struct columns *columns, struct mx_error *err)
{
    struct mx_heap *heap = columns->heap;
    const struct blocks *blocks;
    mx_status status = heap_blocks(heap, &blocks, err);
    if (status)
        return status;
    columns->extras = calloc((size_t)heap->count + 1, sizeof *columns->extras);
    if (!columns->extras)
        return fail_no_memory(err);
    for (size_t i = 0; i < blocks->items.count; i++) {
        const struct block *block = &blocks->items.items[i];
        uint32_t owner = columns_block_owner(blocks, i);
        if (owner != MX_NO_OBJECT && is_its_own(heap, block, owner))
            columns->extras[owner] += block->nbytes;
    }
    subtract_counted(columns);
    columns->snapshot.extra = columns_narrow(&columns->extras, heap->count);
    columns->snapshot.block_count = blocks->items.count;
    return MX_OK;
}
