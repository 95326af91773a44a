// duplicates.c - strings, bytes and tuples that are there more than once.
//
// Told by hashes of their whole values; those of tuples are made of their items': values of strings,
// numbers and tuples, and who it is for everything else. Most values are there once: a filter of two
// bits a value keeps them out of the table.
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/map.h"
#include "query/suspects.h"
#include "snapshot/cursor.h"
#include "snapshot/source.h"

#define HASH_STEP 0x9E3779B97F4A7C15ull
#define FIRST_VALUE_NBYTES (64u << 10)
#define LIMIT_VALUE_NBYTES (16u << 20) // a longer string is not compared with others
#define LIMIT_TUPLES_DEEP 10000        // tuples in tuples: what is deeper is told by who it is
#define NO_HASH 0
#define UNDER_WAY 1 // a tuple's, while those in it are hashed
#define PREVIEW_NBYTES 120

struct entry {
    uint64_t hash, count, bytes, largest;
    uint32_t example;
};

struct frame {
    uint32_t tuple;
    uint64_t next; // reference
};

struct hashes {
    struct mx_suspects *suspects;
    const struct snapshot *snapshot;
    uint64_t seed;
    uint64_t *of; // [objects]
    uint8_t *seen, *again;
    uint64_t filter_mask;
    struct cursor *stored; // where values begin in a file
    char *value;
    size_t value_nbytes;
    VECTOR(struct frame) stack;
    struct map by_hash; // -> entry + 1
    VECTOR(struct entry) entries;
};

// ---- hashes -------------------------------------------------------------------------------------

