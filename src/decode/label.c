// label.c - how a person would name a reference, and what an object is, in words.
#include <stdio.h>

#include "decode/decoder.h"

#define LABEL_CHARACTERS 60 // of a key

// A name that stands in an str object of the target.
static void add_name(struct decoder *decoder, const char *before, mx_addr name, struct text *text)
{
    char value[160];
    text_add(text, "%s", before);
    if (str_value(decoder, name, value, sizeof value))
        text_add_escaped(text, value);
    else
        text_add(text, "?");
}

// What stands between the brackets: a short preview of the key.
static void add_key(struct decoder *decoder, mx_addr key, struct text *text)
{
    struct header header;
    char preview[120];
    if (!object_header(decoder, key, &header)) {
        text_add(text, "[?]");
        return;
    }
    text_add(text, "[");
    if (decoder->types[header.type]->family == FAMILY_STR) {
        str_repr(decoder, key, LABEL_CHARACTERS, text);
    } else {
        object_preview(decoder, key, preview, sizeof preview);
        text_add(text, "%s", preview);
    }
    text_add(text, "]");
}

// "a_array[]" is an array: which of its pointers it is stands between the brackets.
static void add_member_name(const struct layout_member *member, uint32_t offset, struct text *text)
{
    const char *brackets = member->count > 1 ? strstr(member->name, "[]") : NULL;
    if (brackets)
        text_add(text, ".%.*s[%u]%s", (int)(brackets - member->name), member->name,
                 (offset - member->offset) / member->stride, brackets + 2);
    else
        text_add(text, ".%s", member->name);
}

static void add_member(struct decoder *decoder, const struct scan_word *word, struct text *text)
{
    char name[120];
    if (word->name && memory_string(decoder->memory, word->name, name, sizeof name)) {
        text_add(text, ".");
        text_add_escaped(text, name);
    } else if (word->member) {
        add_member_name(word->member, word->offset, text);
    } else {
        text_add(text, " word +0x%x", word->offset);
    }
}

void edge_label(struct decoder *decoder, const struct edge *edge, char *buffer, size_t nbytes)
{
    struct text text;
    text_init(&text, buffer, nbytes);
    switch ((enum edge_kind)edge->kind) {
    case EDGE_ITEM:
        text_add(&text, "[%llu]", (unsigned long long)edge->detail);
        break;
    case EDGE_SET_ITEM:
        text_add(&text, "{member}");
        break;
    case EDGE_KEY:
        text_add(&text, "{key %llu}", (unsigned long long)edge->detail);
        break;
    case EDGE_VALUE:
        add_key(decoder, edge->detail, &text);
        break;
    case EDGE_ATTRIBUTE:
        add_name(decoder, ".", edge->detail, &text);
        break;
    case EDGE_MEMBER:
        add_member(decoder, (const struct scan_word *)(uintptr_t)edge->detail, &text);
        break;
    case EDGE_NAMED:
        text_add(&text, "%s", (const char *)(uintptr_t)edge->detail);
        break;
    case EDGE_LOCAL:
        add_name(decoder, "local ", edge->detail, &text);
        break;
    case EDGE_CLOSURE:
        add_name(decoder, "closure ", edge->detail, &text);
        break;
    case EDGE_STACK:
        text_add(&text, "stack %llu", (unsigned long long)edge->detail);
        break;
    case EDGE_STATE:
        text_add(&text, "module state +0x%llx", (unsigned long long)edge->detail);
        break;
    case EDGE_STATE_MEMBER:
        text_add(&text, "module state .%s",
                 ((const struct layout_member *)(uintptr_t)edge->detail)->name);
        break;
    case EDGE_NATIVE:
        if (edge->detail)
            text_add(&text, "C stack 0x%llx", (unsigned long long)edge->detail);
        else
            text_add(&text, "register");
        break;
    case EDGE_BLOCK:
        text_add(&text, "its memory +0x%llx", (unsigned long long)edge->detail);
        break;
    case EDGE_STATIC:
        text_add(&text, "static 0x%llx", (unsigned long long)edge->detail);
        break;
    }
    // Labels that are no attribute or subscript start with a blank inside the tables.
    if (buffer[0] == ' ')
        memmove(buffer, buffer + 1, strlen(buffer));
}

