// cycle_groups.c - groups of cycles made public: their numbers, addresses and order.
#include <stdlib.h>

#include "base/error.h"
#include "heap/garbage.h"

static void add_numbers(struct mx_cycles *cycles)
{
    struct mx_heap *heap = cycles->heap;
    for (uint32_t node = 0; node < cycles->references.graph.node_count; node++) {
        if (cycles->group_of[node] == NO_GROUP)
            continue;
        uint32_t object = cycles->references.objects[node];
        struct mx_cycle_group *group = &cycles->groups.items[cycles->group_of[node]];
        uint64_t size = recorder_size_of(&heap->recorder, object);
        cycles->totals.objects++;
        cycles->totals.bytes += size;
        *(cycles->on_cycle[node] ? &group->objects : &group->held) += 1;
        *(cycles->on_cycle[node] ? &group->bytes : &group->held_bytes) += size;
    }
    for (size_t i = 0; i < cycles->groups.count; i++) {
        cycles->totals.freed += cycles->groups.items[i].freed;
        cycles->totals.freed_bytes += cycles->groups.items[i].freed_bytes;
    }
}

// Where the next address of a group goes: those on cycles, then those held.
struct places {
    uint64_t on_cycle, held;
};

static mx_status add_addresses(struct mx_cycles *cycles, struct mx_error *err)
{
    struct places *places = calloc(cycles->groups.count + 1, sizeof *places);
    cycles->addresses = malloc((cycles->totals.objects + 1) * sizeof *cycles->addresses);
    if (!places || !cycles->addresses) {
        free(places);
        return fail_no_memory(err);
    }
    uint64_t at = 0;
    for (size_t i = 0; i < cycles->groups.count; i++) {
        struct mx_cycle_group *group = &cycles->groups.items[i];
        group->addresses = cycles->addresses + at;
        places[i] = (struct places){at, at + group->objects};
        at += group->objects + group->held;
    }
    for (uint32_t node = 0; node < cycles->references.graph.node_count; node++) {
        if (cycles->group_of[node] == NO_GROUP)
            continue;
        struct places *place = &places[cycles->group_of[node]];
        uint64_t *next = cycles->on_cycle[node] ? &place->on_cycle : &place->held;
        cycles->addresses[(*next)++] = cycles->heap->addresses[cycles->references.objects[node]];
    }
    free(places);
    return MX_OK;
}

static uint64_t all_bytes(const struct mx_cycle_group *group)
{
    return group->bytes + group->held_bytes + group->freed_bytes;
}

static int compare_groups(const void *a, const void *b)
{
    const struct mx_cycle_group *x = a, *y = b;
    if (all_bytes(x) != all_bytes(y))
        return all_bytes(x) > all_bytes(y) ? -1 : 1;
    return x->example < y->example ? -1 : x->example > y->example;
}

mx_status cycles_finish(struct mx_cycles *cycles, struct mx_error *err)
{
    add_numbers(cycles);
    mx_status status = add_addresses(cycles, err);
    if (status)
        return status;
    for (size_t i = 0; i < cycles->groups.count; i++) {
        struct mx_cycle_group *group = &cycles->groups.items[i];
        group->steps = cycles->steps.items + cycles->first_steps.items[i];
        if (!group->cycles)
            group->shortest = 0;
        group->example = group->step_count ? group->steps[0].address : 0;
    }
    if (cycles->groups.count)
        qsort(cycles->groups.items, cycles->groups.count, sizeof *cycles->groups.items,
              compare_groups);
    return MX_OK;
}

size_t mx_cycles_groups(const mx_cycles *cycles, const struct mx_cycle_group **ret)
{
    if (cycles->stored.groups) {
        *ret = cycles->stored.answer.groups;
        return cycles->stored.answer.count;
    }
    *ret = cycles->groups.items;
    return cycles->groups.count;
}

const struct mx_cycle_totals *mx_cycles_totals(const mx_cycles *cycles)
{
    return &cycles->totals;
}

void mx_cycles_free(mx_cycles *cycles)
{
    if (!cycles)
        return;
    stored_cycles_free(&cycles->stored);
    references_free(&cycles->references);
    for (size_t i = 0; i < cycles->strings.count; i++)
        free(cycles->strings.items[i]);
    free(cycles->group_of);
    free(cycles->on_cycle);
    free(cycles->addresses);
    vector_free(&cycles->groups);
    vector_free(&cycles->first_steps);
    vector_free(&cycles->steps);
    vector_free(&cycles->strings);
    free(cycles);
}
