// runtime.c - from the mapped files of a process to a CPython version and its layout.
#include "heap/runtime.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/debug_offsets.h"
#include "heap/mimalloc.h"
#include "heap/runtime_scan.h"
#include "memory/elf_symbols.h"

#define LIMIT_FILES 2000 // mapped files looked at in one process

struct candidate {
    mx_addr runtime, type_type, version;
    bool debug; // the executable or library was made with --with-pydebug
};

static bool candidate_read(struct memory *memory, mx_addr base, struct candidate *ret)
{
    struct elf_image image;
    *ret = (struct candidate){0};
    if (elf_image_open(memory, base, &image, NULL) != MX_OK ||
        !elf_image_symbol(memory, &image, "PyType_Type", &ret->type_type, NULL))
        return false;
    elf_image_symbol(memory, &image, "_PyRuntime", &ret->runtime, NULL);
    elf_image_symbol(memory, &image, "Py_Version", &ret->version, NULL);
    // Include/object.h, Include/refcount.h: exported where Py_REF_DEBUG is defined, in 3.8 to 3.15.
    mx_addr negative_refcount;
    ret->debug = elf_image_symbol(memory, &image, "_Py_NegativeRefcount", &negative_refcount, NULL);
    return true;
}

// sys.gettotalrefcount is there where Py_REF_DEBUG was defined (Python/sysmodule.c).
static bool counts_all_references(struct memory *memory, const struct runtime *found,
                                  const struct candidate *candidate)
{
    struct decoder decoder;
    const struct layout *layout = found->layout;
    decoder_init(&decoder, memory, layout, candidate->type_type);
    mx_addr interp = field_at(&decoder, candidate->runtime, layout->runtime_interpreters_main);
    mx_addr sys = field_at(&decoder, interp, layout->interp_sysdict);
    bool counts = dict_get(&decoder, sys, "gettotalrefcount") != 0;
    decoder_fini(&decoder);
    return counts;
}

// The interpreter's list, its first thread and the modules are where this layout says.
static bool layout_fits(struct memory *memory, const struct layout *layout,
                        const struct candidate *candidate, uint32_t *ret_hex)
{
    struct decoder decoder;
    struct header header;
    bool fits = false;
    decoder_init(&decoder, memory, layout, candidate->type_type);
    mx_addr interp = field_at(&decoder, candidate->runtime, layout->runtime_interpreters_main);
    mx_addr thread = field_at(&decoder, interp, layout->interp_threads_head);
    mx_addr sys = field_at(&decoder, interp, layout->interp_sysdict);
    if (interp && thread && field_at(&decoder, thread, layout->tstate_interp) == interp &&
        object_header(&decoder, sys, &header) &&
        decoder.types[header.type]->family == FAMILY_DICT) {
        mx_addr hex = dict_get(&decoder, sys, "hexversion");
        *ret_hex = hex ? field32_at(&decoder, hex, layout->long_digits) : 0;
        fits = *ret_hex >> 24 == 3; // one digit of 30 bits holds any 3.x
    }
    decoder_fini(&decoder);
    return fits;
}

static void version_text(uint32_t hex, char *buffer, size_t nbytes)
{
    unsigned level = hex >> 4 & 15, serial = hex & 15;
    int used = snprintf(buffer, nbytes, "%u.%u.%u", hex >> 24, hex >> 16 & 255, hex >> 8 & 255);
    if (level != 15 && used > 0 && (size_t)used < nbytes) // sys.version_info.releaselevel
        snprintf(buffer + used, nbytes - (size_t)used, "%s%u",
                 level == 10   ? "a"
                 : level == 11 ? "b"
                               : "rc",
                 serial);
}

