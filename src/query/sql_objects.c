// sql_objects.c - objects, their dominators, and their types, as SQL sees them.
#include "query/sql_number.h"

static uint64_t count_objects(struct sql_data *data)
{
    return data->snapshot->object_count;
}

// ---- objects ------------------------------------------------------------------------------------

#define PREVIEW_NBYTES sizeof((struct mx_object *)NULL)->preview // cut as the commands' are
#define FLAGS column_at(&s->flags, row)
#define IS_IMMORTAL (FLAGS & OBJECT_IMMORTAL)

NUMBER(object_number, row)
NUMBER(object_address, snapshot_address(s, (uint32_t)row))
NUMBER(object_type, column_at(&s->type, row))
NUMBER(object_size, column_at(&s->size, row))
NUMBER(object_extra, column_at(&s->extra, row))
NUMBER_IF(object_refcount, !IS_IMMORTAL, column_at(&s->refcount, row))
NUMBER_IF(object_unexplained, !IS_IMMORTAL, zagzig(column_at(&s->unexplained, row)))
NUMBER(object_possible, column_at(&s->possible, row))
NUMBER(object_immortal, (FLAGS & OBJECT_IMMORTAL) != 0)
NUMBER(object_tracked, (FLAGS & OBJECT_TRACKED) != 0)
NUMBER_IF(object_generation, column_at(&s->generation, row) < SNAPSHOT_NO_GENERATION,
          column_at(&s->generation, row))
NUMBER(object_finalized, (FLAGS & OBJECT_FINALIZED) != 0)
NUMBER(object_native, (FLAGS & OBJECT_NATIVE) != 0)
NUMBER(object_unreached, (FLAGS & OBJECT_UNREACHED) != 0)
NUMBER(object_interned, (FLAGS & OBJECT_INTERNED) != 0)
NUMBER(object_static, (FLAGS & OBJECT_STATIC) != 0)
NUMBER(object_deferred, (FLAGS & OBJECT_DEFERRED) != 0)
NUMBER(object_references, snapshot_references(s, (uint32_t)row))
NUMBER(object_referrers, snapshot_referrers(s, (uint32_t)row))
OBJECT_OR_NULL(object_dominator, snapshot_dominator(s, (uint32_t)row))
NUMBER(object_retained, column_at(&s->retained, row))

static void object_kind(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    const struct snapshot_texts *texts = &data->snapshot->texts;
    texts->kind(texts->data, (uint32_t)place->row, data->buffer, TEXT_NBYTES);
    sql_cell_text(ret, data->buffer);
}

static void object_preview(struct sql_data *data, const struct sql_place *place,
                           struct sql_cell *ret)
{
    const struct snapshot_texts *texts = &data->snapshot->texts;
    texts->preview(texts->data, (uint32_t)place->row, data->buffer, PREVIEW_NBYTES);
    sql_cell_text(ret, data->buffer);
}

static const struct sql_column object_columns[] = {
    {"object", SQL_INTEGER, ACCESS_ROW, object_number, NULL,
     "number of the object, by address; also its rowid", 0},
    {"address", SQL_ADDRESS, ACCESS_ASCENDING, object_address, NULL, "what `id()` gives",
     COLUMN(address)},
    {"type", SQL_TYPE, ACCESS_INDEXED, object_type, NULL, "qualified name of its type",
     COLUMN(type)},
    {"type_id", SQL_INTEGER, ACCESS_GROUPED, object_type, NULL,
     "number of its type: types of the same name have several", COLUMN(type)},
    {"kind", SQL_TEXT, ACCESS_NONE, NULL, object_kind,
     "in words: instance, class, function f at app.py:12, module, ...", 0},
    {"size", SQL_INTEGER, ACCESS_INDEXED, object_size, NULL,
     "bytes, as `sys.getsizeof` says; 0 for the bytes in a bytearray (3.15), whose size has them",
     COLUMN(size)},
    {"extra", SQL_INTEGER, ACCESS_GROUPED, object_extra, NULL,
     "bytes of blocks that it owns and `size` does not have", COLUMN(extra)},
    {"refcount", SQL_INTEGER, ACCESS_INDEXED, object_refcount, NULL,
     "what its header says; NULL for an immortal object", COLUMN(refcount)},
    {"unexplained", SQL_INTEGER, ACCESS_GROUPED, object_unexplained, NULL,
     "refcount less the owned references found: more than 0 is a surplus, less a deficit",
     COLUMN(unexplained)},
    {"possible", SQL_INTEGER, ACCESS_GROUPED, object_possible, NULL,
     "of the references found: words that may be some, and are needed", COLUMN(possible)},
    {"retained", SQL_INTEGER, ACCESS_INDEXED, object_retained, NULL,
     "bytes that would be freed with it: size and extra of all that it dominates",
     COLUMN(retained)},
    {"dominator", SQL_INTEGER, ACCESS_INDEXED, object_dominator, NULL,
     "the object that all ways from the roots pass through last; NULL where there is none",
     COLUMN(dominator)},
    {"reference_count", SQL_INTEGER, ACCESS_GROUPED, object_references, NULL,
     "how many references it has", COLUMN(first)},
    {"referrer_count", SQL_INTEGER, ACCESS_GROUPED, object_referrers, NULL,
     "how many references of objects there are to it", COLUMN(referrer_first)},
    {"generation", SQL_INTEGER, ACCESS_GROUPED, object_generation, NULL,
     "of the cycle collector: 0 to 2, 3 after `gc.freeze()`; NULL for none", COLUMN(generation)},
    {"tracked", SQL_BOOLEAN, ACCESS_GROUPED, object_tracked, NULL, "by the cycle collector",
     COLUMN(flags)},
    {"immortal", SQL_BOOLEAN, ACCESS_GROUPED, object_immortal, NULL, "its count is a mark",
     COLUMN(flags)},
    {"finalized", SQL_BOOLEAN, ACCESS_GROUPED, object_finalized, NULL,
     "its finalizer was called before, and will not be again", COLUMN(flags)},
    {"native", SQL_BOOLEAN, ACCESS_GROUPED, object_native, NULL,
     "its count says more than was found: held from outside the graph", COLUMN(flags)},
    {"unreached", SQL_BOOLEAN, ACCESS_GROUPED, object_unreached, NULL,
     "no root leads to it: garbage, or held by garbage", COLUMN(flags)},
    {"interned", SQL_BOOLEAN, ACCESS_GROUPED, object_interned, NULL,
     "a str that the interpreter keeps, without counting", COLUMN(flags)},
    {"static", SQL_BOOLEAN, ACCESS_GROUPED, object_static, NULL,
     "in a program or library: never freed", COLUMN(flags)},
    {"deferred", SQL_BOOLEAN, ACCESS_GROUPED, object_deferred, NULL,
     "free-threaded: freed by the collector alone", COLUMN(flags)},
    {"preview", SQL_TEXT, ACCESS_NONE, NULL, object_preview, "the value as Python prints it, cut",
     0},
};

