// pieces.h - the bytes of a section of a file, each piece of them held against its checksum when it is
// first read.
//
// A file is opened without reading it, and a bit of it that has changed would be a wrong answer. So nothing
// is read that was not looked at: a piece that is damaged reads as zeros and is remembered, and whoever
// makes an answer ends with snapshot_answered. Knows bytes alone. Any thread.
#ifndef MX_SNAPSHOT_PIECES_H
#define MX_SNAPSHOT_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#define PIECE_LOG2 12 // a page: what reading one number has the kernel bring is what is looked at
#define PIECE_NBYTES (1ull << PIECE_LOG2)

enum piece_state { PIECE_UNSEEN, PIECE_RIGHT, PIECE_WRONG };

// What was found to be damaged, of one file.
struct damage {
    const char *path;
    const char *section; // the first one that was noticed; NULL for none. Atomic
};

struct pieces {
    const uint8_t *bytes;
    uint64_t nbytes;
    const uint8_t *checksums; // 4 bytes each, little-endian
    uint8_t *states;          // enum piece_state each. Atomic
    const char *section;
    struct damage *damage;
};

static inline uint64_t piece_count(uint64_t nbytes)
{
    return (nbytes >> PIECE_LOG2) + ((nbytes & (PIECE_NBYTES - 1)) != 0);
}

// Looks at one piece. False when it is damaged.
bool piece_check(const struct pieces *pieces, uint64_t piece);

// May these bytes be read? They lie within the section.
static inline bool pieces_are_right(const struct pieces *pieces, uint64_t from, uint64_t nbytes)
{
    if (!nbytes)
        return true;
    uint64_t last = (from + nbytes - 1) >> PIECE_LOG2;
    for (uint64_t piece = from >> PIECE_LOG2; piece <= last; piece++)
        if (__atomic_load_n(&pieces->states[piece], __ATOMIC_RELAXED) != PIECE_RIGHT &&
            !piece_check(pieces, piece))
            return false;
    return true;
}

// The checksums of all pieces, 4 bytes each.
void pieces_sum(const uint8_t *bytes, uint64_t nbytes, uint8_t *ret_checksums);

#endif
