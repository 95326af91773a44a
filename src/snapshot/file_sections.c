// file_sections.c - where each section of a file is, and is it what was written?
//
// Sections are within the file and hang on its header by their checksums. Knows no meaning of any of them.
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "snapshot/file_inside.h"
#include "snapshot/output.h"

static int number_of(const char *name)
{
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++)
        if (strncmp(name, format_name((enum format_number)i), FORMAT_NAME_NBYTES) == 0)
            return i;
    return -1; // of a newer program, which says more
}

// What follows a section of so many bytes: their checksums, 8-aligned.
static bool find_checksums(struct snapshot_file *file, struct file_section *section,
                           const uint8_t *end)
{
    uint64_t room = (uint64_t)(end - section->stored), nbytes = section->stored_nbytes;
    uint64_t sums_nbytes = 4 * piece_count(nbytes), before = (nbytes + 7) & ~7ull;
    if (before > room || sums_nbytes > room - before)
        return false;
    section->pieces.bytes = section->stored;
    section->pieces.nbytes = nbytes;
    section->pieces.checksums = section->stored + before;
    section->pieces.damage = &file->damage;
    return crc32c(0, section->pieces.checksums, sums_nbytes) == section->checksum;
}

static mx_status find_sections(struct snapshot_file *file, const struct format_header *header,
                               struct mx_error *err)
{
    uint64_t table = le64toh(header->table_offset);
    for (uint32_t i = 0; i < le32toh(header->section_count); i++) {
        struct format_section entry;
        memcpy(&entry, file->mapped + table + i * sizeof entry, sizeof entry);
        int number = number_of(entry.name);
        uint64_t offset = le64toh(entry.offset), nbytes = le64toh(entry.nbytes);
        if (number < 0)
            continue;
        struct file_section *section = &file->sections[number];
        if (section->stored || offset % 8 || offset < sizeof *header || offset > table ||
            nbytes > table - offset || le32toh(entry.encoding) >= COLUMN_ENCODINGS ||
            (!(file->flags & FORMAT_COMPRESSED) && le64toh(entry.raw_nbytes) != nbytes))
            return fail_damaged(file, format_name((enum format_number)number), err);
        *section = (struct file_section){file->mapped + offset,
                                         le64toh(entry.raw_nbytes),
                                         le64toh(entry.count),
                                         le32toh(entry.encoding),
                                         file->mapped + offset,
                                         nbytes,
                                         le32toh(entry.checksum),
                                         {0},
                                         false};
        section->pieces.section = format_name((enum format_number)number);
        if (!find_checksums(file, section, file->mapped + table))
            return fail_damaged(file, format_name((enum format_number)number), err);
    }
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++)
        if (!file->sections[i].stored)
            return fail_damaged(file, format_name((enum format_number)i), err);
    return MX_OK;
}

static mx_status make_states(struct snapshot_file *file, struct mx_error *err)
{
    uint64_t count = 0;
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++)
        count += piece_count(file->sections[i].stored_nbytes);
    uint8_t *states = file->piece_states = calloc(count + 1, 1);
    if (!states)
        return fail_no_memory(err);
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++) {
        file->sections[i].pieces.states = states;
        states += piece_count(file->sections[i].stored_nbytes);
    }
    return MX_OK;
}

bool file_section_is_right(const struct file_section *section)
{
    return file_may_read(section, 0, section->stored_nbytes);
}

static bool is_records(int number)
{
    switch (number) {
    case SECTION_info:
    case SECTION_types:
    case SECTION_roots:
    case SECTION_root_references:
    case SECTION_threads:
    case SECTION_told_roots:
    case SECTION_unlikely:
    case SECTION_block_texts:
        return true;
    }
    return false;
}

// A file that is looked at as a whole need not be in memory as a whole. Its pages are read again when wanted.
static void let_go(const struct snapshot_file *file, const struct file_section *section)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t first = (uint64_t)(section->stored - file->mapped) / page * page;
    uint64_t end = (uint64_t)(section->stored - file->mapped) + section->stored_nbytes;
    madvise((void *)(uintptr_t)(file->mapped + first), end - first, MADV_DONTNEED);
}

// Records that are read when a file is opened, and as many others as take no time.
static mx_status check_checksums(struct snapshot_file *file, uint64_t at_once, struct mx_error *err)
{
    uint64_t left = file->flags & FORMAT_COMPRESSED ? UINT64_MAX : at_once;
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++) {
        struct file_section *section = &file->sections[i];
        bool checked = is_records(i) || section->stored_nbytes <= left;
        if (checked && !(section->right = file_section_is_right(section)))
            return fail_damaged(file, format_name((enum format_number)i), err);
        if (checked && !is_records(i))
            left -= section->stored_nbytes;
        if (at_once == UINT64_MAX)
            let_go(file, section);
    }
    return MX_OK;
}

// ---- compressed files ---------------------------------------------------------------------------

static mx_status unpack(struct snapshot_file *file, struct mx_error *err)
{
    uint64_t most = LIMIT_UNPACKED_FACTOR * file->mapped_nbytes, total = 0;
    most = most > LIMIT_UNPACKED_LEAST ? most : LIMIT_UNPACKED_LEAST;
    if (!zstd_is_there)
        return fail(err, MX_UNSUPPORTED, "%.300s: is compressed, and this build is without zstd",
                    file->path);
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++) {
        if (file->sections[i].nbytes > most - total)
            return fail(err, MX_LIMIT, "%.300s: would take more than %llu bytes unpacked",
                        file->path, (unsigned long long)most);
        total += (file->sections[i].nbytes + 7) & ~7ull;
        total = total > most ? most : total;
    }
    file->unpacked_nbytes = total + 8 * FORMAT_SECTION_COUNT;
    void *room = mmap(NULL, file->unpacked_nbytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return fail_no_memory(err);
    file->unpacked = room;
    uint8_t *at = room;
    for (int i = 0; i < FORMAT_SECTION_COUNT; i++) {
        struct file_section *section = &file->sections[i];
        if (!zstd_unpack(section->stored, section->stored_nbytes, at, section->nbytes))
            return fail_damaged(file, format_name((enum format_number)i), err);
        section->bytes = at;
        at += (section->nbytes + 7) & ~7ull;
    }
    return MX_OK;
}

mx_status file_find_sections(struct snapshot_file *file, const struct format_header *header,
                             uint64_t at_once, struct mx_error *err)
{
    mx_status status = find_sections(file, header, err);
    if (!status)
        status = make_states(file, err);
    if (!status)
        status = check_checksums(file, at_once, err);
    if (!status && file->flags & FORMAT_COMPRESSED)
        status = unpack(file, err);
    return status;
}
