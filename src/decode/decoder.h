// decoder.h - PyObject structures -> facts. The one place where bytes and layout meet.
//
//   decoder: a memory, a layout, and the table of types met so far
//   object_header -> type, refcount      object_visit -> references      object_size -> getsizeof
//
// Nothing read is believed: pointers are looked up, counts are held against limits, lists are
// walked a limited number of steps. What makes no sense is left out and counted as undecoded.
#ifndef MX_DECODE_DECODER_H
#define MX_DECODE_DECODER_H

#include "base/map.h"
#include "base/text.h"
#include "decode/strings.h"
#include "decode/table.h"
#include "layout/layout.h"
#include "memory/memory.h"

// Type flags, Include/object.h
#define FLAG_STATIC_BUILTIN (1ull << 1)  // 3.12 on
#define FLAG_INLINE_VALUES (1ull << 2)   // 3.13 on
#define FLAG_MANAGED_WEAKREF (1ull << 3) // 3.12 on
#define FLAG_MANAGED_DICT (1ull << 4)    // 3.11 on
#define FLAG_HEAPTYPE (1ull << 9)
#define FLAG_READY (1ull << 12)
#define FLAG_HAVE_GC (1ull << 14)
#define FLAG_LONG_SUBCLASS (1ull << 24)
#define FLAG_LIST_SUBCLASS (1ull << 25)
#define FLAG_TUPLE_SUBCLASS (1ull << 26)
#define FLAG_BYTES_SUBCLASS (1ull << 27)
#define FLAG_UNICODE_SUBCLASS (1ull << 28)
#define FLAG_DICT_SUBCLASS (1ull << 29)
#define FLAG_BASE_EXC_SUBCLASS (1ull << 30)
#define FLAG_TYPE_SUBCLASS (1ull << 31)

// Every limit is far above what CPython makes, and low enough to bound work on nonsense.
#define LIMIT_TYPES (1u << 20)     // a million classes
#define LIMIT_BASICSIZE (1u << 20) // the largest known struct of a type is some 10 KiB
#define LIMIT_ITEMS (1ull << 34)   // items of one container: 128 GiB of pointers
#define LIMIT_BASES 200            // depth of tp_base
#define LIMIT_LOCALS (1u << 20)    // locals, cells and stack of one frame
#define LIMIT_FRAMES 200000        // frames of one thread: deep recursions are real
#define LIMIT_STATE (1u << 16)     // bytes of a module's C state
#define LIMIT_INTERNED 64          // interpreters with interned strings of their own

// A kind of object, by how it keeps its references and how it prints.
enum family {
    FAMILY_GENERIC, // scanned word by word
    FAMILY_NONE,
    FAMILY_INT,
    FAMILY_BOOL,
    FAMILY_FLOAT,
    FAMILY_COMPLEX,
    FAMILY_STR,
    FAMILY_BYTES,
    FAMILY_BYTEARRAY,
    FAMILY_LEAF, // other types that hold no references in their own struct
    FAMILY_LIST,
    FAMILY_TUPLE,
    FAMILY_DICT,
    FAMILY_ORDERED_DICT,
    FAMILY_SET,
    FAMILY_DEQUE,
    FAMILY_TYPE,
    FAMILY_MODULE,
    FAMILY_FUNCTION,
    FAMILY_METHOD,
    FAMILY_BUILTIN,
    FAMILY_CODE,
    FAMILY_FRAME,
    FAMILY_GENERATOR,
    FAMILY_CELL,
    FAMILY_WEAKREF,
    FAMILY_EXCEPTION,
    FAMILY_LRU_CACHE,
    FAMILY_LRU_LINK,
    FAMILY_DATETIME,
    FAMILY_MATCH,
    FAMILY_MEMORYVIEW, // the last: FAMILY_COUNT
};
#define FAMILY_COUNT (FAMILY_MEMORYVIEW + 1)

// One word of an object's struct that may refer to another object.
struct scan_word {
    uint32_t offset;
    uint8_t hold;                       // enum hold
    bool certain;                       // known to be a PyObject pointer or NULL
    bool hidden;                        // tp_traverse does not report it
    bool after_items;                   // its offset is counted from the end of the items
    const struct layout_member *member; // its name, or NULL
    mx_addr name;                       // C string in the target (tp_members), or 0
};

