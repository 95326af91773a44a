// cmd_free.c - what would happen if a reference went away.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "free.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define LIMIT_LINES 20  // of each list on a terminal; --all and --json have none
#define HEADROOM 50     // deallocations within each other: PyTrash_UNWIND_LEVEL
#define ADDRESS_MOST 40 // characters of an address, and more than it has

static struct {
    bool all;
} settings;

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)key, (void)text, (void)err;
    settings.all = true;
    return MX_OK;
}

// ---- for people -------------------------------------------------------------------------------

static bool is_shown(uint64_t place)
{
    return (settings.all || place < LIMIT_LINES) && !output_failed();
}

static void print_more(uint64_t count)
{
    if (count > LIMIT_LINES && !settings.all)
        printf("%s... %s more (--all)%s\n", output_style(STYLE_QUIET),
               text_count(count - LIMIT_LINES).s, output_style(STYLE_PLAIN));
}

static void print_references(const struct free_answer *answer)
{
    static const struct column columns[] = {
        {"GOES AWAY", false}, {"OF", false}, {"TYPE", false}, {"PREVIEW", false}};
    struct table table;
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (uint64_t i = 0; i < answer->totals->references && is_shown(i); i++) {
        struct mx_reference reference;
        mx_drop_reference(answer->drop, i, &reference);
        if (reference.from == MX_NO_OBJECT) {
            TABLE_ADD(&table, reference.label, "root", "", reference.root);
            continue;
        }
        struct mx_object from = free_object(answer->heap, reference.from);
        TABLE_ADD(&table, reference.label, text_address(from.address).s, from.type, from.preview);
    }
    if (answer->totals->references) {
        table_finish(&table);
    } else {
        table_discard(&table);
        puts("Nothing that was found refers to it.");
    }
    print_more(answer->totals->references);
}

static const char *fate_text(mx_drop_fate fate)
{
    switch (fate) {
    case MX_DROP_FREED:
        return "is freed at once";
    case MX_DROP_COLLECTED:
        return "is left to the cycle collector";
    case MX_DROP_LOST:
        return "is lost: nothing holds it, and the collector does not see that";
    case MX_DROP_STAYS:
        return "stays";
    }
    __builtin_unreachable();
}

static void print_count(const char *what, uint64_t count, uint64_t nbytes)
{
    if (count)
        printf("  %-24s %s %s, %s\n", what, text_count(count).s, count == 1 ? "object" : "objects",
               text_size(nbytes).s);
}

static void print_totals(const struct free_answer *answer)
{
    const struct mx_drop_totals *totals = answer->totals;
    struct mx_object object = free_object(answer->heap, totals->object);
    char *type = text_clean(object.type);
    printf("\n%s%s%s %s %s\n", output_style(STYLE_HEADING), text_address(object.address).s,
           output_style(STYLE_PLAIN), type, fate_text(totals->fate));
    free(type);
    print_count("freed at once", totals->freed, totals->freed_bytes);
    print_count("by the collector later", totals->collected, totals->collected_bytes);
    print_count("never", totals->lost, totals->lost_bytes);
    if (totals->finalizers)
        printf("  %-24s %s, and what one does is not foreseen: it may keep its object\n",
               "finalizers called", text_count(totals->finalizers).s);
    if (totals->callbacks)
        printf("  %-24s %s\n", "callbacks called", text_count(totals->callbacks).s);
    if (totals->later)
        printf("  %-24s %s\n", "called by the collector", text_count(totals->later).s);
    if (totals->depth > HEADROOM && totals->finalizers + totals->callbacks > 1)
        printf("  %-24s %s within each other: CPython puts some off, and what runs may run in "
               "another order\n",
               "depth", text_count(totals->depth).s);
}

// Worth a table where the lists below it are cut.
static void print_types(const struct free_answer *answer)
{
    static const struct column columns[] = {
        {"TYPE", false}, {"OBJECTS", true}, {"BYTES", true}, {"WHEN", false}};
    const struct mx_drop_type *types;
    size_t count = mx_drop_types(answer->drop, &types);
    struct table table;
    if (answer->object_count <= LIMIT_LINES)
        return;
    puts("");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count && is_shown(i); i++) {
        const char *when = types[i].fate == MX_DROP_FREED       ? "at once"
                           : types[i].fate == MX_DROP_COLLECTED ? "by the collector"
                                                                : "never";
        TABLE_ADD(&table, types[i].type, text_count(types[i].count).s, text_size(types[i].bytes).s,
                  when);
    }
    table_finish(&table);
    print_more(count);
}

static void print_calls(const struct free_answer *answer)
{
    static const struct column columns[] = {
        {"RUNS", false}, {"WHEN", false}, {"OBJECT", false}, {"TYPE", false}, {"PREVIEW", false}};
    struct table table;
    if (!answer->call_count)
        return;
    puts("");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < answer->call_count && is_shown(i); i++) {
        const struct mx_drop_call *call = &answer->calls[i];
        struct mx_object object = free_object(answer->heap, call->object);
        char runs[80] = "finalizer";
        if (call->weakref != MX_NO_OBJECT)
            snprintf(runs, sizeof runs, "callback of %s",
                     text_address(free_object(answer->heap, call->weakref).address).s);
        TABLE_ADD(&table, runs, call->collector ? "collector" : "now",
                  text_address(object.address).s, object.type, object.preview);
    }
    table_finish(&table);
    print_more(answer->call_count);
}

