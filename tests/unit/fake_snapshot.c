// fake_snapshot.c - a snapshot made by hand, and everything that can be read of a file.
#include "fake_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *name;
    enum text_form form;
    enum snapshot_family family;
} TYPES[] = {
    {"app.Node", FORM_OBJECT, SNAPSHOT_INSTANCE},   {"builtins.list", FORM_LIST, SNAPSHOT_LIST},
    {"builtins.str", FORM_STR, SNAPSHOT_STR},       {"builtins.int", FORM_INT, SNAPSHOT_INT},
    {"builtins.dict", FORM_DICT, SNAPSHOT_DICT},    {"builtins.tuple", FORM_TUPLE, SNAPSHOT_TUPLE},
    {"builtins.bytes", FORM_BYTES, SNAPSHOT_BYTES}, {"builtins.float", FORM_FLOAT, SNAPSHOT_FLOAT},
    {"builtins.cell", FORM_RECIPE, SNAPSHOT_CELL},  {"builtins.set", FORM_SET, SNAPSHOT_SET}};
#define FAKE_TYPES (sizeof TYPES / sizeof *TYPES)

// ---- source -----------------------------------------------------------------------------------

static mx_status answer(void *data, struct snapshot_answers *ret, struct mx_error *err)
{
    (void)err;
    *ret = ((struct fake_snapshot *)data)->answers;
    return MX_OK;
}

static enum text_form form(void *data, uint32_t type, char *kind, size_t nbytes)
{
    (void)data;
    snprintf(kind, nbytes, type == 8 ? "cell of a closure" : "instance");
    return TYPES[type].form;
}

static void text(void *data, uint32_t object, struct text_tables *tables, struct wire_out *ret)
{
    char buffer[64];
    double number = object / 8.0;
    (void)data;
    switch (TYPES[object % FAKE_TYPES].form) {
    case FORM_STR:
    case FORM_BYTES:
        snprintf(buffer, sizeof buffer, "%cvalue %u", TEXT_WHOLE, object);
        put_bytes(ret, buffer, 1 + strlen(buffer + 1));
        return;
    case FORM_INT: {
        uint64_t word = zigzag(-(int64_t)object);
        put_bytes(ret, &word, 8);
        return;
    }
    case FORM_FLOAT:
        put_bytes(ret, &number, sizeof number);
        return;
    default:
        snprintf(buffer, sizeof buffer, "<cell at %c: %c%c>", RECIPE_ADDRESS, RECIPE_PREVIEW,
                 RECIPE_FIRST);
        put_number(ret, table_string(tables, buffer, strlen(buffer)));
        return;
    }
}

static bool kind(void *data, uint32_t object, char *buffer, size_t nbytes)
{
    (void)data;
    if (object % 100)
        return false;
    snprintf(buffer, nbytes, "function f%u at app.py:%u", object % 7, object);
    return true;
}

static uint64_t shape(void *data, uint32_t object, struct text_tables *tables, bool redact)
{
    const struct snapshot *s = &((struct fake_snapshot *)data)->snapshot;
    uint64_t count = column_at(&s->first, object + 1ull) - column_at(&s->first, object);
    (void)redact;
    switch (TYPES[object % FAKE_TYPES].form) {
    case FORM_DICT:
        return SHAPE_DICT;
    case FORM_SET:
        return SHAPE_MEMBERS;
    case FORM_OBJECT: {
        struct mark marks[16];
        for (uint64_t k = 0; k < count; k++)
            marks[k] = (struct mark){MARK_TEXT, 0, k ? ".left" : ".right"};
        return table_shape(tables, marks, count);
    }
    default:
        return SHAPE_ITEMS;
    }
}

static const struct unlikely *unlikely(void *data, size_t *ret_count)
{
    static const struct unlikely ITEMS[] = {{0, 1, 0, "word +0x10"}, {3, 0, 9, "word +0x18"}};
    const struct fake_snapshot *fake = data;
    *ret_count = fake->snapshot.object_count > 3 ? 2 : 0;
    return ITEMS;
}

static void roots(void *data, mx_reference_fn *fn, void *fn_data)
{
    const struct fake_snapshot *fake = data;
    for (uint32_t i = 0; i < 3 && i < fake->snapshot.object_count; i++) {
        struct mx_reference reference = {MX_NO_OBJECT, i, MX_OWNED, "local x", "thread 1"};
        fn(&reference, fn_data);
    }
}

static void root_label(void *data, size_t reference, char *buffer, size_t nbytes)
{
    (void)data;
    snprintf(buffer, nbytes, "local v%zu", reference);
}

