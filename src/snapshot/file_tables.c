// file_tables.c - the small tables of a file, made into what a snapshot has.
//
// Numbers of objects, types, roots and strings are held against their counts here: nobody does again.
#include <stdlib.h>

#include "base/error.h"
#include "snapshot/file_inside.h"

static void take_text(const struct snapshot_file *file, struct wire_in *in, char *buffer,
                      size_t nbytes)
{
    const char *text = file_string(file, take_number(in));
    size_t length = strlen(text);
    if (length >= nbytes) {
        length = nbytes - 1;
        while (length && ((uint8_t)text[length] >> 6) == 2)
            length--;
    }
    memcpy(buffer, text, length);
    buffer[length] = '\0';
}

static int take_int(struct wire_in *in)
{
    int64_t number = zagzig(take_number(in));
    if (number == (int)number)
        return (int)number;
    in->bad = true;
    return 0;
}

// An object + 1, or MX_NO_OBJECT for 0.
static uint32_t take_object(const struct snapshot_file *file, struct wire_in *in)
{
    return (uint32_t)take_below(in, (uint64_t)file->snapshot.object_count + 1) - 1;
}

// ---- what it was ------------------------------------------------------------------------------

static void take_target(const struct snapshot_file *file, struct wire_in *in,
                        struct mx_target_info *info)
{
    struct mx_process *process = &info->process;
    process->pid = take_int(in);
    take_text(file, in, process->user, sizeof process->user);
    take_text(file, in, process->python, sizeof process->python);
    take_text(file, in, process->executable, sizeof process->executable);
    take_text(file, in, process->cmdline, sizeof process->cmdline);
    process->rss_bytes = take_number(in);
    process->uptime_seconds = take_double(in);
    if (!(process->uptime_seconds >= 0 && process->uptime_seconds < 1e12))
        process->uptime_seconds = 0;
    take_text(file, in, process->problem, sizeof process->problem);
    take_text(file, in, info->implementation, sizeof info->implementation);
    info->version_hex = (uint32_t)take_below(in, UINT32_MAX);
    info->free_threaded = take_number(in);
    info->debug = take_number(in);
    take_text(file, in, info->library, sizeof info->library);
    info->other_pythons = take_int(in);
    info->layout_verified = take_number(in);
    info->from_core = take_number(in);
}

static void take_generation(struct wire_in *in, struct mx_generation *generation)
{
    generation->objects = take_number(in);
    generation->threshold = take_int(in);
    generation->count = take_int(in);
    generation->collections = take_number(in);
    generation->collected = take_number(in);
    generation->uncollectable = take_number(in);
}

static void take_summary(struct wire_in *in, struct mx_heap_summary *summary)
{
    summary->objects = take_number(in);
    summary->references = take_number(in);
    summary->bytes = take_number(in);
    summary->refcounts.explained = take_number(in);
    summary->refcounts.certain = take_number(in);
    summary->refcounts.surplus = take_number(in);
    summary->refcounts.deficit = take_number(in);
    summary->refcounts.immortal = take_number(in);
    summary->gc_enabled = take_number(in);
    summary->gc_collecting = take_number(in);
    for (size_t i = 0; i < sizeof summary->generations / sizeof *summary->generations; i++)
        take_generation(in, &summary->generations[i]);
    summary->mode = (mx_capture_mode)take_below(in, MX_CAPTURE_MODES);
    summary->pause_ns = take_number(in);
    summary->copied_bytes = take_number(in);
    summary->skipped_bytes = take_number(in);
    summary->walk_ns = take_number(in);
    summary->undecoded = take_number(in);
}

// The counts, before anything is known of strings.
mx_status file_read_info(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_info);
    file->snapshot.object_count = (uint32_t)take_below(&in, UINT32_MAX);
    file->snapshot.reference_count = take_below(&in, UINT64_MAX / 16);
    file->large_statics = take_number(&in);
    return in.bad ? fail_damaged(file, "info", err) : MX_OK;
}

