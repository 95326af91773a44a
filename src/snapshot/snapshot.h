// snapshot.h - all that is known of a heap, as numbers and texts: what a file has, and what every
// question about a graph is asked of.
//
//   objects     0 .. object_count - 1, by ascending address
//   references  numbered through: those of object i are reference_first(i) .. reference_first(i + 1) - 1,
//               in the order in which the object keeps them
//   referrers   the same references from their other end, by ascending source
//   roots       why objects are held from outside; root references are numbered on their own
//
// Two makers: heap/image.c fills plain columns from a live heap, file_open maps them from a file.
// Knows no process and no CPython struct. Everything that comes from a file was checked when it was
// opened: numbers of objects, types, roots and texts are below their counts, texts are UTF-8.
//
// Left out of `references`: the one from an instance to its class where that is static (it is not
// counted, and `type` has it); a word that may be a reference, when no count asks for it.
#ifndef MX_SNAPSHOT_SNAPSHOT_H
#define MX_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>

#include "memexplorer.h"
#include "snapshot/column.h"

// What an instance of a type is to those who print, export or judge it.
enum snapshot_family {
    SNAPSHOT_OTHER, // a C type's
    SNAPSHOT_NONE,
    SNAPSHOT_INT,
    SNAPSHOT_BOOL,
    SNAPSHOT_FLOAT,
    SNAPSHOT_COMPLEX,
    SNAPSHOT_STR,
    SNAPSHOT_BYTES,
    SNAPSHOT_BYTEARRAY,
    SNAPSHOT_LIST,
    SNAPSHOT_TUPLE,
    SNAPSHOT_DICT,
    SNAPSHOT_SET, // and frozenset
    SNAPSHOT_TYPE,
    SNAPSHOT_MODULE,
    SNAPSHOT_FUNCTION,
    SNAPSHOT_METHOD,
    SNAPSHOT_BUILTIN,
    SNAPSHOT_CODE,
    SNAPSHOT_FRAME,
    SNAPSHOT_GENERATOR, // coroutine, async generator
    SNAPSHOT_CELL,
    SNAPSHOT_WEAKREF,
    SNAPSHOT_EXCEPTION,
    SNAPSHOT_INSTANCE, // of a class of Python code
};

// Flags of a type.
#define TYPE_HEAP (1u << 0)       // a heap type: instances count in its references
#define TYPE_FINALIZER (1u << 1)  // __del__ or tp_finalize: called before an instance goes
#define TYPE_LEGACY_DEL (1u << 2) // tp_del of C code: gc.garbage
#define TYPE_GC (1u << 3)         // instances have a collector's head
#define TYPE_DICT (1u << 4)       // instances have a __dict__
#define TYPE_PYTHON                                                                                \
    (1u << 5)               // made by a class statement (or type()): its dealloc is subtype_dealloc
#define TYPE_USER (1u << 6) // defined outside the standard library and installed packages

struct snapshot_type {
    mx_addr address;
    uint32_t object; // the type itself, or MX_NO_OBJECT
    uint32_t base;   // place in types, or MX_NO_OBJECT
    uint32_t flags;
    uint32_t basic_nbytes;
    uint8_t family;   // enum snapshot_family
    const char *name; // qualified: "app.Node", "builtins.list"
};

// Flags of an object.
#define OBJECT_TRACKED (1u << 0)   // by the cycle collector
#define OBJECT_IMMORTAL (1u << 1)  // `refcount` is 0 then
#define OBJECT_FINALIZED (1u << 2) // its finalizer was called before, and will not be again
#define OBJECT_NATIVE (1u << 3) // its count says more than was found: held from outside the graph
#define OBJECT_UNREACHED (1u << 4) // no other root leads to it: garbage, or held by garbage
#define OBJECT_INTERNED (1u << 5)  // a str that the interpreter keeps, without counting
#define OBJECT_STATIC (1u << 6)    // in a program or library: never freed
#define OBJECT_DEFERRED (1u << 7)  // free-threaded: freed by the collector alone (deferred count)

#define SNAPSHOT_NO_GENERATION 4 // in the column `generation`

enum root_kind {
    ROOT_MODULE,      // a module, through an interpreter's table of modules
    ROOT_FRAME,       // a local or the value stack of a running frame
    ROOT_THREAD,      // other state of a thread: exception, context, C stack, registers
    ROOT_INTERPRETER, // interpreter and runtime state
    ROOT_TYPE,        // a static type
    ROOT_NATIVE,      // native code: a library's variable, a block, or nobody who was found
    ROOT_GARBAGE,     // nothing holds it: a cycle that waits for the collector
};
#define ROOT_KINDS (ROOT_GARBAGE + 1)

