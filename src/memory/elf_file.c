// elf_file.c - the file that a process has mapped, when what stands on disk still is that one.
//
// Opened through /proc/PID/map_files, which needs rights of its own, else through /proc/PID/root, else
// by its plain name (the process is gone). Which one it was does not matter: its build-id has to be
// the one in the copied memory.
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "memory/core.h"
#include "memory/elf_variables.h"

#define PAGE_NBYTES 4096u
#define LIMIT_HEADERS 512     // as in elf_symbols.c
#define LIMIT_NOTE (1u << 16) // as in core_files.c
#define LIMIT_BUILD_ID 64

// The bytes that tell a file from every other.
struct identity {
    uint8_t bytes[PAGE_NBYTES];
    size_t nbytes; // 0: it has no ELF header
    bool build_id; // else the first page
};

// Where the bytes of a file come from: its mapping in the target, or the file itself.
struct source {
    struct memory *memory;
    mx_addr base;
    int fd;
};

// nbytes of what stands at `offset` in the file, and `addr` in its own addresses.
static bool source_read(const struct source *source, uint64_t offset, uint64_t addr, void *buffer,
                        size_t nbytes)
{
    if (!source->memory)
        return offset <= INT64_MAX &&
               pread(source->fd, buffer, nbytes, (off_t)offset) == (ssize_t)nbytes;
    const uint8_t *bytes = memory_at(source->memory, source->base + addr, nbytes);
    if (bytes)
        memcpy(buffer, bytes, nbytes);
    return bytes != NULL;
}

static bool note_find(const uint8_t *notes, size_t nbytes, size_t align, struct identity *ret)
{
    size_t at = 0;
    while (nbytes - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        size_t contents = name + ((note.n_namesz + align - 1) & ~(align - 1));
        size_t next = contents + ((note.n_descsz + align - 1) & ~(align - 1));
        if (note.n_namesz > nbytes || note.n_descsz > nbytes || contents + note.n_descsz > nbytes)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz &&
            note.n_descsz <= LIMIT_BUILD_ID && memcmp(notes + name, "GNU", 4) == 0) {
            memcpy(ret->bytes, notes + contents, note.n_descsz);
            ret->nbytes = note.n_descsz;
            return ret->build_id = true;
        }
        if (next > nbytes)
            return false;
        at = next;
    }
    return false;
}

static bool build_id_read(const struct source *source, const Elf64_Ehdr *header,
                          struct identity *ret)
{
    uint64_t first = UINT64_MAX; // the lowest address of the file's own
    for (unsigned i = 0; i < header->e_phnum && i < LIMIT_HEADERS; i++) {
        Elf64_Phdr segment;
        uint8_t notes[LIMIT_NOTE];
        uint64_t place = header->e_phoff + i * sizeof segment;
        if (!source_read(source, place, place, &segment, sizeof segment))
            return false;
        if (segment.p_type == PT_LOAD && first == UINT64_MAX)
            first = segment.p_vaddr & ~(uint64_t)(PAGE_NBYTES - 1);
        if (segment.p_type != PT_NOTE || segment.p_filesz > sizeof notes)
            continue;
        // PT_LOAD may stand behind PT_NOTE, but the first of them always begins at the header.
        uint64_t addr = first == UINT64_MAX ? segment.p_offset : segment.p_vaddr - first;
        if (source_read(source, segment.p_offset, addr, notes, segment.p_filesz) &&
            note_find(notes, segment.p_filesz, segment.p_align == 8 ? 8 : 4, ret))
            return true;
    }
    return false;
}

static void identity_read(const struct source *source, struct identity *ret)
{
    Elf64_Ehdr header;
    *ret = (struct identity){.nbytes = 0};
    if (!source_read(source, 0, 0, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr) ||
        build_id_read(source, &header, ret))
        return;
    if (source_read(source, 0, 0, ret->bytes, PAGE_NBYTES))
        ret->nbytes = PAGE_NBYTES;
}

static int open_fitting(const char *path, const struct identity *wanted)
{
    struct stat info;
    struct identity found;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return -1; // opening alone can have an effect on a device
    cleanup(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    identity_read(&(struct source){.fd = fd}, &found);
    if (!found.nbytes || found.build_id != wanted->build_id || found.nbytes != wanted->nbytes ||
        memcmp(found.bytes, wanted->bytes, found.nbytes) != 0)
        return -1;
    int kept = fd;
    fd = -1;
    return kept;
}

int elf_mapped_file(struct image *image, struct memory *memory, const struct mapping *mapping)
{
    struct identity wanted;
    char path[PATH_MAX + 64];
    if (image->core)
        return core_file_open(image->core, mapping->start);
    identity_read(&(struct source){.memory = memory, .base = mapping->start, .fd = -1}, &wanted);
    if (!wanted.nbytes || mapping->path[0] != '/' || strlen(mapping->path) >= PATH_MAX)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", image->pid,
             (unsigned long long)mapping->start, (unsigned long long)mapping->end);
    int fd = open_fitting(path, &wanted);
    if (fd < 0) {
        snprintf(path, sizeof path, "/proc/%d/root%s", image->pid, mapping->path);
        fd = open_fitting(path, &wanted);
    }
    return fd >= 0 ? fd : open_fitting(mapping->path, &wanted);
}
