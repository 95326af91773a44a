// test_elf_symbols.c - symbols of this program and its libraries, found in memory; and garbage.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/elf_symbols.h"
#include "memory/process.h"

static int self;

static void open_image(struct memory *memory, mx_addr base, struct elf_image *ret)
{
    struct mx_error err = {.message = ""};
    if (elf_image_open(memory, base, ret, &err) != MX_OK)
        fail_msg("%s", err.message);
}

// Not through RTLD_DEFAULT, where a sanitizer puts functions of its own.
static mx_addr libc_symbol(const char *name)
{
    static void *libc;
    if (!libc)
        libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    assert_non_null(libc);
    return (mx_addr)(uintptr_t)dlsym(libc, name);
}

static mx_addr libc_base(void)
{
    Dl_info info;
    assert_true(dladdr((void *)(uintptr_t)libc_symbol("qsort"), &info)); // NOLINT
    return (mx_addr)(uintptr_t)info.dli_fbase;
}

static void test_symbols_of_libc_are_where_the_linker_finds_them(void **state)
{
    (void)state;
    static const char *const names[] = {"environ", "stdout", "qsort", "mallopt"};
    struct memory memory;
    struct elf_image image;
    memory_init(&memory, process_fetch, &self);
    open_image(&memory, libc_base(), &image);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mx_addr address;
        uint64_t nbytes = 0;
        assert_true(elf_image_symbol(&memory, &image, names[i], &address, &nbytes));
        assert_int_equal(address, libc_symbol(names[i]));
        assert_true(nbytes > 0);
    }
    memory_fini(&memory);
}

static void test_undefined_absent_and_absurd_names_are_not_found(void **state)
{
    (void)state;
    char absurd[5000];
    mx_addr address;
    memset(absurd, 'x', sizeof absurd - 1);
    absurd[sizeof absurd - 1] = 0;
    struct memory memory;
    struct elf_image image;
    memory_init(&memory, process_fetch, &self);
    open_image(&memory, libc_base(), &image);
    assert_false(elf_image_symbol(&memory, &image, "qsortx", &address, NULL));
    assert_false(elf_image_symbol(&memory, &image, "", &address, NULL));
    assert_false(elf_image_symbol(&memory, &image, absurd, &address, NULL));
    open_image(&memory, getauxval(AT_PHDR) & ~(mx_addr)4095, &image);
    assert_false(elf_image_symbol(&memory, &image, "dladdr", &address, NULL)); // used, not defined
    memory_fini(&memory);
}

static void test_vdso_whose_dynamic_section_is_not_relocated(void **state)
{
    (void)state;
    mx_addr base = getauxval(AT_SYSINFO_EHDR), address;
    if (!base)
        skip();
    struct memory memory;
    struct elf_image image;
    memory_init(&memory, process_fetch, &self);
    open_image(&memory, base, &image);
    assert_true(elf_image_symbol(&memory, &image, "__vdso_clock_gettime", &address, NULL) ||
                elf_image_symbol(&memory, &image, "__kernel_clock_gettime", &address, NULL));
    assert_true(address > base && address < base + 0x10000);
    // The other kind of hash table finds the same, where the file has both.
    if (image.sysv_hash && image.gnu_hash) {
        mx_addr again;
        image.gnu_hash = 0;
        assert_true(elf_image_symbol(&memory, &image, "__vdso_clock_gettime", &again, NULL));
        assert_int_equal(again, address);
    }
    memory_fini(&memory);
}

static void test_what_is_not_an_elf_file_is_said_so(void **state)
{
    (void)state;
    struct memory memory;
    struct elf_image image;
    struct mx_error err;
    memory_init(&memory, NULL, NULL);
    assert_int_equal(elf_image_open(&memory, 0x1000, &image, &err), MX_NOT_FOUND);
    assert_string_equal(err.message, "no ELF header at 0x1000");
    Elf64_Ehdr header = {.e_ident = ELFMAG, .e_machine = EM_386};
    header.e_ident[EI_CLASS] = ELFCLASS32;
    memory_add(&memory, 0x1000, &header, sizeof header, NULL);
    assert_int_equal(elf_image_open(&memory, 0x1000, &image, &err), MX_UNSUPPORTED);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_AARCH64;
    assert_int_equal(elf_image_open(&memory, 0x1000, &image, &err), MX_NOT_FOUND);
    memory_fini(&memory);
}

// A small library, made in memory: one symbol "answer" in one hash bucket of either kind.
struct library {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    Elf64_Dyn dynamic[6];
    Elf64_Sym symbols[2];
    char strings[16];
    uint32_t gnu[8];  // header, bloom (2), bucket, chain
    uint32_t sysv[5]; // header, bucket, chains
};

#define OFFSET(field) offsetof(struct library, field)

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    while (*name)
        hash = hash * 33 + (unsigned char)*name++;
    return hash;
}

