// elf_variables.h - names of the variables of one program or library, out of its file.
//
//   .symtab   every variable, the local ones too; gone where the file was stripped
//   .dynsym   the exported ones
//   sections  .data, .bss ...: what is left of a name in a stripped file
//
// The file is untrusted: every offset and count is checked against its size and a named limit.
#ifndef MX_MEMORY_ELF_VARIABLES_H
#define MX_MEMORY_ELF_VARIABLES_H

#include "base/vector.h"
#include "memory/elf_symbols.h"
#include "memory/process.h"

// Addresses are those in the file, before it was moved by its bias.
struct elf_variable {
    uint64_t start, nbytes;
    uint32_t name; // offset in `names`
};

struct elf_section {
    uint64_t start, nbytes;
    char name[32];
};

struct elf_variables {
    VECTOR(struct elf_variable) items; // by start
    VECTOR(struct elf_section) sections;
    char *names; // ended by NUL
    uint64_t names_nbytes;
};

// Reads an ELF file; false when it is none or makes no sense. What it has no names for is empty.
bool elf_variables_read(int fd, struct elf_variables *ret);
// Adds the exported variables of an image as it stands in memory. false when out of memory.
bool elf_variables_of_image(struct memory *memory, const struct elf_image *image,
                            struct elf_variables *ret);
void elf_variables_free(struct elf_variables *variables);

// The variable around addr, else the section; false when there is neither. *ret_name lives as long as
// `variables`; *ret_offset is addr's distance from its start.
bool elf_variables_find(const struct elf_variables *variables, uint64_t addr, const char **ret_name,
                        uint64_t *ret_offset);

// The file that is mapped at `start` (where its ELF header is), for reading; -1 when it cannot be had.
// Of a live process through /proc, of a core the file that it names. A file of another build is none:
// its build-id, or where it has none its first page, has to be what the memory has.
int elf_mapped_file(struct image *image, struct memory *memory, const struct mapping *mapping);

#endif
