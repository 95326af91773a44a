// core_maps.c - what was mapped where in a core: its segments, with the names of NT_FILE.
//
// A part of a mapped file that has no segment (gcore leaves out code and constants) is a mapping too.
#include <stdlib.h>

#include "base/error.h"
#include "base/sorted.h"
#include "memory/core_parts.h"

const struct core_mapping *core_mapping_find(const struct core *core, mx_addr addr)
{
    const struct core_mapping *mappings = core->mappings.items;
    size_t after = sorted_upto(mappings, core->mappings.count, addr);
    return after && addr < mappings[after - 1].end ? &mappings[after - 1] : NULL;
}

// Cores do not tell shared mappings from private ones; these are never anything else.
static bool is_shared(const char *path)
{
    static const char *const prefixes[] = {"/dev/", "/memfd:", "/SYSV"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static mx_status push_map(struct core *core, struct mapping mapping,
                          const struct core_mapping *named, struct mx_error *err)
{
    const struct core_file *file = named ? &core->files.items[named->file] : NULL;
    if (named) {
        mapping.file_offset = named->offset + (mapping.start - named->start);
        mapping.inode = named->file + 1;
        mapping.deleted = file->deleted;
        mapping.shared = is_shared(file->path);
    }
    mapping.path = strdup(file ? file->path : "");
    if (mapping.path && vector_push(&core->maps, mapping))
        return MX_OK;
    free(mapping.path);
    return fail_no_memory(err);
}

// A part of a mapped file that has no segment: gcore leaves out code and constants.
static mx_status push_omitted(struct core *core, const struct core_mapping *named, mx_addr start,
                              mx_addr end, struct mx_error *err)
{
    unsigned flags =
        core_file_flags(&core->files.items[named->file], named->offset + (start - named->start));
    struct mapping mapping = {.start = start,
                              .end = end,
                              .readable = true,
                              .writable = flags & PF_W,
                              .executable = flags & PF_X};
    return push_map(core, mapping, named, err);
}

static int compare_maps(const void *a, const void *b)
{
    const struct mapping *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

mx_status core_make_maps(struct core *core, struct mx_error *err)
{
    mx_status status = MX_OK;
    for (size_t i = 0; i < core->pieces.count && !status; i++) {
        const struct core_piece *piece = &core->pieces.items[i];
        struct mapping mapping = {.start = piece->start,
                                  .end = piece->end,
                                  .readable = piece->readable,
                                  .writable = piece->writable,
                                  .executable = piece->executable};
        status = push_map(core, mapping, core_mapping_find(core, piece->start), err);
    }
    for (size_t i = 0; i < core->mappings.count && !status; i++) {
        const struct core_mapping *named = &core->mappings.items[i];
        mx_addr at = named->start;
        for (size_t k = core_piece_after(core, at); at < named->end && !status; k++) {
            bool cut = k < core->pieces.count && core->pieces.items[k].start < named->end;
            mx_addr until = cut ? core->pieces.items[k].start : named->end;
            if (at < until)
                status = push_omitted(core, named, at, until, err);
            at = cut ? core->pieces.items[k].end : named->end;
        }
    }
    if (status)
        return status;
    qsort(core->maps.items, core->maps.count, sizeof *core->maps.items, compare_maps);
    core->map_files = calloc(core->maps.count, sizeof *core->map_files);
    if (!core->map_files)
        return fail_no_memory(err);
    for (size_t i = 0; i < core->maps.count; i++)
        core->map_files[i] = core->maps.items[i].inode ? core->maps.items[i].inode - 1 : SIZE_MAX;
    return MX_OK;
}

mx_status core_maps(const struct core *core, struct maps *ret, struct mx_error *err)
{
    struct maps maps = {0};
    if (!vector_reserve(&maps, core->maps.count))
        return fail_no_memory(err);
    for (; maps.count < core->maps.count; maps.count++) {
        maps.items[maps.count] = core->maps.items[maps.count];
        if (!(maps.items[maps.count].path = strdup(core->maps.items[maps.count].path))) {
            maps_free(&maps);
            return fail_no_memory(err);
        }
    }
    *ret = maps;
    return MX_OK;
}