static void block(void *data, size_t number, struct snapshot_block *ret)
{
    bool owned = number % 3 && number < ((struct fake_snapshot *)data)->snapshot.object_count;
    *ret = (struct snapshot_block){.address = 0x1000 + 64 * number,
                                   .nbytes = 48 + number,
                                   .owner = owned ? (uint32_t)number : MX_NO_OBJECT,
                                   .allocator = "malloc",
                                   .holder = number % 2 ? "nothing" : "object"};
}

// ---- the snapshot -----------------------------------------------------------------------------

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct column column_of(uint64_t *numbers, uint64_t count)
{
    return (struct column){.count = count,
                           .bytes = (const uint8_t *)numbers,
                           .nbytes = 8 * count,
                           .encoding = COLUMN_U64};
}

static uint64_t *numbers_of(struct fake_snapshot *fake, int number, uint64_t count)
{
    return fake->columns[number] = calloc(count + 1, sizeof(uint64_t));
}

static void add_graph(struct fake_snapshot *fake, uint32_t objects, uint64_t seed)
{
    struct snapshot *s = &fake->snapshot;
    uint64_t *address = numbers_of(fake, 0, objects), *type = numbers_of(fake, 1, objects),
             *size = numbers_of(fake, 2, objects), *refcount = numbers_of(fake, 3, objects),
             *flags = numbers_of(fake, 4, objects), *generation = numbers_of(fake, 5, objects),
             *first = numbers_of(fake, 6, objects + 1ull), at = 0x7f00000, total = 0;
    for (uint32_t i = 0; i < objects; i++) {
        at += 2 + next_random(&seed) % 16;
        address[i] = at;
        type[i] = i % FAKE_TYPES;
        size[i] = 24 + 8 * (next_random(&seed) % 9);
        refcount[i] = i % 50 ? next_random(&seed) % 3 : 0;
        flags[i] = i % 50 ? OBJECT_TRACKED : OBJECT_IMMORTAL;
        generation[i] = i % 5;
        first[i] = total;
        uint64_t held = TYPES[i % FAKE_TYPES].family == SNAPSHOT_DICT ? 4 : next_random(&seed) % 6;
        total += i % FAKE_TYPES == 8 ? 1 : held;
    }
    first[objects] = total;
    uint64_t *target = numbers_of(fake, 7, total), *hold = numbers_of(fake, 8, total);
    for (uint64_t i = 0; i < total; i++) {
        target[i] = next_random(&seed) % objects;
        hold[i] = next_random(&seed) % 20 ? MX_OWNED : MX_WEAK;
    }
    s->reference_count = total;
    s->address = column_of(address, objects);
    s->type = column_of(type, objects);
    s->size = column_of(size, objects);
    s->refcount = column_of(refcount, objects);
    s->flags = column_of(flags, objects);
    s->generation = column_of(generation, objects);
    s->first = column_of(first, objects + 1ull);
    s->target = column_of(target, total);
    s->hold = column_of(hold, total);
}

// Sources in order, for each target.
static void add_referrers(struct fake_snapshot *fake)
{
    struct snapshot *s = &fake->snapshot;
    uint64_t objects = s->object_count, *first = numbers_of(fake, 9, objects + 1),
             *referrer = numbers_of(fake, 10, s->reference_count),
             *hold = numbers_of(fake, 11, s->reference_count),
             *dominator = numbers_of(fake, 12, objects), *retained = numbers_of(fake, 13, objects),
             at = 0;
    for (uint32_t to = 0; to < objects; to++) {
        first[to] = at;
        for (uint32_t from = 0; from < objects; from++)
            for (uint64_t r = column_at(&s->first, from); r < column_at(&s->first, from + 1ull);
                 r++)
                if (column_at(&s->target, r) == to) {
                    referrer[at] = from;
                    hold[at++] = column_at(&s->hold, r);
                }
        dominator[to] = to / 2;
        retained[to] = column_at(&s->size, to) * 3;
    }
    first[objects] = at;
    s->referrer_first = column_of(first, objects + 1);
    s->referrer = column_of(referrer, at);
    s->referrer_hold = column_of(hold, at);
    s->dominator = column_of(dominator, objects);
    s->retained = column_of(retained, objects);
    s->extra = s->unexplained = s->possible = (struct column){.count = objects};
}

