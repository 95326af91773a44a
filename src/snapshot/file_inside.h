// file_inside.h - an open file, for file.c, file_tables.c, file_texts.c and file_answers.c alone.
#ifndef MX_SNAPSHOT_FILE_INSIDE_H
#define MX_SNAPSHOT_FILE_INSIDE_H

#include "snapshot/file.h"
#include "snapshot/format.h"

struct file_section {
    const uint8_t *bytes;
    uint64_t nbytes, count;
    uint32_t encoding;
    const uint8_t *stored; // as it is in the file
    uint64_t stored_nbytes;
    uint32_t checksum;
};

struct snapshot_file {
    struct snapshot snapshot;
    char *path;
    const uint8_t *mapped;
    uint64_t mapped_nbytes;
    uint8_t *unpacked; // what was compressed
    uint64_t unpacked_nbytes;
    uint32_t flags;
    bool large_statics;
    struct file_section sections[FORMAT_SECTION_COUNT];
    struct column string_first, text_first, kind, shape;
    struct column block_address, block_nbytes, block_owner, block_words;
    struct snapshot_type *types;
    struct mx_type *type_stats;
    uint8_t *forms;     // [types], enum text_form
    const char **kinds; // [types]
    struct snapshot_root *roots;
    struct snapshot_root_reference *root_references;
    const char **root_labels;
    struct mx_thread *threads;
    struct mx_frame *frames;
    struct block_texts {
        const char *allocator, *holder;
    } * block_texts;
    size_t block_text_count;
    struct stored_root *told_roots;
    size_t told_root_count;
    struct stored_unlikely *unlikely;
    size_t unlikely_count;
    uint8_t *label_kinds; // [references], file_make_labels
    uint32_t *label_numbers;
    const char **label_names;
};

// The string, "?" when there is none of that number or it is not clean UTF-8.
const char *file_string(const struct snapshot_file *file, uint64_t number);
// Its bytes, whatever they are; NULL when there is none.
const uint8_t *file_string_bytes(const struct snapshot_file *file, uint64_t number,
                                 uint64_t *ret_nbytes);
struct wire_in file_records(const struct snapshot_file *file, enum format_number section);
mx_status fail_damaged(const struct snapshot_file *file, const char *what, struct mx_error *err);
// A column of the file; `count` is how many numbers it must have.
mx_status file_column(const struct snapshot_file *file, enum format_number section, uint64_t count,
                      uint64_t most, struct column *ret, struct mx_error *err);

// file_tables.c
mx_status file_read_info(struct snapshot_file *file, struct mx_error *err);
mx_status file_read_tables(struct snapshot_file *file, struct mx_error *err);
void file_free_tables(struct snapshot_file *file);

// file_texts.c
void file_add_texts(struct snapshot_file *file);

#endif
