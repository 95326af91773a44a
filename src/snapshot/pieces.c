// pieces.c - a checksum for each page of a section.
#include "snapshot/pieces.h"

#include <endian.h>
#include <string.h>

#include "base/error.h"
#include "snapshot/format.h"

static uint32_t sum_of(const uint8_t *bytes, uint64_t nbytes, uint64_t piece)
{
    uint64_t from = piece << PIECE_LOG2, left = nbytes - from;
    return htole32(crc32c(0, bytes + from, left < PIECE_NBYTES ? left : PIECE_NBYTES));
}

bool piece_check(const struct pieces *pieces, uint64_t piece)
{
    if (__atomic_load_n(&pieces->states[piece], __ATOMIC_RELAXED) == PIECE_WRONG)
        return false;
    uint32_t sum = sum_of(pieces->bytes, pieces->nbytes, piece);
    bool right = memcmp(&sum, pieces->checksums + 4 * piece, sizeof sum) == 0;
    const char *none = NULL;
    if (!right)
        __atomic_compare_exchange_n(&pieces->damage->section, &none, pieces->section, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    __atomic_store_n(&pieces->states[piece], right ? PIECE_RIGHT : PIECE_WRONG, __ATOMIC_RELAXED);
    return right;
}

void pieces_sum(const uint8_t *bytes, uint64_t nbytes, uint8_t *ret_checksums)
{
    for (uint64_t piece = 0; piece < piece_count(nbytes); piece++) {
        uint32_t sum = sum_of(bytes, nbytes, piece);
        memcpy(ret_checksums + 4 * piece, &sum, sizeof sum);
    }
}

mx_status snapshot_answered(const struct snapshot *s, mx_status status, struct mx_error *err)
{
    const char *section = s->damage ? __atomic_load_n(&s->damage->section, __ATOMIC_RELAXED) : NULL;
    return section
               ? fail(err, MX_CORRUPT, "%.300s: this snapshot is damaged (%s); capture it again",
                      s->damage->path, section)
               : status;
}
