// sql_values.c - strings with their values, and blocks, as SQL sees them.
#include "query/sql_number.h"

// ---- strings ------------------------------------------------------------------------------------

#define VALUE_NBYTES 4096  // of most strings; longer ones are read again
#define CHARACTER_NBYTES 8 // what is cut ends at most so far before the end of its room
#define OBJECT (data->strings[row])

static uint64_t count_strings(struct sql_data *data)
{
    return sql_data_list_strings(data) ? data->string_count : UINT64_MAX;
}

// Reads the value into the buffer, cut to LIMIT_VALUE_NBYTES; *ret_whole when it was not cut. False
// when it is not there.
static bool read_value(struct sql_data *data, uint32_t object, size_t *ret_nbytes, bool *ret_whole)
{
    static const size_t rooms[] = {VALUE_NBYTES, 16 * VALUE_NBYTES, LIMIT_VALUE_NBYTES};
    const struct snapshot_texts *texts = &data->snapshot->texts;
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        if (!sql_data_buffer(data, rooms[i]))
            return false;
        *ret_nbytes = texts->value(texts->data, object, data->buffer, rooms[i]);
        if (*ret_nbytes == SNAPSHOT_NO_VALUE)
            return false;
        *ret_whole = *ret_nbytes + CHARACTER_NBYTES < rooms[i];
        if (*ret_whole)
            break;
    }
    return true;
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

void sql_string_value(struct sql_data *data, uint64_t row, struct sql_cell *ret)
{
    uint32_t object = data->strings[row];
    size_t nbytes;
    bool whole;
    *ret = (struct sql_cell){.kind = CELL_NULL};
    if (!read_value(data, object, &nbytes, &whole))
        return;
    bool text = snapshot_type_of(data->snapshot, object)->family == SNAPSHOT_STR;
    if (text && !whole)
        nbytes = whole_characters(data->buffer, nbytes);
    *ret = (struct sql_cell){
        .kind = text ? CELL_TEXT : CELL_BLOB, .bytes = data->buffer, .nbytes = nbytes};
}

static void string_value(struct sql_data *data, const struct sql_place *place, struct sql_cell *ret)
{
    sql_string_value(data, place->row, ret);
}

NUMBER_IF(string_same, sql_data_find_same(data) && data->same[row] != MX_NO_OBJECT, data->same[row])
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
    {"same", SQL_INTEGER, ACCESS_INDEXED, string_same, NULL,
     "the first object that has the same value: GROUP BY it, and not by value, to find equal ones",
     0},
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

static struct snapshot_block block_at(struct sql_data *data, uint64_t row)
{
    struct snapshot_block block;
    data->snapshot->texts.block(data->snapshot->texts.data, row, &block);
    return block;
}

NUMBER(block_number, row)
NUMBER(block_address, block_at(data, row).address)
NUMBER(block_size, block_at(data, row).nbytes)
OBJECT_OR_NULL(block_owner, block_at(data, row).owner)

TEXT(block_allocator, block_at(data, row).allocator)

TEXT(block_holder, block_at(data, row).holder)

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
