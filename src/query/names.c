// names.c - ways of hang.h to text.
#include "query/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/vector.h"
#include "query/steps.h"

#define LIMIT_WAY 1000000 // objects on a way: a linked list may be that long
#define SHOWN_FIRST 12    // of a longer way
#define SHOWN_LAST 4

struct writer {
    const struct hang *hang;
    const struct snapshot *snapshot;
    struct names *names;
    uint32_t previous; // object before, MX_NO_OBJECT for the root
    struct step_state state;
    uint32_t other;   // like the object written; MX_NO_OBJECT
    char suffix[200]; // of holder: " (local of f at app.py:14)"
};

__attribute__((format(printf, 2, 3))) static void add(char *buffer, const char *format, ...)
{
    size_t used = strlen(buffer);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer + used, NAME_NBYTES - used, format, arguments);
    va_end(arguments);
}

const char *names_type(const struct snapshot *snapshot, uint32_t type)
{
    const char *name = type == MX_NO_OBJECT ? "?" : snapshot->types[type].name;
    return strncmp(name, "builtins.", 9) == 0 ? name + 9 : name;
}

// ---- roots --------------------------------------------------------------------------------------

static bool is_user_file(const struct snapshot *s, const char *place)
{
    for (size_t i = 0; i < s->thread_count; i++)
        for (size_t k = 0; k < s->threads[i].frame_count; k++) {
            const char *file = s->threads[i].frames[k].file;
            const char *slash = strrchr(file, '/');
            const char *base = slash ? slash + 1 : file;
            if (strncmp(place, base, strlen(base)) == 0 && place[strlen(base)] == ':')
                return !snapshot_is_foreign_path(file);
        }
    return false;
}

// "thread 812 frame f at app.py:14", "local x"
static void add_frame(struct writer *writer, const char *root, const char *label)
{
    struct names *names = writer->names;
    const char *frame = strstr(root, " frame "), *at = strstr(root, " at ");
    frame = frame ? frame + 7 : root;
    bool is_local = strncmp(label, "local ", 6) == 0;
    add(names->path, "%s -> %s", root, label);
    bool is_frame = strcmp(label, "running") == 0; // the object, before 3.11
    if (!is_frame)
        add(names->holder, "%s", is_local ? label + 6 : label);
    snprintf(writer->suffix, sizeof writer->suffix,
             is_local || is_frame ? " (local of %s)" : " (frame %s)", frame);
    if (at && is_user_file(writer->snapshot, at + 4))
        add(names->user, "%.*s", (int)(at - frame), frame);
}

// A function that is found without its name: "function on_reload at app.py:12".
static void add_function(struct writer *writer, uint32_t object)
{
    const struct snapshot *s = writer->snapshot;
    char kind[200];
    if (snapshot_type_of(s, object)->family != SNAPSHOT_FUNCTION)
        return;
    s->texts.kind(s->texts.data, object, kind, sizeof kind);
    char *at = strstr(kind, " at "), *slash = at ? strrchr(at, '/') : NULL;
    if (at && !*writer->names->user && !snapshot_is_foreign_path(at))
        add(writer->names->user, "%.*s", (int)(at - kind), kind);
    if (slash)
        memmove(at + 4, slash + 1, strlen(slash));
    add(writer->names->holder, " %s", kind);
    add(writer->names->path, " (%s)", kind);
}

static void add_root(struct writer *writer, uint32_t object)
{
    const struct snapshot *s = writer->snapshot;
    struct names *names = writer->names;
    uint32_t number = writer->hang->place[object];
    char label[200];
    names->root = ROOT_GARBAGE;
    if (number == NO_PLACE || s->roots[s->root_references[number].root].kind == ROOT_GARBAGE) {
        add(names->holder, "garbage");
        add(names->path, "garbage");
        return;
    }
    const struct snapshot_root *root = &s->roots[s->root_references[number].root];
    names->root = (enum root_kind)root->kind;
    if (root->kind == ROOT_MODULE && writer->other != MX_NO_OBJECT) { // modules are the many
        add(names->holder, "sys.modules[...]");
        add(names->path, "sys.modules -> [...]");
        return;
    }
    if (root->kind == ROOT_MODULE) {
        add(names->holder, "%s", root->name + (strncmp(root->name, "module ", 7) == 0 ? 7 : 0));
        add(names->path, "%s", root->name);
        return;
    }
    s->texts.root_label(s->texts.data, number, label, sizeof label);
    if (root->kind == ROOT_FRAME) {
        add_frame(writer, root->name, label);
        return;
    }
    bool said = root->kind == ROOT_NATIVE && strstr(label, ": "); // "libfoo.so: cache+0x8"
    bool is_named = root->kind != ROOT_NATIVE || strncmp(root->name, "native", 6) == 0;
    add(names->holder, is_named ? "%s%s%s" : "native code, %s%s%s", said ? "" : root->name,
        *label && *label != '.' && !said ? " " : "", label);
    add(names->path, *label ? "%s -> %s" : "%s", root->name, label);
    add_function(writer, object);
}

