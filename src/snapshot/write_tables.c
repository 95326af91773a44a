// write_tables.c - the small tables of a file, and answers that were given when it was written.
#include <stdlib.h>

#include "base/error.h"
#include "snapshot/write.h"

static void put_string(struct writing *writing, struct wire_out *out, const char *text)
{
    uint32_t number = table_string(&writing->tables, text, strlen(text));
    out->failed |= number == UINT32_MAX;
    put_number(out, number);
}

// ---- what it was ------------------------------------------------------------------------------

static void put_target(struct writing *writing, struct wire_out *out)
{
    const struct mx_target_info *info = &writing->snapshot->info;
    const struct mx_process *process = &info->process;
    put_number(out, zigzag(process->pid));
    put_string(writing, out, process->user);
    put_string(writing, out, process->python);
    put_string(writing, out, process->executable);
    put_string(writing, out, writing->options.redact ? "" : process->cmdline);
    put_number(out, process->rss_bytes);
    put_double(out, process->uptime_seconds);
    put_string(writing, out, process->problem);
    put_string(writing, out, info->implementation);
    put_number(out, info->version_hex);
    put_number(out, info->free_threaded);
    put_number(out, info->debug);
    put_string(writing, out, info->library);
    put_number(out, zigzag(info->other_pythons));
    put_number(out, info->layout_verified);
    put_number(out, info->from_core);
}

static void put_generation(struct wire_out *out, const struct mx_generation *generation)
{
    put_number(out, generation->objects);
    put_number(out, zigzag(generation->threshold));
    put_number(out, zigzag(generation->count));
    put_number(out, generation->collections);
    put_number(out, generation->collected);
    put_number(out, generation->uncollectable);
}

static void put_summary(struct wire_out *out, const struct mx_heap_summary *summary)
{
    put_number(out, summary->objects);
    put_number(out, summary->references);
    put_number(out, summary->bytes);
    put_number(out, summary->refcounts.explained);
    put_number(out, summary->refcounts.certain);
    put_number(out, summary->refcounts.surplus);
    put_number(out, summary->refcounts.deficit);
    put_number(out, summary->refcounts.immortal);
    put_number(out, summary->gc_enabled);
    put_number(out, summary->gc_collecting);
    for (size_t i = 0; i < sizeof summary->generations / sizeof *summary->generations; i++)
        put_generation(out, &summary->generations[i]);
    put_number(out, summary->mode);
    put_number(out, summary->pause_ns);
    put_number(out, summary->copied_bytes);
    put_number(out, summary->skipped_bytes);
    put_number(out, summary->walk_ns);
    put_number(out, summary->undecoded);
}

static mx_status write_info(struct writing *writing, struct mx_error *err)
{
    const struct snapshot *snapshot = writing->snapshot;
    struct wire_out out = {0};
    put_number(&out, snapshot->object_count);
    put_number(&out, snapshot->reference_count);
    put_number(&out, writing->answers.large_statics);
    put_target(writing, &out);
    put_summary(&out, &snapshot->summary);
    return write_records(writing, SECTION_info, &out, err);
}

// ---- types, roots, threads, blocks --------------------------------------------------------------

static mx_status write_types(struct writing *writing, struct mx_error *err)
{
    const struct snapshot *snapshot = writing->snapshot;
    struct wire_out out = {0};
    char kind[400];
    put_number(&out, snapshot->type_count);
    for (size_t i = 0; i < snapshot->type_count; i++) {
        const struct snapshot_type *type = &snapshot->types[i];
        put_number(&out, type->address);
        put_number(&out, (uint64_t)(uint32_t)(type->object + 1));
        put_number(&out, (uint64_t)(uint32_t)(type->base + 1));
        put_number(&out, type->flags);
        put_number(&out, type->basic_nbytes);
        put_number(&out, type->family);
        put_string(writing, &out, type->name);
        put_number(&out, writing->answers.types[i].count);
        put_number(&out, writing->answers.types[i].bytes);
        put_number(&out,
                   writing->source->form(writing->source->data, (uint32_t)i, kind, sizeof kind));
        put_string(writing, &out, kind);
    }
    return write_records(writing, SECTION_types, &out, err);
}

