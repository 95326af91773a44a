// layout.h - what each CPython looks like in memory: const tables, and the choice among them.
//
// Data only: no reads, no allocation, no versions outside the tables. A decoder asks for an offset
// (layout->list_items) or switches on a shape (layout->frame_shape), never on a version number.
//
// The tables in tables/*.inc are written by tools/gen-layout from each interpreter's own headers.
#ifndef MX_LAYOUT_LAYOUT_H
#define MX_LAYOUT_LAYOUT_H

#include "layout/shapes.h"
#include "memexplorer.h"

#define ABSENT (-1) // the version has no such member

// A run of PyObject pointers inside a C struct, or inside an object.
struct layout_member {
    const char *name; // as a person would name it: "__code__", "imports.modules"
    uint32_t offset;
    uint32_t count;  // 1, or the length of an array
    uint32_t stride; // bytes from one to the next
    bool owned;      // counted in the refcount of what it points to
};

// The named pointers of one kind of object, by the tp_name of its static type ("function").
struct layout_object {
    const char *type_name;
    const struct layout_member *members; // by offset
    size_t member_count;
};

struct layout_span {
    uint32_t offset, nbytes;
};

struct layout {
    const char *name;     // "3.11.7", "3.13.0t", "3.13.18d"
    uint32_t version_hex; // PY_VERSION_HEX of the interpreter whose headers gave the numbers
    bool free_threaded;
    bool debug; // made for --with-pydebug, which adds members to several structs

    enum refcount_shape refcount_shape;
    enum gc_shape gc_shape;
    enum gc_stats_shape gc_stats_shape;
    enum mimalloc_shape mimalloc_shape;
    enum frame_shape frame_shape;
    enum keys_shape keys_shape;
    enum instance_shape instance_shape;
    enum int_shape int_shape;
    enum str_shape str_shape;
    enum line_shape line_shape;
    enum static_type_shape static_type_shape;
    enum size_shape size_shape;
    uint32_t pool_nbytes; // pymalloc's POOL_SIZE

#define FIELD(name, ...) int32_t name;
#define SIZE(name, ...) int32_t name;
#define CONST(name, ...) int32_t name;
#define DEBUG(name, ...) int32_t debug_##name;
#include "layout/fields.def"
#undef FIELD
#undef SIZE
#undef CONST
#undef DEBUG

    // Pointers to objects in the interpreter state, thread state and runtime. Those that are not
    // owned (caches, free lists) are listed with owned == false.
    const struct layout_member *interp_members, *tstate_members, *runtime_members;
    size_t interp_member_count, tstate_member_count, runtime_member_count;

    const struct layout_object *objects;
    size_t object_count;
};

// The tables, oldest version first.
size_t layout_count(void);
const struct layout *layout_at(size_t i);

// The table for exactly this version and build, else that of the nearest older micro version of the
// same minor, else the oldest of that minor; NULL when the minor version has no table. To 3.11
// --with-pydebug changes no struct: where it has no table, the one without it is right.
const struct layout *layout_for(uint32_t version_hex, bool free_threaded, bool debug);

// Members of the kind of object with this tp_name, or NULL.
const struct layout_object *layout_object_members(const struct layout *layout,
                                                  const char *type_name);

#endif
