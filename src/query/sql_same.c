// sql_same.c - which strings are equal: each is told the first one that has its value.
//
// By hashes, seeded from the kernel so that a target cannot choose values that collide, and then by
// comparing the values themselves. One pass over all values, 16 bytes a string while it works and
// 4 afterwards.
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "query/sql_table.h"

#define HASH_STEP 0x9E3779B97F4A7C15ull

struct table {
    struct sql_data *data;
    uint64_t seed;
    uint64_t *hashes; // [strings]
    uint32_t *slots;  // a string's row + 1, by its hash; 0 where none is
    size_t mask;
    char *value; // of the string that is looked for, while the buffer has another
    size_t value_nbytes;
};

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * HASH_STEP;
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct table *table, const struct sql_cell *cell)
{
    const char *bytes = cell->bytes;
    uint64_t hash = mixed(table->seed, cell->nbytes << 2 | (uint64_t)cell->kind), word;
    for (size_t left = cell->nbytes; left; bytes += sizeof word) {
        size_t taken = left < sizeof word ? left : sizeof word;
        word = 0;
        memcpy(&word, bytes, taken);
        hash = mixed(hash, word);
        left -= taken;
    }
    return mixed(hash, table->seed);
}

// The buffer of cells is one: the value moves out of the way of the other.
static bool put_aside(struct table *table, const struct sql_cell *cell)
{
    if (cell->nbytes > table->value_nbytes) {
        char *grown = realloc(table->value, cell->nbytes);
        if (!grown)
            return false;
        table->value = grown;
        table->value_nbytes = cell->nbytes;
    }
    if (cell->nbytes)
        memcpy(table->value, cell->bytes, cell->nbytes);
    return true;
}

static bool has_value(struct table *table, uint32_t row, const struct sql_cell *cell)
{
    struct sql_cell other;
    sql_string_value(table->data, row, &other);
    return other.kind == cell->kind && other.nbytes == cell->nbytes &&
           (!cell->nbytes || memcmp(other.bytes, table->value, cell->nbytes) == 0);
}

// The row of the first string with this value; `row` itself when it is the first, and for values that
// were cut: nobody has seen all of them.
static bool first_like(struct table *table, uint32_t row, const struct sql_cell *cell,
                       uint32_t *ret)
{
    *ret = row;
    if (cell->nbytes + 8 >= LIMIT_VALUE_NBYTES)
        return true;
    uint64_t hash = table->hashes[row] = hash_of(table, cell);
    size_t slot = (size_t)(hash >> 20) & table->mask;
    bool aside = false;
    for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
        uint32_t other = table->slots[slot] - 1;
        if (table->hashes[other] != hash)
            continue;
        if (!aside && !put_aside(table, cell))
            return false;
        aside = true;
        if (has_value(table, other, cell)) {
            *ret = other;
            return true;
        }
    }
    table->slots[slot] = row + 1;
    return true;
}

static bool table_init(struct table *table, struct sql_data *data)
{
    size_t slots = 2;
    while (slots < 2 * (size_t)data->string_count)
        slots *= 2;
    *table = (struct table){.data = data,
                            .hashes = malloc(((size_t)data->string_count + 1) * sizeof(uint64_t)),
                            .slots = calloc(slots, sizeof(uint32_t)),
                            .mask = slots - 1};
    if (getrandom(&table->seed, sizeof table->seed, 0) != sizeof table->seed)
        table->seed = HASH_STEP; // then values could be chosen: it takes longer, and is as right
    return table->hashes && table->slots;
}

static bool find_all(struct table *table, uint32_t *same)
{
    struct sql_data *data = table->data;
    for (uint32_t row = 0; row < data->string_count; row++) {
        struct sql_cell cell;
        uint32_t first;
        sql_string_value(data, row, &cell);
        same[row] = MX_NO_OBJECT;
        if (cell.kind == CELL_NULL)
            continue;
        if (!first_like(table, row, &cell, &first))
            return false;
        same[row] = data->strings[first];
    }
    return true;
}

bool sql_data_find_same(struct sql_data *data)
{
    struct table table;
    if (data->same || data->same_failed || !sql_data_list_strings(data))
        return data->same;
    uint32_t *same = malloc(((size_t)data->string_count + 1) * sizeof *same);
    if (table_init(&table, data) && same && find_all(&table, same))
        data->same = same;
    else
        free(same);
    data->same_failed = !data->same;
    free(table.hashes);
    free(table.slots);
    free(table.value);
    return data->same;
}
