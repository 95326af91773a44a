// flow.c (snapshot) - columns to plain arrays.
#include "snapshot/flow.h"

#include <stdlib.h>

#include "base/error.h"

// The numbers of the column, `width` bytes each: its own when they can be, else unpacked into *ret_owned.
static const void *plain(const struct column *column, enum column_encoding wanted, size_t width,
                         void **ret_owned)
{
    if (column->encoding == wanted && !column->untrusted)
        return column->bytes;
    uint8_t *numbers = malloc((column->count + 1) * width);
    uint64_t some[512];
    for (uint64_t at = 0; numbers && at < column->count;) {
        uint64_t count = column->count - at < 512 ? column->count - at : 512;
        column_read(column, at, count, some);
        for (uint64_t i = 0; i < count; i++) // little-endian, as all that is read here
            memcpy(numbers + (at + i) * width, &some[i], width);
        at += count;
    }
    return *ret_owned = numbers;
}

// Places of first references rise; those of a file, whatever it says.
static void make_rise(uint64_t *offsets, uint64_t count)
{
    for (uint64_t i = 1; offsets && i < count; i++)
        offsets[i] = offsets[i] < offsets[i - 1] ? offsets[i - 1] : offsets[i];
}

static mx_status collect_entries(const struct snapshot *s, struct snapshot_flow *ret,
                                 struct mx_error *err)
{
    ret->entries = malloc((s->root_reference_count + 1) * sizeof *ret->entries);
    if (!ret->entries)
        return fail_no_memory(err);
    for (size_t i = 0; i < s->root_reference_count; i++)
        if (s->root_references[i].keeps)
            ret->entries[ret->flow.entry_count++] = s->root_references[i].to;
    ret->flow.entries = ret->entries;
    return MX_OK;
}

mx_status snapshot_flow_init(const struct snapshot *s, struct snapshot_flow *ret,
                             struct mx_error *err)
{
    *ret = (struct snapshot_flow){
        .graph = {.node_count = s->object_count, .edge_count = s->reference_count}};
    const void *offsets = plain(&s->first, COLUMN_U64, sizeof(uint64_t), &ret->owned[0]);
    make_rise(ret->owned[0], s->first.count);
    const void *targets = plain(&s->target, COLUMN_U32, sizeof(uint32_t), &ret->owned[1]);
    ret->flow.hold = plain(&s->hold, COLUMN_U8, 1, &ret->owned[2]);
    ret->graph.offsets = (uint64_t *)(uintptr_t)offsets; // never written through
    ret->graph.targets = (uint32_t *)(uintptr_t)targets;
    ret->flow.graph = &ret->graph;
    mx_status status =
        offsets && targets && ret->flow.hold ? collect_entries(s, ret, err) : fail_no_memory(err);
    if (status)
        snapshot_flow_free(ret);
    return status;
}

void snapshot_flow_free(struct snapshot_flow *flow)
{
    for (size_t i = 0; i < sizeof flow->owned / sizeof *flow->owned; i++)
        free(flow->owned[i]);
    free(flow->entries);
    *flow = (struct snapshot_flow){0};
}
