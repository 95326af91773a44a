// batch.h - rows of a table or of a query as columns, in the form that Arrow gives them in memory.
//
//   arrow.c         tables of sql_table.h -> batch      sql_batch.c   rows of a query -> batch
//   arrow_export.c  batch -> ArrowSchema, ArrowArray (https://arrow.apache.org, "C data interface")
//
// Who takes the arrays may keep each column as long as it likes, in any thread: a batch is there until
// the last of them is released.
#ifndef MX_QUERY_BATCH_H
#define MX_QUERY_BATCH_H

#include <stdatomic.h>

#include "base/vector.h"
#include "memexplorer.h"

enum batch_kind {
    BATCH_INTEGER,  // int64
    BATCH_UNSIGNED, // uint64: addresses
    BATCH_BOOLEAN,
    BATCH_REAL,
    BATCH_TEXT, // UTF-8
    BATCH_BLOB,
    BATCH_NAME, // int32, a place in `names`
};

// Texts that many rows have, once.
struct batch_names {
    atomic_size_t users;
    size_t count;
    int32_t *offsets; // [count + 1]
    char *bytes;
};

struct batch_column {
    char *name;
    enum batch_kind kind;
    const void *values; // of numbers; of BATCH_BOOLEAN a bit each, the lowest first
    bool borrowed;      // `values` lie in the mapped file
    uint8_t *valid;     // a bit each; NULL: none is missing
    int32_t *offsets;   // of texts and blobs
    VECTOR(char) bytes; // of all rows
};

struct mx_batch {
    atomic_size_t users;
    uint64_t row_count;
    size_t column_count;
    struct batch_names *names;
    struct mx_keeper keeper; // of the file, where a column is borrowed
    bool kept;
    struct batch_column columns[];
};

// Room for `rows` rows of columns without kind or name. NULL when out of memory.
struct mx_batch *batch_new(size_t columns);
// Values and missing marks of a column of this kind, all zero; false when out of memory.
bool batch_column_init(struct batch_column *column, const char *name, enum batch_kind kind,
                       uint64_t rows);
// Adds the text or blob of row `row`: texts are made UTF-8, where they are not. False when out of memory.
bool batch_add_bytes(struct batch_column *column, uint64_t row, const char *bytes, size_t nbytes);
// The row has no value. Of texts, too, rows are told in their order.
bool batch_add_missing(struct batch_column *column, uint64_t row, uint64_t rows);
void batch_names_release(struct batch_names *names);

static inline void batch_set_bit(void *bits, uint64_t place)
{
    ((uint8_t *)bits)[place / 8] |= (uint8_t)(1u << place % 8);
}

#endif
