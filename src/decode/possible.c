// possible.c - memory that nobody described: words of C structs and variables, and what they point to.
//
//   word --> object                          a possible reference
//   word --> the characters of a str         the same: a C string that an object keeps alive
//   word --> block --> block --> ...         tables, arrays and nodes, word by word, each block once
//
// An allocator bounds the blocks; what it does not know is left out, and so is a block that an object
// begins in: that object tells of it itself.
#include "decode/decoder.h"

// A struct, its table, the table's buckets, a bucket's value: deeper lie other people's data.
#define LIMIT_DEPTH 4
// More than this is pixels or numbers: 32 million references are 256 MiB.
#define LIMIT_BLOCK (256ull << 20)

struct block {
    mx_addr start, at, end;
};

// Does an object lie in the block, behind the heads that its type has?
static bool holds_object(struct decoder *decoder, mx_addr block)
{
    struct header header;
    for (uint32_t prefix = 0; prefix <= 32; prefix += 16)
        if (object_header(decoder, block + prefix, &header) &&
            object_prefix(decoder, block + prefix, decoder->types[header.type]) == prefix)
            return true;
    return false;
}

static bool block_open(struct decoder *decoder, mx_addr addr, struct visitor *visitor,
                       struct block *ret)
{
    if (addr % 16)
        return false; // what every allocator here aligns to
    uint64_t nbytes = decoder->block_nbytes(decoder->block_data, addr);
    if (nbytes < 8 || nbytes > LIMIT_BLOCK || holds_object(decoder, addr) ||
        !visitor->claim(visitor, addr, CLAIM_BLOCK))
        return false;
    *ret = (struct block){addr, addr, addr + (nbytes & ~7ull)};
    return true;
}

static void block_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    struct block blocks[LIMIT_DEPTH];
    int depth = block_open(decoder, addr, visitor, &blocks[0]);
    while (depth) {
        struct block *block = &blocks[depth - 1];
        if (block->at >= block->end || !decoder_take(decoder, 1)) {
            depth--;
            continue;
        }
        struct header header;
        struct edge edge = {word_at(decoder, block->at), block->at - block->start, EDGE_BLOCK,
                            HOLD_POSSIBLE, false};
        block->at += 8;
        if (!edge.to || edge.to % 8)
            continue;
        if (object_header(decoder, edge.to, &header))
            visitor->edge(visitor, edge);
        else if (depth < LIMIT_DEPTH && block_open(decoder, edge.to, visitor, &blocks[depth]))
            depth++;
    }
}

// The str or bytes whose characters begin here: add_docstring of NumPy keeps a str for the C string
// in it that a type or method then points to (numpy/_core/src/multiarray/compiled_base.c).
mx_addr object_of_characters(struct decoder *decoder, mx_addr addr)
{
    const struct layout *l = decoder->layout;
    struct header header;
    mx_addr str = addr - (uint64_t)l->ascii_size, bytes = addr - (uint64_t)l->bytes_data;
    if (object_header(decoder, str, &header) && decoder->types[header.type]->family == FAMILY_STR &&
        str_is_ascii(decoder, str))
        return str;
    if (object_header(decoder, bytes, &header) &&
        decoder->types[header.type]->family == FAMILY_BYTES)
        return bytes;
    return 0;
}

void possible_visit(struct decoder *decoder, struct edge edge, struct visitor *visitor)
{
    struct header header;
    if (!object_header(decoder, edge.to, &header)) {
        mx_addr object = object_of_characters(decoder, edge.to);
        if (!object && visitor->claim && decoder->block_nbytes)
            block_visit(decoder, edge.to, visitor);
        if (!object)
            return;
        edge.to = object;
    }
    visitor->edge(visitor, edge);
}
