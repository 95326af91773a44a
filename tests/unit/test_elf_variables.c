// test_elf_variables.c - variables of this very program by name, out of its file; and hostile files.
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/elf_variables.h"

// ---- this program -----------------------------------------------------------------------------

static uint64_t numbers[100] = {1, 2, 3};
uint64_t exported_number = 7;

static int self_open(void)
{
    FILE *file = fopen("/proc/self/exe", "re");
    assert_non_null(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

// How far this program was moved: its first mapping begins with its ELF header, at address 0.
static mx_addr bias(void)
{
    struct maps maps;
    char exe[4096] = "";
    mx_addr start = 0;
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    assert_int_equal(maps_read(getpid(), &maps, NULL), MX_OK);
    for (size_t i = 0; i < maps.count && !start; i++)
        if (strcmp(maps.items[i].path, exe) == 0)
            start = maps.items[i].start;
    maps_free(&maps);
    return start;
}

static void test_a_variable_is_found_by_any_address_in_it(void **state)
{
    (void)state;
    struct elf_variables variables;
    int fd = self_open();
    assert_true(elf_variables_read(fd, &variables));
    close(fd);
    const char *name;
    uint64_t offset, base = bias();
    const struct {
        mx_addr place;
        const char *name;
        uint64_t offset;
    } wanted[] = {{(mx_addr)(uintptr_t)&numbers[0], "numbers", 0},
                  {(mx_addr)(uintptr_t)&numbers[99], "numbers", 99 * 8},
                  {(mx_addr)(uintptr_t)&exported_number, "exported_number", 0}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(elf_variables_find(&variables, wanted[i].place - base, &name, &offset));
        assert_string_equal(name, wanted[i].name);
        assert_int_equal(offset, wanted[i].offset);
    }
    assert_false(elf_variables_find(&variables, UINT64_MAX, &name, &offset));
    assert_false(elf_variables_find(&variables, 0, &name, &offset));
    elf_variables_free(&variables);
}

// ---- made by hand -----------------------------------------------------------------------------

struct file {
    Elf64_Ehdr header;
    Elf64_Shdr sections[5]; // none, .symtab, .strtab, .shstrtab, .bss
    Elf64_Sym symbols[6];
    char names[64];
    char section_names[64];
};

static struct file file;

static void make(void)
{
    static const char section_names[] = "\0.symtab\0.strtab\0.shstrtab\0.bss";
    static const char names[] = "\0outer\0inner\0function\0absent\0empty";
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_shoff = offsetof(struct file, sections);
    file.header.e_shentsize = sizeof(Elf64_Shdr);
    file.header.e_shnum = 5;
    file.header.e_shstrndx = 3;
    file.sections[1] = (Elf64_Shdr){.sh_name = 1,
                                    .sh_type = SHT_SYMTAB,
                                    .sh_offset = offsetof(struct file, symbols),
                                    .sh_size = sizeof file.symbols,
                                    .sh_link = 2,
                                    .sh_entsize = sizeof(Elf64_Sym)};
    file.sections[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                                    .sh_offset = offsetof(struct file, names),
                                    .sh_size = sizeof file.names};
    file.sections[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                                    .sh_offset = offsetof(struct file, section_names),
                                    .sh_size = sizeof file.section_names};
    file.sections[4] = (Elf64_Shdr){.sh_name = 27,
                                    .sh_type = SHT_NOBITS,
                                    .sh_flags = SHF_ALLOC | SHF_WRITE,
                                    .sh_addr = 0x1000,
                                    .sh_size = 0x1000};
    uint8_t object = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT);
    file.symbols[1] = (Elf64_Sym){1, object, 0, 4, 0x1100, 0x100};
    file.symbols[2] = (Elf64_Sym){7, object, 0, 4, 0x1140, 0x10};
    file.symbols[3] = (Elf64_Sym){13, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 4, 0x1400, 0x10};
    file.symbols[4] = (Elf64_Sym){22, object, 0, SHN_UNDEF, 0x1500, 0x10};
    file.symbols[5] = (Elf64_Sym){29, object, 0, 4, 0x1600, 0};
    memcpy(file.names, names, sizeof names);
    memcpy(file.section_names, section_names, sizeof section_names);
}

static int file_open(const void *contents, size_t nbytes)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents, nbytes), nbytes);
    return fd;
}

