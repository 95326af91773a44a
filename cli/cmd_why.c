// cmd_why.c - why an object, or the objects of a type, are alive.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "selection.h"
#include "text.h"

#define LIMIT_INSTANCES 2000 // of a type that are explained; the rest will hardly be different
#define TOP_CHAINS 20        // of a type, on a terminal

static struct {
    uint64_t paths;
} settings = {.paths = 5};

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)key;
    mx_status status = arguments_count("--paths", text, &settings.paths, err);
    if (!status && settings.paths > 1000)
        return cli_fail(err, MX_BAD_ARGUMENT, "--paths '%.40s': 1000 at most", text);
    return status;
}

// What is asked for: one object, or some of a type.
struct subjects {
    uint32_t *objects;
    size_t count;
    uint64_t left; // of the type, over the limit
    bool is_type;
    struct mx_object object; // when it is one
    uint32_t found;
};

static bool collect(uint32_t index, void *data)
{
    struct subjects *subjects = data;
    subjects->objects[subjects->count++] = index;
    return true;
}

static mx_status find_type(const mx_heap *heap, const char *word, struct subjects *ret,
                           struct mx_error *err)
{
    struct selection selection = {.type = word, .limit = LIMIT_INSTANCES, .order = SORT_ADDRESS};
    ret->is_type = true;
    selection_run(heap, &selection, collect, ret, &ret->left);
    if (ret->count)
        return MX_OK;
    return cli_fail(err, MX_NOT_FOUND,
                    "there is no object of a type called '%.100s'; `memexplorer report` lists the "
                    "types, and an address is what id() gives, or 0x and hexadecimal",
                    word);
}

static mx_status find_subjects(const mx_heap *heap, const char *word, struct subjects *ret,
                               struct mx_error *err)
{
    mx_addr address;
    ret->objects = must(calloc(LIMIT_INSTANCES + 1, sizeof *ret->objects));
    if (!isdigit((unsigned char)*word))
        return find_type(heap, word, ret, err);
    mx_status status = arguments_address(word, &address, err);
    if (status)
        return status;
    if (!mx_heap_find(heap, address, &ret->objects[0]))
        return cli_fail(err, MX_NOT_FOUND, "there is no object at %s", text_address(address).s);
    ret->count = 1;
    ret->found = mx_heap_found_count(heap, ret->objects[0]);
    return mx_heap_object(heap, ret->objects[0], &ret->object, err);
}

// ---- for programs -------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

static json_t *chain_json(const struct mx_chain *chain)
{
    json_t *steps = must(json_array());
    for (size_t i = 0; i < chain->step_count; i++)
        json_array_append_new(steps,
                              json_make("address", json_address(chain->steps[i].address), //
                                        "type", json_text(chain->steps[i].type),          //
                                        "reference", json_text(chain->steps[i].label), NULL));
    return json_make("root_kind", json_text(chain->root_kind), //
                     "root", json_text(chain->root),           //
                     "text", json_text(chain->text),           //
                     "count", number(chain->count),            //
                     "further", json_boolean(chain->further),  //
                     "steps", steps, NULL);
}

static void print_json(const mx_heap *heap, const struct subjects *subjects, const mx_why *why,
                       const struct mx_blind_spots *spots, const char *word)
{
    const struct mx_why_totals *totals = mx_why_totals(why);
    const struct mx_chain *chains;
    size_t count = mx_why_chains(why, &chains);
    json_t *rows = must(json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, chain_json(&chains[i]));
    json_print(json_make(
        "subject", json_text(word),                                                          //
        "address", subjects->is_type ? json_null() : json_address(subjects->object.address), //
        "objects", number(totals->objects + subjects->left), "explained",
        number(totals->objects),                                //
        "garbage", number(totals->garbage),                     //
        "complete", json_boolean(totals->complete),             //
        "chains", rows, "blind_spots", blind_spots_json(spots), //
        "capture", capture_json(heap), NULL));
}

// ---- for people ---------------------------------------------------------------------------------

static void print_quiet(const char *text)
{
    printf("%s%s%s\n", output_style(STYLE_QUIET), text, output_style(STYLE_PLAIN));
}

static void print_object(const struct subjects *subjects, const struct mx_why_totals *totals)
{
    const struct mx_object *object = &subjects->object;
    char *preview = text_clean(object->preview);
    printf("%s%s%s at %s, %s references\n%s\n", output_style(STYLE_HEADING), object->type,
           output_style(STYLE_PLAIN), text_address(object->address).s, text_refcount(object).s,
           preview);
    free(preview);
    if (totals->garbage)
        puts("\nNothing holds it: it is garbage, and waits for the cycle collector.");
}

