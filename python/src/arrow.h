// arrow.h - what Table is made of.
#ifndef MEMEXPLORER_PYTHON_ARROW_H
#define MEMEXPLORER_PYTHON_ARROW_H

#include "heap.h"

struct table {
    PyObject ob_base; // what PyObject_HEAD says
    struct shared_heap *shared;
    char *name;     // of the table; NULL: the rows of a query
    char **columns; // NULL: all
    size_t column_count;
    mx_batch *batch; // the rows of a query
};

struct stream {
    struct shared_heap *shared; // of a table
    mx_arrow *arrow;
    uint64_t row;
    mx_batch
        *batch; // the next; of a query the only one, of a table one without rows for its schema
    bool whole; // `batch` is a query's
    struct mx_error err;
};

void table_free_columns(char **columns, size_t count);
mx_status fail_heap_closed(struct mx_error *err);

// What an ArrowArrayStream calls: 0, or an errno.
int stream_schema(struct ArrowArrayStream *self, struct ArrowSchema *ret);
mx_status stream_read(struct stream *stream, uint64_t first, uint64_t most, mx_batch **ret);
int stream_next(struct ArrowArrayStream *self, struct ArrowArray *ret);
const char *stream_error(struct ArrowArrayStream *self);
void stream_free(struct stream *stream);
void stream_release(struct ArrowArrayStream *self);

// All that a stream of the table needs; NULL with an exception set. For stream_free.
struct stream *stream_new(const struct table *table);

// Rows of a batch from `first` on, `most` at the most, as a list of tuples; NULL with an exception set.
PyObject *arrow_rows(mx_batch *batch, uint64_t first, uint64_t most);

#endif
