// cmd_dominators.c - what holds what: the dominator tree from the roots, or from one object, downwards.
#include <stdlib.h>

#include "arguments.h"
#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include "text.h"

#define LIMIT_DEPTH 1000 // linked lists are deep; a person reads ten of them
#define LIMIT_TOP 100000 // of one object's children
#define LABEL_NBYTES 600

static struct {
    uint64_t depth, top;
    bool by_type, verify;
} settings = {.depth = 3, .top = 10};

enum { OPTION_DEPTH = OPTION_OWN, OPTION_TOP, OPTION_BY_TYPE, OPTION_VERIFY };

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    mx_status status = MX_OK;
    if (key == OPTION_BY_TYPE)
        settings.by_type = true;
    else if (key == OPTION_VERIFY)
        settings.verify = true;
    else if (key == OPTION_DEPTH)
        status = arguments_count("--depth", text, &settings.depth, err);
    else
        status = arguments_count("--top", text, &settings.top, err);
    if (!status && (settings.depth > LIMIT_DEPTH || settings.top > LIMIT_TOP))
        status = cli_fail(err, MX_BAD_ARGUMENT, "--depth is %d at most, --top %d", LIMIT_DEPTH,
                          LIMIT_TOP);
    return status;
}

// ---- rows ---------------------------------------------------------------------------------------

// One line of the tree, or a place in it that is still to be gone down from.
struct node {
    uint32_t object;         // not by type
    const uint32_t *objects; // by type
    uint64_t count;          // of objects that it stands for
    uint64_t bytes, retained;
    const char *type; // by type
    uint64_t left;    // more of the same depth than are shown; then it is nothing else
    uint32_t depth;
};

struct walk {
    const mx_heap *heap;
    const mx_tree *tree;
    struct node *stack;
    size_t count, capacity;
    struct mx_holding **holdings; // all that were made, for the objects in them
    size_t holding_count;
    json_t *rows; // when it is printed for programs
    struct table table;
    uint64_t total;
};

static void push(struct walk *walk, struct node node)
{
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity ? 2 * walk->capacity : 64;
        walk->stack = must(reallocarray(walk->stack, walk->capacity, sizeof node));
    }
    walk->stack[walk->count++] = node;
}

// The stack gives back the last first.
static void push_objects(struct walk *walk, uint32_t object, uint32_t depth)
{
    uint32_t *largest = must(calloc(settings.top + 1, sizeof *largest)), shown;
    uint64_t all = mx_tree_largest(walk->tree, object, (uint32_t)settings.top, largest, &shown);
    if (all > shown)
        push(walk, (struct node){.left = all - shown, .depth = depth});
    while (shown--)
        push(walk, (struct node){.object = largest[shown],
                                 .count = 1,
                                 .bytes = mx_tree_bytes(walk->tree, largest[shown]),
                                 .retained = mx_tree_retained(walk->tree, largest[shown]),
                                 .depth = depth});
    free(largest);
}

static mx_status push_types(struct walk *walk, const uint32_t *objects, size_t count,
                            uint32_t depth, struct mx_error *err)
{
    struct mx_holding *rows;
    size_t all;
    mx_status status = mx_tree_fold(walk->tree, objects, count, &rows, &all, err);
    if (status)
        return status;
    walk->holdings =
        must(reallocarray(walk->holdings, walk->holding_count + 1, sizeof *walk->holdings));
    walk->holdings[walk->holding_count++] = rows;
    size_t shown = all < settings.top ? all : (size_t)settings.top;
    if (all > shown)
        push(walk, (struct node){.left = all - shown, .depth = depth});
    while (shown--)
        push(walk, (struct node){.objects = rows[shown].objects,
                                 .count = rows[shown].count,
                                 .bytes = rows[shown].bytes,
                                 .retained = rows[shown].retained,
                                 .type = rows[shown].type,
                                 .depth = depth});
    return MX_OK;
}

// ---- printing -----------------------------------------------------------------------------------

static json_t *number(uint64_t value)
{
    return must(json_integer((json_int_t)value));
}

static void print_left(struct walk *walk, const struct node *node)
{
    char label[LABEL_NBYTES];
    if (walk->rows)
        return;
    snprintf(label, sizeof label, "%*s... %s more", (int)(2 * node->depth), "",
             text_count(node->left).s);
    TABLE_ADD(&walk->table, "", "", "", label);
}

static mx_status print_object(struct walk *walk, const struct node *node, struct mx_error *err)
{
    struct mx_object object;
    char label[LABEL_NBYTES];
    mx_status status = mx_heap_object(walk->heap, node->object, &object, err);
    if (status)
        return status;
    if (walk->rows) {
        json_array_append_new(walk->rows, json_make("depth", number(node->depth),            //
                                                    "address", json_address(object.address), //
                                                    "type", json_text(object.type),          //
                                                    "preview", json_text(object.preview),    //
                                                    "count", number(1),                      //
                                                    "bytes", number(node->bytes),            //
                                                    "retained", number(node->retained), NULL));
        return MX_OK;
    }
    snprintf(label, sizeof label, "%*s%s at %s  %s", (int)(2 * node->depth), "", object.type,
             text_address(object.address).s, object.preview);
    TABLE_ADD(&walk->table, text_size(node->retained).s,
              text_percent(node->retained, walk->total).s, text_size(node->bytes).s, label);
    return MX_OK;
}

static void print_type(struct walk *walk, const struct node *node)
{
    char label[LABEL_NBYTES];
    if (walk->rows) {
        json_array_append_new(walk->rows, json_make("depth", number(node->depth), //
                                                    "type", json_text(node->type), "count",
                                                    number(node->count),          //
                                                    "bytes", number(node->bytes), //
                                                    "retained", number(node->retained), NULL));
        return;
    }
    snprintf(label, sizeof label, "%*s%s x %s", (int)(2 * node->depth), "", node->type,
             text_count(node->count).s);
    TABLE_ADD(&walk->table, text_size(node->retained).s,
              text_percent(node->retained, walk->total).s, text_size(node->bytes).s, label);
}

