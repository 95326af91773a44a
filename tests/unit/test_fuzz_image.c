// test_fuzz_image.c - the memory of a real interpreter, changed in thousands of places, is survived.
//
//   python3 --image_capture--> segments --copy--> changed bytes --> heap_build, questions --> undo
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap/target.h"
#include "questions.h"

#define ITERATIONS 400
#define CHANGES 4000
#define ASKED 200

static const char PROGRAM[] =
    "import collections, functools, io, sys, threading, weakref\n"
    "class Session:\n"
    "    def __init__(self, name): self.name = name; self.peers = []\n"
    "class Slots: __slots__ = ('a', 'b')\n"
    "@functools.lru_cache\n"
    "def cached(n): return [n]\n"
    "def numbers():\n"
    "    for i in range(9): yield i\n"
    "def wait(depth):\n"
    "    if depth: wait(depth - 1)\n"
    "    else: print('ready', flush=True); sys.stdin.read()\n"
    "everything = {i: Session(str(i)) for i in range(500)}\n"
    "everything['deque'] = collections.deque(range(200))\n"
    "everything['ordered'] = collections.OrderedDict(a=1, b=2)\n"
    "everything['io'] = io.BytesIO(b'bytes'), weakref.ref(everything[1])\n"
    "everything['set'] = {1, 'a', (2, 3)}\n"
    "for i in range(20): cached(i)\n"
    "g = numbers(); next(g)\n"
    "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    "wait(20)\n";

struct child {
    int pid, input;
};