struct type_info {
    mx_addr addr;
    mx_addr base, dict, mro, dealloc;
    uint64_t flags;
    uint32_t basicsize, itemsize;
    int32_t dictoffset;
    int32_t weaklistoffset;
    enum family family;
    uint32_t family_nbytes; // what the family's decoder covers; words behind it are in `words`
    uint32_t hidden_items;  // type_hidden_items
    uint32_t word_count;
    struct scan_word *words;
    mx_addr cached_keys;                // ht_cached_keys, for the values of instances
    int sizer;                          // of a type with a __sizeof__ of its own, or NO_SIZER
    const struct layout_object *behind; // of a type with references outside its struct, or NULL
    bool ndarray;                       // numpy.ndarray or derived from it: numpy.c
    bool gc, preheader, heap;
    bool hides_items;  // tp_traverse does not report what extension_visit tells
    bool counts_items; // its items are numbers, though as wide as pointers
    bool leaf;         // no instance refers to anything but its type
    char *name;        // qualified, made by type_qualified_name
};

#define NO_TYPE UINT32_MAX

// The types that objects have are few: one look at what was looked up last with the same slot.
#define RECENT_TYPES 256
struct recent_type {
    mx_addr addr;
    uint32_t type;
};

struct decoder {
    struct memory *memory;
    const struct layout *layout;
    uint32_t version_hex;     // of the target, for layout/hidden.h alone
    mx_addr type_type;        // PyType_Type
    struct type_info **types; // in order of discovery; each stays where it is
    uint32_t type_count, type_capacity;
    struct map type_numbers; // address -> number of its type; what is no type, too
    struct recent_type recent_types[RECENT_TYPES]; // by type_slot
    uint64_t undecoded;
    uint64_t work, work_limit;        // items that may still be looked at, and in all: decoder_take
    uint64_t most_items;              // of one container: a preview needs no more
    uint64_t word_count;              // of all types' words
    mx_addr interned[LIMIT_INTERNED]; // the dicts of interned strings, one for each heap
    int interned_count;
    // Bytes of the block of memory in use that starts exactly at addr; 0 when none does, or when no
    // allocator can tell. NULL: nobody can.
    uint64_t (*block_nbytes)(void *data, mx_addr addr);
    void *block_data;
    bool recipe;              // object_recipe
    struct map thread_counts; // object -> references, two's complement: decoder_add_count
    struct map running;       // frames that may be in the middle of an instruction, as keys
};

void decoder_init(struct decoder *decoder, struct memory *memory, const struct layout *layout,
                  mx_addr type_type);
void decoder_fini(struct decoder *decoder);

// ---- a limit to all work ----------------------------------------------------------------------

// Tables that many containers share, rings that never end: a target in nonsense could keep us busy
// for years with each container within its limit. In a real heap no item belongs to two containers,
// so that a pass over all of them looks at fewer items than the memory has words. Every item looked
// at is taken from an allowance of some words more, and what is left out counts as undecoded.

// The allowance for a pass over `nbytes` of memory. decoder_init gives one for a few looks.
void decoder_allow(struct decoder *decoder, uint64_t nbytes);
// Before each pass and each question: the whole allowance again.
static inline void decoder_refill(struct decoder *decoder)
{
    decoder->work = decoder->work_limit;
}
// How many of the `wanted` items may be looked at.
static inline uint64_t decoder_take(struct decoder *decoder, uint64_t wanted)
{
    uint64_t given = wanted <= decoder->work ? wanted : decoder->work;
    decoder->work -= given;
    return given;
}
// The same for the items of one container.
static inline uint64_t decoder_take_items(struct decoder *decoder, uint64_t wanted)
{
    return decoder_take(decoder, wanted <= decoder->most_items ? wanted : decoder->most_items);
}

// ---- types ------------------------------------------------------------------------------------

// Number of the type at addr, or NO_TYPE when no type object is there. Amortised O(1).
uint32_t type_lookup_slow(struct decoder *decoder, mx_addr addr);
static inline uint32_t type_slot(mx_addr addr)
{
    return (uint32_t)(addr >> 4 ^ addr >> 12) % RECENT_TYPES;
}
static inline uint32_t type_lookup(struct decoder *decoder, mx_addr addr)
{
    const struct recent_type *recent = &decoder->recent_types[type_slot(addr)];
    return addr && recent->addr == addr ? recent->type : type_lookup_slow(decoder, addr);
}