static mx_status read_summary(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_info);
    for (int i = 0; i < 3; i++)
        take_number(&in);
    take_target(file, &in, &file->snapshot.info);
    take_summary(&in, &file->snapshot.summary);
    if (in.bad || file->snapshot.summary.objects != file->snapshot.object_count)
        return fail_damaged(file, "info", err);
    return MX_OK;
}

// ---- types, roots, threads ----------------------------------------------------------------------

static mx_status read_types(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_types);
    size_t count = take_count(&in);
    file->types = calloc(count + 1, sizeof *file->types);
    file->type_stats = calloc(count + 1, sizeof *file->type_stats);
    file->forms = calloc(count + 1, 1);
    file->are_values = calloc(count + 1, 1);
    file->kinds = calloc(count + 1, sizeof *file->kinds);
    if (!file->types || !file->type_stats || !file->forms || !file->are_values || !file->kinds)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        struct snapshot_type *type = &file->types[i];
        type->address = take_number(&in);
        type->object = take_object(file, &in);
        type->base = (uint32_t)take_below(&in, count + 1) - 1;
        type->flags = (uint32_t)take_number(&in);
        type->basic_nbytes = (uint32_t)take_number(&in);
        type->family = (uint8_t)take_below(&in, SNAPSHOT_INSTANCE + 1);
        type->name = file_string(file, take_number(&in));
        file->type_stats[i].address = type->address;
        file->type_stats[i].name = type->name;
        file->type_stats[i].count = take_number(&in);
        file->type_stats[i].bytes = take_number(&in);
        file->forms[i] = (uint8_t)take_below(&in, TEXT_FORMS);
        file->kinds[i] = file_string(file, take_number(&in));
    }
    file->snapshot.types = file->types;
    file->snapshot.type_count = count;
    return in.bad ? fail_damaged(file, "types", err) : MX_OK;
}

static mx_status read_roots(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_roots);
    size_t count = take_count(&in);
    file->roots = calloc(count + 1, sizeof *file->roots);
    if (!file->roots)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        file->roots[i].kind = (uint8_t)take_below(&in, ROOT_KINDS);
        file->roots[i].name = file_string(file, take_number(&in));
    }
    file->snapshot.roots = file->roots;
    file->snapshot.root_count = count;
    return in.bad ? fail_damaged(file, "roots", err) : MX_OK;
}

static mx_status read_root_references(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_root_references);
    size_t count = take_count(&in);
    file->root_references = calloc(count + 1, sizeof *file->root_references);
    file->root_labels = calloc(count + 1, sizeof *file->root_labels);
    if (!file->root_references || !file->root_labels)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        struct snapshot_root_reference *reference = &file->root_references[i];
        reference->root = (uint32_t)take_below(&in, file->snapshot.root_count);
        reference->to = (uint32_t)take_below(&in, file->snapshot.object_count);
        uint64_t hold = take_below(&in, (MX_WEAK + 1) << 1);
        reference->hold = (uint8_t)(hold >> 1);
        reference->keeps = hold & 1;
        file->root_labels[i] = file_string(file, take_number(&in));
    }
    file->snapshot.root_references = file->root_references;
    file->snapshot.root_reference_count = count;
    return in.bad ? fail_damaged(file, "root_references", err) : MX_OK;
}

// Each thread has at least three bytes and each frame has, so that the bytes are a limit to both.
static mx_status read_threads(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_threads);
    size_t room = (size_t)(in.end - in.at), count = take_count(&in), frames = 0;
    file->threads = calloc(count + 1, sizeof *file->threads);
    file->frames = calloc(room / 3 + 1, sizeof *file->frames);
    if (!file->threads || !file->frames)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        struct mx_thread *thread = &file->threads[i];
        thread->native_id = zagzig(take_number(&in));
        thread->ident = take_number(&in);
        thread->frame_count = take_count(&in);
        thread->frames = file->frames + frames;
        if (thread->frame_count > room / 3 - frames)
            in.bad = true;
        for (size_t k = 0; k < thread->frame_count && !in.bad; k++) {
            struct mx_frame *frame = &file->frames[frames++];
            frame->function = file_string(file, take_number(&in));
            frame->file = file_string(file, take_number(&in));
            frame->line = take_int(&in);
        }
    }
    file->snapshot.threads = file->threads;
    file->snapshot.thread_count = count;
    return in.bad ? fail_damaged(file, "threads", err) : MX_OK;
}

