// test_snapshot.c - columns, and snapshot files: what was written is read, and what is damaged harms nobody.
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "damage.h"
#include "fake_snapshot.h"
#include "questions.h"
#include "snapshot/file_inside.h"

#define OBJECTS 600

static char directory[64];
static char path[128];

// ---- columns ----------------------------------------------------------------------------------

static void expect_packs(const uint64_t *numbers, uint64_t count, bool rising)
{
    struct column plain = {
        .count = count, .bytes = (const uint8_t *)numbers, .encoding = COLUMN_U64};
    struct column packed;
    uint8_t *bytes;
    uint64_t nbytes, read[700];
    assert_int_equal(column_pack(&plain, rising, &bytes, &nbytes, NULL), MX_OK);
    assert_true(column_from_file(&packed, COLUMN_PACKED, count, bytes, nbytes, UINT64_MAX, NULL));
    assert_true(column_check(&packed));
    for (uint64_t i = 0; i < count; i++)
        if (column_at(&packed, i) != numbers[i])
            fail_msg("number %llu: %llx is not %llx", (unsigned long long)i,
                     (unsigned long long)column_at(&packed, i), (unsigned long long)numbers[i]);
    for (uint64_t at = 0; at + 700 <= count; at += 333) {
        column_read(&packed, at, 700, read);
        assert_memory_equal(read, numbers + at, sizeof read);
    }
    free(bytes);
}

static void test_packed_numbers_are_those_that_were_packed(void **state)
{
    static uint64_t numbers[5000];
    uint64_t seed = 4711;
    for (int kind = 0; kind < 14; kind++) {
        uint64_t sum = kind < 7 ? 0 : UINT64_MAX - 100;
        for (size_t i = 0; i < 5000; i++) {
            uint64_t random = dice(&seed);
            switch (kind % 7) {
            case 0:
                numbers[i] = random;
                break; // as wide as can be
            case 1:
                numbers[i] = random % 3 ? 7 : random % 1000;
                break;
            case 2:
                numbers[i] = sum += random % 50;
                break; // wraps around when it starts high
            case 3:
                numbers[i] = (random % 9) * 1000003;
                break;
            case 4:
                numbers[i] = random % 40 ? i * 16 : random;
                break; // exceptions
            case 5:
                numbers[i] = kind;
                break;
            case 6:
                numbers[i] = i % 300 < 150 ? 5 : UINT64_MAX - (random & 3);
                break;
            }
        }
        for (uint64_t count = 0; count < 5000; count = count * 3 + 1)
            expect_packs(numbers, count, kind >= 7);
        expect_packs(numbers, 5000, kind >= 7);
    }
    (void)state;
}

// Whatever the bytes: no read outside of them, no number above the limit.
static void test_hostile_columns_read_as_numbers_within_their_limit(void **state)
{
    uint64_t seed = 99, numbers[1500];
    for (int round = 0; round < 400; round++) {
        uint64_t count = 1 + dice(&seed) % 1500, nbytes = 16 + dice(&seed) % 3000;
        uint8_t *bytes = malloc(nbytes); // exactly: sanitizers notice a read behind it
        for (uint64_t i = 0; i < nbytes; i++)
            bytes[i] = (uint8_t)dice(&seed);
        memcpy(bytes, (uint32_t[]){htole32(6 + round % 4), htole32(round & 1)}, 8);
        if (round % 3 == 0) // descriptors that are nearly right
            for (uint64_t i = 8; i + 8 <= nbytes; i += 8)
                memset(bytes + i + 1, 0, 4);
        struct column column;
        if (column_from_file(&column, COLUMN_PACKED, count, bytes, nbytes, 1000, NULL)) {
            for (uint64_t i = 0; i < count; i++)
                assert_true(column_at(&column, i) <= 1000);
            column_read(&column, 0, count, numbers);
            for (uint64_t i = 0; i < count; i++)
                assert_int_equal(numbers[i], column_at(&column, i));
            column_check(&column);
        }
        free(bytes);
    }
    (void)state;
}

static void test_columns_that_are_too_short_are_refused(void **state)
{
    static const uint64_t numbers[4] = {6};
    struct column column;
    const uint8_t *bytes = (const uint8_t *)numbers;
    assert_false(column_from_file(&column, COLUMN_U32, 9, bytes, 32, 5, NULL));
    assert_true(column_from_file(&column, COLUMN_U32, 8, bytes, 32, 5, NULL));
    assert_int_equal(column_at(&column, 0), 0); // 6 is above the limit
    assert_false(column_from_file(&column, COLUMN_U64, UINT64_MAX / 2, bytes, 32, 5, NULL));
    assert_false(column_from_file(&column, COLUMN_PACKED, 1, bytes, 15, 5, NULL));
    assert_false(column_from_file(&column, COLUMN_PACKED, 1000, bytes, 32, 5, NULL));
    assert_false(column_from_file(&column, COLUMN_PACKED, UINT64_MAX, bytes, 32, 5, NULL));
    (void)state;
}

