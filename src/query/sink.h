// sink.h - where an export goes: bytes in a buffer that is handed on when it is full.
//
// Texts are quoted here, for JSON and for CSV: whatever bytes a text has, what comes out is valid
// UTF-8, and one JSON string or one CSV field. A failure is kept and everything after it is
// dropped: it is asked for once, by sink_finish.
#ifndef MX_QUERY_SINK_H
#define MX_QUERY_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "memexplorer.h"

#define SINK_NBYTES (64 * 1024)

struct sink {
    mx_write_fn *write;
    void *data;
    uint64_t written; // bytes that were added
    size_t used;
    int failed; // errno of the first failure; 0
    char buffer[SINK_NBYTES];
};

void sink_init(struct sink *sink, mx_write_fn *write, void *data);
// Hands on what is left. MX_IO when anything could not be written.
mx_status sink_finish(struct sink *sink, struct mx_error *err);
void sink_flush(struct sink *sink);

void sink_bytes(struct sink *sink, const char *bytes, size_t nbytes);
void sink_number(struct sink *sink, uint64_t number);
void sink_signed(struct sink *sink, int64_t number);
void sink_address(struct sink *sink, mx_addr address); // 0x7f3a5c2d1e80

// Between quotes, escaped. Bytes that are not UTF-8 come out as U+FFFD, one for each.
void sink_json(struct sink *sink, const char *bytes, size_t nbytes);
// One field of RFC 4180: between quotes where it needs them. Not UTF-8: as above.
void sink_csv(struct sink *sink, const char *bytes, size_t nbytes);
// What stands between the quotes of a DOT string; a line break is \n.
void sink_dot(struct sink *sink, const char *bytes, size_t nbytes);

static inline void sink_text(struct sink *sink, const char *text)
{
    sink_bytes(sink, text, strlen(text));
}

static inline void sink_char(struct sink *sink, char c)
{
    if (sink->used == SINK_NBYTES)
        sink_flush(sink);
    sink->buffer[sink->used++] = c;
    sink->written++;
}

// How many bytes the character that begins here has; 0 when it is none of UTF-8's.
size_t utf8_character(const char *bytes, size_t nbytes);
// The most bytes, up to `nbytes`, that do not end inside a character.
size_t utf8_cut(const char *bytes, size_t nbytes);

#endif
