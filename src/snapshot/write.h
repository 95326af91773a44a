// write.h - what writer.c, write_tables.c and write_texts.c share. Nobody else includes it.
#ifndef MX_SNAPSHOT_WRITE_H
#define MX_SNAPSHOT_WRITE_H

#include "base/map.h"
#include "base/vector.h"
#include "snapshot/file.h"
#include "snapshot/output.h"

struct text_tables {
    struct wire_out strings;
    VECTOR(uint64_t) firsts; // of each string in `strings`
    struct map by_hash;      // hash -> number + 1
    VECTOR(uint32_t) shapes; // labels, one after the other
    struct listed {
        uint64_t offset, count;
    } * listed;
    size_t listed_count, listed_capacity;
    struct map listed_by_hash; // hash -> place in `listed` + 1
};

// What is left for the thread that has time. Its bytes were malloc'ed, and go with it.
struct later {
    enum format_number section;
    struct column column; // to be packed, or of bytes that are written as they are
    bool rising, as_is;
};
#define MOST_LATER 4

struct writing {
    const struct snapshot *snapshot;
    const struct snapshot_source *source;
    struct snapshot_answers answers;
    struct snapshot_options options;
    struct output output;
    struct text_tables tables;
    int next_column; // of the graph: packed by several threads
    struct later later[MOST_LATER];
    size_t later_count, next_later;
    bool no_more_later;
    pthread_cond_t later_changed;
    mx_status failed;
    struct mx_error failure;
    pthread_mutex_t mutex;
};

// Packs the column, unless it is smaller as it is, and adds it. Any thread.
mx_status write_column(struct writing *writing, enum format_number section,
                       const struct column *column, bool rising, struct mx_error *err);
mx_status write_records(struct writing *writing, enum format_number section, struct wire_out *out,
                        struct mx_error *err);

// At most MOST_LATER times.
void write_later(struct writing *writing, const struct later *later);

// write_texts.c
mx_status write_texts(struct writing *writing, struct mx_error *err);
mx_status write_labels(struct writing *writing, struct mx_error *err);
mx_status write_strings(struct writing *writing, struct mx_error *err);
void tables_free(struct text_tables *tables);

// write_tables.c: everything else; before write_strings.
mx_status write_tables(struct writing *writing, struct mx_error *err);

#endif
