// preview.c - an object as Python prints it, cut to a buffer: what repr() would say, without running
// it. Objects with a __repr__ of their own appear as object.__repr__ has them.
//
// One function a family, in a table. Containers are in preview_items.c, numbers in numbers.c.
#include "decode/preview.h"
#include "decode/values.h"

#include <assert.h>

static struct shown shown_at(const struct shown *around, mx_addr addr, uint32_t type)
{
    return (struct shown){around->decoder,   addr,        type, around->decoder->types[type],
                          around->depth + 1, around->text};
}

static unsigned long long place(const struct shown *it)
{
    return it->addr;
}

static const char *name_of_type(const struct shown *it)
{
    return type_qualified_name(it->decoder, it->type);
}

static mx_addr member(const struct shown *it, int32_t offset)
{
    return field_at(it->decoder, it->addr, offset);
}

void show_name(const struct shown *it, mx_addr str)
{
    char value[200];
    if (str && str_value(it->decoder, str, value, sizeof value))
        text_add_escaped(it->text, value);
    else
        text_add(it->text, "?");
}

static void add_code_place(const struct shown *it, mx_addr code)
{
    const struct layout *l = it->decoder->layout;
    show_name(it, field_at(it->decoder, code, l->code_filename));
    text_add(it->text, ":%d", (int)field32_at(it->decoder, code, l->code_firstlineno));
}

// ---- values -----------------------------------------------------------------------------------

static void show_none(const struct shown *it)
{
    text_add(it->text, "None");
}

static void show_bool(const struct shown *it)
{
    int32_t digits = it->decoder->layout->long_digits;
    text_add(it->text, field32_at(it->decoder, it->addr, digits) ? "True" : "False");
}

static void show_str(const struct shown *it)
{
    str_repr(it->decoder, it->addr, PREVIEW_CHARACTERS, it->text);
}

// range and slice keep three objects behind the header: Objects/rangeobject.c, sliceobject.c.
static void show_triple(const struct shown *it)
{
    uint64_t first = (uint64_t)it->decoder->layout->object_size;
    bool recipe = it->decoder->recipe;
    char step[32];
    struct shown last = *it;
    struct text text;
    text_init(&text, step, sizeof step);
    last.text = &text;
    it->decoder->recipe = false;
    show_inner(&last, word_at(it->decoder, it->addr + first + 16));
    it->decoder->recipe = recipe;
    if (recipe)
        text_add(it->text, "%c", PART_SHALLOW);
    text_add(it->text, "%s(", plain_name(name_of_type(it)));
    bool plain = strcmp(step, "1") == 0 && strcmp(name_of_type(it), "builtins.range") == 0;
    for (uint64_t i = 0; i < (plain ? 2 : 3); i++) {
        text_add(it->text, i ? ", " : "");
        show_inner(it, word_at(it->decoder, it->addr + first + 8 * i));
    }
    text_add(it->text, ")");
}

static void show_object(const struct shown *it)
{
    const char *name = name_of_type(it);
    if (strcmp(name, "builtins.ellipsis") == 0)
        text_add(it->text, "Ellipsis");
    else if (strcmp(name, "builtins.NotImplementedType") == 0)
        text_add(it->text, "NotImplemented");
    else if (it->depth < PREVIEW_DEPTH &&
             (strcmp(name, "builtins.range") == 0 || strcmp(name, "builtins.slice") == 0))
        show_triple(it);
    else
        text_add(it->text, "<%s object at 0x%llx>", name, place(it));
}

// ---- types, modules, code ---------------------------------------------------------------------

static void show_type(const struct shown *it)
{
    uint32_t number = type_lookup(it->decoder, it->addr);
    const char *name = number == NO_TYPE ? "?" : type_qualified_name(it->decoder, number);
    text_add(it->text, "<class '%s'>", plain_name(name));
}

static void show_module(const struct shown *it)
{
    mx_addr dict = member(it, it->decoder->layout->module_dict);
    mx_addr file = dict_get(it->decoder, dict, "__file__");
    char path[200];
    text_add(it->text, "<module '");
    show_name(it, dict_get(it->decoder, dict, "__name__"));
    if (file && str_value(it->decoder, file, path, sizeof path)) {
        text_add(it->text, "' from '");
        text_add_escaped(it->text, path);
    }
    text_add(it->text, "'>");
}

