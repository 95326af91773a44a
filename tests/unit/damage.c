// damage.c - bytes that nobody wrote, with checksums that are right.
#include "damage.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "questions.h"
#include "snapshot/format.h"
#include "snapshot/pieces.h"

uint8_t *damage_load(const char *path, size_t *ret_nbytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *ret_nbytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*ret_nbytes + 1);
    assert_int_equal(fread(bytes, 1, *ret_nbytes, file), *ret_nbytes);
    fclose(file);
    return bytes;
}

void damage_store(const char *path, const uint8_t *bytes, size_t nbytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    fclose(file);
}

void damage_mend_header(uint8_t *bytes)
{
    struct format_header header;
    memcpy(&header, bytes, sizeof header);
    uint64_t table = le64toh(header.table_offset), nbytes = le64toh(header.nbytes);
    header.table_checksum = htole32(crc32c(0, bytes + table, nbytes - table));
    header.checksum = htole32(crc32c(0, &header, offsetof(struct format_header, checksum)));
    memcpy(bytes, &header, sizeof header);
}

void damage_mend(uint8_t *bytes)
{
    struct format_header header;
    memcpy(&header, bytes, sizeof header);
    for (uint32_t i = 0; i < le32toh(header.section_count); i++) {
        struct format_section entry;
        uint8_t *at = bytes + le64toh(header.table_offset) + i * sizeof entry;
        memcpy(&entry, at, sizeof entry);
        uint64_t section_nbytes = le64toh(entry.nbytes);
        uint8_t *section = bytes + le64toh(entry.offset);
        uint8_t *sums = section + ((section_nbytes + 7) & ~7ull);
        pieces_sum(section, section_nbytes, sums);
        entry.checksum = htole32(crc32c(0, sums, 4 * piece_count(section_nbytes)));
        memcpy(at, &entry, sizeof entry);
    }
    damage_mend_header(bytes);
}

void damage_randomly(uint8_t *bytes, size_t nbytes, int round, uint64_t *seed)
{
    struct format_header header;
    memcpy(&header, bytes, sizeof header);
    uint64_t table = le64toh(header.table_offset);
    for (uint64_t i = 0, changes = 1 + dice(seed) % 12; i < changes; i++) {
        uint64_t at = sizeof header + dice(seed) % (nbytes - sizeof header);
        if (round % 4 == 0) // one of the columns' or sections' own numbers
            at = table + dice(seed) % (nbytes - table);
        if (at >= table &&
            (round % 4 ||
             (round % 8 && (at - table) % sizeof(struct format_section) < FORMAT_NAME_NBYTES)))
            continue; // a section without its name is missing: that is noticed at once
        bytes[at] = (uint8_t)(round % 3 ? dice(seed) : 0xFF);
    }
    if (round % 4)
        damage_mend(bytes);
    else
        damage_mend_header(bytes);
}