static mx_status walk_down(struct walk *walk, struct mx_error *err)
{
    mx_status status = MX_OK;
    while (walk->count && !status) {
        struct node node = walk->stack[--walk->count];
        bool deeper = node.depth + 1 < settings.depth;
        if (node.left) {
            print_left(walk, &node);
        } else if (settings.by_type) {
            print_type(walk, &node);
            if (deeper)
                status = push_types(walk, node.objects, node.count, node.depth + 1, err);
        } else {
            status = print_object(walk, &node, err);
            if (deeper && !status)
                push_objects(walk, node.object, node.depth + 1);
        }
    }
    return status;
}

// ---- command ------------------------------------------------------------------------------------

static mx_status begin(struct walk *walk, const char *word, struct mx_error *err)
{
    mx_addr address;
    uint32_t object = MX_NO_OBJECT;
    mx_status status = word ? arguments_address(word, &address, err) : MX_OK;
    if (status)
        return status;
    if (word && !mx_heap_find(walk->heap, address, &object))
        return cli_fail(err, MX_NOT_FOUND, "there is no object at %s", text_address(address).s);
    struct mx_holding *all;
    size_t count;
    status = mx_tree_fold(walk->tree, NULL, 0, &all, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        walk->total += all[i].retained;
    if (!status)
        mx_holdings_free(all);
    if (status)
        return status;
    if (settings.by_type)
        return push_types(walk, word ? &object : NULL, 1, 0, err);
    if (word)
        push(walk, (struct node){.object = object,
                                 .count = 1,
                                 .bytes = mx_tree_bytes(walk->tree, object),
                                 .retained = mx_tree_retained(walk->tree, object)});
    else
        push_objects(walk, MX_NO_OBJECT, 0);
    return MX_OK;
}

static mx_status verify(struct walk *walk, struct mx_error *err)
{
    bool right = true;
    uint32_t object;
    struct mx_object wrong = {0};
    if (!settings.verify)
        return MX_OK;
    mx_status status = mx_heap_verify(walk->heap, err);
    if (!status)
        status = mx_tree_verify(walk->tree, &right, &object, err);
    if (status || right)
        return status;
    status = mx_heap_object(walk->heap, object, &wrong, err);
    return status ? status
                  : cli_fail(err, MX_CORRUPT,
                             "the dominator tree is wrong at %s: a damaged snapshot, or an error "
                             "of memexplorer's",
                             text_address(wrong.address).s);
}

static mx_status print(struct walk *walk, bool json, struct mx_error *err)
{
    static const struct column columns[] = {
        {"RETAINED", true}, {"SHARE", true}, {"OWN", true}, {"OBJECT", false}};
    struct mx_blind_spots spots;
    mx_status status = mx_heap_blind_spots(walk->heap, &spots, err);
    if (json)
        walk->rows = must(json_array());
    else
        table_init(&walk->table, columns, sizeof columns / sizeof *columns);
    if (!status)
        status = walk_down(walk, err);
    if (json) {
        json_t *document = json_make("total", number(walk->total),              //
                                     "verified", json_boolean(settings.verify), //
                                     "rows", walk->rows,                        //
                                     "blind_spots", blind_spots_json(&spots),   //
                                     "capture", capture_json(walk->heap), NULL);
        if (status)
            json_decref(document);
        else
            json_print(document);
        return status;
    }
    table_finish(&walk->table);
    if (settings.verify)
        puts("\nVerified: this is the dominator tree, and the sizes are its sums.");
    blind_spots_print(&spots, "Not seen, or not for certain", "  ");
    capture_print_note(walk->heap);
    return status;
}

static mx_status run(struct request *request, struct mx_error *err)
{
    mx_tree *tree = NULL;
    struct walk walk = {.heap = request->heap};
    mx_status status = mx_heap_tree(request->heap, &tree, err);
    walk.tree = tree;
    if (!status)
        status = verify(&walk, err);
    if (!status)
        status = begin(&walk, request->word, err);
    if (!status)
        status = print(&walk, request->json, err);
    for (size_t i = 0; i < walk.holding_count; i++)
        mx_holdings_free(walk.holdings[i]);
    free(walk.holdings);
    free(walk.stack);
    mx_tree_free(tree);
    return status;
}

static const struct argp_option options[] = {
    {"depth", OPTION_DEPTH, "COUNT", 0, "So many levels of the tree (3)", 0},
    {"top", OPTION_TOP, "COUNT", 0, "On each, those that retain most: so many (10)", 0},
    {"by-type", OPTION_BY_TYPE, NULL, 0, "Fold the objects on each level that are of one type", 0},
    {"verify", OPTION_VERIFY, NULL, 0,
     "Prove the tree and its sizes right first, in linear time, without trust in what made them; "
     "of a snapshot file hold every byte against its checksum too",
     0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_dominators = {
    .name = "dominators",
    .arguments = "PID [ADDRESS]",
    .summary = "what holds what, by the bytes that would be freed with it",
    .help = "The dominator tree: an object stands below another when every way from a root to it "
            "leads through that one, so that it goes when that one goes. RETAINED are the bytes of "
            "all that stands below, and its own: exact, blocks of memory included. With an ADDRESS "
            "the part of the tree below it.\v"
            "Example:\n\n"
            "  $ memexplorer dominators 812 --by-type --depth 4\n",
    .needs = NEEDS_PID | TAKES_WORD | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .run = run,
};
