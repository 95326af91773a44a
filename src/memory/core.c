// core.c - opening a core file, and bytes by address.
#include "memory/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/read_at.h"
#include "base/sorted.h"
#include "memory/core_parts.h"
#include "memory/procfs.h"

#define LIMIT_PIECES 4000000 // as LIMIT_MAPPINGS of maps.c

// ---- files ------------------------------------------------------------------------------------

Elf *core_elf_open(int fd)
{
    Elf64_Ehdr header;
    if (!read_all_at(fd, 0, &header, sizeof header))
        return NULL;
    // Then the number of sections stands in the first section, up to 2^64, and libelf makes room
    // for all of them.
    if (header.e_shoff && !header.e_shnum)
        return NULL;
    elf_version(EV_CURRENT);
    return elf_begin(fd, ELF_C_READ, NULL);
}

static void end_elf(Elf **elf)
{
    elf_end(*elf);
}

static mx_status fail_not_core(const char *name, const uint8_t *magic, struct mx_error *err)
{
    static const struct {
        uint8_t magic[4];
        const char *program;
    } packed[] = {{{0x28, 0xB5, 0x2F, 0xFD}, "zstd -d"},
                  {{0x04, 0x22, 0x4D, 0x18}, "lz4 -d"},
                  {{0xFD, '7', 'z', 'X'}, "xz -d"}};
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        if (memcmp(magic, packed[i].magic, 4) == 0)
            return fail(err, MX_BAD_ARGUMENT, "%s: a compressed file; unpack it with %s", name,
                        packed[i].program);
    return fail(err, MX_BAD_ARGUMENT, "%s: neither a process id nor a core file (not ELF)", name);
}

