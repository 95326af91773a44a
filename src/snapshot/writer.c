// writer.c - a snapshot to a file: columns are packed by one thread while another gives answers, texts
// and labels.
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/parallel.h"
#include "snapshot/write.h"

// ---- sections ---------------------------------------------------------------------------------

mx_status write_column(struct writing *writing, enum format_number section,
                       const struct column *column, bool rising, struct mx_error *err)
{
    cleanup(free_pointer) uint8_t *packed = NULL;
    uint64_t nbytes = 0;
    if (column->encoding == COLUMN_EMPTY)
        return output_add(&writing->output, section, NULL, 0, COLUMN_EMPTY, column->count, err);
    mx_status status = column_pack(column, rising, &packed, &nbytes, err);
    if (status)
        return status;
    return output_add(&writing->output, section, packed, nbytes, COLUMN_PACKED, column->count, err);
}

mx_status write_records(struct writing *writing, enum format_number section, struct wire_out *out,
                        struct mx_error *err)
{
    mx_status status =
        out->failed ? fail_no_memory(err)
                    : output_add(&writing->output, section, out->items, out->count, 0, 0, err);
    vector_free(out);
    return status;
}

// ---- the graph --------------------------------------------------------------------------------

static bool is_shared(enum format_number section)
{
#define X(name) || section == SECTION_##name
    return false SNAPSHOT_SHARED_COLUMNS(X);
#undef X
}

// As numbers of 8 bytes, one next to the other.
static mx_status write_plain(struct writing *writing, enum format_number section,
                             const struct column *column, struct mx_error *err)
{
    cleanup(free_pointer) uint64_t *numbers = malloc((column->count + 1) * sizeof *numbers);
    if (!numbers)
        return fail_no_memory(err);
    column_read(column, 0, column->count, numbers);
    return output_add(&writing->output, section, (const uint8_t *)numbers,
                      column->count * sizeof *numbers, COLUMN_U64, column->count, err);
}

enum count_of { COUNT_objects, COUNT_objects1, COUNT_references };