const struct sql_table sql_table_objects = {
    .name = "objects",
    .meaning = "every object",
    .columns = object_columns,
    .column_count = SQL_COLUMN_COUNT(object_columns),
    .count = count_objects,
};

// ---- dominators ---------------------------------------------------------------------------------

static bool dominator_address(struct sql_data *data, const struct sql_place *place, int64_t *ret)
{
    uint32_t dominator = snapshot_dominator(data->snapshot, (uint32_t)place->row);
    if (dominator == MX_NO_OBJECT)
        return false;
    *ret = (int64_t)snapshot_address(data->snapshot, dominator);
    return true;
}

static bool dominator_type(struct sql_data *data, const struct sql_place *place, int64_t *ret)
{
    uint32_t dominator = snapshot_dominator(data->snapshot, (uint32_t)place->row);
    if (dominator == MX_NO_OBJECT)
        return false;
    *ret = (int64_t)column_at(&data->snapshot->type, dominator);
    return true;
}

static const struct sql_column dominator_columns[] = {
    {"object", SQL_INTEGER, ACCESS_ROW, object_number, NULL, "as in `objects`", 0},
    {"address", SQL_ADDRESS, ACCESS_ASCENDING, object_address, NULL, "its address",
     COLUMN(address)},
    {"type", SQL_TYPE, ACCESS_INDEXED, object_type, NULL, "its type", COLUMN(type)},
    {"retained", SQL_INTEGER, ACCESS_INDEXED, object_retained, NULL, "bytes freed with it",
     COLUMN(retained)},
    {"dominator", SQL_INTEGER, ACCESS_INDEXED, object_dominator, NULL,
     "the object that it would be freed with; NULL where roots hold it in several ways, or "
     "directly",
     COLUMN(dominator)},
    {"dominator_address", SQL_ADDRESS, ACCESS_NONE, dominator_address, NULL, "of that one", 0},
    {"dominator_type", SQL_TYPE, ACCESS_GROUPED, dominator_type, NULL, "of that one", 0},
};

const struct sql_table sql_table_dominators = {
    .name = "dominators",
    .meaning = "the tree of what holds what: each object, and the one that it would be freed with",
    .columns = dominator_columns,
    .column_count = SQL_COLUMN_COUNT(dominator_columns),
    .count = count_objects,
};

// ---- types --------------------------------------------------------------------------------------

static uint64_t count_types(struct sql_data *data)
{
    return sql_data_sum_types(data) ? data->snapshot->type_count : UINT64_MAX;
}

