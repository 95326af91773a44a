// preview_items.c - the previews of what has items: lists, tuples, sets, dicts, and bytes.
#include "decode/preview.h"
#include "decode/values.h"

// A visitor that shows what it is given, up to PREVIEW_ITEMS.
struct item_shower {
    struct visitor visitor;
    const struct shown *around;
    int count;
};

static void show_item(struct visitor *visitor, struct edge edge)
{
    struct item_shower *shower = (struct item_shower *)visitor;
    struct text *text = shower->around->text;
    if ((edge.kind != EDGE_ITEM && edge.kind != EDGE_SET_ITEM) || text->full)
        return;
    shower->count++;
    if (shower->count <= PREVIEW_ITEMS) {
        text_add(text, shower->count > 1 ? ", " : "");
        show_inner(shower->around, edge.to);
    } else if (shower->count == PREVIEW_ITEMS + 1) {
        text_add(text, ", ...");
    }
}

// Containers in containers in containers are only hinted at.
static bool is_too_deep(const struct shown *it, const char *hint)
{
    if (it->depth >= PREVIEW_DEPTH)
        text_add(it->text, "%s", hint);
    return it->depth >= PREVIEW_DEPTH;
}

void show_list(const struct shown *it)
{
    struct item_shower shower = {{show_item, NULL}, it, 0};
    if (is_too_deep(it, "[...]"))
        return;
    text_add(it->text, "[");
    list_visit(it->decoder, it->addr, &shower.visitor);
    text_add(it->text, "]");
}

void show_tuple(const struct shown *it)
{
    struct item_shower shower = {{show_item, NULL}, it, 0};
    if (is_too_deep(it, "(...)"))
        return;
    text_add(it->text, "(");
    tuple_visit(it->decoder, it->addr, it->info, &shower.visitor);
    text_add(it->text, shower.count == 1 ? ",)" : ")");
}

void show_deque(const struct shown *it)
{
    struct item_shower shower = {{show_item, NULL}, it, 0};
    if (is_too_deep(it, "deque([...])"))
        return;
    text_add(it->text, "deque([");
    deque_visit(it->decoder, it->addr, &shower.visitor);
    text_add(it->text, "])");
}

void show_set(const struct shown *it)
{
    struct item_shower shower = {{show_item, NULL}, it, 0};
    const struct layout *l = it->decoder->layout;
    char name[16] = "";
    if (is_too_deep(it, "{...}"))
        return;
    memory_string(it->decoder->memory, field_at(it->decoder, it->info->addr, l->type_name), name,
                  sizeof name);
    bool frozen = strcmp(name, "frozenset") == 0;
    if (!field_at(it->decoder, it->addr, l->set_used)) {
        text_add(it->text, frozen ? "frozenset()" : "set()");
        return;
    }
    text_add(it->text, frozen ? "frozenset({" : "{");
    set_visit(it->decoder, it->addr, &shower.visitor);
    text_add(it->text, frozen ? "})" : "}");
}

void show_dict(const struct shown *it)
{
    struct table table;
    int count = 0;
    if (is_too_deep(it, "{...}"))
        return;
    text_add(it->text, "{");
    if (!dict_open(it->decoder, it->addr, &table))
        table.entry_count = 0;
    for (uint64_t i = 0; i < table.entry_count && !it->text->full; i++) {
        if (!decoder_take(it->decoder, 1)) // one by one: what is inside needs some as well
            break;
        mx_addr key, value;
        if (!table_entry(it->decoder, &table, i, &key, &value))
            continue;
        if (++count > PREVIEW_ITEMS) {
            text_add(it->text, ", ...");
            break;
        }
        text_add(it->text, count > 1 ? ", " : "");
        show_inner(it, key);
        text_add(it->text, ": ");
        show_inner(it, value);
    }
    text_add(it->text, "}");
}

// ---- bytes ------------------------------------------------------------------------------------

const uint8_t *bytes_value(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                           uint64_t *ret_count)
{
    const struct layout *l = decoder->layout;
    bool array = type->family == FAMILY_BYTEARRAY;
    mx_addr data =
        array ? field_at(decoder, addr, l->bytearray_start) : addr + (uint64_t)l->bytes_data;
    *ret_count = array ? field_at(decoder, addr, l->var_size) : object_items(decoder, addr, type);
    return memory_at(decoder->memory, data, *ret_count);
}

static void add_bytes(const struct shown *it, mx_addr data, uint64_t count)
{
    uint64_t shown = count < PREVIEW_CHARACTERS ? count : PREVIEW_CHARACTERS;
    const uint8_t *bytes = memory_at(it->decoder->memory, data, shown);
    // Objects/bytesobject.c, PyBytes_Repr
    bool double_quoted = bytes && memchr(bytes, '\'', shown) && !memchr(bytes, '"', shown);
    char quote = double_quoted ? '"' : '\'';
    text_add(it->text, "b%c", quote);
    for (uint64_t i = 0; bytes && i < shown && !it->text->full; i++)
        text_add_byte(it->text, bytes[i], quote);
    text_add(it->text, count > shown ? "%c..." : "%c", quote);
}

void show_bytes(const struct shown *it)
{
    add_bytes(it, it->addr + (uint64_t)it->decoder->layout->bytes_data,
              object_items(it->decoder, it->addr, it->info));
}

void show_bytearray(const struct shown *it)
{
    const struct layout *l = it->decoder->layout;
    text_add(it->text, "bytearray(");
    add_bytes(it, field_at(it->decoder, it->addr, l->bytearray_start),
              field_at(it->decoder, it->addr, l->var_size));
    text_add(it->text, ")");
}
