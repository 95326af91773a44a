// batch.c - filling columns, and letting go of them.
#include "query/batch.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" // U+FFFD, for a byte that is no part of a character

struct mx_batch *batch_new(size_t columns)
{
    struct mx_batch *batch =
        calloc(1, sizeof *batch + (columns ? columns : 1) * sizeof *batch->columns);
    if (!batch)
        return NULL;
    batch->column_count = columns;
    atomic_init(&batch->users, 1);
    return batch;
}

bool batch_column_init(struct batch_column *column, const char *name, enum batch_kind kind,
                       uint64_t rows)
{
    column->kind = kind;
    column->name = strdup(name);
    bool bytes = kind == BATCH_TEXT || kind == BATCH_BLOB;
    if (bytes)
        column->offsets = calloc(rows + 1, sizeof *column->offsets);
    else
        column->values = calloc(rows / 8 + 1, 8 * (kind == BATCH_BOOLEAN ? 1 : sizeof(uint64_t)));
    return column->name && (bytes ? (void *)column->offsets : (void *)(uintptr_t)column->values);
}

bool batch_add_missing(struct batch_column *column, uint64_t row, uint64_t rows)
{
    if (!column->valid) {
        column->valid = malloc(rows / 8 + 1);
        if (!column->valid)
            return false;
        memset(column->valid, 0xFF, rows / 8 + 1);
    }
    column->valid[row / 8] &= (uint8_t) ~(1u << row % 8);
    if (column->offsets)
        column->offsets[row + 1] = (int32_t)column->bytes.count;
    return true;
}

// Bytes of the character that begins here, 0 where none does. The Unicode Standard, table 3-7.
static size_t character_nbytes(const unsigned char *at, size_t nbytes)
{
    if (at[0] < 0x80)
        return 1;
    size_t wanted = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || wanted > nbytes)
        return 0;
    unsigned char low = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < wanted; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return wanted;
}

static size_t put_text(char *to, const char *text, size_t nbytes)
{
    size_t out = 0;
    for (size_t i = 0; i < nbytes;) {
        size_t length = character_nbytes((const unsigned char *)text + i, nbytes - i);
        memcpy(to + out, length ? text + i : REPLACEMENT, length ? length : 3);
        out += length ? length : 3;
        i += length ? length : 1;
    }
    return out;
}

bool batch_add_bytes(struct batch_column *column, uint64_t row, const char *bytes, size_t nbytes)
{
    size_t most = column->kind == BATCH_TEXT ? 3 * nbytes : nbytes;
    if (most > INT32_MAX || column->bytes.count > INT32_MAX - most ||
        !vector_reserve(&column->bytes, column->bytes.count + most))
        return false;
    if (nbytes) {
        char *end = column->bytes.items + column->bytes.count;
        if (column->kind == BATCH_TEXT)
            nbytes = put_text(end, bytes, nbytes);
        else
            memcpy(end, bytes, nbytes);
        column->bytes.count += nbytes;
    }
    column->offsets[row + 1] = (int32_t)column->bytes.count;
    return true;
}

void batch_names_release(struct batch_names *names)
{
    if (!names || atomic_fetch_sub(&names->users, 1) > 1)
        return;
    free(names->offsets);
    free(names->bytes);
    free(names);
}

void mx_batch_keep(mx_batch *batch)
{
    atomic_fetch_add(&batch->users, 1);
}

void mx_batch_free(mx_batch *batch)
{
    if (!batch || atomic_fetch_sub(&batch->users, 1) > 1)
        return;
    for (size_t i = 0; i < batch->column_count; i++) {
        struct batch_column *column = &batch->columns[i];
        free(column->name);
        if (!column->borrowed)
            free((void *)(uintptr_t)column->values);
        free(column->valid);
        free(column->offsets);
        vector_free(&column->bytes);
    }
    batch_names_release(batch->names);
    if (batch->kept && batch->keeper.release)
        batch->keeper.release(batch->keeper.data);
    free(batch);
}

uint64_t mx_batch_rows(const mx_batch *batch)
{
    return batch->row_count;
}
