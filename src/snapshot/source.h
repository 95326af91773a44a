// source.h - what only the maker of a snapshot knows, and a file keeps: the stuff that previews and
// labels are made of.
//
//   object --its type's form--> how its text reads         object --shape--> what its references are called
//
// Previews are not stored: a list's is made of its references', an instance's of its type's name. Only
// what cannot be made again is a text of the object: characters, numbers, and recipes.
#ifndef MX_SNAPSHOT_SOURCE_H
#define MX_SNAPSHOT_SOURCE_H

#include "snapshot/snapshot.h"
#include "snapshot/wire.h"

// How the preview of a type's instances is made.
enum text_form {
    FORM_OBJECT,    // <name object at 0x...>; no text
    FORM_LIST,      // and the other containers: of references; no text
    FORM_TUPLE,     //
    FORM_DEQUE,     //
    FORM_SET,       //
    FORM_FROZENSET, //
    FORM_DICT,      //
    FORM_INT,     // text: zigzag, as few bytes as it needs, at most 8; what is longer: as it reads
    FORM_FLOAT,   // text: 8 bytes
    FORM_COMPLEX, // text: 16 bytes
    FORM_STR,     // text: TEXT_..., then UTF-8, surrogates as 3 bytes
    FORM_BYTES,   // text: TEXT_..., then bytes
    FORM_BYTEARRAY, //
    FORM_RECIPE,    // text: number of a string, which is a recipe
};
#define TEXT_FORMS (FORM_RECIPE + 1)

// First byte of a text of FORM_STR, FORM_BYTES and FORM_BYTEARRAY.
enum text_whole { TEXT_WHOLE, TEXT_CUT, TEXT_UNREADABLE };

// In UTF-8: before 4 bytes that are a number and no character.
#define TEXT_NO_CHARACTER 0xFF

// A recipe is a preview with places to fill in. A reference is one byte, RECIPE_FIRST + its place among
// those of the object.
#define RECIPE_ADDRESS '\1'     // of the object, 0x...
#define RECIPE_PREVIEW '\2'     // and a reference: the preview of what it refers to
#define RECIPE_SHALLOW '\3'     // at the start: deep in containers it reads as FORM_OBJECT
#define RECIPE_ARGUMENTS '\4'   // and a reference: of an exception, its tuple of arguments
#define RECIPE_ITS_ADDRESS '\5' // and a reference: the address of what it refers to
#define RECIPE_FIRST 0x10
#define RECIPE_REFERENCES 64 // places that a recipe can name

// How the references of an object are called: one of these, or SHAPE_LISTED + where its labels begin.
enum shape { SHAPE_ITEMS, SHAPE_DICT, SHAPE_MEMBERS, SHAPE_LISTED };

enum mark_kind {
    MARK_ITEM,     // [detail]
    MARK_MEMBER,   // {member}
    MARK_KEY,      // {key detail}
    MARK_PREVIOUS, // [key], which is what the reference before refers to
    MARK_OBJECT,   // [key], which is this object
    MARK_TEXT,     // this string
    MARK_OMITTED,  // [...]: a key that was left out
};
#define MARK_BITS 3
#define MARK_MOST_DETAIL ((1u << (32 - MARK_BITS)) - 1)

struct mark {
    uint8_t kind; // enum mark_kind; MARK_TEXT for what is longer than a detail
    uint32_t detail;
    const char *text; // of MARK_TEXT
};

// Strings and shapes of a file that is being written: write_texts.c.
struct text_tables;
// The number of the string; the same for equal ones. UINT32_MAX when out of memory.
uint32_t table_string(struct text_tables *tables, const char *bytes, size_t nbytes);
// The shape that has these labels; the same for equal ones. UINT64_MAX when out of memory.
uint64_t table_shape(struct text_tables *tables, const struct mark *labels, size_t count);

// A word that may be a reference, and that no count asks for: in no column, but shown.
struct unlikely {
    uint32_t from, to;
    uint64_t before; // how many of the object's references in the columns come before it
    char label[200];
};

// Cycles as mx_heap_garbage and mx_heap_cycles tell them.
struct answer_cycles {
    const struct mx_cycle_group *groups;
    size_t count;
    struct mx_cycle_totals totals;
};

// Answers that need the target's memory: they are given once, when the file is written.
struct snapshot_answers {
    const struct mx_type *types; // as many as the snapshot has, in the same order
    const struct mx_finding *findings;
    size_t finding_count;
    struct mx_blind_spots blind_spots;
    struct answer_cycles garbage, cycles;
    bool large_statics; // objects that were never allocated start with a large count (3.11)
};

struct snapshot_source {
    void *data;
    // Asked first, while columns are packed. *ret stays until the file is written.
    mx_status (*answer)(void *data, struct snapshot_answers *ret, struct mx_error *err);
    // Of a type, by number: the form and the kind of its instances.
    enum text_form (*form)(void *data, uint32_t type, char *kind, size_t nbytes);
    // Appends the object's text. Objects are asked for in order, once each; the same holds below.
    void (*text)(void *data, uint32_t object, struct text_tables *tables, struct wire_out *ret);
    // What the object is in words; false when its type's kind says so.
    bool (*kind)(void *data, uint32_t object, char *buffer, size_t nbytes);
    // The shape of the object's references. `redact`: no keys but those that are attributes' names.
    uint64_t (*shape)(void *data, uint32_t object, struct text_tables *tables, bool redact);
    // After all shapes: the unlikely references, by object.
    const struct unlikely *(*unlikely)(void *data, size_t *ret_count);
    // Every reference from a root, as mx_heap_referrers tells it.
    void (*roots)(void *data, mx_reference_fn *fn, void *fn_data);
};

#endif
