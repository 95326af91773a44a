// sink.c - bytes in a buffer that is handed on when it is full; texts quoted for JSON, CSV and DOT.
#include "query/sink.h"

#include <errno.h>

#include "base/error.h"

#define REPLACEMENT "\xEF\xBF\xBD" // U+FFFD

void sink_init(struct sink *sink, mx_write_fn *write, void *data)
{
    sink->write = write;
    sink->data = data;
    sink->written = sink->used = 0;
    sink->failed = 0;
}

void sink_flush(struct sink *sink)
{
    if (sink->used && !sink->failed) {
        errno = 0;
        if (!sink->write(sink->buffer, sink->used, sink->data))
            sink->failed = errno ? errno : EIO;
    }
    sink->used = 0;
}

mx_status sink_finish(struct sink *sink, struct mx_error *err)
{
    sink_flush(sink);
    if (!sink->failed)
        return MX_OK;
    return fail(err, MX_IO, "the export could not be written: %s", strerror(sink->failed));
}

void sink_bytes(struct sink *sink, const char *bytes, size_t nbytes)
{
    sink->written += nbytes;
    while (nbytes) {
        if (sink->used == SINK_NBYTES)
            sink_flush(sink);
        size_t room = SINK_NBYTES - sink->used, part = nbytes < room ? nbytes : room;
        memcpy(sink->buffer + sink->used, bytes, part);
        sink->used += part;
        bytes += part;
        nbytes -= part;
    }
}

void sink_number(struct sink *sink, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    sink_bytes(sink, digits + at, sizeof digits - at);
}

void sink_signed(struct sink *sink, int64_t number)
{
    if (number < 0)
        sink_char(sink, '-');
    sink_number(sink, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void sink_address(struct sink *sink, mx_addr address)
{
    char digits[18];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[address % 16];
        address /= 16;
    } while (address);
    digits[--at] = 'x';
    digits[--at] = '0';
    sink_bytes(sink, digits + at, sizeof digits - at);
}

// ---- UTF-8 --------------------------------------------------------------------------------------

size_t utf8_character(const char *bytes, size_t nbytes)
{
    const unsigned char *c = (const unsigned char *)bytes;
    if (!nbytes)
        return 0;
    if (c[0] < 0x80)
        return 1;
    size_t count = c[0] >= 0xC2 && c[0] <= 0xDF   ? 2
                   : c[0] >= 0xE0 && c[0] <= 0xEF ? 3
                   : c[0] >= 0xF0 && c[0] <= 0xF4 ? 4
                                                  : 0;
    if (!count || count > nbytes)
        return 0;
    for (size_t i = 1; i < count; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xF0 && c[1] < 0x90);
    bool surrogate = c[0] == 0xED && c[1] >= 0xA0;
    bool beyond = c[0] == 0xF4 && c[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : count;
}

size_t utf8_cut(const char *bytes, size_t nbytes)
{
    size_t end = nbytes;
    while (end && nbytes - end < 4 && ((unsigned char)bytes[end - 1] & 0xC0) == 0x80)
        end--;
    // `end` is behind the lead byte of the last character, which may be all there or not.
    if (!end || (unsigned char)bytes[end - 1] < 0x80)
        return nbytes;
    return utf8_character(bytes + end - 1, nbytes - end + 1) ? nbytes : end - 1;
}

// ---- quoting ------------------------------------------------------------------------------------

typedef void escape_fn(struct sink *sink, unsigned char c);

// Calls `escape` for the ASCII characters for which `special` says so; all else is copied.
static void sink_escaped(struct sink *sink, const char *bytes, size_t nbytes,
                         const bool special[128], escape_fn *escape)
{
    size_t from = 0, at = 0;
    while (at < nbytes) {
        unsigned char c = (unsigned char)bytes[at];
        size_t count = c < 0x80 ? !special[c] : utf8_character(bytes + at, nbytes - at);
        if (count) {
            at += count;
            continue;
        }
        sink_bytes(sink, bytes + from, at - from);
        if (c < 0x80)
            escape(sink, c);
        else
            sink_text(sink, REPLACEMENT);
        from = ++at;
    }
    sink_bytes(sink, bytes + from, at - from);
}

static void escape_json(struct sink *sink, unsigned char c)
{
    if (c == '"' || c == '\\') {
        sink_char(sink, '\\');
        sink_char(sink, (char)c);
        return;
    }
    sink_text(sink, "\\u00");
    sink_char(sink, "0123456789abcdef"[c >> 4]);
    sink_char(sink, "0123456789abcdef"[c & 15]);
}

void sink_json(struct sink *sink, const char *bytes, size_t nbytes)
{
    static const bool special[128] = {
        [0 ... 0x1F] = true, ['"'] = true, ['\\'] = true, [0x7F] = true};
    sink_char(sink, '"');
    sink_escaped(sink, bytes, nbytes, special, escape_json);
    sink_char(sink, '"');
}

// A field ends at a NUL in many readers, and a carriage return alone is a line break in others.
static void escape_csv(struct sink *sink, unsigned char c)
{
    if (c == '"')
        sink_text(sink, "\"\"");
    else
        sink_text(sink, REPLACEMENT);
}

void sink_csv(struct sink *sink, const char *bytes, size_t nbytes)
{
    static const bool special[128] = {['\0'] = true, ['"'] = true};
    bool quoted = false;
    for (size_t i = 0; i < nbytes && !quoted; i++)
        quoted = bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\r' || bytes[i] == '\n';
    if (quoted)
        sink_char(sink, '"');
    sink_escaped(sink, bytes, nbytes, special, escape_csv);
    if (quoted)
        sink_char(sink, '"');
}

static void escape_dot(struct sink *sink, unsigned char c)
{
    if (c == '"' || c == '\\') {
        sink_char(sink, '\\');
        sink_char(sink, (char)c);
    } else {
        sink_text(sink, c == '\n' ? "\\n" : " ");
    }
}

void sink_dot(struct sink *sink, const char *bytes, size_t nbytes)
{
    static const bool special[128] = {
        [0 ... 0x1F] = true, ['"'] = true, ['\\'] = true, [0x7F] = true};
    sink_escaped(sink, bytes, nbytes, special, escape_dot);
}
