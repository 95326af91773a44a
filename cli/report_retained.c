// report_retained.c - what holds the most, for both forms of a report.
#include <stdlib.h>

#include "command.h"
#include "report.h"

mx_status report_find_retained(const mx_heap *heap, uint32_t top, struct report_retained *ret,
                               struct mx_error *err)
{
    *ret = (struct report_retained){0};
    mx_status status = mx_heap_tree(heap, &ret->tree, err);
    if (!status)
        status = mx_tree_types(ret->tree, &ret->types, &ret->type_count, err);
    if (status) {
        report_free_retained(ret);
        return status;
    }
    for (size_t i = 0; i < ret->type_count; i++)
        ret->total += ret->types[i].bytes;
    ret->objects = must(calloc((size_t)top + 1, sizeof *ret->objects));
    mx_tree_largest(ret->tree, MX_NO_OBJECT, top, ret->objects, &ret->object_count);
    return MX_OK;
}

void report_free_retained(struct report_retained *retained)
{
    mx_holdings_free(retained->types);
    mx_tree_free(retained->tree);
    free(retained->objects);
}
