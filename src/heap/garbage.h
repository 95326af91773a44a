// garbage.h - what garbage.c, held.c, hubs.c and the grouping of cycles share.
//
//   heap --references.h--> graph --garbage.c--> unreachable part --cycles.h--> groups by shape
//                            \---hubs.c-------> what programs make and drop --/
#ifndef MX_HEAP_GARBAGE_H
#define MX_HEAP_GARBAGE_H

#include "base/vector.h"
#include "heap/heap.h"
#include "heap/references.h"
#include "snapshot/file.h"

// collector.c: for each object the number of the collector that would look at it in a full
// collection, 0 for none: not tracked, or put aside by gc.freeze(). `sets` is zeroed.
void heap_collected_sets(struct mx_heap *heap, uint16_t *sets);

// garbage.c: 1 for each object that a full collection would find unreachable. `marks` ([objects of the
// heap]) is zeroed. O(references).
mx_status heap_mark_garbage(struct mx_heap *heap, uint8_t *marks, struct mx_error *err);

#define NO_GROUP UINT32_MAX

struct mx_cycles {
    struct mx_heap *heap;
    struct references references; // the graph in which cycles were sought
    uint32_t *group_of;           // [node_count], NO_GROUP for what is on no cycle and held by none
    uint8_t *on_cycle;            // [node_count]
    VECTOR(struct mx_cycle_group) groups;
    VECTOR(uint64_t) first_steps; // [groups], where the group's example begins in `steps`
    VECTOR(struct mx_cycle_step) steps;
    VECTOR(char *) strings;
    mx_addr *addresses;
    int allowances; // of the decoder, that finding what references are called has taken
    struct mx_cycle_totals totals;
    struct stored_cycles stored; // out of a snapshot file; then there is nothing else
};

// cycles.c: takes the references; finds the cycles in them and groups them. `held`: what is on no
// cycle goes with a group that refers to it.
mx_status cycles_group(struct mx_cycles *cycles, bool held, struct mx_error *err);
// After the groups have all their numbers: sorts them and makes them public.
mx_status cycles_finish(struct mx_cycles *cycles, struct mx_error *err);

// shape.c: a reference on a cycle, as it reads. An instance's __dict__ is not shown: `.name` goes from
// the instance to the value.
struct shape_step {
    uint32_t node; // whose reference it is
    uint32_t via;  // its __dict__, or GRAPH_NONE
    uint32_t next;
    uint64_t hash; // of type and label; classes compare below the types of C code
    uint32_t at;   // place on the cycle
    bool repeated; // stands for some of the same, one after the other
};
#define SHAPE_LABEL 120 // bytes of a label

// The steps of a cycle of `count` nodes, which are fewer where a __dict__ is passed over. `ret` has
// room for count.
uint32_t shape_steps(struct mx_cycles *cycles, const uint32_t *nodes, uint32_t count,
                     struct shape_step *ret);
// Steps that are the same one after the other become one: a chain of ten tracebacks reads like one of
// two. Returns how many are left.
uint32_t shape_fold(struct shape_step *steps, uint32_t count);
void shape_label(struct mx_cycles *cycles, const struct shape_step *step, char *buffer,
                 size_t nbytes);
// "app.Node.next -> app.Node", for `count` steps that end where they began. Freed by the caller.
char *shape_text(struct mx_cycles *cycles, const struct shape_step *steps, uint32_t count);

// held.c: finalizers, weak references with callbacks, and what goes when the garbage goes.
mx_status garbage_count_finalizers(struct mx_cycles *cycles, struct mx_error *err);
mx_status garbage_count_freed(struct mx_cycles *cycles, struct mx_error *err);

#endif
