// roots.c - what holds objects from outside the object graph.
//
//   interpreter and thread states: the members that the layout lists, owned or borrowed
//   frames:                        their slots (3.11 on), the running frame objects (to 3.10)
//   static data of libraries,
//   C stacks and registers:        roots_native.c
#include "heap/roots.h"

#include "base/error.h"
#include "heap/free_queue.h"

#define LIMIT_ROOTS (1u << 20) // frames, threads and libraries together
#define LIMIT_THREADS 100000
#define LIMIT_ARRAY (1u << 20) // identifiers, callbacks
#define CHUNK_OBJECTS 254      // of a merge queue: pycore_object_stack.h
#define SHOWN_FRAMES 1000      // of one thread, in what the public interface tells
#define LIMIT_SHOWN (1u << 18) // of all threads: a frame shown takes up to 1.2 KB
#define FRAME_WORK 8           // items that describing a frame is worth
#define THREAD_WORK 64         // the same of a thread

void root_collect(struct visitor *visitor, struct edge edge)
{
    struct collector *collector = (struct collector *)visitor;
    struct mx_heap *heap = collector->heap;
    if (heap->root_edges.count < LIMIT_ROOT_EDGES && decoder_take(&heap->decoder, 1))
        (void)vector_push(&heap->root_edges, ((struct root_edge){edge, collector->root, 0}));
}

bool root_add(struct mx_heap *heap, struct collector *collector, enum root_kind kind)
{
    if (heap->roots.count >= LIMIT_ROOTS ||
        !vector_push(&heap->roots, ((struct root){.name = "", .kind = (uint8_t)kind})))
        return false;
    collector->root = (uint32_t)heap->roots.count - 1;
    return true;
}

struct text root_name(struct mx_heap *heap, const struct collector *collector)
{
    struct root *root = &heap->roots.items[collector->root];
    struct text text;
    text_init(&text, root->name, sizeof root->name);
    return text;
}

// The interned strings' dict is kept by the interpreter, which its count knows; what is in it, the
// strings' counts do not: dict.c.
static void members_visit(struct mx_heap *heap, mx_addr base, const struct layout_member *members,
                          size_t count, struct visitor *visitor)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < members[i].count; k++) {
            mx_addr place = base + members[i].offset + (uint64_t)k * members[i].stride;
            mx_addr to = word_at(&heap->decoder, place);
            if (members[i].owned && to && to % 8 == 0)
                visitor->edge(visitor, (struct edge){to, (uint64_t)(uintptr_t)members[i].name,
                                                     EDGE_NAMED, HOLD_OWNED, false});
        }
}

// ---- threads ----------------------------------------------------------------------------------

static char *keep_string(struct mx_heap *heap, mx_addr str)
{
    char value[500] = "?", escaped[600];
    struct text text;
    text_init(&text, escaped, sizeof escaped);
    str_value(&heap->decoder, str, value, sizeof value);
    text_add_escaped(&text, value);
    char *kept = strdup(escaped);
    if (kept && !vector_push(&heap->strings, kept)) {
        free(kept);
        return NULL;
    }
    return kept;
}

static void describe_frame(struct mx_heap *heap, const struct frame_facts *facts,
                           struct mx_frame *ret)
{
    const struct layout *l = heap->decoder.layout;
    mx_addr qualname = field_at(&heap->decoder, facts->code, l->code_qualname);
    mx_addr name = field_at(&heap->decoder, facts->code, l->code_name);
    ret->function = keep_string(heap, qualname ? qualname : name);
    ret->file = keep_string(heap, field_at(&heap->decoder, facts->code, l->code_filename));
    ret->line = facts->line;
}

static void name_frame_root(struct mx_heap *heap, const struct collector *collector, int64_t thread,
                            const struct mx_frame *frame)
{
    struct text text = root_name(heap, collector);
    const char *slash = frame->file ? strrchr(frame->file, '/') : NULL;
    text_add(&text, "thread %lld frame ", (long long)thread);
    text_add_cut(&text, frame->function ? frame->function : "?", 80);
    text_add(&text, " at ");
    text_add_cut(&text, slash ? slash + 1 : (frame->file ? frame->file : "?"), 60);
    text_add(&text, ":%d", frame->line);
}

