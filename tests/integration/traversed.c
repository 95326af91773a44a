// traversed.c - what memexplorer takes tp_traverse to report: for comparison with gc.get_referents.
//
//   traversed PID    prints a line for each object of a type that the collector knows:
//                    address tracked referent:HOLD:label ...
//                    HOLD is o (owned), p (a word that may be one), b (borrowed); addresses are decimal
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap/heap.h"

struct printer {
    struct visitor visitor;
    struct mx_heap *heap;
};

static void print_edge(struct visitor *visitor, struct edge edge)
{
    struct printer *printer = (struct printer *)visitor;
    struct decoder *decoder = &printer->heap->decoder;
    struct header header;
    uint32_t index;
    char label[200];
    if (!mx_heap_find(printer->heap, edge.to, &index) ||
        !object_header(decoder, edge.to, &header) ||
        !object_is_gc(decoder, edge.to, decoder->types[header.type]))
        return;
    edge_label(decoder, &edge, label, sizeof label);
    for (char *c = label; *c; c++)
        if (*c == ' ' || *c == ':')
            *c = '_';
    printf(" %" PRIu64 ":%c:%s", edge.to, "opbw"[edge.hold], label);
}

int main(int argc, char **argv)
{
    mx_target *target = NULL;
    mx_heap *heap = NULL;
    struct mx_error err = {0};
    mx_status status = mx_target_open(argc > 1 ? atoi(argv[1]) : 0, &target, &err);
    if (!status)
        status = mx_heap_capture(target, NULL, &heap, &err);
    for (uint32_t i = 0; !status && i < heap->count; i++) {
        const struct type_info *type = heap->decoder.types[heap->types[i]];
        struct printer printer = {{print_edge, NULL}, heap};
        mx_addr from = heap->addresses[i];
        if (!object_is_gc(&heap->decoder, from, type))
            continue;
        printf("%" PRIu64 " %d", from, object_is_tracked(&heap->decoder, from, type));
        decoder_refill(&heap->decoder);
        object_traverse(&heap->decoder, from, heap->types[i], &printer.visitor);
        putchar('\n');
    }
    if (status)
        fprintf(stderr, "traversed: %s\n", err.message);
    mx_heap_free(heap);
    mx_target_free(target);
    return mx_status_exit_code(status);
}
