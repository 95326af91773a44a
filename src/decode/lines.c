// lines.c - from a position in the bytecode to a line of source.
//
//   3.8, 3.9: lnotab {u8 bytes, s8 lines}            Objects/lnotab_notes.txt
//   3.10:     {u8 bytes, s8 lines, -128: no line}    Objects/lnotab_notes.txt, PEP 626
//   3.11 on:  entries of 1 to 8 bytes                Objects/locations.md
#include "decode/decoder.h"

#define LIMIT_LINETABLE (1u << 24)
#define TABLE_PER_ITEM 8 // bytes of a line table that are as much work as one item

struct reader {
    const uint8_t *bytes;
    uint64_t nbytes, at;
};

static uint32_t varint(struct reader *reader)
{
    uint32_t value = 0;
    for (int shift = 0; reader->at < reader->nbytes && shift < 30; shift += 6) {
        uint8_t byte = reader->bytes[reader->at++];
        value |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            break;
    }
    return value;
}

static int64_t signed_varint(struct reader *reader)
{
    uint32_t value = varint(reader);
    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

static int64_t line_lnotab(struct reader *reader, int64_t line, int64_t lasti)
{
    int64_t addr = 0;
    for (; reader->at + 2 <= reader->nbytes; reader->at += 2) {
        addr += reader->bytes[reader->at];
        if (addr > lasti)
            break;
        line += (int8_t)reader->bytes[reader->at + 1];
    }
    return line;
}

static int64_t line_pep626(struct reader *reader, int64_t line, int64_t lasti)
{
    int64_t end = 0;
    for (; reader->at + 2 <= reader->nbytes; reader->at += 2) {
        int8_t delta = (int8_t)reader->bytes[reader->at + 1];
        end += reader->bytes[reader->at];
        if (delta != -128)
            line += delta;
        if (end > lasti)
            return delta == -128 ? 0 : line;
    }
    return line;
}

// Codes of location entries, Include/internal/pycore_code.h, enum _PyCodeLocationInfoKind.
enum { SHORT_LAST = 9, ONE_LINE_0 = 10, ONE_LINE_2 = 12, NO_COLUMNS = 13, LONG = 14, NONE = 15 };

static int64_t line_locations(struct reader *reader, int64_t line, int64_t lasti)
{
    int64_t end = 0;
    while (reader->at < reader->nbytes) {
        uint8_t first = reader->bytes[reader->at++];
        int code = first >> 3 & 15;
        end += 2 * ((first & 7) + 1);
        if (code <= SHORT_LAST) {
            reader->at += 1;
        } else if (code <= ONE_LINE_2) {
            line += code - ONE_LINE_0;
            reader->at += 2;
        } else if (code == NO_COLUMNS) {
            line += signed_varint(reader);
        } else if (code == LONG) {
            line += signed_varint(reader);
            for (int i = 0; i < 3; i++)
                varint(reader);
        }
        if (end > lasti)
            return code == NONE ? 0 : line;
    }
    return line;
}

int code_line(struct decoder *decoder, mx_addr code, int64_t lasti)
{
    const struct layout *l = decoder->layout;
    int64_t line = (int32_t)field32_at(decoder, code, l->code_firstlineno);
    mx_addr table = field_at(decoder, code, l->code_linetable);
    struct reader reader = {0};
    if (!memory_u64(decoder->memory, table + (uint64_t)l->var_size, &reader.nbytes) ||
        reader.nbytes > LIMIT_LINETABLE)
        return 0;
    reader.bytes = memory_at(decoder->memory, table + (uint64_t)l->bytes_data, reader.nbytes);
    if (!reader.bytes)
        return 0;
    if (lasti < 0)
        return line > 0 ? (int)line : 0;
    if (!decoder_take(decoder, 1))
        return 0;
    switch (l->line_shape) {
    case LINES_LNOTAB:
        line = line_lnotab(&reader, line, lasti);
        break;
    case LINES_PEP626:
        line = line_pep626(&reader, line, lasti);
        break;
    case LINES_LOCATIONS:
        line = line_locations(&reader, line, lasti);
        break;
    }
    decoder_take(decoder, reader.at / TABLE_PER_ITEM);
    return line > 0 && line <= INT32_MAX ? (int)line : 0;
}
