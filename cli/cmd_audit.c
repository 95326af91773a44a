// cmd_audit.c - references that are counted and not found, or found and not counted.
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "selection.h"
#include "table.h"
#include "text.h"

static const char *wanted_type;
static enum { FAIL_NEVER, FAIL_ON_SURPLUS, FAIL_ON_DEFICIT } fail_on;

// Of what is held by something: a large program has a thousand static variables. What is lost, or
// given up too often, is printed whole.
static uint64_t top = 40;

enum { OPTION_TYPE = OPTION_OWN, OPTION_FAIL_ON, OPTION_TOP };

static mx_status option(int key, const char *text, struct mx_error *err)
{
    if (key == OPTION_TYPE)
        wanted_type = text;
    else if (key == OPTION_TOP)
        return arguments_count("--top", text, &top, err);
    else if (strcmp(text, "surplus") == 0)
        fail_on = FAIL_ON_SURPLUS;
    else if (strcmp(text, "deficit") == 0)
        fail_on = FAIL_ON_DEFICIT;
    else
        return cli_fail(err, MX_BAD_ARGUMENT, "--fail-on %s: write surplus or deficit", text);
    return MX_OK;
}

static bool is_wanted(const struct mx_finding *finding)
{
    return !wanted_type || selection_type_matches(wanted_type, finding->type);
}

static bool is_open(const struct mx_finding *finding)
{
    return mx_holder_is_lost(finding->holder) || finding->holder == MX_HOLDER_NONE;
}

static bool is_possible(const struct mx_finding *finding)
{
    return strcmp(mx_holder_confidence(finding->holder), "possible") == 0;
}

static bool is_failure(const struct mx_finding *finding)
{
    switch (fail_on) {
    case FAIL_NEVER:
        return false;
    case FAIL_ON_SURPLUS:
        return mx_holder_is_lost(finding->holder);
    case FAIL_ON_DEFICIT:
        return finding->holder == MX_HOLDER_NONE;
    }
    return false;
}

static json_t *address_json(mx_addr address)
{
    return address ? json_address(address) : json_null();
}

static json_t *block_json(const struct mx_finding *finding)
{
    if (!finding->block)
        return json_null();
    return json_make("address", json_address(finding->block),                 //
                     "bytes", json_integer((json_int_t)finding->block_bytes), //
                     "offset", json_integer((json_int_t)(finding->place - finding->block)), NULL);
}

static void print_json(const mx_heap *heap, const struct mx_finding *findings, size_t count,
                       const struct mx_blind_spots *spots)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    json_t *refcounts =
        json_make("explained", json_integer((json_int_t)summary->refcounts.explained), //
                  "certain", json_integer((json_int_t)summary->refcounts.certain),     //
                  "surplus", json_integer((json_int_t)summary->refcounts.surplus),     //
                  "deficit", json_integer((json_int_t)summary->refcounts.deficit),     //
                  "immortal", json_integer((json_int_t)summary->refcounts.immortal), NULL);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&findings[i]))
            json_array_append_new(
                rows,
                json_make("holder", json_text(mx_holder_name(findings[i].holder)),           //
                          "where", json_text(findings[i].where),                             //
                          "type", json_text(findings[i].type),                               //
                          "objects", json_integer((json_int_t)findings[i].objects),          //
                          "references", json_integer((json_int_t)findings[i].references),    //
                          "example", json_address(findings[i].example),                      //
                          "place", address_json(findings[i].place),                          //
                          "block", block_json(&findings[i]),                                 //
                          "confidence", json_text(mx_holder_confidence(findings[i].holder)), //
                          "meaning", json_text(mx_holder_meaning(findings[i].holder)), NULL));
    json_print(json_make("capture", capture_json(heap), "refcounts", refcounts, "findings", rows,
                         "blind_spots", blind_spots_json(spots), NULL));
}

static void print_meanings(const struct mx_finding *findings, size_t count)
{
    bool seen[MX_HOLDER_NONE + 1] = {false};
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&findings[i]) && !seen[findings[i].holder]) {
            seen[findings[i].holder] = true;
            printf("%s (%s): %s\n", mx_holder_name(findings[i].holder),
                   mx_holder_confidence(findings[i].holder), mx_holder_meaning(findings[i].holder));
        }
}