struct snapshot_root {
    uint8_t kind;     // enum root_kind
    const char *name; // "module app", "thread 812 frame f at app.py:14", "libfoo.so: cache"
};

struct snapshot_root_reference {
    uint32_t root, to;
    uint8_t hold; // mx_ownership
    bool keeps;   // keeps alive: owned, or a stack's without counting (free-threaded)
};

struct snapshot_block {
    mx_addr address;
    uint64_t nbytes;
    uint32_t owner;        // an object, or MX_NO_OBJECT
    const char *allocator; // "pymalloc", "malloc", "mimalloc"
    const char *holder; // who points to it where no object does: "static variable libfoo.so: cache"
};

// The columns of the graph: X(name, count is that of: objects, objects1 (objects + 1) or references,
// what it is).
#define SNAPSHOT_COLUMNS(X)                                                                        \
    X(address, objects, "address / 8")                                                             \
    X(type, objects, "place in types")                                                             \
    X(size, objects, "bytes, as sys.getsizeof says; 0 for those in a bytearray, which has them")   \
    X(extra, objects, "bytes of blocks that it owns and size does not have")                       \
    X(refcount, objects, "as mx_object.refcount; 0 for immortal ones")                             \
    X(unexplained, objects, "zigzag: refcount less what was found, possible ones taken for real")  \
    X(possible, objects, "of the references found: words that may be some, and are needed")        \
    X(flags, objects, "OBJECT_...")                                                                \
    X(generation, objects, "0 to 3, 4 for none")                                                   \
    X(first, objects1, "number of the object's first reference")                                   \
    X(target, references, "object")                                                                \
    X(hold, references, "mx_ownership")                                                            \
    X(referrer_first, objects1, "place of the first one among referrers")                          \
    X(referrer, references, "object")                                                              \
    X(referrer_hold, references, "mx_ownership, as referrers are ordered")                         \
    X(dominator, objects, "object + 1; 0 for what a root alone dominates")                         \
    X(retained, objects, "bytes, size and extra of all that it dominates")

// Those that Arrow's readers share where a file has them as they are, numbers of 8 bytes: X(name).
#define SNAPSHOT_SHARED_COLUMNS(X) X(size) X(extra) X(possible) X(retained) X(refcount)

// What a reference is called: a kind, and a number whose meaning it gives.
enum label_kind {
    LABEL_NAME,      // label_names[number], as it stands: ".__class__", "running"
    LABEL_ITEM,      // [number]
    LABEL_MEMBER,    // {member} of a set
    LABEL_KEY,       // {key number} of a dict
    LABEL_VALUE,     // [repr of the object `number`]
    LABEL_ATTRIBUTE, // .name, the str object `number`
    LABEL_LOCAL,     // local name, the same
    LABEL_CLOSURE,   // closure name, the same
    LABEL_STACK,     // stack number
    LABEL_STATE,     // module state +0xnumber
    LABEL_BLOCK,     // its memory +0xnumber
};

#define SNAPSHOT_NO_VALUE SIZE_MAX

// Values as a file keeps them, for those who compare them with another file's: where the bytes are the
// same, the objects' previews and values are.
struct snapshot_stored {
    const uint8_t *bytes; // NULL: of a live heap, or left out on request
    const struct column
        *first;             // [objects + 1] within bytes; nothing is kept where the next is no more
    const uint8_t *by_type; // [types] 1: what is kept of its instances stands for itself
    const struct pieces *pieces; // of bytes: looked at before they are read; NULL when all were
};

// Does what is kept of instances of the type stand for itself?
static inline bool snapshot_stores(const struct snapshot_stored *stored, uint64_t type)
{
    return stored->bytes && stored->by_type[type];
}

// The bytes from `first` to `end`, as an object has them in stored->first; NULL where there are none, or
// where they are damaged.
const uint8_t *snapshot_stored_bytes(const struct snapshot_stored *stored, uint64_t first,
                                     uint64_t end);