// To 3.10 a running frame object is held by the C function that runs it, unless a generator does
// (Python/ceval.c, _PyEval_EvalCode; Objects/genobject.c, gen_send_ex).
static void running_frame_edge(struct mx_heap *heap, mx_addr frame, struct visitor *visitor)
{
    const struct layout *l = heap->decoder.layout;
    bool by_generator = l->frame_gen != ABSENT && field_at(&heap->decoder, frame, l->frame_gen);
    visitor->edge(visitor, (struct edge){frame, (uint64_t)(uintptr_t) "running", EDGE_NAMED,
                                         by_generator ? HOLD_BORROWED : HOLD_OWNED, true});
}

// Before CPython makes a system call that may take long, a frame says how deep its stack is. A thread
// that was stopped elsewhere may be in the middle of an instruction, and what the frame says is old.
static void mark_running(struct mx_heap *heap, mx_addr frame, const struct mx_thread *thread)
{
    const struct thread_registers *registers =
        image_thread(&heap->image, thread->ident, thread->native_id);
    if (registers && !thread_waits(registers))
        map_put(&heap->decoder.running, frame);
}

static void read_frames(struct mx_heap *heap, mx_addr tstate, struct mx_thread *thread)
{
    struct decoder *decoder = &heap->decoder;
    struct collector collector = {{root_collect, NULL}, heap, 0};
    VECTOR(struct mx_frame) frames = {0};
    mx_addr frame = thread_current_frame(decoder, tstate);
    mark_running(heap, frame, thread);
    for (int depth = 0; frame && depth < LIMIT_FRAMES; depth++) {
        struct frame_facts facts;
        struct mx_frame shown;
        if (decoder_take(decoder, FRAME_WORK) < FRAME_WORK ||
            !frame_describe(decoder, frame, &facts))
            break;
        if (facts.code && frames.count < SHOWN_FRAMES && heap->strings.count < 2 * LIMIT_SHOWN) {
            describe_frame(heap, &facts, &shown);
            if (vector_push(&frames, shown) && facts.owned_by_thread &&
                root_add(heap, &collector, ROOT_FRAME))
                name_frame_root(heap, &collector, thread->native_id, &shown);
        }
        if (facts.owned_by_thread) { // past SHOWN_FRAMES they share the last root's name
            if (decoder->layout->frame_localsplus != ABSENT)
                running_frame_edge(heap, frame, &collector.visitor);
            else
                frame_visit_slots(decoder, frame, &collector.visitor);
        }
        frame = frame_previous(decoder, frame);
    }
    thread->frames = frames.items;
    thread->frame_count = frames.count;
}

// To 3.10 only pthread_self is kept: the address of a struct pthread. musl's (src/internal/pthread_impl.h)
// is in a ring with those of the other threads; glibc's (nptl/descr.h) has itself in the place of the
// pointer to the previous one.
enum { PTHREAD_PREVIOUS = 16, PTHREAD_NEXT = 24, MUSL_PTHREAD_TID = 48, GLIBC_PTHREAD_TID = 720 };

static int64_t native_id(struct mx_heap *heap, mx_addr tstate, uint64_t ident)
{
    const struct layout *l = heap->decoder.layout;
    if (l->tstate_native_id != ABSENT)
        return (int64_t)field_at(&heap->decoder, tstate, l->tstate_native_id);
    const struct thread_registers *thread = image_thread(&heap->image, ident, 0);
    mx_addr next = word_at(&heap->decoder, ident + PTHREAD_NEXT);
    if (word_at(&heap->decoder, next + PTHREAD_PREVIOUS) == ident)
        return (int32_t)field32_at(&heap->decoder, ident, MUSL_PTHREAD_TID);
    if (word_at(&heap->decoder, ident + PTHREAD_PREVIOUS) != ident)
        return thread ? thread->tid : 0;
    int32_t tid = (int32_t)field32_at(&heap->decoder, ident, GLIBC_PTHREAD_TID);
    return tid > 0 && tid < 1 << 22 ? tid : 0;
}

