// file.c - opens a snapshot file: the header, the section table, the columns.
//
// A hostile file may have any bytes anywhere. Sections are within the file, columns within their sections;
// numbers are looked at when they are read. Sections of records and small columns are held against
// their checksums at once; the others page by page, when they are read (pieces.h), so that opening takes no
// longer for a large file.
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "snapshot/file_inside.h"

#define CHECKED_AT_ONCE (16ull << 20) // bytes of sections, 2 ms: files of small heaps, as a whole

mx_status fail_damaged(const struct snapshot_file *file, const char *what, struct mx_error *err)
{
    return fail(err, MX_CORRUPT, "%.300s: this snapshot is damaged (%s); capture it again",
                file->path, what);
}

// ---- strings ----------------------------------------------------------------------------------

struct wire_in file_records(const struct snapshot_file *file, enum format_number section)
{
    const struct file_section *records = &file->sections[section];
    if (!file_section_is_right(records))
        return (struct wire_in){records->bytes, records->bytes, true};
    return (struct wire_in){records->bytes, records->bytes + records->nbytes, false};
}

const uint8_t *file_string_bytes(const struct snapshot_file *file, uint64_t number,
                                 uint64_t *ret_nbytes)
{
    if (number >= UINT32_MAX || number + 1 >= file->string_first.count)
        return NULL;
    uint64_t first = column_at(&file->string_first, number);
    uint64_t end = column_at(&file->string_first, number + 1);
    const struct file_section *strings = &file->sections[SECTION_strings];
    if (first >= end || !file_may_read(strings, first, end - first) || strings->bytes[end - 1] != 0)
        return NULL;
    *ret_nbytes = end - first - 1;
    return strings->bytes + first;
}

static bool is_clean(const uint8_t *bytes, uint64_t nbytes)
{
    for (uint64_t i = 0; i < nbytes;) {
        uint8_t byte = bytes[i];
        size_t more = byte < 0x80       ? 0
                      : byte >> 5 == 6  ? 1
                      : byte >> 4 == 14 ? 2
                      : byte >> 3 == 30 ? 3
                                        : 9;
        if (byte < ' ' || byte == 0x7F || more >= nbytes - i)
            return false;
        for (i++; more; more--, i++)
            if (bytes[i] >> 6 != 2)
                return false;
    }
    return true;
}

const char *file_string(const struct snapshot_file *file, uint64_t number)
{
    uint64_t nbytes;
    const uint8_t *bytes = file_string_bytes(file, number, &nbytes);
    return bytes && is_clean(bytes, nbytes) ? (const char *)bytes : "?";
}

// ---- the header -------------------------------------------------------------------------------

static mx_status fail_open(const struct snapshot_file *file, struct mx_error *err)
{
    return fail(err,
                errno == ENOENT   ? MX_NOT_FOUND
                : errno == EACCES ? MX_PERMISSION
                                  : MX_IO,
                "%.300s: cannot be opened: %s", file->path, strerror(errno));
}

static mx_status map_file(struct snapshot_file *file, int fd, struct mx_error *err)
{
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0)
        return fail_open(file, err);
    if (!S_ISREG(facts.st_mode) || (size_t)facts.st_size < sizeof(struct format_header))
        return fail(err, MX_BAD_ARGUMENT,
                    "%.300s: is not a snapshot; 'memexplorer capture' writes one", file->path);
    file->mapped_nbytes = (uint64_t)facts.st_size;
    void *mapped = mmap(NULL, file->mapped_nbytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
        return fail(err, MX_IO, "%.300s: cannot be mapped: %s", file->path, strerror(errno));
    file->mapped = mapped;
    return MX_OK;
}