// What is made only when it is asked for.
struct snapshot_texts {
    // Each writes at most nbytes, ended by NUL; UTF-8 without control characters.
    void (*preview)(void *data, uint32_t object, char *buffer, size_t nbytes);
    void (*kind)(void *data, uint32_t object, char *buffer, size_t nbytes);
    // Of a reference of `object`, by number: ".attr", "['key']", "[3]".
    void (*label)(void *data, uint32_t object, uint64_t reference, char *buffer, size_t nbytes);
    // Of a root reference, by number: "local x", ".modules", "libfoo.so: cache+0x8".
    void (*root_label)(void *data, size_t root_reference, char *buffer, size_t nbytes);
    // The value of a str (UTF-8, NUL escaped) or bytes, cut to nbytes; returns how many were
    // written, SNAPSHOT_NO_VALUE when it is not there (another family, or left out on request).
    size_t (*value)(void *data, uint32_t object, char *buffer, size_t nbytes);
    // A block by number, by address; its strings are valid until the next call.
    void (*block)(void *data, size_t block, struct snapshot_block *ret);
    void *data;
};

struct snapshot {
    uint32_t object_count;
    uint64_t reference_count;
#define X(name, of, meaning) struct column name;
    SNAPSHOT_COLUMNS(X)
#undef X
    struct column label_kind, label_number; // [references]; empty until heap_labels made them
    bool labels_at_hand;                    // texts.label is O(1) without them: a file's
    const char *const *label_names;
    size_t label_name_count;
    size_t type_count, root_count, root_reference_count, block_count, thread_count;
    const struct snapshot_type *types;
    const struct snapshot_root *roots;
    const struct snapshot_root_reference *root_references;
    const struct mx_thread *threads;
    struct mx_target_info info;
    struct mx_heap_summary summary;
    struct snapshot_texts texts;
    struct snapshot_stored stored;
    const struct damage *damage; // of a file: what was noticed so far; NULL of a live heap
};

// How an answer ends that would end with `status`: MX_CORRUPT when anything that was read of the snapshot so
// far was damaged, since that read as zeros. Every public question ends with it. O(1).
mx_status snapshot_answered(const struct snapshot *s, mx_status status, struct mx_error *err);

// The snapshot behind a heap, live or from a file; it belongs to the heap. A live one makes it when
// it is first asked for: O(references). Implemented in heap/.
mx_status heap_snapshot(const mx_heap *heap, const struct snapshot **ret, struct mx_error *err);

// Makes the columns of labels, for those who need all of them: O(references). A file has them.
// Implemented in heap/.
mx_status heap_labels(const mx_heap *heap, struct mx_error *err);

// What the reference of `object` with this number is called: ".attr", "['key']", "[3]". O(1) where the
// columns of labels were made, O(references of the object) elsewhere.
void snapshot_label(const struct snapshot *s, uint32_t object, uint64_t reference, char *buffer,
                    size_t nbytes);

// ---- objects ------------------------------------------------------------------------------------

static inline mx_addr snapshot_address(const struct snapshot *s, uint32_t object)
{
    return column_at(&s->address, object) << 3;
}
static inline const struct snapshot_type *snapshot_type_of(const struct snapshot *s,
                                                           uint32_t object)
{
    return &s->types[column_at(&s->type, object)];
}
// How many references or referrers it has. Those of a file need not rise: none then, and a loop from the first
// one to that of the next object has no turn.
static inline uint64_t snapshot_references(const struct snapshot *s, uint32_t object)
{
    uint64_t first = column_at(&s->first, object), end = column_at(&s->first, object + 1ull);
    return end > first ? end - first : 0;
}
static inline uint64_t snapshot_referrers(const struct snapshot *s, uint32_t object)
{
    uint64_t first = column_at(&s->referrer_first, object);
    uint64_t end = column_at(&s->referrer_first, object + 1ull);
    return end > first ? end - first : 0;
}
// What it takes: itself and the blocks that it owns.
static inline uint64_t snapshot_nbytes(const struct snapshot *s, uint32_t object)
{
    return column_at(&s->size, object) + column_at(&s->extra, object);
}
// MX_NO_OBJECT for what a root alone dominates.
static inline uint32_t snapshot_dominator(const struct snapshot *s, uint32_t object)
{
    return (uint32_t)column_at(&s->dominator, object) - 1;
}
// Is a file of this name the standard library's or an installed package's, and none of the user's own?
bool snapshot_is_foreign_path(const char *path);

// The object at exactly this address. O(log objects).
bool snapshot_find(const struct snapshot *s, mx_addr address, uint32_t *ret_object);

#endif
