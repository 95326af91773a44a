// fake_process.c - interpreter, thread, frame, collector lists and an object of every family.
#include "fake_process.h"

#include <stdlib.h>

#include "decode/counts.h"

// ---- instances --------------------------------------------------------------------------------

static bool is_managed(const struct fake *fake)
{
    return fake->l->instance_shape != INSTANCE_DICT_IN_STRUCT;
}

mx_addr fake_instance_class(struct fake *fake, const char *name, const mx_addr *names, size_t count)
{
    const struct layout *l = fake->l;
    uint64_t flags = is_managed(fake) ? FLAG_MANAGED_DICT : 0, nbytes = (uint64_t)l->object_size;
    if (l->instance_shape == INSTANCE_VALUES_INLINE)
        flags |= FLAG_INLINE_VALUES;
    mx_addr type = fake_class(fake, name, fake_type(fake, "object"),
                              nbytes + (is_managed(fake) ? 0 : 16), flags);
    if (!is_managed(fake)) {
        fake_field(fake, type, l->type_dictoffset, nbytes);
        fake_field(fake, type, l->type_weaklistoffset, nbytes + 8);
    }
    fake_field(fake, type, l->heaptype_cached_keys,
               fake_keys(fake, FAKE_SPLIT, names, NULL, count));
    return type;
}

mx_addr fake_instance(struct fake *fake, mx_addr type, const mx_addr *names, const mx_addr *values,
                      size_t count)
{
    const struct layout *l = fake->l;
    mx_addr addr = fake_object(fake, type, 200);
    switch (l->instance_shape) {
    case INSTANCE_DICT_IN_STRUCT:
        fake_word(fake, addr + (uint64_t)l->object_size, fake_dict(fake, names, values, count));
        break;
    case INSTANCE_VALUES_311:
        fake_word(fake, addr - 32, fake_values(fake, values, count));
        break;
    case INSTANCE_VALUES_312:
        fake_word(fake, addr - 24, fake_values(fake, values, count) - 1);
        break;
    case INSTANCE_VALUES_INLINE: {
        mx_addr head = addr + (uint64_t)l->object_size;
        fake_field8(fake, head, l->values_capacity, (uint8_t)count);
        fake_field8(fake, head, l->values_valid, 1);
        for (size_t i = 0; i < count; i++)
            fake_word(fake, head + (uint64_t)l->values_values + 8 * i, values[i]);
        break;
    }
    }
    return addr;
}

enum { OWNED_BY_GENERATOR = 1 };

mx_addr fake_generator(struct fake *fake, mx_addr code, const mx_addr *locals, size_t count,
                       bool cleared)
{
    const struct layout *l = fake->l;
    mx_addr addr =
        fake_object(fake, fake_type(fake, "generator"), (uint64_t)l->generator_size + 256);
    fake_field(fake, addr, l->generator_qualname, fake_str(fake, "numbers"));
    fake_field(fake, addr, l->generator_code, code);
    if (l->generator_iframe == ABSENT) {
        mx_addr frame = cleared ? 0 : fake_frame(fake, code, locals, count, 0, true);
        if (frame)
            fake_field(fake, frame, l->frame_gen, addr);
        fake_field(fake, addr, l->generator_frame, frame);
        return addr;
    }
    fake_iframe(fake, addr + (uint64_t)l->generator_iframe, code, OWNED_BY_GENERATOR, locals, count,
                0, true);
    fake_field8(fake, addr, l->generator_frame_state,
                (uint8_t)(cleared ? l->frame_cleared : -1)); // FRAME_SUSPENDED
    return addr;
}

// ---- an object of every family ----------------------------------------------------------------

static mx_addr make_set(struct fake *fake, mx_addr item)
{
    const struct layout *l = fake->l;
    mx_addr set = fake_object(fake, fake_type(fake, "set"), (uint64_t)l->set_size);
    fake_field(fake, set, l->set_mask, 7);
    fake_field(fake, set, l->set_table, set + (uint64_t)l->set_smalltable);
    fake_field(fake, set, l->set_used, 1);
    fake_word(fake, set + (uint64_t)l->set_smalltable, item);
    fake_word(fake, set + (uint64_t)l->set_smalltable + 8, 99);
    return set;
}

static mx_addr make_deque(struct fake *fake, mx_addr item)
{
    mx_addr deque = fake_object(fake, fake_type(fake, "collections.deque"), 232);
    mx_addr fields = deque + (uint64_t)fake->l->var_size, block = fake_alloc(fake, 66 * 8);
    fake_word(fake, fields, 2);
    fake_word(fake, fields + 8, block);
    fake_word(fake, fields + 24, 3);
    fake_word(fake, block + 8 + 8 * 3, item);
    fake_word(fake, block + 8 + 8 * 4, item);
    return deque;
}