static void test_crc32c_is_that_of_rfc_3720(void **state)
{
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
    (void)state;
}

// ---- files ------------------------------------------------------------------------------------

static mx_status write_fake(uint32_t objects, const struct snapshot_options *options,
                            struct snapshot_sizes *sizes, struct mx_error *err)
{
    struct fake_snapshot fake;
    fake_snapshot_init(&fake, objects);
    mx_status status = snapshot_write(&fake.snapshot, &fake.source, path, options, sizes, err);
    fake_snapshot_free(&fake);
    return status;
}

static const struct snapshot_options PLAIN = {.most_value = UINT64_MAX};

static int files_in_directory(void)
{
    int count = 0;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return count;
}

static void expect_equal(const struct snapshot *s, const struct snapshot *other)
{
#define X(name, of, meaning)                                                                       \
    assert_int_equal(s->name.count, other->name.count);                                            \
    for (uint64_t i = 0; i < s->name.count; i++)                                                   \
        assert_int_equal(column_at(&s->name, i), column_at(&other->name, i));
    SNAPSHOT_COLUMNS(X)
#undef X
    assert_int_equal(s->type_count, other->type_count);
    for (size_t i = 0; i < s->type_count; i++) {
        assert_string_equal(s->types[i].name, other->types[i].name);
        assert_int_equal(s->types[i].address, other->types[i].address);
        assert_int_equal(s->types[i].object, other->types[i].object);
        assert_int_equal(s->types[i].base, other->types[i].base);
        assert_int_equal(s->types[i].flags, other->types[i].flags);
        assert_int_equal(s->types[i].family, other->types[i].family);
    }
    assert_int_equal(s->thread_count, other->thread_count);
    assert_int_equal(s->threads[0].native_id, other->threads[0].native_id);
    assert_string_equal(s->threads[0].frames[1].function, other->threads[0].frames[1].function);
    assert_int_equal(s->threads[0].frames[1].line, other->threads[0].frames[1].line);
    assert_string_equal(s->roots[1].name, other->roots[1].name);
    const struct mx_process *process = &s->info.process, *read = &other->info.process;
    assert_int_equal(process->pid, read->pid);
    assert_int_equal(process->rss_bytes, read->rss_bytes);
    assert_true(process->uptime_seconds == read->uptime_seconds);
    assert_string_equal(process->user, read->user);
    assert_string_equal(process->python, read->python);
    assert_string_equal(process->executable, read->executable);
    assert_string_equal(process->cmdline, read->cmdline);
    assert_string_equal(process->problem, read->problem);
    assert_int_equal(s->summary.pause_ns, other->summary.pause_ns);
    assert_int_equal(s->summary.mode, other->summary.mode);
}

static void expect_texts(const struct snapshot *s)
{
    char buffer[256];
    const struct snapshot_texts *texts = &s->texts;
    texts->preview(texts->data, 12, buffer, sizeof buffer);
    assert_string_equal(buffer, "'value 12'");
    texts->preview(texts->data, 13, buffer, sizeof buffer);
    assert_string_equal(buffer, "-13");
    texts->preview(texts->data, 16, buffer, sizeof buffer);
    assert_string_equal(buffer, "b'value 16'");
    texts->preview(texts->data, 17, buffer, sizeof buffer);
    assert_string_equal(buffer, "2.125");
    char expected[64];
    snprintf(expected, sizeof expected, "<app.Node object at 0x%llx>",
             (unsigned long long)snapshot_address(s, 10));
    texts->preview(texts->data, 10, buffer, sizeof buffer);
    assert_string_equal(buffer, expected);
    texts->preview(texts->data, 18, buffer, sizeof buffer);
    snprintf(expected, sizeof expected,
             "<cell at 0x%llx: ", (unsigned long long)snapshot_address(s, 18));
    assert_memory_equal(buffer, expected, strlen(expected));
    texts->kind(texts->data, 100, buffer, sizeof buffer);
    assert_string_equal(buffer, "function f2 at app.py:100");
    texts->kind(texts->data, 18, buffer, sizeof buffer);
    assert_string_equal(buffer, "cell of a closure");
    texts->label(texts->data, 14, column_at(&s->first, 14) + 2, buffer, sizeof buffer);
    assert_string_equal(buffer, "{key 1}");
    assert_int_equal(texts->value(texts->data, 12, buffer, sizeof buffer), 8);
    assert_memory_equal(buffer, "value 12", 8);
    assert_true(texts->value(texts->data, 13, buffer, sizeof buffer) == SNAPSHOT_NO_VALUE);
}