// The youngest generation's list begins and ends where this layout says. Not so while a collection
// runs, so that a layout may be right without it. Free-threaded builds have no lists: there a thread's
// heaps are where the layout says.
static bool collector_fits(struct memory *memory, const struct layout *layout, mx_addr runtime)
{
    uint64_t interp = 0, next = 0, back = 0, thread = 0;
    if (!memory_u64(memory, runtime + (uint64_t)layout->runtime_interpreters_main, &interp))
        return false;
    if (layout->gc_shape == GC_WITHOUT_LISTS)
        return memory_u64(memory, interp + (uint64_t)layout->interp_threads_head, &thread) &&
               mimalloc_fits(memory, layout, thread);
    mx_addr head = interp + (uint64_t)(layout->interp_gc + layout->gc_generations);
    return memory_u64(memory, head, &next) && memory_u64(memory, (next & ~3ull) + 8, &back) &&
           (back & ~3ull) == head;
}

// The tables for a version, the most likely first: fewest numbers to change, then nearest version.
struct choice {
    const struct layout *table;
    int differences;
};
#define LIMIT_CHOICES 16 // tables of one minor version

static uint32_t distance(const struct choice *choice, uint32_t hex)
{
    uint32_t own = choice->table->version_hex;
    return own <= hex ? hex - own : own - hex + 1;
}

static size_t rank_tables(struct memory *memory, mx_addr runtime, const struct runtime *told,
                          struct choice choices[LIMIT_CHOICES])
{
    const struct layout *newest = NULL;
    uint32_t hex = told->version_hex;
    size_t count = 0;
    for (size_t i = 0; i < layout_count(); i++)
        if (layout_at(i)->free_threaded == told->free_threaded &&
            layout_at(i)->debug == told->debug)
            newest = layout_at(i);
    bool unknown = newest && hex >> 16 > newest->version_hex >> 16;
    for (size_t i = 0; i < layout_count() && count < LIMIT_CHOICES; i++) {
        struct choice choice = {layout_at(i), 0};
        if (choice.table->free_threaded != told->free_threaded ||
            choice.table->debug != told->debug ||
            (unknown ? choice.table != newest : choice.table->version_hex >> 16 != hex >> 16))
            continue;
        choice.differences = debug_offsets_differences(memory, runtime, choice.table);
        if (choice.differences < 0)
            continue;
        size_t at = count++;
        for (; at > 0 && (choices[at - 1].differences > choice.differences ||
                          (choices[at - 1].differences == choice.differences &&
                           distance(&choices[at - 1], hex) > distance(&choice, hex)));
             at--)
            choices[at] = choices[at - 1];
        choices[at] = choice;
    }
    return count;
}

// From 3.13 on: the tables' numbers, and over them those that the target tells.
static bool choose_told_layout(struct memory *memory, const struct candidate *candidate,
                               struct runtime *ret)
{
    struct choice choices[LIMIT_CHOICES];
    uint32_t hex = 0;
    size_t count = rank_tables(memory, candidate->runtime, ret, choices);
    if (!count) { // its kind of build has no table: members may be elsewhere that it does not tell of
        struct runtime other = *ret;
        other.debug = !ret->debug;
        count = rank_tables(memory, candidate->runtime, &other, choices);
    }
    for (size_t i = 0; i < 2 * count; i++) { // twice: the second time a collection may be running
        const struct choice *choice = &choices[i % count];
        const struct layout *layout =
            debug_offsets_apply(memory, candidate->runtime, choice->table);
        if (!layout || (i < count && !collector_fits(memory, layout, candidate->runtime)) ||
            !layout_fits(memory, layout, candidate, &hex) || hex != ret->version_hex)
            continue;
        ret->layout = layout;
        ret->verified = choice->differences == 0 && choice->table->debug == ret->debug &&
                        choice->table->version_hex >> 16 == hex >> 16;
        return true;
    }
    return false;
}

