// json.c - jansson, with the two things it leaves to us: text that may not be UTF-8, and lists
// that are printed while they are made.
#include "json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "text.h"

#define REAL_DIGITS JSON_REAL_PRECISION(15) // 0.1, where 17 digits say 0.10000000000000001

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (!value) {
        char *clean = text_clean(text);
        value = must(json_string(clean));
        free(clean);
    }
    return value;
}

json_t *json_address(mx_addr address)
{
    return must(json_string(text_address(address).s));
}

json_t *json_refcount(const struct mx_object *object)
{
    return object->immortal ? json_null() : must(json_integer(object->refcount));
}

json_t *json_seconds(double seconds)
{
    double rounded = round(seconds * 1000) / 1000;
    return must(json_real(isfinite(rounded) ? rounded : 0));
}

json_t *json_milliseconds(uint64_t ns)
{
    return json_seconds((double)ns / 1e6);
}

json_t *json_make(const char *key, ...)
{
    json_t *object = must(json_object());
    va_list pairs;
    va_start(pairs, key);
    for (; key; key = va_arg(pairs, const char *))
        if (json_object_set_new(object, key, va_arg(pairs, json_t *)))
            must(NULL);
    va_end(pairs);
    return object;
}

// ---- streams ----------------------------------------------------------------------------------

static void begin_member(struct json_stream *stream, const char *key)
{
    if (stream->filled)
        putchar(',');
    if (stream->depth)
        printf("\n%*s", stream->depth, "");
    if (key)
        printf("\"%s\": ", key);
    stream->filled = true;
}

void json_stream_open(struct json_stream *stream, const char *key, char bracket)
{
    begin_member(stream, key);
    putchar(bracket);
    stream->depth++;
    stream->filled = false;
}

void json_stream_add(struct json_stream *stream, const char *key, json_t *value)
{
    begin_member(stream, key);
    json_dumpf(value, stdout, JSON_ENCODE_ANY | REAL_DIGITS); // ferror(stdout) keeps the failure
    json_decref(value);
}

void json_stream_close(struct json_stream *stream, char bracket)
{
    stream->depth--;
    if (stream->filled)
        printf("\n%*s", stream->depth, "");
    putchar(bracket);
    stream->filled = true;
    if (stream->depth == 0)
        putchar('\n');
}

void json_print(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | REAL_DIGITS);
    putchar('\n');
    json_decref(value);
}