static uint64_t mixed(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * HASH_STEP;
    return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t nbytes)
{
    hash = mixed(hash, nbytes);
    for (; nbytes >= 8; bytes += 8, nbytes -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        hash = mixed(hash, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, bytes, nbytes);
    hash = mixed(hash, rest);
    return hash > UNDER_WAY ? hash : hash + 2;
}

// What a file has of the value, without making it into what Python would print.
static const uint8_t *stored_value(const struct hashes *hashes, uint32_t object,
                                   uint64_t *ret_nbytes)
{
    const struct snapshot *s = hashes->snapshot;
    if (!snapshot_stores(&s->stored, column_at(&s->type, object)))
        return NULL;
    uint64_t first = cursor_at(hashes->stored, object);
    uint64_t end = cursor_at(hashes->stored, (uint64_t)object + 1);
    *ret_nbytes = end - first;
    return snapshot_stored_bytes(&s->stored, first, end);
}

// Of a str or bytes. NO_HASH where the value is not there, or too long.
static mx_status hash_value(struct hashes *hashes, uint32_t object, uint64_t *ret,
                            struct mx_error *err)
{
    const struct snapshot *s = hashes->snapshot;
    size_t length;
    *ret = NO_HASH;
    if (snapshot_nbytes(s, object) > LIMIT_VALUE_NBYTES)
        return MX_OK;
    uint64_t nbytes = 0, seed = mixed(hashes->seed, column_at(&s->type, object));
    const uint8_t *bytes = stored_value(hashes, object, &nbytes);
    if (bytes) {
        if (*bytes != TEXT_UNREADABLE && nbytes <= LIMIT_VALUE_NBYTES)
            *ret = hash_bytes(seed, (const char *)bytes, nbytes);
        return MX_OK;
    }
    while ((length = s->texts.value(s->texts.data, object, hashes->value, hashes->value_nbytes)) ==
               hashes->value_nbytes &&
           hashes->value_nbytes < LIMIT_VALUE_NBYTES) { // it may have been cut
        char *grown = realloc(hashes->value, hashes->value_nbytes * 4);
        if (!grown)
            return fail_no_memory(err);
        hashes->value = grown;
        hashes->value_nbytes *= 4;
    }
    if (length != SNAPSHOT_NO_VALUE && length < hashes->value_nbytes)
        *ret = hash_bytes(seed, hashes->value, length);
    return MX_OK;
}

#define STORED_NUMBER_NBYTES 16 // what is longer may have been cut

// A number as a file has it, NO_HASH where it has none whole.
static uint64_t hash_stored_number(const struct hashes *hashes, uint32_t object)
{
    const struct snapshot *s = hashes->snapshot;
    uint64_t type = column_at(&s->type, object);
    if (!snapshot_stores(&s->stored, type))
        return NO_HASH;
    uint64_t first = column_at(s->stored.first, object);
    uint64_t end = column_at(s->stored.first, (uint64_t)object + 1);
    const uint8_t *bytes = snapshot_stored_bytes(&s->stored, first, end);
    if (!bytes || end - first > STORED_NUMBER_NBYTES)
        return NO_HASH;
    return hash_bytes(mixed(hashes->seed, type), (const char *)bytes, end - first);
}

// Of what stands in a tuple and is no string, bytes or tuple.
static uint64_t hash_item(const struct hashes *hashes, uint32_t object)
{
    const struct snapshot *s = hashes->snapshot;
    char preview[PREVIEW_NBYTES];
    uint8_t family = snapshot_type_of(s, object)->family;
    if (family == SNAPSHOT_INT || family == SNAPSHOT_FLOAT || family == SNAPSHOT_COMPLEX) {
        uint64_t hash = hash_stored_number(hashes, object);
        if (hash != NO_HASH)
            return hash;
        s->texts.preview(s->texts.data, object, preview, sizeof preview);
        if (!strstr(preview, "...") && strlen(preview) < sizeof preview - 1)
            return hash_bytes(mixed(hashes->seed, column_at(&s->type, object)), preview,
                              strlen(preview));
    }
    return mixed(hashes->seed ^ HASH_STEP, (uint64_t)object + 2);
}

static uint64_t hash_tuple(const struct hashes *hashes, uint32_t tuple)
{
    const struct snapshot *s = hashes->snapshot;
    uint64_t hash = mixed(hashes->seed, column_at(&s->type, tuple));
    uint64_t end = column_at(&s->first, (uint64_t)tuple + 1);
    for (uint64_t at = column_at(&s->first, tuple); at < end; at++) {
        uint32_t item = (uint32_t)column_at(&s->target, at);
        uint64_t of = hashes->of[item];
        hash = mixed(hash, of > UNDER_WAY ? of : hash_item(hashes, item));
    }
    return hash > UNDER_WAY ? hash : hash + 2;
}

// With those in it, the innermost first.
static bool hash_tuples(struct hashes *hashes, uint32_t first)
{
    const struct snapshot *s = hashes->snapshot;
    struct frame frame = {first, column_at(&s->first, first)};
    hashes->of[first] = UNDER_WAY;
    if (!vector_push(&hashes->stack, frame))
        return false;
    while (hashes->stack.count) {
        struct frame *top = &hashes->stack.items[hashes->stack.count - 1];
        if (top->next >= column_at(&s->first, (uint64_t)top->tuple + 1)) {
            hashes->of[top->tuple] = hash_tuple(hashes, top->tuple);
            hashes->stack.count--;
            continue;
        }
        uint32_t item = (uint32_t)column_at(&s->target, top->next++);
        if (hashes->of[item] != NO_HASH || hashes->stack.count >= LIMIT_TUPLES_DEEP ||
            snapshot_type_of(s, item)->family != SNAPSHOT_TUPLE)
            continue;
        hashes->of[item] = UNDER_WAY;
        frame = (struct frame){item, column_at(&s->first, item)};
        if (!vector_push(&hashes->stack, frame))
            return false;
    }
    return true;
}

// Constants and names in code are the program's: nobody would write it otherwise for them.
static bool is_code(const struct hashes *hashes, uint32_t object)
{
    const struct fold *fold = &hashes->suspects->fold;
    return fold->nodes[fold->node_of[object]].is_code;
}

static mx_status hash_all(struct hashes *hashes, struct mx_error *err)
{
    const struct snapshot *s = hashes->snapshot;
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint8_t family = snapshot_type_of(s, i)->family;
        if ((family != SNAPSHOT_STR && family != SNAPSHOT_BYTES) || is_code(hashes, i))
            continue;
        mx_status status = hash_value(hashes, i, &hashes->of[i], err);
        if (status)
            return status;
    }
    for (uint32_t i = 0; i < s->object_count; i++)
        if (hashes->of[i] == NO_HASH && !is_code(hashes, i) &&
            snapshot_type_of(s, i)->family == SNAPSHOT_TUPLE && !hash_tuples(hashes, i))
            return fail_no_memory(err);
    return MX_OK;
}

