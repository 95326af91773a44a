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

static mx_status heap_of_self(const struct self_child *child, struct mx_heap *heap,
                              struct mx_error *err)
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
    if (!status)
        status = runtime_find(heap->memory, heap->maps, child->pid, info->process.executable, true,
                              &heap->runtime, err);
    if (status)
        return status;
    target_tell(&heap->runtime, info);
    return heap_build(heap, err);
}

// Runs in the child, which ends then: nothing is freed.
static void explore(const struct self_child *child, void *data)
{
    const struct request *request = data;
    struct report report = {.status = MX_NO_MEMORY};
    struct mx_heap *heap = calloc(1, sizeof *heap);
    report.status = heap ? heap_of_self(child, heap, &report.err) : fail_no_memory(&report.err);
    if (!report.status)
        report.status =
            mx_heap_save(heap, request->path, &request->options.save, &report.saved, &report.err);
    ssize_t written = write(child->report_fd, &report, sizeof report);
    (void)written; // nobody is left to be told
}

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