static bool read_file(struct elf_variables *ret)
{
    int fd = file_open(&file, sizeof file);
    bool ok = elf_variables_read(fd, ret);
    close(fd);
    return ok;
}

static void expect(const struct elf_variables *variables, uint64_t addr, const char *wanted,
                   uint64_t wanted_offset)
{
    const char *name;
    uint64_t offset;
    assert_true(elf_variables_find(variables, addr, &name, &offset));
    assert_string_equal(name, wanted);
    assert_int_equal(offset, wanted_offset);
}

static void test_the_narrowest_variable_counts_else_the_section(void **state)
{
    (void)state;
    struct elf_variables variables;
    make();
    assert_true(read_file(&variables));
    expect(&variables, 0x1100, "outer", 0);
    expect(&variables, 0x1148, "inner", 8);
    expect(&variables, 0x1150, "outer", 0x50); // behind the inner one
    expect(&variables, 0x1400, ".bss", 0x400); // a function is no variable
    expect(&variables, 0x1508, ".bss", 0x508); // nor is one of another library
    expect(&variables, 0x1600, ".bss", 0x600); // nor what has no size
    elf_variables_free(&variables);
}

static void test_a_stripped_file_has_sections_alone(void **state)
{
    (void)state;
    struct elf_variables variables;
    make();
    file.sections[1].sh_type = SHT_NULL;
    assert_true(read_file(&variables));
    expect(&variables, 0x1148, ".bss", 0x148);
    elf_variables_free(&variables);
}

static void test_counts_and_offsets_out_of_the_file_are_refused(void **state)
{
    (void)state;
    static const uint64_t BAD[] = {UINT64_MAX, INT64_MAX, 1ull << 40, sizeof file + 1};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        for (int field = 0; field < 8; field++) {
            struct elf_variables variables;
            const char *name;
            uint64_t offset;
            make();
            uint64_t *const fields[] = {&file.header.e_shoff,        &file.sections[1].sh_offset,
                                        &file.sections[1].sh_size,   &file.sections[2].sh_offset,
                                        &file.sections[2].sh_size,   &file.sections[3].sh_size,
                                        &file.sections[3].sh_offset, &file.symbols[1].st_size};
            *fields[field] = BAD[i];
            if (read_file(&variables)) {
                elf_variables_find(&variables, 0x1148, &name, &offset);
                elf_variables_free(&variables);
            }
        }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static void test_changed_and_cut_files_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (int round = 0; round < 5000; round++) {
        struct elf_variables variables;
        const char *name;
        uint64_t offset;
        make();
        for (int i = 0; i < 1 + round % 8; i++) {
            uint64_t random = next_random(&seed);
            ((uint8_t *)&file)[random % sizeof file] = (uint8_t)(random >> 32);
        }
        size_t nbytes = round % 5 ? sizeof file : next_random(&seed) % sizeof file;
        int fd = file_open(&file, nbytes);
        if (elf_variables_read(fd, &variables)) {
            for (uint64_t addr = 0xff0; addr < 0x2010; addr += 8)
                if (elf_variables_find(&variables, addr, &name, &offset))
                    assert_true(strlen(name) < sizeof file);
            elf_variables_free(&variables);
        }
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_variable_is_found_by_any_address_in_it),
        cmocka_unit_test(test_the_narrowest_variable_counts_else_the_section),
        cmocka_unit_test(test_a_stripped_file_has_sections_alone),
        cmocka_unit_test(test_counts_and_offsets_out_of_the_file_are_refused),
        cmocka_unit_test(test_changed_and_cut_files_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
