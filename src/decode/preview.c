// preview.c - an object as Python prints it, cut to a buffer: what repr() would say, without running
// it. Objects with a __repr__ of their own appear as object.__repr__ has them.
#include <stdio.h>

#include "decode/preview.h"

#define PREVIEW_ITEMS 8        // of one container
#define PREVIEW_CHARACTERS 100 // of one string
#define PREVIEW_DEPTH 3        // of containers in containers
#define PREVIEW_WORK 4096      // items looked at in all: sets and dicts have empty places

static void add_preview(struct decoder *decoder, mx_addr addr, int depth, struct text *text);

static void add_str(struct decoder *decoder, mx_addr str, struct text *text)
{
    char value[200];
    if (str && str_value(decoder, str, value, sizeof value))
        text_add_escaped(text, value);
    else
        text_add(text, "?");
}

static void add_object_at(struct decoder *decoder, mx_addr addr, uint32_t type, struct text *text)
{
    text_add(text, "<%s object at 0x%llx>", type_qualified_name(decoder, type),
             (unsigned long long)addr);
}

static void bytes_preview(struct decoder *decoder, mx_addr data, uint64_t count, struct text *text)
{
    uint64_t shown = count < PREVIEW_CHARACTERS ? count : PREVIEW_CHARACTERS;
    const uint8_t *bytes = memory_at(decoder->memory, data, shown);
    text_add(text, "b'");
    for (uint64_t i = 0; bytes && i < shown && !text->full; i++) {
        uint8_t c = bytes[i];
        if (c == '\\' || c == '\'')
            text_add(text, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            text_add(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c >= ' ' && c < 0x7F)
            text_add_char(text, c);
        else
            text_add(text, "\\x%02x", c);
    }
    text_add(text, count > shown ? "'..." : "'");
}

// A visitor that prints what it is given, up to PREVIEW_ITEMS.
struct item_printer {
    struct visitor visitor;
    struct decoder *decoder;
    struct text *text;
    int depth, shown;
};

static void print_item(struct visitor *visitor, struct edge edge)
{
    struct item_printer *printer = (struct item_printer *)visitor;
    if ((edge.kind != EDGE_ITEM && edge.kind != EDGE_SET_ITEM) || printer->text->full)
        return;
    if (printer->shown++ >= PREVIEW_ITEMS) {
        if (printer->shown == PREVIEW_ITEMS + 2)
            text_add(printer->text, ", ...");
        return;
    }
    if (printer->shown > 1)
        text_add(printer->text, ", ");
    add_preview(printer->decoder, edge.to, printer->depth + 1, printer->text);
}

static void items_preview(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                          int depth, struct text *text)
{
    struct item_printer printer = {{print_item, NULL}, decoder, text, depth, 0};
    bool frozen = false;
    switch ((int)type->family) {
    case FAMILY_LIST:
        text_add(text, "[");
        list_visit(decoder, addr, &printer.visitor);
        text_add(text, "]");
        return;
    case FAMILY_TUPLE:
        text_add(text, "(");
        tuple_visit(decoder, addr, type, &printer.visitor);
        text_add(text, printer.shown == 1 ? ",)" : ")");
        return;
    case FAMILY_DEQUE:
        text_add(text, "deque([");
        deque_visit(decoder, addr, &printer.visitor);
        text_add(text, "])");
        return;
    default: break;
    }
    uint64_t used = field_at(decoder, addr, decoder->layout->set_used);
    char name[16] = "";
    memory_string(decoder->memory,
                  field_at(decoder, type->addr, decoder->layout->type_name), name, sizeof name);
    frozen = strcmp(name, "frozenset") == 0;
    if (!used) {
        text_add(text, frozen ? "frozenset()" : "set()");
        return;
    }
    text_add(text, frozen ? "frozenset({" : "{");
    set_visit(decoder, addr, &printer.visitor);
    text_add(text, frozen ? "})" : "}");
}

static void dict_preview(struct decoder *decoder, mx_addr addr, int depth, struct text *text)
{
    struct table table;
    uint64_t shown = 0;
    text_add(text, "{");
    if (!dict_open(decoder, addr, &table))
        table.entry_count = 0;
    for (uint64_t i = 0; i < table.entry_count && !text->full; i++) {
        mx_addr key, value;
        if (!table_entry(decoder, &table, i, &key, &value))
            continue;
        if (shown++ >= PREVIEW_ITEMS) {
            text_add(text, ", ...");
            break;
        }
        text_add(text, shown > 1 ? ", " : "");
        add_preview(decoder, key, depth + 1, text);
        text_add(text, ": ");
        add_preview(decoder, value, depth + 1, text);
    }
    text_add(text, "}");
}

static void container_preview(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                              int depth, struct text *text)
{
    bool dict = type->family == FAMILY_DICT || type->family == FAMILY_ORDERED_DICT;
    if (depth >= PREVIEW_DEPTH) {
        text_add(text, type->family == FAMILY_LIST    ? "[...]"
                       : type->family == FAMILY_TUPLE ? "(...)"
                                                      : "{...}");
        return;
    }
    if (dict)
        dict_preview(decoder, addr, depth, text);
    else
        items_preview(decoder, addr, type, depth, text);
}

static void code_place(struct decoder *decoder, mx_addr code, struct text *text)
{
    add_str(decoder, field_at(decoder, code, decoder->layout->code_filename), text);
    text_add(text, ":%d", (int)field32_at(decoder, code, decoder->layout->code_firstlineno));
}

static void module_preview(struct decoder *decoder, mx_addr addr, struct text *text)
{
    mx_addr dict = field_at(decoder, addr, decoder->layout->module_dict);
    mx_addr file = dict_get(decoder, dict, "__file__");
    text_add(text, "<module '");
    add_str(decoder, dict_get(decoder, dict, "__name__"), text);
    char path[200];
    if (file && str_value(decoder, file, path, sizeof path)) {
        text_add(text, "' from '");
        text_add_escaped(text, path);
    }
    text_add(text, "'>");
}

static void builtin_preview(struct decoder *decoder, mx_addr addr, struct text *text)
{
    const struct layout *l = decoder->layout;
    char name[100] = "?";
    struct header self;
    mx_addr def = field_at(decoder, addr, l->cfunction_def);
    memory_string(decoder->memory, word_at(decoder, def), name, sizeof name);
    bool bound = object_header(decoder, field_at(decoder, addr, l->cfunction_self), &self) &&
                 decoder->types[self.type]->family != FAMILY_MODULE;
    text_add(text, bound ? "<built-in method " : "<built-in function ");
    text_add_escaped(text, name);
    if (bound)
        text_add(text, " of %s object at 0x%llx", type_qualified_name(decoder, self.type),
                 (unsigned long long)self.addr);
    text_add(text, ">");
}

static void exception_preview(struct decoder *decoder, mx_addr addr, uint32_t type, int depth,
                              struct text *text)
{
    const char *name = type_qualified_name(decoder, type);
    mx_addr args = field_at(decoder, addr, decoder->layout->exception_args);
    struct header header;
    const char *dot = strrchr(name, '.');
    text_add(text, "%s", dot ? dot + 1 : name);
    if (object_header(decoder, args, &header) &&
        decoder->types[header.type]->family == FAMILY_TUPLE && depth < PREVIEW_DEPTH) {
        struct item_printer printer = {{print_item, NULL}, decoder, text, depth, 0};
        text_add(text, "(");
        tuple_visit(decoder, args, decoder->types[header.type], &printer.visitor);
        text_add(text, ")");
    } else {
        text_add(text, "(...)");
    }
}

static void weakref_preview(struct decoder *decoder, mx_addr addr, struct text *text)
{
    mx_addr to = field_at(decoder, addr, decoder->layout->weakref_object);
    struct header header;
    text_add(text, "<weakref at 0x%llx; ", (unsigned long long)addr);
    if (object_header(decoder, to, &header) &&
        decoder->types[header.type]->family != FAMILY_NONE)
        text_add(text, "to '%s' at 0x%llx>", type_qualified_name(decoder, header.type),
                 (unsigned long long)to);
    else
        text_add(text, "dead>");
}

// range and slice keep three objects behind the header: Objects/rangeobject.c, sliceobject.c.
static bool triple_preview(struct decoder *decoder, mx_addr addr, uint32_t type, int depth,
                           struct text *text)
{
    const char *name = type_qualified_name(decoder, type);
    if (strcmp(name, "builtins.range") != 0 && strcmp(name, "builtins.slice") != 0)
        return false;
    text_add(text, "%s(", plain_name(name));
    for (uint64_t i = 0; i < 3; i++) {
        text_add(text, i ? ", " : "");
        add_preview(decoder,
                    word_at(decoder, addr + (uint64_t)decoder->layout->object_size + 8 * i),
                    depth + 1, text);
    }
    text_add(text, ")");
    return true;
}

static void generic_preview(struct decoder *decoder, mx_addr addr, uint32_t type, int depth,
                            struct text *text)
{
    static const char *const NAMES[][2] = {{"builtins.ellipsis", "Ellipsis"},
                                           {"builtins.NotImplementedType", "NotImplemented"}};
    const char *name = type_qualified_name(decoder, type);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(name, NAMES[i][0]) == 0) {
            text_add(text, "%s", NAMES[i][1]);
            return;
        }
    if (depth >= PREVIEW_DEPTH || !triple_preview(decoder, addr, type, depth, text))
        add_object_at(decoder, addr, type, text);
}

