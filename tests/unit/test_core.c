// test_core.c - core files, made here byte by byte: what is read from them, and that no broken one
// does harm.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>

#include "memory/core.h"

#define PAGE 4096u
#define ROUNDS 4000 // mutations of each kind

// The file of the core: headers, notes, then pages.
struct made {
    uint8_t bytes[16 * PAGE];
    size_t nbytes, note_nbytes;
};

enum { NOTES = 0x400, LIBRARY = 0x10000, HEAP = 0x40000, OMITTED = 0x60000 };

static Elf64_Ehdr *header_of(struct made *made)
{
    return (Elf64_Ehdr *)made->bytes;
}

static Elf64_Phdr *segment_of(struct made *made, unsigned index)
{
    return (Elf64_Phdr *)(made->bytes + sizeof(Elf64_Ehdr)) + index;
}

static void add_segment(struct made *made, unsigned type, mx_addr start, uint64_t dumped,
                        uint64_t nbytes, unsigned flags)
{
    *segment_of(made, header_of(made)->e_phnum++) = (Elf64_Phdr){.p_type = type,
                                                                 .p_flags = flags,
                                                                 .p_offset = made->nbytes,
                                                                 .p_vaddr = start,
                                                                 .p_filesz = dumped,
                                                                 .p_memsz = nbytes,
                                                                 .p_align = PAGE};
    made->nbytes += dumped;
}

static void add_note(struct made *made, unsigned type, const void *contents, size_t nbytes)
{
    uint8_t *at = made->bytes + NOTES + made->note_nbytes;
    Elf64_Nhdr note = {5, (unsigned)nbytes, type};
    memcpy(at, &note, sizeof note);
    memcpy(at + sizeof note, "CORE", 5);
    memcpy(at + sizeof note + 8, contents, nbytes);
    made->note_nbytes += sizeof note + 8 + (nbytes + 3) / 4 * 4;
}

// A process that had mapped a library (two pages, the first of them dumped), a heap of two pages,
// and a page of its code that was left out.
static void make(struct made *made, const char *library)
{
    *made = (struct made){.nbytes = PAGE};
    *header_of(made) = (Elf64_Ehdr){.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                                    .e_type = ET_CORE,
                                    .e_machine = EM_X86_64,
                                    .e_version = 1,
                                    .e_phoff = sizeof(Elf64_Ehdr),
                                    .e_ehsize = sizeof(Elf64_Ehdr),
                                    .e_phentsize = sizeof(Elf64_Phdr)};
    struct elf_prpsinfo info = {.pr_pid = 812, .pr_uid = 0, .pr_psargs = "python app.py \n "};
    add_note(made, NT_PRPSINFO, &info, sizeof info);
    uint64_t files[2 + 6] = {2, PAGE, LIBRARY, LIBRARY + 2 * PAGE, 0, OMITTED, OMITTED + PAGE, 2};
    uint8_t contents[sizeof files + 600] = {0};
    size_t nbytes = strlen(library) + 1;
    memcpy(contents, files, sizeof files);
    memcpy(contents + sizeof files, library, nbytes);
    memcpy(contents + sizeof files + nbytes, library, nbytes);
    add_note(made, NT_FILE, contents, sizeof files + 2 * nbytes);
    add_segment(made, PT_NOTE, 0, 0, 0, 0);
    segment_of(made, 0)->p_offset = NOTES;
    segment_of(made, 0)->p_filesz = made->note_nbytes;
    add_segment(made, PT_LOAD, LIBRARY, PAGE, 2 * PAGE, PF_R);
    add_segment(made, PT_LOAD, HEAP, 2 * PAGE, 2 * PAGE, PF_R | PF_W);
    uint8_t *page = made->bytes + PAGE;
    memset(page, 'L', PAGE);
    memset(page + PAGE, 'H', 2 * PAGE);
    Elf64_Ehdr elf = *header_of(made);
    elf.e_type = ET_DYN;
    elf.e_phnum = 1;
    memcpy(page, &elf, sizeof elf);
    Elf64_Phdr load = {
        .p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 3 * PAGE, .p_memsz = 3 * PAGE};
    memcpy(page + sizeof elf, &load, sizeof load);
}

