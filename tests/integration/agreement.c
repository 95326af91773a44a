// agreement.c - references found from outside against what a process says of itself, object by
// object, in both directions: what tests/integration/traverse.py sums up. Uses the public header
// alone.
//
//   agreement PID FILE    FILE is what targets/self_knowledge.py has written in the process
//
// Prints lines of fields between tabs, each group of differences once:
//
//   objects COUNT              that FILE tells of
//   reported COUNT             references that it has: those of gc.get_referents()
//   owned COUNT                owned references found of the same objects
//   missing TYPE TYPE COUNT    reported and not found: the type of the object, that of the referent
//   untold TYPE LABEL COUNT    owned and not reported
//   unnamed TYPE LABEL COUNT   words without a name, of all objects
//
// A referent that is reported twice counts twice. Two things are looked through: what the links of an
// lru_cache hold counts as the cache's, and a reference that is missing is labelled "of its __dict__"
// where the instance's __dict__ has it. Behind a key, and the label of a module's state, stands the
// type of the referent, and behind a class's __class__ its metaclass. Knows no reason for a difference: those are reasons.py's.
#include <ctype.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memexplorer.h"

#define LIMIT_GROUPS                                                                               \
    (1 << 20) // of differences: a failing test may have one for each name of a dict
#define NOT_GC "(type without tp_traverse)"
#define CLASS "(class)"
#define STATIC_CLASS "(static class)"
#define INLINE_DICT "(__dict__ over inline values)"
#define NOT_FOUND "not found"
#define OF_ITS_DICT "of its __dict__"
#define LRU_CACHE "functools._lru_cache_wrapper"
#define LRU_LINK "functools._lru_list_elem"

struct known {
    char *referents; // the text behind the four numbers
    mx_addr address;
    uint32_t type;
};

struct reported {
    mx_addr address;
    bool found;
};

struct found {
    mx_addr to;
    char hold; // o, b, w
    char label[200];
};

struct comparison {
    mx_heap *heap;
    const struct mx_type *types;
    struct known *known;
    size_t known_count, known_allocated;
    bool *has_gc; // by number of the type
    size_t type_count;
    struct reported *reported; // of the object at hand, by address
    size_t reported_count, reported_allocated;
    struct found *found;
    size_t found_count, found_allocated;
    uint64_t all_reported, all_owned;
    uint64_t groups;
};

static void *grown(void *array, size_t count, size_t *allocated, size_t size)
{
    if (count < *allocated)
        return array;
    *allocated = *allocated ? 2 * *allocated : 1024;
    array = realloc(array, *allocated * size);
    if (!array)
        exit(EXIT_FAILURE);
    return array;
}

// ---- groups of differences --------------------------------------------------------------------

struct group {
    char *key;
    uint64_t count;
};

static struct group group_list[LIMIT_GROUPS];

static void count_group(struct comparison *comparison, const char *what, const char *type,
                        const char *label)
{
    char key[700];
    snprintf(key, sizeof key, "%s\t%s\t%s", what, type, label);
    ENTRY *entry = hsearch((ENTRY){.key = key}, FIND);
    if (!entry) {
        struct group *group = &group_list[comparison->groups++];
        *group = (struct group){strdup(key), 0};
        if (comparison->groups == LIMIT_GROUPS ||
            !(entry = hsearch((ENTRY){group->key, group}, ENTER)))
            exit(EXIT_FAILURE);
    }
    ((struct group *)entry->data)->count++;
}

static void print_groups(const struct comparison *comparison)
{
    for (uint64_t i = 0; i < comparison->groups; i++)
        printf("%s\t%" PRIu64 "\n", group_list[i].key, group_list[i].count);
}

// ---- the process by its own account -----------------------------------------------------------

static void read_type(struct comparison *comparison, const char *line)
{
    unsigned number, has_gc;
    if (sscanf(line, "type %u %u", &number, &has_gc) != 2 || number > UINT16_MAX)
        exit(EXIT_FAILURE);
    if (number >= comparison->type_count) {
        comparison->has_gc = realloc(comparison->has_gc, (number + 1) * sizeof(bool));
        comparison->type_count = number + 1;
    }
    comparison->has_gc[number] = has_gc;
}

