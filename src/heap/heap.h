// heap.h - a copied process and every object found in it.
#ifndef MX_HEAP_HEAP_H
#define MX_HEAP_HEAP_H

#include "base/map.h"
#include "base/vector.h"
#include "decode/decoder.h"
#include "heap/allocator.h"
#include "heap/recorder.h"
#include "heap/regions.h"
#include "heap/runtime.h"
#include "heap/statics.h"
#include "memory/process.h"
#include "snapshot/snapshot.h"

// Why something is held from outside the object graph.
struct root {
    char name[200]; // "interpreter 0", "thread 812 frame f at app.py:14"
    int tid;        // of a C stack and registers; else 0
    uint8_t kind;   // enum root_kind
    bool unreached; // unreached_roots.c
};

struct root_edge {
    struct edge edge;
    uint32_t root;
    mx_addr place; // where the pointer stands, for static data; else 0
};

struct mx_heap {
    struct image image;
    struct memory *memory; // &image.memory, or a fake one in a test
    const struct maps *maps;
    struct mx_target_info info;
    struct runtime runtime;
    struct decoder decoder;
    struct allocator allocator;
    struct regions regions;

    int64_t most_references; // to one object: every reference is a word of what was copied

    uint32_t count;
    mx_addr *addresses;   // [count], ascending
    uint32_t *types;      // [count], index into decoder.types
    uint32_t *found;      // [count], owned references found
    uint8_t *generations; // [count], 0 to 3, or NO_GENERATION

    struct {
        mx_addr *items;
        size_t count, capacity;
    } queue; // containers in order of discovery; GC lists first
    size_t generation_ends[4];

    struct map possible; // uncertain references: address -> how many
    struct map claimed;  // shared key tables whose keys have an owner, blocks that were looked at

    VECTOR(struct root) roots;
    VECTOR(struct root_edge) root_edges;
    VECTOR(mx_addr) root_blocks; // blocks that variables point to: no object tells of them
    struct statics statics;
    struct statics stacks;       // the C stacks of the threads: no object lies there
    struct recorder recorder;    // what counting met, until columns.c takes it
    struct columns *columns;     // columns.c: the snapshot, when it was asked for
    struct libraries *libraries; // variables.c: names of variables, when they were asked for
    struct blocks *blocks;       // blocks.c: the same
    VECTOR(struct mx_thread) threads;
    VECTOR(char *) strings; // behind the threads' frames
    VECTOR(struct mx_type) type_stats;
    uint32_t *public_types; // index into decoder.types -> index into type_stats

    struct mx_heap_summary summary;
    struct snapshot_file *opened; // opened.h: it comes from a file, and nothing else is there
    bool asking; // inside a question: one that its callback asks has what it has left
    mx_progress_fn *progress;
    void *progress_data;
};

#define NO_GENERATION SNAPSHOT_NO_GENERATION
#define LIMIT_INTERPRETERS 10000 // no process has more: each costs half a megabyte at least

// heap.c: from bytes to a finished heap. memory, maps, runtime and info are set.
mx_status heap_build(struct mx_heap *heap, struct mx_error *err);
// walk.c
mx_status heap_discover(struct mx_heap *heap, struct mx_error *err);
mx_status heap_count_references(struct mx_heap *heap, struct mx_error *err);
// facts.c: flags and count of the object, into the recorder.
void heap_record_facts(struct mx_heap *heap, uint32_t index, const struct header *header,
                       const struct type_info *type);
// When all have come: objects that are counted in the size of another have none of their own.
void heap_drop_inner_sizes(struct mx_heap *heap);
// collector.c: puts what the collector tracks on the queue, fills the summary's generations.
mx_status heap_read_generations(struct mx_heap *heap, struct mx_error *err);
// roots.c: fills roots, root_edges and threads.
mx_status heap_find_roots(struct mx_heap *heap, struct mx_error *err);
// Marks the object and queues it when it refers to others; true when it was not known before.
bool heap_add_object(struct mx_heap *heap, mx_addr addr, bool certain);
// The object's header is believable and, where the reference is uncertain, its allocator agrees.
bool heap_check_object(struct mx_heap *heap, mx_addr addr, bool certain, struct header *ret);
// References that nobody is expected to hold: an object that was never allocated starts with some.
int64_t refcount_unowned(const struct mx_heap *heap, const struct header *header);
// The references to a numbered object that somebody is expected to hold and that were not found; negative
// when more were found than counted. After heap_count_references.
int64_t refcount_missing(const struct mx_heap *heap, uint32_t index, const struct header *header);
// The expected count of an object of which `found` owned references are known.
bool refcount_is_explained(const struct mx_heap *heap, uint32_t index, const struct header *header,
                           int64_t *ret_missing);
// A word of static data that belongs to a static object: that object tells of it.
bool heap_is_inside_object(struct mx_heap *heap, mx_addr place);
uint32_t possible_count(const struct mx_heap *heap, mx_addr addr);
void heap_add_possible(struct mx_heap *heap, mx_addr addr);
// unreached_roots.c: adds what objects that nothing refers to refer to. O(bytes copied).
bool heap_many_unexplained(const struct mx_heap *heap);
mx_status heap_add_unreached_roots(struct mx_heap *heap, struct mx_error *err);
// walk.c: the object was laid out by the C compiler: to others of its kind it does not count.
bool heap_is_frozen(const struct mx_heap *heap, mx_addr addr, const struct type_info *type);
// inspect.c: every reference from a root.
void heap_tell_roots(struct mx_heap *heap, mx_reference_fn *fn, void *data);
// Within one pass over the heap: true when nobody claimed this memory before. heap_unclaim ends it.
bool heap_claim(struct mx_heap *heap, mx_addr memory);
void heap_unclaim(struct mx_heap *heap);
// At the start of a pass over the objects: the blocks that variables point to are theirs.
void heap_claim_root_blocks(struct mx_heap *heap);
// The same, and the keys that classes own: before a pass that meets the references as counting does.
void heap_claim_counted(struct mx_heap *heap);

#endif
