// file_preview.c - previews out of a file: equal to what decode/ makes of the target's memory, limit by
// limit (decode/preview.h).
//
// Containers are nested PREVIEW_DEPTH deep at most, and all that a preview looks at is counted: a hostile
// file has recipes that name a thousand previews each.
#include "base/text.h"
#include "snapshot/file_inside.h"

#define PREVIEW_ITEMS 8   // as in decode/preview.h: of one container
#define PREVIEW_DEPTH 3   // of containers in containers
#define PREVIEW_WORK 4096 // items looked at in all

// An object on its way into a text.
struct shown {
    const struct snapshot_file *file;
    struct text *text;
    uint32_t object;
    int depth; // containers around it
    uint32_t *work;
};

static void show_inner(const struct shown *around, uint32_t object);

static bool take_work(const struct shown *it)
{
    return *it->work && (*it->work)--;
}

static const char *type_name(const struct snapshot_file *file, uint32_t object)
{
    return snapshot_type_of(&file->snapshot, object)->name;
}

// ---- containers ---------------------------------------------------------------------------------

static bool is_too_deep(const struct shown *it, const char *hint)
{
    if (it->depth >= PREVIEW_DEPTH)
        text_add(it->text, "%s", hint);
    return it->depth >= PREVIEW_DEPTH;
}

// Shows the first items; returns how many there are, at most PREVIEW_ITEMS + 1.
static int show_items(const struct shown *it, const char *before)
{
    struct held held = file_held(it->file, it->object);
    int count = 0;
    for (uint64_t k = 0; k < held.count && !it->text->full && take_work(it); k++) {
        uint64_t detail;
        enum mark_kind kind = file_mark(&held, k, &detail);
        if (kind != MARK_ITEM && kind != MARK_MEMBER)
            continue;
        text_add(it->text, "%s", count ? "" : before);
        if (++count > PREVIEW_ITEMS) {
            text_add(it->text, ", ...");
            break;
        }
        text_add(it->text, count > 1 ? ", " : "");
        show_inner(it, file_target(it->file, &held, k));
    }
    return count;
}

static void show_tuple(const struct shown *it)
{
    if (is_too_deep(it, "(...)"))
        return;
    text_add(it->text, "(");
    text_add(it->text, show_items(it, "") == 1 ? ",)" : ")");
}

static void show_list(const struct shown *it, bool deque)
{
    if (is_too_deep(it, deque ? "deque([...])" : "[...]"))
        return;
    text_add(it->text, deque ? "deque([" : "[");
    show_items(it, "");
    text_add(it->text, deque ? "])" : "]");
}

static void show_set(const struct shown *it, bool frozen)
{
    if (is_too_deep(it, "{...}"))
        return;
    if (show_items(it, frozen ? "frozenset({" : "{"))
        text_add(it->text, frozen ? "})" : "}");
    else
        text_add(it->text, frozen ? "frozenset()" : "set()");
}

static void show_dict(const struct shown *it)
{
    struct held held = file_held(it->file, it->object);
    int count = 0;
    if (is_too_deep(it, "{...}"))
        return;
    text_add(it->text, "{");
    for (uint64_t k = 0; k < held.count && !it->text->full && take_work(it); k++) {
        uint64_t detail;
        uint32_t key;
        enum mark_kind kind = file_mark(&held, k, &detail);
        bool omitted = kind == MARK_OMITTED;
        if (!omitted && !file_key(it->file, &held, k, &key))
            continue;
        if (++count > PREVIEW_ITEMS) {
            text_add(it->text, ", ...");
            break;
        }
        text_add(it->text, count > 1 ? ", " : "");
        if (omitted)
            text_add(it->text, "...");
        else
            show_inner(it, key);
        text_add(it->text, ": ");
        show_inner(it, file_target(it->file, &held, k));
    }
    text_add(it->text, "}");
}

// ---- recipes ------------------------------------------------------------------------------------

static void show_object(const struct shown *it)
{
    text_add(it->text, "<%s object at 0x%llx>", type_name(it->file, it->object),
             (unsigned long long)snapshot_address(&it->file->snapshot, it->object));
}

