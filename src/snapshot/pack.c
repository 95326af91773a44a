// pack.c - numbers in a row to a packed column (packed.h).
//
// A block of numbers is sorted once. What is often among them gets a code of its own; of the rest the
// narrowest window over all but a few is sought, and those few are exceptions. What comes out smallest
// is kept. Which size of blocks suits a column, a sample of it tells.
#include <stdlib.h>

#include "base/error.h"
#include "base/vector.h"
#include "snapshot/column.h"
#include "snapshot/pack_sort.h"

#define OFTEN 3             // times in a block: it may be worth a code of its own
#define SAMPLE_EVERY 61     // of so many groups of numbers one is packed to learn from
#define LEAST_SAMPLED 16384 // numbers: of fewer all are

struct plan {
    struct packed_block facts;
    uint64_t base, slope, cost; // bits
    uint64_t common[PACKED_COMMON];
    uint64_t last; // of the window
};

struct packer {
    VECTOR(uint8_t) bytes;
    uint64_t numbers[PACKED_MOST], rest[PACKED_MOST], codes[PACKED_MOST];
    struct sorter sorter;
    uint32_t count;
    uint64_t least, greatest;
    bool sloped;
    uint32_t place_size;
};

// ---- choosing ---------------------------------------------------------------------------------

static void find_range(struct packer *packer)
{
    packer->least = packer->greatest = packer->numbers[0];
    for (uint32_t i = 1; i < packer->count; i++) {
        uint64_t number = packer->numbers[i];
        packer->least = number < packer->least ? number : packer->least;
        packer->greatest = number > packer->greatest ? number : packer->greatest;
    }
}

// Those that come most often, in `common`; all others in `rest`. Returns how many are in rest.
static uint32_t split_common(struct packer *packer, struct plan *plan)
{
    uint32_t times[PACKED_COMMON], common = 0, count = packer->count, rest = 0;
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && packer->sorter.sorted[end] == packer->sorter.sorted[i];
             end++)
            ;
        if (end - i < OFTEN)
            continue;
        uint32_t at = common;
        for (uint32_t k = 0; common == PACKED_COMMON && k < common; k++)
            at = times[k] < (at < common ? times[at] : end - i) ? k : at;
        if (at == PACKED_COMMON)
            continue;
        common += at == common;
        times[at] = end - i;
        plan->common[at] = packer->sorter.sorted[i];
    }
    plan->facts.common = common;
    if (!common)
        return count;
    for (uint32_t i = 0, end; i < count; i = end) {
        bool taken = false;
        for (uint32_t k = 0; k < common && !taken; k++)
            taken = plan->common[k] == packer->sorter.sorted[i];
        for (end = i; end < count && packer->sorter.sorted[end] == packer->sorter.sorted[i]; end++)
            if (!taken)
                packer->rest[rest++] = packer->sorter.sorted[end];
    }
    return rest;
}

// The narrowest window over all but `left_out` of the sorted numbers.
static void try_window(const struct packer *packer, const uint64_t *sorted, uint32_t count,
                       uint32_t left_out, struct plan *plan)
{
    uint32_t kept = count - left_out, first = 0;
    uint64_t narrowest = UINT64_MAX;
    for (uint32_t i = 0; kept && i <= left_out; i++) {
        uint64_t range = sorted[i + kept - 1] - sorted[i];
        first = range < narrowest ? i : first;
        narrowest = range < narrowest ? range : narrowest;
    }
    if (kept && narrowest >> PACKED_WIDEST)
        return;
    uint64_t codes = plan->facts.common + (kept ? (narrowest >> plan->facts.shift) + 1 : 0);
    bool marked = left_out && codes > 1; // with one code, each place is looked up
    uint32_t width = codes + marked > 1 ? bits_of(codes + marked - 1) : 0;
    uint32_t value = 8 * plan->facts.value_nbytes;
    uint64_t cost = (uint64_t)packer->count * width + (uint64_t)value * plan->facts.common +
                    left_out * (uint64_t)(value + 8 * packer->place_size);
    if (width > PACKED_WIDEST || cost >= plan->cost || left_out > PACKED_MOST_EXCEPTIONS)
        return;
    plan->cost = cost;
    plan->facts.width = width;
    plan->facts.exceptions = left_out;
    plan->base = kept ? sorted[first] : 0;
    plan->last = kept ? sorted[first + kept - 1] : 0;
}