static char directory[] = "/tmp/test-core-XXXXXX", core_path[64], library_path[64];

static void write_file(const char *path, const void *bytes, size_t nbytes)
{
    unlink(path); // what is replaced by truncating it is written to the disk at once
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, nbytes), nbytes);
    close(fd);
}

// The library on disk: the page in the core, and two more.
static void write_library(const struct made *made)
{
    uint8_t bytes[3 * PAGE];
    memcpy(bytes, made->bytes + PAGE, PAGE);
    memset(bytes + PAGE, 'M', PAGE);
    memset(bytes + 2 * PAGE, 'N', PAGE);
    write_file(library_path, bytes, sizeof bytes);
}

static mx_status open_made(const struct made *made, size_t nbytes, struct core **ret,
                           struct mx_error *err)
{
    write_file(core_path, made->bytes, nbytes);
    return core_open(core_path, NULL, ret, err);
}

static struct core *opened(const struct made *made)
{
    struct core *core = NULL;
    struct mx_error err = {0};
    if (open_made(made, made->nbytes, &core, &err) != MX_OK)
        fail_msg("%s", err.message);
    return core;
}

static char byte_at(struct core *core, mx_addr addr)
{
    char byte = 0;
    return core_fetch(core, addr, &byte, 1) == 1 ? byte : '?';
}

static void test_bytes_come_from_the_core_and_from_the_files_that_fit(void **state)
{
    (void)state;
    struct made made;
    make(&made, library_path);
    write_library(&made);
    struct core *core = opened(&made);
    assert_int_equal(byte_at(core, LIBRARY + PAGE - 1), 'L'); // dumped
    assert_int_equal(byte_at(core, LIBRARY + PAGE), 'M');     // left out
    assert_int_equal(byte_at(core, OMITTED), 'N');            // has no segment
    assert_int_equal(byte_at(core, HEAP), 'H');
    assert_int_equal(byte_at(core, HEAP + 2 * PAGE), '?');
    char bytes[4 * PAGE];
    assert_int_equal(core_fetch(core, LIBRARY + 1, bytes, sizeof bytes), 2 * PAGE - 1);
    core_release(core);
}

static void test_a_file_that_does_not_fit_is_missing_and_named(void **state)
{
    (void)state;
    struct made made;
    make(&made, library_path);
    write_library(&made);
    made.bytes[2 * PAGE - 1] = '!'; // of the first page, which is all there is to compare
    struct core *core = opened(&made);
    char text[300] = "";
    assert_int_equal(byte_at(core, LIBRARY + PAGE), '?');
    assert_true(core_missing_file(core, text, sizeof text));
    assert_non_null(strstr(text, library_path));
    struct image image;
    assert_int_equal(core_capture(core, NULL, NULL, &image, NULL), MX_OK);
    assert_int_equal(image.skipped_bytes, 2 * PAGE);
    image_free(&image);
    core_release(core);
}

static void test_maps_and_facts_are_those_of_the_process(void **state)
{
    (void)state;
    struct made made;
    struct maps maps;
    struct mx_process process;
    make(&made, library_path);
    write_library(&made);
    struct core *core = opened(&made);
    assert_int_equal(core_maps(core, &maps, NULL), MX_OK);
    assert_int_equal(maps.count, 3);
    assert_string_equal(maps.items[0].path, library_path);
    assert_true(maps.items[0].inode && maps.items[0].inode == maps.items[2].inode);
    assert_true(maps.items[1].writable && !maps.items[1].inode && !maps.items[0].writable);
    assert_int_equal(maps.items[2].file_offset, 2 * PAGE);
    maps_free(&maps);
    core_describe(core, &process);
    assert_int_equal(process.pid, 812);
    assert_string_equal(process.cmdline, "python app.py \\n");
    assert_int_equal(process.rss_bytes, 3 * PAGE);
    core_release(core);
}

