// write_texts.c - strings that are kept once, what previews are made of, and how references are called.
#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"
#include "snapshot/write.h"

// ---- strings and shapes -----------------------------------------------------------------------

// The map that takes it is seeded; equal hashes of different texts are told apart.
static uint64_t hash_bytes(const void *bytes, size_t nbytes)
{
    uint64_t hash = nbytes * 0x9E3779B97F4A7C15ull + 1, word;
    const uint8_t *at = bytes;
    for (; nbytes >= 8; nbytes -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93ull;
        hash ^= hash >> 32;
    }
    word = 0;
    if (nbytes)
        memcpy(&word, at, nbytes);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93ull;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

uint32_t table_string(struct text_tables *tables, const char *bytes, size_t nbytes)
{
    uint64_t key = hash_bytes(bytes, nbytes), *known;
    for (;; key = key * 0x9E3779B97F4A7C15ull + 3) {
        known = key ? map_put(&tables->by_hash, key) : NULL;
        if (!known && key)
            return UINT32_MAX;
        if (!known)
            continue;
        if (!*known)
            break;
        uint64_t first = tables->firsts.items[*known - 1];
        const char *there = (const char *)tables->strings.items + first;
        if (tables->strings.count - first > nbytes && memcmp(there, bytes, nbytes) == 0 &&
            (*known == tables->firsts.count ? tables->strings.count
                                            : tables->firsts.items[*known]) == first + nbytes + 1)
            return (uint32_t)*known - 1;
    }
    if (tables->firsts.count >= UINT32_MAX - 1 ||
        !vector_push(&tables->firsts, tables->strings.count))
        return UINT32_MAX;
    put_bytes(&tables->strings, bytes, nbytes);
    put_bytes(&tables->strings, "", 1);
    *known = tables->firsts.count;
    return tables->strings.failed ? UINT32_MAX : (uint32_t)*known - 1;
}

static uint32_t mark_word(struct text_tables *tables, const struct mark *label)
{
    uint32_t detail = label->detail;
    if (label->kind == MARK_TEXT)
        detail = table_string(tables, label->text, strlen(label->text));
    return detail <= MARK_MOST_DETAIL ? label->kind | detail << MARK_BITS : MARK_OMITTED;
}

uint64_t table_shape(struct text_tables *tables, const struct mark *labels, size_t count)
{
    uint64_t offset = tables->shapes.count, *known;
    if (!vector_reserve(&tables->shapes, offset + count))
        return UINT64_MAX;
    uint32_t *words = tables->shapes.items + offset;
    for (size_t i = 0; i < count; i++)
        words[i] = mark_word(tables, &labels[i]);
    for (uint64_t key = hash_bytes(words, count * sizeof *words);; key = key * 31 + 7) {
        known = map_put(&tables->listed_by_hash, key ? key : 1);
        if (!known)
            return UINT64_MAX;
        if (!*known)
            break;
        const struct listed *listed = &tables->listed[*known - 1];
        if (listed->count == count &&
            memcmp(tables->shapes.items + listed->offset, words, count * sizeof *words) == 0)
            return SHAPE_LISTED + listed->offset;
    }
    if (tables->listed_count == tables->listed_capacity &&
        !vector_grow_((void **)&tables->listed, &tables->listed_capacity, tables->listed_count + 1,
                      sizeof *tables->listed))
        return UINT64_MAX;
    tables->listed[tables->listed_count++] = (struct listed){offset, count};
    *known = tables->listed_count;
    tables->shapes.count += count;
    return SHAPE_LISTED + offset;
}

void tables_free(struct text_tables *tables)
{
    vector_free(&tables->strings);
    vector_free(&tables->firsts);
    vector_free(&tables->shapes);
    free(tables->listed);
    map_free(&tables->by_hash);
    map_free(&tables->listed_by_hash);
}

// ---- texts ------------------------------------------------------------------------------------

static bool is_value(enum text_form form)
{
    switch (form) {
    case FORM_INT:
    case FORM_FLOAT:
    case FORM_COMPLEX:
    case FORM_STR:
    case FORM_BYTES:
    case FORM_BYTEARRAY:
        return true;
    case FORM_OBJECT:
    case FORM_LIST:
    case FORM_TUPLE:
    case FORM_DEQUE:
    case FORM_SET:
    case FORM_FROZENSET:
    case FORM_DICT:
    case FORM_RECIPE:
        return false;
    }
    return true;
}

static struct column plain_column(const void *items, uint64_t count, enum column_encoding encoding)
{
    return (struct column){.count = count, .bytes = items, .encoding = (uint8_t)encoding};
}

struct texts {
    struct wire_out bytes;
    uint32_t *firsts; // [objects + 1] where each begins in bytes; NULL where these are too many
    uint64_t *wide;   // then
    uint32_t *kinds;  // [objects], string + 1, or 0
    bool *wanted;     // [types], instances have a text that is kept
};

// False when there is no memory.
static bool begin_text(struct texts *texts, uint32_t object, uint32_t object_count)
{
    uint64_t first = texts->bytes.count;
    if (texts->firsts && first <= UINT32_MAX) {
        texts->firsts[object] = (uint32_t)first;
        return true;
    }
    if (!texts->wide && !(texts->wide = malloc(((size_t)object_count + 1) * sizeof *texts->wide)))
        return false;
    for (uint32_t i = 0; texts->firsts && i < object; i++)
        texts->wide[i] = texts->firsts[i];
    free(texts->firsts);
    texts->firsts = NULL;
    texts->wide[object] = first;
    return true;
}

static mx_status collect_texts(struct writing *writing, struct texts *texts, struct mx_error *err)
{
    const struct snapshot *snapshot = writing->snapshot;
    const struct snapshot_source *source = writing->source;
    struct text_tables *tables = &writing->tables;
    char kind[400];
    for (size_t i = 0; i < snapshot->type_count; i++) {
        enum text_form form = source->form(source->data, (uint32_t)i, kind, sizeof kind);
        texts->wanted[i] = form == FORM_RECIPE || (is_value(form) && !writing->options.redact);
    }
    for (uint32_t i = 0; i < snapshot->object_count; i++) {
        if (!begin_text(texts, i, snapshot->object_count))
            return fail_no_memory(err);
        if (texts->wanted[column_at(&snapshot->type, i)])
            source->text(source->data, i, tables, &texts->bytes);
        if (source->kind(source->data, i, kind, sizeof kind))
            texts->kinds[i] = table_string(tables, kind, strlen(kind)) + 1;
        if (texts->bytes.failed)
            return fail_no_memory(err);
    }
    return begin_text(texts, snapshot->object_count, snapshot->object_count) ? MX_OK
                                                                             : fail_no_memory(err);
}

mx_status write_texts(struct writing *writing, struct mx_error *err)
{
    uint64_t objects = writing->snapshot->object_count;
    struct texts texts = {.firsts = malloc((objects + 1) * sizeof *texts.firsts),
                          .kinds = calloc(objects + 1, sizeof *texts.kinds),
                          .wanted = calloc(writing->snapshot->type_count + 1, 1)};
    mx_status status = texts.firsts && texts.kinds && texts.wanted
                           ? collect_texts(writing, &texts, err)
                           : fail_no_memory(err);
    free(texts.wanted);
    if (status) {
        vector_free(&texts.bytes);
        free(texts.firsts);
        free(texts.wide);
        free(texts.kinds);
        return status;
    }
    struct column bytes = plain_column(texts.bytes.items, texts.bytes.count, COLUMN_U8);
    struct column first = texts.firsts ? plain_column(texts.firsts, objects + 1, COLUMN_U32)
                                       : plain_column(texts.wide, objects + 1, COLUMN_U64);
    struct column kind = plain_column(texts.kinds, objects, COLUMN_U32);
    write_later(writing, &(struct later){SECTION_text_first, first, .rising = true});
    write_later(writing, &(struct later){SECTION_kind, kind, .rising = false});
    write_later(writing, &(struct later){SECTION_texts, bytes, .as_is = true});
    return MX_OK;
}

// ---- labels -----------------------------------------------------------------------------------

static mx_status collect_shapes(struct writing *writing, uint32_t *shapes, struct mx_error *err)
{
    const struct snapshot_source *source = writing->source;
    for (uint32_t i = 0; i < writing->snapshot->object_count; i++) {
        uint64_t shape = source->shape(source->data, i, &writing->tables, writing->options.redact);
        if (shape == UINT64_MAX)
            return fail_no_memory(err);
        if (shape > UINT32_MAX)
            return fail(err, MX_LIMIT, "%.300s: more than 4 billion labels of references",
                        writing->output.file.path);
        shapes[i] = (uint32_t)shape;
    }
    return MX_OK;
}

static mx_status write_unlikely(struct writing *writing, struct mx_error *err)
{
    struct wire_out out = {0};
    size_t count;
    const struct unlikely *items = writing->source->unlikely(writing->source->data, &count);
    put_number(&out, count);
    for (size_t i = 0; i < count; i++) {
        put_number(&out, items[i].from);
        put_number(&out, items[i].to);
        put_number(&out, items[i].before);
        put_number(&out, table_string(&writing->tables, items[i].label, strlen(items[i].label)));
    }
    return write_records(writing, SECTION_unlikely, &out, err);
}

mx_status write_labels(struct writing *writing, struct mx_error *err)
{
    uint64_t objects = writing->snapshot->object_count;
    uint32_t *shapes = malloc((objects + 1) * sizeof *shapes);
    if (!shapes)
        return fail_no_memory(err);
    mx_status status = collect_shapes(writing, shapes, err);
    struct column column = plain_column(shapes, objects, COLUMN_U32);
    if (!status)
        status = write_column(writing, SECTION_shape, &column, false, err);
    free(shapes);
    if (!status)
        status = output_add(&writing->output, SECTION_shapes, writing->tables.shapes.items,
                            writing->tables.shapes.count * 4, 0, writing->tables.shapes.count, err);
    return status ? status : write_unlikely(writing, err);
}

mx_status write_strings(struct writing *writing, struct mx_error *err)
{
    struct text_tables *tables = &writing->tables;
    if (!vector_push(&tables->firsts, tables->strings.count))
        return fail_no_memory(err);
    struct column firsts = plain_column(tables->firsts.items, tables->firsts.count, COLUMN_U64);
    mx_status status = write_column(writing, SECTION_string_first, &firsts, true, err);
    return status ? status : write_records(writing, SECTION_strings, &tables->strings, err);
}
