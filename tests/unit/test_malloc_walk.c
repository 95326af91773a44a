// test_malloc_walk.c - glibc's chunks: of a real process, and made up by hand, hostile ones too.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "made_malloc.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OTHER_MALLOC 1 // the sanitizer's
#endif
#endif

// ---- a real process ---------------------------------------------------------------------------

#ifndef OTHER_MALLOC
enum { SAME = 20, SIZE = 88 };

// What the child tells: blocks in use, and freed ones.
struct told {
    mx_addr used[SAME + 4], freed[SAME];
    size_t used_count, freed_count;
};

static void *thread_main(void *block)
{
    *(void **)block = malloc(SIZE);
    for (;;)
        pause();
    return NULL;
}

// More of one size than a thread's cache takes (7): the rest go to a fast bin. A block between each
// two, so that none are joined.
static void child_main(int ready)
{
    static struct told told;
    void *volatile blocks[SAME], *volatile between[SAME];
    void *volatile of_thread = NULL;
    pthread_t thread;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < SAME; i++) {
        blocks[i] = malloc(SIZE);
        between[i] = malloc(SIZE);
        told.used[told.used_count++] = (mx_addr)(uintptr_t)between[i];
    }
    void *volatile large = malloc(1 << 20), *volatile middle = malloc(5000);
    told.used[told.used_count++] = (mx_addr)(uintptr_t)large;
    told.used[told.used_count++] = (mx_addr)(uintptr_t)middle;
    for (int i = 0; i < SAME; i++) {
        told.freed[told.freed_count++] = (mx_addr)(uintptr_t)blocks[i];
        free(blocks[i]);
    }
    pthread_create(&thread, NULL, thread_main, (void *)&of_thread);
    while (!*(void *volatile *)&of_thread)
        sched_yield();
    told.used[told.used_count++] = (mx_addr)(uintptr_t)of_thread;
    if (write(ready, &told, sizeof told) != sizeof told)
        _exit(1);
    for (;;)
        pause();
}

struct listing {
    const struct told *told;
    size_t used, freed, count;
    mx_addr last;
};

static void list_block(void *data, mx_addr addr, uint64_t nbytes)
{
    struct listing *listing = data;
    assert_true(addr > listing->last);
    listing->last = addr;
    listing->count++;
    for (size_t i = 0; i < listing->told->used_count; i++)
        if (listing->told->used[i] == addr) {
            listing->used++;
            assert_true(nbytes >= SIZE);
        }
    for (size_t i = 0; i < listing->told->freed_count; i++)
        listing->freed += listing->told->freed[i] == addr;
}

static void test_blocks_of_a_process_are_listed_and_freed_ones_are_not(void **state)
{
    (void)state;
    static struct told told;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0)
        child_main(ends[1]);
    assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
    struct image image;
    struct mx_error err = {.message = ""};
    mx_status status = image_capture(pid, NULL, &image, &err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    if (status)
        fail_msg("%s", err.message);
    struct allocator allocator;
    struct statics statics, stacks;
    allocator_init(&allocator, &image.memory, &LAYOUT, NULL);
    statics_read(&image.memory, &image.maps, &statics, NULL);
    statics_read_stacks(image.registers, image.register_count, &image.maps, &stacks, NULL);
    assert_int_equal(malloc_walk_init(&allocator, &image.maps, &statics, &stacks, &walk, NULL),
                     MX_OK);
    struct listing listing = {.told = &told};
    malloc_each_used(&walk, 0, UINT64_MAX, list_block, &listing);
    assert_int_equal(listing.used, told.used_count);
    assert_int_equal(listing.freed, 0);
    malloc_walk_fini(&walk);
    statics_free(&statics);
    statics_free(&stacks);
    allocator_fini(&allocator);
    image_free(&image);
}

#endif

// ---- made by hand -----------------------------------------------------------------------------

static void chunk(uint64_t offset, uint64_t size, bool before_used)
{
    put(offset + 8, size | before_used);
}

