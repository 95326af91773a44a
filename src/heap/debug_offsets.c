// debug_offsets.c - _Py_DebugOffsets: read, checked, and laid over the nearest table.
//
//   "xdebugpy" | version | free_threaded | runtime_state.size | ... u64 each
//
// Where each number stands is in the tables too (debug_*, fields.def), since that differs between
// minor versions. Knows no Python version.
#include "heap/debug_offsets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE "xdebugpy"
#define LIMIT_OFFSET (1u << 20) // _PyRuntimeState is the largest: 340 KiB
#define LIMIT_DERIVED 64        // different interpreters that one run of the explorer meets

// A number of struct layout that the target tells as well.
struct number {
    const char *path; // in _Py_DebugOffsets: "interpreter_state.gc"
    size_t debug;     // in struct layout: where the number stands
    size_t field;     // in struct layout: the number
};

static const struct number NUMBERS[] = {
#define FIELD(name, ...)
#define SIZE(name, ...)
#define CONST(name, ...)
#define DEBUG(name, path)                                                                          \
    {path, offsetof(struct layout, debug_##name), offsetof(struct layout, name)},
#include "layout/fields.def"
#undef FIELD
#undef DEBUG
};
#define NUMBER_COUNT (sizeof NUMBERS / sizeof NUMBERS[0])

// Every offset there is, by name: those of a state move with the nearest one that is told.
static const struct {
    const char *name;
    size_t field;
} FIELDS[] = {
#define FIELD(name, ...) {#name, offsetof(struct layout, name)},
#define DEBUG(name, path)
#include "layout/fields.def"
#undef FIELD
#undef SIZE
#undef CONST
#undef DEBUG
};

static int32_t layout_number(const struct layout *layout, size_t field)
{
    int32_t value;
    memcpy(&value, (const char *)layout + field, sizeof value);
    return value;
}

bool debug_offsets_read(struct memory *memory, mx_addr runtime, struct debug_offsets *ret)
{
    const uint8_t *bytes = runtime ? memory_at(memory, runtime, 24) : NULL;
    uint64_t version, free_threaded;
    if (!bytes || memcmp(bytes, COOKIE, 8) != 0)
        return false;
    memcpy(&version, bytes + 8, sizeof version);
    memcpy(&free_threaded, bytes + 16, sizeof free_threaded);
    if (version >> 24 != 3 || free_threaded > 1)
        return false;
    *ret = (struct debug_offsets){(uint32_t)version, free_threaded == 1};
    return true;
}

// ---- checking ---------------------------------------------------------------------------------

// The number as the target tells it; false when the table does not know where.
static bool told(struct memory *memory, mx_addr runtime, const struct layout *table,
                 const struct number *number, uint64_t *ret)
{
    int32_t at = layout_number(table, number->debug);
    return at >= 0 && at + 8 <= table->debug_offsets_size &&
           memory_u64(memory, runtime + (uint64_t)at, ret);
}

static bool is_size(const struct number *number)
{
    const char *dot = strchr(number->path, '.');
    return dot && strcmp(dot, ".size") == 0;
}

// The size of the struct that the number is an offset in; LIMIT_OFFSET when it is not told.
static uint64_t struct_nbytes(struct memory *memory, mx_addr runtime, const struct layout *table,
                              const struct number *number)
{
    size_t prefix = strcspn(number->path, ".");
    uint64_t nbytes;
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (is_size(&NUMBERS[i]) && strcspn(NUMBERS[i].path, ".") == prefix &&
            strncmp(NUMBERS[i].path, number->path, prefix) == 0 &&
            told(memory, runtime, table, &NUMBERS[i], &nbytes))
            return nbytes;
    return LIMIT_OFFSET;
}

// Aligned as in the table, and inside its struct.
static bool makes_sense(struct memory *memory, mx_addr runtime, const struct layout *table,
                        const struct number *number, uint64_t value)
{
    int32_t known = layout_number(table, number->field);
    uint64_t alignment = known >= 0 && known % 8 == 0 ? 8 : known >= 0 && known % 4 == 0 ? 4 : 1;
    if (value >= LIMIT_OFFSET || value % alignment)
        return false;
    if (is_size(number))
        return value > 0;
    return value < struct_nbytes(memory, runtime, table, number);
}

int debug_offsets_differences(struct memory *memory, mx_addr runtime, const struct layout *table)
{
    int differences = 0;
    uint64_t value;
    if (table->debug_offsets_size == ABSENT)
        return -1;
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (!told(memory, runtime, table, &NUMBERS[i], &value))
            continue;
        if (!makes_sense(memory, runtime, table, &NUMBERS[i], value))
            return -1;
        differences += (int32_t)value != layout_number(table, NUMBERS[i].field);
    }
    return differences;
}

// ---- laying over ------------------------------------------------------------------------------

struct derived {
    struct derived *next;
    struct layout layout;
    size_t member_count;
    struct layout_member members[]; // of interpreter, thread and runtime, one after the other
};

// By how much the member of a state ("interpreter_state") at `offset` has moved: as the nearest one
// before it that is told.
static int32_t moved(const struct layout *table, const struct layout *own, const char *state,
                     int32_t offset)
{
    int32_t nearest = -1, distance = 0;
    size_t prefix = strlen(state);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        int32_t before = layout_number(table, NUMBERS[i].field);
        if (strncmp(NUMBERS[i].path, state, prefix) != 0 || is_size(&NUMBERS[i]) ||
            before > offset || before <= nearest)
            continue;
        nearest = before;
        distance = layout_number(own, NUMBERS[i].field) - before;
    }
    return distance;
}