static mx_status read_block_texts(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_block_texts);
    size_t room = (size_t)(in.end - in.at) / 2 + 1;
    file->block_texts = calloc(room, sizeof *file->block_texts);
    if (!file->block_texts)
        return fail_no_memory(err);
    while (in.at < in.end && !in.bad) {
        struct block_texts *texts = &file->block_texts[file->block_text_count++];
        texts->allocator = file_string(file, take_number(&in));
        texts->holder = file_string(file, take_number(&in));
    }
    return in.bad ? fail_damaged(file, "block_texts", err) : MX_OK;
}

static mx_status read_told_roots(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_told_roots);
    size_t room = (size_t)(in.end - in.at) / 4 + 1, count = 0;
    file->told_roots = calloc(room, sizeof *file->told_roots);
    if (!file->told_roots)
        return fail_no_memory(err);
    while (in.at < in.end && !in.bad && count < room) {
        struct stored_root *told = &file->told_roots[count++];
        told->to = (uint32_t)take_below(&in, file->snapshot.object_count);
        told->ownership = (uint8_t)take_below(&in, MX_WEAK + 1);
        told->label = file_string(file, take_number(&in));
        told->root = file_string(file, take_number(&in));
    }
    file->told_root_count = count;
    return in.bad ? fail_damaged(file, "told_roots", err) : MX_OK;
}

static mx_status read_unlikely(struct snapshot_file *file, struct mx_error *err)
{
    struct wire_in in = file_records(file, SECTION_unlikely);
    size_t count = take_count(&in);
    file->unlikely = calloc(count + 1, sizeof *file->unlikely);
    if (!file->unlikely)
        return fail_no_memory(err);
    for (size_t i = 0; i < count && !in.bad; i++) {
        struct stored_unlikely *unlikely = &file->unlikely[i];
        unlikely->from = (uint32_t)take_below(&in, file->snapshot.object_count);
        unlikely->to = (uint32_t)take_below(&in, file->snapshot.object_count);
        unlikely->before = take_number(&in);
        unlikely->label = file_string(file, take_number(&in));
        in.bad |= i && unlikely->from < file->unlikely[i - 1].from;
    }
    file->unlikely_count = count;
    return in.bad ? fail_damaged(file, "unlikely", err) : MX_OK;
}

mx_status file_read_tables(struct snapshot_file *file, struct mx_error *err)
{
    mx_status status = read_summary(file, err);
    if (!status)
        status = read_types(file, err);
    if (!status)
        status = read_roots(file, err);
    if (!status)
        status = read_root_references(file, err);
    if (!status)
        status = read_threads(file, err);
    if (!status)
        status = read_block_texts(file, err);
    if (!status)
        status = read_told_roots(file, err);
    return status ? status : read_unlikely(file, err);
}

void file_free_tables(struct snapshot_file *file)
{
    free(file->types);
    free(file->type_stats);
    free(file->forms);
    free(file->are_values);
    free(file->kinds);
    free(file->roots);
    free(file->root_references);
    free(file->root_labels);
    free(file->threads);
    free(file->frames);
    free(file->block_texts);
    free(file->unlikely);
    free(file->told_roots);
    free(file->label_kinds);
    free(file->label_numbers);
    free(file->label_names);
}

const struct mx_type *file_types(const struct snapshot_file *file)
{
    return file->type_stats;
}

bool file_large_statics(const struct snapshot_file *file)
{
    return file->large_statics;
}

const struct stored_root *file_told_roots(const struct snapshot_file *file, size_t *ret_count)
{
    *ret_count = file->told_root_count;
    return file->told_roots;
}

const struct stored_unlikely *file_unlikely(const struct snapshot_file *file, size_t *ret_count)
{
    *ret_count = file->unlikely_count;
    return file->unlikely;
}
