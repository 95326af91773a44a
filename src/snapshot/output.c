// output.c - a snapshot file, section by section: bytes, then the checksums of their pieces.
#include "snapshot/output.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "snapshot/file.h"

mx_status output_open(struct output *output, const char *path, bool compress, struct mx_error *err)
{
    memset(output, 0, sizeof *output);
    output->compress = compress;
    output->nbytes = sizeof(struct format_header);
    pthread_mutex_init(&output->mutex, NULL);
    return whole_file_open(&output->file, path, err);
}

mx_status output_add(struct output *output, enum format_number section, const void *bytes,
                     uint64_t nbytes, uint32_t encoding, uint64_t count, struct mx_error *err)
{
    cleanup(free_pointer) uint8_t *packed = NULL;
    uint64_t stored = nbytes;
    if (output->compress) {
        mx_status status = zstd_pack(bytes, nbytes, &packed, &stored, err);
        if (status)
            return status;
        bytes = packed;
    }
    uint64_t sums_nbytes = 4 * piece_count(stored);
    cleanup(free_pointer) uint8_t *sums = malloc(sums_nbytes + 1);
    if (!sums)
        return fail_no_memory(err);
    pieces_sum(bytes, stored, sums);
    struct format_section *entry = &output->sections[section];
    snprintf(entry->name, sizeof entry->name, "%s", format_name(section));
    pthread_mutex_lock(&output->mutex);
    uint64_t offset = (output->nbytes + 7) & ~7ull, sums_offset = offset + ((stored + 7) & ~7ull);
    output->nbytes = sums_offset + sums_nbytes;
    pthread_mutex_unlock(&output->mutex);
    entry->offset = htole64(offset);
    entry->nbytes = htole64(stored);
    entry->raw_nbytes = htole64(nbytes);
    entry->count = htole64(count);
    entry->encoding = htole32(encoding);
    entry->checksum = htole32(crc32c(0, sums, sums_nbytes));
    output->added[section] = true;
    output->packed_nbytes[section] = stored + sums_nbytes;
    mx_status status = whole_file_write(&output->file, bytes, stored, offset, err);
    return status ? status : whole_file_write(&output->file, sums, sums_nbytes, sums_offset, err);
}

// ---- the end ----------------------------------------------------------------------------------

// What has been written is a snapshot, as those who read it will see it, and every bit of it is as it was
// when its checksum was made: looked at before an older file is replaced.
static mx_status read_back(const struct output *output, struct mx_error *err)
{
    struct mx_error found = {0};
    mx_status status = file_read_back(output->file.path, output->file.fd, &found);
    return status == MX_OK || status == MX_NO_MEMORY
               ? status
               : fail(err, MX_IO,
                      "%.200s: was not written as it should be; try again, or elsewhere: %.200s",
                      output->file.path, found.message);
}

mx_status output_finish_file(struct output *output, uint32_t flags, struct mx_error *err)
{
    struct format_section table[FORMAT_SECTION_COUNT];
    uint32_t count = 0;
    for (size_t i = 0; i < FORMAT_SECTION_COUNT; i++)
        if (output->added[i])
            table[count++] = output->sections[i];
    uint64_t offset = (output->nbytes + 7) & ~7ull, nbytes = count * sizeof *table;
    struct format_header header = {
        .version = htole32(FORMAT_VERSION),
        .flags = htole32(flags | (output->compress ? FORMAT_COMPRESSED : 0)),
        .nbytes = htole64(offset + nbytes),
        .table_offset = htole64(offset),
        .section_count = htole32(count),
        .table_checksum = htole32(crc32c(0, table, nbytes)),
    };
    memcpy(header.magic, FORMAT_MAGIC, FORMAT_MAGIC_NBYTES);
    header.checksum = htole32(crc32c(0, &header, offsetof(struct format_header, checksum)));
    output->nbytes = offset + nbytes;
    mx_status status = whole_file_write(&output->file, table, nbytes, offset, err);
    if (!status)
        status = whole_file_write(&output->file, &header, sizeof header, 0, err);
    if (!status)
        status = whole_file_sync(&output->file, err);
    if (!status)
        status = read_back(output, err);
    return status ? status : whole_file_publish(&output->file, err);
}

void output_close(struct output *output)
{
    whole_file_close(&output->file);
    pthread_mutex_destroy(&output->mutex);
}