static void show_code(const struct shown *it)
{
    text_add(it->text, "<code object ");
    show_name(it, member(it, it->decoder->layout->code_name));
    text_add(it->text, " at ");
    add_code_place(it, it->addr);
    text_add(it->text, ">");
}

static void show_function(const struct shown *it)
{
    const struct layout *l = it->decoder->layout;
    text_add(it->text, "<function ");
    show_name(it, member(it, l->function_qualname));
    text_add(it->text, " at ");
    add_code_place(it, member(it, l->function_code));
    text_add(it->text, ">");
}

static void show_method(const struct shown *it)
{
    const struct layout *l = it->decoder->layout;
    mx_addr function = member(it, l->method_function);
    struct header header;
    text_add(it->text, "<bound method ");
    if (object_header(it->decoder, function, &header) &&
        it->decoder->types[header.type]->family == FAMILY_FUNCTION)
        show_name(it, field_at(it->decoder, function, l->function_qualname));
    else
        text_add(it->text, "?");
    text_add(it->text, " of ");
    show_inner(it, member(it, l->method_self));
    text_add(it->text, ">");
}

static void show_builtin(const struct shown *it)
{
    const struct layout *l = it->decoder->layout;
    char name[100] = "?";
    struct header self;
    memory_string(it->decoder->memory, word_at(it->decoder, member(it, l->cfunction_def)), name,
                  sizeof name);
    bool bound = object_header(it->decoder, member(it, l->cfunction_self), &self) &&
                 it->decoder->types[self.type]->family != FAMILY_MODULE;
    text_add(it->text, bound ? "<built-in method " : "<built-in function ");
    text_add_escaped(it->text, name);
    if (bound)
        text_add(it->text, " of %s object at 0x%llx", type_qualified_name(it->decoder, self.type),
                 (unsigned long long)self.addr);
    text_add(it->text, ">");
}

// ---- frames, generators, cells ----------------------------------------------------------------

static void show_frame(const struct shown *it)
{
    const struct layout *l = it->decoder->layout;
    struct frame_facts facts;
    text_add(it->text, "<frame at 0x%llx", place(it));
    if (frame_describe(it->decoder, frame_of_object(it->decoder, it->addr), &facts) && facts.code) {
        text_add(it->text, ", file '");
        show_name(it, field_at(it->decoder, facts.code, l->code_filename));
        text_add(it->text, "', line %d, code ", facts.line);
        show_name(it, field_at(it->decoder, facts.code, l->code_name));
    }
    text_add(it->text, ">");
}

static void show_generator(const struct shown *it)
{
    text_add(it->text, "<%s object ", plain_name(name_of_type(it)));
    show_name(it, member(it, it->decoder->layout->generator_qualname));
    text_add(it->text, " at 0x%llx>", place(it));
}

static void show_cell(const struct shown *it)
{
    mx_addr contents = member(it, it->decoder->layout->cell_contents);
    text_add(it->text, "<cell at 0x%llx: ", place(it));
    if (contents)
        show_inner(it, contents);
    else
        text_add(it->text, "empty");
    text_add(it->text, ">");
}

static void show_weakref(const struct shown *it)
{
    mx_addr to = member(it, it->decoder->layout->weakref_object);
    struct header header;
    text_add(it->text, "<weakref at 0x%llx; ", place(it));
    if (object_header(it->decoder, to, &header) &&
        it->decoder->types[header.type]->family != FAMILY_NONE)
        text_add(it->text, "to '%s' at 0x%llx>", type_qualified_name(it->decoder, header.type),
                 (unsigned long long)to);
    else
        text_add(it->text, "dead>");
}

