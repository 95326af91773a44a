// save.h - private to the files that give a live heap to a snapshot file.
//
//   save.c: answers, and the order of it all   save_texts.c: texts and kinds   save_labels.c: shapes
#ifndef MX_HEAP_SAVE_H
#define MX_HEAP_SAVE_H

#include "decode/values.h"
#include "heap/columns.h"
#include "snapshot/file.h"

// A list of labels that was met before, as the decoder tells it.
struct met_shape {
    uint64_t first, count; // in `words`
    uint64_t shape;
};

struct saver {
    struct visitor visitor; // first: save_labels.c
    struct mx_heap *heap;
    const struct snapshot *snapshot;
    struct given *given; // save.c
    uint64_t most_value;
    uint8_t *forms;   // [types of the snapshot], enum text_form
    uint8_t *by_type; // [types of the decoder], the same
    // save_labels.c
    struct edge *edges; // of one object
    size_t edge_count, edge_capacity;
    bool uncertain;         // one of them is only possible
    bool failed;            // out of memory
    VECTOR(uint64_t) words; // of all shapes met: kind and detail of each edge
    VECTOR(struct met_shape) met;
    struct map met_by_hash; // -> place in met + 1
    VECTOR(struct unlikely) unlikely;
    uint64_t dropped; // recorded references before this object that are none
    char *texts;      // of the labels of one object
    size_t text_capacity;
};

enum text_form save_form(void *saver, uint32_t type, char *kind, size_t nbytes);
void save_text(void *saver, uint32_t object, struct text_tables *tables, struct wire_out *ret);
bool save_kind(void *saver, uint32_t object, char *buffer, size_t nbytes);
bool saver_init_forms(struct saver *saver);

uint64_t save_shape(void *saver, uint32_t object, struct text_tables *tables, bool redact);
const struct unlikely *save_unlikely(void *saver, size_t *ret_count);
void saver_init_labels(struct saver *saver);
void saver_free_labels(struct saver *saver);

#endif
