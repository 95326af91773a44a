// file.h - writing a snapshot to a file, and opening one.
//
//   snapshot + source --snapshot_write--> file --file_open--> snapshot + answers
//
// Opening maps the file and looks at the header, the section table and the small tables: what a file
// has for each object is checked when it is read (column.h, pieces.h). Nothing in a file is believed, so that
// a hostile one gives wrong answers at worst. The file must not change while it is open.
#ifndef MX_SNAPSHOT_FILE_H
#define MX_SNAPSHOT_FILE_H

#include "snapshot/source.h"

struct snapshot_options {
    bool compress;
    bool redact;         // no values, no command line
    uint64_t most_value; // bytes of a str or bytes that are kept; UINT64_MAX for all
    bool plain;          // as mx_save_options has it
};

// Bytes in the file.
struct snapshot_sizes {
    uint64_t graph, labels, texts, all;
};

// Errors name the path: MX_BAD_ARGUMENT, MX_PERMISSION, MX_IO, MX_NO_MEMORY, MX_UNSUPPORTED. Nothing is
// left under the path then that was not there before. ret_sizes may be NULL.
mx_status snapshot_write(const struct snapshot *snapshot, const struct snapshot_source *source,
                         const char *path, const struct snapshot_options *options,
                         struct snapshot_sizes *ret_sizes, struct mx_error *err);

// ---- reading ----------------------------------------------------------------------------------

struct snapshot_file;

// Does the file begin like a snapshot? Says nothing of the rest of it.
bool file_is_snapshot(const char *path);
// Freed by file_free. O(types, roots and threads); compressed: O(its bytes).
mx_status file_open(const char *path, struct snapshot_file **ret, struct mx_error *err);
void file_free(struct snapshot_file *file); // may be NULL
const struct snapshot *file_snapshot(const struct snapshot_file *file);
bool file_is_redacted(const struct snapshot_file *file);
// Is the file that was written a snapshot, and each of its bytes right? O(bytes), 40 ms for 300 MB in
// memory; `path` is for messages.
mx_status file_read_back(const char *path, int fd, struct mx_error *err);
// Every checksum and every number. O(bytes). MX_CORRUPT, naming the section.
mx_status file_verify(const struct snapshot_file *file, struct mx_error *err);

// Fills the columns of labels of the snapshot: O(references), in memory.
mx_status file_make_labels(struct snapshot_file *file, struct mx_error *err);

// ---- stored answers -----------------------------------------------------------------------------

// Instances and bytes of each type, as the snapshot's types are ordered.
const struct mx_type *file_types(const struct snapshot_file *file);
bool file_large_statics(const struct snapshot_file *file);
// *ret is one block, freed by free(); `where` and `type` in it are its own.
mx_status file_findings(const struct snapshot_file *file, struct mx_finding **ret,
                        size_t *ret_count, struct mx_error *err);
mx_status file_blind_spots(const struct snapshot_file *file, struct mx_blind_spots *ret,
                           struct mx_error *err);

// Cycles out of a file; strings are the file's.
struct stored_cycles {
    struct answer_cycles answer;
    struct mx_cycle_group *groups;
    struct mx_cycle_step *steps;
    mx_addr *addresses;
};
mx_status file_cycles(const struct snapshot_file *file, bool garbage, struct stored_cycles *ret,
                      struct mx_error *err);
void stored_cycles_free(struct stored_cycles *cycles);

// References from roots, as mx_heap_referrers tells them, in its order.
struct stored_root {
    uint32_t to;
    uint8_t ownership;
    const char *label, *root;
};
const struct stored_root *file_told_roots(const struct snapshot_file *file, size_t *ret_count);

// Words that may be references of this object, in order; *ret_count is 0 where there are none.
// Strings are the file's.
struct stored_unlikely {
    uint32_t from, to;
    uint64_t before;
    const char *label;
};
const struct stored_unlikely *file_unlikely(const struct snapshot_file *file, size_t *ret_count);

#endif
