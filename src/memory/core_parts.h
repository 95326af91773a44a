// core_parts.h - what the core*.c share: a core as it was read. Private to src/memory.
#ifndef MX_MEMORY_CORE_PARTS_H
#define MX_MEMORY_CORE_PARTS_H

#include <gelf.h>
#include <stdatomic.h>

#include "base/vector.h"
#include "memory/core.h"

#define PAGE_NBYTES 4096u

// One PT_LOAD.
struct core_piece {
    mx_addr start, end;
    uint64_t offset; // in the core
    uint64_t dumped; // bytes from start on that the core should hold
    uint64_t nbytes; // of them, those before the end of the core
    bool readable, writable, executable;
};

// One mapping of NT_FILE.
struct core_mapping {
    mx_addr start, end;
    uint64_t offset; // in the file
    size_t file;
};

enum core_file_state {
    CORE_FILE_FITS,
    CORE_FILE_UNKNOWN, // the core has no ELF header of it: data, which nothing can be compared with
    CORE_FILE_ABSENT,  // a program or library that is not there any more
    CORE_FILE_OTHER,   // there is one of another build
};

struct core_file {
    char *path;
    bool deleted;
    enum core_file_state state;
    int fd; // -1 unless it fits
    GElf_Phdr *segments;
    size_t segment_count;
};

struct core {
    atomic_int holders;
    char *name; // as it was given
    int fd;
    uint64_t nbytes;
    VECTOR(struct core_piece) pieces;     // sorted by start, never overlapping
    VECTOR(struct core_mapping) mappings; // the same
    VECTOR(struct core_file) files;
    struct maps maps;
    size_t *map_files; // [maps.count], index into files, or SIZE_MAX
    VECTOR(struct thread_registers) threads;
    int pid;
    uint32_t uid;
    mx_addr entry; // of the program
    char arguments[81];
};

// An ELF file through libelf, which reads it with pread; NULL when it is none or makes no sense.
Elf *core_elf_open(int fd);
// The piece that holds addr, or NULL.
const struct core_piece *core_piece_find(const struct core *core, mx_addr addr);

// Index of the first piece that ends after addr.
size_t core_piece_after(const struct core *core, mx_addr addr);

// core_maps.c: fills maps and map_files.
mx_status core_make_maps(struct core *core, struct mx_error *err);
// The mapping of a file that holds addr, or NULL.
const struct core_mapping *core_mapping_find(const struct core *core, mx_addr addr);
// core_notes.c: fills mappings, files (not looked for yet) and the facts.
mx_status core_notes_read(struct core *core, Elf *elf, const GElf_Phdr *segment,
                          struct mx_error *err);
// core_files.c: looks for every file; *ret_exe_fits (exe may be NULL).
mx_status core_files_open(struct core *core, const char *exe, bool *ret_exe_fits,
                          struct mx_error *err);
void core_files_close(struct core *core);
// The flags (PF_R, ...) of the file's segment that holds the byte at offset; PF_R when not known.
unsigned core_file_flags(const struct core_file *file, uint64_t offset);

// How the bytes from addr on, which *ret_nbytes are alike of, can be had. addr is in `mapping`, the
// index-th of the maps.
enum core_origin { CORE_DUMPED, CORE_LOST, CORE_IN_FILE, CORE_NOWHERE };
enum core_origin core_origin(const struct core *core, size_t index, mx_addr addr,
                             uint64_t *ret_nbytes);

#endif