static void test_an_image_outlives_the_target_it_came_from(void **state)
{
    (void)state;
    struct made made;
    struct image image;
    make(&made, library_path);
    write_library(&made);
    struct core *core = opened(&made);
    assert_int_equal(core_capture(core, NULL, NULL, &image, NULL), MX_OK);
    core_release(core);
    assert_int_equal(image.pause_ns, 0);
    assert_int_equal(image.skipped_bytes, 0);
    assert_int_equal(*memory_at(&image.memory, HEAP, 2 * PAGE), 'H');
    assert_int_equal(*memory_at(&image.memory, OMITTED, 1), 'N');
    image_free(&image);
}

static void test_what_is_cut_off_is_skipped_and_never_taken_from_the_file(void **state)
{
    (void)state;
    struct made made;
    struct core *core;
    struct image image;
    make(&made, library_path);
    write_library(&made);
    assert_int_equal(open_made(&made, made.nbytes - PAGE - 100, &core, NULL), MX_OK);
    assert_int_equal(core_capture(core, NULL, NULL, &image, NULL), MX_OK);
    assert_int_equal(image.skipped_bytes, PAGE + 100);
    assert_non_null(memory_at(&image.memory, HEAP, PAGE - 100));
    assert_null(memory_at(&image.memory, HEAP, PAGE - 99));
    image_free(&image);
    assert_int_equal(truncate(core_path, PAGE), 0); // while it is open
    assert_int_equal(byte_at(core, HEAP), '?');
    assert_int_equal(core_capture(core, NULL, NULL, &image, NULL), MX_OK);
    assert_int_equal(image.copied_bytes, 0);
    image_free(&image);
    core_release(core);
}

static void assert_refused(const struct made *made, mx_status status, const char *part)
{
    struct core *core;
    struct mx_error err = {0};
    assert_int_equal(open_made(made, made->nbytes, &core, &err), status);
    assert_non_null(strstr(err.message, part));
    assert_null(strchr(err.message, '\n'));
}

static void test_hostile_segments_are_refused(void **state)
{
    (void)state;
    struct made made;
    make(&made, library_path);
    segment_of(&made, 2)->p_vaddr = LIBRARY + PAGE;
    assert_refused(&made, MX_CORRUPT, "overlap");
    make(&made, library_path);
    segment_of(&made, 2)->p_vaddr = UINT64_MAX - PAGE;
    assert_refused(&made, MX_CORRUPT, "wraps");
    make(&made, library_path);
    header_of(&made)->e_phnum = 60;
    for (unsigned i = 3; i < 60; i++) {
        *segment_of(&made, i) = *segment_of(&made, 2);
        segment_of(&made, i)->p_vaddr = 0x100000 * i;
    }
    made.nbytes = 4 * PAGE;
    assert_refused(&made, MX_CORRUPT, "share");
    make(&made, library_path);
    header_of(&made)->e_phnum = 1;
    assert_refused(&made, MX_CORRUPT, "no memory");
    make(&made, library_path);
    header_of(&made)->e_shoff = HEAP; // and no number of sections: libelf would look it up there
    assert_refused(&made, MX_CORRUPT, "ELF header");
}

static void test_a_terabyte_of_holes_takes_no_memory(void **state)
{
    (void)state;
    struct made made;
    struct core *core;
    struct image image;
    make(&made, library_path);
    write_library(&made);
    segment_of(&made, 2)->p_filesz = segment_of(&made, 2)->p_memsz = (uint64_t)1 << 40;
    segment_of(&made, 2)->p_vaddr = (uint64_t)1 << 44;
    write_file(core_path, made.bytes, made.nbytes);
    assert_int_equal(truncate(core_path, ((off_t)1 << 40) + 2 * PAGE), 0);
    assert_int_equal(core_open(core_path, NULL, &core, NULL), MX_OK);
    if (core_capture(core, NULL, NULL, &image, NULL) == MX_OK) {
        assert_in_range(image.copied_bytes, 0, 1 << 20);
        image_free(&image);
    }
    core_release(core);
}