static void test_a_file_is_the_snapshot_that_was_written(void **state)
{
    struct snapshot_options options = PLAIN;
    for (int compressed = 0; compressed < 2; compressed++) {
        struct fake_snapshot fake;
        struct snapshot_file *file;
        struct snapshot_sizes sizes;
        struct stat facts;
        options.compress = compressed;
        fake_snapshot_init(&fake, OBJECTS);
        assert_int_equal(snapshot_write(&fake.snapshot, &fake.source, path, &options, &sizes, NULL),
                         MX_OK);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_size, sizes.all);
        assert_int_equal(facts.st_mode & 0777, 0600);
        assert_true(file_is_snapshot(path));
        assert_int_equal(file_open(path, &file, NULL), MX_OK);
        assert_int_equal(file_verify(file, NULL), MX_OK);
        expect_equal(&fake.snapshot, file_snapshot(file));
        expect_texts(file_snapshot(file));
        uint32_t found;
        assert_true(
            snapshot_find(file_snapshot(file), snapshot_address(&fake.snapshot, 77), &found));
        assert_int_equal(found, 77);
        assert_false(
            snapshot_find(file_snapshot(file), snapshot_address(&fake.snapshot, 77) + 8, &found));
        struct stored_cycles cycles;
        assert_int_equal(file_cycles(file, true, &cycles, NULL), MX_OK);
        assert_int_equal(cycles.answer.count, 1);
        assert_int_equal(cycles.groups[0].addresses[2], 0x3f80020);
        assert_string_equal(cycles.groups[0].steps[1].label, ".back");
        stored_cycles_free(&cycles);
        file_free(file);
        fake_snapshot_free(&fake);
    }
    assert_int_equal(files_in_directory(), 1);
    (void)state;
}

static void test_snapshots_of_few_objects_or_none(void **state)
{
    for (uint32_t objects = 0; objects < 5; objects++) {
        struct snapshot_file *file;
        struct mx_error err = {0};
        assert_int_equal(write_fake(objects, &PLAIN, NULL, NULL), MX_OK);
        if (file_open(path, &file, &err))
            fail_msg("%s", err.message);
        if (file_verify(file, &err))
            fail_msg("%u objects: %s", objects, err.message);
        read_everything(file);
        file_free(file);
    }
    (void)state;
}

