// test_maps.c - the text of /proc/PID/maps, real, odd and broken.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/maps.h"

static void parse(const char *text, struct maps *ret)
{
    assert_int_equal(maps_parse(text, strlen(text), ret, NULL), MX_OK);
}

static void test_every_field_of_a_line_is_read(void **state)
{
    (void)state;
    struct maps maps;
    parse(
        "7f0c1a000000-7f0c1a021000 r-xs 0001f000 103:02 18350082                   /usr/lib/a.so\n",
        &maps);
    assert_int_equal(maps.count, 1);
    const struct mapping *mapping = &maps.items[0];
    assert_int_equal(mapping->start, 0x7f0c1a000000);
    assert_int_equal(mapping->end, 0x7f0c1a021000);
    assert_true(mapping->readable && !mapping->writable && mapping->executable && mapping->shared);
    assert_int_equal(mapping->file_offset, 0x1f000);
    assert_int_equal(mapping->device_major, 0x103);
    assert_int_equal(mapping->device_minor, 2);
    assert_int_equal(mapping->inode, 18350082);
    assert_string_equal(mapping->path, "/usr/lib/a.so");
    assert_false(mapping->deleted);
    maps_free(&maps);
}

static void test_odd_paths_are_kept_as_they_are(void **state)
{
    (void)state;
    struct maps maps;
    parse("1000-2000 rw-p 00000000 00:00 0 \n"
          "2000-3000 rw-p 00000000 00:00 0                          [heap]\n"
          "3000-4000 r--p 00000000 08:01 7  /with two  spaces\\012and\\newline\n"
          "4000-5000 r--p 00000000 08:01 7  /gone.so (deleted)\n"
          "5000-6000 r--p 00000000 08:01 7   (deleted)\n"
          "6000-7000 r--p 00000000 08:01 7\n"
          "7000-8000 r--p 00000000 00:00 0  [anon:x (deleted)]",
          &maps);
    const char *paths[] = {"",
                           "[heap]",
                           "/with two  spaces\nand\\newline",
                           "/gone.so",
                           "(deleted)",
                           "",
                           "[anon:x (deleted)]"};
    assert_int_equal(maps.count, 7);
    for (size_t i = 0; i < maps.count; i++) {
        assert_string_equal(maps.items[i].path, paths[i]);
        assert_int_equal(maps.items[i].deleted, i == 3);
    }
    maps_free(&maps);
}

static void test_lines_that_make_no_sense_are_skipped(void **state)
{
    (void)state;
    struct maps maps;
    parse("\n"
          "garbage\n"
          "1000-2000 rw-p 00000000 00:00 0 a\n"
          "1800-2800 rw-p 00000000 00:00 0 overlaps\n"
          "0-1000 rw-p 00000000 00:00 0 not sorted\n"
          "5000-4000 rw-p 00000000 00:00 0 backwards\n"
          "5000-5000 rw-p 00000000 00:00 0 empty\n"
          "11111111111111111-22222222222222222 rw-p 00000000 00:00 0 too large\n"
          "6000-7000 rw\n"
          "6000-7000 rw-p 00000000 00:00\n"
          "6000-7000 rw-p 0 0:0 0 b\n",
          &maps);
    assert_int_equal(maps.count, 2);
    assert_string_equal(maps.items[0].path, "a");
    assert_string_equal(maps.items[1].path, "b");
    maps_free(&maps);
}

static void test_find_yields_the_mapping_that_holds_an_address(void **state)
{
    (void)state;
    struct maps maps;
    parse("1000-2000 rw-p 0 0:0 0 a\n2000-3000 rw-p 0 0:0 0 b\n5000-6000 rw-p 0 0:0 0 c\n", &maps);
    assert_null(maps_find(&maps, 0xFFF));
    assert_ptr_equal(maps_find(&maps, 0x1000), &maps.items[0]);
    assert_ptr_equal(maps_find(&maps, 0x1FFF), &maps.items[0]);
    assert_ptr_equal(maps_find(&maps, 0x2000), &maps.items[1]);
    assert_null(maps_find(&maps, 0x3000));
    assert_ptr_equal(maps_find(&maps, 0x5FFF), &maps.items[2]);
    assert_null(maps_find(&maps, 0x6000));
    assert_null(maps_find(&maps, UINT64_MAX));
    maps_free(&maps);
    assert_null(maps_find(&maps, 0x1000));
}

