// questions.h - every public question about a heap, asked; for the fuzzing tests.
#ifndef MX_TESTS_QUESTIONS_H
#define MX_TESTS_QUESTIONS_H

#include "heap/heap.h"

// Asks about `most` objects spread over the heap, about all types and threads. Fails the test when
// an answer breaks a promise of memexplorer.h: text that is not UTF-8, an index out of range.
void ask_everything(mx_heap *heap, uint32_t most);

// A small generator of numbers that is the same everywhere (xorshift64*).
static inline uint64_t dice(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Dull;
}

#endif
