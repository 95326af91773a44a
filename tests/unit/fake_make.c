// fake_make.c - containers, code and frames of a fake CPython, and looking at them.
#include "fake.h"

static void words_write(struct fake *fake, mx_addr addr, const mx_addr *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fake_word(fake, addr + 8 * i, words[i]);
}

mx_addr fake_list(struct fake *fake, const mx_addr *items, size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "list"), (uint64_t)l->list_size);
    mx_addr table = fake_alloc(fake, 8 * (count + 1));
    fake_field(fake, addr, l->var_size, count);
    fake_field(fake, addr, l->list_items, table);
    fake_field(fake, addr, l->list_allocated, count + 1);
    words_write(fake, table, items, count);
    return addr;
}

mx_addr fake_tuple(struct fake *fake, const mx_addr *items, size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr =
        fake_object(fake, fake_type(fake, "tuple"), (uint64_t)l->tuple_items + 8 * count);
    fake_field(fake, addr, l->var_size, count);
    words_write(fake, addr + (uint64_t)l->tuple_items, items, count);
    return addr;
}

// ---- dicts ------------------------------------------------------------------------------------

enum { PLACES = 8, LOG2_PLACES = 3 };

mx_addr fake_keys(struct fake *fake, enum fake_keys_kind kind, const mx_addr *keys,
                  const mx_addr *values, size_t count)
{
    const struct layout *l = fake->l;
    uint64_t entry_nbytes = 24, key_offset = 8;
    assert_true(count <= PLACES);
    mx_addr addr = fake_alloc(fake, (uint64_t)l->keys_indices + PLACES + PLACES * entry_nbytes);
    fake_field(fake, addr, l->keys_refcnt, 1);
    fake_field(fake, addr, l->keys_nentries, count);
    fake_field(fake, addr, l->keys_usable, PLACES * 2 / 3 - (count < 5 ? count : 5));
    switch (l->keys_shape) {
    case KEYS_DK_SIZE:
        fake_field(fake, addr, l->keys_dk_size, PLACES);
        break;
    case KEYS_LOG2_SIZE:
        fake_field8(fake, addr, l->keys_log2_size, LOG2_PLACES);
        fake_field8(fake, addr, l->keys_log2_index_bytes, LOG2_PLACES);
        fake_field8(fake, addr, l->keys_kind, (uint8_t)kind);
        if (kind != FAKE_GENERAL)
            entry_nbytes = 16, key_offset = 0;
        break;
    }
    mx_addr entries = addr + (uint64_t)l->keys_indices + PLACES;
    for (size_t i = 0; i < count; i++) {
        fake_word(fake, entries + i * entry_nbytes + key_offset, keys[i]);
        fake_word(fake, entries + i * entry_nbytes + key_offset + 8, values ? values[i] : 0);
    }
    return addr;
}

mx_addr fake_values(struct fake *fake, const mx_addr *values, size_t count)
{
    const struct layout *l = fake->l;
    uint64_t head = l->values_values == ABSENT ? 0 : (uint64_t)l->values_values;
    mx_addr addr = fake_alloc(fake, head + 8 * count);
    fake_field8(fake, addr, l->values_capacity, (uint8_t)count);
    fake_field8(fake, addr, l->values_size, (uint8_t)count);
    fake_field8(fake, addr, l->values_valid, 1);
    words_write(fake, addr + head, values, count);
    return addr;
}

mx_addr fake_dict_of(struct fake *fake, mx_addr keys, mx_addr values, size_t used)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "dict"), (uint64_t)l->dict_size);
    fake_field(fake, addr, l->dict_used, used);
    fake_field(fake, addr, l->dict_keys, keys);
    fake_field(fake, addr, l->dict_values, values);
    return addr;
}

mx_addr fake_dict(struct fake *fake, const mx_addr *keys, const mx_addr *values, size_t count)
{
    return fake_dict_of(fake, fake_keys(fake, FAKE_UNICODE, keys, values, count), 0, count);
}

// ---- code, functions, modules -----------------------------------------------------------------

mx_addr fake_code(struct fake *fake, const char *name, const char *const *names, size_t count,
                  size_t free_count)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "code"), (uint64_t)l->code_size + 64);
    mx_addr strs[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        strs[i] = fake_str(fake, names[i]);
    fake_field32(fake, addr, l->code_nlocals, (uint32_t)(count - free_count));
    fake_field32(fake, addr, l->code_nlocalsplus, (uint32_t)count);
    fake_field32(fake, addr, l->code_stacksize, FAKE_STACK);
    fake_field32(fake, addr, l->code_firstlineno, 12);
    fake_field(fake, addr, l->code_localsplusnames, fake_tuple(fake, strs, count));
    fake_field(fake, addr, l->code_varnames, fake_tuple(fake, strs, count - free_count));
    fake_field(fake, addr, l->code_cellvars, fake_tuple(fake, NULL, 0));
    fake_field(fake, addr, l->code_freevars,
               fake_tuple(fake, strs + count - free_count, free_count));
    fake_field(fake, addr, l->code_filename, fake_str(fake, "app.py"));
    fake_field(fake, addr, l->code_name, fake_str(fake, name));
    fake_field(fake, addr, l->code_qualname, fake_str(fake, name));
    fake_field(fake, addr, l->code_linetable, fake_bytes(fake, "", 0));
    return addr;
}