// "module.qualname" of the type; owned by the table, never NULL.
const char *type_qualified_name(struct decoder *decoder, uint32_t type);
// The name without "builtins.".
static inline const char *plain_name(const char *qualified)
{
    return strncmp(qualified, "builtins.", 9) == 0 ? qualified + 9 : qualified;
}
// Of a struct sequence: fields behind ob_size that are reached by name only.
#define HIDDEN_UNKNOWN UINT32_MAX
uint32_t type_hidden_items(struct decoder *decoder, const struct type_info *type);
// Fills family, family_nbytes and words of a type whose struct has been read.
bool type_classify(struct decoder *decoder, struct type_info *info);
// The type or one of its bases is called `name` (as tp_name has it).
bool type_inherits(struct decoder *decoder, uint32_t type, const char *name);

// ---- object headers ---------------------------------------------------------------------------

struct header {
    mx_addr addr;
    int64_t refcount; // a mark when immortal; 0 where only references that do not count are left
    bool immortal;
    bool deferred; // free-threaded: stacks may refer to it without counting
    uint32_t type;
};

// The header at addr: false when it is not that of a live object (unreadable, count not positive,
// no type). Says nothing of the allocator's opinion.
bool object_header(struct decoder *decoder, mx_addr addr, struct header *ret);
// PyObject_IS_GC: static type objects are not, though `type` is a GC type.
bool object_is_gc(struct decoder *decoder, mx_addr addr, const struct type_info *type);
bool object_is_tracked(struct decoder *decoder, mx_addr addr, const struct type_info *type);
// Its finalizer was called, and will not be again.
bool object_is_finalized(struct decoder *decoder, mx_addr addr, const struct type_info *type);
// Bytes of GC head and pre-header in front of the object, in its allocated block.
uint32_t object_prefix(struct decoder *decoder, mx_addr addr, const struct type_info *type);
// |ob_size|; 0 for types without items or when it makes no sense.
uint64_t object_items(struct decoder *decoder, mx_addr addr, const struct type_info *type);
#define NO_SIZER (-1)
int type_sizer(const char *type_name);
// What the type's own __sizeof__ adds to the general rule.
uint64_t sizer_extra(struct decoder *decoder, mx_addr addr, const struct type_info *type);
// sys.getsizeof, GC header included.
uint64_t object_size(struct decoder *decoder, mx_addr addr, const struct type_info *type);

// ---- references -------------------------------------------------------------------------------

enum hold {
    HOLD_OWNED,    // counted in the refcount
    HOLD_POSSIBLE, // a word of a C struct: counted only where a refcount asks for it
    HOLD_BORROWED,
    HOLD_WEAK,
};

enum edge_kind {
    EDGE_ITEM,         // [detail]
    EDGE_SET_ITEM,     // member of a set
    EDGE_KEY,          // key of a dict: detail is its position
    EDGE_VALUE,        // ['key']: detail is the key's address
    EDGE_ATTRIBUTE,    // .name: detail is the name's address
    EDGE_MEMBER,       // detail is a struct scan_word *
    EDGE_NAMED,        // detail is a const char *
    EDGE_LOCAL,        // local x: detail is the name's address
    EDGE_CLOSURE,      // closure x
    EDGE_STACK,        // value stack, detail is the position
    EDGE_STATE,        // word of a module's C state, detail is the offset
    EDGE_STATE_MEMBER, // the same, with a name: detail is a const struct layout_member *
    EDGE_STATIC,       // word of a library's data, detail is the address
    EDGE_NATIVE,       // word of a thread's C stack, or 0 for one of its registers
    EDGE_BLOCK,        // word of a block that an object owns, detail is the offset in it
};

struct edge {
    mx_addr to; // never 0
    uint64_t detail;
    uint8_t kind; // enum edge_kind
    uint8_t hold; // enum hold
    bool certain; // false: the word may be a number that looks like an address
};

enum claim_kind {
    CLAIM_TYPE_KEYS, // the keys that instances share, owned: by their class, when that still has them,
    CLAIM_KEYS,      // else by the first instance met
    CLAIM_BLOCK,     // a block that nobody described
};

struct visitor {
    void (*edge)(struct visitor *visitor, struct edge edge);
    // Called before memory that several objects may point to: true when this visitor has to be told
    // what it refers to, once for each. NULL: never.
    bool (*claim)(struct visitor *visitor, mx_addr memory, enum claim_kind kind);
};

static inline void emit(struct visitor *visitor, mx_addr to, enum edge_kind kind, enum hold hold,
                        uint64_t detail)
{
    if (to)
        visitor->edge(visitor, (struct edge){to, detail, kind, hold, true});
}