// ---- steps --------------------------------------------------------------------------------------

static bool is_subscript(const char *label)
{
    return *label == '[' || *label == '{';
}

static bool is_user_step(const struct writer *writer, uint32_t object)
{
    return snapshot_type_of(writer->snapshot, object)->flags & TYPE_USER;
}

// ["jobs"] stays what it is when the others are so called too.
static bool is_one_of_many(const struct writer *writer, uint32_t object)
{
    char label[STEP_NBYTES], other[STEP_NBYTES] = "";
    if (writer->other == MX_NO_OBJECT)
        return false;
    step_label(writer->snapshot, writer->previous, object, label);
    if (writer->hang->before[writer->other] != MX_NO_OBJECT)
        step_label(writer->snapshot, writer->hang->before[writer->other], writer->other, other);
    return is_subscript(label) && strcmp(label, other) != 0;
}

static void add_step(struct writer *writer, uint32_t object, bool last)
{
    const struct snapshot *s = writer->snapshot;
    struct names *names = writer->names;
    char label[STEP_NBYTES];
    bool in_namespace = writer->state.in_namespace;
    step_write(s, &writer->state, writer->previous, object, last, label);
    if (is_one_of_many(writer, object))
        snprintf(label, sizeof label, "[...]");
    if (*label) {
        bool is_name = in_namespace && names->root == ROOT_MODULE && *label == '.' &&
                       !strstr(names->path, " -> ");
        bool is_local = !*names->holder && strncmp(label, "local ", 6) == 0;
        add(names->holder, "%s%s",
            !*names->holder || *label == '.' || is_subscript(label) ? "" : " ",
            is_local ? label + 6 : label);
        add(names->path, " -> %s", is_name ? label + 1 : label);
        if (!in_namespace)
            add_function(writer, object);
    }
    if (!*names->user && is_user_step(writer, object))
        add(names->user, "%s", names_type(s, (uint32_t)column_at(&s->type, object)));
}

struct way {
    uint32_t *items; // from the object to its root
    size_t count, capacity;
};

static bool is_in_user_module(const struct hang *hang, uint32_t root)
{
    uint32_t place = hang->place[root];
    return place != NO_PLACE && hang->modules[place].is_user;
}

// The other's object in this place, as far as both ways are of one length.
static uint32_t other_at(const struct way *way, const struct way *other, size_t i)
{
    bool is_there = i < other->count && (i == 0 || way->count == other->count);
    return is_there && other->items[i] != way->items[i] ? other->items[i] : MX_NO_OBJECT;
}

static void add_way(struct writer *writer, const struct way *way, const struct way *other)
{
    struct names *names = writer->names;
    bool is_users = is_in_user_module(writer->hang, way->items[way->count - 1]);
    writer->other = way->count == 1 ? other_at(way, other, 0) : MX_NO_OBJECT;
    add_root(writer, way->items[way->count - 1]);
    for (size_t i = way->count - 1; i-- > 0;) {
        size_t step = way->count - 1 - i;
        writer->previous = way->items[i + 1];
        writer->other = other_at(way, other, i);
        if (step > SHOWN_FIRST && i >= SHOWN_LAST) {
            if (step == SHOWN_FIRST + 1) {
                add(names->holder, " ... ");
                add(names->path, " -> ...");
            }
            writer->state = (struct step_state){0};
            continue;
        }
        bool first = !strstr(names->path, " -> ");
        add_step(writer, way->items[i], i == 0);
        if (is_users && first && strstr(names->path, " -> "))
            memcpy(names->user, names->holder, sizeof names->user);
    }
    if (is_users && !*names->user)
        memcpy(names->user, names->holder, sizeof names->user);
    add(names->holder, *names->holder ? "%s" : "frame%s", writer->suffix);
}

static bool find_way(const struct hang *hang, uint32_t object, struct way *way)
{
    bool ok = true;
    for (; ok && object != MX_NO_OBJECT && way->count < LIMIT_WAY; object = hang->before[object])
        ok = vector_push(way, object);
    return ok;
}

mx_status names_of(const struct hang *hang, uint32_t object, uint32_t other, struct names *ret,
                   struct mx_error *err)
{
    struct writer writer = {.hang = hang, .snapshot = hang->snapshot, .names = ret};
    struct way way = {0}, other_way = {0};
    *ret = (struct names){0};
    bool ok = find_way(hang, object, &way) && find_way(hang, other, &other_way);
    if (ok)
        add_way(&writer, &way, &other_way);
    vector_free(&way);
    vector_free(&other_way);
    return ok ? MX_OK : fail_no_memory(err);
}
