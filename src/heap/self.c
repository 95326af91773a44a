// self.c - this process explores itself: a child that it forks makes a heap of its own copy, and saves it.
//
//   mx_capture_self --fork--> child: image -> heap -> snapshot file
//         '--waits <--report--'
//
// CPython is looked for in the image, when that is complete: what was read for it would else lie in
// allocated memory, and look like words that hold objects.
#include <stdlib.h>

#include "base/error.h"
#include "heap/heap.h"
#include "heap/target.h"
#include "memory/self.h"

struct request {
    const char *path;
    struct mx_self_options options;
};

struct report {
    mx_status status;
    struct mx_error err;
    struct mx_saved saved;
};
_Static_assert(sizeof(struct report) <= SELF_REPORT, "written at once");

// ---- the question's own reference -------------------------------------------------------------

#define ASKING_FRAMES                                                                              \
    16 // from the question inwards to the caller: our functions, and a decorator or so
#define LIMIT_STACK 10000 // words of a frame's value stack: a call has as many arguments at most

// The copy is this child's own.
static void put_word(struct mx_heap *heap, mx_addr place, uint64_t word)
{
    const uint8_t *bytes = memory_at(heap->memory, place, sizeof word);
    if (bytes)
        memcpy((uint8_t *)(uintptr_t)bytes, &word, sizeof word);
}

// Up to 3.10 a caller keeps the arguments on its value stack, behind what it calls, until the call has
// returned (Python/ceval.c, call_function).
static bool leave_out_in_frame(struct mx_heap *heap, struct decoder *decoder, mx_addr frame,
                               const struct mx_self_options *options)
{
    const struct layout *l = decoder->layout;
    mx_addr stack = field_at(decoder, frame, l->frame_valuestack);
    uint32_t room = field32_at(decoder, field_at(decoder, frame, l->frame_code), l->code_stacksize);
    for (uint32_t i = 0; i + 1 < room && i < LIMIT_STACK; i++) {
        mx_addr place = stack + 8 * (mx_addr)i,
                count = options->argument + (mx_addr)l->object_refcnt;
        if (word_at(decoder, place) != options->callee ||
            word_at(decoder, place + 8) != options->argument)
            continue;
        put_word(heap, place + 8, 0);
        put_word(heap, count, word_at(decoder, count) - 1);
        return true;
    }
    return false;
}

// The thread state of the thread that asks; 0 when there is none.
static mx_addr find_thread(const struct mx_heap *heap, struct decoder *decoder, uint64_t ident)
{
    const struct layout *l = decoder->layout;
    mx_addr interp = field_at(decoder, heap->runtime.addr, l->runtime_interpreters_head);
    for (int i = 0; interp && i < LIMIT_INTERPRETERS; i++) {
        mx_addr tstate = field_at(decoder, interp, l->interp_threads_head);
        for (int k = 0; tstate && k < LIMIT_INTERPRETERS; k++) {
            if (field_at(decoder, tstate, l->tstate_thread_id) == ident)
                return tstate;
            tstate = field_at(decoder, tstate, l->tstate_next);
        }
        interp = field_at(decoder, interp, l->interp_next);
    }
    return 0;
}

static void leave_out_argument(struct mx_heap *heap, uint64_t ident,
                               const struct mx_self_options *options)
{
    struct decoder decoder;
    if (!options->argument || heap->runtime.layout->frame_localsplus == ABSENT)
        return;
    decoder_init(&decoder, heap->memory, heap->runtime.layout, heap->runtime.type_type);
    mx_addr tstate = find_thread(heap, &decoder, ident);
    mx_addr frame = tstate ? thread_current_frame(&decoder, tstate) : 0;
    for (int i = 0; frame && i < ASKING_FRAMES; i++) {
        if (leave_out_in_frame(heap, &decoder, frame, options))
            break;
        frame = frame_previous(&decoder, frame);
    }
    decoder_fini(&decoder);
}

// ---- in the child -----------------------------------------------------------------------------

static uint64_t thread_ident(const struct thread_registers *registers)
{
#ifdef THREAD_REGISTER
    return registers->words[THREAD_REGISTER];
#else
    return 0;
#endif
}

static mx_status heap_of_self(const struct self_child *child, const struct mx_self_options *options,
                              struct mx_heap *heap, struct mx_error *err)
{
    struct mx_target_info *info = &heap->info;
    mx_status status = image_capture_self(child, &heap->image, err);
    if (status)
        return status;
    heap->memory = &heap->image.memory;
    heap->maps = &heap->image.maps;
    heap->summary.mode = MX_CAPTURE_SELF;
    heap->summary.pause_ns = heap->image.pause_ns;
    heap->summary.copied_bytes = heap->image.copied_bytes;
    status = process_describe(child->parent, &info->process, err);
    struct mx_process own;
    struct mx_error ignored;
    // A process that is nobody's to look at (PR_SET_DUMPABLE) does not show its child what it executes.
    if (!status && !info->process.executable[0] &&
        process_describe(child->pid, &own, &ignored) == MX_OK)
        memcpy(info->process.executable, own.executable, sizeof own.executable);
    if (!status)
        status = runtime_find(heap->memory, heap->maps, child->pid, info->process.executable, true,
                              &heap->runtime, err);
    if (status)
        return status;
    target_tell(&heap->runtime, info);
    leave_out_argument(heap, thread_ident(&child->registers), options);
    return heap_build(heap, err);
}

// Runs in the child, which ends then: nothing is freed.
static void explore(const struct self_child *child, void *data)
{
    const struct request *request = data;
    struct report report = {.status = MX_NO_MEMORY};
    struct mx_heap *heap = calloc(1, sizeof *heap);
    report.status = heap ? heap_of_self(child, &request->options, heap, &report.err)
                         : fail_no_memory(&report.err);
    if (!report.status)
        report.status =
            mx_heap_save(heap, request->path, &request->options.save, &report.saved, &report.err);
    ssize_t written = write(child->report_fd, &report, sizeof report);
    (void)written; // nobody is left to be told
}

// ---- in the process ---------------------------------------------------------------------------

mx_status mx_capture_self(const char *path, const struct mx_self_options *options,
                          struct mx_saved *ret, struct mx_error *err)
{
    struct request request = {.path = path};
    struct self_child child;
    struct report report;
    if (options)
        request.options = *options;
    const struct mx_self_options *how = &request.options;
    mx_status status = self_fork(explore, &request, &child, err);
    if (status)
        return status;
    if (how->forked)
        how->forked(how->data);
    uint64_t timeout_ns = how->timeout_ns ? how->timeout_ns : MX_SELF_TIMEOUT_NS;
    status = self_wait(&child, timeout_ns, how->go_on, how->data, &report, sizeof report, err);
    if (status)
        return status;
    if (report.status)
        return fail(err, report.status, "%s", report.err.message);
    if (ret)
        *ret = report.saved;
    return MX_OK;
}
