// core_files.c - the files that were mapped: is what stands there now the same file?
//
// The first page of a program or library is in the core, with its build-id. A file fits when its
// build-id is that one, or, where neither has one, when its first page is the same. patchelf moves the
// build-id to a page that is not in the core, and the dynamic section, which the loader writes to, into
// the first: then the headers have to be the same, with the places and sizes of all segments.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/read_at.h"
#include "memory/core_parts.h"
#include "memory/procfs.h"

#define LIMIT_BUILD_ID 64        // bytes; 20 of SHA-1 are usual
#define LIMIT_NOTE (1u << 16)    // bytes of a note segment of a library
#define LIMIT_SEGMENTS 512       // as in elf_symbols.c
#define LIMIT_OPENED 10000       // mapped files: each that fits costs a file descriptor
#define LIMIT_PREFIX (64u << 10) // bytes of a file in which its build-id is looked for

struct identity {
    uint8_t build_id[LIMIT_BUILD_ID];
    size_t nbytes; // 0: it has none
    uint8_t first_page[PAGE_NBYTES];
    size_t page_nbytes;
};

static void end_elf(Elf **elf)
{
    elf_end(*elf);
}

static bool find_build_id(Elf_Data *data, struct identity *identity)
{
    GElf_Nhdr note;
    size_t at = 0, name, contents;
    while (data && (at = gelf_getnote(data, at, &note, &name, &contents)) > 0) {
        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
            memcmp((const char *)data->d_buf + name, "GNU", 4) != 0 || !note.n_descsz ||
            note.n_descsz > LIMIT_BUILD_ID)
            continue;
        memcpy(identity->build_id, (const uint8_t *)data->d_buf + contents, note.n_descsz);
        identity->nbytes = note.n_descsz;
        return true;
    }
    return false;
}

static void read_identity(Elf *elf, struct identity *identity)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0 || count > LIMIT_SEGMENTS)
        return;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_NOTE ||
            segment.p_filesz > LIMIT_NOTE)
            continue;
        Elf_Type type = segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
        if (find_build_id(
                elf_getdata_rawchunk(elf, (int64_t)segment.p_offset, segment.p_filesz, type),
                identity))
            return;
    }
}

// Out of the core alone. false when it has no ELF header of the file.
static bool identity_in_core(const struct core *core, mx_addr start, struct identity *ret)
{
    const struct core_piece *piece = core_piece_find(core, start);
    *ret = (struct identity){0};
    if (!piece || start - piece->start >= piece->nbytes)
        return false;
    uint64_t nbytes = piece->nbytes - (start - piece->start);
    if (nbytes > LIMIT_PREFIX)
        nbytes = LIMIT_PREFIX;
    cleanup(free_pointer) char *prefix = malloc(LIMIT_PREFIX);
    Elf64_Ehdr *header = (Elf64_Ehdr *)prefix;
    if (!prefix || !read_all_at(core->fd, piece->offset + (start - piece->start), prefix, nbytes) ||
        nbytes < sizeof *header || memcmp(prefix, ELFMAG, SELFMAG) != 0)
        return false;
    ret->page_nbytes = nbytes < PAGE_NBYTES ? nbytes : PAGE_NBYTES;
    memcpy(ret->first_page, prefix, ret->page_nbytes);
    header->e_shoff = 0; // sections are not in memory
    header->e_shnum = header->e_shstrndx = 0;
    elf_version(EV_CURRENT);
    cleanup(end_elf) Elf *elf = elf_memory(prefix, nbytes);
    if (elf && elf_kind(elf) == ELF_K_ELF)
        read_identity(elf, ret);
    return true;
}

static bool same_headers(const struct identity *wanted, int fd)
{
    Elf64_Ehdr header;
    uint8_t page[PAGE_NBYTES];
    if (wanted->page_nbytes < sizeof header || !read_all_at(fd, 0, page, wanted->page_nbytes))
        return false;
    memcpy(&header, page, sizeof header);
    uint64_t nbytes = sizeof header + (uint64_t)header.e_phnum * sizeof(Elf64_Phdr);
    return header.e_phoff == sizeof header && nbytes <= wanted->page_nbytes &&
           memcmp(wanted->first_page, page, nbytes) == 0;
}

static bool identity_fits(const struct identity *wanted, Elf *elf, int fd)
{
    struct identity found = {0};
    read_identity(elf, &found);
    if (wanted->nbytes)
        return wanted->nbytes == found.nbytes &&
               memcmp(wanted->build_id, found.build_id, found.nbytes) == 0;
    if (found.nbytes)
        return same_headers(wanted, fd);
    found.page_nbytes = read_at(fd, 0, found.first_page, wanted->page_nbytes);
    return found.page_nbytes == wanted->page_nbytes &&
           memcmp(wanted->first_page, found.first_page, found.page_nbytes) == 0;
}

