// json.h - jansson, with the two things it leaves to us: text that may not be UTF-8, and lists
// that are printed while they are made.
#ifndef MX_CLI_JSON_H
#define MX_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "memexplorer.h"

json_t *json_text(const char *text);   // bytes that are not UTF-8 are written U+FFFD
json_t *json_address(mx_addr address); // "0x7f3a5c2d1e80"
json_t *json_refcount(const struct mx_object *object); // null when immortal
json_t *json_milliseconds(uint64_t ns);
json_t *json_seconds(double seconds); // to a thousandth

// An object with these pairs in this order: json_make("key", json_integer(1), ..., NULL). Takes
// the values.
json_t *json_make(const char *key, ...) __attribute__((sentinel));

// A document printed piece by piece: brackets and commas are ours, values are jansson's.
struct json_stream {
    int depth;
    bool filled; // the list or object that is open has a member
};
// `key` is NULL in a list; `bracket` is '[' or '{'.
void json_stream_open(struct json_stream *stream, const char *key, char bracket);
void json_stream_add(struct json_stream *stream, const char *key, json_t *value); // takes value
void json_stream_close(struct json_stream *stream, char bracket);

// A whole document. Takes it.
void json_print(json_t *value);

#endif