static void function_preview(struct decoder *decoder, mx_addr addr, struct text *text)
{
    const struct layout *l = decoder->layout;
    text_add(text, "<function ");
    add_str(decoder, field_at(decoder, addr, l->function_qualname), text);
    text_add(text, " at ");
    code_place(decoder, field_at(decoder, addr, l->function_code), text);
    text_add(text, ">");
}

static void method_preview(struct decoder *decoder, mx_addr addr, int depth, struct text *text)
{
    const struct layout *l = decoder->layout;
    mx_addr function = field_at(decoder, addr, l->method_function);
    struct header header;
    text_add(text, "<bound method ");
    if (object_header(decoder, function, &header) &&
        decoder->types[header.type]->family == FAMILY_FUNCTION)
        add_str(decoder, field_at(decoder, function, l->function_qualname), text);
    else
        text_add(text, "?");
    text_add(text, " of ");
    if (depth < PREVIEW_DEPTH)
        add_preview(decoder, field_at(decoder, addr, l->method_self), depth + 1, text);
    else
        text_add(text, "...");
    text_add(text, ">");
}

static void frame_preview(struct decoder *decoder, mx_addr addr, struct text *text)
{
    struct frame_facts facts;
    text_add(text, "<frame at 0x%llx", (unsigned long long)addr);
    if (frame_describe(decoder, frame_of_object(decoder, addr), &facts) && facts.code) {
        text_add(text, ", file '");
        add_str(decoder, field_at(decoder, facts.code, decoder->layout->code_filename), text);
        text_add(text, "', line %d, code ", facts.line);
        add_str(decoder, field_at(decoder, facts.code, decoder->layout->code_name), text);
    }
    text_add(text, ">");
}