static void test_redacted_files_have_no_values(void **state)
{
    struct snapshot_options options = {.redact = true, .most_value = UINT64_MAX};
    struct snapshot_file *file;
    char buffer[256];
    size_t nbytes;
    assert_int_equal(write_fake(OBJECTS, &options, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    assert_null(memmem(bytes, nbytes, "value 12", 8));
    assert_null(memmem(bytes, nbytes, "hunter2", 7));
    free(bytes);
    assert_int_equal(file_open(path, &file, NULL), MX_OK);
    assert_true(file_is_redacted(file));
    const struct snapshot_texts *texts = &file_snapshot(file)->texts;
    texts->preview(texts->data, 12, buffer, sizeof buffer);
    assert_string_equal(buffer, "<str>");
    texts->preview(texts->data, 13, buffer, sizeof buffer);
    assert_string_equal(buffer, "<int>");
    assert_true(texts->value(texts->data, 12, buffer, sizeof buffer) == SNAPSHOT_NO_VALUE);
    assert_string_equal(file_snapshot(file)->info.process.cmdline, "");
    file_free(file);
    (void)state;
}

// ---- damage -----------------------------------------------------------------------------------

static void expect_refused(mx_status status, const char *part)
{
    struct snapshot_file *file;
    struct mx_error err = {0};
    assert_int_equal(file_open(path, &file, &err), status);
    if (!strstr(err.message, part) || !strstr(err.message, path) || strchr(err.message, '\n'))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void test_what_is_no_snapshot_is_said_in_one_line(void **state)
{
    uint8_t other[200] = "SQLite format 3";
    damage_store(path, other, sizeof other);
    assert_false(file_is_snapshot(path));
    expect_refused(MX_BAD_ARGUMENT, "is not a snapshot");
    damage_store(path, other, 0);
    expect_refused(MX_BAD_ARGUMENT, "is not a snapshot");
    unlink(path);
    expect_refused(MX_NOT_FOUND, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0); // opening one waits for nobody
    expect_refused(MX_BAD_ARGUMENT, "is not a snapshot");
    unlink(path);
    (void)state;
}

static void test_a_file_that_was_cut_short_says_so(void **state)
{
    size_t nbytes;
    assert_int_equal(write_fake(OBJECTS, &PLAIN, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    for (size_t cut = sizeof(struct format_header); cut < nbytes; cut += 1 + cut / 40) {
        damage_store(path, bytes, cut);
        expect_refused(MX_CORRUPT, "cut short");
    }
    bytes[nbytes] = 0;
    damage_store(path, bytes, nbytes + 1);
    expect_refused(MX_CORRUPT, "damaged");
    free(bytes);
    (void)state;
}

static void test_any_flipped_bit_of_a_small_file_is_noticed(void **state)
{
    size_t nbytes;
    uint64_t seed = 5;
    assert_int_equal(write_fake(60, &PLAIN, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    struct snapshot_file *file;
    size_t padding = 0;
    for (size_t at = 0; at < nbytes; at += 1 + dice(&seed) % 5) {
        uint8_t bit = (uint8_t)(1 << dice(&seed) % 8);
        bytes[at] ^= bit;
        damage_store(path, bytes, nbytes);
        if (!file_open(path, &file, NULL)) { // a byte between two sections is nobody's
            padding++;
            assert_int_equal(bytes[at] ^ bit, 0);
            file_free(file);
        }
        bytes[at] ^= bit;
    }
    assert_true(padding < nbytes / 20);
    free(bytes);
    (void)state;
}

// What a large file is, whose pages are looked at when they are read: whatever bit is flipped, what is read
// is what was written, or it is known that it is not.
static void test_no_answer_comes_from_damaged_bytes(void **state)
{
    size_t nbytes, opened = 0, told = 0, unread = 0;
    uint64_t seed = 17;
    assert_int_equal(write_fake(3000, &PLAIN, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    struct snapshot_file *file;
    assert_int_equal(file_open_some(path, 0, &file, NULL), MX_OK);
    uint64_t sum = read_everything(file);
    assert_int_equal(snapshot_answered(file_snapshot(file), MX_OK, NULL), MX_OK);
    file_free(file);
    for (int round = 0; round < 600; round++) {
        size_t at = sizeof(struct format_header) + dice(&seed) % (nbytes - 64);
        uint8_t bit = (uint8_t)(1 << dice(&seed) % 8);
        struct mx_error err = {0};
        bytes[at] ^= bit;
        damage_store(path, bytes, nbytes);
        mx_status status = file_open_some(path, 0, &file, &err);
        if (!status) {
            opened++;
            uint64_t found = read_everything(file);
            status = snapshot_answered(file_snapshot(file), MX_OK, &err);
            if (!status && found != sum)
                fail_msg("byte %zu of %zu: read as if it were right", at, nbytes);
            told += status != MX_OK;
            unread += status == MX_OK;
            if ((bytes[at] ^ bit) != 0) // else it may be padding, which is nobody's
                assert_int_equal(file_verify(file, NULL), MX_CORRUPT);
            file_free(file);
        }
        assert_true(!status || (status == MX_CORRUPT && strstr(err.message, "damaged")));
        bytes[at] ^= bit;
    }
    assert_true(told > 200 && unread > 5 && opened < 600);
    free(bytes);
    (void)state;
}

static void test_a_newer_format_is_refused_by_name(void **state)
{
    size_t nbytes;
    assert_int_equal(write_fake(OBJECTS, &PLAIN, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    bytes[offsetof(struct format_header, version)] = FORMAT_VERSION + 1;
    damage_mend_header(bytes);
    damage_store(path, bytes, nbytes);
    expect_refused(MX_UNSUPPORTED, "use a newer memexplorer");
    free(bytes);
    (void)state;
}

// Random bytes in every section, checksums right: opened or refused, everything read is within limits.
static void fuzz(uint32_t objects, bool compress, int rounds, uint64_t seed)
{
    struct snapshot_options options = PLAIN;
    size_t nbytes;
    options.compress = compress;
    assert_int_equal(write_fake(objects, &options, NULL, NULL), MX_OK);
    uint8_t *whole = damage_load(path, &nbytes), *bytes = malloc(nbytes);
    int opened = 0;
    for (int round = 0; round < rounds; round++) {
        struct snapshot_file *file;
        memcpy(bytes, whole, nbytes);
        damage_randomly(bytes, nbytes, round, &seed);
        damage_store(path, bytes, nbytes);
        if (file_open(path, &file, NULL))
            continue;
        opened++;
        read_everything(file);
        file_verify(file, NULL);
        file_free(file);
    }
    assert_true(compress || opened > rounds / 20);
    free(bytes);
    free(whole);
}

static void test_hostile_files_do_no_harm(void **state)
{
    fuzz(300, false, 1500, 1);
    fuzz(3, false, 300, 2);
    fuzz(300, true, 200, 3);
    (void)state;
}

static void test_a_compressed_file_that_claims_too_much_is_refused(void **state)
{
    struct snapshot_options options = {.compress = true, .most_value = UINT64_MAX};
    size_t nbytes;
    assert_int_equal(write_fake(OBJECTS, &options, NULL, NULL), MX_OK);
    uint8_t *bytes = damage_load(path, &nbytes);
    struct format_header header;
    memcpy(&header, bytes, sizeof header);
    uint64_t huge = htole64(1ull << 40);
    memcpy(bytes + le64toh(header.table_offset) + offsetof(struct format_section, raw_nbytes),
           &huge, 8);
    damage_mend_header(bytes);
    damage_store(path, bytes, nbytes);
    expect_refused(MX_LIMIT, "unpacked");
    free(bytes);
    (void)state;
}

// ---- writing ----------------------------------------------------------------------------------

static void test_what_was_there_stays_when_writing_fails(void **state)
{
    struct rlimit before, little = {5000, 0};
    struct mx_error err;
    size_t nbytes;
    damage_store(path, (const uint8_t *)"old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    mx_status status = write_fake(OBJECTS, &PLAIN, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, MX_IO);
    assert_non_null(strstr(err.message, "ulimit"));
    uint8_t *bytes = damage_load(path, &nbytes);
    assert_int_equal(nbytes, 3);
    free(bytes);
    assert_int_equal(files_in_directory(), 1);
    (void)state;
}

static void test_places_that_cannot_be_written_are_said(void **state)
{
    struct mx_error err;
    char good[128];
    snprintf(good, sizeof good, "%s", path);
    snprintf(path, sizeof path, "%s/nowhere/file", directory);
    assert_int_equal(write_fake(3, &PLAIN, NULL, &err), MX_IO);
    assert_non_null(strstr(err.message, "No such file"));
    snprintf(path, sizeof path, "%s/", directory);
    assert_int_equal(write_fake(3, &PLAIN, NULL, &err), MX_BAD_ARGUMENT);
    snprintf(path, sizeof path, "/dev/null");
    assert_int_equal(write_fake(3, &PLAIN, NULL, &err), MX_BAD_ARGUMENT);
    snprintf(path, sizeof path, "%s", good);
    (void)state;
}

// A process that is killed at any moment leaves a whole file or none.
static void test_a_kill_leaves_no_half_file(void **state)
{
    for (int round = 0; round < 12; round++) {
        unlink(path);
        pid_t child = fork();
        if (child == 0) {
            write_fake(OBJECTS, &PLAIN, NULL, NULL);
            _exit(0);
        }
        usleep((useconds_t)round * 700);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct snapshot_file *file;
        if (access(path, F_OK) == 0) {
            assert_int_equal(file_open(path, &file, NULL), MX_OK);
            file_free(file);
        }
    }
    (void)state;
}

// ---- all of them ------------------------------------------------------------------------------

static int set_up(void **state)
{
    (void)state;
    // Where there is one, a filesystem in memory: files are synced.
    snprintf(directory, sizeof directory, "%s/mx-snapshot-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/heap.mxs", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed_numbers_are_those_that_were_packed),
        cmocka_unit_test(test_hostile_columns_read_as_numbers_within_their_limit),
        cmocka_unit_test(test_columns_that_are_too_short_are_refused),
        cmocka_unit_test(test_crc32c_is_that_of_rfc_3720),
        cmocka_unit_test(test_a_file_is_the_snapshot_that_was_written),
        cmocka_unit_test(test_snapshots_of_few_objects_or_none),
        cmocka_unit_test(test_redacted_files_have_no_values),
        cmocka_unit_test(test_what_is_no_snapshot_is_said_in_one_line),
        cmocka_unit_test(test_a_file_that_was_cut_short_says_so),
        cmocka_unit_test(test_any_flipped_bit_of_a_small_file_is_noticed),
        cmocka_unit_test(test_no_answer_comes_from_damaged_bytes),
        cmocka_unit_test(test_a_newer_format_is_refused_by_name),
        cmocka_unit_test(test_hostile_files_do_no_harm),
        cmocka_unit_test(test_a_compressed_file_that_claims_too_much_is_refused),
        cmocka_unit_test(test_what_was_there_stays_when_writing_fails),
        cmocka_unit_test(test_places_that_cannot_be_written_are_said),
        cmocka_unit_test(test_a_kill_leaves_no_half_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
