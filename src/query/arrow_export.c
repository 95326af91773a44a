// arrow_export.c - a batch as ArrowSchema and ArrowArray: the Arrow C data interface, which DuckDB,
// Polars, pandas and PyArrow read. Nothing of Arrow's is linked.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "query/batch.h"

// ---- schemas ----------------------------------------------------------------------------------

static const char *format_of(enum batch_kind kind)
{
    switch (kind) {
    case BATCH_INTEGER:
        return "l";
    case BATCH_UNSIGNED:
        return "L";
    case BATCH_BOOLEAN:
        return "b";
    case BATCH_REAL:
        return "g";
    case BATCH_TEXT:
        return "u";
    case BATCH_BLOB:
        return "z";
    case BATCH_NAME:
        return "i";
    }
    return "n";
}

static void schema_release(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    if (schema->dictionary) {
        if (schema->dictionary->release)
            schema->dictionary->release(schema->dictionary);
        free(schema->dictionary);
    }
    free(schema->private_data); // the name
    schema->release = NULL;
}

static bool schema_init(struct ArrowSchema *ret, const char *format, const char *name,
                        int64_t flags)
{
    char *kept = strdup(name);
    if (!kept)
        return false;
    *ret = (struct ArrowSchema){.format = format,
                                .name = kept,
                                .flags = flags,
                                .release = schema_release,
                                .private_data = kept};
    return true;
}

static bool schema_of_column(const struct batch_column *column, struct ArrowSchema *ret)
{
    if (!schema_init(ret, format_of(column->kind), column->name, ARROW_FLAG_NULLABLE))
        return false;
    if (column->kind != BATCH_NAME)
        return true;
    ret->dictionary = calloc(1, sizeof *ret->dictionary);
    return ret->dictionary && schema_init(ret->dictionary, "u", "", 0);
}

static bool schema_of_batch(const mx_batch *batch, struct ArrowSchema *ret)
{
    if (!schema_init(ret, "+s", "", 0))
        return false;
    ret->children = calloc(batch->column_count + 1, sizeof *ret->children);
    for (size_t i = 0; ret->children && i < batch->column_count; i++) {
        ret->children[i] = calloc(1, sizeof **ret->children);
        if (!ret->children[i])
            return false;
        ret->n_children++;
        if (!schema_of_column(&batch->columns[i], ret->children[i]))
            return false;
    }
    return ret->children != NULL;
}

mx_status mx_batch_schema(const mx_batch *batch, struct ArrowSchema *ret, struct mx_error *err)
{
    struct ArrowSchema schema = {0};
    if (!schema_of_batch(batch, &schema)) {
        if (schema.release)
            schema.release(&schema);
        return fail_no_memory(err);
    }
    *ret = schema;
    return MX_OK;
}

// ---- arrays -----------------------------------------------------------------------------------

// What an array holds on to: one at least.
struct held {
    mx_batch *batch;
    struct batch_names *names;
    const void *buffers[3];
};

static void array_release(struct ArrowArray *array)
{
    struct held *held = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) // else the reader has moved it away
            array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    if (array->dictionary) {
        if (array->dictionary->release)
            array->dictionary->release(array->dictionary);
        free(array->dictionary);
    }
    mx_batch_free(held->batch);
    batch_names_release(held->names);
    free(held);
    array->release = NULL;
}

static struct held *array_init(struct ArrowArray *ret, uint64_t rows, int64_t buffers)
{
    struct held *held = calloc(1, sizeof *held);
    if (!held)
        return NULL;
    *ret = (struct ArrowArray){.length = (int64_t)rows,
                               .n_buffers = buffers,
                               .buffers = held->buffers,
                               .release = array_release,
                               .private_data = held};
    return held;
}

static int64_t missing_count(const uint8_t *valid, uint64_t rows)
{
    int64_t count = 0;
    for (uint64_t i = 0; valid && i < rows; i++)
        count += !(valid[i / 8] >> i % 8 & 1);
    return count;
}

static bool array_of_names(struct batch_names *names, struct ArrowArray **ret)
{
    struct ArrowArray *array = *ret = calloc(1, sizeof *array);
    struct held *held = array ? array_init(array, names->count, 3) : NULL;
    if (!held)
        return false;
    atomic_fetch_add(&names->users, 1);
    held->names = names;
    held->buffers[1] = names->offsets;
    held->buffers[2] = names->bytes;
    return true;
}

static bool array_of_column(mx_batch *batch, struct batch_column *column, struct ArrowArray *ret)
{
    struct held *held = array_init(ret, batch->row_count, column->offsets ? 3 : 2);
    if (!held)
        return false;
    atomic_fetch_add(&batch->users, 1);
    held->batch = batch;
    ret->null_count = missing_count(column->valid, batch->row_count);
    held->buffers[0] = ret->null_count ? column->valid : NULL;
    held->buffers[1] = column->offsets ? (const void *)column->offsets : column->values;
    held->buffers[2] = column->bytes.items ? column->bytes.items : "";
    return column->kind != BATCH_NAME || array_of_names(batch->names, &ret->dictionary);
}

static bool array_of_batch(mx_batch *batch, struct ArrowArray *ret)
{
    if (!array_init(ret, batch->row_count, 1))
        return false;
    ret->children = calloc(batch->column_count + 1, sizeof *ret->children);
    for (size_t i = 0; ret->children && i < batch->column_count; i++) {
        ret->children[i] = calloc(1, sizeof **ret->children);
        if (!ret->children[i])
            return false;
        ret->n_children++;
        if (!array_of_column(batch, &batch->columns[i], ret->children[i]))
            return false;
    }
    return ret->children != NULL;
}

mx_status mx_batch_array(mx_batch *batch, struct ArrowArray *ret, struct mx_error *err)
{
    struct ArrowArray array = {0};
    if (!array_of_batch(batch, &array)) {
        if (array.release)
            array.release(&array);
        return fail_no_memory(err);
    }
    *ret = array;
    return MX_OK;
}
