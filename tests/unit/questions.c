// questions.c - every public question about a heap, and what each answer must be whatever it holds.
#include "questions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// A run of UTF-8 without control characters.
static bool is_clean(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    while (*at) {
        size_t more = *at < 0x80       ? 0
                      : *at >> 5 == 6  ? 1
                      : *at >> 4 == 14 ? 2
                      : *at >> 3 == 30 ? 3
                                       : 9;
        if (*at < ' ' || *at == 0x7F || more == 9)
            return false;
        for (at++; more; more--, at++)
            if (*at >> 6 != 2)
                return false;
    }
    return true;
}

static void check_text(const char *what, const char *text)
{
    if (!is_clean(text))
        fail_msg("%s is not clean UTF-8: %s", what, text);
}

struct listener {
    const mx_heap *heap;
    uint32_t objects;
    uint64_t told;
};

#define MOST_TOLD 2000 // references of one object: each label is made anew

static bool listen(const struct mx_reference *reference, void *data)
{
    struct listener *listener = data;
    assert_true(reference->to < listener->objects);
    assert_true(reference->from == MX_NO_OBJECT || reference->from < listener->objects);
    check_text("label", reference->label);
    check_text("root", reference->root);
    return ++listener->told < MOST_TOLD;
}

static void ask_object(mx_heap *heap, uint32_t index, struct listener *listener)
{
    struct mx_object object;
    char kind[300];
    uint32_t found, type;
    assert_int_equal(mx_heap_object(heap, index, &object, NULL), MX_OK);
    check_text("type", object.type);
    check_text("preview", object.preview);
    mx_heap_facts(heap, index, &object, &type);
    assert_true(mx_heap_find(heap, object.address, &found) && found == index);
    assert_false(mx_heap_find(heap, object.address + 1, &found));
    mx_heap_found_count(heap, index);
    mx_heap_kind(heap, index, kind, sizeof kind);
    check_text("kind", kind);
    listener->told = 0;
    assert_int_equal(mx_heap_references(heap, index, listen, listener, NULL), MX_OK);
}

static void ask_threads(mx_heap *heap)
{
    const struct mx_thread *threads;
    size_t count = mx_heap_threads(heap, &threads);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < threads[i].frame_count && k < 100; k++) {
            check_text("function", threads[i].frames[k].function);
            check_text("file", threads[i].frames[k].file);
        }
}

static void ask_audit(mx_heap *heap)
{
    struct mx_finding *findings;
    size_t count;
    assert_int_equal(mx_heap_audit(heap, &findings, &count, NULL), MX_OK);
    for (size_t i = 0; i < count; i++) {
        uint32_t index;
        check_text("where", findings[i].where);
        check_text("type", findings[i].type);
        assert_true(findings[i].objects > 0 && findings[i].references >= findings[i].objects);
        bool known = mx_heap_find(heap, findings[i].example, &index);
        assert_false(known && findings[i].holder == MX_HOLDER_UNREACHED);
        assert_true(known || (findings[i].holder != MX_HOLDER_UNKNOWN &&
                              findings[i].holder != MX_HOLDER_NONE));
        check_text("holder", mx_holder_meaning(findings[i].holder));
    }
    mx_findings_free(findings);
    struct mx_blind_spots spots;
    assert_int_equal(mx_heap_blind_spots(heap, &spots, NULL), MX_OK);
    check_text("allocators", spots.allocators);
}

static void check_cycles(mx_heap *heap, mx_cycles *cycles)
{
    const struct mx_cycle_totals *totals = mx_cycles_totals(cycles);
    const struct mx_cycle_group *groups;
    size_t count = mx_cycles_groups(cycles, &groups);
    uint64_t objects = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t index;
        check_text("shape", groups[i].shape);
        assert_true(groups[i].objects > 0);
        assert_true((groups[i].cycles > 0) == (groups[i].shortest > 0));
        assert_true(groups[i].shortest <= groups[i].longest);
        assert_true(groups[i].step_count > 0 && groups[i].step_count <= MX_CYCLE_STEPS);
        assert_int_equal(groups[i].example, groups[i].steps[0].address);
        for (size_t k = 0; k < groups[i].step_count; k++) {
            assert_true(mx_heap_find(heap, groups[i].steps[k].address, &index));
            check_text("type", groups[i].steps[k].type);
            check_text("label", groups[i].steps[k].label);
        }
        for (uint64_t k = 0; k < groups[i].objects + groups[i].held; k++)
            assert_true(mx_heap_find(heap, groups[i].addresses[k], &index));
        objects += groups[i].objects + groups[i].held;
        bytes += groups[i].bytes + groups[i].held_bytes;
    }
    assert_int_equal(objects, totals->objects);
    assert_int_equal(bytes, totals->bytes);
    mx_cycles_free(cycles);
}

static void ask_cycles(mx_heap *heap)
{
    mx_cycles *cycles;
    assert_int_equal(mx_heap_garbage(heap, &cycles, NULL), MX_OK);
    check_cycles(heap, cycles);
    assert_int_equal(mx_heap_cycles(heap, &cycles, NULL), MX_OK);
    check_cycles(heap, cycles);
}

void ask_everything(mx_heap *heap, uint32_t most)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    const struct mx_type *types;
    size_t type_count = mx_heap_types(heap, &types);
    uint64_t counted = 0;
    for (size_t i = 0; i < type_count; i++) {
        check_text("type", types[i].name);
        counted += types[i].count;
    }
    assert_true(counted <= summary->objects);
    ask_audit(heap);
    ask_cycles(heap);
    struct listener listener = {heap, (uint32_t)summary->objects, 0};
    uint32_t step = most && summary->objects > most ? (uint32_t)summary->objects / most : 1;
    for (uint32_t i = 0; i < summary->objects; i += step)
        ask_object(heap, i, &listener);
    for (uint32_t i = 0; i < 3 && summary->objects; i++) {
        listener.told = 0;
        assert_int_equal(mx_heap_referrers(heap, (uint32_t)(summary->objects - 1) / (i + 1), listen,
                                           &listener, NULL),
                         MX_OK);
    }
    assert_int_not_equal(mx_heap_object(heap, (uint32_t)summary->objects, NULL, NULL), MX_OK);
    ask_threads(heap);
}
