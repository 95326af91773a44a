// chain.c - the steps of a way, one after the other.
//
// A way may be as long as a linked list: a run of equal steps is counted, and of others the middle is
// left out.
#include "query/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vector.h"
#include "query/steps.h"

#define CHAIN_SHOWN 12  // steps at each end of a long way
#define MANY_ITEMS 1000 // of one container
#define REPEATS_SHOWN 3 // steps that read the same

// ['user:17'] and [3] are the same way as ['user:18'] and [4].
static void generalise(char *label)
{
    size_t length = strlen(label);
    if (label[0] == '[' && label[length - 1] == ']')
        memcpy(label, "[...]", 6);
}

// Of a large container the place need not be looked for when all of them read the same.
static bool is_subscript_anyway(const struct snapshot *s, uint32_t from)
{
    uint64_t count = snapshot_references(s, from);
    uint8_t family = snapshot_type_of(s, from)->family;
    return count > MANY_ITEMS &&
           (family == SNAPSHOT_LIST || family == SNAPSHOT_TUPLE || family == SNAPSHOT_DICT);
}

// A way as it is written: steps that read the same one after the other become one.
struct writing {
    struct text *text;
    char label[STEP_NBYTES]; // of the steps that are not written yet
    uint32_t repeats;        // how many these are
    uint32_t written;        // labels
    VECTOR(char *) last;     // those after the first CHAIN_SHOWN
};

static void format_label(const struct writing *writing, char *buffer, size_t nbytes)
{
    if (writing->repeats > REPEATS_SHOWN)
        snprintf(buffer, nbytes, " -> %s (%u times)", writing->label, writing->repeats);
    else
        snprintf(buffer, nbytes, " -> %s", writing->label);
}

static bool flush_label(struct writing *writing)
{
    char buffer[STEP_NBYTES + 40];
    format_label(writing, buffer, sizeof buffer);
    uint32_t times = writing->repeats > REPEATS_SHOWN ? 1 : writing->repeats;
    writing->repeats = 0;
    for (; times; times--) {
        if (writing->written++ < CHAIN_SHOWN) {
            text_add(writing->text, "%s", buffer);
            continue;
        }
        char *kept = strdup(buffer);
        if (!kept || !vector_push(&writing->last, kept)) {
            free(kept);
            return false;
        }
    }
    return true;
}

static bool add_label(struct writing *writing, const char *label)
{
    if (!*label || (writing->repeats && strcmp(writing->label, label) == 0)) {
        writing->repeats += *label != '\0';
        return true;
    }
    if (!flush_label(writing))
        return false;
    snprintf(writing->label, sizeof writing->label, "%s", label);
    writing->repeats = 1;
    return true;
}

static bool finish_labels(struct writing *writing)
{
    bool ok = flush_label(writing);
    size_t count = writing->last.count, first = 0;
    if (count > CHAIN_SHOWN + 1) {
        first = count - CHAIN_SHOWN;
        text_add(writing->text, " -> (%zu more)", first);
    }
    for (size_t i = 0; i < count; i++) {
        if (i >= first)
            text_add(writing->text, "%s", writing->last.items[i]);
        free(writing->last.items[i]);
    }
    vector_free(&writing->last);
    return ok;
}

bool chain_write(const struct chain *chain, struct text *text, chain_step_fn step, void *data)
{
    const struct snapshot *s = chain->snapshot;
    struct step_state state = {.in_namespace = chain->in_namespace};
    struct writing writing = {.text = text};
    bool ok = true, names = chain->names;
    for (uint32_t i = 0; i < chain->count && ok; i++) {
        char label[STEP_NBYTES] = "";
        uint32_t node = chain->nodes[i];
        if (i && chain->general && !state.in_namespace &&
            is_subscript_anyway(s, chain->nodes[i - 1])) {
            snprintf(label, sizeof label, "[...]");
            state = (struct step_state){0};
        } else if (i) {
            step_write(s, &state, chain->nodes[i - 1], node, i + 1 == chain->count, label);
        }
        if (chain->general)
            generalise(label);
        bool is_name = names && *label == '.' && strcmp(label, ".__dict__") != 0;
        names &= !*label;
        ok = add_label(&writing, label + is_name) && (!step || step(data, node, label));
    }
    return finish_labels(&writing) && ok;
}