static uint32_t common_shift(const uint64_t *sorted, uint32_t count)
{
    uint64_t differences = 0;
    for (uint32_t i = 1; i < count; i++)
        differences |= sorted[i] ^ sorted[0];
    uint32_t shift = differences ? (uint32_t)__builtin_ctzll(differences) : 0;
    return shift < PACKED_MOST_SHIFT ? shift : PACKED_MOST_SHIFT;
}

static void try_windows(const struct packer *packer, const uint64_t *sorted, uint32_t count,
                        struct plan *plan)
{
    plan->facts.shift = common_shift(sorted, count);
    try_window(packer, sorted, count, 0, plan);
    for (uint32_t left_out = 1; left_out <= count / 3; left_out += 1 + left_out / 2)
        try_window(packer, sorted, count, left_out, plan);
}

static void choose(struct packer *packer, struct plan *ret)
{
    uint32_t count = packer->count;
    find_range(packer);
    uint64_t greatest = packer->greatest;
    struct plan alone = {.cost = UINT64_MAX, .facts.value_nbytes = bytes_of(greatest)};
    if (packer->least == greatest) {
        alone.base = alone.last = greatest;
        alone.cost = 0;
        *ret = alone;
        return;
    }
    sorter_sort(&packer->sorter, packer->numbers, count, packer->least, greatest);
    try_windows(packer, packer->sorter.sorted, count, &alone);
    struct plan shared = {.cost = UINT64_MAX, .facts.value_nbytes = alone.facts.value_nbytes};
    uint32_t rest = alone.facts.width > 1 ? split_common(packer, &shared) : count;
    if (rest < count)
        try_windows(packer, packer->rest, rest, &shared);
    *ret = shared.cost < alone.cost ? shared : alone;
}

// ---- writing ----------------------------------------------------------------------------------

static void put_value(uint8_t **at, uint64_t value, uint32_t nbytes)
{
    uint64_t little = htole64(value);
    memcpy(*at, &little, nbytes);
    *at += nbytes;
}

#define EXCEPTION UINT64_MAX // no code is as wide
#define SLOTS 64

static uint32_t slot_of(uint64_t number)
{
    return (uint32_t)(number * 0x9E3779B97F4A7C15ull >> 58);
}

// Codes of all numbers; returns how many are exceptions. Where the window ends in the midst of equal numbers
// those are fewer than it left out.
static uint32_t find_codes(struct packer *packer, const struct plan *plan)
{
    uint64_t slots[SLOTS] = {0}; // a bit for each common number that may be meant
    uint32_t common = plan->facts.common, shift = plan->facts.shift, exceptions = 0;
    uint64_t base = plan->base, range = plan->last - plan->base;
    for (uint32_t k = 0; k < common; k++)
        slots[slot_of(plan->common[k])] |= 1ull << k;
    for (uint32_t i = 0; i < packer->count; i++) {
        uint64_t number = packer->numbers[i], code = EXCEPTION;
        uint64_t bits = common ? slots[slot_of(number)] : 0;
        while (bits && plan->common[__builtin_ctzll(bits)] != number)
            bits &= bits - 1;
        if (bits)
            code = (uint64_t)__builtin_ctzll(bits);
        else if (number - base <= range && number >= base)
            code = ((number - base) >> shift) + common;
        exceptions += code == EXCEPTION;
        packer->codes[i] = code;
    }
    return exceptions;
}

// Codes of `width` bits, one behind the other; up to 8 bytes behind the last are written, too.
static void put_codes(const uint64_t *codes, uint32_t count, uint32_t width, uint8_t *at)
{
    uint64_t word = 0;
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count; i++) {
        word |= codes[i] << filled;
        uint64_t little = htole64(word);
        memcpy(at, &little, sizeof little); // what is not full yet is written again
        filled += width;
        at += filled / 8;
        word >>= filled & ~7u;
        filled %= 8;
    }
}

