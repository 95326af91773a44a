// dropped - what the library says would happen if each of some references went away: of one capture, for
// many references, a line of JSON each.
//
//   dropped PID < lines of "ADDRESS LABEL"; without a label, all references to the object
//
//   {"fate": "freed", "references": 1, "freed": [[address, tracked, "type"], ...], "collected": [...],
//    "lost": [...], "calls": [["finalizer", address, "now"], ["callback", weakref, "collector"], ...],
//    "stays": [[address, "type", lost, refcount, "reason", holder or null], ...]}
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memexplorer.h"

static struct mx_object facts(const mx_heap *heap, uint32_t object)
{
    struct mx_object ret = {0};
    mx_heap_object(heap, object, &ret, NULL);
    return ret;
}

static void print_objects(const mx_heap *heap, const mx_drop *drop, mx_drop_fate fate)
{
    const struct mx_drop_object *objects;
    size_t count = mx_drop_objects(drop, &objects);
    const char *comma = "";
    printf(", \"%s\": [", mx_drop_fate_name(fate));
    for (size_t i = 0; i < count; i++) {
        if (objects[i].fate != fate)
            continue;
        struct mx_object object = facts(heap, objects[i].object);
        printf("%s[%" PRIu64 ", %s, \"%s\"]", comma, object.address,
               object.tracked ? "true" : "false", object.type);
        comma = ", ";
    }
    printf("]");
}

static void print_calls(const mx_heap *heap, const mx_drop *drop)
{
    const struct mx_drop_call *calls;
    size_t count = mx_drop_calls(drop, &calls);
    printf(", \"calls\": [");
    for (size_t i = 0; i < count; i++) {
        bool finalizer = calls[i].weakref == MX_NO_OBJECT;
        struct mx_object object = facts(heap, finalizer ? calls[i].object : calls[i].weakref);
        printf("%s[\"%s\", %" PRIu64 ", \"%s\"]", i ? ", " : "",
               finalizer ? "finalizer" : "callback", object.address,
               calls[i].collector ? "collector" : "now");
    }
    printf("]");
}

static void print_stays(const mx_heap *heap, const mx_drop *drop)
{
    printf(", \"stays\": [");
    for (size_t i = 0; i < mx_drop_totals(drop)->stays; i++) {
        struct mx_drop_stay stay;
        mx_drop_stays(drop, i, &stay);
        struct mx_object object = facts(heap, stay.object);
        printf("%s[%" PRIu64 ", \"%s\", %" PRIu64 ", %" PRId64 ", \"%s\", ", i ? ", " : "",
               object.address, object.type, stay.lost, stay.refcount,
               mx_drop_reason_name(stay.reason));
        if (stay.holder.from == MX_NO_OBJECT)
            printf("null]");
        else
            printf("%" PRIu64 "]", facts(heap, stay.holder.from).address);
    }
    printf("]");
}

static mx_status answer(const mx_heap *heap, char *line, struct mx_error *err)
{
    char *label;
    mx_drop *drop;
    mx_addr address = strtoull(line, &label, 0);
    label += *label == ' ';
    label[strcspn(label, "\n")] = '\0';
    mx_status status = mx_heap_drop(heap, address, *label ? label : NULL, &drop, err);
    if (status)
        return status;
    printf("{\"fate\": \"%s\", \"references\": %" PRIu64,
           mx_drop_fate_name(mx_drop_totals(drop)->fate), mx_drop_totals(drop)->references);
    print_objects(heap, drop, MX_DROP_FREED);
    print_objects(heap, drop, MX_DROP_COLLECTED);
    print_objects(heap, drop, MX_DROP_LOST);
    print_calls(heap, drop);
    print_stays(heap, drop);
    puts("}");
    mx_drop_free(drop);
    return MX_OK;
}

int main(int argc, char **argv)
{
    mx_target *target = NULL;
    mx_heap *heap = NULL;
    struct mx_error err = {0};
    char line[400];
    mx_status status = mx_target_open(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, &target, &err);
    if (!status)
        status = mx_heap_capture(target, NULL, &heap, &err);
    while (!status && fgets(line, sizeof line, stdin))
        status = answer(heap, line, &err);
    if (status)
        fprintf(stderr, "%s\n", err.message);
    mx_heap_free(heap);
    mx_target_free(target);
    return mx_status_exit_code(status);
}
