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

// A number in a struct: pointers to follow, then where it stands behind the last.
#define BEHIND_STEPS 2
struct layout_number {
    uint32_t steps, path[BEHIND_STEPS];
    uint32_t offset, nbytes; // nbytes 0: no such number
};

// How references lie in memory that an object owns.
enum behind_shape {
    BEHIND_ARRAY,   // `count` or `length` of them, `stride` bytes apart
    BEHIND_RING,    // an array from extra[0] on, of extra[1] slots (numbers in the object)
    BEHIND_CHAIN,   // one in each node of a list; extra[0] is where a node has the next
    BEHIND_TREE,    // one in each node of a binary tree; extra: left, right
    BEHIND_CAPSULE, // what they are is known by the C string at extra[0]
    BEHIND_GUARDED, // one in the object itself, meaningless while the pointer at extra[0] is NULL
};
#define BEHIND_NODE UINT32_MAX // offset: the node itself is the object

// References that an object keeps behind a pointer. `path` are the pointers to follow from the
// object, `offset` leads to the first reference from there.
struct layout_behind {
    const char *name; // "[]": items, told by their number
    enum behind_shape shape;
    uint32_t steps, path[BEHIND_STEPS];
    uint32_t offset, stride, count;
    struct layout_number length;
    uint32_t extra[2];
    uint32_t tag; // a pointer with this low bit set, and not without it
    bool owned;
};

// The named pointers of one kind of object, by the tp_name of its type ("function"), or of the state
// of a C module, by the module's name ("_ssl"). These are all the references that the struct has.
struct layout_object {
    const char *type_name;
    const struct layout_member *members; // by offset
    size_t member_count;
    uint32_t nbytes; // tp_basicsize, or m_size; 0: not known
    const struct layout_behind *behind;
    size_t behind_count;
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

    const struct layout_object *objects, *module_states;
    size_t object_count, module_state_count;
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

// The same for instances of `nbytes` (tp_basicsize): of this layout, else of the nearest micro
// version whose struct has this size; NULL when there is none, and every word has to be looked at.
const struct layout_object *layout_object_find(const struct layout *layout, const char *type_name,
                                               uint32_t nbytes);
// The same for the state of a C module, of `nbytes` (m_size).
const struct layout_object *layout_module_state_find(const struct layout *layout, const char *name,
                                                     uint32_t nbytes);

#endif
