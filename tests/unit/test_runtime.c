// test_runtime.c - a CPython is found in a process without a symbol, and gets the layout that fits it.
//
// The process is a program with one segment of data, which holds a whole fake CPython, its state and
// objects, as if it were linked into it.
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_process.h"
#include "heap/runtime.h"

#define PROGRAM 0x400000ull
#define PATH "/usr/bin/editor"

static struct fake_process process;
static struct {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
} program;
static struct maps maps;
static struct runtime found;
static struct mx_error error;

static void setup(const struct layout *table)
{
    char text[300];
    program.header = (Elf64_Ehdr){.e_ident = ELFMAG,
                                  .e_machine = EM_X86_64,
                                  .e_phoff = sizeof(Elf64_Ehdr),
                                  .e_phentsize = sizeof(Elf64_Phdr),
                                  .e_phnum = 2};
    program.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = PROGRAM};
    program.segments[1] = (Elf64_Phdr){
        .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = FAKE_START, .p_memsz = FAKE_NBYTES};
    fake_process_init(&process, table);
    program.header.e_ident[EI_CLASS] = ELFCLASS64;
    program.header.e_ident[EI_DATA] = ELFDATA2LSB;
    assert_int_equal(memory_add(&process.fake.memory, PROGRAM, &program, sizeof program, NULL),
                     MX_OK);
    int nbytes = snprintf(text, sizeof text,
                          "%llx-%llx r--p 00000000 fe:00 7 " PATH "\n"
                          "%llx-%llx rw-p 00001000 fe:00 7 " PATH "\n",
                          PROGRAM, PROGRAM + 4096, FAKE_START, FAKE_START + FAKE_NBYTES);
    maps = (struct maps){0};
    assert_int_equal(maps_parse(text, (size_t)nbytes, &maps, NULL), MX_OK);
}

static void teardown(void)
{
    maps_free(&maps);
    fake_process_fini(&process);
}

// What it says of its own structs, and what sys.hexversion says.
static void publish(const struct layout *table, uint32_t version_hex)
{
    struct fake *fake = &process.fake;
    mx_addr at = process.runtime;
    memcpy(fake_at(fake, at, 8), "xdebugpy", 8);
    fake_field(fake, at, table->debug_version, version_hex);
    fake_field(fake, at, table->debug_free_threaded, table->free_threaded);
#define FIELD(name, ...)
#define SIZE(name, ...)
#define CONST(name, ...)
#define DEBUG(name, path) fake_field(fake, at, table->debug_##name, (uint64_t)table->name);
#include "layout/fields.def"
#undef FIELD
#undef SIZE
#undef CONST
#undef DEBUG
    mx_addr sys = word_at(&fake->decoder, process.interp + (uint64_t)table->interp_sysdict);
    mx_addr number = dict_get(&fake->decoder, sys, "hexversion");
    fake_field32(fake, number, table->long_digits, version_hex);
}

static mx_status find(void)
{
    memory_forget(&process.fake.memory);
    return runtime_find(&process.fake.memory, &maps, 812, PATH, true, &found, &error);
}

// Tables that a fake process can be made of, and told apart by: those of builds with the lock.
#define FOR_EACH_TABLE(table)                                                                      \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (const struct layout *table = layout_at(i_);                                           \
             table && !table->free_threaded && !table->debug && (setup(table), true);              \
             teardown(), table = NULL)

static bool publishes(const struct layout *table)
{
    return table->debug_offsets_size != ABSENT;
}

static void test_a_cpython_without_symbols_is_found_by_what_its_data_looks_like(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        if (publishes(table))
            publish(table, table->version_hex);
        assert_int_equal(find(), MX_OK);
        assert_int_equal(found.addr, process.runtime);
        assert_int_equal(found.type_type, fake_type(&process.fake, "type"));
        assert_int_equal(found.version_hex, table->version_hex);
        assert_string_equal(found.file, PATH);
        assert_ptr_equal(found.layout, table);
        assert_true(found.verified);
        assert_false(found.debug);
        assert_int_equal(found.others, 0);
    }
}

static void test_a_newer_micro_version_needs_no_table(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        uint32_t newer = table->version_hex | 0xFF00; // 3.14.255
        if (!publishes(table))
            continue;
        publish(table, newer);
        assert_int_equal(find(), MX_OK);
        assert_int_equal(found.version_hex, newer);
        assert_non_null(strstr(found.python, ".255"));
        assert_int_equal(found.layout->version_hex >> 16, newer >> 16);
        assert_true(found.verified);
    }
}

static void test_a_newer_micro_version_with_moved_members_is_read_but_not_verified(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        if (!publishes(table))
            continue;
        publish(table, table->version_hex | 0xFF00);
        // Eight bytes more behind the last member that anybody looks at.
        fake_field(&process.fake, process.runtime, table->debug_interp_size,
                   (uint64_t)table->interp_size + 8);
        assert_int_equal(find(), MX_OK);
        assert_int_equal(found.layout->interp_size % 8, 0);
        assert_false(found.verified);
    }
}

static void test_a_newer_minor_version_is_read_with_the_newest_table_but_not_verified(void **state)
{
    (void)state;
    const struct layout *newest = NULL;
    for (size_t i = 0; i < layout_count(); i++)
        if (!layout_at(i)->free_threaded && !layout_at(i)->debug)
            newest = layout_at(i);
    setup(newest);
    publish(newest, 0x031000f0); // 3.16.0
    assert_int_equal(find(), MX_OK);
    assert_string_equal(found.python, "3.16.0");
    assert_ptr_equal(found.layout, newest);
    assert_false(found.verified);
    teardown();
}

static void test_two_more_words_before_every_object_are_no_cpython_that_is_known(void **state)
{
    (void)state;
    FOR_EACH_TABLE(table)
    {
        // ob_type where --with-trace-refs has it.
        mx_addr type = fake_type(&process.fake, "type");
        fake_word(&process.fake, type + (uint64_t)table->object_type, 0);
        assert_int_equal(find(), MX_NOT_PYTHON);
    }
}

static void test_any_bytes_are_survived(void **state)
{
    (void)state;
    srand(1);
    FOR_EACH_TABLE(table)
    {
        if (publishes(table))
            publish(table, table->version_hex);
        for (int round = 0; round < 5; round++) {
            for (int k = 0; k < 3000; k++)
                fake_word(&process.fake, FAKE_START + 8 * ((uint64_t)rand() % (FAKE_NBYTES / 8)),
                          rand() % 2 ? process.interp : (uint64_t)rand() << 20);
            mx_status status = find();
            assert_true(status != MX_OK || found.layout);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cpython_without_symbols_is_found_by_what_its_data_looks_like),
        cmocka_unit_test(test_a_newer_micro_version_needs_no_table),
        cmocka_unit_test(test_a_newer_micro_version_with_moved_members_is_read_but_not_verified),
        cmocka_unit_test(test_a_newer_minor_version_is_read_with_the_newest_table_but_not_verified),
        cmocka_unit_test(test_two_more_words_before_every_object_are_no_cpython_that_is_known),
        cmocka_unit_test(test_any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
