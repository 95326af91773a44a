// save.c - a heap to a snapshot file: answers that need the target's memory are given now, and kept.
#include <stdlib.h>

#include "base/error.h"
#include "heap/garbage.h"
#include "heap/opened.h"
#include "heap/save.h"

// Everything that was asked for the answers.
struct given {
    struct mx_finding *findings;
    mx_cycles *garbage, *cycles;
    struct snapshot_answers answers;
};

static void add_cycles(const mx_cycles *cycles, struct answer_cycles *ret)
{
    ret->count = mx_cycles_groups(cycles, &ret->groups);
    ret->totals = *mx_cycles_totals(cycles);
}

static mx_status give_answers(const mx_heap *heap, struct given *given, struct mx_error *err)
{
    struct snapshot_answers *answers = &given->answers;
    mx_status status = mx_heap_audit(heap, &given->findings, &answers->finding_count, err);
    if (!status)
        status = mx_heap_blind_spots(heap, &answers->blind_spots, err);
    if (!status)
        status = mx_heap_garbage(heap, &given->garbage, err);
    if (!status)
        status = mx_heap_cycles(heap, &given->cycles, err);
    if (status)
        return status;
    answers->findings = given->findings;
    add_cycles(given->garbage, &answers->garbage);
    add_cycles(given->cycles, &answers->cycles);
    mx_heap_types(heap, &answers->types);
    answers->large_statics = heap->decoder.layout->refcount_shape == REFCOUNT_PLAIN;
    return MX_OK;
}

static void save_roots(void *data, mx_reference_fn *fn, void *fn_data)
{
    heap_tell_roots(((struct saver *)data)->heap, fn, fn_data);
}

static mx_status save_answers(void *data, struct snapshot_answers *ret, struct mx_error *err)
{
    struct saver *saver = data;
    mx_status status = give_answers(saver->heap, saver->given, err);
    if (status)
        return status;
    *ret = saver->given->answers;
    saver_init_labels(saver); // what they claim while they visit comes to its end first
    return MX_OK;
}

static mx_status write_live(struct mx_heap *heap, const char *path,
                            const struct snapshot_options *options, struct given *given,
                            struct snapshot_sizes *sizes, struct mx_error *err)
{
    struct saver saver = {.heap = heap, .given = given, .most_value = options->most_value};
    mx_status status = heap_snapshot(heap, &saver.snapshot, err);
    if (status)
        return status;
    if (!saver_init_forms(&saver))
        return fail_no_memory(err);
    const struct snapshot_source source = {&saver,    save_answers, save_form,     save_text,
                                           save_kind, save_shape,   save_unlikely, save_roots};
    status = snapshot_write(saver.snapshot, &source, path, options, sizes, err);
    saver_free_labels(&saver);
    free(saver.forms);
    return status;
}

mx_status mx_heap_save(const mx_heap *heap, const char *path, const struct mx_save_options *options,
                       struct mx_saved *ret, struct mx_error *err)
{
    struct mx_save_options wanted = options ? *options : (struct mx_save_options){0};
    const struct snapshot_options how = {wanted.compress, wanted.redact,
                                         wanted.cut_values ? wanted.most_value : UINT64_MAX,
                                         wanted.plain};
    struct given given = {0};
    struct snapshot_sizes sizes = {0};
    if (heap->opened)
        return fail(err, MX_UNSUPPORTED,
                    "%.300s: a snapshot is not written from a snapshot; capture "
                    "the process or core file again",
                    path);
    // Asking fills the heap's tables: no change that a caller can see.
    struct mx_heap *self = (struct mx_heap *)(uintptr_t)heap;
    mx_status status = write_live(self, path, &how, &given, &sizes, err);
    mx_findings_free(given.findings);
    mx_cycles_free(given.garbage);
    mx_cycles_free(given.cycles);
    if (!status && ret)
        *ret = (struct mx_saved){heap->count, heap->columns->snapshot.reference_count,
                                 sizes.graph, sizes.labels,
                                 sizes.texts, sizes.all};
    return status;
}
