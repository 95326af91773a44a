// made_malloc.c - memory of a malloc made up by hand, and the walk over it.
#include "made_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const struct layout LAYOUT = {.pool_nbytes = 16384};

uint8_t bytes[NBYTES];
struct malloc_walk walk;

static struct memory memory;
static struct maps maps;
static struct allocator allocator;
static struct statics none;

void put(uint64_t offset, uint64_t word)
{
    memcpy(bytes + offset, &word, sizeof word);
}

void begin(const char *name)
{
    char text[200];
    memset(bytes, 0, sizeof bytes);
    memory_init(&memory, NULL, NULL);
    memory_add(&memory, START, bytes, NBYTES, NULL);
    int nbytes = snprintf(text, sizeof text, "%llx-%llx rw-p 00000000 00:00 0 %s\n", START,
                          START + NBYTES, name);
    assert_int_equal(maps_parse(text, (size_t)nbytes, &maps, NULL), MX_OK);
    allocator_init(&allocator, &memory, &LAYOUT, NULL);
}

void walk_it(void)
{
    assert_int_equal(malloc_walk_init(&allocator, &maps, &none, &none, &walk, NULL), MX_OK);
}

void end(void)
{
    malloc_walk_fini(&walk);
    allocator_fini(&allocator);
    maps_free(&maps);
    memory_fini(&memory);
}
