// arrow_stream.c - the rows of a table as an ArrowArrayStream, a batch at a time.
//
// A stream has all that it needs, and nothing of Python's: readers pull it from threads of their own,
// without the interpreter's lock, after the table is gone.
#include "arrow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- opening ----------------------------------------------------------------------------------

void table_free_columns(char **columns, size_t count)
{
    for (size_t i = 0; columns && i < count; i++)
        free(columns[i]);
    free(columns);
}

static mx_status table_open(const struct table *table, const mx_heap *heap, mx_arrow **ret,
                            struct mx_error *err)
{
    return mx_arrow_open(heap, table->name, (const char *const *)table->columns,
                         table->column_count, ret, err);
}

// ---- streams ----------------------------------------------------------------------------------

mx_status fail_heap_closed(struct mx_error *err)
{
    snprintf(err->message, sizeof err->message, "the snapshot is closed");
    return MX_BAD_ARGUMENT;
}

static int error_number(mx_status status)
{
    return status == MX_OK ? 0 : status == MX_NO_MEMORY ? ENOMEM : EIO;
}

int stream_schema(struct ArrowArrayStream *self, struct ArrowSchema *ret)
{
    struct stream *stream = self->private_data;
    return error_number(mx_batch_schema(stream->batch, ret, &stream->err));
}

mx_status stream_read(struct stream *stream, uint64_t first, uint64_t most, mx_batch **ret)
{
    struct mx_keeper keeper = {shared_pin, shared_unpin, stream->shared};
    if (!shared_lock(stream->shared))
        return fail_heap_closed(&stream->err);
    mx_status status = mx_arrow_read(stream->arrow, first, most, &keeper, ret, &stream->err);
    shared_unlock(stream->shared);
    return status;
}

int stream_next(struct ArrowArrayStream *self, struct ArrowArray *ret)
{
    struct stream *stream = self->private_data;
    mx_batch *batch = NULL;
    mx_status status = MX_OK;
    ret->release = NULL;
    if (stream->whole) {
        if (stream->row)
            return 0;
        stream->row = 1;
        return error_number(mx_batch_array(stream->batch, ret, &stream->err));
    }
    status = stream_read(stream, stream->row, UINT64_MAX, &batch);
    if (!status && mx_batch_rows(batch)) {
        stream->row += mx_batch_rows(batch);
        status = mx_batch_array(batch, ret, &stream->err);
    }
    mx_batch_free(batch);
    return error_number(status);
}

const char *stream_error(struct ArrowArrayStream *self)
{
    const struct stream *stream = self->private_data;
    return *stream->err.message ? stream->err.message : NULL;
}

void stream_free(struct stream *stream)
{
    mx_arrow_free(stream->arrow);
    mx_batch_free(stream->batch);
    shared_release(stream->shared);
    free(stream);
}

void stream_release(struct ArrowArrayStream *self)
{
    stream_free(self->private_data);
    self->release = NULL;
}

// A batch has as many arrays as are asked for.
static mx_status stream_open_batch(struct stream *stream, mx_batch *batch)
{
    mx_batch_keep(batch);
    stream->batch = batch;
    stream->whole = true;
    return MX_OK;
}

static mx_status stream_open_table(struct stream *stream, const struct table *table,
                                   struct mx_error *err)
{
    const mx_heap *heap = shared_lock(table->shared);
    if (!heap)
        return fail_heap_closed(err);
    shared_keep(table->shared);
    stream->shared = table->shared;
    mx_status status = table_open(table, heap, &stream->arrow, err);
    if (!status)
        status = mx_arrow_read(stream->arrow, 0, 0, NULL, &stream->batch, err);
    shared_unlock(table->shared);
    return status;
}

struct stream *stream_new(const struct table *table)
{
    struct mx_error err = {0};
    struct stream *stream = calloc(1, sizeof *stream);
    mx_status status;
    if (!stream) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = table->batch ? stream_open_batch(stream, table->batch)
                                                 : stream_open_table(stream, table, &err);
    Py_END_ALLOW_THREADS if (!status) return stream;
    stream_free(stream);
    status_raise(status, &err);
    return NULL;
}