static const struct {
    size_t offset; // in struct snapshot
    enum count_of count;
    bool rising;
} COLUMNS[] = {
#define X(name, of, meaning)                                                                       \
    {offsetof(struct snapshot, name), COUNT_##of,                                                  \
     SECTION_##name == SECTION_address || COUNT_##of == COUNT_objects1},
    SNAPSHOT_COLUMNS(X)
#undef X
};
#define COLUMN_COUNT ((int)(sizeof COLUMNS / sizeof *COLUMNS))

static uint64_t count_of(const struct snapshot *snapshot, enum count_of count)
{
    switch (count) {
    case COUNT_objects:
        return snapshot->object_count;
    case COUNT_objects1:
        return (uint64_t)snapshot->object_count + 1;
    case COUNT_references:
        return snapshot->reference_count;
    }
    return 0;
}

static void set_failed(struct writing *writing, mx_status status, const struct mx_error *err)
{
    pthread_mutex_lock(&writing->mutex);
    if (!writing->failed) {
        writing->failed = status;
        writing->failure = *err;
    }
    pthread_mutex_unlock(&writing->mutex);
}

// The widest columns are the last ones: they are taken first, so that no thread ends long before another.
static int take_column(struct writing *writing)
{
    pthread_mutex_lock(&writing->mutex);
    int taken = writing->failed ? COLUMN_COUNT : writing->next_column++;
    pthread_mutex_unlock(&writing->mutex);
    return taken < COLUMN_COUNT ? COLUMN_COUNT - 1 - taken : -1;
}

static void pack_columns(struct writing *writing)
{
    for (int i = take_column(writing); i >= 0; i = take_column(writing)) {
        struct column column =
            *(const struct column *)(const void *)((const char *)writing->snapshot +
                                                   COLUMNS[i].offset);
        struct mx_error err = {0};
        if (column.encoding == COLUMN_EMPTY) // zeros; one that was not filled has no count
            column.count = count_of(writing->snapshot, COLUMNS[i].count);
        enum format_number section = (enum format_number)i;
        mx_status status = writing->options.plain && is_shared(section)
                               ? write_plain(writing, section, &column, &err)
                               : write_column(writing, section, &column, COLUMNS[i].rising, &err);
        if (status)
            set_failed(writing, status, &err);
    }
}

// ---- what is left for later -------------------------------------------------------------------

void write_later(struct writing *writing, const struct later *later)
{
    pthread_mutex_lock(&writing->mutex);
    writing->later[writing->later_count++] = *later;
    pthread_cond_signal(&writing->later_changed);
    pthread_mutex_unlock(&writing->mutex);
}

static void end_later(struct writing *writing)
{
    pthread_mutex_lock(&writing->mutex);
    writing->no_more_later = true;
    pthread_cond_signal(&writing->later_changed);
    pthread_mutex_unlock(&writing->mutex);
}

// Waits for what is left, until no more will come.
static struct later *take_later(struct writing *writing)
{
    struct later *taken = NULL;
    pthread_mutex_lock(&writing->mutex);
    while (writing->next_later == writing->later_count && !writing->no_more_later)
        pthread_cond_wait(&writing->later_changed, &writing->mutex);
    if (writing->next_later < writing->later_count)
        taken = &writing->later[writing->next_later++];
    pthread_mutex_unlock(&writing->mutex);
    return taken;
}

static void write_what_is_left(struct writing *writing)
{
    for (struct later *later; (later = take_later(writing));) {
        struct mx_error err = {0};
        mx_status status = MX_OK;
        if (!writing->failed && later->as_is)
            status = output_add(&writing->output, later->section, later->column.bytes,
                                later->column.count, 0, 0, &err);
        else if (!writing->failed)
            status = write_column(writing, later->section, &later->column, later->rising, &err);
        free((void *)(uintptr_t)later->column.bytes);
        if (status)
            set_failed(writing, status, &err);
    }
}

// What the source says, and columns; the other thread has columns alone. A failure is kept in `writing`,
// where it ends the other's work, too.
static mx_status write_half(void *data, size_t half, struct mx_error *err)
{
    struct writing *writing = data;
    mx_status status = MX_OK;
    if (half == 0) {
        status = writing->source->answer(writing->source->data, &writing->answers, err);
        if (!status)
            status = write_texts(writing, err);
        if (!status)
            status = write_labels(writing, err);
        end_later(writing);
    }
    if (status)
        set_failed(writing, status, err);
    pack_columns(writing);
    write_what_is_left(writing);
    return MX_OK;
}

static mx_status write_all(struct writing *writing, struct mx_error *err)
{
    parallel_do(2, write_half, writing, NULL);
    if (writing->failed) {
        if (err)
            *err = writing->failure;
        return writing->failed;
    }
    mx_status status = write_tables(writing, err);
    if (!status)
        status = write_strings(writing, err);
    return status ? status
                  : output_finish_file(&writing->output,
                                       writing->options.redact ? FORMAT_REDACTED : 0, err);
}

static void add_sizes(const struct output *output, struct snapshot_sizes *ret)
{
    static const enum format_number LABELS[] = {SECTION_shape, SECTION_shapes, SECTION_unlikely};
    static const enum format_number TEXTS[] = {SECTION_text_first, SECTION_texts, SECTION_kind,
                                               SECTION_string_first, SECTION_strings};
    *ret = (struct snapshot_sizes){.all = output->nbytes};
    for (int i = 0; i < COLUMN_COUNT; i++)
        ret->graph += output->packed_nbytes[i];
    for (size_t i = 0; i < sizeof LABELS / sizeof *LABELS; i++)
        ret->labels += output->packed_nbytes[LABELS[i]];
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        ret->texts += output->packed_nbytes[TEXTS[i]];
}

mx_status snapshot_write(const struct snapshot *snapshot, const struct snapshot_source *source,
                         const char *path, const struct snapshot_options *options,
                         struct snapshot_sizes *ret_sizes, struct mx_error *err)
{
    if (options->compress && !zstd_is_there)
        return zstd_pack(NULL, 0, NULL, NULL, err);
    struct writing *writing = calloc(1, sizeof *writing);
    struct mx_error own = {0};
    if (!writing)
        return fail_no_memory(err);
    writing->snapshot = snapshot;
    writing->source = source;
    writing->options = *options;
    pthread_mutex_init(&writing->mutex, NULL);
    pthread_cond_init(&writing->later_changed, NULL);
    mx_status status = output_open(&writing->output, path, options->compress, err ? err : &own);
    if (!status)
        status = write_all(writing, err ? err : &own);
    if (!status && ret_sizes)
        add_sizes(&writing->output, ret_sizes);
    output_close(&writing->output);
    tables_free(&writing->tables);
    pthread_cond_destroy(&writing->later_changed);
    pthread_mutex_destroy(&writing->mutex);
    free(writing);
    return status;
}