static void put_block(struct packer *packer, const struct plan *plan, const uint64_t *whole,
                      uint8_t *at)
{
    uint32_t nbytes = plan->facts.value_nbytes, width = plan->facts.width;
    put_value(&at, plan->base, nbytes);
    if (packer->sloped)
        put_value(&at, plan->slope, 8);
    for (uint32_t k = 0; k < plan->facts.common; k++)
        put_value(&at, plan->common[k], nbytes);
    uint8_t *places = at, *values = places + plan->facts.exceptions * packer->place_size;
    at = values + plan->facts.exceptions * nbytes;
    for (uint32_t i = 0, left = plan->facts.exceptions; left; i++) {
        if (packer->codes[i] != EXCEPTION)
            continue;
        put_value(&places, i, packer->place_size);
        put_value(&values, whole[i], nbytes);
        packer->codes[i] = (1ull << width) - 1;
        left--;
    }
    if (width)
        put_codes(packer->codes, packer->count, width, at);
}

// Bytes of the block that the plan makes.
static uint64_t block_nbytes(const struct packer *packer, const struct plan *plan)
{
    uint32_t nbytes = plan->facts.value_nbytes;
    return nbytes + (packer->sloped ? 8 : 0) + (uint64_t)plan->facts.common * nbytes +
           (uint64_t)plan->facts.exceptions * (packer->place_size + nbytes) +
           ((uint64_t)packer->count * plan->facts.width + 7) / 8;
}

static bool add_raw(struct packer *packer, const uint64_t *whole, uint64_t first,
                    uint64_t *ret_descriptor)
{
    struct packed_block facts = {packer->bytes.count - first, PACKED_RAW, 8, 0, 0, 0};
    if (!vector_reserve(&packer->bytes, packer->bytes.count + 8ull * packer->count))
        return false;
    uint8_t *at = packer->bytes.items + packer->bytes.count;
    for (uint32_t i = 0; i < packer->count; i++)
        put_value(&at, whole[i], 8);
    packer->bytes.count += 8ull * packer->count;
    *ret_descriptor = packed_descriptor(&facts);
    return true;
}

// The numbers less what the slope makes of their place: what lies between the quarters tells it.
static uint64_t take_slope(struct packer *packer)
{
    uint32_t count = packer->count, quarter = count / 4;
    uint64_t *numbers = packer->numbers;
    if (!packer->sloped || count < 4 || numbers[count - 1 - quarter] < numbers[quarter])
        return 0;
    uint64_t rise = numbers[count - 1 - quarter] - numbers[quarter];
    if (rise >> 40)
        return 0;
    uint64_t slope = (rise << SLOPE_BITS) / (count - 1 - 2 * quarter);
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] < slope * i >> SLOPE_BITS)
            return 0;
    for (uint32_t i = 0; i < count; i++)
        numbers[i] -= slope * i >> SLOPE_BITS;
    return slope;
}

// The block of these numbers behind what is there; `first` is where blocks begin.
static bool add_block(struct packer *packer, const uint64_t *whole, uint32_t count, uint64_t first,
                      uint64_t *ret_descriptor)
{
    struct plan plan;
    packer->count = count;
    memcpy(packer->numbers, whole, count * sizeof *whole);
    uint64_t slope = take_slope(packer), greatest = 0;
    choose(packer, &plan);
    plan.slope = slope;
    plan.facts.exceptions = find_codes(packer, &plan);
    for (uint32_t i = 0; slope && i < count; i++) // exceptions are whole numbers
        greatest = whole[i] > greatest ? whole[i] : greatest;
    if (bytes_of(greatest) > plan.facts.value_nbytes)
        plan.facts.value_nbytes = bytes_of(greatest);
    uint64_t nbytes = block_nbytes(packer, &plan);
    if (plan.cost == UINT64_MAX || nbytes > 8ull * count)
        return add_raw(packer, whole, first, ret_descriptor);
    if (!vector_reserve(&packer->bytes, packer->bytes.count + nbytes + PACKED_PADDING))
        return false;
    plan.facts.offset = packer->bytes.count - first;
    put_block(packer, &plan, whole, packer->bytes.items + packer->bytes.count);
    packer->bytes.count += nbytes;
    *ret_descriptor = packed_descriptor(&plan.facts);
    return true;
}