// Free-threaded: objects that wait for their owner to add up their counts, a reference each
// (Python/brc.c, _Py_brc_queue_object).
static void read_merge_queue(struct mx_heap *heap, mx_addr chunk, struct visitor *visitor)
{
    const struct layout *l = heap->decoder.layout;
    while (chunk && decoder_take(&heap->decoder, 1)) {
        uint64_t count = field_at(&heap->decoder, chunk, l->object_chunk_count);
        mx_addr objects = chunk + (uint64_t)l->object_chunk_objects;
        for (uint64_t i = 0; i < count && i < CHUNK_OBJECTS && decoder_take(&heap->decoder, 1); i++)
            emit(visitor, word_at(&heap->decoder, objects + 8 * i), EDGE_NAMED, HOLD_OWNED,
                 (uint64_t)(uintptr_t) "waiting for its count");
        chunk = field_at(&heap->decoder, chunk, l->object_chunk_previous);
    }
}

// And what C functions hold for a moment (Include/internal/pycore_stackref.h, _PyCStackRef).
static void read_stack_refs(struct mx_heap *heap, mx_addr tstate, struct visitor *visitor)
{
    const struct layout *l = heap->decoder.layout;
    mx_addr node = field_at(&heap->decoder, tstate, l->tstate_c_stack_refs);
    while (node && decoder_take(&heap->decoder, 1)) {
        mx_addr to = field_at(&heap->decoder, node, l->c_stack_ref_ref);
        enum hold hold = stackref_hold(&to);
        emit(visitor, to, EDGE_NAMED, hold, (uint64_t)(uintptr_t) "C stack reference");
        node = field_at(&heap->decoder, node, l->c_stack_ref_next);
    }
}

static void read_thread(struct mx_heap *heap, mx_addr tstate)
{
    const struct layout *l = heap->decoder.layout;
    struct collector collector = {{root_collect, NULL}, heap, 0};
    struct mx_thread thread = {
        .ident = field_at(&heap->decoder, tstate, l->tstate_thread_id),
    };
    thread.native_id = native_id(heap, tstate, thread.ident);
    if (root_add(heap, &collector, ROOT_THREAD)) {
        struct text text = root_name(heap, &collector);
        text_add(&text, "thread %lld state", (long long)thread.native_id);
        members_visit(heap, tstate, l->tstate_members, l->tstate_member_count, &collector.visitor);
        // To 3.12 a weak reference to the lock that join() waits for (Modules/_threadmodule.c,
        // thread__set_sentinel); void * there.
        emit(&collector.visitor, field_at(&heap->decoder, tstate, l->tstate_on_delete_data),
             EDGE_NAMED, HOLD_OWNED, (uint64_t)(uintptr_t) "on_delete_data");
        read_merge_queue(heap, field_at(&heap->decoder, tstate, l->tstate_to_merge),
                         &collector.visitor);
        read_merge_queue(heap, field_at(&heap->decoder, tstate, l->tstate_local_to_merge),
                         &collector.visitor);
        read_stack_refs(heap, tstate, &collector.visitor);
        if (l->free_threaded)
            free_queue_visit(heap, tstate + (uint64_t)l->tstate_free_queue, &collector.visitor);
    }
    read_frames(heap, tstate, &thread);
    if (!vector_push(&heap->threads, thread))
        free((void *)(uintptr_t)thread.frames);
}

// ---- interpreters -----------------------------------------------------------------------------

void roots_add_interned(struct mx_heap *heap, mx_addr dict)
{
    struct decoder *decoder = &heap->decoder;
    if (dict && decoder->interned_count < LIMIT_INTERNED)
        decoder->interned[decoder->interned_count++] = dict;
}