static void add_tables(struct fake_snapshot *fake)
{
    static const struct mx_frame FRAMES[] = {{"f", "app.py", 14}, {"<module>", "app.py", 99}};
    static const struct mx_thread THREADS[] = {{812, 4711, FRAMES, 2}, {0, 5, NULL, 0}};
    static const struct snapshot_root ROOTS[] = {{ROOT_FRAME, "thread 812 frame f at app.py:14"},
                                                 {ROOT_MODULE, "module app"}};
    static const struct snapshot_root_reference REFERENCES[] = {{0, 0, MX_OWNED, true},
                                                                {1, 1, MX_BORROWED, false}};
    struct snapshot *s = &fake->snapshot;
    struct snapshot_type *types = fake->kept[0] = calloc(FAKE_TYPES, sizeof *types);
    struct mx_type *stats = fake->kept[1] = calloc(FAKE_TYPES, sizeof *stats);
    for (uint32_t i = 0; i < FAKE_TYPES; i++) {
        types[i] = (struct snapshot_type){
            0x5000 + 16ull * i,       MX_NO_OBJECT, i ? 0 : MX_NO_OBJECT, i ? 0 : TYPE_HEAP, 32,
            (uint8_t)TYPES[i].family, TYPES[i].name};
        stats[i] = (struct mx_type){types[i].address, types[i].name, s->object_count / FAKE_TYPES,
                                    1000 + i};
    }
    s->types = types;
    s->type_count = FAKE_TYPES;
    s->threads = THREADS;
    s->thread_count = 2;
    s->roots = ROOTS;
    s->root_count = 2;
    s->root_references = REFERENCES;
    s->root_reference_count = s->object_count > 1 ? 2 : 0;
    s->block_count = 100;
    s->texts.root_label = root_label;
    s->texts.block = block;
    s->texts.data = fake;
    fake->answers.types = stats;
}

static void add_answers(struct fake_snapshot *fake)
{
    static const struct mx_finding FINDINGS[] = {
        {MX_HOLDER_STATIC, "lib.so: cache", "app.Node", 1, 2, 0x7f000, 0x10, 0x20, 64}};
    static const struct mx_cycle_step STEPS[] = {{0x3f80000, "app.Node", ".next"},
                                                 {0x3f80010, "app.Node", ".back"}};
    static const mx_addr ADDRESSES[] = {0x3f80000, 0x3f80010, 0x3f80020};
    static const struct mx_cycle_group GROUPS[] = {{.shape = "app.Node.next -> app.Node",
                                                    .cycles = 1,
                                                    .shortest = 2,
                                                    .longest = 2,
                                                    .objects = 2,
                                                    .bytes = 96,
                                                    .held = 1,
                                                    .held_bytes = 40,
                                                    .example = 0x3f80000,
                                                    .steps = STEPS,
                                                    .step_count = 2,
                                                    .addresses = ADDRESSES}};
    struct snapshot_answers *answers = &fake->answers;
    answers->findings = FINDINGS;
    answers->finding_count = 1;
    answers->blind_spots =
        (struct mx_blind_spots){.unreadable_bytes = 4096, .allocators = "jemalloc"};
    if (fake->snapshot.object_count >= 3)
        answers->garbage = (struct answer_cycles){GROUPS, 1, {3, 136, 0, 0, false}};
}

void fake_snapshot_init(struct fake_snapshot *fake, uint32_t objects)
{
    *fake = (struct fake_snapshot){0};
    struct snapshot *s = &fake->snapshot;
    s->object_count = objects;
    add_graph(fake, objects, 88172645463325252ull);
    add_referrers(fake);
    add_tables(fake);
    add_answers(fake);
    s->info = (struct mx_target_info){.process = {.pid = 812,
                                                  .user = "www",
                                                  .python = "3.11.7",
                                                  .executable = "/usr/bin/python3",
                                                  .cmdline = "python3 -m app --password hunter2",
                                                  .rss_bytes = 1 << 20,
                                                  .uptime_seconds = 12.5},
                                      .implementation = "cpython",
                                      .version_hex = 0x030b07f0,
                                      .library = "/usr/lib/libpython3.11.so",
                                      .layout_verified = true};
    s->summary = (struct mx_heap_summary){.objects = objects,
                                          .references = s->reference_count,
                                          .bytes = 123456,
                                          .mode = MX_CAPTURE_FORK,
                                          .pause_ns = 5000000};
    fake->source = (struct snapshot_source){fake, answer, form, text, kind, shape, unlikely, roots};
}

void fake_snapshot_free(struct fake_snapshot *fake)
{
    for (size_t i = 0; i < sizeof fake->columns / sizeof *fake->columns; i++)
        free(fake->columns[i]);
    free(fake->kept[0]);
    free(fake->kept[1]);
}

// ---- reading ----------------------------------------------------------------------------------

static uint64_t mix(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * 0x9E3779B97F4A7C15ull;
}

static uint64_t mix_text(uint64_t sum, const char *clean)
{
    for (const uint8_t *at = (const uint8_t *)clean; *at; at++) {
        if (*at < ' ' || *at == 0x7F)
            fail_msg("control character in '%s'", clean);
        sum = mix(sum, *at);
    }
    return sum;
}