static mx_addr make_ordered_dict(struct fake *fake, mx_addr key, mx_addr value)
{
    const struct layout *l = fake->l;
    mx_addr node = fake_alloc(fake, 32);
    mx_addr dict =
        fake_object(fake, fake_type(fake, "collections.OrderedDict"), (uint64_t)l->dict_size + 64);
    fake_field(fake, dict, l->dict_used, 1);
    fake_field(fake, dict, l->dict_keys, fake_keys(fake, FAKE_GENERAL, &key, &value, 1));
    fake_word(fake, dict + (uint64_t)l->dict_size, node);
    fake_word(fake, node, key);
    return dict;
}

static mx_addr make_with(struct fake *fake, const char *type, int32_t offset, mx_addr value)
{
    mx_addr addr = fake_object(fake, fake_type(fake, type), 256);
    fake_field(fake, addr, offset, value);
    return addr;
}

static size_t make_everything(struct fake_process *process, mx_addr *ret)
{
    struct fake *fake = &process->fake;
    const struct layout *l = fake->l;
    size_t n = 0;
    mx_addr name = process->name, local = fake_small_int(fake, 3);
    mx_addr code = fake_code(fake, "numbers", (const char *[]){"n", "outer"}, 2, 1);
    mx_addr cell = make_with(fake, "cell", l->cell_contents, local);
    mx_addr function = fake_function(fake, "handle", code);
    ret[n++] = cell;
    ret[n++] = function;
    ret[n++] = make_with(fake, "method", l->method_function, function);
    fake_field(fake, ret[n - 1], l->method_self, process->session);
    ret[n++] = fake_generator(fake, code, (mx_addr[]){local, cell}, 2, false);
    ret[n++] = fake_generator(fake, code, NULL, 0, true);
    ret[n++] = make_set(fake, name);
    ret[n++] = make_deque(fake, name);
    ret[n++] = make_ordered_dict(fake, name, local);
    ret[n++] = fake_tuple(fake, (mx_addr[]){name, local}, 2);
    ret[n++] = fake_bytes(fake, "bytes", 5);
    ret[n++] = fake_int(fake, true, (uint32_t[]){1, 2, 3}, 3);
    ret[n++] = fake_wide_str(fake, 2, (uint32_t[]){0x20AC}, 1);
    ret[n++] = make_with(fake, "float", l->float_value, 0x3FB999999999999Aull);
    ret[n++] = make_with(fake, "complex", l->complex_value, 0x3FB999999999999Aull);
    ret[n++] = make_with(fake, "bytearray", l->bytearray_start, fake_text(fake, "hello"));
    ret[n++] = make_with(fake, "builtin_function_or_method", l->cfunction_self, process->app);
    ret[n++] = make_with(fake, "BaseException", l->exception_args, fake_tuple(fake, &name, 1));
    ret[n++] = make_with(fake,
                         layout_object_members(l, "weakref.ReferenceType") ? "weakref.ReferenceType"
                                                                           : "weakref",
                         l->weakref_object, process->session);
    ret[n++] = make_with(fake, "range", l->object_size, local);
    ret[n++] = make_with(fake, "functools._lru_cache_wrapper", l->object_size + 8, 0);
    ret[n++] = make_with(fake, "NoneType", ABSENT, 0);
    return n;
}

// ---- the process ------------------------------------------------------------------------------

static mx_addr collector_of(const struct fake_process *process)
{
    const struct layout *l = process->fake.l;
    return l->gc_shape == GC_IN_RUNTIME ? process->runtime + (uint64_t)l->runtime_gc
                                        : process->interp + (uint64_t)l->interp_gc;
}

static void lists_init(struct fake_process *process)
{
    struct fake *fake = &process->fake;
    const struct layout *l = fake->l;
    for (int i = 0; i < 4; i++) {
        mx_addr head =
            collector_of(process) +
            (uint64_t)(i < 3 ? l->gc_generations + i * l->gc_generation_size : l->gc_permanent);
        fake_word(fake, head, head);
        fake_word(fake, head + 8, head);
    }
    fake_field32(fake, collector_of(process), l->gc_enabled, 1);
    fake_field32(fake, collector_of(process) + (uint64_t)l->gc_generations,
                 l->gc_generation_threshold, 700);
}

void fake_track(struct fake_process *process, int generation, mx_addr object)
{
    struct fake *fake = &process->fake;
    const struct layout *l = fake->l;
    process->tracked_count++;
    if (l->gc_shape == GC_WITHOUT_LISTS) {
        fake_field8(fake, object, l->object_gc_bits,
                    GC_BIT_TRACKED | (generation == 3 ? GC_BIT_FROZEN : 0));
        return;
    }
    mx_addr head =
        collector_of(process) +
        (uint64_t)(generation < 3 ? l->gc_generations + generation * l->gc_generation_size
                                  : l->gc_permanent);
    mx_addr node = object - (uint64_t)l->gc_head_size, first = word_at(&fake->decoder, head);
    fake_word(fake, head, node);
    fake_word(fake, node, first);
    fake_word(fake, node + 8, head);
}

