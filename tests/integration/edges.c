// edges.c - every object of a process and what it refers to: what tests/integration compares with
// the target's own account. Uses the public header alone.
//
//   edges PID    prints a line for each object:  address referent:HOLD referent:HOLD ...
//                HOLD is o (owned), b (borrowed) or w (weak); addresses are decimal
//    edges PID labels
//                prints each object in lines of its own:  @ address type
//                then a line for each reference:          HOLD referent label
//    edges PID deficit|surplus
//                prints the objects to which more, or fewer, references were found than their
//                count says, and the first of what refers to them: for a test that failed
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "memexplorer.h"

static bool print_reference(const struct mx_reference *reference, void *data)
{
    static const char HOLDS[] = {[MX_OWNED] = 'o', [MX_BORROWED] = 'b', [MX_WEAK] = 'w'};
    struct mx_object to;
    mx_heap_facts(data, reference->to, &to, NULL);
    printf(" %" PRIu64 ":%c", to.address, HOLDS[reference->ownership]);
    return true;
}

static bool print_label(const struct mx_reference *reference, void *data)
{
    static const char HOLDS[] = {[MX_OWNED] = 'o', [MX_BORROWED] = 'b', [MX_WEAK] = 'w'};
    struct mx_object to;
    mx_heap_facts(data, reference->to, &to, NULL);
    printf("%c %" PRIu64 " %s\n", HOLDS[reference->ownership], to.address, reference->label);
    return true;
}

static mx_status print_labels(mx_heap *heap, struct mx_error *err)
{
    uint64_t count = mx_heap_summary(heap)->objects;
    mx_status status = MX_OK;
    for (uint32_t i = 0; i < count && !status; i++) {
        struct mx_object from;
        status = mx_heap_object(heap, i, &from, err);
        printf("@ %" PRIu64 " %s\n", from.address, from.type);
        if (!status)
            status = mx_heap_references(heap, i, print_label, heap, err);
    }
    return status;
}

static mx_status print_objects(mx_heap *heap, struct mx_error *err)
{
    uint64_t count = mx_heap_summary(heap)->objects;
    for (uint32_t i = 0; i < count; i++) {
        struct mx_object from;
        mx_heap_facts(heap, i, &from, NULL);
        printf("%" PRIu64, from.address);
        mx_status status = mx_heap_references(heap, i, print_reference, heap, err);
        if (status)
            return status;
        putchar('\n');
    }
    return MX_OK;
}

#define SHOWN_REFERRERS 8
#define SHOWN_OFFENDERS 20

static bool print_referrer(const struct mx_reference *reference, void *data)
{
    int *shown = data;
    printf("    %s %s %s\n", reference->ownership == MX_OWNED ? "<-" : "(<-)", reference->label,
           reference->root);
    return ++*shown < SHOWN_REFERRERS;
}

static mx_status print_unexplained(mx_heap *heap, bool deficit, struct mx_error *err)
{
    uint64_t count = mx_heap_summary(heap)->objects;
    int offenders = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct mx_object object;
        int shown = 0;
        mx_heap_facts(heap, i, &object, NULL);
        uint32_t found = mx_heap_found_count(heap, i);
        if (object.immortal || (deficit ? object.refcount >= found : object.refcount <= found))
            continue;
        if (++offenders > SHOWN_OFFENDERS)
            break; // each costs a pass over the heap
        mx_status status = mx_heap_object(heap, i, &object, err);
        printf("%#" PRIx64 " %s refcount %" PRId64 ", found %u: %s\n", object.address, object.type,
               object.refcount, found, object.preview);
        if (!status)
            status = mx_heap_referrers(heap, i, print_referrer, &shown, err);
        if (status)
            return status;
    }
    return MX_OK;
}

int main(int argc, char **argv)
{
    mx_target *target = NULL;
    mx_heap *heap = NULL;
    struct mx_error err = {0};
    mx_status status = mx_target_open(argc > 1 ? atoi(argv[1]) : 0, &target, &err);
    if (!status)
        status = mx_heap_capture(target, NULL, &heap, &err);
    if (!status)
        status = argc <= 2           ? print_objects(heap, &err)
                 : argv[2][0] == 'l' ? print_labels(heap, &err)
                                     : print_unexplained(heap, argv[2][0] == 'd', &err);
    if (status)
        fprintf(stderr, "edges: %s\n", err.message);
    mx_heap_free(heap);
    mx_target_free(target);
    return mx_status_exit_code(status);
}
