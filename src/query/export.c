// export.c - a heap in other people's formats: which writer, and names of what can be chosen.
#include "query/export.h"

#include <stdlib.h>

#include "base/error.h"

const char *mx_export_format_name(mx_export_format format)
{
    static const char *const names[] = {
        [MX_EXPORT_HEAPSNAPSHOT] = "heapsnapshot",
        [MX_EXPORT_DOT] = "dot",
        [MX_EXPORT_CSV] = "csv",
        [MX_EXPORT_JSONL] = "jsonl",
    };
    return (size_t)format < sizeof names / sizeof *names ? names[format] : NULL;
}

const char *export_root_kind_name(uint8_t kind)
{
    switch ((enum root_kind)kind) {
    case ROOT_MODULE:
        return "module";
    case ROOT_FRAME:
        return "frame";
    case ROOT_THREAD:
        return "thread";
    case ROOT_INTERPRETER:
        return "interpreter";
    case ROOT_TYPE:
        return "static type";
    case ROOT_NATIVE:
        return "native code";
    case ROOT_GARBAGE:
        return "garbage";
    }
    return "native code";
}

static mx_status run(struct export *export, mx_export_format format, struct mx_error *err)
{
    switch (format) {
    case MX_EXPORT_HEAPSNAPSHOT:
        return export_heapsnapshot(export, err);
    case MX_EXPORT_DOT:
        return export_dot(export, err);
    case MX_EXPORT_CSV:
        return export_rows(export, false, err);
    case MX_EXPORT_JSONL:
        return export_rows(export, true, err);
    }
    return fail(err, MX_BAD_ARGUMENT, "there is no export format %d", (int)format);
}

mx_status export_snapshot(const struct snapshot *snapshot, mx_export_format format,
                          const struct mx_export_options *options, mx_write_fn *write, void *data,
                          struct mx_export_result *ret, struct mx_error *err)
{
    static const struct mx_export_options none;
    struct sink *sink = malloc(sizeof *sink);
    if (!sink)
        return fail_no_memory(err);
    sink_init(sink, write, data);
    struct export export = {
        .snapshot = snapshot, .options = options ? options : &none, .sink = sink};
    mx_status status = run(&export, format, err);
    mx_status finished = snapshot_answered(snapshot, status ? status : sink_finish(sink, err), err);
    export.result.bytes = sink->written;
    free(sink);
    if (!finished && ret)
        *ret = export.result;
    return finished;
}

// One by one they take longer.
static bool needs_all_labels(mx_export_format format, const struct mx_export_options *options)
{
    mx_export_table table = options ? options->table : MX_TABLE_OBJECTS;
    switch (format) {
    case MX_EXPORT_HEAPSNAPSHOT:
        return true;
    case MX_EXPORT_CSV:
        return table == MX_TABLE_REFERENCES;
    case MX_EXPORT_JSONL:
        return table == MX_TABLE_REFERENCES || table == MX_TABLE_OBJECTS;
    case MX_EXPORT_DOT:
        break;
    }
    return false;
}

mx_status mx_heap_export(const mx_heap *heap, mx_export_format format,
                         const struct mx_export_options *options, mx_write_fn *write, void *data,
                         struct mx_export_result *ret, struct mx_error *err)
{
    const struct snapshot *snapshot;
    mx_status status = heap_snapshot(heap, &snapshot, err);
    if (!status && needs_all_labels(format, options))
        status = heap_labels(heap, err);
    if (status)
        return status;
    return export_snapshot(snapshot, format, options, write, data, ret, err);
}