static bool choose_layout(struct memory *memory, const struct candidate *candidate,
                          struct runtime *ret)
{
    struct debug_offsets told;
    uint64_t published = 0;
    uint32_t hex = 0;
    ret->debug = candidate->debug;
    if (debug_offsets_read(memory, candidate->runtime, &told)) {
        ret->version_hex = told.version_hex;
        ret->free_threaded = told.free_threaded;
        return choose_told_layout(memory, candidate, ret);
    }
    if (candidate->version && memory_u64(memory, candidate->version, &published) &&
        published >> 32 == 0)
        ret->version_hex = (uint32_t)published; // 3.11 on
    for (size_t i = 0; i < layout_count(); i++) {
        const struct layout *layout = layout_at(i);
        uint32_t known_hex = published ? ret->version_hex : layout->version_hex;
        if (layout_for(known_hex, false, candidate->debug) != layout)
            continue;
        if (!layout_fits(memory, layout, candidate, &hex) || hex >> 16 != layout->version_hex >> 16)
            continue;
        ret->layout = layout_for(hex, false, candidate->debug);
        ret->version_hex = hex;
        ret->verified = true;
        return ret->layout != NULL;
    }
    return false;
}

// ---- finding ----------------------------------------------------------------------------------

struct search {
    struct memory *memory;
    const struct maps *maps;
    const char *executable;
    bool thorough;
    int pid;
    bool without_layout;  // one that is not initialised, or that no table fits
    bool without_runtime; // one that does not tell where its state is
    bool traced;          // one with Py_TRACE_REFS
    struct runtime *ret;  // the first that was found
};

static bool names_python(const char *path)
{
    const char *name = strrchr(path, '/');
    return strstr(name ? name + 1 : path, "python") != NULL;
}

// "3.7" out of "/usr/lib/libpython3.7m.so.1.0"; "" when the path does not tell.
static void version_in_path(const char *path, char buffer[16])
{
    const char *at = strstr(path, "python");
    buffer[0] = '\0';
    while (at && !(at[6] >= '2' && at[6] <= '4' && at[7] == '.'))
        at = strstr(at + 1, "python");
    if (at)
        snprintf(buffer, 16, "%.*s", (int)(2 + strspn(at + 8, "0123456789")), at + 6);
}

static mx_status fail_unsupported(int pid, const char *implementation, const char *version,
                                  struct mx_error *err)
{
    return fail(err, MX_UNSUPPORTED, "pid %d: %s%s%s is not supported; " SUPPORTED_VERSIONS " are",
                pid, implementation, *version ? " " : "", version);
}

static mx_status fail_unknown(const struct search *search, struct mx_error *err)
{
    char version[32] = "";
    int pid = search->pid;
    if (search->ret->version_hex)
        version_text(search->ret->version_hex, version, sizeof version);
    for (size_t i = 0; i < search->maps->count && !*version; i++)
        version_in_path(search->maps->items[i].path, version);
    if (search->traced)
        return fail(
            err, MX_UNSUPPORTED,
            "pid %d: CPython %s configured with --with-trace-refs is not supported: it has two "
            "more words in front of every object",
            pid, version);
    int minor = *version == '3' && version[1] == '.' ? (int)strtol(version + 2, NULL, 10) : -1;
    if (minor >= 8 && minor <= 15)
        return fail(err, MX_NOT_PYTHON,
                    "pid %d: its CPython %s is not initialized (starting up or shutting down); try "
                    "again",
                    pid, version);
    return fail_unsupported(pid, "CPython", version, err);
}

static void runtime_take(struct search *search, const struct candidate *candidate, const char *path,
                         struct runtime *found)
{
    if (search->ret->layout) {
        search->ret->others++;
        return;
    }
    found->addr = candidate->runtime;
    found->type_type = candidate->type_type;
    version_text(found->version_hex, found->python, sizeof found->python);
    snprintf(found->file, sizeof found->file, "%s", path);
    *search->ret = *found;
}