// ---- columns ----------------------------------------------------------------------------------

static void use_blocks_of(struct packer *packer, uint32_t log2_block, bool sloped)
{
    packer->sloped = sloped;
    packer->place_size = log2_block > 8 ? 2 : 1;
    packer->bytes.count = 0;
}

// Bytes that a sample of the column takes in blocks of this size.
static uint64_t sample_nbytes(struct packer *packer, const struct column *plain,
                              uint32_t log2_block, bool sloped)
{
    uint64_t numbers[PACKED_MOST], descriptor, blocks = 0;
    uint64_t step = plain->count > LEAST_SAMPLED ? SAMPLE_EVERY * PACKED_MOST : PACKED_MOST;
    uint32_t block = 1u << log2_block;
    use_blocks_of(packer, log2_block, sloped);
    for (uint64_t group = 0; group + PACKED_MOST <= plain->count; group += step) {
        column_read(plain, group, PACKED_MOST, numbers);
        for (uint32_t i = 0; i < PACKED_MOST; i += block, blocks++)
            if (!add_block(packer, numbers + i, block, 0, &descriptor))
                return UINT64_MAX;
    }
    return packer->bytes.count + 8 * blocks;
}

static bool pack(struct packer *packer, const struct column *plain, uint32_t log2_block,
                 bool sloped)
{
    uint64_t numbers[PACKED_MOST], block = 1ull << log2_block;
    uint64_t blocks = (plain->count + block - 1) >> log2_block, head = PACKED_HEAD + 8 * blocks;
    use_blocks_of(packer, log2_block, sloped);
    if (!vector_reserve(&packer->bytes, head))
        return false;
    uint8_t *at = packer->bytes.items;
    put_value(&at, log2_block, 4);
    put_value(&at, sloped, 4);
    packer->bytes.count = head;
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t descriptor, left = plain->count - i * block;
        uint32_t count = (uint32_t)(left < block ? left : block);
        column_read(plain, i * block, count, numbers);
        if (!add_block(packer, numbers, count, head, &descriptor))
            return false;
        at = packer->bytes.items + PACKED_HEAD + 8 * i;
        put_value(&at, descriptor, 8);
    }
    if (!vector_reserve(&packer->bytes, packer->bytes.count + PACKED_PADDING))
        return false;
    memset(packer->bytes.items + packer->bytes.count, 0, PACKED_PADDING);
    packer->bytes.count += PACKED_PADDING;
    return true;
}

mx_status column_pack(const struct column *plain, bool rising, uint8_t **ret_bytes,
                      uint64_t *ret_nbytes, struct mx_error *err)
{
    struct packer *packer = calloc(1, sizeof *packer);
    if (!packer)
        return fail_no_memory(err);
    uint32_t best = 7;
    bool sloped = false;
    uint64_t least = UINT64_MAX;
    for (uint32_t log2_block = PACKED_LEAST_LOG2; log2_block <= PACKED_MOST_LOG2; log2_block++)
        for (int slope = 0; slope <= rising; slope++) {
            uint64_t nbytes = sample_nbytes(packer, plain, log2_block, slope);
            if (nbytes < least) {
                least = nbytes;
                best = log2_block;
                sloped = slope;
            }
        }
    bool ok = pack(packer, plain, best, sloped);
    if (ok) {
        *ret_bytes = packer->bytes.items;
        *ret_nbytes = packer->bytes.count;
    } else {
        free(packer->bytes.items);
    }
    free(packer);
    return ok ? MX_OK : fail_no_memory(err);
}
