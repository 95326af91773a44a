// frame.c - frames: their code and line, their locals, cells and value stacks, and generators.
//
//   to 3.10:   tstate->frame -> PyFrameObject --f_back--> ...        Include/cpython/frameobject.h
//   from 3.11: tstate -> _PyInterpreterFrame --previous--> ...       Include/internal/pycore_frame.h
//              a frame lies in the thread's data stack, in its generator, or in a frame object
//
// While a frame runs, its stack's depth is in a C local: those words are only possible references. From
// 3.14 on the frame keeps the depth that was true before the last call into C.
#include "decode/decoder.h"

static bool is_frame_object_shape(const struct layout *layout)
{
    return layout->frame_shape == FRAME_OBJECT_STACKTOP ||
           layout->frame_shape == FRAME_OBJECT_STACKDEPTH;
}

mx_addr thread_current_frame(struct decoder *decoder, mx_addr tstate)
{
    const struct layout *l = decoder->layout;
    switch (l->frame_shape) {
    case FRAME_OBJECT_STACKTOP:
    case FRAME_OBJECT_STACKDEPTH:
        return field_at(decoder, tstate, l->tstate_frame);
    case FRAME_INTERPRETER_311:
    case FRAME_INTERPRETER_312: {
        mx_addr cframe = field_at(decoder, tstate, l->tstate_cframe);
        return cframe ? field_at(decoder, cframe, l->cframe_current_frame) : 0;
    }
    case FRAME_INTERPRETER_313:
    case FRAME_TAGGED:
        return field_at(decoder, tstate, l->tstate_current_frame);
    }
    return 0;
}

mx_addr frame_previous(struct decoder *decoder, mx_addr frame)
{
    const struct layout *l = decoder->layout;
    return field_at(decoder, frame, is_frame_object_shape(l) ? l->frame_back : l->iframe_previous);
}

static bool is_code(struct decoder *decoder, mx_addr addr)
{
    struct header header;
    return object_header(decoder, addr, &header) &&
           decoder->types[header.type]->family == FAMILY_CODE;
}

// Who owns an _PyInterpreterFrame: Include/internal/pycore_frame.h, enum _frameowner.
enum { OWNED_BY_THREAD = 0, OWNED_BY_GENERATOR = 1, OWNED_BY_FRAME_OBJECT = 2 };

static int frame_owner(struct decoder *decoder, mx_addr frame)
{
    uint8_t owner = 0xFF;
    memory_u8(decoder->memory, frame + (uint64_t)decoder->layout->iframe_owner, &owner);
    return owner;
}

// Where the frame's bytecode begins. Free-threaded, from 3.14 on: a thread runs a copy of its own
// (Include/internal/pycore_interpframe.h, _PyFrame_GetBytecode).
static mx_addr frame_bytecode(struct decoder *decoder, mx_addr frame, mx_addr code)
{
    const struct layout *l = decoder->layout;
    mx_addr copies = l->code_copies == ABSENT ? 0 : field_at(decoder, code, l->code_copies);
    uint64_t index = copies ? field32_at(decoder, frame, l->iframe_copy) : 0;
    if (index && index < field_at(decoder, copies, l->code_copy_count))
        return word_at(decoder, copies + (uint64_t)l->code_copy_entries + 8 * index);
    return code + (uint64_t)l->code_adaptive;
}

static int64_t instruction_offset(struct decoder *decoder, mx_addr frame, mx_addr code)
{
    const struct layout *l = decoder->layout;
    switch (l->frame_shape) {
    case FRAME_OBJECT_STACKTOP:
        return (int32_t)field32_at(decoder, frame, l->frame_lasti);
    case FRAME_OBJECT_STACKDEPTH:
        return 2 * (int64_t)(int32_t)field32_at(decoder, frame, l->frame_lasti);
    case FRAME_INTERPRETER_311: // prev_instr: the last one executed
    case FRAME_INTERPRETER_312:
    case FRAME_INTERPRETER_313: // instr_ptr: that of the call itself, while it waits for the callee
    case FRAME_TAGGED:
        return (int64_t)(field_at(decoder, frame, l->iframe_instr) -
                         frame_bytecode(decoder, frame, code));
    }
    return -1;
}

bool frame_describe(struct decoder *decoder, mx_addr frame, struct frame_facts *ret)
{
    const struct layout *l = decoder->layout;
    bool object = is_frame_object_shape(l);
    *ret = (struct frame_facts){0};
    if (!frame || !memory_at(decoder->memory, frame, (uint64_t)l->object_size))
        return false;
    mx_addr code = field_at(decoder, frame, object ? l->frame_code : l->iframe_code);
    if (l->frame_shape == FRAME_TAGGED)
        code &= ~3ull;
    bool shim = !object && frame_owner(decoder, frame) > OWNED_BY_FRAME_OBJECT; // the C loop's own
    if (code && !shim && is_code(decoder, code)) {
        ret->code = code;
        ret->line = code_line(decoder, code, instruction_offset(decoder, frame, code));
    }
    ret->owned_by_thread = ret->code && (object || frame_owner(decoder, frame) == OWNED_BY_THREAD);
    return true;
}

