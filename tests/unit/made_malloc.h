// made_malloc.h - memory of a malloc made up by hand, and the walk over it.
#ifndef MX_TESTS_MADE_MALLOC_H
#define MX_TESTS_MADE_MALLOC_H

#include "heap/malloc_walk.h"

#define START 0x7f0000000000ull // a multiple of 64 MiB
#define NBYTES 65536

extern const struct layout LAYOUT; // all that the walk asks for
extern uint8_t bytes[NBYTES];      // what is at START
extern struct malloc_walk walk;

void put(uint64_t offset, uint64_t word);
// One mapping of all bytes, of this name in /proc/PID/maps; `end` lets go of it and of the walk.
void begin(const char *name);
void walk_it(void);
void end(void);

#endif