// Chunks of 0x40 from the start on; 2 is free. The top takes what is left.
#define CHUNK 0x40
#define COUNT 100
static void make_chain(void)
{
    for (uint64_t i = 0; i < COUNT; i++)
        chunk(i * CHUNK, CHUNK, i != 3);
    put(3 * CHUNK, CHUNK); // the size of the free one before
    chunk(COUNT * CHUNK, NBYTES - COUNT * CHUNK, true);
}

struct found {
    size_t count;
    mx_addr items[NBYTES / 32];
    uint64_t nbytes;
};

static void find_block(void *data, mx_addr addr, uint64_t nbytes)
{
    struct found *found = data;
    assert_true(found->count < NBYTES / 32);
    assert_true(addr >= START && addr + nbytes <= START + NBYTES);
    found->items[found->count++] = addr;
    found->nbytes += nbytes;
}

static struct found found_blocks(void)
{
    struct found found = {0};
    malloc_each_used(&walk, 0, UINT64_MAX, find_block, &found);
    return found;
}

static bool is_found(const struct found *found, mx_addr addr)
{
    for (size_t i = 0; i < found->count; i++)
        if (found->items[i] == addr)
            return true;
    return false;
}

static void test_a_chain_is_every_chunk_but_the_free_ones_and_the_top(void **state)
{
    (void)state;
    begin("[heap]");
    make_chain();
    walk_it();
    assert_int_equal(walk.runs.count, 1);
    assert_true(walk.runs.items[0].complete);
    struct found found = found_blocks();
    assert_int_equal(found.count, COUNT - 1);
    assert_false(is_found(&found, START + 2 * CHUNK + 16));
    assert_true(is_found(&found, START + 4 * CHUNK + 16));
    assert_int_equal(found.nbytes, (COUNT - 1) * (CHUNK - 8));
    end();
}

// A cache of freed blocks as the first chunk, as in a main thread; the links are mangled or not.
static void test_what_a_cache_lists_is_free(void **state)
{
    (void)state;
    for (int mangled = 0; mangled < 2; mangled++) {
        begin("[heap]");
        uint64_t base = 0x290, first = base + 4 * CHUNK + 16, second = base + 7 * CHUNK + 16;
        chunk(0, base, true);
        for (uint64_t i = 0; i < COUNT; i++)
            chunk(base + i * CHUNK, CHUNK, true);
        chunk(base + COUNT * CHUNK, NBYTES - base - COUNT * CHUNK, true);
        put(16 + 2 * 2, 2); // counts
        put(16 + 128 + 2 * 8, START + first);
        put(first, mangled ? (START + second) ^ (START + first) >> 12 : START + second);
        put(second, mangled ? (START + second) >> 12 : 0);
        walk_it();
        struct found found = found_blocks();
        assert_int_equal(walk.cached.count, 2);
        assert_int_equal(found.count, COUNT + 1 - 2);
        assert_false(is_found(&found, START + first));
        assert_false(is_found(&found, START + second));
        end();
    }
}

static void test_a_cache_whose_list_bites_its_tail_or_lies_is_none(void **state)
{
    (void)state;
    const uint64_t base = 0x290, first = base + 4 * CHUNK + 16;
    const uint64_t links[] = {START + first, START + first + 8, START,
                              UINT64_MAX,    START + NBYTES,    16};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        begin("[heap]");
        chunk(0, base, true);
        for (uint64_t k = 0; k < COUNT; k++)
            chunk(base + k * CHUNK, CHUNK, true);
        chunk(base + COUNT * CHUNK, NBYTES - base - COUNT * CHUNK, true);
        put(16 + 128 + 2 * 8, START + first);
        put(first, links[i]);
        walk_it();
        assert_int_equal(walk.cached.count, 0);
        assert_int_equal(found_blocks().count, COUNT + 1);
        end();
    }
}

