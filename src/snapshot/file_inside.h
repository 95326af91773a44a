// file_inside.h - an open file, for file.c, file_tables.c, file_texts.c and file_answers.c alone.
#ifndef MX_SNAPSHOT_FILE_INSIDE_H
#define MX_SNAPSHOT_FILE_INSIDE_H

#include "snapshot/file.h"
#include "snapshot/format.h"

struct file_section {
    const uint8_t *bytes;
    uint64_t nbytes, count;
    uint32_t encoding;
    const uint8_t *stored; // as it is in the file, and then the checksums of its pieces
    uint64_t stored_nbytes;
    uint32_t checksum; // of those
    struct pieces pieces;
    bool right; // every piece of it
};

struct snapshot_file {
    struct snapshot snapshot;
    char *path;
    struct damage damage;
    uint8_t *piece_states; // of all sections
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
    uint8_t *forms;      // [types], enum text_form
    uint8_t *are_values; // [types], of struct snapshot_stored
    const char **kinds;  // [types]
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

// file_open, which looks at so many bytes of sections at once, apart from records.
mx_status file_open_some(const char *path, uint64_t at_once, struct snapshot_file **ret,
                         struct mx_error *err);

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

// file_sections.c: finds them all, unpacks what is compressed, and looks at records and at `at_once` bytes of
// the others; pages of what is left are looked at when they are read.
mx_status file_find_sections(struct snapshot_file *file, const struct format_header *header,
                             uint64_t at_once, struct mx_error *err);
// May these bytes of the section be read?
static inline bool file_may_read(const struct file_section *section, uint64_t from, uint64_t nbytes)
{
    return section->right || pieces_are_right(&section->pieces, from, nbytes);
}
// Looks at all of it.
bool file_section_is_right(const struct file_section *section);

// file_tables.c
mx_status file_read_info(struct snapshot_file *file, struct mx_error *err);
mx_status file_read_tables(struct snapshot_file *file, struct mx_error *err);
void file_free_tables(struct snapshot_file *file);

// file_references.c: the references of one object, and how they are called.
struct held {
    uint64_t first, count;
    uint64_t shape;
    const uint8_t *marks; // of a listed shape
    const struct file_section *shapes;
    uint64_t mark_count;
};
struct held file_held(const struct snapshot_file *file, uint32_t object);
// How reference k of them is called; *ret_detail is what the kind says.
enum mark_kind file_mark(const struct held *held, uint64_t k, uint64_t *ret_detail);
// The key of the value to which reference k leads; false when it was left out, or k is no value.
bool file_key(const struct snapshot_file *file, const struct held *held, uint64_t k, uint32_t *ret);
static inline uint32_t file_target(const struct snapshot_file *file, const struct held *held,
                                   uint64_t k)
{
    return (uint32_t)column_at(&file->snapshot.target, held->first + k);
}

// file_texts.c
void file_add_texts(struct snapshot_file *file);
static inline enum text_form file_form(const struct snapshot_file *file, uint32_t object)
{
    return (enum text_form)file->forms[column_at(&file->snapshot.type, object)];
}
// The object's text; NULL when it has none.
const uint8_t *file_text(const struct snapshot_file *file, uint32_t object, uint64_t *ret_nbytes);

// file_values.c: as repr() has them. The first bytes of texts say what they are (source.h).
struct text;
void file_show_characters(const uint8_t *bytes, uint64_t nbytes, uint32_t characters,
                          struct text *text);
void file_show_value(const struct snapshot_file *file, uint32_t object, struct text *text);
// UTF-8 with surrogates: the bytes of the character, at least one.
size_t file_character(const uint8_t *bytes, uint64_t nbytes, uint32_t *ret);

// file_preview.c
void file_preview(void *file, uint32_t object, char *buffer, size_t nbytes);

#endif
