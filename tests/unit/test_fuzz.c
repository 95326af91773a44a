// test_fuzz.c - whatever a target's memory holds, looking at it neither crashes, hangs nor grows.
//
//   a fake process --copy--> changed bytes --> heap_build --> every public question
//
// Deterministic: the seed is the iteration's number. MX_FUZZ_PERCENT: how many of the iterations.
#include "fake_process.h"
#include "questions.h"

#include <stdlib.h>
#include <sys/resource.h>

#define ITERATIONS 12000 // of each kind, over all layouts
#define ASKED 60         // objects of each heap
#define SEGMENT 65536

static struct fake_process process;
static uint8_t *copy;

static unsigned iterations(void)
{
    const char *percent = getenv("MX_FUZZ_PERCENT");
    return ITERATIONS / (unsigned)layout_count() *
           (percent ? (unsigned)strtoul(percent, NULL, 10) : 100) / 100;
}

// Where something is: the objects mostly, the used starts of the states, the thread.
static uint64_t place(uint64_t *seed)
{
    uint64_t r = dice(seed);
    if (r % 8 == 0)
        return process.thread - FAKE_START + dice(seed) % 256;
    if (r % 8 == 1)
        return process.interp - FAKE_START + dice(seed) % 8192;
    if (process.fake.l->free_threaded && r % 4 == 2)
        return fake_segment_place(&process.fake, dice(seed));
    return process.objects_start + dice(seed) % (process.fake.used - process.objects_start);
}

static uint64_t nasty_word(uint64_t *seed)
{
    uint64_t word = 0, address = FAKE_START + (place(seed) & ~7ull);
    switch (dice(seed) % 14) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return address + 1;
    case 3:
        return FAKE_START + FAKE_NBYTES - 8 * (dice(seed) % 4);
    case 4:
        return 1ull << 47;
    case 5:
        return 1ull << (dice(seed) % 64);
    case 6:
        return (1ull << (dice(seed) % 64)) - 1;
    case 7:
        return dice(seed) % 4096;
    case 8:
        return dice(seed);
    case 9:
        return UINT64_MAX - dice(seed) % 64;
    case 10:
        return FAKE_START;
    case 11:
        return process.fake.types[dice(seed) % process.fake.type_count].addr;
    case 12:
        memcpy(&word, copy + (place(seed) & ~7ull), 8);
        return word; // a pointer of another
    default:
        return address;
    }
}

static void build_and_ask(struct memory *memory)
{
    struct mx_heap *heap = fake_process_heap(&process, memory);
    mx_status status = heap_build(heap, NULL);
    if (status == MX_OK)
        ask_everything(heap, ASKED);
    else
        assert_in_range(status, MX_NOT_FOUND, MX_IO);
    mx_heap_free(heap);
}

static void build_changed(void)
{
    struct memory memory;
    memory_init(&memory, NULL, NULL);
    assert_int_equal(memory_add(&memory, FAKE_START, copy, FAKE_NBYTES, NULL), MX_OK);
    build_and_ask(&memory);
    memory_fini(&memory);
}

// `change` gets a fresh copy of the process and a seed of its own each time.
static void fuzz(void (*change)(uint64_t *seed), unsigned count)
{
    for (size_t layout = 0; layout < layout_count(); layout++) {
        fake_process_init(&process, layout_at(layout));
        copy = malloc(FAKE_NBYTES);
        assert_non_null(copy);
        for (unsigned i = 0; i < count; i++) {
            uint64_t seed = (i + 1) * 0x9E3779B97F4A7C15ull;
            memcpy(copy, process.fake.bytes, FAKE_NBYTES);
            change(&seed);
            build_changed();
        }
        free(copy);
        fake_process_fini(&process);
    }
}

// ---- changes ----------------------------------------------------------------------------------

static void flip_bits(uint64_t *seed)
{
    for (uint64_t n = 1 + dice(seed) % 64; n; n--)
        copy[place(seed)] ^= (uint8_t)(1u << dice(seed) % 8);
}

static void put_nasty_words(uint64_t *seed)
{
    for (uint64_t n = 1 + dice(seed) % 200; n; n--) {
        uint64_t word = nasty_word(seed);
        memcpy(copy + (place(seed) & ~7ull), &word, 8);
    }
}