NUMBER(type_number, row)
NUMBER(type_address, s->types[row].address)
OBJECT_OR_NULL(type_object, s->types[row].object)
OBJECT_OR_NULL(type_base, s->types[row].base)
NUMBER(type_objects, data->types[row].objects)
NUMBER(type_bytes, data->types[row].bytes)
NUMBER_IF(type_retained, sql_data_retain_types(data), data->types[row].retained)
NUMBER(type_basic, s->types[row].basic_nbytes)
NUMBER(type_python, (s->types[row].flags & TYPE_PYTHON) != 0)
NUMBER(type_user, (s->types[row].flags & TYPE_USER) != 0)
NUMBER(type_heap, (s->types[row].flags & TYPE_HEAP) != 0)
NUMBER(type_gc, (s->types[row].flags & TYPE_GC) != 0)
NUMBER(type_dict, (s->types[row].flags & TYPE_DICT) != 0)
NUMBER(type_finalizer, (s->types[row].flags & TYPE_FINALIZER) != 0)
NUMBER(type_legacy, (s->types[row].flags & TYPE_LEGACY_DEL) != 0)

static const char *family_name(uint8_t family)
{
    static const char *const names[] = {
        [SNAPSHOT_OTHER] = "other",
        [SNAPSHOT_NONE] = "None",
        [SNAPSHOT_INT] = "int",
        [SNAPSHOT_BOOL] = "bool",
        [SNAPSHOT_FLOAT] = "float",
        [SNAPSHOT_COMPLEX] = "complex",
        [SNAPSHOT_STR] = "str",
        [SNAPSHOT_BYTES] = "bytes",
        [SNAPSHOT_BYTEARRAY] = "bytearray",
        [SNAPSHOT_LIST] = "list",
        [SNAPSHOT_TUPLE] = "tuple",
        [SNAPSHOT_DICT] = "dict",
        [SNAPSHOT_SET] = "set",
        [SNAPSHOT_TYPE] = "type",
        [SNAPSHOT_MODULE] = "module",
        [SNAPSHOT_FUNCTION] = "function",
        [SNAPSHOT_METHOD] = "method",
        [SNAPSHOT_BUILTIN] = "builtin",
        [SNAPSHOT_CODE] = "code",
        [SNAPSHOT_FRAME] = "frame",
        [SNAPSHOT_GENERATOR] = "generator",
        [SNAPSHOT_CELL] = "cell",
        [SNAPSHOT_WEAKREF] = "weakref",
        [SNAPSHOT_EXCEPTION] = "exception",
        [SNAPSHOT_INSTANCE] = "instance",
    };
    return family < sizeof names / sizeof *names ? names[family] : "other";
}

TEXT(type_family, family_name(s->types[row].family))

static const struct sql_column type_columns[] = {
    {"type_id", SQL_INTEGER, ACCESS_ROW, type_number, NULL, "number of the type; also its rowid",
     0},
    {"type", SQL_TYPE, ACCESS_INDEXED, type_number, NULL, "qualified name", 0},
    {"objects", SQL_INTEGER, ACCESS_INDEXED, type_objects, NULL, "instances of exactly this type",
     0},
    {"bytes", SQL_INTEGER, ACCESS_INDEXED, type_bytes, NULL, "the sum of their sizes", 0},
    {"retained", SQL_INTEGER, ACCESS_INDEXED, type_retained, NULL,
     "bytes that would be freed if each of them were: their union, nothing counted twice", 0},
    {"address", SQL_ADDRESS, ACCESS_NONE, type_address, NULL, "of the type itself", 0},
    {"object", SQL_INTEGER, ACCESS_NONE, type_object, NULL,
     "the type itself, in `objects`; NULL where it is not one of them", 0},
    {"base", SQL_TYPE, ACCESS_NONE, type_base, NULL, "name of the type that it derives from", 0},
    {"family", SQL_TEXT, ACCESS_NONE, NULL, type_family,
     "what instances are: int, str, dict, function, ..., instance of a Python class, other", 0},
    {"basic_size", SQL_INTEGER, ACCESS_NONE, type_basic, NULL,
     "bytes of an instance without items and collector's head", 0},
    {"python", SQL_BOOLEAN, ACCESS_NONE, type_python, NULL, "made by Python code: `class`", 0},
    {"user", SQL_BOOLEAN, ACCESS_NONE, type_user, NULL,
     "defined outside the standard library and installed packages", 0},
    {"heap", SQL_BOOLEAN, ACCESS_NONE, type_heap, NULL, "counted by its instances", 0},
    {"gc", SQL_BOOLEAN, ACCESS_NONE, type_gc, NULL, "instances can be tracked by the collector", 0},
    {"dict", SQL_BOOLEAN, ACCESS_NONE, type_dict, NULL, "instances have a `__dict__`", 0},
    {"finalizer", SQL_BOOLEAN, ACCESS_NONE, type_finalizer, NULL,
     "`__del__` or `tp_finalize`: called before an instance goes", 0},
    {"legacy_del", SQL_BOOLEAN, ACCESS_NONE, type_legacy, NULL,
     "`tp_del` of C code: instances on cycles end in `gc.garbage`", 0},
};

const struct sql_table sql_table_types = {
    .name = "types",
    .meaning = "every type, with what its instances take",
    .columns = type_columns,
    .column_count = SQL_COLUMN_COUNT(type_columns),
    .count = count_types,
};