static void test_own_mappings_hold_own_code_stack_and_libraries(void **state)
{
    (void)state;
    struct maps maps;
    int local = 0;
    assert_int_equal(maps_read(getpid(), &maps, NULL), MX_OK);
    const struct mapping *code = maps_find(&maps, (mx_addr)(uintptr_t)&maps_read);
    const struct mapping *stack = maps_find(&maps, (mx_addr)(uintptr_t)&local);
    const struct mapping *library = maps_find(&maps, (mx_addr)(uintptr_t)&getpid);
    assert_non_null(code);
    char program[4096] = "";
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_true(code->executable && code->inode);
    assert_string_equal(code->path, program);
    assert_true(stack && stack->writable);
    assert_true(library && library->inode);
    maps_free(&maps);
}

static void test_tens_of_thousands_of_mappings_are_read(void **state)
{
    (void)state;
    enum { PAGES = 60000 };
    uint8_t *pages =
        mmap(NULL, (size_t)PAGES * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < PAGES; i += 2) // neighbours with different rights are not merged
        if (mprotect(pages + i * 4096, 4096, PROT_NONE) != 0)
            skip();
    struct maps maps;
    assert_int_equal(maps_read(getpid(), &maps, NULL), MX_OK);
    for (size_t i = 0; i < PAGES; i++) {
        const struct mapping *mapping = maps_find(&maps, (mx_addr)(uintptr_t)(pages + i * 4096));
        assert_non_null(mapping);
        assert_int_equal(mapping->readable, i % 2);
    }
    maps_free(&maps);
    munmap(pages, (size_t)PAGES * 4096);
}

static void test_no_process_is_said_by_its_number(void **state)
{
    (void)state;
    struct maps maps;
    struct mx_error err;
    assert_int_equal(maps_read(99999999, &maps, &err), MX_NO_PROCESS);
    assert_string_equal(err.message, "pid 99999999: no such process");
}

// Whatever the text, the result is sorted and without overlaps.
static void test_mutated_text_never_breaks_the_order(void **state)
{
    (void)state;
    FILE *file = fopen("/proc/self/maps", "r");
    static char original[1 << 16];
    size_t nbytes = fread(original, 1, sizeof original, file);
    fclose(file);
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 5000; round++) {
        char *text = malloc(nbytes);
        memcpy(text, original, nbytes);
        for (unsigned i = 0; i < 1 + round % 50; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            static const char likely[] = "0fF- :/\n\\()[]xp";
            text[seed % nbytes] = seed & 0x100000 ? likely[seed >> 24 & 15] : (char)(seed >> 40);
        }
        struct maps maps;
        assert_int_equal(maps_parse(text, seed % (nbytes + 1), &maps, NULL), MX_OK);
        for (size_t i = 0; i < maps.count; i++) {
            assert_true(maps.items[i].start < maps.items[i].end);
            assert_true(i == 0 || maps.items[i - 1].end <= maps.items[i].start);
            assert_ptr_equal(maps_find(&maps, maps.items[i].end - 1), &maps.items[i]);
        }
        maps_free(&maps);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_a_line_is_read),
        cmocka_unit_test(test_odd_paths_are_kept_as_they_are),
        cmocka_unit_test(test_lines_that_make_no_sense_are_skipped),
        cmocka_unit_test(test_find_yields_the_mapping_that_holds_an_address),
        cmocka_unit_test(test_own_mappings_hold_own_code_stack_and_libraries),
        cmocka_unit_test(test_tens_of_thousands_of_mappings_are_read),
        cmocka_unit_test(test_no_process_is_said_by_its_number),
        cmocka_unit_test(test_mutated_text_never_breaks_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
