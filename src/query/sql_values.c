// sql_values.c - strings with their values, and blocks, as SQL sees them.
#include "query/sql_number.h"

// ---- strings ------------------------------------------------------------------------------------

#define VALUE_NBYTES 4096 // of most strings; longer ones are read twice
#define OBJECT (data->strings[row])

static uint64_t count_strings(struct sql_data *data)
{
    return sql_data_list_strings(data) ? data->string_count : UINT64_MAX;
}

// Its length in *ret_length, and the value in the buffer, cut to LIMIT_VALUE_NBYTES; false when it
// is not there.
static bool read_value(struct sql_data *data, uint32_t object, size_t *ret_length)
{
    const struct snapshot_texts *texts = &data->snapshot->texts;
    if (!sql_data_buffer(data, VALUE_NBYTES))
        return false;
    *ret_length = texts->value(texts->data, object, data->buffer, data->buffer_nbytes);
    if (*ret_length == SIZE_MAX || *ret_length <= data->buffer_nbytes)
        return *ret_length != SIZE_MAX;
    size_t wanted = *ret_length < LIMIT_VALUE_NBYTES ? *ret_length : LIMIT_VALUE_NBYTES;
    if (wanted <= data->buffer_nbytes)
        return true;
    if (!sql_data_buffer(data, wanted))
        return false;
    *ret_length = texts->value(texts->data, object, data->buffer, wanted);
    return *ret_length != SIZE_MAX;
}

// A text that was cut does not end in the middle of a character.
static size_t whole_characters(const char *text, size_t nbytes)
{
    size_t back = 0;
    while (back < 4 && back < nbytes && (text[nbytes - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == nbytes || back == 4)
        return nbytes;
    unsigned char lead = (unsigned char)text[nbytes - 1 - back];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return wanted > back + 1 ? nbytes - 1 - back : nbytes;
}

static void string_value(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    uint32_t object = data->strings[place->row];
    size_t length;
    *ret = (struct sql_cell){.kind = CELL_NULL};
    if (!read_value(data, object, &length))
        return;
    bool text = snapshot_type_of(data->snapshot, object)->family == SNAPSHOT_STR;
    size_t nbytes = length < LIMIT_VALUE_NBYTES ? length : LIMIT_VALUE_NBYTES;
    nbytes = nbytes < data->buffer_nbytes ? nbytes : data->buffer_nbytes;
    if (text && nbytes < length)
        nbytes = whole_characters(data->buffer, nbytes);
    *ret = (struct sql_cell){
        .kind = text ? CELL_TEXT : CELL_BLOB, .bytes = data->buffer, .nbytes = nbytes};
}

static void string_length(struct sql_data *data, const struct sql_place *place,
                          struct sql_cell *ret)
{
    const struct snapshot_texts *texts = &data->snapshot->texts;
    size_t length = texts->value(texts->data, data->strings[place->row], data->buffer, 1);
    *ret = (struct sql_cell){.kind = length == SIZE_MAX ? CELL_NULL : CELL_INTEGER,
                             .number = (int64_t)length};
}

NUMBER(string_object, OBJECT)
NUMBER(string_address, snapshot_address(s, OBJECT))
NUMBER(string_type, column_at(&s->type, OBJECT))
NUMBER(string_size, column_at(&s->size, OBJECT))
NUMBER(string_interned, (column_at(&s->flags, OBJECT) & OBJECT_INTERNED) != 0)

static const struct sql_column string_columns[] = {
    {"object", SQL_INTEGER, ACCESS_ASCENDING, string_object, NULL, "as in `objects`", 0},
    {"address", SQL_ADDRESS, ACCESS_ASCENDING, string_address, NULL, "its address", 0},
    {"type", SQL_TYPE, ACCESS_NONE, string_type, NULL, "builtins.str, builtins.bytes or a subclass",
     0},
    {"value", SQL_TEXT, ACCESS_NONE, NULL, string_value,
     "text of a str, blob of bytes, the first MiB of it; NULL where it was left out or not read",
     0},
    {"bytes", SQL_INTEGER, ACCESS_NONE, NULL, string_length, "how long the value is, in UTF-8", 0},
    {"size", SQL_INTEGER, ACCESS_NONE, string_size, NULL, "of the object", 0},
    {"interned", SQL_BOOLEAN, ACCESS_NONE, string_interned, NULL, "kept by the interpreter", 0},
};

const struct sql_table sql_table_strings = {
    .name = "strings",
    .meaning = "every str and bytes, with its value",
    .columns = string_columns,
    .column_count = SQL_COLUMN_COUNT(string_columns),
    .count = count_strings,
};

// ---- blocks -------------------------------------------------------------------------------------

static uint64_t count_blocks(struct sql_data *data)
{
    return data->snapshot->block_count;
}

NUMBER(block_number, row)
NUMBER(block_address, s->blocks[row].address)
NUMBER(block_size, s->blocks[row].nbytes)
OBJECT_OR_NULL(block_owner, s->blocks[row].owner)

static void block_allocator(struct sql_data *data, const struct sql_place *place,
                            struct sql_cell *ret)
{
    sql_cell_text(ret, data->snapshot->blocks[place->row].allocator);
}

static void block_holder(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    sql_cell_text(ret, data->snapshot->blocks[place->row].holder);
}

static const struct sql_column block_columns[] = {
    {"block", SQL_INTEGER, ACCESS_ROW, block_number, NULL, "number of the block; also its rowid",
     0},
    {"address", SQL_ADDRESS, ACCESS_ASCENDING, block_address, NULL, "where it begins", 0},
    {"size", SQL_INTEGER, ACCESS_INDEXED, block_size, NULL, "bytes", 0},
    {"owner", SQL_INTEGER, ACCESS_INDEXED, block_owner, NULL, "the object that owns it, or NULL",
     0},
    {"allocator", SQL_TEXT, ACCESS_NONE, NULL, block_allocator, "pymalloc, malloc, mimalloc", 0},
    {"holder", SQL_TEXT, ACCESS_NONE, NULL, block_holder,
     "who points to it where no object does: static variable libfoo.so: cache", 0},
};

const struct sql_table sql_table_blocks = {
    .name = "blocks",
    .meaning = "memory that objects own outside their own structs, or that native code allocated",
    .columns = block_columns,
    .column_count = SQL_COLUMN_COUNT(block_columns),
    .count = count_blocks,
};
