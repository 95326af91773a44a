// hang.c - one search over the graph, from the roots that tell a person most.
#include "query/hang.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define UNSEEN (UINT32_MAX - 1) // in `before`
#define NAMESPACE_LOOKED_AT 64  // references: what an import system sets comes first
#define LIMIT_PATH 1000         // bytes of a module's file that are compared

// How far a root is from a person, in references: a name in a module is two from it.
enum level {
    LEVEL_USER_MODULE,
    LEVEL_MODULE,
    LEVEL_FRAME, // its function knows a module's namespace, too
    LEVEL_TYPE,
    LEVEL_THREAD,
    LEVEL_INTERPRETER,
    LEVEL_NATIVE,
    LEVEL_BORROWED, // what is not kept by the root that refers to it
    LEVELS,
    LEVEL_GARBAGE, // comes when all that is held is known
};

// ---- modules ------------------------------------------------------------------------------------

uint64_t hang_reference(const struct snapshot *s, uint32_t from, uint32_t to)
{
    uint64_t end = column_at(&s->first, (uint64_t)from + 1), other = UINT64_MAX;
    for (uint64_t at = column_at(&s->first, from); at < end; at++)
        if (column_at(&s->target, at) == to) {
            if (column_at(&s->hold, at) == MX_OWNED)
                return at;
            other = other == UINT64_MAX ? at : other;
        }
    return other;
}

uint32_t hang_namespace(const struct snapshot *s, uint32_t object)
{
    uint64_t at = column_at(&s->first, object), end = column_at(&s->first, (uint64_t)object + 1);
    end = end - at < NAMESPACE_LOOKED_AT ? end : at + NAMESPACE_LOOKED_AT;
    for (char label[64]; at < end; at++) {
        uint32_t to = (uint32_t)column_at(&s->target, at);
        if (snapshot_type_of(s, to)->family != SNAPSHOT_DICT)
            continue;
        snapshot_label(s, object, at, label, sizeof label);
        if (strcmp(label, ".__dict__") == 0)
            return to;
    }
    return MX_NO_OBJECT;
}

// The value of a name that stands near the beginning of a namespace.
static uint32_t named(const struct snapshot *s, uint32_t dict, const char *wanted)
{
    uint64_t at = column_at(&s->first, dict), end = column_at(&s->first, (uint64_t)dict + 1);
    end = end - at < NAMESPACE_LOOKED_AT ? end : at + NAMESPACE_LOOKED_AT;
    for (char label[64]; at < end; at++) {
        snapshot_label(s, dict, at, label, sizeof label);
        if (strcmp(label, wanted) == 0)
            return (uint32_t)column_at(&s->target, at);
    }
    return MX_NO_OBJECT;
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3ull;
    return hash ? hash : 1;
}

static struct module_facts module_facts(const struct snapshot *s, const char *root, uint32_t module)
{
    char path[LIMIT_PATH] = "";
    bool is_main = strcmp(root, "module __main__") == 0;
    uint32_t dict = hang_namespace(s, module);
    if (dict == MX_NO_OBJECT)
        return (struct module_facts){.is_user = is_main};
    uint32_t file = named(s, dict, "['__file__']");
    if (file != MX_NO_OBJECT) {
        size_t length = s->texts.value(s->texts.data, file, path, sizeof path - 1);
        if (length == SNAPSHOT_NO_VALUE) // left out, or no str
            s->texts.preview(s->texts.data, file, path, sizeof path);
        else
            path[length < sizeof path - 1 ? length : sizeof path - 1] = '\0';
        return (struct module_facts){.is_user = is_main || !snapshot_is_foreign_path(path),
                                     .of_file = hash_text(path)};
    }
    uint32_t spec = named(s, dict, "['__spec__']");
    bool is_made =
        !is_main && (spec == MX_NO_OBJECT || snapshot_type_of(s, spec)->family == SNAPSHOT_NONE);
    return (struct module_facts){.is_user = is_main || is_made, .is_made = is_made};
}

static void find_modules(struct hang *hang)
{
    const struct snapshot *s = hang->snapshot;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        const struct snapshot_root_reference *reference = &s->root_references[i];
        const struct snapshot_root *root = &s->roots[reference->root];
        if (root->kind != ROOT_MODULE)
            continue;
        hang->modules[i] = module_facts(s, root->name, reference->to);
        uint32_t object = snapshot_dominator(s, reference->to);
        for (; object != MX_NO_OBJECT && !hang->program[object];
             object = snapshot_dominator(s, object))
            hang->program[object] = 1;
    }
}

// What classes and modules dominate is shared by parts of the program: it hangs on the nearest of them.
static void mark_program(struct hang *hang)
{
    const struct snapshot *s = hang->snapshot;
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint8_t family = snapshot_type_of(s, i)->family;
        if (family != SNAPSHOT_TYPE && family != SNAPSHOT_MODULE)
            continue;
        uint32_t dict = hang_namespace(s, i);
        hang->program[i] = 1;
        if (dict != MX_NO_OBJECT)
            hang->program[dict] = PROGRAM_NAMESPACE;
    }
}

// ---- the search ---------------------------------------------------------------------------------

static enum level level_of(const struct hang *hang, size_t number)
{
    const struct snapshot_root_reference *reference = &hang->snapshot->root_references[number];
    enum root_kind kind = (enum root_kind)hang->snapshot->roots[reference->root].kind;
    if (kind == ROOT_MODULE)
        return hang->modules[number].is_user ? LEVEL_USER_MODULE : LEVEL_MODULE;
    if (kind == ROOT_GARBAGE)
        return LEVEL_GARBAGE;
    if (!reference->keeps)
        return LEVEL_BORROWED;
    switch (kind) {
    case ROOT_FRAME:
        return LEVEL_FRAME;
    case ROOT_THREAD:
        return LEVEL_THREAD;
    case ROOT_TYPE:
        return LEVEL_TYPE;
    case ROOT_INTERPRETER:
        return LEVEL_INTERPRETER;
    case ROOT_MODULE:
    case ROOT_GARBAGE:
    case ROOT_NATIVE:
        break;
    }
    return LEVEL_NATIVE;
}

