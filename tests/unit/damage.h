// damage.h - snapshot files with bytes that nobody wrote, and every question asked of them.
#ifndef MX_TESTS_DAMAGE_H
#define MX_TESTS_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint8_t *damage_load(const char *path, size_t *ret_nbytes); // freed by free
void damage_store(const char *path, const uint8_t *bytes, size_t nbytes);

// Makes checksums right again, so that what is left is what a hostile file has: those of the table and
// the header, or all of them. Sections must lie within the file.
void damage_mend_header(uint8_t *bytes);
void damage_mend(uint8_t *bytes);

// Random bytes anywhere behind the header, mended; each `round` is another kind of damage.
void damage_randomly(uint8_t *bytes, size_t nbytes, int round, uint64_t *seed);

#endif