static void read_object(struct comparison *comparison, char *line)
{
    comparison->known = grown(comparison->known, comparison->known_count,
                              &comparison->known_allocated, sizeof(struct known));
    struct known *known = &comparison->known[comparison->known_count++];
    char *at = line;
    known->address = strtoull(at, &at, 10);
    known->type = (uint32_t)strtoul(at, &at, 10);
    strtoll(at, &at, 10); // its size
    strtol(at, &at, 10);  // whether the collector tracks it
    known->referents = strdup(at);
}

static void read_known(struct comparison *comparison, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while (getline(&line, &size, file) > 0)
        if (isdigit((unsigned char)line[0]))
            read_object(comparison, line);
        else
            read_type(comparison, line);
    free(line);
    fclose(file);
}

static int by_address(const void *one, const void *other)
{
    mx_addr a = ((const struct reported *)one)->address;
    mx_addr b = ((const struct reported *)other)->address;
    return a < b ? -1 : a > b;
}

static void read_reported(struct comparison *comparison, char *text)
{
    comparison->reported_count = 0;
    while (*text && *text != '\n') {
        comparison->reported = grown(comparison->reported, comparison->reported_count,
                                     &comparison->reported_allocated, sizeof(struct reported));
        comparison->reported[comparison->reported_count++] =
            (struct reported){strtoull(text, &text, 10), false};
    }
    qsort(comparison->reported, comparison->reported_count, sizeof(struct reported), by_address);
    comparison->all_reported += comparison->reported_count;
}

// ---- the same from outside --------------------------------------------------------------------

static bool keep_reference(const struct mx_reference *reference, void *data)
{
    static const char HOLDS[] = {[MX_OWNED] = 'o', [MX_BORROWED] = 'b', [MX_WEAK] = 'w'};
    struct comparison *comparison = data;
    struct mx_object to;
    comparison->found = grown(comparison->found, comparison->found_count,
                              &comparison->found_allocated, sizeof(struct found));
    struct found *found = &comparison->found[comparison->found_count++];
    mx_heap_facts(comparison->heap, reference->to, &to, NULL);
    found->to = to.address;
    found->hold = HOLDS[reference->ownership];
    snprintf(found->label, sizeof found->label, "%s", reference->label);
    return true;
}

static const char *type_of(const struct comparison *comparison, mx_addr address)
{
    uint32_t index, type;
    struct mx_object object;
    if (!mx_heap_find(comparison->heap, address, &index))
        return NOT_FOUND;
    mx_heap_facts(comparison->heap, index, &object, &type);
    return comparison->types[type].name;
}

static bool is_key(const struct found *found)
{
    return strncmp(found->label, "{key", 4) == 0;
}

static const char *kind_of(const char *label, const char *group)
{
    if (strcmp(group, INLINE_DICT) == 0 && label[0] == '[')
        return "[value]";
    return label[0] == '[' && !strchr("'\"", label[1]) ? "[item]" : label;
}

// The name of its type, or what classes have in common whatever their metaclass is.
static const char *group_of(const struct comparison *comparison, const struct known *known,
                            const char *type)
{
    if (!comparison->has_gc[known->type])
        return NOT_GC;
    for (size_t i = 0; i < comparison->found_count; i++)
        if (strcmp(comparison->found[i].label, ".__mro__") == 0)
            return comparison->reported_count ? CLASS : STATIC_CLASS;
    if (strcmp(type, "builtins.dict") == 0 && comparison->found_count &&
        !comparison->reported_count)
        return INLINE_DICT;
    return type;
}

static bool take_reported(struct comparison *comparison, mx_addr to)
{
    size_t low = 0, high = comparison->reported_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (comparison->reported[middle].address < to)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < comparison->reported_count && comparison->reported[low].address == to; low++)
        if (!comparison->reported[low].found)
            return comparison->reported[low].found = true;
    return false;
}

static void count_untold(struct comparison *comparison, const struct known *known, const char *name,
                         const struct found *found)
{
    char label[500] = "";
    if (is_key(found))
        snprintf(label, sizeof label, "{key} (%s)", type_of(comparison, found->to));
    else if (strncmp(found->label, "module state ", 13) == 0)
        snprintf(label, sizeof label, "%s (%s)", found->label, type_of(comparison, found->to));
    else if (strcmp(name, CLASS) == 0 && strcmp(found->label, ".__class__") == 0)
        snprintf(label, sizeof label, "%s (%s)", found->label, type_of(comparison, known->address));
    else
        snprintf(label, sizeof label, "%s", kind_of(found->label, name));
    if (!comparison->has_gc[known->type])
        label[0] = '\0';
    count_group(comparison, "untold", name, label);
}