// Calls visitor->edge for every reference that the object keeps, in the order in which it keeps
// them; false when something in it made no sense (what did was visited).
bool object_visit(struct decoder *decoder, mx_addr addr, uint32_t type, struct visitor *visitor);

// The same for what tp_traverse of the object reports: all that the cycle collector knows of. Owned
// references, words that may be some, and borrowed ones of frames, which keep alive and do not count.
bool object_traverse(struct decoder *decoder, mx_addr addr, uint32_t type, struct visitor *visitor);
// Of every instance of the type it tells what object_visit tells as owned, in the same order, and no more.
bool type_reports_owned(const struct decoder *decoder, const struct type_info *type);

// ---- families: each false when the bytes made no sense --------------------------------------

bool list_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool tuple_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                 struct visitor *visitor);
bool deque_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool dict_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool ordered_dict_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool set_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool type_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool module_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
// Its C state, 0 when it has none, and bytes of that: of more than LIMIT_STATE none.
mx_addr module_state(struct decoder *decoder, mx_addr addr, uint64_t *ret_nbytes);
bool code_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool lru_cache_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool frame_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
bool generator_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);
// What an object, or a module's state, of the standard library keeps outside its struct.
bool behind_visit(struct decoder *decoder, mx_addr addr, const struct layout_object *object,
                  struct visitor *visitor);
bool instance_visit(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                    struct visitor *visitor);

// ---- memory that nobody described -------------------------------------------------------------

// A word of a C struct that may refer to an object, or to a block of memory whose words may.
void possible_visit(struct decoder *decoder, struct edge edge, struct visitor *visitor);
// The str or bytes whose characters stand at this address, or 0.
mx_addr object_of_characters(struct decoder *decoder, mx_addr addr);
// C structs of NumPy: their members by the name of the type, or NULL.
const struct layout_object *numpy_members(const struct layout *layout, const char *type_name);
bool ndarray_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor);

// ---- frames -----------------------------------------------------------------------------------

// The current frame of a thread: a PyFrameObject to 3.10, an _PyInterpreterFrame from 3.11 on.
mx_addr thread_current_frame(struct decoder *decoder, mx_addr tstate);
mx_addr frame_previous(struct decoder *decoder, mx_addr frame);

struct frame_facts {
    mx_addr code;         // 0 for the interpreter's own frames
    int line;             // 0 when not known
    bool owned_by_thread; // its slots are the thread's, not those of a generator or frame object
};
bool frame_describe(struct decoder *decoder, mx_addr frame, struct frame_facts *ret);
// Of a frame object: the frame it stands for.
mx_addr frame_of_object(struct decoder *decoder, mx_addr frame_object);
// What a frame of the thread's own holds. Not for frame objects and generators: those do it.
bool frame_visit_slots(struct decoder *decoder, mx_addr frame, struct visitor *visitor);
// Of a word with a tag, as frames have them from 3.14 on: the address, 0 where it is none, and whether
// it counts.
enum hold stackref_hold(mx_addr *ref);
// Line of the bytecode at `lasti` (byte offset of the instruction); 0 when not known.
int code_line(struct decoder *decoder, mx_addr code, int64_t lasti);

// ---- text -------------------------------------------------------------------------------------

// The value as Python prints it, cut to the buffer.
void object_preview(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes);
// "instance", "class", "function f at app.py:12" ...
void object_kind(struct decoder *decoder, mx_addr addr, uint32_t type, char *buffer, size_t nbytes);
// `.attr`, `['key']`, `[3]`, `local x` ...
void edge_label(struct decoder *decoder, const struct edge *edge, char *buffer, size_t nbytes);

// ---- small reads ------------------------------------------------------------------------------

// The word at addr, or 0 when it cannot be read.
static inline uint64_t word_at(struct decoder *decoder, mx_addr addr)
{
    return memory_word(decoder->memory, addr);
}

static inline uint64_t field_at(struct decoder *decoder, mx_addr addr, int32_t offset)
{
    return offset == ABSENT ? 0 : word_at(decoder, addr + (uint64_t)offset);
}

static inline uint32_t field32_at(struct decoder *decoder, mx_addr addr, int32_t offset)
{
    return offset == ABSENT ? 0 : memory_half(decoder->memory, addr + (uint64_t)offset);
}

#endif