// ---- what is there again ------------------------------------------------------------------------

static void filter(struct hashes *hashes)
{
    for (uint32_t i = 0; i < hashes->snapshot->object_count; i++) {
        uint64_t bit = (hashes->of[i] >> 20) & hashes->filter_mask;
        uint8_t mask = (uint8_t)(1u << bit % 8);
        if (hashes->of[i] == NO_HASH)
            continue;
        hashes->again[bit / 8] |= hashes->seen[bit / 8] & mask;
        hashes->seen[bit / 8] |= mask;
    }
}

static bool add_object(struct hashes *hashes, uint32_t object)
{
    uint64_t hash = hashes->of[object], bit = (hash >> 20) & hashes->filter_mask;
    if (hash == NO_HASH || !(hashes->again[bit / 8] >> bit % 8 & 1))
        return true;
    uint64_t *known = map_put(&hashes->by_hash, hash);
    struct entry made = {.hash = hash, .example = object};
    if (!known || (!*known && !vector_push(&hashes->entries, made)))
        return false;
    if (!*known)
        *known = hashes->entries.count;
    struct entry *entry = &hashes->entries.items[*known - 1];
    uint64_t nbytes = snapshot_nbytes(hashes->snapshot, object);
    entry->count++;
    entry->bytes += nbytes;
    entry->largest = nbytes > entry->largest ? nbytes : entry->largest;
    return true;
}

static int by_waste(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    uint64_t x = left->bytes - left->largest, y = right->bytes - right->largest;
    if (x != y)
        return x < y ? 1 : -1;
    return left->example < right->example ? -1 : 1;
}

static mx_status find_groups(struct hashes *hashes, struct mx_error *err)
{
    struct mx_suspect_totals *totals = &hashes->suspects->totals;
    filter(hashes);
    for (uint32_t i = 0; i < hashes->snapshot->object_count; i++)
        if (!add_object(hashes, i))
            return fail_no_memory(err);
    for (size_t i = 0; i < hashes->entries.count; i++) {
        const struct entry *entry = &hashes->entries.items[i];
        if (entry->count < 2)
            continue;
        totals->duplicate_groups++;
        totals->duplicates += entry->count - 1;
        totals->duplicate_wasted += entry->bytes - entry->largest;
    }
    if (hashes->entries.count)
        qsort(hashes->entries.items, hashes->entries.count, sizeof *hashes->entries.items,
              by_waste);
    size_t kept = 0;
    while (kept < hashes->entries.count && kept < MX_SUSPECT_ROWS &&
           hashes->entries.items[kept].count > 1)
        kept++;
    hashes->entries.count = kept;
    return MX_OK;
}

// ---- where they hang ----------------------------------------------------------------------------

struct place {
    uint64_t count;
    uint32_t object, other; // of the node
};