// Of several references to one object those that are owned are the ones that were reported; of a
// key and its value, the value.
static void match(struct comparison *comparison, const struct known *known, const char *name,
                  bool owned, bool key)
{
    for (size_t i = 0; i < comparison->found_count; i++) {
        const struct found *found = &comparison->found[i];
        if (found->hold == 'w' || owned != (found->hold == 'o') || key != is_key(found))
            continue;
        comparison->all_owned += owned;
        if (!take_reported(comparison, found->to) && owned)
            count_untold(comparison, known, name, found);
    }
}

static void find_references(struct comparison *comparison, mx_addr address)
{
    uint32_t index;
    if (mx_heap_find(comparison->heap, address, &index))
        mx_heap_references(comparison->heap, index, keep_reference, comparison, NULL);
}

// Modules/_functoolsmodule.c, lru_cache_tp_traverse visits what its links have.
static void look_through_links(struct comparison *comparison)
{
    size_t own = comparison->found_count;
    for (size_t i = 0; i < own; i++) {
        mx_addr link = comparison->found[i].to;
        if (strcmp(type_of(comparison, link), LRU_LINK) != 0)
            continue;
        comparison->found[i].hold = 'w'; // the array may move, and this one is dealt with
        find_references(comparison, link);
    }
}

static void count_missing(struct comparison *comparison, const char *name)
{
    size_t own = comparison->found_count;
    for (size_t i = 0; i < own; i++)
        if (strcmp(comparison->found[i].label, ".__dict__") == 0)
            find_references(comparison, comparison->found[i].to);
    for (size_t i = 0; i < comparison->reported_count; i++) {
        mx_addr address = comparison->reported[i].address;
        const char *type = type_of(comparison, address);
        if (comparison->reported[i].found)
            continue;
        for (size_t j = own; j < comparison->found_count; j++)
            if (comparison->found[j].to == address)
                type = OF_ITS_DICT;
        count_group(comparison, "missing", name, type);
    }
}

static void compare_object(struct comparison *comparison, const struct known *known)
{
    read_reported(comparison, known->referents);
    comparison->found_count = 0;
    find_references(comparison, known->address);
    const char *type = type_of(comparison, known->address);
    if (strcmp(type, LRU_CACHE) == 0)
        look_through_links(comparison);
    const char *name = group_of(comparison, known, type);
    for (int order = 0; order < 4; order++)
        match(comparison, known, name, order < 2, order % 2);
    count_missing(comparison, name);
}

static void count_unnamed(struct comparison *comparison)
{
    uint64_t count = mx_heap_summary(comparison->heap)->objects;
    for (uint32_t i = 0; i < count; i++) {
        struct mx_object from;
        comparison->found_count = 0;
        mx_heap_facts(comparison->heap, i, &from, NULL);
        mx_heap_references(comparison->heap, i, keep_reference, comparison, NULL);
        for (size_t j = 0; j < comparison->found_count; j++)
            if (strstr(comparison->found[j].label, "word +0x"))
                count_group(comparison, "unnamed", type_of(comparison, from.address),
                            comparison->found[j].label);
    }
}

int main(int argc, char **argv)
{
    mx_target *target = NULL;
    struct comparison comparison = {0};
    struct mx_error err = {0};
    if (argc != 3 || !hcreate(2 * LIMIT_GROUPS)) {
        fputs("agreement: PID FILE\n", stderr);
        return EXIT_FAILURE;
    }
    mx_status status = mx_target_open(atoi(argv[1]), &target, &err);
    if (!status)
        status = mx_heap_capture(target, NULL, &comparison.heap, &err);
    if (status) {
        fprintf(stderr, "agreement: %s\n", err.message);
        return mx_status_exit_code(status);
    }
    mx_heap_types(comparison.heap, &comparison.types);
    read_known(&comparison, argv[2]);
    for (size_t i = 0; i < comparison.known_count; i++)
        compare_object(&comparison, &comparison.known[i]);
    count_unnamed(&comparison);
    printf("objects\t%zu\nreported\t%" PRIu64 "\nowned\t%" PRIu64 "\n", comparison.known_count,
           comparison.all_reported, comparison.all_owned);
    print_groups(&comparison);
    mx_heap_free(comparison.heap); // the rest goes with the process
    mx_target_free(target);
    return EXIT_SUCCESS;
}