static void print_objects(const struct free_answer *answer, mx_drop_fate fate, const char *title,
                          uint64_t count)
{
    const struct column columns[] = {
        {title, false}, {"TYPE", false}, {"SIZE", true}, {"PREVIEW", false}};
    struct table table;
    uint64_t place = 0;
    if (!count)
        return;
    puts("");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < answer->object_count && is_shown(place); i++) {
        const struct mx_drop_object *gone = &answer->objects[i];
        if (gone->fate != fate)
            continue;
        place++;
        struct mx_object object = free_object(answer->heap, gone->object);
        TABLE_ADD(&table, text_address(object.address).s, object.type, text_size(gone->bytes).s,
                  object.preview);
    }
    table_finish(&table);
    print_more(count);
}

static void why_text(const struct free_answer *answer, const struct mx_drop_stay *stay,
                     char *buffer, size_t nbytes)
{
    switch (stay->reason) {
    case MX_STAYS_HELD: {
        struct mx_object from = free_object(answer->heap, stay->holder.from);
        snprintf(buffer, nbytes, "%s of %s %s", stay->holder.label, text_address(from.address).s,
                 from.type);
        return;
    }
    case MX_STAYS_ROOT:
        snprintf(buffer, nbytes, "%s%s%s", stay->holder.root, stay->holder.label[0] ? ": " : "",
                 stay->holder.label);
        return;
    case MX_STAYS_NATIVE:
        snprintf(buffer, nbytes, "held from outside: 'memexplorer audit' says by whom");
        return;
    case MX_STAYS_IMMORTAL:
        snprintf(buffer, nbytes, "immortal");
        return;
    case MX_STAYS_UNKNOWN:
        snprintf(buffer, nbytes, "its count says so");
        return;
    }
}

static void print_stays(const struct free_answer *answer)
{
    static const struct column columns[] = {
        {"STAYS", false}, {"TYPE", false}, {"LOSES", true}, {"LEFT", true}, {"HELD BY", false}};
    struct table table;
    uint64_t count = answer->totals->stays;
    if (!count)
        return;
    puts("");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    for (uint64_t i = 0; i < count && is_shown(i); i++) {
        struct mx_drop_stay stay;
        char why[600];
        mx_drop_stays(answer->drop, i, &stay);
        struct mx_object object = free_object(answer->heap, stay.object);
        why_text(answer, &stay, why, sizeof why);
        TABLE_ADD(&table, text_address(object.address).s, object.type, text_count(stay.lost).s,
                  stay.refcount < 0 ? "" : text_count((uint64_t)stay.refcount).s, why);
    }
    table_finish(&table);
    print_more(count);
}

static void print_answer(const struct free_answer *answer)
{
    const struct mx_drop_totals *totals = answer->totals;
    print_references(answer);
    print_totals(answer);
    print_types(answer);
    print_calls(answer);
    print_objects(answer, MX_DROP_FREED, "FREED, IN THIS ORDER", totals->freed);
    print_objects(answer, MX_DROP_COLLECTED, "LEFT TO THE COLLECTOR", totals->collected);
    print_objects(answer, MX_DROP_LOST, "NEVER FREED", totals->lost);
    print_stays(answer);
}

// ---- command ----------------------------------------------------------------------------------

// "0x7f3a5c2d1e80.attr": an address, and what stands behind it; *ret_label is "" for nothing.
static mx_status split(const char *word, mx_addr *ret, const char **ret_label, struct mx_error *err)
{
    size_t length = strcspn(word, ".[{ ");
    char address[ADDRESS_MOST];
    *ret_label = word + length + strspn(word + length, " ");
    if (length >= sizeof address)
        return arguments_address(word, ret, err);
    snprintf(address, sizeof address, "%.*s", (int)length, word);
    return arguments_address(address, ret, err);
}

static mx_status check(const struct request *request, struct mx_error *err)
{
    mx_addr address;
    const char *label;
    return split(request->word, &address, &label, err);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    mx_addr address;
    const char *label;
    mx_drop *drop;
    mx_status status = split(request->word, &address, &label, err);
    if (!status)
        status = mx_heap_drop(request->heap, address, *label ? label : NULL, &drop, err);
    if (status)
        return status;
    struct free_answer answer = {
        .heap = request->heap, .drop = drop, .totals = mx_drop_totals(drop)};
    answer.object_count = mx_drop_objects(drop, &answer.objects);
    answer.call_count = mx_drop_calls(drop, &answer.calls);
    status = mx_heap_blind_spots(request->heap, &answer.spots, err);
    if (!status && request->json) {
        free_print_json(&answer);
    } else if (!status) {
        print_answer(&answer);
        blind_spots_print(&answer.spots, "Not seen, or not for certain", "  ");
        capture_print_note(request->heap);
    }
    mx_drop_free(drop);
    return status;
}

static const struct argp_option options[] = {
    {"all", OPTION_OWN, NULL, 0, "Print all of each list, not the first 20", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_free = {
    .name = "free",
    .arguments = "PID ADDRESS[.ATTR]",
    .summary = "what would be freed if a reference went away, and what stays and why",
    .help =
        "What would happen if a reference went away: what reference counting frees at once, in "
        "order, with the finalizers and callbacks that run; what is left to the cycle collector; "
        "what loses a reference and stays, and who holds it. ADDRESS.ATTR, ADDRESS['KEY'] and "
        "ADDRESS[3] name one reference, as 'show' does; ADDRESS alone stands for every reference "
        "to the object. Nothing is changed in the process.\v"
        "Example:\n\n"
        "  $ memexplorer free 812 0x7f3a5c2d1e80.cache\n",
    .needs = NEEDS_PID | NEEDS_WORD | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .check = check,
    .run = run,
};