static bool child_start(struct child *ret)
{
    int in[2], out[2];
    char line[8] = "";
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    ret->pid = fork();
    if (ret->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        execl("/usr/bin/python3", "python3", "-c", PROGRAM, (char *)NULL);
        execlp("python3", "python3", "-c", PROGRAM, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    ret->input = in[1];
    ssize_t used = 0;
    for (ssize_t got; used < 6 && (got = read(out[0], line + used, (size_t)(6 - used))) > 0;)
        used += got;
    bool ready = strcmp(line, "ready\n") == 0;
    close(out[0]);
    return ready;
}

static void child_stop(struct child *child)
{
    close(child->input);
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
}

// ---- the copy ---------------------------------------------------------------------------------

struct change {
    uint8_t *at;
    uint64_t before;
};

static struct {
    struct memory memory;
    struct maps maps;
    struct runtime runtime;
    struct change changes[CHANGES];
    size_t change_count;
} world;

static void world_capture(int pid)
{
    mx_target *target;
    struct image image;
    struct mx_error err;
    if (mx_target_open(pid, &target, &err) != MX_OK ||
        image_capture(pid, NULL, &image, &err) != MX_OK)
        fail_msg("%s", err.message);
    world.runtime = target->runtime;
    mx_target_free(target);
    memory_init(&world.memory, NULL, NULL);
    for (size_t i = 0; i < image.memory.segment_count; i++) {
        const struct segment *segment = &image.memory.segments[i];
        uint8_t *bytes = malloc(segment->nbytes);
        assert_non_null(bytes);
        memcpy(bytes, segment->bytes, segment->nbytes);
        assert_int_equal(memory_add(&world.memory, segment->start, bytes, segment->nbytes, NULL),
                         MX_OK);
    }
    image_free(&image);
    assert_int_equal(maps_read(pid, &world.maps, NULL), MX_OK);
}

static void world_free(void)
{
    for (size_t i = 0; i < world.memory.segment_count; i++)
        free((void *)(uintptr_t)world.memory.segments[i].bytes);
    memory_fini(&world.memory);
    maps_free(&world.maps);
}

static mx_heap *world_heap(void)
{
    mx_heap *heap = calloc(1, sizeof *heap);
    assert_non_null(heap);
    heap->memory = &world.memory;
    heap->maps = &world.maps;
    heap->runtime = world.runtime;
    return heap;
}

// ---- changes ----------------------------------------------------------------------------------

// A word of the memory: of an object mostly, or of what it owns.
static mx_addr word_place(uint64_t *seed, const mx_addr *objects, size_t count)
{
    if (dice(seed) % 8 == 0) {
        const struct segment *segment =
            &world.memory.segments[dice(seed) % world.memory.segment_count];
        return segment->start + (dice(seed) % segment->nbytes & ~7ull);
    }
    mx_addr object = objects[dice(seed) % count];
    uint64_t within = 8 * (dice(seed) % 24), word = 0;
    if (dice(seed) % 3 == 0 &&
        memory_u64(&world.memory, object + within, &word)) // what it points to
        return (word & ~7ull) + 8 * (dice(seed) % 8);
    return object + within - 32;
}

static void put(mx_addr addr, uint64_t value)
{
    uint8_t *at = (uint8_t *)(uintptr_t)memory_at(&world.memory, addr, 8);
    if (!at || world.change_count == CHANGES)
        return;
    struct change *change = &world.changes[world.change_count++];
    change->at = at;
    memcpy(&change->before, at, 8);
    memcpy(at, &value, 8);
}

static void undo(void)
{
    while (world.change_count) {
        struct change *change = &world.changes[--world.change_count];
        memcpy(change->at, &change->before, 8);
    }
}

static uint64_t nasty(uint64_t *seed, const mx_addr *objects, size_t count)
{
    mx_addr object = objects[dice(seed) % count];
    uint64_t word = 0;
    switch (dice(seed) % 10) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return object + 1;
    case 3:
        return 1ull << (dice(seed) % 64);
    case 4:
        return (1ull << (dice(seed) % 64)) - 1;
    case 5:
        return dice(seed);
    case 6:
        return dice(seed) % 100000;
    case 7:
        memory_u64(&world.memory, object + 8, &word);
        return word; // a type
    case 8:
        memory_u64(&world.memory, object + 8 * (dice(seed) % 16), &word);
        return word;
    default:
        return object;
    }
}

static void change_many(uint64_t *seed, const mx_addr *objects, size_t count)
{
    for (uint64_t n = 10 + dice(seed) % (CHANGES - 10); n; n--) {
        mx_addr addr = word_place(seed, objects, count);
        uint64_t word = 0;
        if (dice(seed) % 4 == 0 && memory_u64(&world.memory, addr, &word))
            put(addr, word ^ 1ull << (dice(seed) % 64));
        else
            put(addr, nasty(seed, objects, count));
    }
}

static void test_a_changed_interpreter_is_survived(void **state)
{
    (void)state;
    struct child child;
    const char *percent = getenv("MX_FUZZ_PERCENT");
    unsigned iterations = ITERATIONS * (percent ? (unsigned)strtoul(percent, NULL, 10) : 100) / 100;
    uint64_t found = 0;
    bool ready = child_start(&child);
    if (ready)
        world_capture(child.pid);
    child_stop(&child);
    assert_true(ready);
    mx_heap *heap = world_heap();
    assert_int_equal(heap_build(heap, NULL), MX_OK);
    size_t count = heap->count;
    assert_true(count > 10000);
    assert_int_equal(mx_heap_summary(heap)->undecoded, 0);
    mx_addr *objects = malloc(count * sizeof *objects);
    assert_non_null(objects);
    memcpy(objects, heap->addresses, count * sizeof *objects);
    ask_everything(heap, 4 * ASKED);
    mx_heap_free(heap);
    for (unsigned i = 0; i < iterations; i++) {
        uint64_t seed = (i + 1) * 0x9E3779B97F4A7C15ull;
        change_many(&seed, objects, count);
        heap = world_heap();
        if (heap_build(heap, NULL) == MX_OK)
            ask_everything(heap, ASKED);
        found += heap->count;
        mx_heap_free(heap);
        undo();
    }
    assert_true(found / iterations >
                count / 20); // not all is lost, so that there is much to look at
    free(objects);
    world_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_changed_interpreter_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
