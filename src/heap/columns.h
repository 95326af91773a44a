// columns.h - private to the files that make a snapshot of a live heap.
//
//   recorder.h --columns.c--> objects, references both ways
//   heap ------columns_tables.c--> types, roots, blocks
//   retained.c: dominators and what they retain          texts.c: previews and labels, when asked
#ifndef MX_HEAP_COLUMNS_H
#define MX_HEAP_COLUMNS_H

#include "heap/blocks.h"

// A snapshot and the arrays that its columns point into; those of the recorder stay where they are.
struct columns {
    struct mx_heap *heap;
    struct snapshot snapshot;
    uint16_t *small_types;           // [objects], or
    uint32_t *types;                 // [objects], where there are more than 2^16
    uint64_t *sizes;                 // [objects], where one is of 4 GiB or more
    uint64_t *extras;                // [objects], until it is narrow
    uint64_t *unexplained;           // [objects], zigzag; the same
    uint32_t *possible;              // [objects]
    uint64_t *addresses;             // [objects]
    uint64_t *dropped;               // a bit for each recorded reference that is none
    uint64_t *referrer_first;        // [objects + 1]
    uint32_t *referrers;             // [references]
    uint8_t *referrer_holds;         // [references]
    uint32_t *dominators;            // [objects]
    uint64_t *retained;              // [objects]
    struct snapshot_type *type_rows; // as heap->type_stats
    VECTOR(struct snapshot_root) roots;
    VECTOR(struct snapshot_root_reference) root_references;
    VECTOR(uint32_t)
    root_edges; // for each root reference its place in heap->root_edges, or NO_EDGE
    VECTOR(char *) strings;
    uint8_t *label_kinds;    // [references], labels.c
    uint32_t *label_numbers; // [references]
    VECTOR(const char *) label_names;
    struct map label_name_numbers; // where a name comes from -> its place in label_names + 1
};

#define NO_EDGE UINT32_MAX

void columns_free(struct columns *columns); // may be NULL
// Numbers as narrow as they can be, in their own place, which shrinks: the column of them.
struct column columns_narrow(uint64_t **numbers, uint64_t count);

// columns_tables.c. All but MX_NO_MEMORY cannot go wrong.
mx_status columns_add_types(struct columns *columns, struct mx_error *err);
mx_status columns_add_blocks(struct columns *columns, struct mx_error *err);
// The object that owns the block, or MX_NO_OBJECT.
uint32_t columns_block_owner(const struct blocks *blocks, size_t index);
// Roots of the heap, then those that follow from it: modules, static objects. Takes the possible
// ones that a count asks for: `missing` is what is left to explain.
mx_status columns_add_roots(struct columns *columns, int64_t *missing, struct mx_error *err);
// A root of this kind and name; its number, or NO_EDGE when out of memory.
uint32_t columns_add_root(struct columns *columns, enum root_kind kind, const char *name);
bool columns_add_root_reference(struct columns *columns, uint32_t root, uint32_t to,
                                mx_ownership hold, bool keeps, uint32_t edge);

// retained.c
mx_status columns_add_retained(struct columns *columns, struct mx_error *err);

// columns_unreached.c: roots for what no other leads to, and OBJECT_UNREACHED. O(objects); where a
// cycle goes through what the collector does not track, O(references) once more.
struct dominators;
mx_status columns_add_unreached(struct columns *columns, const struct dominators *dominators,
                                struct mx_error *err);

// labels.c: heap_labels
// texts.c
void columns_add_texts(struct columns *columns);

#endif
