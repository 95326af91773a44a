// output.h - writing a snapshot file, which is there as a whole or not at all.
#ifndef MX_SNAPSHOT_OUTPUT_H
#define MX_SNAPSHOT_OUTPUT_H

#include <pthread.h>

#include "base/whole_file.h"
#include "snapshot/format.h"
#include "snapshot/pieces.h"

struct output {
    struct whole_file file;
    uint64_t nbytes; // written so far
    struct format_section sections[FORMAT_SECTION_COUNT];
    bool added[FORMAT_SECTION_COUNT];
    uint64_t packed_nbytes[FORMAT_SECTION_COUNT];
    bool compress;
    pthread_mutex_t mutex;
};

mx_status output_open(struct output *output, const char *path, bool compress, struct mx_error *err);
// Any thread. `encoding` and `count` are those of a column, else 0.
mx_status output_add(struct output *output, enum format_number section, const void *bytes,
                     uint64_t nbytes, uint32_t encoding, uint64_t count, struct mx_error *err);
// The whole file under its name, on the disk.
mx_status output_finish_file(struct output *output, uint32_t flags, struct mx_error *err);
// Nothing is left of it, unless it was finished. After output_open, whatever that said.
void output_close(struct output *output);

// zstd.c; zstd_none.c in a library without it. Freed by the caller; MX_UNSUPPORTED, MX_NO_MEMORY.
mx_status zstd_pack(const void *bytes, uint64_t nbytes, uint8_t **ret, uint64_t *ret_nbytes,
                    struct mx_error *err);
// False when it is no zstd frame of exactly so many bytes.
bool zstd_unpack(const void *bytes, uint64_t nbytes, void *ret, uint64_t raw_nbytes);
extern const bool zstd_is_there;

#endif
