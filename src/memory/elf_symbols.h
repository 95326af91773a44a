// elf_symbols.h - dynamic symbols of an ELF image that is mapped in a target.
//
// Read out of the target's memory (PT_DYNAMIC, DT_SYMTAB, DT_GNU_HASH or DT_HASH), so that a
// stripped, deleted or replaced file, or one in another mount namespace, makes no difference.
#ifndef MX_MEMORY_ELF_SYMBOLS_H
#define MX_MEMORY_ELF_SYMBOLS_H

#include "memory/memory.h"

// One ELF file in the target's address space; nothing in it is believed.
struct elf_image {
    mx_addr base;                 // address of its ELF header
    mx_addr bias;                 // to add to addresses in the file
    mx_addr data_start, data_end; // writable segments, .bss included; both 0 when it has none
    mx_addr symtab, strtab, gnu_hash, sysv_hash;
    uint64_t strtab_nbytes;
};

// MX_NOT_FOUND when there is no ELF header at base or it loads nothing; MX_UNSUPPORTED when it is not
// 64-bit little-endian x86-64 or aarch64. A static program has data and no symbols.
mx_status elf_image_open(struct memory *memory, mx_addr base, struct elf_image *ret,
                         struct mx_error *err);

// Address of a defined dynamic symbol; false when there is none. size may be NULL.
bool elf_image_symbol(struct memory *memory, const struct elf_image *image, const char *name,
                      mx_addr *ret, uint64_t *ret_nbytes);

// How many dynamic symbols there are, at most a million. O(hash buckets).
uint32_t elf_image_symbol_count(struct memory *memory, const struct elf_image *image);

#endif