// Is the file a core that can be read at all?
static mx_status check_header(const struct core *core, struct mx_error *err)
{
    Elf64_Ehdr header = {0};
    size_t got = read_at(core->fd, 0, &header, sizeof header);
    if (got < EI_NIDENT || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return fail_not_core(core->name, header.e_ident, err);
    if (header.e_ident[EI_CLASS] == ELFCLASS32)
        return fail(err, MX_UNSUPPORTED, "%s: a 32-bit ELF file; only 64-bit cores are supported",
                    core->name);
    if (got != sizeof header)
        return fail(err, MX_CORRUPT, "%s: cut off within its header", core->name);
    if (header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64)
        return fail(err, MX_UNSUPPORTED,
                    "%s: ELF file of another machine (%u); only x86-64 is "
                    "supported",
                    core->name, header.e_machine);
    if (header.e_type == ET_EXEC || header.e_type == ET_DYN)
        return fail(err, MX_BAD_ARGUMENT,
                    "%s: a program or library, not a core; a core is written by gcore PID",
                    core->name);
    if (header.e_type != ET_CORE)
        return fail(err, MX_BAD_ARGUMENT, "%s: an ELF file, but not a core", core->name);
    return MX_OK;
}

static mx_status open_file(struct core *core, struct mx_error *err)
{
    struct stat info;
    if (stat(core->name, &info) != 0 ||
        (S_ISREG(info.st_mode) &&
         (core->fd = open(core->name, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0))
        return fail(err,
                    errno == ENOENT || errno == ENOTDIR ? MX_NOT_FOUND
                    : errno == EACCES                   ? MX_PERMISSION
                                                        : MX_IO,
                    "%s: cannot be opened: %s", core->name, strerror(errno));
    if (core->fd < 0 || fstat(core->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fail(err, MX_BAD_ARGUMENT, "%s: not a file", core->name);
    core->nbytes = (uint64_t)info.st_size;
    return MX_OK;
}

// ---- segments ---------------------------------------------------------------------------------

static mx_status add_piece(struct core *core, const GElf_Phdr *segment, struct mx_error *err)
{
    struct core_piece piece = {
        .start = segment->p_vaddr,
        .offset = segment->p_offset,
        .dumped = segment->p_filesz < segment->p_memsz ? segment->p_filesz : segment->p_memsz,
        .readable = segment->p_flags & PF_R,
        .writable = segment->p_flags & PF_W,
        .executable = segment->p_flags & PF_X,
    };
    if (!segment->p_memsz)
        return MX_OK;
    if (__builtin_add_overflow(piece.start, segment->p_memsz, &piece.end))
        return fail(err, MX_CORRUPT, "%s: corrupted: a segment at 0x%llx wraps around", core->name,
                    (unsigned long long)piece.start);
    uint64_t there = piece.offset < core->nbytes ? core->nbytes - piece.offset : 0;
    piece.nbytes = piece.dumped < there ? piece.dumped : there;
    return vector_push(&core->pieces, piece) ? MX_OK : fail_no_memory(err);
}

static int compare_pieces(const void *a, const void *b)
{
    const struct core_piece *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

// Segments that overlap, or share bytes of the core, are nobody's work: the copies of a few
// megabytes that a thousand segments share would fill all memory.
static mx_status check_pieces(const struct core *core, struct mx_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < core->pieces.count; i++) {
        const struct core_piece *piece = &core->pieces.items[i];
        if (i && piece->start < piece[-1].end)
            return fail(err, MX_CORRUPT, "%s: corrupted: segments overlap at 0x%llx", core->name,
                        (unsigned long long)piece->start);
        if (__builtin_add_overflow(total, piece->nbytes, &total) || total > core->nbytes)
            return fail(err, MX_CORRUPT, "%s: corrupted: segments share the same bytes",
                        core->name);
    }
    if (!core->pieces.count)
        return fail(err, MX_CORRUPT, "%s: no memory in this core: corrupted, or cut off",
                    core->name);
    return MX_OK;
}

static mx_status read_segments(struct core *core, struct mx_error *err)
{
    cleanup(end_elf) Elf *elf = core_elf_open(core->fd);
    size_t count;
    if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count) != 0)
        return fail(err, MX_CORRUPT, "%s: corrupted: its ELF header makes no sense", core->name);
    if (count > LIMIT_PIECES)
        return fail(err, MX_LIMIT, "%s: more than %d segments", core->name, LIMIT_PIECES);
    mx_status status = MX_OK;
    for (size_t i = 0; i < count && !status; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment))
            return fail(err, MX_CORRUPT, "%s: cut off within its table of segments", core->name);
        if (segment.p_type == PT_LOAD)
            status = add_piece(core, &segment, err);
        else if (segment.p_type == PT_NOTE)
            status = core_notes_read(core, elf, &segment, err);
    }
    if (status)
        return status;
    if (core->pieces.count)
        qsort(core->pieces.items, core->pieces.count, sizeof *core->pieces.items, compare_pieces);
    return check_pieces(core, err);
}

size_t core_piece_after(const struct core *core, mx_addr addr)
{
    const struct core_piece *pieces = core->pieces.items;
    size_t after = sorted_upto(pieces, core->pieces.count, addr);
    return after && addr < pieces[after - 1].end ? after - 1 : after;
}

const struct core_piece *core_piece_find(const struct core *core, mx_addr addr)
{
    size_t index = core_piece_after(core, addr);
    if (index == core->pieces.count || core->pieces.items[index].start > addr)
        return NULL;
    return &core->pieces.items[index];
}

// ---- bytes ------------------------------------------------------------------------------------

enum core_origin core_origin(const struct core *core, size_t index, mx_addr addr,
                             uint64_t *ret_nbytes)
{
    const struct core_piece *piece = core_piece_find(core, addr);
    size_t file = core->map_files[index];
    uint64_t offset = piece ? addr - piece->start : 0;
    *ret_nbytes = core->maps.items[index].end - addr;
    if (piece && offset < piece->dumped) {
        *ret_nbytes = (offset < piece->nbytes ? piece->nbytes : piece->dumped) - offset;
        return offset < piece->nbytes ? CORE_DUMPED : CORE_LOST;
    }
    if (file == SIZE_MAX || core->files.items[file].state != CORE_FILE_FITS)
        return CORE_NOWHERE;
    return CORE_IN_FILE;
}

size_t core_fetch(void *data, mx_addr addr, void *buffer, size_t nbytes)
{
    const struct core *core = data;
    size_t done = 0;
    while (done < nbytes) {
        mx_addr at = addr + done;
        const struct mapping *mapping = maps_find(&core->maps, at);
        if (!mapping)
            break;
        uint64_t wanted, got = 0;
        size_t index = (size_t)(mapping - core->maps.items);
        enum core_origin origin = core_origin(core, index, at, &wanted);
        if (wanted > nbytes - done)
            wanted = nbytes - done;
        if (origin == CORE_DUMPED) {
            const struct core_piece *piece = core_piece_find(core, at);
            got = read_at(core->fd, piece->offset + (at - piece->start), (uint8_t *)buffer + done,
                          wanted);
        } else if (origin == CORE_IN_FILE) {
            got = read_at(core->files.items[core->map_files[index]].fd,
                          mapping->file_offset + (at - mapping->start), (uint8_t *)buffer + done,
                          wanted);
        }
        done += got;
        if (!got || got < wanted)
            break;
    }
    return done;
}

// ---- the whole --------------------------------------------------------------------------------

static void core_free(struct core **held)
{
    struct core *core = *held;
    if (!core)
        return;
    core_files_close(core);
    maps_free(&core->maps);
    free(core->map_files);
    vector_free(&core->pieces);
    vector_free(&core->mappings);
    vector_free(&core->threads);
    close_fd(&core->fd);
    free(core->name);
    free(core);
}

mx_status core_open(const char *path, const char *exe, struct core **ret, struct mx_error *err)
{
    cleanup(core_free) struct core *core = calloc(1, sizeof *core);
    if (!core)
        return fail_no_memory(err);
    core->holders = 1;
    core->fd = -1;
    if (!(core->name = strdup(path)))
        return fail_no_memory(err);
    bool exe_fits = false;
    mx_status status = open_file(core, err);
    if (!status)
        status = check_header(core, err);
    if (!status)
        status = read_segments(core, err);
    if (!status)
        status = core_files_open(core, exe, &exe_fits, err);
    if (!status && exe && !exe_fits)
        status = fail(err, MX_BAD_ARGUMENT,
                      "%s: its build-id is that of no file that was mapped in %s", exe, path);
    if (!status)
        status = core_make_maps(core, err);
    if (status)
        return status;
    *ret = steal(core);
    return MX_OK;
}

struct core *core_hold(struct core *core)
{
    atomic_fetch_add(&core->holders, 1);
    return core;
}

void core_release(struct core *core)
{
    if (core && atomic_fetch_sub(&core->holders, 1) == 1)
        core_free(&core);
}

void core_describe(const struct core *core, struct mx_process *ret)
{
    *ret = (struct mx_process){.pid = core->pid};
    const struct core_mapping *program = core_mapping_find(core, core->entry);
    if (!program && core->mappings.count)
        program = &core->mappings.items[0];
    const char *path = program ? core->files.items[program->file].path : "";
    user_name(core->uid, ret->user, sizeof ret->user);
    escape_text(core->arguments, strlen(core->arguments), ret->cmdline, sizeof ret->cmdline);
    escape_text(path, strlen(path), ret->executable, sizeof ret->executable);
    for (size_t i = 0; i < core->pieces.count; i++)
        ret->rss_bytes += core->pieces.items[i].nbytes;
}
