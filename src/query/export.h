// export.h - a snapshot in other people's formats: what the writers of all of them share.
#ifndef MX_QUERY_EXPORT_H
#define MX_QUERY_EXPORT_H

#include "memexplorer.h"
#include "query/sink.h"
#include "snapshot/snapshot.h"

#define NAME_NBYTES 256      // of one text: names, previews, labels; cut at a character's border
#define PROGRESS_EVERY 65536 // records

struct export
{
    const struct snapshot *snapshot;
    const struct mx_export_options *options;
    struct sink *sink;
    struct mx_export_result result; // `bytes` apart, filled by the writer
};

// What mx_heap_export does once it has the snapshot.
mx_status export_snapshot(const struct snapshot *snapshot, mx_export_format format,
                          const struct mx_export_options *options, mx_write_fn *write, void *data,
                          struct mx_export_result *ret, struct mx_error *err);

mx_status export_heapsnapshot(struct export *export, struct mx_error *err);
mx_status export_dot(struct export *export, struct mx_error *err);
mx_status export_rows(struct export *export, bool json, struct mx_error *err);

static inline void export_progress(const struct export *export, const char *phase, uint64_t done,
                                   uint64_t total)
{
    if (done % PROGRESS_EVERY == 0 && export->options->progress)
        export->options->progress(phase, done, total, export->options->progress_data);
}

// Texts of a snapshot, in a buffer of NAME_NBYTES.
static inline const char *export_preview(const struct export *export, uint32_t object, char *buffer)
{
    const struct snapshot_texts *texts = &export->snapshot->texts;
    buffer[0] = '\0';
    texts->preview(texts->data, object, buffer, NAME_NBYTES);
    return buffer;
}
static inline const char *export_kind(const struct export *export, uint32_t object, char *buffer)
{
    const struct snapshot_texts *texts = &export->snapshot->texts;
    buffer[0] = '\0';
    texts->kind(texts->data, object, buffer, NAME_NBYTES);
    return buffer;
}
static inline const char *export_label(const struct export *export, uint32_t object,
                                       uint64_t reference, char *buffer)
{
    buffer[0] = '\0';
    snapshot_label(export->snapshot, object, reference, buffer, NAME_NBYTES);
    return buffer;
}

static inline const char *export_root_label(const struct export *export, size_t root_reference,
                                            char *buffer)
{
    const struct snapshot_texts *texts = &export->snapshot->texts;
    buffer[0] = '\0';
    texts->root_label(texts->data, root_reference, buffer, NAME_NBYTES);
    return buffer;
}

// "module", "frame", ...: stable, as in JSON.
const char *export_root_kind_name(uint8_t kind);

#endif