static void show_exception(const struct shown *it)
{
    mx_addr args = member(it, it->decoder->layout->exception_args);
    const char *name = name_of_type(it), *dot = strrchr(name, '.');
    struct header header;
    text_add(it->text, "%s", dot ? dot + 1 : name);
    if (!object_header(it->decoder, args, &header) ||
        it->decoder->types[header.type]->family != FAMILY_TUPLE || it->depth >= PREVIEW_DEPTH) {
        text_add(it->text, "(...)");
        return;
    }
    if (it->decoder->recipe) {
        text_add(it->text, "%c%016llx", PART_ARGUMENTS, (unsigned long long)args);
        return;
    }
    struct shown tuple = shown_at(it, args, header.type);
    bool single = object_items(it->decoder, args, tuple.info) == 1;
    if (!single) {
        show_tuple(&tuple);
        return;
    }
    text_add(it->text, "("); // repr() of an exception has no comma behind a single argument
    show_inner(it, word_at(it->decoder, args + (uint64_t)it->decoder->layout->tuple_items));
    text_add(it->text, ")");
}

// ---- dispatch ---------------------------------------------------------------------------------

static void (*const SHOW[])(const struct shown *it) = {
    [FAMILY_GENERIC] = show_object,
    [FAMILY_NONE] = show_none,
    [FAMILY_INT] = show_int,
    [FAMILY_BOOL] = show_bool,
    [FAMILY_FLOAT] = show_float,
    [FAMILY_COMPLEX] = show_complex,
    [FAMILY_STR] = show_str,
    [FAMILY_BYTES] = show_bytes,
    [FAMILY_BYTEARRAY] = show_bytearray,
    [FAMILY_LEAF] = show_object,
    [FAMILY_LIST] = show_list,
    [FAMILY_TUPLE] = show_tuple,
    [FAMILY_DICT] = show_dict,
    [FAMILY_ORDERED_DICT] = show_dict,
    [FAMILY_SET] = show_set,
    [FAMILY_DEQUE] = show_deque,
    [FAMILY_TYPE] = show_type,
    [FAMILY_MODULE] = show_module,
    [FAMILY_FUNCTION] = show_function,
    [FAMILY_METHOD] = show_method,
    [FAMILY_BUILTIN] = show_builtin,
    [FAMILY_CODE] = show_code,
    [FAMILY_FRAME] = show_frame,
    [FAMILY_GENERATOR] = show_generator,
    [FAMILY_CELL] = show_cell,
    [FAMILY_WEAKREF] = show_weakref,
    [FAMILY_EXCEPTION] = show_exception,
    [FAMILY_LRU_CACHE] = show_object,
    [FAMILY_LRU_LINK] = show_object,
    [FAMILY_DATETIME] = show_object,
    [FAMILY_MATCH] = show_object,
    [FAMILY_MEMORYVIEW] = show_object,
};
_Static_assert(sizeof SHOW / sizeof SHOW[0] == FAMILY_COUNT, "every family has its preview");

void show_inner(const struct shown *around, mx_addr addr)
{
    struct header header;
    if (!object_header(around->decoder, addr, &header)) {
        text_add(around->text, addr ? "<not an object at 0x%llx>" : "NULL",
                 (unsigned long long)addr);
        return;
    }
    struct shown it = shown_at(around, addr, header.type);
    if (it.decoder->recipe && it.depth) {
        text_add(it.text, "%c%016llx", PART_PREVIEW, (unsigned long long)addr);
        return;
    }
    if (it.depth > PREVIEW_DEPTH) // cells, methods and ranges nest without end
        text_add(it.text, "...");
    else
        SHOW[it.info->family](&it);
}

void object_preview(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes)
{
    struct text text;
    uint64_t given = decoder_take(decoder, PREVIEW_WORK), saved = decoder->work;
    // Room for the dots that say it was cut.
    text_init(&text, buffer, nbytes - 4);
    decoder->work = given;
    decoder->most_items = PREVIEW_ITEMS + 2;
    show_inner(&(struct shown){.decoder = decoder, .depth = -1, .text = &text}, addr);
    decoder->most_items = UINT64_MAX;
    decoder->work += saved;
    if (text.full)
        memcpy(buffer + text.used, "...", 4);
}

void object_recipe(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes)
{
    decoder->recipe = true;
    object_preview(decoder, addr, buffer, nbytes);
    decoder->recipe = false;
}