static uint64_t read_object(const struct snapshot *s, uint32_t i, uint64_t sum)
{
    char buffer[300];
    const struct snapshot_texts *texts = &s->texts;
    sum = mix(sum, snapshot_address(s, i));
    sum = mix_text(sum, snapshot_type_of(s, i)->name);
    sum = mix(sum, snapshot_nbytes(s, i));
    assert_true(snapshot_dominator(s, i) == MX_NO_OBJECT ||
                snapshot_dominator(s, i) < s->object_count);
    texts->preview(texts->data, i, buffer, 256);
    sum = mix_text(sum, buffer);
    texts->kind(texts->data, i, buffer, sizeof buffer);
    sum = mix_text(sum, buffer);
    size_t nbytes = texts->value(texts->data, i, buffer, sizeof buffer);
    assert_true(nbytes == SNAPSHOT_NO_VALUE || nbytes <= sizeof buffer);
    uint64_t first = column_at(&s->first, i), end = column_at(&s->first, i + 1ull);
    for (uint64_t r = first; r < end && r < first + 50; r++) {
        assert_true(r < s->reference_count);
        assert_true(column_at(&s->target, r) < s->object_count);
        texts->label(texts->data, i, r, buffer, 200);
        sum = mix_text(sum, buffer);
    }
    first = column_at(&s->referrer_first, i), end = column_at(&s->referrer_first, i + 1ull);
    for (uint64_t r = first; r < end && r < first + 50; r++)
        assert_true(r < s->reference_count && column_at(&s->referrer, r) < s->object_count);
    return sum;
}

static uint64_t read_tables(const struct snapshot_file *file, uint64_t sum)
{
    const struct snapshot *s = file_snapshot(file);
    char buffer[300];
    for (size_t i = 0; i < s->root_count; i++)
        sum = mix_text(mix(sum, s->roots[i].kind), s->roots[i].name);
    for (size_t i = 0; i < s->root_reference_count; i++) {
        assert_true(s->root_references[i].root < s->root_count);
        assert_true(s->root_references[i].to < s->object_count);
        s->texts.root_label(s->texts.data, i, buffer, sizeof buffer);
        sum = mix_text(sum, buffer);
    }
    for (size_t i = 0; i < s->thread_count; i++)
        for (size_t k = 0; k < s->threads[i].frame_count; k++)
            sum = mix_text(mix_text(sum, s->threads[i].frames[k].function),
                           s->threads[i].frames[k].file);
    for (size_t i = 0; i < s->block_count && i < 1000; i++) {
        struct snapshot_block found;
        s->texts.block(s->texts.data, i, &found);
        assert_true(found.owner == MX_NO_OBJECT || found.owner < s->object_count);
        sum = mix_text(mix_text(mix(sum, found.nbytes), found.allocator), found.holder);
    }
    size_t count;
    const struct stored_unlikely *words = file_unlikely(file, &count);
    for (size_t i = 0; i < count; i++)
        sum = mix_text(mix(sum, words[i].before), words[i].label);
    const struct stored_root *told = file_told_roots(file, &count);
    for (size_t i = 0; i < count; i++)
        sum = mix_text(mix_text(sum, told[i].label), told[i].root);
    return mix_text(sum, s->info.process.cmdline);
}

static uint64_t read_answers(const struct snapshot_file *file, uint64_t sum)
{
    struct mx_finding *findings;
    struct mx_blind_spots spots;
    struct stored_cycles cycles;
    size_t count;
    if (!file_findings(file, &findings, &count, NULL)) {
        for (size_t i = 0; i < count; i++)
            sum = mix_text(mix_text(sum, findings[i].where), findings[i].type);
        free(findings);
    }
    if (!file_blind_spots(file, &spots, NULL))
        sum = mix_text(mix(sum, spots.unreadable_bytes), spots.allocators);
    for (int garbage = 0; garbage < 2; garbage++) {
        if (file_cycles(file, garbage, &cycles, NULL))
            continue;
        for (size_t i = 0; i < cycles.answer.count; i++) {
            const struct mx_cycle_group *group = &cycles.answer.groups[i];
            sum = mix_text(sum, group->shape);
            for (size_t k = 0; k < group->step_count; k++)
                sum = mix_text(mix_text(sum, group->steps[k].type), group->steps[k].label);
            for (uint64_t k = 0; k < group->objects + group->held; k++)
                sum = mix(sum, group->addresses[k]);
        }
        stored_cycles_free(&cycles);
    }
    return sum;
}

uint64_t read_everything(const struct snapshot_file *file)
{
    const struct snapshot *s = file_snapshot(file);
    uint64_t sum = 1;
    for (uint32_t i = 0; i < s->object_count && i < 2000; i++)
        sum = read_object(s, i, sum);
    return read_answers(file, read_tables(file, sum));
}