mx_addr fake_function(struct fake *fake, const char *name, mx_addr code)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "function"), (uint64_t)l->function_size);
    fake_field(fake, addr, l->function_code, code);
    fake_field(fake, addr, l->function_qualname, fake_str(fake, name));
    return addr;
}

mx_addr fake_module(struct fake *fake, const char *name)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, fake_type(fake, "module"), (uint64_t)l->module_size);
    mx_addr key = fake_str(fake, "__name__"), value = fake_str(fake, name);
    fake_field(fake, addr, l->module_dict, fake_dict(fake, &key, &value, 1));
    return addr;
}

// ---- frames -----------------------------------------------------------------------------------

bool fake_has_iframes(const struct fake *fake)
{
    return fake->l->iframe_localsplus != ABSENT;
}

void fake_iframe(struct fake *fake, mx_addr frame, mx_addr code, int owner, const mx_addr *slots,
                 size_t local_count, size_t stack_count, bool known)
{
    const struct layout *l = fake->l;
    fake_field(fake, frame, l->iframe_code, code);
    fake_field(fake, frame, l->iframe_instr, code + (uint64_t)l->code_adaptive);
    fake_field8(fake, frame, l->iframe_owner, (uint8_t)owner);
    fake_field32(fake, frame, l->iframe_stacktop,
                 known ? (uint32_t)(local_count + stack_count) : UINT32_MAX);
    mx_addr top = frame + (uint64_t)l->iframe_localsplus + 8 * (local_count + stack_count);
    fake_field(fake, frame, l->iframe_stackpointer, known ? top : 0);
    fake_field8(fake, frame, l->iframe_owner, (uint8_t)owner); // beside stacktop
    words_write(fake, frame + (uint64_t)l->iframe_localsplus, slots, local_count + stack_count);
}

mx_addr fake_frame(struct fake *fake, mx_addr code, const mx_addr *slots, size_t local_count,
                   size_t stack_count, bool known)
{
    const struct layout *l = fake->l;
    uint64_t room = 8 * (local_count + FAKE_STACK);
    if (fake_has_iframes(fake)) {
        mx_addr frame = fake_alloc(fake, (uint64_t)l->iframe_localsplus + room);
        fake_iframe(fake, frame, code, 0, slots, local_count, stack_count, known);
        return frame;
    }
    mx_addr frame =
        fake_object(fake, fake_type(fake, "frame"), (uint64_t)l->frame_localsplus + room);
    mx_addr first = frame + (uint64_t)l->frame_localsplus, stack = first + 8 * local_count;
    fake_field(fake, frame, l->frame_code, code);
    fake_field(fake, frame, l->frame_valuestack, stack);
    fake_field(fake, frame, l->frame_stacktop, known ? stack + 8 * stack_count : 0);
    fake_field32(fake, frame, l->frame_stackdepth, known ? (uint32_t)stack_count : UINT32_MAX);
    words_write(fake, first, slots, local_count + stack_count);
    return frame;
}

// ---- what the decoder says --------------------------------------------------------------------

static void keep_edge(struct visitor *visitor, struct edge edge)
{
    struct fake_edges *edges = (struct fake_edges *)visitor;
    assert_true(edges->count < FAKE_EDGES);
    edge_label(&edges->fake->decoder, &edge, edges->labels[edges->count], sizeof edges->labels[0]);
    edges->items[edges->count++] = edge;
}

static bool claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    (void)memory, (void)kind;
    return ((struct fake_edges *)visitor)->claim;
}

void fake_visit(struct fake *fake, mx_addr addr, struct fake_edges *ret)
{
    struct header header;
    assert_true(object_header(&fake->decoder, addr, &header));
    ret->visitor = (struct visitor){keep_edge, claim};
    ret->fake = fake;
    ret->count = 0;
    ret->ok = object_visit(&fake->decoder, addr, header.type, &ret->visitor);
}

const struct edge *fake_edge(const struct fake_edges *edges, const char *label, mx_addr to)
{
    for (size_t i = 0; i < edges->count; i++)
        if (edges->items[i].to == to && strcmp(edges->labels[i], label) == 0)
            return &edges->items[i];
    for (size_t i = 0; i < edges->count; i++)
        print_message("%s -> 0x%llx\n", edges->labels[i], (unsigned long long)edges->items[i].to);
    fail_msg("%s: no reference %s -> 0x%llx", edges->fake->l->name, label, (unsigned long long)to);
    return NULL;
}

size_t fake_count_to(const struct fake_edges *edges, mx_addr to)
{
    size_t count = 0;
    for (size_t i = 0; i < edges->count; i++)
        count += edges->items[i].to == to;
    return count;
}

const struct type_info *fake_info(struct fake *fake, mx_addr object)
{
    struct header header;
    assert_true(object_header(&fake->decoder, object, &header));
    return fake->decoder.types[header.type];
}

void fake_expect_preview(struct fake *fake, mx_addr addr, const char *preview)
{
    char buffer[256];
    struct header header;
    assert_true(object_header(&fake->decoder, addr, &header));
    object_preview(&fake->decoder, addr, buffer, sizeof buffer);
    assert_string_equal(buffer, preview);
}

void fake_expect_kind(struct fake *fake, mx_addr addr, const char *kind)
{
    char buffer[256];
    struct header header;
    assert_true(object_header(&fake->decoder, addr, &header));
    object_kind(&fake->decoder, addr, header.type, buffer, sizeof buffer);
    assert_string_equal(buffer, kind);
}
