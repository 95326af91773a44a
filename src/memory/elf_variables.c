// elf_variables.c - .symtab or .dynsym, and section headers, of one ELF file.
#include "memory/elf_variables.h"

#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/read_at.h"
#include "base/sorted.h"

#define LIMIT_TABLE                                                                                \
    ((uint64_t)1 << 30) // bytes of .symtab or .strtab: the largest libraries have 0.5 GB
#define SYMBOLS_AT_ONCE 512
#define LIMIT_NESTED 64 // variables that begin before addr and may still hold it: C has none

struct elf_headers {
    Elf64_Shdr *items;
    size_t count;
    uint32_t names; // index of the section with their names
};

static bool headers_read(int fd, struct elf_headers *ret)
{
    Elf64_Ehdr header;
    *ret = (struct elf_headers){0};
    if (!read_all_at(fd, 0, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB)
        return false;
    if (!header.e_shnum || header.e_shentsize != sizeof(Elf64_Shdr))
        return true; // a file without sections
    Elf64_Shdr *items = calloc(header.e_shnum, sizeof *items);
    if (!items || !read_all_at(fd, header.e_shoff, items, header.e_shnum * sizeof *items)) {
        free(items);
        return false;
    }
    *ret = (struct elf_headers){items, header.e_shnum, header.e_shstrndx};
    return true;
}

// A section's bytes with a NUL behind them, or NULL. The caller frees.
static char *section_read(int fd, const struct elf_headers *headers, uint32_t index,
                          uint64_t *ret_nbytes)
{
    if (index >= headers->count)
        return NULL;
    const Elf64_Shdr *section = &headers->items[index];
    off_t end = lseek(fd, 0, SEEK_END);
    if (section->sh_type != SHT_STRTAB || section->sh_size > LIMIT_TABLE ||
        section->sh_size > (uint64_t)end)
        return NULL;
    char *bytes = malloc(section->sh_size + 1);
    if (!bytes || !read_all_at(fd, section->sh_offset, bytes, section->sh_size)) {
        free(bytes);
        return NULL;
    }
    bytes[section->sh_size] = '\0';
    *ret_nbytes = section->sh_size;
    return bytes;
}

static bool sections_keep(int fd, const struct elf_headers *headers, struct elf_variables *ret)
{
    uint64_t nbytes = 0;
    cleanup(free_pointer) char *names = section_read(fd, headers, headers->names, &nbytes);
    for (size_t i = 0; names && i < headers->count; i++) {
        const Elf64_Shdr *section = &headers->items[i];
        struct elf_section kept = {section->sh_addr, section->sh_size, ""};
        if (!(section->sh_flags & SHF_ALLOC) || !(section->sh_flags & SHF_WRITE) ||
            section->sh_flags & SHF_TLS || section->sh_name >= nbytes)
            continue;
        snprintf(kept.name, sizeof kept.name, "%s", names + section->sh_name);
        if (!vector_push(&ret->sections, kept))
            return false;
    }
    return true;
}

static bool symbols_keep(int fd, const Elf64_Shdr *table, struct elf_variables *ret)
{
    Elf64_Sym symbols[SYMBOLS_AT_ONCE];
    uint64_t left = table->sh_size / sizeof *symbols, offset = table->sh_offset;
    while (left) {
        uint64_t count = sizeof symbols / sizeof *symbols;
        if (count > left)
            count = left;
        if (!read_all_at(fd, offset, symbols, count * sizeof *symbols))
            return false;
        for (uint64_t i = 0; i < count; i++) {
            const Elf64_Sym *symbol = &symbols[i];
            if (ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT && symbol->st_shndx != SHN_UNDEF &&
                symbol->st_size && symbol->st_name < ret->names_nbytes &&
                !vector_push(&ret->items, ((struct elf_variable){symbol->st_value, symbol->st_size,
                                                                 symbol->st_name})))
                return false;
        }
        offset += count * sizeof *symbols;
        left -= count;
    }
    return true;
}

// The symbol table of this type, when there is one.
static bool table_keep(int fd, const struct elf_headers *headers, uint32_t type,
                       struct elf_variables *ret)
{
    for (size_t i = 0; i < headers->count; i++) {
        const Elf64_Shdr *table = &headers->items[i];
        if (table->sh_type != type || table->sh_entsize != sizeof(Elf64_Sym) ||
            table->sh_size > LIMIT_TABLE)
            continue;
        free(ret->names);
        ret->names_nbytes = 0;
        ret->names = section_read(fd, headers, table->sh_link, &ret->names_nbytes);
        return ret->names && symbols_keep(fd, table, ret) && ret->items.count;
    }
    return false;
}

static int compare_variables(const void *a, const void *b)
{
    const struct elf_variable *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->nbytes > y->nbytes ? -1 : x->nbytes < y->nbytes;
}

static void variables_sort(struct elf_variables *variables)
{
    if (variables->items.count)
        qsort(variables->items.items, variables->items.count, sizeof *variables->items.items,
              compare_variables);
}

bool elf_variables_read(int fd, struct elf_variables *ret)
{
    struct elf_headers headers;
    *ret = (struct elf_variables){0};
    if (!headers_read(fd, &headers))
        return false;
    bool ok = sections_keep(fd, &headers, ret);
    if (ok && !table_keep(fd, &headers, SHT_SYMTAB, ret)) {
        vector_free(&ret->items);
        table_keep(fd, &headers, SHT_DYNSYM, ret);
    }
    free(headers.items);
    variables_sort(ret);
    if (!ok)
        elf_variables_free(ret);
    return ok;
}

#define LIMIT_NAME 1024 // bytes of a symbol's name

bool elf_variables_of_image(struct memory *memory, const struct elf_image *image,
                            struct elf_variables *ret)
{
    uint32_t count = elf_image_symbol_count(memory, image);
    VECTOR(char) names = {0};
    vector_free(&ret->items);
    for (uint32_t i = 1; i < count; i++) {
        char name[LIMIT_NAME];
        Elf64_Sym symbol;
        const uint8_t *bytes =
            memory_at(memory, image->symtab + (uint64_t)i * sizeof symbol, sizeof symbol);
        if (!bytes)
            break;
        memcpy(&symbol, bytes, sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF ||
            !symbol.st_size || symbol.st_name >= image->strtab_nbytes ||
            !memory_string(memory, image->strtab + symbol.st_name, name, sizeof name))
            continue;
        size_t at = names.count, nbytes = strlen(name) + 1;
        if (!vector_reserve(&names, at + nbytes) ||
            !vector_push(&ret->items,
                         ((struct elf_variable){symbol.st_value, symbol.st_size, (uint32_t)at}))) {
            vector_free(&names);
            return false;
        }
        memcpy(names.items + at, name, nbytes);
        names.count += nbytes;
    }
    free(ret->names);
    ret->names = names.items;
    ret->names_nbytes = names.count;
    variables_sort(ret);
    return true;
}

void elf_variables_free(struct elf_variables *variables)
{
    vector_free(&variables->items);
    vector_free(&variables->sections);
    free(variables->names);
    *variables = (struct elf_variables){0};
}

static const struct elf_variable *variable_around(const struct elf_variables *variables,
                                                  uint64_t addr)
{
    size_t after = sorted_upto(variables->items.items, variables->items.count, addr);
    for (unsigned i = 0; after && i < LIMIT_NESTED; i++, after--) {
        const struct elf_variable *variable = &variables->items.items[after - 1];
        if (addr - variable->start < variable->nbytes)
            return variable;
    }
    return NULL;
}

bool elf_variables_find(const struct elf_variables *variables, uint64_t addr, const char **ret_name,
                        uint64_t *ret_offset)
{
    const struct elf_variable *variable = variable_around(variables, addr);
    if (variable && variables->names[variable->name]) {
        *ret_name = variables->names + variable->name;
        *ret_offset = addr - variable->start;
        return true;
    }
    for (size_t i = 0; i < variables->sections.count; i++) {
        const struct elf_section *section = &variables->sections.items[i];
        if (addr - section->start < section->nbytes) {
            *ret_name = section->name;
            *ret_offset = addr - section->start;
            return true;
        }
    }
    return false;
}
