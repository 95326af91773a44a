// file_answers.c - answers that were given when the file was written.
#include <stdlib.h>

#include "base/error.h"
#include "snapshot/file_inside.h"

static void take_copy(const struct snapshot_file *file, struct wire_in *in, char *buffer,
                      size_t nbytes)
{
    const char *text = file_string(file, take_number(in));
    size_t length = strnlen(text, nbytes - 1);
    while (length && text[length] && ((uint8_t)text[length] >> 6) == 2)
        length--;
    memcpy(buffer, text, length);
    buffer[length] = '\0';
}

mx_status file_findings(const struct snapshot_file *file, struct mx_finding **ret,
                        size_t *ret_count, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_findings);
    size_t count = take_count(&in);
    // A record has nine bytes at least, and one in memory some hundreds.
    count = count <= (size_t)(in.end - in.at) / 9 ? count : (in.bad = true, 0);
    struct mx_finding *findings = calloc(count + 1, sizeof *findings);
    if (!findings)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        struct mx_finding *finding = &findings[i];
        finding->holder = (mx_holder)take_below(&in, MX_HOLDER_NONE + 1);
        take_copy(file, &in, finding->where, sizeof finding->where);
        take_copy(file, &in, finding->type, sizeof finding->type);
        finding->objects = take_number(&in);
        finding->references = take_number(&in);
        finding->example = take_number(&in);
        finding->place = take_number(&in);
        finding->block = take_number(&in);
        finding->block_bytes = take_number(&in);
    }
    if (in.bad) {
        free(findings);
        return fail_damaged(file, "findings", err);
    }
    *ret = findings;
    *ret_count = count;
    return MX_OK;
}

mx_status file_blind_spots(const struct snapshot_file *file, struct mx_blind_spots *ret,
                           struct mx_error *err)
{
    struct mx_blind_spots spots = {0};
    uint64_t *const numbers[] = {
        &spots.unreadable_bytes, &spots.unforked_bytes,  &spots.device_bytes,
        &spots.shared_bytes,     &spots.file_bytes,      &spots.undecoded_objects,
        &spots.scanned_types,    &spots.scanned_objects, &spots.possible_words,
        &spots.native_blocks,    &spots.native_bytes,    &spots.lost_blocks,
        &spots.lost_bytes,       &spots.broken_bytes,    &spots.threads_unseen,
    };
    struct wire_in in = file_records(file, SECTION_blind_spots);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = take_number(&in);
    take_copy(file, &in, spots.allocators, sizeof spots.allocators);
    if (in.bad)
        return fail_damaged(file, "blind_spots", err);
    *ret = spots;
    return MX_OK;
}

// ---- cycles -----------------------------------------------------------------------------------

static void take_steps(const struct snapshot_file *file, struct wire_in *in,
                       struct mx_cycle_group *group, struct mx_cycle_step *steps)
{
    group->steps = steps;
    for (size_t i = 0; i < group->step_count && !in->bad; i++) {
        steps[i].address = take_number(in);
        steps[i].type = file_string(file, take_number(in));
        steps[i].label = file_string(file, take_number(in));
    }
}

static void take_group(const struct snapshot_file *file, struct wire_in *in,
                       struct mx_cycle_group *group)
{
    uint64_t *const numbers[] = {
        &group->cycles,      &group->shortest,   &group->longest,    &group->objects,
        &group->bytes,       &group->held,       &group->held_bytes, &group->freed,
        &group->freed_bytes, &group->finalizers, &group->finalized,  &group->callbacks,
        &group->legacy,      &group->example,
    };
    group->shape = file_string(file, take_number(in));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = take_number(in);
    group->step_count = take_below(in, MX_CYCLE_STEPS + 1);
}

// A group has 16 bytes at least and a step three, so that the bytes are a limit to both.
static mx_status read_groups(const struct snapshot_file *file, struct wire_in *in,
                             struct stored_cycles *cycles, uint64_t address_count,
                             struct mx_error *err)
{
    size_t room = (size_t)(in->end - in->at), count = take_count(in), steps = 0;
    count = count <= room / 16 ? count : (in->bad = true, 0);
    cycles->groups = calloc(count + 1, sizeof *cycles->groups);
    cycles->steps = calloc(room / 3 + 1, sizeof *cycles->steps);
    if (!cycles->groups || !cycles->steps)
        return fail_no_memory(err);
    uint64_t at = 0;
    for (size_t i = 0; i < count && !in->bad; i++) {
        struct mx_cycle_group *group = &cycles->groups[i];
        take_group(file, in, group);
        in->bad |= group->step_count > room / 3 - steps || group->objects > address_count - at ||
                   group->held > address_count - at - group->objects;
        if (in->bad)
            break;
        group->addresses = cycles->addresses + at;
        at += group->objects + group->held;
        take_steps(file, in, group, cycles->steps + steps);
        steps += group->step_count;
    }
    cycles->answer.groups = cycles->groups;
    cycles->answer.count = count;
    return MX_OK;
}

static mx_status read_addresses(const struct snapshot_file *file, enum format_number section,
                                struct stored_cycles *cycles, uint64_t *ret_count,
                                struct mx_error *err)
{
    struct column column;
    uint64_t count = file->sections[section].count;
    // Each is one of the objects, of one group.
    if (count > file->snapshot.object_count)
        return fail_damaged(file, format_name(section), err);
    mx_status status = file_column(file, section, count, UINT64_MAX, &column, err);
    if (status)
        return status;
    cycles->addresses = malloc((count + 1) * sizeof *cycles->addresses);
    if (!cycles->addresses)
        return fail_no_memory(err);
    column_read(&column, 0, count, cycles->addresses);
    *ret_count = count;
    return MX_OK;
}

mx_status file_cycles(const struct snapshot_file *file, bool garbage, struct stored_cycles *ret,
                      struct mx_error *err)
{
    enum format_number section = garbage ? SECTION_garbage : SECTION_cycles;
    struct wire_in in = file_records(file, section);
    struct stored_cycles cycles = {0};
    struct mx_cycle_totals *totals = &cycles.answer.totals;
    uint64_t count = 0;
    mx_status status = read_addresses(file, section + 1, &cycles, &count, err);
    totals->objects = take_number(&in);
    totals->bytes = take_number(&in);
    totals->freed = take_number(&in);
    totals->freed_bytes = take_number(&in);
    totals->collecting = take_number(&in);
    if (!status)
        status = read_groups(file, &in, &cycles, count, err);
    if (!status && in.bad)
        status = fail_damaged(file, format_name(section), err);
    if (status) {
        stored_cycles_free(&cycles);
        return status;
    }
    *ret = cycles;
    return MX_OK;
}

void stored_cycles_free(struct stored_cycles *cycles)
{
    free(cycles->groups);
    free(cycles->steps);
    free(cycles->addresses);
    *cycles = (struct stored_cycles){0};
}