static bool keep_segments(struct core_file *file, Elf *elf)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count) != 0 || !count || count > LIMIT_SEGMENTS ||
        !(file->segments = calloc(count, sizeof *file->segments)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (gelf_getphdr(elf, (int)i, &file->segments[file->segment_count]))
            file->segment_count++;
    return true;
}

// Opens `path` for the file when it fits. A core may name anything: what is not an ordinary file is
// not opened, for opening alone can have an effect on a device.
static enum core_file_state try_path(struct core_file *file, const char *path,
                                     const struct identity *wanted)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return CORE_FILE_ABSENT;
    cleanup(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return CORE_FILE_ABSENT;
    cleanup(end_elf) Elf *elf = core_elf_open(fd);
    if (!elf || elf_kind(elf) != ELF_K_ELF || !identity_fits(wanted, elf, fd) ||
        !keep_segments(file, elf))
        return CORE_FILE_OTHER;
    file->fd = fd;
    fd = -1;
    return CORE_FILE_FITS;
}

static bool is_kernel_path(const char *path)
{
    return path[0] != '/' || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 ||
           strncmp(path, "/sys/", 5) == 0;
}

// Under its own name, else as `exe`, which has to be one of them.
static void open_one(struct core_file *file, const struct identity *wanted, const char *exe,
                     bool *ret_exe_fits)
{
    file->state =
        is_kernel_path(file->path) ? CORE_FILE_ABSENT : try_path(file, file->path, wanted);
    struct core_file named = {.fd = -1};
    if (!exe || *ret_exe_fits || try_path(&named, exe, wanted) != CORE_FILE_FITS)
        return;
    *ret_exe_fits = true;
    if (file->state == CORE_FILE_FITS) {
        close_fd(&named.fd);
        free(named.segments);
        return;
    }
    file->state = CORE_FILE_FITS;
    file->fd = named.fd;
    file->segments = named.segments;
    file->segment_count = named.segment_count;
}

mx_status core_files_open(struct core *core, const char *exe, bool *ret_exe_fits,
                          struct mx_error *err)
{
    size_t opened = 0;
    *ret_exe_fits = false;
    for (size_t i = 0; i < core->files.count; i++)
        core->files.items[i].state = CORE_FILE_UNKNOWN;
    for (size_t i = 0; i < core->mappings.count; i++) {
        const struct core_mapping *mapping = &core->mappings.items[i];
        struct core_file *file = &core->files.items[mapping->file];
        struct identity wanted;
        if (mapping->offset || file->state != CORE_FILE_UNKNOWN ||
            !identity_in_core(core, mapping->start, &wanted))
            continue;
        if (++opened > LIMIT_OPENED)
            return fail(err, MX_LIMIT, "%s: more than %d programs and libraries", core->name,
                        LIMIT_OPENED);
        open_one(file, &wanted, exe, ret_exe_fits);
    }
    return MX_OK;
}

void core_files_close(struct core *core)
{
    for (size_t i = 0; i < core->files.count; i++) {
        close_fd(&core->files.items[i].fd);
        free(core->files.items[i].segments);
        free(core->files.items[i].path);
    }
    vector_free(&core->files);
}

unsigned core_file_flags(const struct core_file *file, uint64_t offset)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const GElf_Phdr *segment = &file->segments[i];
        uint64_t start = segment->p_offset & ~(uint64_t)(PAGE_NBYTES - 1), end;
        if (segment->p_type == PT_LOAD && offset >= start &&
            !__builtin_add_overflow(segment->p_offset, segment->p_filesz, &end) && offset < end)
            return segment->p_flags;
    }
    return PF_R;
}

int core_file_open(const struct core *core, mx_addr addr)
{
    const struct core_mapping *mapping = core_mapping_find(core, addr);
    const struct core_file *file = mapping ? &core->files.items[mapping->file] : NULL;
    return file && file->state == CORE_FILE_FITS ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

bool core_missing_file(const struct core *core, char *buffer, size_t size)
{
    for (size_t i = 0; i < core->files.count; i++) {
        const struct core_file *file = &core->files.items[i];
        if (file->state != CORE_FILE_ABSENT && file->state != CORE_FILE_OTHER)
            continue;
        char path[256];
        escape_text(file->path, strlen(file->path), path, sizeof path);
        snprintf(buffer, size,
                 file->state == CORE_FILE_ABSENT
                     ? "%s, which is not in the core, is not there; name a copy of it with --exe"
                     : "%s, which is not in the core, is of another build (build-id); name the "
                       "right one with --exe",
                 path);
        return true;
    }
    return false;
}
