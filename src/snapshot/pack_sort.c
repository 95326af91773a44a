// pack_sort.c - sorting a few hundred numbers that are close together, or differ in a few bytes.
#include "snapshot/pack_sort.h"

#define DIGITS 256

static void sort_counted(struct sorter *sorter, const uint64_t *numbers, uint32_t count,
                         uint64_t least, uint32_t range)
{
    uint64_t met[COUNTED / 64] = {0}; // a bit for each that there is: few of many, mostly
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t digit = numbers[i] - least;
        sorter->times[digit]++;
        met[digit / 64] |= 1ull << digit % 64;
    }
    for (uint32_t word = 0; word <= range / 64; word++)
        for (uint64_t bits = met[word]; bits; bits &= bits - 1) {
            uint32_t digit = word * 64 + (uint32_t)__builtin_ctzll(bits);
            for (; sorter->times[digit]; sorter->times[digit]--)
                sorter->sorted[filled++] = least + digit;
        }
}

// By their bytes, the lowest first, as far as they differ.
void sorter_sort(struct sorter *sorter, const uint64_t *numbers, uint32_t count, uint64_t least,
                 uint64_t greatest)
{
    uint64_t range = greatest - least;
    if (range < COUNTED) {
        sort_counted(sorter, numbers, count, least, (uint32_t)range);
        return;
    }
    const uint64_t *from = numbers;
    uint64_t *to = sorter->sorted, *other = sorter->scratch;
    for (uint32_t shift = 0; shift < 64 && range >> shift; shift += 8) {
        uint16_t ends[DIGITS + 1] = {0};
        for (uint32_t i = 0; i < count; i++)
            ends[((from[i] - least) >> shift & 0xFF) + 1]++;
        for (uint32_t digit = 0; digit < DIGITS; digit++)
            ends[digit + 1] += ends[digit];
        for (uint32_t i = 0; i < count; i++)
            to[ends[(from[i] - least) >> shift & 0xFF]++] = from[i];
        from = to;
        to = other;
        other = (uint64_t *)(uintptr_t)from;
    }
    if (from != sorter->sorted)
        memcpy(sorter->sorted, from, count * sizeof *from);
}