mx_addr frame_of_object(struct decoder *decoder, mx_addr frame_object)
{
    const struct layout *l = decoder->layout;
    return is_frame_object_shape(l) ? frame_object
                                    : field_at(decoder, frame_object, l->frame_iframe);
}

// ---- slots ------------------------------------------------------------------------------------

static mx_addr tuple_item(struct decoder *decoder, mx_addr tuple, uint64_t i)
{
    const struct layout *l = decoder->layout;
    uint64_t count = field_at(decoder, tuple, l->var_size);
    return tuple && i < count && count <= LIMIT_LOCALS
               ? word_at(decoder, tuple + (uint64_t)l->tuple_items + 8 * i)
               : 0;
}

// Include/internal/pycore_stackref.h, 3.14 on: tag 0 is a pointer that counts, 1 one that does not
// (borrowed, immortal, deferred; NULL), others are no pointers but small ints and marks.
enum hold stackref_hold(mx_addr *ref)
{
    uint64_t tag = *ref & 3;
    *ref = tag <= 1 ? *ref - tag : 0;
    return tag ? HOLD_BORROWED : HOLD_OWNED;
}

// A run of slots: locals with names from up to three tuples, then the value stack.
struct slots {
    mx_addr first;
    uint64_t named;    // locals, cells and free variables
    uint64_t stack;    // known depth of the value stack
    uint64_t possible; // words above it that may be in use
    mx_addr names[3];
    uint64_t name_counts[3];
};

static void slots_visit(struct decoder *decoder, const struct slots *slots, struct visitor *visitor)
{
    bool tagged = decoder->layout->frame_shape == FRAME_TAGGED;
    uint64_t total = slots->named + slots->stack + slots->possible;
    if (total > LIMIT_LOCALS || decoder_take(decoder, total) < total)
        return;
    uint64_t tuple = 0, within = 0;
    for (uint64_t i = 0; i < total; i++) {
        struct edge edge = {.detail = i - slots->named, .kind = EDGE_STACK, .certain = true};
        if (i < slots->named) {
            while (tuple < 2 && within >= slots->name_counts[tuple])
                tuple++, within = 0;
            edge.kind = tuple == 2 ? EDGE_CLOSURE : EDGE_LOCAL;
            edge.detail = tuple_item(decoder, slots->names[tuple], within++);
        }
        edge.to = word_at(decoder, slots->first + 8 * i);
        enum hold hold = tagged ? stackref_hold(&edge.to) : HOLD_OWNED;
        edge.certain = i < slots->named + slots->stack;
        edge.hold = edge.certain || hold == HOLD_BORROWED ? hold : HOLD_POSSIBLE;
        if (edge.to && edge.to % 8 == 0)
            visitor->edge(visitor, edge);
    }
}

static void frame_object_slots(struct decoder *decoder, mx_addr frame, struct slots *ret)
{
    const struct layout *l = decoder->layout;
    mx_addr code = field_at(decoder, frame, l->frame_code);
    *ret = (struct slots){
        .first = frame + (uint64_t)l->frame_localsplus,
        .names = {field_at(decoder, code, l->code_varnames),
                  field_at(decoder, code, l->code_cellvars),
                  field_at(decoder, code, l->code_freevars)},
    };
    ret->name_counts[0] = field32_at(decoder, code, l->code_nlocals);
    for (int i = 1; i < 3; i++)
        ret->name_counts[i] = field_at(decoder, ret->names[i], l->var_size);
    for (int i = 0; i < 3; i++)
        ret->named += ret->name_counts[i] <= LIMIT_LOCALS ? ret->name_counts[i] : 0;
    mx_addr stack = field_at(decoder, frame, l->frame_valuestack);
    int64_t depth;
    if (l->frame_stacktop != ABSENT) {
        mx_addr top = field_at(decoder, frame, l->frame_stacktop);
        depth = top >= stack && top ? (int64_t)(top - stack) / 8 : -1;
    } else {
        depth = (int32_t)field32_at(decoder, frame, l->frame_stackdepth);
    }
    if (depth >= 0)
        ret->stack = (uint64_t)depth;
    else
        ret->possible = field32_at(decoder, code, l->code_stacksize);
}