static void add_code_place(struct decoder *decoder, mx_addr code, int line, struct text *text)
{
    const struct layout *l = decoder->layout;
    mx_addr name = field_at(decoder, code, l->code_qualname);
    add_name(decoder, "", name ? name : field_at(decoder, code, l->code_name), text);
    add_name(decoder, " at ", field_at(decoder, code, l->code_filename), text);
    if (line > 0)
        text_add(text, ":%d", line);
}

static void frame_kind(struct decoder *decoder, mx_addr addr, struct text *text)
{
    struct frame_facts facts;
    text_add(text, "frame");
    if (!frame_describe(decoder, frame_of_object(decoder, addr), &facts) || !facts.code)
        return;
    text_add(text, " of ");
    add_code_place(decoder, facts.code, facts.line, text);
}

// What is said of every object of a family, with nothing of its own; NULL where there is more to say.
static const char *family_kind(enum family family)
{
    switch (family) {
    case FAMILY_TYPE:
        return "class";
    case FAMILY_MODULE:
        return "module";
    case FAMILY_METHOD:
        return "bound method";
    case FAMILY_BUILTIN:
        return "built-in function";
    case FAMILY_CELL:
        return "cell of a closure";
    case FAMILY_WEAKREF:
        return "weak reference";
    case FAMILY_EXCEPTION:
        return "exception";
    case FAMILY_FRAME:
    case FAMILY_FUNCTION:
    case FAMILY_CODE:
    case FAMILY_GENERATOR:
    case FAMILY_GENERIC:
    case FAMILY_NONE:
    case FAMILY_INT:
    case FAMILY_BOOL:
    case FAMILY_FLOAT:
    case FAMILY_COMPLEX:
    case FAMILY_STR:
    case FAMILY_BYTES:
    case FAMILY_BYTEARRAY:
    case FAMILY_LEAF:
    case FAMILY_LIST:
    case FAMILY_TUPLE:
    case FAMILY_DICT:
    case FAMILY_ORDERED_DICT:
    case FAMILY_SET:
    case FAMILY_DEQUE:
    case FAMILY_LRU_CACHE:
    case FAMILY_LRU_LINK:
    case FAMILY_DATETIME:
    case FAMILY_MATCH:
    case FAMILY_MEMORYVIEW:
        return NULL;
    }
    return NULL;
}

static void function_kind(struct decoder *decoder, mx_addr function, struct text *text)
{
    const struct layout *l = decoder->layout;
    mx_addr code = field_at(decoder, function, l->function_code);
    text_add(text, "function ");
    add_code_place(decoder, code, (int)field32_at(decoder, code, l->code_firstlineno), text);
}

static void code_kind(struct decoder *decoder, mx_addr code, struct text *text)
{
    int line = (int)field32_at(decoder, code, decoder->layout->code_firstlineno);
    text_add(text, "code ");
    add_code_place(decoder, code, line, text);
}

void object_kind(struct decoder *decoder, mx_addr addr, uint32_t type, char *buffer, size_t nbytes)
{
    enum family family = decoder->types[type]->family;
    const char *kind = family_kind(family);
    struct text text;
    text_init(&text, buffer, nbytes);
    if (kind) {
        text_add(&text, "%s", kind);
    } else if (family == FAMILY_FRAME) {
        frame_kind(decoder, addr, &text);
    } else if (family == FAMILY_FUNCTION) {
        function_kind(decoder, addr, &text);
    } else if (family == FAMILY_CODE) {
        code_kind(decoder, addr, &text);
    } else if (family == FAMILY_GENERATOR) {
        text_add(&text, "%s ", plain_name(type_qualified_name(decoder, type)));
        add_name(decoder, "", field_at(decoder, addr, decoder->layout->generator_qualname), &text);
    } else {
        text_add(&text, type_inherits(decoder, type, "Thread") ? "thread" : "instance");
    }
}