static void test_sizes_that_make_no_sense_end_the_chain(void **state)
{
    (void)state;
    const uint64_t sizes[] = {
        0, 1, 8, 0x18, 0x48, UINT64_MAX, 1ull << 63, NBYTES * 2ull, 0x1000 | 2, (uint64_t)-CHUNK};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        begin("[heap]");
        make_chain();
        put(80 * CHUNK + 8, sizes[i]); // late enough to be convincing
        walk_it();
        assert_true(walk.runs.count >= 1);
        assert_false(walk.runs.items[0].complete);
        assert_true(found_blocks().count <= 80);
        end();
        begin("[heap]");
        make_chain();
        put(8, sizes[i]);
        walk_it();
        assert_true(found_blocks().count <= 1);
        end();
    }
}

static void test_a_short_chain_that_breaks_off_is_no_chain(void **state)
{
    (void)state;
    begin("[heap]");
    for (uint64_t i = 0; i < 10; i++)
        chunk(i * CHUNK, CHUNK, true);
    walk_it();
    assert_int_equal(walk.runs.count, 0);
    end();
}

// An arena in its first heap, and a heap whose head is nonsense.
static void test_the_heap_of_an_arena_begins_behind_its_state(void **state)
{
    (void)state;
    begin("[heap]");
    const uint64_t first = 0x8d0; // 48 bytes of head, 2200 of state, aligned
    put(0, START + 48);
    put(16, NBYTES);
    put(24, NBYTES);
    for (uint64_t i = 0; i < COUNT; i++)
        chunk(first + i * CHUNK, CHUNK, true);
    chunk(first + COUNT * CHUNK, NBYTES - first - COUNT * CHUNK, true);
    walk_it();
    struct found found = found_blocks();
    assert_int_equal(found.count, COUNT);
    assert_true(is_found(&found, START + first + 16));
    malloc_walk_fini(&walk);
    put(16, 1ull << 40);
    walk_it();
    assert_int_equal(found_blocks().count, 0);
    end();
}

static void test_a_large_block_has_pages_of_its_own(void **state)
{
    (void)state;
    begin("[heap]");
    put(0x2008, 0x3000 | 2);
    put(0x8008, 0x3000 | 2);
    put(0x8000, 16);         // memalign moved it: not at the start of a page
    put(0xf008, 0x3000 | 2); // longer than the mapping
    walk_it();
    struct found found = found_blocks();
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0], START + 0x2010);
    assert_int_equal(found.nbytes, 0x3000 - 16);
    end();
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static void test_any_words_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (int round = 0; round < 2000; round++) {
        begin("[heap]");
        if (round % 2)
            make_chain();
        for (int i = 0; i < 200; i++) {
            uint64_t random = next_random(&seed), word = random >> 16;
            if (random & 1)
                word = START + word % NBYTES;
            else if (random & 2)
                word = word % NBYTES & ~15ull;
            put(random / 64 % (NBYTES / 8) * 8, word | (random >> 2 & 7));
        }
        if (round % 3 == 0)
            put(0, START + 48);
        walk_it();
        struct found found = found_blocks();
        assert_true(found.count <= NBYTES / 32);
        for (size_t i = 1; i < found.count; i++)
            assert_true(found.items[i] > found.items[i - 1]);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef OTHER_MALLOC
        cmocka_unit_test(test_blocks_of_a_process_are_listed_and_freed_ones_are_not),
#endif
        cmocka_unit_test(test_a_chain_is_every_chunk_but_the_free_ones_and_the_top),
        cmocka_unit_test(test_what_a_cache_lists_is_free),
        cmocka_unit_test(test_a_cache_whose_list_bites_its_tail_or_lies_is_none),
        cmocka_unit_test(test_sizes_that_make_no_sense_end_the_chain),
        cmocka_unit_test(test_a_short_chain_that_breaks_off_is_no_chain),
        cmocka_unit_test(test_the_heap_of_an_arena_begins_behind_its_state),
        cmocka_unit_test(test_a_large_block_has_pages_of_its_own),
        cmocka_unit_test(test_any_words_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