// 3.10 to 3.13: the strings of static identifiers in extension modules (Objects/unicodeobject.c,
// unicode_ids), and what atexit calls: pointers to {func, args, kwargs} (Modules/atexitmodule.c).
static void read_arrays(struct mx_heap *heap, mx_addr interp, struct visitor *visitor)
{
    const struct layout *l = heap->decoder.layout;
    struct decoder *decoder = &heap->decoder;
    mx_addr ids = field_at(decoder, interp, l->interp_ids);
    uint64_t id_count = ids ? field_at(decoder, interp, l->interp_ids_count) : 0;
    for (uint64_t i = 0; i < id_count && i < LIMIT_ARRAY && decoder_take(decoder, 1); i++)
        emit(visitor, word_at(decoder, ids + 8 * i), EDGE_NAMED, HOLD_OWNED,
             (uint64_t)(uintptr_t) "identifier");
    mx_addr callbacks = field_at(decoder, interp, l->interp_atexit_callbacks);
    uint64_t callback_count = callbacks ? field32_at(decoder, interp, l->interp_atexit_count) : 0;
    for (uint64_t i = 0; i < callback_count && decoder_take(decoder, 1); i++) {
        mx_addr callback = word_at(decoder, callbacks + 8 * i);
        for (uint64_t word = 0; callback && word < 3; word++)
            emit(visitor, word_at(decoder, callback + 8 * word), EDGE_NAMED, HOLD_OWNED,
                 (uint64_t)(uintptr_t) "atexit callback");
    }
}

static void read_interpreter(struct mx_heap *heap, mx_addr interp)
{
    const struct layout *l = heap->decoder.layout;
    struct collector collector = {{root_collect, NULL}, heap, 0};
    if (root_add(heap, &collector, ROOT_INTERPRETER)) {
        struct text text = root_name(heap, &collector);
        text_add(&text, "interpreter %lld",
                 (long long)field_at(&heap->decoder, interp, l->interp_id));
        members_visit(heap, interp, l->interp_members, l->interp_member_count, &collector.visitor);
        read_arrays(heap, interp, &collector.visitor);
        if (l->free_threaded)
            free_queue_visit(heap, interp + (uint64_t)l->interp_free_queue, &collector.visitor);
    }
    roots_add_interned(heap, field_at(&heap->decoder, interp, l->interp_interned));
    mx_addr tstate = field_at(&heap->decoder, interp, l->interp_threads_head);
    for (int i = 0; tstate && i < LIMIT_THREADS; i++) {
        if (field_at(&heap->decoder, tstate, l->tstate_interp) != interp ||
            decoder_take(&heap->decoder, THREAD_WORK) < THREAD_WORK)
            return;
        read_thread(heap, tstate);
        tstate = field_at(&heap->decoder, tstate, l->tstate_next);
    }
}

mx_status heap_find_roots(struct mx_heap *heap, struct mx_error *err)
{
    const struct layout *l = heap->decoder.layout;
    struct collector collector = {{root_collect, NULL}, heap, 0};
    mx_addr interp = field_at(&heap->decoder, heap->runtime.addr, l->runtime_interpreters_head);
    for (int i = 0; interp && i < LIMIT_INTERPRETERS; i++) {
        if (decoder_take(&heap->decoder, THREAD_WORK) < THREAD_WORK)
            break;
        read_interpreter(heap, interp);
        interp = field_at(&heap->decoder, interp, l->interp_next);
    }
    if (root_add(heap, &collector, ROOT_INTERPRETER)) {
        struct text text = root_name(heap, &collector);
        text_add(&text, "runtime");
        members_visit(heap, heap->runtime.addr, l->runtime_members, l->runtime_member_count,
                      &collector.visitor);
    }
    for (size_t i = 0; i < heap->statics.ranges.count; i++)
        roots_scan_static(heap, &heap->statics.ranges.items[i]);
    for (size_t i = 0; i < heap->image.register_count; i++)
        roots_scan_stack(heap, &heap->image.registers[i]);
    return heap->roots.count ? MX_OK : fail_no_memory(err);
}
