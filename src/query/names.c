// names.c - ways of hang.h to text.
#include "query/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/vector.h"

#define LIMIT_WAY 1000000 // objects on a way: a linked list may be that long
#define SHOWN_FIRST 12    // of a longer way
#define SHOWN_LAST 4

struct writer {
    const struct hang *hang;
    const struct snapshot *snapshot;
    struct names *names;
    uint32_t previous; // object before, MX_NO_OBJECT for the root
    bool in_namespace; // it is the dict behind attributes
    bool many;         // the object written is the last, and one of many
    char suffix[200];  // of holder: ", a local of f at app.py:14"
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
                return !hang_is_foreign_path(file);
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
    add(names->holder, "%s", is_local ? label + 6 : label);
    snprintf(writer->suffix, sizeof writer->suffix, ", a local of %s", frame);
    if (!is_local)
        snprintf(writer->suffix, sizeof writer->suffix, " of frame %s", frame);
    if (at && is_user_file(writer->snapshot, at + 4))
        add(names->user, "%.*s", (int)(at - frame), frame);
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
    if (root->kind == ROOT_NATIVE)
        add(names->holder, "native code: ");
    add(names->holder, "%s%s%s", root->name, *label && *label != '.' ? " " : "", label);
    add(names->path, *label ? "%s -> %s" : "%s", root->name, label);
}

// ---- steps --------------------------------------------------------------------------------------

static bool is_subscript(const char *label)
{
    return *label == '[' || *label == '{';
}

// ['name'] of a namespace is .name
static bool as_attribute(char *label)
{
    size_t length = strlen(label);
    if (length < 5 || strncmp(label, "['", 2) != 0 || strcmp(label + length - 2, "']") != 0)
        return false;
    label[length - 2] = '\0';
    memmove(label, label + 1, length - 2);
    label[0] = '.';
    return true;
}

static bool is_user_step(const struct writer *writer, uint32_t object)
{
    const struct snapshot *s = writer->snapshot;
    uint32_t root = writer->hang->place[object];
    if (writer->previous == MX_NO_OBJECT)
        return false;
    const struct snapshot_type *type = snapshot_type_of(s, object);
    (void)root;
    return type->flags & TYPE_USER;
}

static void add_step(struct writer *writer, uint32_t object)
{
    const struct snapshot *s = writer->snapshot;
    struct names *names = writer->names;
    char label[200] = "";
    uint64_t reference = hang_reference(s, writer->previous, object);
    if (reference != UINT64_MAX)
        s->texts.label(s->texts.data, writer->previous, reference, label, sizeof label);
    bool was_namespace = writer->in_namespace;
    writer->in_namespace = strcmp(label, ".__dict__") == 0;
    if (writer->in_namespace)
        return;
    if (was_namespace)
        as_attribute(label);
    const char *shown = writer->many && is_subscript(label) ? "[...]" : label;
    add(names->holder, "%s%s", *shown == '.' || is_subscript(shown) ? "" : " ", shown);
    bool is_name = was_namespace && names->root == ROOT_MODULE && *shown == '.' &&
                   !strstr(names->path, " -> ");
    add(names->path, " -> %s", is_name ? shown + 1 : shown);
    if (!*names->user && is_user_step(writer, object))
        add(names->user, "%s", names_type(s, (uint32_t)column_at(&s->type, object)));
}

mx_status names_of(const struct hang *hang, uint32_t object, bool many, struct names *ret,
                   struct mx_error *err)
{
    struct writer writer = {.hang = hang, .snapshot = hang->snapshot, .names = ret};
    VECTOR(uint32_t) way = {0};
    *ret = (struct names){0};
    for (uint32_t at = object; at != MX_NO_OBJECT && way.count < LIMIT_WAY; at = hang->before[at])
        if (!vector_push(&way, at)) {
            vector_free(&way);
            return fail_no_memory(err);
        }
    uint32_t root = way.items[way.count - 1];
    bool in_user_module = false;
    writer.previous = MX_NO_OBJECT;
    add_root(&writer, root);
    if (ret->root == ROOT_MODULE && hang->place[root] != NO_PLACE)
        in_user_module = hang->modules[hang->place[root]].is_user;
    for (size_t i = way.count - 1; i-- > 0;) {
        writer.previous = way.items[i + 1];
        writer.many = many && i == 0;
        size_t step = way.count - 1 - i;
        if (step > SHOWN_FIRST && i >= SHOWN_LAST) {
            if (step == SHOWN_FIRST + 1) {
                add(ret->holder, " ... ");
                add(ret->path, " -> ...");
            }
            writer.in_namespace = false;
            continue;
        }
        bool first = !strstr(ret->path, " -> ");
        add_step(&writer, way.items[i]);
        if (first && in_user_module && strstr(ret->path, " -> "))
            memcpy(ret->user, ret->holder, sizeof ret->user);
    }
    if (in_user_module && !*ret->user)
        memcpy(ret->user, ret->holder, sizeof ret->user);
    add(ret->holder, "%s", writer.suffix);
    vector_free(&way);
    return MX_OK;
}