// What matters first: is anything lost, is anything given up too often?
static void print_verdict(const struct mx_finding *findings, size_t count)
{
    uint64_t lost = 0, lost_objects = 0, missing = 0, missing_objects = 0, possible = 0;
    for (size_t i = 0; i < count; i++) {
        const struct mx_finding *finding = &findings[i];
        if (!is_wanted(finding))
            continue;
        if (mx_holder_is_lost(finding->holder)) {
            lost += finding->references;
            lost_objects += finding->objects;
        }
        if (is_possible(finding))
            possible += finding->references;
        if (finding->holder == MX_HOLDER_NONE) {
            missing += finding->references;
            missing_objects += finding->objects;
        }
    }
    if (lost)
        printf("%s reference%s of %s object%s explained by nothing: likely lost references\n",
               text_count(lost).s, lost == 1 ? "" : "s", text_count(lost_objects).s,
               lost_objects == 1 ? " are" : "s are");
    else if (possible)
        printf(
            "No reference is lost for certain; of %s only a word is known that may have been left "
            "behind (possible)\n",
            text_count(possible).s);
    else
        puts("No reference is lost: something that was found holds each of them");
    if (missing)
        printf("%s reference%s of %s object%s not counted: given up too often\n",
               text_count(missing).s, missing == 1 ? "" : "s", text_count(missing_objects).s,
               missing_objects == 1 ? " are" : "s are");
}

static void print_table(const mx_heap *heap, const struct mx_finding *findings, size_t count,
                        const struct mx_blind_spots *spots)
{
    static const struct column columns[] = {{"REFERENCES", true}, {"OBJECTS", true},
                                            {"HOLDER", false},    {"TYPE", false},
                                            {"EXAMPLE", false},   {"WHERE", false}};
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    struct table table;
    print_verdict(findings, count);
    printf("explained %s, surplus %s, deficit %s, immortal %s of %s objects\n",
           text_count(summary->refcounts.explained).s, text_count(summary->refcounts.surplus).s,
           text_count(summary->refcounts.deficit).s, text_count(summary->refcounts.immortal).s,
           text_count(summary->objects).s);
    printf("\n");
    table_init(&table, columns, sizeof columns / sizeof *columns);
    uint64_t held = 0, shown = 0;
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&findings[i]) && (is_open(&findings[i]) || held++ < top)) {
            TABLE_ADD(&table, text_count(findings[i].references).s,
                      text_count(findings[i].objects).s, mx_holder_name(findings[i].holder),
                      findings[i].type, text_address(findings[i].example).s, findings[i].where);
            shown++;
        }
    if (shown)
        table_finish(&table);
    else
        table_discard(&table);
    if (!shown && wanted_type)
        printf("Every reference to an object of %s is accounted for.\n", wanted_type);
    if (held > top)
        printf("... %s more that something holds (--top)\n", text_count(held - top).s);
    printf("\n");
    print_meanings(findings, count);
    blind_spots_print(spots, "Not seen, or not for certain", "  ");
    capture_print_note(heap);
}

// A script would take torn counts for bugs.
static mx_status check(const struct request *request, struct mx_error *err)
{
    if (fail_on != FAIL_NEVER && request->mode == MX_CAPTURE_NO_PAUSE)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "--fail-on needs a view of one moment: --fork or --freeze, not --no-pause");
    return MX_OK;
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct mx_finding *findings;
    size_t count;
    mx_status status = mx_heap_audit(request->heap, &findings, &count, err);
    struct mx_blind_spots spots;
    if (status)
        return status;
    status = mx_heap_blind_spots(request->heap, &spots, err);
    if (status) {
        mx_findings_free(findings);
        return status;
    }
    if (request->json)
        print_json(request->heap, findings, count, &spots);
    else
        print_table(request->heap, findings, count, &spots);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&findings[i]) && is_failure(&findings[i]))
            request->exit_code = 1;
    mx_findings_free(findings);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"type", OPTION_TYPE, "TYPE", 0, "Only objects of this type; * stands for any characters", 0},
    {"fail-on", OPTION_FAIL_ON, "WHAT", 0,
     "End with exit code 1 when there is a surplus that nothing explains, or a deficit", 0},
    {"top", OPTION_TOP, "COUNT", 0, "Print so many of those that something holds (40)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_audit = {
    .name = "audit",
    .arguments = "PID",
    .summary = "reference counts against the references found, and who holds the rest",
    .help = "For every object, the references found against the count in its header. What objects, "
            "interpreters, threads and frames do not account for is listed by who else refers to "
            "it: a variable of a library by name, the state of a module, memory that native code "
            "allocated, a C stack. A lost reference of an extension stands out as held by nothing "
            "that is known.\v"
            "Example:\n\n"
            "  $ memexplorer audit 812 --fail-on surplus --type 'mymodule.*'\n",
    .needs = NEEDS_PID | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = option,
    .check = check,
    .run = run,
};