// An exception's: one is not followed by a comma.
static void show_arguments(const struct shown *it, uint32_t arguments)
{
    if (it->depth >= PREVIEW_DEPTH) {
        text_add(it->text, "(...)");
        return;
    }
    struct held held = file_held(it->file, arguments);
    struct shown tuple = {it->file, it->text, arguments, it->depth + 1, it->work};
    uint64_t detail, count = 0, single = 0;
    for (uint64_t k = 0; k < held.count && count < 2 && take_work(it); k++)
        if (file_mark(&held, k, &detail) == MARK_ITEM && !count++)
            single = k;
    if (count != 1) {
        show_tuple(&tuple);
        return;
    }
    text_add(it->text, "(");
    show_inner(it, file_target(it->file, &held, single));
    text_add(it->text, ")");
}

static void follow(const struct shown *it, char what, uint8_t place)
{
    struct held held = file_held(it->file, it->object);
    uint64_t k = (uint64_t)place - RECIPE_FIRST;
    if (place < RECIPE_FIRST || k >= held.count)
        return;
    uint32_t object = file_target(it->file, &held, k);
    if (what == RECIPE_PREVIEW)
        show_inner(it, object);
    else if (what == RECIPE_ARGUMENTS)
        show_arguments(it, object);
    else
        text_add(it->text, "0x%llx",
                 (unsigned long long)snapshot_address(&it->file->snapshot, object));
}

static void show_recipe(const struct shown *it)
{
    uint64_t nbytes = 0, recipe_nbytes;
    const uint8_t *text = file_text(it->file, it->object, &nbytes);
    struct wire_in in = {text, text ? text + nbytes : text, !text};
    const uint8_t *recipe = file_string_bytes(it->file, take_number(&in), &recipe_nbytes);
    if (in.bad || !recipe) {
        text_add(it->text, "?");
        return;
    }
    char piece[256];
    for (uint64_t i = 0; i < recipe_nbytes && !it->text->full && take_work(it);) {
        char c = (char)recipe[i];
        if (c == RECIPE_SHALLOW && it->depth >= PREVIEW_DEPTH) {
            show_object(it);
            return;
        }
        if (c == RECIPE_ADDRESS)
            text_add(it->text, "0x%llx",
                     (unsigned long long)snapshot_address(&it->file->snapshot, it->object));
        if ((c == RECIPE_PREVIEW || c == RECIPE_ARGUMENTS || c == RECIPE_ITS_ADDRESS) &&
            i + 1 < recipe_nbytes)
            follow(it, c, recipe[++i]);
        if ((uint8_t)c < ' ') {
            i++;
            continue;
        }
        size_t length = 0;
        while (i < recipe_nbytes && recipe[i] >= ' ' && length < sizeof piece - 1)
            piece[length++] = (char)recipe[i++];
        piece[length] = '\0';
        text_add_escaped(it->text, piece);
    }
}

// ---- previews -----------------------------------------------------------------------------------

static void show(const struct shown *it)
{
    enum text_form form = file_form(it->file, it->object);
    switch (form) {
    case FORM_OBJECT:
        show_object(it);
        return;
    case FORM_LIST:
    case FORM_DEQUE:
        show_list(it, form == FORM_DEQUE);
        return;
    case FORM_TUPLE:
        show_tuple(it);
        return;
    case FORM_SET:
    case FORM_FROZENSET:
        show_set(it, form == FORM_FROZENSET);
        return;
    case FORM_DICT:
        show_dict(it);
        return;
    case FORM_INT:
    case FORM_FLOAT:
    case FORM_COMPLEX:
    case FORM_STR:
    case FORM_BYTES:
    case FORM_BYTEARRAY:
        file_show_value(it->file, it->object, it->text);
        return;
    case FORM_RECIPE:
        show_recipe(it);
        return;
    }
}

static void show_inner(const struct shown *around, uint32_t object)
{
    struct shown it = {around->file, around->text, object, around->depth + 1, around->work};
    if (it.depth > PREVIEW_DEPTH)
        text_add(it.text, "...");
    else
        show(&it);
}

void file_preview(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    struct text text;
    uint32_t work = PREVIEW_WORK;
    text_init(&text, buffer, nbytes > 4 ? nbytes - 4 : nbytes);
    struct shown it = {data, &text, object, 0, &work};
    show(&it);
    if (text.full && nbytes > 4)
        memcpy(buffer + text.used, "...", 4);
}