static mx_status check_header(const struct snapshot_file *file, struct format_header *ret,
                              struct mx_error *err)
{
    struct format_header header;
    memcpy(&header, file->mapped, sizeof header);
    if (memcmp(header.magic, FORMAT_MAGIC, FORMAT_MAGIC_NBYTES) != 0)
        return fail(err, MX_BAD_ARGUMENT,
                    "%.300s: is not a snapshot; 'memexplorer capture' writes one", file->path);
    if (le32toh(header.checksum) != crc32c(0, &header, offsetof(struct format_header, checksum)))
        return fail_damaged(file, "its header", err);
    uint32_t version = le32toh(header.version);
    if (version != FORMAT_VERSION)
        return fail(err, MX_UNSUPPORTED, "%.300s: is of format %u and this program reads %u; %s",
                    file->path, version, FORMAT_VERSION,
                    version > FORMAT_VERSION ? "use a newer memexplorer" : "capture it again");
    uint64_t nbytes = le64toh(header.nbytes), table = le64toh(header.table_offset);
    if (nbytes > file->mapped_nbytes)
        return fail(
            err, MX_CORRUPT, "%.300s: was cut short: %llu of %llu bytes are there; copy it again",
            file->path, (unsigned long long)file->mapped_nbytes, (unsigned long long)nbytes);
    uint32_t count = le32toh(header.section_count);
    if (nbytes != file->mapped_nbytes || count > LIMIT_SECTIONS || table % 8 ||
        table < sizeof header || table > nbytes ||
        nbytes - table != count * sizeof(struct format_section) ||
        le32toh(header.table_checksum) != crc32c(0, file->mapped + table, nbytes - table))
        return fail_damaged(file, "its table of sections", err);
    *ret = header;
    return MX_OK;
}

// ---- columns ----------------------------------------------------------------------------------

mx_status file_column(const struct snapshot_file *file, enum format_number section, uint64_t count,
                      uint64_t most, struct column *ret, struct mx_error *err)
{
    const struct file_section *bytes = &file->sections[section];
    if (bytes->count != count ||
        !column_from_file(ret, (enum column_encoding)bytes->encoding, count, bytes->bytes,
                          bytes->nbytes, most, bytes->right ? NULL : &bytes->pieces))
        return fail_damaged(file, format_name(section), err);
    return MX_OK;
}

static mx_status open_graph(struct snapshot_file *file, struct mx_error *err)
{
    struct snapshot *s = &file->snapshot;
    uint64_t objects = s->object_count, objects1 = objects + 1, references = s->reference_count;
    uint64_t last_object = objects ? objects - 1 : 0;
    const struct {
        struct column *column;
        uint64_t count, most;
    } made[] = {
        {&s->address, objects, UINT64_MAX >> 3},
        {&s->type, objects, s->type_count ? s->type_count - 1 : 0},
        {&s->size, objects, UINT64_MAX >> 8}, // sums of all do not wrap around
        {&s->extra, objects, UINT64_MAX >> 8},
        {&s->refcount, objects, INT64_MAX},
        {&s->unexplained, objects, UINT64_MAX},
        {&s->possible, objects, UINT64_MAX},
        {&s->flags, objects, UINT8_MAX},
        {&s->generation, objects, SNAPSHOT_NO_GENERATION},
        {&s->first, objects1, references},
        {&s->target, references, last_object},
        {&s->hold, references, MX_WEAK},
        {&s->referrer_first, objects1, references},
        {&s->referrer, references, last_object},
        {&s->referrer_hold, references, MX_WEAK},
        {&s->dominator, objects, objects},
        {&s->retained, objects, UINT64_MAX},
    };
    _Static_assert(sizeof made / sizeof *made == SECTION_info, "every column of the graph");
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        mx_status status = file_column(file, (enum format_number)i, made[i].count, made[i].most,
                                       made[i].column, err);
        if (status)
            return status;
    }
    return (objects && !s->type_count) || (references && !objects)
               ? fail_damaged(file, "objects without types", err)
               : MX_OK;
}

