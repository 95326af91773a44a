// format.h - a snapshot file, byte by byte; docs/format.md tells the same and a test compares them.
//
//   header | sections, each 8-aligned and followed by the checksums of its pieces | section table
//
// All numbers are little-endian. The header comes last when a file is written: what was cut short has
// none. Knows no meaning: what a section holds is known by its maker.
#ifndef MX_SNAPSHOT_FORMAT_H
#define MX_SNAPSHOT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot/snapshot.h"

// As PNG has it: a transfer that changes line ends, or strips a bit, is noticed.
#define FORMAT_MAGIC "\211MXS\r\n\032\n"
#define FORMAT_MAGIC_NBYTES 8
#define FORMAT_VERSION 2

#define FORMAT_REDACTED (1u << 0)   // made with --redact: no values
#define FORMAT_COMPRESSED (1u << 1) // sections are zstd frames

struct format_header {
    char magic[FORMAT_MAGIC_NBYTES];
    uint32_t version; // a reader refuses one that is greater than its own
    uint32_t flags;
    uint64_t nbytes;       // of the whole file
    uint64_t table_offset; // of the section table
    uint32_t section_count;
    uint32_t table_checksum;
    uint32_t reserved[5];
    uint32_t checksum; // of the header before it
};
_Static_assert(sizeof(struct format_header) == 64, "no padding");

#define FORMAT_NAME_NBYTES 24
struct format_section {
    char name[FORMAT_NAME_NBYTES]; // padded with zeros
    uint64_t offset;
    uint64_t nbytes;     // in the file, without checksums
    uint64_t raw_nbytes; // when it is not compressed
    uint64_t count;      // of a column: numbers
    uint32_t encoding;   // of a column: enum column_encoding
    uint32_t checksum;   // of the checksums of its pieces, which follow its bytes (pieces.h)
};
_Static_assert(sizeof(struct format_section) == 64, "no padding");

// Every section that is not a column of the graph: X(name, what it holds).
#define FORMAT_SECTIONS(X)                                                                         \
    X(info, "what the process was, how it was read, counts, and totals")                           \
    X(types, "a record for each type")                                                             \
    X(roots, "a record for each root")                                                             \
    X(root_references, "a record for each reference of a root")                                    \
    X(told_roots, "a record for each reference from outside, as `show` tells it")                  \
    X(threads, "a record for each thread, with its frames")                                        \
    X(block_address, "column: address of each block")                                              \
    X(block_nbytes, "column: its bytes")                                                           \
    X(block_owner, "column: the object that owns it + 1, 0 for none")                              \
    X(block_words, "column: its allocator and holder, a record of block_texts")                    \
    X(block_texts, "pairs of allocator and holder")                                                \
    X(string_first, "column: where each string begins, and one more")                              \
    X(strings, "the strings, each ended by NUL")                                                   \
    X(text_first, "column: where each object's text begins, and one more")                         \
    X(texts, "what previews are made of")                                                          \
    X(kind, "column: string + 1 of what the object is in words, 0 for that of its type")           \
    X(shape, "column: how the object's references are called")                                     \
    X(shapes, "labels, of 4 bytes each")                                                           \
    X(unlikely, "words that may be references, and that no count asks for")                        \
    X(findings, "the audit's answer")                                                              \
    X(blind_spots, "what was not seen")                                                            \
    X(garbage, "unreachable cycles")                                                               \
    X(garbage_addresses, "column: the objects of their groups")                                    \
    X(cycles, "cycles that are reachable")                                                         \
    X(cycles_addresses, "column: the objects of their groups")

enum format_number {
#define X(name, of, meaning) SECTION_##name,
    SNAPSHOT_COLUMNS(X)
#undef X
#define X(name, meaning) SECTION_##name,
        FORMAT_SECTIONS(X)
#undef X
            FORMAT_SECTION_COUNT
};

#define LIMIT_SECTIONS 256 // of a file: newer minor formats may add some, which are passed over
// A compressed file is unpacked into memory: no more than this, and so many bytes for each of the file.
#define LIMIT_UNPACKED_LEAST (1ull << 30)
#define LIMIT_UNPACKED_FACTOR 256

const char *format_name(enum format_number number);

// crc.c: CRC-32C (Castagnoli), as in RFC 3720; `before` is that of the bytes before, 0 for none.
uint32_t crc32c(uint32_t before, const void *bytes, size_t nbytes);

#endif