static void add_preview(struct decoder *decoder, mx_addr addr, int depth, struct text *text)
{
    const struct layout *l = decoder->layout;
    struct header header;
    if (!object_header(decoder, addr, &header)) {
        text_add(text, addr ? "<not an object at 0x%llx>" : "NULL", (unsigned long long)addr);
        return;
    }
    const struct type_info *type = decoder->types[header.type];
    switch (type->family) {
    case FAMILY_NONE: text_add(text, "None"); return;
    case FAMILY_BOOL:
        text_add(text, field32_at(decoder, addr, l->long_digits) ? "True" : "False");
        return;
    case FAMILY_INT: int_preview(decoder, addr, type, text); return;
    case FAMILY_FLOAT: float_preview(decoder, addr, text); return;
    case FAMILY_COMPLEX: complex_preview(decoder, addr, text); return;
    case FAMILY_STR: str_repr(decoder, addr, PREVIEW_CHARACTERS, text); return;
    case FAMILY_BYTES:
        bytes_preview(decoder, addr + (uint64_t)l->bytes_data,
                      object_items(decoder, addr, type), text);
        return;
    case FAMILY_BYTEARRAY:
        text_add(text, "bytearray(");
        bytes_preview(decoder, field_at(decoder, addr, l->bytearray_start),
                      field_at(decoder, addr, l->var_size), text);
        text_add(text, ")");
        return;
    case FAMILY_LIST:
    case FAMILY_TUPLE:
    case FAMILY_DICT:
    case FAMILY_ORDERED_DICT:
    case FAMILY_SET:
    case FAMILY_DEQUE: container_preview(decoder, addr, type, depth, text); return;
    case FAMILY_TYPE: {
        uint32_t number = type_lookup(decoder, addr);
        const char *name = number == NO_TYPE ? "?" : type_qualified_name(decoder, number);
        text_add(text, "<class '%s'>", plain_name(name));
        return;
    }
    case FAMILY_MODULE: module_preview(decoder, addr, text); return;
    case FAMILY_FUNCTION: function_preview(decoder, addr, text); return;
    case FAMILY_METHOD: method_preview(decoder, addr, depth, text); return;
    case FAMILY_BUILTIN: builtin_preview(decoder, addr, text); return;
    case FAMILY_CODE:
        text_add(text, "<code object ");
        add_str(decoder, field_at(decoder, addr, l->code_name), text);
        text_add(text, " at ");
        code_place(decoder, addr, text);
        text_add(text, ">");
        return;
    case FAMILY_FRAME: frame_preview(decoder, addr, text); return;
    case FAMILY_GENERATOR:
        text_add(text, "<%s object ", plain_name(type_qualified_name(decoder, header.type)));
        add_str(decoder, field_at(decoder, addr, l->generator_qualname), text);
        text_add(text, " at 0x%llx>", (unsigned long long)addr);
        return;
    case FAMILY_CELL: {
        mx_addr contents = field_at(decoder, addr, l->cell_contents);
        text_add(text, "<cell at 0x%llx: ", (unsigned long long)addr);
        if (contents && depth < PREVIEW_DEPTH)
            add_preview(decoder, contents, depth + 1, text);
        else
            text_add(text, contents ? "..." : "empty");
        text_add(text, ">");
        return;
    }
    case FAMILY_WEAKREF: weakref_preview(decoder, addr, text); return;
    case FAMILY_EXCEPTION: exception_preview(decoder, addr, header.type, depth, text); return;
    case FAMILY_GENERIC:
    case FAMILY_LEAF:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MEMORYVIEW: generic_preview(decoder, addr, header.type, depth, text); return;
    }
}

void object_preview(struct decoder *decoder, mx_addr addr, uint32_t type, char *buffer,
                    size_t nbytes)
{
    struct text text;
    (void)type;
    uint64_t given = decoder_take(decoder, PREVIEW_WORK), saved = decoder->work;
    // Room for the dots that say it was cut.
    text_init(&text, buffer, nbytes - 4);
    decoder->work = given;
    decoder->most_items = PREVIEW_ITEMS + 2;
    add_preview(decoder, addr, 0, &text);
    decoder->most_items = UINT64_MAX;
    decoder->work += saved;
    if (text.full)
        memcpy(buffer + text.used, "...", 4);
}
