// export_nodes.c - objects as Chrome DevTools shows them: a str by its value, a function by its name,
// and most others by the name of their type.
#include "query/export_nodes.h"

#include <stdlib.h>

#include "base/error.h"

// ---- names of types -----------------------------------------------------------------------------

static int compare_names(const void *a, const void *b, void *data)
{
    const struct snapshot_type *types = data;
    return strcmp(types[*(const uint32_t *)a].name, types[*(const uint32_t *)b].name);
}

// DevTools takes the number of an object's name for its class: types that have the same name have the
// same number. An "Object" it would name after its properties.
static void number_types(struct node_namer *namer, uint32_t *order)
{
    const struct snapshot *s = namer->export->snapshot;
    for (uint32_t i = 0; i < s->type_count; i++)
        order[i] = i;
    qsort_r(order, s->type_count, sizeof *order, compare_names, (void *)(uintptr_t)s->types);
    const char *before = NULL;
    for (size_t i = 0; i < s->type_count; i++) {
        const char *name = s->types[order[i]].name;
        if (before && strcmp(before, name) == 0) {
            namer->type_names[order[i]] = namer->type_names[order[i - 1]];
            continue;
        }
        before = name;
        const char *shown = strcmp(name, "Object") == 0 ? "Object (of Python)" : name;
        namer->type_names[order[i]] = names_add(namer->names, shown, strlen(shown));
    }
}

mx_status node_namer_init(struct node_namer *namer, const struct export *export,
                          struct names *names, struct mx_error *err)
{
    size_t room = export->snapshot->type_count + 1;
    namer->export = export;
    namer->names = names;
    namer->type_names = malloc(room * sizeof *namer->type_names);
    uint32_t *order = malloc(room * sizeof *order);
    if (namer->type_names && order)
        number_types(namer, order);
    mx_status status = namer->type_names && order ? MX_OK : fail_no_memory(err);
    free(order);
    return status;
}

void node_namer_fini(struct node_namer *namer)
{
    free(namer->type_names);
}

// ---- nodes --------------------------------------------------------------------------------------

enum node_type node_type_of(uint8_t family)
{
    switch ((enum snapshot_family)family) {
    case SNAPSHOT_STR:
        return NODE_STRING;
    case SNAPSHOT_INT:
    case SNAPSHOT_BOOL:
    case SNAPSHOT_FLOAT:
    case SNAPSHOT_COMPLEX:
        return NODE_NUMBER;
    case SNAPSHOT_FUNCTION:
    case SNAPSHOT_METHOD:
    case SNAPSHOT_BUILTIN:
        return NODE_CLOSURE;
    case SNAPSHOT_CODE:
        return NODE_CODE;
    case SNAPSHOT_OTHER:
    case SNAPSHOT_NONE:
    case SNAPSHOT_BYTES:
    case SNAPSHOT_BYTEARRAY:
    case SNAPSHOT_LIST:
    case SNAPSHOT_TUPLE:
    case SNAPSHOT_DICT:
    case SNAPSHOT_SET:
    case SNAPSHOT_TYPE:
    case SNAPSHOT_MODULE:
    case SNAPSHOT_FRAME:
    case SNAPSHOT_GENERATOR:
    case SNAPSHOT_CELL:
    case SNAPSHOT_WEAKREF:
    case SNAPSHOT_EXCEPTION:
    case SNAPSHOT_INSTANCE:
        break;
    }
    return NODE_OBJECT;
}

static uint32_t add_name(struct node_namer *namer, const char *name)
{
    return names_add(namer->names, name, strlen(name));
}

static uint32_t string_name(struct node_namer *namer, uint32_t object)
{
    char value[NAME_NBYTES];
    const struct snapshot_texts *texts = &namer->export->snapshot->texts;
    size_t nbytes = texts->value(texts->data, object, value, sizeof value);
    if (nbytes == SNAPSHOT_NO_VALUE)
        return add_name(namer, export_preview(namer->export, object, value));
    return names_add(namer->names, value, utf8_cut(value, nbytes));
}

// DevTools takes what stands before the first blank of a name like "<module app>" for its class, and
// shows all of it where the object stands alone: so these are named one by one.
static uint32_t own_name(struct node_namer *namer, uint32_t object, uint32_t type)
{
    char name[NAME_NBYTES];
    export_preview(namer->export, object, name);
    return name[0] == '<' && strchr(name, ' ') ? add_name(namer, name) : namer->type_names[type];
}

static uint32_t kind_name(struct node_namer *namer, uint32_t object)
{
    char kind[NAME_NBYTES];
    export_kind(namer->export, object, kind);
    const char *blank = strchr(kind, ' ');
    return add_name(namer, blank ? blank + 1 : kind); // "function f at app.py:12"
}

uint32_t node_name(struct node_namer *namer, uint32_t object)
{
    char preview[NAME_NBYTES];
    uint32_t type = (uint32_t)column_at(&namer->export->snapshot->type, object);
    switch ((enum snapshot_family)namer->export->snapshot->types[type].family) {
    case SNAPSHOT_STR:
        return string_name(namer, object);
    case SNAPSHOT_INT:
    case SNAPSHOT_BOOL:
    case SNAPSHOT_FLOAT:
    case SNAPSHOT_COMPLEX:
    case SNAPSHOT_METHOD:
    case SNAPSHOT_BUILTIN:
        export_preview(namer->export, object, preview);
        return *preview ? add_name(namer, preview) : namer->type_names[type];
    case SNAPSHOT_FUNCTION:
    case SNAPSHOT_CODE:
        return kind_name(namer, object);
    case SNAPSHOT_TYPE:
    case SNAPSHOT_MODULE:
    case SNAPSHOT_FRAME:
    case SNAPSHOT_GENERATOR:
        return own_name(namer, object, type);
    case SNAPSHOT_OTHER:
    case SNAPSHOT_NONE:
    case SNAPSHOT_BYTES:
    case SNAPSHOT_BYTEARRAY:
    case SNAPSHOT_LIST:
    case SNAPSHOT_TUPLE:
    case SNAPSHOT_DICT:
    case SNAPSHOT_SET:
    case SNAPSHOT_CELL:
    case SNAPSHOT_WEAKREF:
    case SNAPSHOT_EXCEPTION:
    case SNAPSHOT_INSTANCE:
        break;
    }
    return namer->type_names[type];
}