// The node of the fold that has the most of each entry: *best, one for each.
static mx_status find_places(struct hashes *hashes, struct place *best, struct mx_error *err)
{
    struct map by_hash = {0}, by_node = {0};
    bool ok = true;
    for (size_t i = 0; i < MX_SUSPECT_ROWS; i++)
        best[i] = (struct place){0, MX_NO_OBJECT, MX_NO_OBJECT};
    for (size_t i = 0; ok && i < hashes->entries.count; i++) {
        uint64_t *number = map_put(&by_hash, hashes->entries.items[i].hash);
        ok = number != NULL;
        if (ok)
            *number = i + 1;
    }
    for (uint32_t i = 0; ok && i < hashes->snapshot->object_count; i++) {
        const uint64_t *number = map_find(&by_hash, hashes->of[i]);
        if (!number)
            continue;
        uint64_t node = hashes->suspects->fold.node_of[i];
        uint64_t *count = map_put(&by_node, (node + 1) * MX_SUSPECT_ROWS + *number - 1);
        ok = count != NULL;
        if (ok && ++*count > best[*number - 1].count)
            best[*number - 1] = (struct place){*count, i, best[*number - 1].object};
    }
    map_free(&by_hash);
    map_free(&by_node);
    return ok ? MX_OK : fail_no_memory(err);
}

static mx_status describe(struct hashes *hashes, struct mx_error *err)
{
    struct mx_suspects *suspects = hashes->suspects;
    const struct snapshot *s = hashes->snapshot;
    struct place best[MX_SUSPECT_ROWS];
    mx_status status = find_places(hashes, best, err);
    for (size_t i = 0; !status && i < hashes->entries.count; i++) {
        const struct entry *entry = &hashes->entries.items[i];
        char preview[PREVIEW_NBYTES];
        struct names names;
        status = names_of(&suspects->hang, best[i].object, best[i].other, &names, err);
        if (status)
            break;
        s->texts.preview(s->texts.data, entry->example, preview, sizeof preview);
        struct mx_duplicate row = {.type = snapshot_type_of(s, entry->example)->name,
                                   .preview = suspects_keep(suspects, preview),
                                   .count = entry->count,
                                   .wasted = entry->bytes - entry->largest,
                                   .example = snapshot_address(s, entry->example),
                                   .where = suspects_keep(suspects, names.holder),
                                   .where_count = best[i].count};
        if (!row.preview || !row.where || !vector_push(&suspects->duplicates, row))
            status = fail_no_memory(err);
    }
    return status;
}

static mx_status hashes_init(struct hashes *hashes, struct mx_error *err)
{
    uint64_t bits = 1u << 16;
    while (bits < (uint64_t)hashes->snapshot->object_count * 8)
        bits *= 2;
    hashes->filter_mask = bits - 1;
    hashes->of = calloc((size_t)hashes->snapshot->object_count + 1, sizeof *hashes->of);
    hashes->seen = calloc(bits / 8, 1);
    hashes->again = calloc(bits / 8, 1);
    hashes->value_nbytes = FIRST_VALUE_NBYTES;
    hashes->value = malloc(hashes->value_nbytes);
    hashes->stored = calloc(1, sizeof *hashes->stored);
    if (hashes->stored)
        hashes->stored->column = hashes->snapshot->stored.first;
    if (getrandom(&hashes->seed, sizeof hashes->seed, 0) != sizeof hashes->seed)
        hashes->seed = HASH_STEP;
    return hashes->of && hashes->seen && hashes->again && hashes->value && hashes->stored
               ? MX_OK
               : fail_no_memory(err);
}

mx_status suspects_add_duplicates(struct mx_suspects *suspects, struct mx_error *err)
{
    struct hashes hashes = {.suspects = suspects, .snapshot = suspects->snapshot};
    mx_status status = hashes_init(&hashes, err);
    if (!status)
        status = hash_all(&hashes, err);
    if (!status)
        status = find_groups(&hashes, err);
    if (!status)
        status = describe(&hashes, err);
    free(hashes.of);
    free(hashes.seen);
    free(hashes.again);
    free(hashes.value);
    free(hashes.stored);
    map_free(&hashes.by_hash);
    vector_free(&hashes.stack);
    vector_free(&hashes.entries);
    return status;
}