static mx_status write_roots(struct writing *writing, struct mx_error *err)
{
    const struct snapshot *snapshot = writing->snapshot;
    struct wire_out out = {0}, references = {0};
    char label[400];
    put_number(&out, snapshot->root_count);
    for (size_t i = 0; i < snapshot->root_count; i++) {
        put_number(&out, snapshot->roots[i].kind);
        put_string(writing, &out, snapshot->roots[i].name);
    }
    put_number(&references, snapshot->root_reference_count);
    for (size_t i = 0; i < snapshot->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &snapshot->root_references[i];
        label[0] = '\0';
        snapshot->texts.root_label(snapshot->texts.data, i, label, sizeof label);
        put_number(&references, reference->root);
        put_number(&references, reference->to);
        put_number(&references, (uint64_t)reference->hold << 1 | reference->keeps);
        put_string(writing, &references, label);
    }
    mx_status status = write_records(writing, SECTION_roots, &out, err);
    if (status) {
        vector_free(&references);
        return status;
    }
    return write_records(writing, SECTION_root_references, &references, err);
}

struct told {
    struct writing *writing;
    struct wire_out out;
};

static bool put_told(const struct mx_reference *reference, void *data)
{
    struct told *told = data;
    put_number(&told->out, reference->to);
    put_number(&told->out, reference->ownership);
    put_string(told->writing, &told->out, reference->label);
    put_string(told->writing, &told->out, reference->root);
    return !told->out.failed;
}

static mx_status write_told_roots(struct writing *writing, struct mx_error *err)
{
    struct told told = {.writing = writing};
    writing->source->roots(writing->source->data, put_told, &told);
    return write_records(writing, SECTION_told_roots, &told.out, err);
}

static mx_status write_threads(struct writing *writing, struct mx_error *err)
{
    const struct snapshot *snapshot = writing->snapshot;
    struct wire_out out = {0};
    put_number(&out, snapshot->thread_count);
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const struct mx_thread *thread = &snapshot->threads[i];
        put_number(&out, zigzag(thread->native_id));
        put_number(&out, thread->ident);
        put_number(&out, thread->frame_count);
        for (size_t k = 0; k < thread->frame_count; k++) {
            put_string(writing, &out, thread->frames[k].function);
            put_string(writing, &out, thread->frames[k].file);
            put_number(&out, zigzag(thread->frames[k].line));
        }
    }
    return write_records(writing, SECTION_threads, &out, err);
}

struct block_columns {
    uint64_t *address, *nbytes;
    uint32_t *owner, *words;
    struct map pairs; // allocator and holder, two strings -> number + 1
    struct wire_out texts;
};

static bool collect_blocks(struct writing *writing, struct block_columns *columns)
{
    const struct snapshot *snapshot = writing->snapshot;
    uint64_t pair_count = 0;
    for (size_t i = 0; i < snapshot->block_count; i++) {
        struct snapshot_block block = {.allocator = "", .holder = ""};
        snapshot->texts.block(snapshot->texts.data, i, &block);
        uint64_t allocator =
            table_string(&writing->tables, block.allocator, strlen(block.allocator));
        uint64_t holder = table_string(&writing->tables, block.holder, strlen(block.holder));
        uint64_t *known = map_put(&columns->pairs, (allocator << 32 | holder) + 1);
        if (!known)
            return false;
        if (!*known) {
            *known = ++pair_count;
            put_number(&columns->texts, allocator);
            put_number(&columns->texts, holder);
        }
        columns->address[i] = block.address;
        columns->nbytes[i] = block.nbytes;
        columns->owner[i] = block.owner + 1;
        columns->words[i] = (uint32_t)(*known - 1);
    }
    return !columns->texts.failed;
}

static mx_status write_block_columns(struct writing *writing, struct block_columns *columns,
                                     struct mx_error *err)
{
    uint64_t count = writing->snapshot->block_count;
    const struct {
        enum format_number section;
        const void *items;
        enum column_encoding encoding;
    } made[] = {{SECTION_block_address, columns->address, COLUMN_U64},
                {SECTION_block_nbytes, columns->nbytes, COLUMN_U64},
                {SECTION_block_owner, columns->owner, COLUMN_U32},
                {SECTION_block_words, columns->words, COLUMN_U32}};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct column column = {
            .count = count, .bytes = made[i].items, .encoding = (uint8_t)made[i].encoding};
        mx_status status = write_column(writing, made[i].section, &column, i == 0, err);
        if (status)
            return status;
    }
    return write_records(writing, SECTION_block_texts, &columns->texts, err);
}

static mx_status write_blocks(struct writing *writing, struct mx_error *err)
{
    size_t count = writing->snapshot->block_count + 1;
    struct block_columns columns = {.address = calloc(count, sizeof *columns.address),
                                    .nbytes = calloc(count, sizeof *columns.nbytes),
                                    .owner = calloc(count, sizeof *columns.owner),
                                    .words = calloc(count, sizeof *columns.words)};
    mx_status status = columns.address && columns.nbytes && columns.owner && columns.words &&
                               collect_blocks(writing, &columns)
                           ? write_block_columns(writing, &columns, err)
                           : fail_no_memory(err);
    free(columns.address);
    free(columns.nbytes);
    free(columns.owner);
    free(columns.words);
    map_free(&columns.pairs);
    vector_free(&columns.texts);
    return status;
}