// Include/object.h to 3.12, _PyObject_HEAD_EXTRA; free-threaded builds, whose headers have the same
// size, publish what they are.
static bool has_traced_headers(struct memory *memory, const struct candidate *candidate)
{
    struct debug_offsets told;
    uint64_t type = 0;
    return !debug_offsets_read(memory, candidate->runtime, &told) &&
           memory_u64(memory, candidate->type_type + 24, &type) && type == candidate->type_type;
}

static void look_at_file(struct search *search, const struct mapping *mapping)
{
    struct candidate candidate;
    struct runtime found = {0};
    if (!candidate_read(search->memory, mapping->start, &candidate))
        return;
    if (!candidate.runtime) { // to 3.6, or it is not exported
        search->without_runtime = true;
        return;
    }
    if (choose_layout(search->memory, &candidate, &found)) {
        runtime_take(search, &candidate, mapping->path, &found);
        return;
    }
    search->without_layout = true;
    search->traced |= has_traced_headers(search->memory, &candidate);
    if (!search->ret->layout)
        search->ret->version_hex = found.version_hex;
}

// Where no symbol says that it was made for debugging, sys.gettotalrefcount does.
static bool look_at_data(void *data, mx_addr runtime, mx_addr type_type, const char *path)
{
    struct search *search = data;
    struct candidate candidate = {.runtime = runtime, .type_type = type_type};
    for (int debug = 0; debug < 2; debug++) {
        struct runtime found = {0};
        candidate.debug = debug;
        if (choose_layout(search->memory, &candidate, &found) &&
            counts_all_references(search->memory, &found, &candidate) == candidate.debug) {
            runtime_take(search, &candidate, path, &found);
            return true;
        }
    }
    return false;
}

static bool is_worth_a_look(const struct search *search, const struct mapping *mapping)
{
    return mapping->file_offset == 0 && mapping->readable && mapping->path[0] &&
           mapping->path[0] != '[' &&
           (search->thorough || names_python(mapping->path) ||
            strcmp(mapping->path, search->executable) == 0);
}

mx_status runtime_find(struct memory *memory, const struct maps *maps, int pid,
                       const char *executable, bool thorough, struct runtime *ret,
                       struct mx_error *err)
{
    struct search search = {.memory = memory,
                            .maps = maps,
                            .executable = executable,
                            .thorough = thorough,
                            .pid = pid,
                            .ret = ret};
    const char *slash = strrchr(executable, '/'), *name = slash ? slash + 1 : executable;
    int files = 0;
    *ret = (struct runtime){0};
    for (size_t i = 0; i < maps->count && files < LIMIT_FILES; i++) {
        if (strstr(maps->items[i].path, "libpypy"))
            return fail_unsupported(pid, "PyPy", "", err);
        if (!is_worth_a_look(&search, &maps->items[i]))
            continue;
        files++;
        look_at_file(&search, &maps->items[i]);
        if (ret->layout && !thorough)
            return MX_OK;
    }
    if (!ret->layout && thorough && !search.without_layout)
        runtime_scan(memory, maps, look_at_data, &search);
    if (ret->layout)
        return MX_OK;
    if (strncmp(name, "pypy", 4) == 0)
        return fail_unsupported(pid, "PyPy", "", err);
    if (search.without_layout || search.without_runtime)
        return fail_unknown(&search, err);
    return fail(err, MX_NOT_PYTHON, "pid %d: %s is not a Python process; memexplorer ps lists them",
                pid, name);
}

void runtime_probe_allocator(const struct runtime *runtime, struct decoder *decoder,
                             struct allocator *allocator)
{
    const struct layout *l = runtime->layout;
    mx_addr interp = field_at(decoder, runtime->addr, l->runtime_interpreters_main);
    mx_addr modules = field_at(decoder, interp, l->interp_modules);
    mx_addr block = modules - (l->gc_shape == GC_WITHOUT_LISTS ? 0 : (uint64_t)l->gc_head_size);
    allocator_probe(allocator, l, block, field_at(decoder, modules, l->dict_keys));
}