// The word that makes an object of any address: a type, or a plausible pointer or size.
static void fill_with_addresses(uint64_t *seed)
{
    for (uint64_t at = process.objects_start; at + 8 <= process.fake.used; at += 8) {
        uint64_t word = dice(seed) % 3 ? nasty_word(seed) : 1;
        if (dice(seed) % 4)
            memcpy(copy + at, &word, 8);
    }
}

// Every two words are a header of the same type, and what follows is read as its struct.
static void fill_with_headers(uint64_t *seed)
{
    mx_addr type = process.fake.types[dice(seed) % process.fake.type_count].addr;
    uint64_t end = FAKE_NBYTES - FAKE_NBYTES / 8;
    for (uint64_t at = process.fake.used; at + 16 <= end; at += 16) {
        uint64_t count = dice(seed) % 3 ? 1 : FAKE_START + (dice(seed) % FAKE_NBYTES & ~15ull);
        memcpy(copy + at, &count, 8);
        memcpy(copy + at + 8, &type, 8);
    }
    for (uint64_t n = 0; n < 20000; n++) { // reached from all over
        uint64_t word = FAKE_START + process.fake.used + (dice(seed) % (FAKE_NBYTES / 2) & ~15ull);
        if (word < FAKE_START + end - 16)
            memcpy(copy + end + (dice(seed) % (FAKE_NBYTES / 8 - 8) & ~7ull), &word, 8);
    }
    uint64_t items = FAKE_START + end, many = FAKE_NBYTES / 64 - 8;
    memcpy(copy + (process.list - FAKE_START) + process.fake.l->list_items, &items, 8);
    memcpy(copy + (process.list - FAKE_START) + process.fake.l->list_allocated, &many, 8);
    memcpy(copy + (process.list - FAKE_START) + process.fake.l->var_size, &many, 8);
}

static void test_flipped_bits_are_survived(void **state)
{
    (void)state;
    fuzz(flip_bits, iterations());
}

static void test_nasty_words_are_survived(void **state)
{
    (void)state;
    fuzz(put_nasty_words, iterations());
}

static void test_memory_full_of_addresses_is_survived(void **state)
{
    (void)state;
    fuzz(fill_with_addresses, iterations());
}

static void test_memory_full_of_headers_is_survived(void **state)
{
    (void)state;
    fuzz(fill_with_headers, iterations() / 20);
}

// ---- memory that is not there -----------------------------------------------------------------

static void test_missing_and_cut_segments_are_survived(void **state)
{
    (void)state;
    for (size_t layout = 0; layout < layout_count(); layout++) {
        fake_process_init(&process, layout_at(layout));
        for (unsigned i = 0; i < iterations() / 2; i++) {
            uint64_t seed = (i + 1) * 0x9E3779B97F4A7C15ull;
            struct memory memory;
            memory_init(&memory, NULL, NULL);
            for (uint64_t at = 0; at < FAKE_NBYTES; at += SEGMENT) {
                uint64_t cut = dice(&seed) % 16 == 0 ? dice(&seed) % SEGMENT : 0;
                if (dice(&seed) % 32)
                    memory_add(&memory, FAKE_START + at, process.fake.bytes + at, SEGMENT - cut,
                               NULL);
            }
            build_and_ask(&memory);
            memory_fini(&memory);
        }
        fake_process_fini(&process);
    }
}

// What is measured is this process's own peak: the heap's tables are gone by then.
static void test_no_nonsense_took_much_memory(void **state)
{
    (void)state;
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    print_message("peak %ld MB\n", usage.ru_maxrss / 1024);
    assert_true(usage.ru_maxrss < 1 << 20); // KB, the sanitizers' own included
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flipped_bits_are_survived),
        cmocka_unit_test(test_nasty_words_are_survived),
        cmocka_unit_test(test_memory_full_of_addresses_is_survived),
        cmocka_unit_test(test_memory_full_of_headers_is_survived),
        cmocka_unit_test(test_missing_and_cut_segments_are_survived),
        cmocka_unit_test(test_no_nonsense_took_much_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