static mx_status open_others(struct snapshot_file *file, struct mx_error *err)
{
    const struct snapshot *s = &file->snapshot;
    uint64_t objects = s->object_count, blocks = file->sections[SECTION_block_address].count;
    uint64_t strings = file->sections[SECTION_string_first].count;
    file->snapshot.block_count = blocks;
    mx_status status =
        file_column(file, SECTION_string_first, strings, file->sections[SECTION_strings].nbytes,
                    &file->string_first, err);
    if (!status)
        status = file_column(file, SECTION_text_first, objects + 1,
                             file->sections[SECTION_texts].nbytes, &file->text_first, err);
    if (!status)
        status = file_column(file, SECTION_kind, objects, strings, &file->kind, err);
    if (!status)
        status = file_column(file, SECTION_shape, objects, UINT32_MAX, &file->shape, err);
    if (!status)
        status =
            file_column(file, SECTION_block_address, blocks, UINT64_MAX, &file->block_address, err);
    if (!status)
        status =
            file_column(file, SECTION_block_nbytes, blocks, UINT64_MAX, &file->block_nbytes, err);
    if (!status)
        status = file_column(file, SECTION_block_owner, blocks, objects, &file->block_owner, err);
    if (!status)
        status =
            file_column(file, SECTION_block_words, blocks, UINT32_MAX, &file->block_words, err);
    return status;
}

// ---- the file ---------------------------------------------------------------------------------

static mx_status open_mapped(struct snapshot_file *file, uint64_t at_once, struct mx_error *err)
{
    struct format_header header = {0};
    file->damage.path = file->path;
    file->snapshot.damage = &file->damage;
    mx_status status = check_header(file, &header, err);
    if (status)
        return status;
    file->flags = le32toh(header.flags);
    status = file_find_sections(file, &header, at_once, err);
    if (!status)
        status = file_read_info(file, err);
    if (!status)
        status = open_others(file, err);
    if (!status)
        status = file_read_tables(file, err);
    if (!status)
        status = open_graph(file, err);
    if (!status)
        file_add_texts(file);
    return status;
}

// `fd` is open, or says why not in errno.
static mx_status open_descriptor(const char *path, int fd, uint64_t at_once,
                                 struct snapshot_file **ret, struct mx_error *err)
{
    struct snapshot_file *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        return fail_no_memory(err);
    }
    mx_status status = map_file(file, fd, err);
    if (!status)
        status = open_mapped(file, at_once, err);
    if (status) {
        file_free(file);
        return status;
    }
    *ret = file;
    return MX_OK;
}

mx_status file_open_some(const char *path, uint64_t at_once, struct snapshot_file **ret,
                         struct mx_error *err)
{
    cleanup(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return open_descriptor(path, fd, at_once, ret, err);
}

mx_status file_open(const char *path, struct snapshot_file **ret, struct mx_error *err)
{
    return file_open_some(path, CHECKED_AT_ONCE, ret, err);
}

mx_status file_read_back(const char *path, int fd, struct mx_error *err)
{
    struct snapshot_file *file;
    mx_status status = open_descriptor(path, fd, UINT64_MAX, &file, err);
    if (!status)
        file_free(file);
    return status;
}

void file_free(struct snapshot_file *file)
{
    if (!file)
        return;
    file_free_tables(file);
    if (file->unpacked)
        munmap(file->unpacked, file->unpacked_nbytes);
    if (file->mapped)
        munmap((void *)(uintptr_t)file->mapped, file->mapped_nbytes);
    free(file->piece_states);
    free(file->path);
    free(file);
}

const struct snapshot *file_snapshot(const struct snapshot_file *file)
{
    return &file->snapshot;
}

bool file_is_redacted(const struct snapshot_file *file)
{
    return file->flags & FORMAT_REDACTED;
}

bool file_is_snapshot(const char *path)
{
    char magic[FORMAT_MAGIC_NBYTES];
    cleanup(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts;
    return fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
           read(fd, magic, sizeof magic) == sizeof magic &&
           memcmp(magic, FORMAT_MAGIC, sizeof magic) == 0;
}