static void print_type(const struct subjects *subjects, const struct mx_why_totals *totals,
                       const char *word)
{
    uint64_t all = totals->objects + subjects->left;
    printf("%s%s objects of %s%s", output_style(STYLE_HEADING), text_count(all).s, word,
           output_style(STYLE_PLAIN));
    if (subjects->left)
        printf(", the first %s of them looked at", text_count(totals->objects).s);
    putchar('\n');
    if (totals->garbage)
        printf(
            "%s of them are garbage: nothing holds them, and they wait for the cycle collector\n",
            text_count(totals->garbage).s);
}

static void print_chain(const struct mx_chain *chain, bool is_type)
{
    char *text = text_clean(chain->text);
    if (is_type)
        printf("%8s  %s\n", text_count(chain->count).s, text);
    else
        printf("%s\n", text);
    free(text);
}

static void print_chains(const struct mx_chain *chains, size_t count, bool is_type)
{
    size_t shown = is_type && count > TOP_CHAINS ? TOP_CHAINS : count;
    const char *kind = "";
    for (size_t i = 0; i < shown; i++) {
        bool said = strcmp(chains[i].text, "garbage") == 0; // that nothing holds it
        if (!is_type && said)
            continue;
        bool further = chains[i].further && (!i || !chains[i - 1].further);
        if (further)
            printf("\n%sBesides%s\n", output_style(STYLE_HEADING), output_style(STYLE_PLAIN));
        else if (!is_type && !chains[i].further && strcmp(kind, chains[i].root_kind) != 0)
            printf("\n%sHeld by %s%s\n", output_style(STYLE_HEADING), chains[i].root_kind,
                   output_style(STYLE_PLAIN));
        kind = chains[i].root_kind;
        print_chain(&chains[i], is_type);
    }
    if (shown < count)
        printf("%s... %s more ways (--json has all)%s\n", output_style(STYLE_QUIET),
               text_count(count - shown).s, output_style(STYLE_PLAIN));
}

static void print_text(const mx_heap *heap, const struct subjects *subjects, const mx_why *why,
                       const struct mx_blind_spots *spots, const char *word)
{
    const struct mx_why_totals *totals = mx_why_totals(why);
    const struct mx_chain *chains;
    size_t count = mx_why_chains(why, &chains);
    if (subjects->is_type)
        print_type(subjects, totals, word);
    else
        print_object(subjects, totals);
    if (subjects->is_type && count)
        putchar('\n');
    print_chains(chains, count, subjects->is_type);
    if (!count && !totals->garbage)
        puts("\nNo way to it was found.");
    if (!totals->complete)
        print_quiet("Not all references were looked at: there may be more ways.");
    blind_spots_print(spots, "Not seen, or not for certain", "  ");
    capture_print_note(heap);
}

// ---- command ------------------------------------------------------------------------------------

static mx_status run(struct request *request, struct mx_error *err)
{
    struct subjects subjects = {0};
    mx_why *why = NULL;
    struct mx_blind_spots spots;
    mx_status status = find_subjects(request->heap, request->word, &subjects, err);
    if (!status)
        status = mx_heap_why(request->heap, subjects.objects, subjects.count,
                             (uint32_t)settings.paths, &why, err);
    if (!status)
        status = mx_heap_blind_spots(request->heap, &spots, err);
    if (!status && request->json)
        print_json(request->heap, &subjects, why, &spots, request->word);
    else if (!status)
        print_text(request->heap, &subjects, why, &spots, request->word);
    mx_why_free(why);
    free(subjects.objects);
    return status;
}

static const struct argp_option options[] = {
    {"paths", OPTION_OWN, "COUNT", 0,
     "Of one object: so many ways in all, those after the first of each kind sharing no object "
     "with the others (5)",
     0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_why = {
    .name = "why",
    .arguments = "PID ADDRESS|TYPE",
    .summary = "why an object, or the objects of a type, are alive",
    .help =
        "The shortest way of references to an object from each kind of root, written as Python: "
        "from a module, a running frame, the interpreter, native code. Then further ways, which "
        "share nothing with those. For a type (its qualified name, the last part of it, or a "
        "pattern with *) the ways to its objects, those that differ in subscripts alone counted "
        "together.\v"
        "Example:\n\n"
        "  $ memexplorer why 812 Session\n"
        "  40,000 objects of Session, the first 2,000 of them looked at\n"
        "  \n"
        "     2,000  module app -> CACHE -> [...]\n",
    .needs = NEEDS_PID | NEEDS_WORD | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .run = run,
};