static bool is_told(size_t field)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (NUMBERS[i].field == field)
            return true;
    return false;
}

static const struct {
    const char *state, *fields; // as _Py_DebugOffsets has it, as fields.def has it
} STATES[] = {
    {"interpreter_state.", "interp_"},
    {"thread_state.", "tstate_"},
    {"runtime_state.", "runtime_"},
};

static void move_fields(const struct layout *table, struct layout *own)
{
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            int32_t offset = layout_number(table, FIELDS[i].field);
            size_t prefix = strlen(STATES[k].fields);
            if (offset == ABSENT || strncmp(FIELDS[i].name, STATES[k].fields, prefix) != 0 ||
                is_told(FIELDS[i].field))
                continue;
            offset += moved(table, own, STATES[k].state, offset);
            memcpy((char *)own + FIELDS[i].field, &offset, sizeof offset);
        }
}

static const struct layout_member *move_members(const struct layout *table, struct derived *own,
                                                const char *state,
                                                const struct layout_member *members, size_t count)
{
    struct layout_member *first = &own->members[own->member_count];
    for (size_t i = 0; i < count; i++) {
        first[i] = members[i];
        first[i].offset += (uint32_t)moved(table, &own->layout, state, (int32_t)members[i].offset);
    }
    own->member_count += count;
    return first;
}

static struct derived *derive(struct memory *memory, mx_addr runtime, const struct layout *table)
{
    size_t count =
        table->interp_member_count + table->tstate_member_count + table->runtime_member_count;
    struct derived *own = calloc(1, sizeof *own + count * sizeof own->members[0]);
    uint64_t value;
    if (!own)
        return NULL;
    memcpy(&own->layout, table, sizeof own->layout);
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (told(memory, runtime, table, &NUMBERS[i], &value)) {
            int32_t number = (int32_t)value;
            memcpy((char *)&own->layout + NUMBERS[i].field, &number, sizeof number);
        }
    move_fields(table, &own->layout);
    own->layout.interp_members = move_members(table, own, STATES[0].state, table->interp_members,
                                              table->interp_member_count);
    own->layout.tstate_members = move_members(table, own, STATES[1].state, table->tstate_members,
                                              table->tstate_member_count);
    own->layout.runtime_members = move_members(table, own, STATES[2].state, table->runtime_members,
                                               table->runtime_member_count);
    return own;
}

// Equal in every number: the members follow from those.
static bool same_numbers(const struct layout *a, const struct layout *b)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (layout_number(a, NUMBERS[i].field) != layout_number(b, NUMBERS[i].field))
            return false;
    return strcmp(a->name, b->name) == 0;
}

const struct layout *debug_offsets_apply(struct memory *memory, mx_addr runtime,
                                         const struct layout *table)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct derived *all; // never freed: heaps refer to them
    int differences = debug_offsets_differences(memory, runtime, table);
    if (differences <= 0)
        return differences == 0 ? table : NULL;
    struct derived *own = derive(memory, runtime, table);
    if (!own)
        return NULL;
    pthread_mutex_lock(&lock);
    size_t count = 0;
    struct derived *known = all;
    for (; known && !same_numbers(&known->layout, &own->layout); known = known->next)
        count++;
    if (!known && count < LIMIT_DERIVED) {
        own->next = all;
        all = known = own;
        own = NULL;
    }
    pthread_mutex_unlock(&lock);
    free(own);
    return known ? &known->layout : NULL;
}
