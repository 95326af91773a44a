// thread_counts.c - reference counts that threads keep apart from the objects (3.14t on).
//
//   interpreter: unique_ids.table[id - 1] -> object       heap types, code, dicts of modules
//   thread:      refcounts.values[id - 1]  = how many references this thread has added or given up
//
// Python/uniqueid.c; Include/internal/pycore_object.h, _Py_INCREF_TYPE. A collection adds the counts
// to the objects and sets them to zero.
#include "heap/thread_counts.h"

#include "heap/heap.h"

#define LIMIT_UNIQUE_IDS (1u << 24) // classes, functions' code and modules of one interpreter

struct unique_ids {
    mx_addr table;
    uint64_t count;
};

// Numbers that are not taken link to each other, and have no counts.
static void read_thread(struct decoder *decoder, const struct unique_ids *ids, mx_addr thread)
{
    const struct layout *l = decoder->layout;
    mx_addr values = field_at(decoder, thread, l->tstate_refcounts);
    uint64_t count = field_at(decoder, thread, l->tstate_refcount_count);
    count = decoder_take(decoder, count < ids->count ? count : ids->count);
    const uint8_t *bytes = memory_at(decoder->memory, values, 8 * count);
    if (!bytes || !values)
        return;
    for (uint64_t i = 0; i < count; i++) {
        int64_t references;
        memcpy(&references, bytes + 8 * i, sizeof references);
        if (references)
            decoder_add_count(decoder, word_at(decoder, ids->table + 8 * i), references);
        bytes = memory_at(decoder->memory, values, 8 * count); // a window may have moved
    }
}

static void read_interpreter(struct decoder *decoder, mx_addr interp)
{
    const struct layout *l = decoder->layout;
    struct unique_ids ids = {field_at(decoder, interp, l->interp_unique_ids),
                             field_at(decoder, interp, l->interp_unique_id_count)};
    mx_addr thread = field_at(decoder, interp, l->interp_threads_head);
    if (!ids.table || ids.count > LIMIT_UNIQUE_IDS)
        return;
    while (thread && decoder_take(decoder, 1)) {
        read_thread(decoder, &ids, thread);
        thread = field_at(decoder, thread, l->tstate_next);
    }
}

void thread_counts_read(struct decoder *decoder, mx_addr runtime)
{
    const struct layout *l = decoder->layout;
    if (l->interp_unique_ids == ABSENT || l->tstate_refcounts == ABSENT || !l->free_threaded)
        return;
    mx_addr interp = field_at(decoder, runtime, l->runtime_interpreters_head);
    for (int i = 0; interp && i < LIMIT_INTERPRETERS && decoder_take(decoder, 1); i++) {
        read_interpreter(decoder, interp);
        interp = field_at(decoder, interp, l->interp_next);
    }
}