static uint32_t add_roots(struct hang *hang, enum level level, uint32_t count)
{
    const struct snapshot *s = hang->snapshot;
    for (size_t i = 0; i < s->root_reference_count; i++) {
        uint32_t to = s->root_references[i].to;
        if (hang->before[to] != UNSEEN || s->root_references[i].hold == MX_WEAK ||
            level_of(hang, i) != level)
            continue;
        hang->before[to] = MX_NO_OBJECT;
        hang->place[to] = (uint32_t)i;
        hang->order[count++] = to;
    }
    return count;
}

// From a function, or another module's __builtins__, to a namespace: its own module leads there.
static bool is_way_round(const struct hang *hang, uint32_t from, uint32_t to)
{
    uint8_t family = snapshot_type_of(hang->snapshot, from)->family;
    return hang->is_strict && hang->program[to] == PROGRAM_NAMESPACE && family != SNAPSHOT_MODULE &&
           family != SNAPSHOT_TYPE;
}

// One step further from objects `begin` to `end` of the order.
static uint32_t expand(struct hang *hang, uint32_t begin, uint32_t end)
{
    const struct snapshot *s = hang->snapshot;
    uint32_t count = end;
    for (; begin < end; begin++) {
        uint32_t object = hang->order[begin];
        uint64_t last = column_at(&s->first, (uint64_t)object + 1);
        for (uint64_t at = column_at(&s->first, object); at < last; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at);
            if (hang->before[to] != UNSEEN || column_at(&s->hold, at) != MX_OWNED ||
                is_way_round(hang, object, to))
                continue;
            hang->before[to] = object;
            hang->order[count++] = to;
        }
    }
    return count;
}

// Of all on a cycle of garbage, which one a person would name.
static int garbage_rank(const struct snapshot *s, uint32_t object)
{
    const struct snapshot_type *type = snapshot_type_of(s, object);
    if (snapshot_dominator(s, object) != MX_NO_OBJECT)
        return 3; // what hangs on garbage itself, and is met from there
    if (!(type->flags & TYPE_USER))
        return 2;
    return type->flags & TYPE_FINALIZER ? 0 : 1;
}

// What nothing led to: each is followed to its end, so that a cycle begins once.
static uint32_t add_garbage(struct hang *hang, uint32_t count)
{
    const struct snapshot *s = hang->snapshot;
    for (int rank = 0; rank <= 3; rank++)
        for (uint32_t object = 0; object < s->object_count; object++) {
            if (hang->before[object] != UNSEEN || garbage_rank(s, object) != rank)
                continue;
            uint32_t begin = count, end;
            hang->before[object] = MX_NO_OBJECT;
            hang->order[count++] = object;
            while ((end = count) > begin) {
                count = expand(hang, begin, end);
                begin = end;
            }
        }
    return count;
}

static void search(struct hang *hang)
{
    uint32_t begin = 0, count = 0;
    hang->is_strict = true;
    for (int level = 0; level < LEVELS || begin < count; level++) {
        uint32_t end = level < LEVELS ? add_roots(hang, (enum level)level, count) : count;
        count = expand(hang, begin, end);
        begin = end;
    }
    hang->is_strict = false; // namespaces of modules that are gone: functions have them
    begin = 0;
    for (uint32_t end; (end = count) > begin; begin = end)
        count = expand(hang, begin, end);
    hang->reached = count;
    add_garbage(hang, count);
}

// Which reference of its holder each object is: the first one.
static void find_places(struct hang *hang)
{
    const struct snapshot *s = hang->snapshot;
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t object = hang->order[i];
        uint64_t first = column_at(&s->first, object);
        uint64_t last = column_at(&s->first, (uint64_t)object + 1);
        for (uint64_t at = first; at < last; at++) {
            uint32_t to = (uint32_t)column_at(&s->target, at);
            if (hang->before[to] != MX_NO_OBJECT && hang->place[to] == NO_PLACE &&
                hang_holder(hang, to) == object && column_at(&s->hold, at) == MX_OWNED)
                hang->place[to] = (uint32_t)(at - first);
        }
    }
}

mx_status hang_make(const struct snapshot *snapshot, struct hang *ret, struct mx_error *err)
{
    size_t count = (size_t)snapshot->object_count + 1;
    *ret = (struct hang){.snapshot = snapshot};
    ret->before = malloc(count * sizeof *ret->before);
    ret->place = malloc(count * sizeof *ret->place);
    ret->order = malloc(count * sizeof *ret->order);
    ret->modules = calloc(snapshot->root_reference_count + 1, sizeof *ret->modules);
    ret->program = calloc(count, 1);
    if (!ret->before || !ret->place || !ret->order || !ret->modules || !ret->program)
        return fail_no_memory(err);
    for (uint32_t i = 0; i < snapshot->object_count; i++)
        ret->before[i] = UNSEEN;
    memset(ret->place, 0xFF, count * sizeof *ret->place);
    find_modules(ret);
    mark_program(ret);
    search(ret);
    find_places(ret);
    return MX_OK;
}

void hang_free(struct hang *hang)
{
    free(hang->before);
    free(hang->place);
    free(hang->order);
    free(hang->modules);
    free(hang->program);
    *hang = (struct hang){0};
}