static void add_frame(struct fake_process *process)
{
    struct fake *fake = &process->fake;
    const struct layout *l = fake->l;
    process->frame_code = fake_code(fake, "handle", (const char *[]){"request"}, 1, 0);
    process->local = fake_list(fake, NULL, 0);
    mx_addr frame = fake_frame(fake, process->frame_code, &process->local, 1, 0, true);
    fake_field(fake, process->thread, l->tstate_frame, frame);
    fake_field(fake, process->thread, l->tstate_current_frame, frame);
    if (l->tstate_cframe != ABSENT) {
        mx_addr cframe = fake_alloc(fake, 32);
        fake_field(fake, cframe, l->cframe_current_frame, frame);
        fake_field(fake, process->thread, l->tstate_cframe, cframe);
    }
}

static void add_app(struct fake_process *process)
{
    struct fake *fake = &process->fake;
    const struct layout *l = fake->l;
    mx_addr attribute = fake_str(fake, "name"), everything[32];
    process->name = fake_str(fake, "alice");
    process->key = fake_str(fake, "user:1");
    mx_addr type = fake_instance_class(fake, "Session", &attribute, 1);
    process->session = fake_instance(fake, type, &attribute, &process->name, 1);
    process->list = fake_list(fake, (mx_addr[]){process->name, process->session}, 2);
    process->app = fake_module(fake, "app");
    mx_addr sessions = fake_dict(fake, &process->key, &process->session, 1);
    size_t count = make_everything(process, everything);
    mx_addr keys[] = {fake_str(fake, "__name__"), fake_str(fake, "list"),
                      fake_str(fake, "sessions"), fake_str(fake, "everything"),
                      fake_str(fake, "Session")};
    mx_addr values[] = {fake_str(fake, "app"), process->list, sessions,
                        fake_list(fake, everything, count), type};
    process->app_dict = fake_dict(fake, keys, values, 5);
    fake_field(fake, process->app, l->module_dict, process->app_dict);
    mx_addr app_key = fake_str(fake, "app");
    process->modules = fake_dict(fake, &app_key, &process->app, 1);
    fake_field(fake, process->interp, l->interp_modules, process->modules);
    fake_track(process, 0, process->list);
    fake_track(process, 2, process->session);
    fake_track(process, 2, sessions);
    fake_track(process, 2, process->app);
    for (size_t i = 0; i < count; i++)
        if (fake_info(fake, everything[i])->gc)
            fake_track(process, 2, everything[i]);
}

void fake_process_init(struct fake_process *process, const struct layout *layout)
{
    struct fake *fake = &process->fake;
    *process = (struct fake_process){0};
    fake_init(fake, layout);
    process->runtime = fake_alloc(fake, (uint64_t)layout->runtime_size);
    process->interp = fake_alloc(fake, (uint64_t)layout->interp_size);
    // Free-threaded: what stands behind the public part is wanted too.
    uint64_t thread_nbytes = layout->free_threaded ? 32768 : (uint64_t)layout->tstate_size;
    process->thread = fake_alloc(fake, thread_nbytes);
    process->objects_start = fake->used;
    fake_field(fake, process->runtime, layout->runtime_interpreters_head, process->interp);
    fake_field(fake, process->runtime, layout->runtime_interpreters_main, process->interp);
    fake_field(fake, process->interp, layout->interp_threads_head, process->thread);
    fake_field(fake, process->thread, layout->tstate_interp, process->interp);
    fake_field(fake, process->thread, layout->tstate_thread_id, 0x1234);
    fake_field(fake, process->thread, layout->tstate_native_id, 812);
    mx_addr key = fake_str(fake, "hexversion");
    uint32_t hex = layout->version_hex;
    mx_addr value = fake_int(fake, false, &hex, 1);
    fake_field(fake, process->interp, layout->interp_sysdict, fake_dict(fake, &key, &value, 1));
    lists_init(process);
    add_app(process);
    add_frame(process);
}

void fake_process_fini(struct fake_process *process)
{
    fake_fini(&process->fake);
}

struct mx_heap *fake_process_heap(struct fake_process *process, struct memory *memory)
{
    struct mx_heap *heap = calloc(1, sizeof *heap);
    assert_non_null(heap);
    heap->memory = memory;
    heap->maps = &process->maps;
    heap->runtime.layout = process->fake.l;
    heap->runtime.addr = process->runtime;
    heap->runtime.type_type = fake_type(&process->fake, "type");
    return heap;
}