static void library_make(struct library *library, mx_addr load_address)
{
    *library = (struct library){
        .header = {.e_ident = ELFMAG,
                   .e_machine = EM_X86_64,
                   .e_phoff = OFFSET(segments),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .segments = {{.p_type = PT_LOAD, .p_vaddr = load_address},
                     {.p_type = PT_DYNAMIC,
                      .p_vaddr = load_address + OFFSET(dynamic),
                      .p_memsz = sizeof library->dynamic}},
        .dynamic = {{DT_SYMTAB, {load_address + OFFSET(symbols)}},
                    {DT_STRTAB, {load_address + OFFSET(strings)}},
                    {DT_STRSZ, {sizeof library->strings}},
                    {DT_HASH, {load_address + OFFSET(sysv)}},
                    {DT_GNU_HASH, {load_address + OFFSET(gnu)}}},
        .symbols = {[1] = {.st_name = 1,
                           .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                           .st_shndx = 1,
                           .st_value = load_address + 0x42,
                           .st_size = 8}},
        .strings = "\0answer",
        .gnu = {1, 1, 1, 0, 0, 0, 1, gnu_hash("answer") | 1},
        .sysv = {1, 2, 1, 0, 0},
    };
    library->header.e_ident[EI_CLASS] = ELFCLASS64;
    library->header.e_ident[EI_DATA] = ELFDATA2LSB;
}

static void test_file_moved_by_a_bias_and_file_at_its_own_address(void **state)
{
    (void)state;
    static const mx_addr load_addresses[] = {0, 0x400000};
    for (unsigned i = 0; i < 2; i++) {
        struct library library;
        struct memory memory;
        struct elf_image image;
        mx_addr address;
        library_make(&library, load_addresses[i]);
        mx_addr base = load_addresses[i] ? load_addresses[i] : 0x7f0000000000;
        memory_init(&memory, NULL, NULL);
        memory_add(&memory, base, &library, sizeof library, NULL);
        open_image(&memory, base, &image);
        assert_true(elf_image_symbol(&memory, &image, "answer", &address, NULL));
        assert_int_equal(address, base + 0x42);
        assert_false(elf_image_symbol(&memory, &image, "answe", &address, NULL));
        image.gnu_hash = 0;
        assert_true(elf_image_symbol(&memory, &image, "answer", &address, NULL));
        assert_int_equal(address, base + 0x42);
        memory_fini(&memory);
    }
}

static void test_chain_that_never_ends_is_left(void **state)
{
    (void)state;
    struct library library;
    struct memory memory;
    struct elf_image image;
    mx_addr address;
    library_make(&library, 0);
    library.sysv[4] = 1; // symbol 1 is followed by itself
    memory_init(&memory, NULL, NULL);
    memory_add(&memory, 0x10000, &library, sizeof library, NULL);
    open_image(&memory, 0x10000, &image);
    image.gnu_hash = 0;
    assert_false(elf_image_symbol(&memory, &image, "question", &address, NULL));
    memory_fini(&memory);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static void try_image(uint8_t *bytes, size_t nbytes, mx_addr base)
{
    struct memory memory;
    struct elf_image image;
    mx_addr address;
    memory_init(&memory, NULL, NULL);
    memory_add(&memory, base, bytes, nbytes, NULL);
    if (elf_image_open(&memory, base, &image, NULL) == MX_OK) {
        elf_image_symbol(&memory, &image, "answer", &address, NULL);
        image.gnu_hash = 0;
        elf_image_symbol(&memory, &image, "answer", &address, NULL);
    }
    memory_fini(&memory);
}

static void test_broken_files_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 2463534242;
    for (unsigned round = 0; round < 50000; round++) {
        struct library library;
        library_make(&library, 0);
        uint8_t *bytes = malloc(sizeof library); // of its own, so that ASan sees its ends
        memcpy(bytes, &library, sizeof library);
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            size_t at = next_random(&seed) % sizeof library;
            bytes[at] = round & 1 ? (uint8_t)next_random(&seed) : (seed & 64 ? 0xFF : 0x7F);
        }
        try_image(bytes, sizeof library - (round % 16 ? 0 : seed % 300), 0x10000);
        free(bytes);
    }
}

static void test_random_bytes_behind_an_elf_header_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 5000; round++) {
        struct library library;
        library_make(&library, 0);
        uint8_t *bytes = malloc(8192);
        for (size_t i = 0; i < 8192; i += 8)
            memcpy(bytes + i, &(uint64_t){next_random(&seed)}, 8);
        size_t kept = round % 3 == 0   ? 16
                      : round % 3 == 1 ? sizeof library.header
                                       : OFFSET(symbols);
        memcpy(bytes, &library, kept);
        try_image(bytes, 8192, round % 2 ? 0x10000 : UINT64_MAX - 8191);
        free(bytes);
    }
}

int main(void)
{
    self = getpid();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols_of_libc_are_where_the_linker_finds_them),
        cmocka_unit_test(test_undefined_absent_and_absurd_names_are_not_found),
        cmocka_unit_test(test_vdso_whose_dynamic_section_is_not_relocated),
        cmocka_unit_test(test_what_is_not_an_elf_file_is_said_so),
        cmocka_unit_test(test_file_moved_by_a_bias_and_file_at_its_own_address),
        cmocka_unit_test(test_chain_that_never_ends_is_left),
        cmocka_unit_test(test_broken_files_are_survived),
        cmocka_unit_test(test_random_bytes_behind_an_elf_header_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