static void interpreter_frame_slots(struct decoder *decoder, mx_addr frame, struct slots *ret)
{
    const struct layout *l = decoder->layout;
    mx_addr code = field_at(decoder, frame, l->iframe_code) & ~3ull;
    uint64_t named = field32_at(decoder, code, l->code_nlocalsplus);
    *ret = (struct slots){.first = frame + (uint64_t)l->iframe_localsplus, .named = named};
    ret->names[0] = field_at(decoder, code, l->code_localsplusnames);
    ret->name_counts[0] = named;
    uint64_t room = field32_at(decoder, code, l->code_stacksize);
    if (l->iframe_stacktop != ABSENT) {
        int64_t top = (int32_t)field32_at(decoder, frame, l->iframe_stacktop);
        if (top >= (int64_t)named)
            ret->stack = (uint64_t)top - named;
        else
            ret->possible = room;
    } else {
        mx_addr top = field_at(decoder, frame, l->iframe_stackpointer);
        if (top >= ret->first + 8 * named)
            ret->stack = (top - ret->first) / 8 - named;
        else
            ret->possible = room;
    }
    if (ret->stack > room || map_find(&decoder->running, frame))
        ret->stack = 0, ret->possible = room;
}

// Frames other than the running one of their C loop keep a stale depth of 0 in 3.8 and 3.9 style;
// everything an _PyInterpreterFrame owns (Python/frame.c, _PyFrame_Traverse; f_code besides).
static bool interpreter_frame_visit(struct decoder *decoder, mx_addr frame, struct visitor *visitor)
{
    static const struct {
        const char *name;
        size_t field;
    } OWNED[] = {
        {" frame function", offsetof(struct layout, iframe_func)},
        {" frame code", offsetof(struct layout, iframe_code)},
        {" frame f_locals", offsetof(struct layout, iframe_locals)},
        {" frame object", offsetof(struct layout, iframe_frame_obj)},
    };
    const struct layout *l = decoder->layout;
    if (!memory_at(decoder->memory, frame, (uint64_t)l->iframe_localsplus))
        return false;
    bool tagged = l->frame_shape == FRAME_TAGGED;
    for (size_t i = 0; i < sizeof OWNED / sizeof OWNED[0]; i++) {
        int32_t offset = *(const int32_t *)((const char *)l + OWNED[i].field);
        mx_addr to = field_at(decoder, frame, offset);
        enum hold hold = tagged ? stackref_hold(&to) : HOLD_OWNED;
        emit(visitor, to, EDGE_NAMED, hold, (uint64_t)(uintptr_t)OWNED[i].name);
    }
    struct slots slots;
    if (!is_code(decoder, field_at(decoder, frame, l->iframe_code) & ~3ull))
        return true;
    interpreter_frame_slots(decoder, frame, &slots);
    slots_visit(decoder, &slots, visitor);
    return true;
}

bool frame_visit_slots(struct decoder *decoder, mx_addr frame, struct visitor *visitor)
{
    if (is_frame_object_shape(decoder->layout))
        return true; // frame_visit: the frame is an object
    if (frame_owner(decoder, frame) != OWNED_BY_THREAD)
        return true;
    return interpreter_frame_visit(decoder, frame, visitor);
}

// A frame object's plain members are in the type's words.
bool frame_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    if (is_frame_object_shape(l)) {
        struct slots slots;
        frame_object_slots(decoder, addr, &slots);
        slots_visit(decoder, &slots, visitor);
        return true;
    }
    mx_addr frame = field_at(decoder, addr, l->frame_iframe);
    if (frame != addr + (uint64_t)l->frame_data ||
        frame_owner(decoder, frame) != OWNED_BY_FRAME_OBJECT)
        return true; // still running: the thread or the generator owns it
    return interpreter_frame_visit(decoder, frame, visitor);
}

static void frame_code_emit(struct decoder *decoder, mx_addr frame, struct visitor *visitor)
{
    mx_addr code = field_at(decoder, frame, decoder->layout->iframe_code);
    enum hold hold =
        decoder->layout->frame_shape == FRAME_TAGGED ? stackref_hold(&code) : HOLD_OWNED;
    if (is_code(decoder, code))
        emit(visitor, code, EDGE_NAMED, hold, (uint64_t)(uintptr_t) " frame code");
}

// Objects/genobject.c, gen_traverse: the embedded frame counts until it is cleared.
bool generator_visit(struct decoder *decoder, mx_addr addr, struct visitor *visitor)
{
    const struct layout *l = decoder->layout;
    if (l->generator_iframe == ABSENT)
        return true; // gi_frame is a member
    int8_t state = 0;
    memory_u8(decoder->memory, addr + (uint64_t)l->generator_frame_state, (uint8_t *)&state);
    mx_addr frame = addr + (uint64_t)l->generator_iframe;
    if (state < l->frame_cleared)
        return interpreter_frame_visit(decoder, frame, visitor);
    if (l->generator_code == ABSENT) // 3.12 on: it is kept until the generator dies (gen_dealloc)
        frame_code_emit(decoder, frame, visitor);
    return true;
}