// ---- fuzz -------------------------------------------------------------------------------------

static void look_at_all(const struct made *made, size_t nbytes)
{
    struct core *core;
    struct mx_error err = {0};
    struct image image;
    struct mx_process process;
    char text[300];
    if (open_made(made, nbytes, &core, &err) != MX_OK) {
        assert_true(err.message[0] && !strchr(err.message, '\n'));
        return;
    }
    core_describe(core, &process);
    core_missing_file(core, text, sizeof text);
    for (mx_addr addr = 0; addr < 0x80000; addr += PAGE / 2)
        byte_at(core, addr);
    if (core_capture(core, NULL, NULL, &image, &err) == MX_OK) {
        assert_in_range(image.copied_bytes, 0, sizeof made->bytes);
        for (size_t i = 0; i < image.memory.segment_count; i++)
            assert_non_null(memory_at(&image.memory, image.memory.segments[i].start, 1));
        image_free(&image);
    }
    core_release(core);
}

static void test_changed_and_cut_cores_are_survived(void **state)
{
    (void)state;
    static const uint64_t nasty[] = {0,         1,          0x7FFFFFFF,        UINT32_MAX,
                                     INT64_MAX, UINT64_MAX, UINT64_MAX - PAGE, PAGE,
                                     LIBRARY,   HEAP,       (uint64_t)1 << 40};
    struct made whole, made;
    make(&whole, library_path);
    write_library(&whole);
    srandom(812);
    for (int round = 0; round < ROUNDS; round++) {
        made = whole;
        for (long count = random() % 4; count >= 0; count--) {
            // Headers and notes, and the header of the library.
            size_t at = random() % 8 ? (size_t)random() % (NOTES + whole.note_nbytes)
                                     : PAGE + (size_t)random() % 128;
            uint64_t word = nasty[(size_t)random() % (sizeof nasty / sizeof *nasty)];
            if (random() % 2)
                made.bytes[at] ^= (uint8_t)(1u << random() % 8);
            else
                memcpy(made.bytes + at / 8 * 8, &word, random() % 2 ? 8 : 4);
        }
        size_t nbytes = random() % 4 ? made.nbytes : (size_t)random() % made.nbytes;
        look_at_all(&made, nbytes);
    }
}

static void test_changed_libraries_are_survived(void **state)
{
    (void)state;
    struct made made;
    make(&made, library_path);
    for (int round = 0; round < ROUNDS / 4; round++) {
        uint8_t bytes[PAGE + 64];
        memcpy(bytes, made.bytes + PAGE, PAGE);
        for (int count = 0; count < 3; count++)
            bytes[(size_t)random() % 128] = (uint8_t)random();
        write_file(library_path, bytes, (size_t)random() % sizeof bytes);
        look_at_all(&made, made.nbytes);
    }
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(core_path, sizeof core_path, "%s/core", directory);
    snprintf(library_path, sizeof library_path, "%s/library.so", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(core_path);
    unlink(library_path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_from_the_core_and_from_the_files_that_fit),
        cmocka_unit_test(test_a_file_that_does_not_fit_is_missing_and_named),
        cmocka_unit_test(test_maps_and_facts_are_those_of_the_process),
        cmocka_unit_test(test_an_image_outlives_the_target_it_came_from),
        cmocka_unit_test(test_what_is_cut_off_is_skipped_and_never_taken_from_the_file),
        cmocka_unit_test(test_hostile_segments_are_refused),
        cmocka_unit_test(test_a_terabyte_of_holes_takes_no_memory),
        cmocka_unit_test(test_changed_and_cut_cores_are_survived),
        cmocka_unit_test(test_changed_libraries_are_survived),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