// ---- answers ----------------------------------------------------------------------------------

static mx_status write_findings(struct writing *writing, struct mx_error *err)
{
    const struct snapshot_answers *answers = &writing->answers;
    struct wire_out out = {0};
    put_number(&out, answers->finding_count);
    for (size_t i = 0; i < answers->finding_count; i++) {
        const struct mx_finding *finding = &answers->findings[i];
        put_number(&out, finding->holder);
        put_string(writing, &out, finding->where);
        put_string(writing, &out, finding->type);
        put_number(&out, finding->objects);
        put_number(&out, finding->references);
        put_number(&out, finding->example);
        put_number(&out, finding->place);
        put_number(&out, finding->block);
        put_number(&out, finding->block_bytes);
    }
    return write_records(writing, SECTION_findings, &out, err);
}

static mx_status write_blind_spots(struct writing *writing, struct mx_error *err)
{
    const struct mx_blind_spots *spots = &writing->answers.blind_spots;
    const uint64_t numbers[] = {
        spots->unreadable_bytes, spots->unforked_bytes,  spots->device_bytes,
        spots->shared_bytes,     spots->file_bytes,      spots->undecoded_objects,
        spots->scanned_types,    spots->scanned_objects, spots->possible_words,
        spots->native_blocks,    spots->native_bytes,    spots->lost_blocks,
        spots->lost_bytes,       spots->broken_bytes,    spots->threads_unseen,
    };
    struct wire_out out = {0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(&out, numbers[i]);
    put_string(writing, &out, spots->allocators);
    return write_records(writing, SECTION_blind_spots, &out, err);
}

static void put_group(struct writing *writing, struct wire_out *out,
                      const struct mx_cycle_group *group)
{
    const uint64_t numbers[] = {
        group->cycles,    group->shortest,   group->longest, group->objects,     group->bytes,
        group->held,      group->held_bytes, group->freed,   group->freed_bytes, group->finalizers,
        group->finalized, group->callbacks,  group->legacy,  group->example,
    };
    put_string(writing, out, group->shape);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_number(out, numbers[i]);
    put_number(out, group->step_count);
    for (size_t i = 0; i < group->step_count; i++) {
        put_number(out, group->steps[i].address);
        put_string(writing, out, group->steps[i].type);
        put_string(writing, out, group->steps[i].label);
    }
}

static mx_status write_cycles(struct writing *writing, const struct answer_cycles *cycles,
                              enum format_number section, struct mx_error *err)
{
    struct wire_out out = {0};
    VECTOR(mx_addr) addresses = {0};
    bool ok = true;
    const struct mx_cycle_totals *totals = &cycles->totals;
    put_number(&out, totals->objects);
    put_number(&out, totals->bytes);
    put_number(&out, totals->freed);
    put_number(&out, totals->freed_bytes);
    put_number(&out, totals->collecting);
    put_number(&out, cycles->count);
    for (size_t i = 0; i < cycles->count && ok; i++) {
        const struct mx_cycle_group *group = &cycles->groups[i];
        put_group(writing, &out, group);
        for (uint64_t k = 0; k < group->objects + group->held && ok; k++)
            ok = vector_push(&addresses, group->addresses[k]);
    }
    struct column column = {.count = addresses.count,
                            .bytes = (const uint8_t *)addresses.items,
                            .encoding = COLUMN_U64};
    mx_status status =
        ok ? write_column(writing, section + 1, &column, false, err) : fail_no_memory(err);
    vector_free(&addresses);
    if (status) {
        vector_free(&out);
        return status;
    }
    return write_records(writing, section, &out, err);
}

mx_status write_tables(struct writing *writing, struct mx_error *err)
{
    mx_status status = write_info(writing, err);
    if (!status)
        status = write_types(writing, err);
    if (!status)
        status = write_roots(writing, err);
    if (!status)
        status = write_told_roots(writing, err);
    if (!status)
        status = write_threads(writing, err);
    if (!status)
        status = write_blocks(writing, err);
    if (!status)
        status = write_findings(writing, err);
    if (!status)
        status = write_blind_spots(writing, err);
    if (!status)
        status = write_cycles(writing, &writing->answers.garbage, SECTION_garbage, err);
    if (!status)
        status = write_cycles(writing, &writing->answers.cycles, SECTION_cycles, err);
    return status;
}
