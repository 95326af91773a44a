// steps.c - labels of references to names, where CPython has something in between.
#include "query/steps.h"

#include <stdio.h>
#include <string.h>

#include "query/hang.h"

void step_label(const struct snapshot *s, uint32_t from, uint32_t to, char *label)
{
    uint64_t reference = hang_reference(s, from, to);
    *label = '\0';
    if (reference != UINT64_MAX)
        snapshot_label(s, from, reference, label, STEP_NBYTES);
}

// ['name'] of a namespace is .name
static void as_attribute(char *label)
{
    size_t length = strlen(label);
    if (length < 5 || strncmp(label, "['", 2) != 0 || strcmp(label + length - 2, "']") != 0)
        return;
    label[length - 2] = '\0';
    memmove(label, label + 1, length - 2);
    label[0] = '.';
}

static uint32_t labelled(const struct snapshot *s, uint32_t from, const char *wanted)
{
    uint64_t at = column_at(&s->first, from), end = column_at(&s->first, (uint64_t)from + 1);
    for (char label[STEP_NBYTES]; at < end; at++) {
        snapshot_label(s, from, at, label, sizeof label);
        if (strcmp(label, wanted) == 0)
            return (uint32_t)column_at(&s->target, at);
    }
    return MX_NO_OBJECT;
}

// A str without its quotes.
static bool text_of(const struct snapshot *s, uint32_t object, char *text, size_t nbytes)
{
    size_t length = s->texts.value(s->texts.data, object, text, nbytes - 1);
    if (length == SNAPSHOT_NO_VALUE)
        return false;
    text[length] = '\0';
    return true;
}

// The names of a code's variables end with those of its closure; before 3.11 these stand alone.
static bool closure_name(const struct snapshot *s, uint32_t function, uint32_t cells, uint64_t cell,
                         char *name, size_t nbytes)
{
    uint32_t code = labelled(s, function, ".__code__");
    if (code == MX_NO_OBJECT)
        return false;
    uint32_t names = labelled(s, code, ".co_freevars");
    if (names == MX_NO_OBJECT)
        names = labelled(s, code, ".co_localsplusnames");
    if (names == MX_NO_OBJECT)
        return false;
    uint64_t count = snapshot_references(s, names), free_count = snapshot_references(s, cells);
    if (free_count > count || cell >= free_count)
        return false;
    uint64_t at = column_at(&s->first, names) + count - free_count + cell;
    return text_of(s, (uint32_t)column_at(&s->target, at), name, nbytes);
}

static void write_cell(const struct snapshot *s, uint32_t function, uint32_t cells, char *label)
{
    unsigned long long cell;
    char name[STEP_NBYTES - 20];
    if (sscanf(label, "[%llu]", &cell) == 1 &&
        closure_name(s, function, cells, cell, name, sizeof name))
        snprintf(label, STEP_NBYTES, "closure %s", name);
}

// Keys and values take turns in a node of a context's variables (Python/hamt.c).
static void write_variable(const struct snapshot *s, uint32_t node, char *label)
{
    unsigned long long place;
    char key[40], name[STEP_NBYTES - 20];
    if (sscanf(label, "[%llu]", &place) != 1 || place % 2 == 0)
        return;
    snprintf(key, sizeof key, "[%llu]", place - 1);
    uint32_t variable = labelled(s, node, key);
    uint32_t text = variable == MX_NO_OBJECT ? MX_NO_OBJECT : labelled(s, variable, ".name");
    if (text != MX_NO_OBJECT && text_of(s, text, name, sizeof name))
        snprintf(label, STEP_NBYTES, "variable '%s'", name);
}

// A thread's values, by a weak reference to a dummy that the thread has (Modules/_threadmodule.c).
static bool is_local_values(const char *type, const char *label)
{
    return strcmp(type, "_thread._local") == 0 &&
           (strcmp(label, ".dummies") == 0 || strcmp(label, ".localdicts") == 0);
}

static bool is_silent(const char *type, const char *label)
{
    return (strcmp(type, "builtins.hamt") == 0 || strcmp(label, ".ctx_vars") == 0 ||
            strcmp(type, "builtins.hamt_array_node") == 0);
}

void step_write(const struct snapshot *s, struct step_state *state, uint32_t from, uint32_t to,
                bool last, char *label)
{
    const struct snapshot_type *type = snapshot_type_of(s, from);
    struct step_state before = *state;
    *state = (struct step_state){0};
    step_label(s, from, to, label);
    if (before.in_namespace)
        as_attribute(label);
    if (last)
        state = &before; // what is silent otherwise is what was asked for
    bool silent = false;
    if (strcmp(label, ".__dict__") == 0) {
        state->in_namespace = silent = true;
    } else if (type->family == SNAPSHOT_FUNCTION && strcmp(label, ".__closure__") == 0) {
        state->closure = from + 1;
        silent = true;
    } else if (before.closure) {
        write_cell(s, before.closure - 1, from, label);
    } else if (type->family == SNAPSHOT_CELL) {
        silent = true;
    } else if (is_local_values(type->name, label)) {
        state->in_local = silent = true;
    } else if (before.in_local) {
        state->in_namespace = silent = true;
    } else if (strcmp(type->name, "builtins.hamt_bitmap_node") == 0 ||
               strcmp(type->name, "builtins.hamt_collision_node") == 0) {
        write_variable(s, from, label);
    } else {
        silent = is_silent(type->name, label);
    }
    if (silent && (!last || type->family == SNAPSHOT_CELL))
        *label = '\0';
}
