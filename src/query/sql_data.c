// sql_data.c - what SQL needs and a snapshot does not have: names in order, sums by type, the
// strings among the objects. All but the names are made when they are first asked for.
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/dominated.h"
#include "query/sql_table.h"

// ---- types --------------------------------------------------------------------------------------

static int compare_names(const void *a, const void *b, void *data)
{
    const struct snapshot_type *types = data;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int order = strcmp(types[left].name, types[right].name);
    return order ? order : (left > right) - (left < right);
}

// As SQL compares texts: by their bytes.
static mx_status rank_types(struct sql_data *data, struct mx_error *err)
{
    const struct snapshot *s = data->snapshot;
    data->types = calloc(s->type_count + 1, sizeof *data->types);
    data->types_by_name = calloc(s->type_count + 1, sizeof *data->types_by_name);
    if (!data->types || !data->types_by_name)
        return fail_no_memory(err);
    for (size_t i = 0; i < s->type_count; i++) {
        data->types[i].name_nbytes = strlen(s->types[i].name);
        data->types_by_name[i] = (uint32_t)i;
    }
    qsort_r(data->types_by_name, s->type_count, sizeof *data->types_by_name, compare_names,
            (void *)s->types);
    uint32_t rank = 0;
    for (size_t i = 0; i < s->type_count; i++) {
        uint32_t type = data->types_by_name[i];
        if (i && strcmp(s->types[data->types_by_name[i - 1]].name, s->types[type].name) != 0)
            rank++;
        data->types[type].rank = rank;
    }
    return MX_OK;
}

bool sql_data_find_type(struct sql_data *data, const char *name, size_t nbytes, uint32_t *ret_rank)
{
    const struct snapshot *s = data->snapshot;
    size_t low = 0, high = s->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = s->types[data->types_by_name[middle]].name;
        int order = strncmp(other, name, nbytes);
        if (!order && other[nbytes])
            order = 1;
        if (!order) {
            *ret_rank = data->types[data->types_by_name[middle]].rank;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

// Bytes as `report` counts them: what sys.getsizeof says.
bool sql_data_sum_types(struct sql_data *data)
{
    const struct snapshot *s = data->snapshot;
    if (data->types_summed)
        return true;
    for (uint32_t i = 0; i < s->object_count; i++) {
        struct sql_type *type = &data->types[column_at(&s->type, i)];
        type->objects++;
        type->bytes += column_at(&s->size, i);
    }
    data->types_summed = true;
    return true;
}

// What dominators_union takes. The order is that of the numbers: it asks for no other.
struct tree {
    struct dominators dominators;
    uint32_t *types;
    uint64_t *retained;
};

static void tree_free(struct tree *tree)
{
    free(tree->dominators.parent);
    free(tree->dominators.order);
    free(tree->types);
    free(tree->retained);
}

static bool tree_make(const struct snapshot *s, struct tree *ret)
{
    size_t count = (size_t)s->object_count + 1;
    *ret = (struct tree){.dominators = {.node_count = s->object_count,
                                        .reached = s->object_count,
                                        .parent = malloc(count * sizeof(uint32_t)),
                                        .order = malloc(count * sizeof(uint32_t))},
                         .types = malloc(count * sizeof(uint32_t)),
                         .retained = malloc(count * sizeof(uint64_t))};
    if (!ret->dominators.parent || !ret->dominators.order || !ret->types || !ret->retained)
        return false;
    for (uint32_t i = 0; i < s->object_count; i++) {
        uint32_t dominator = snapshot_dominator(s, i);
        ret->dominators.parent[i] = dominator == MX_NO_OBJECT ? DOMINATOR_ROOT : dominator;
        ret->dominators.order[i] = i;
        ret->types[i] = (uint32_t)column_at(&s->type, i);
        ret->retained[i] = column_at(&s->retained, i);
    }
    return true;
}

bool sql_data_retain_types(struct sql_data *data)
{
    const struct snapshot *s = data->snapshot;
    if (data->types_retained || data->retaining_failed)
        return data->types_retained;
    struct tree tree;
    uint64_t *sizes = malloc((s->type_count + 1) * sizeof *sizes);
    data->types_retained = tree_make(s, &tree) && sizes &&
                           dominators_union(&tree.dominators, tree.types, (uint32_t)s->type_count,
                                            tree.retained, sizes, NULL) == MX_OK;
    data->retaining_failed = !data->types_retained;
    for (size_t i = 0; i < s->type_count && data->types_retained; i++)
        data->types[i].retained = sizes[i];
    free(sizes);
    tree_free(&tree);
    return data->types_retained;
}

// ---- labels -------------------------------------------------------------------------------------

#define LABEL_STEPS_ALWAYS 10000 // done one by one, however small the heap is

// Without the memory for it, it goes on one by one.
static void make_labels(struct sql_data *data)
{
    const struct snapshot *made = data->plain.of;
    struct snapshot *s = &data->plain.snapshot;
    heap_labels(data->heap, NULL);
    data->heap = NULL;
    s->label_kind = made->label_kind;
    s->label_number = made->label_number;
    s->label_names = made->label_names;
    s->label_name_count = made->label_name_count;
}

void sql_data_expect_label(struct sql_data *data, uint32_t object)
{
    const struct snapshot *s = data->snapshot;
    if (!data->heap)
        return;
    data->label_steps += snapshot_references(s, object) + 1;
    if (data->label_steps < LABEL_STEPS_ALWAYS || data->label_steps < s->reference_count / 4)
        return;
    make_labels(data);
}

// ---- strings ------------------------------------------------------------------------------------

static bool is_string(const struct snapshot *s, uint32_t object)
{
    uint8_t family = snapshot_type_of(s, object)->family;
    return family == SNAPSHOT_STR || family == SNAPSHOT_BYTES;
}

bool sql_data_list_strings(struct sql_data *data)
{
    const struct snapshot *s = data->snapshot;
    if (data->strings)
        return true;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->object_count; i++)
        count += is_string(s, i);
    data->strings = malloc(((size_t)count + 1) * sizeof *data->strings);
    if (!data->strings)
        return false;
    for (uint32_t i = 0; i < s->object_count && data->string_count < count; i++)
        if (is_string(s, i))
            data->strings[data->string_count++] = i;
    return true;
}

// ---- everything ---------------------------------------------------------------------------------

static mx_status number_frames(struct sql_data *data, struct mx_error *err)
{
    const struct snapshot *s = data->snapshot;
    data->frame_first = calloc(s->thread_count + 1, sizeof *data->frame_first);
    if (!data->frame_first)
        return fail_no_memory(err);
    for (size_t i = 0; i < s->thread_count; i++)
        data->frame_first[i + 1] = data->frame_first[i] + s->threads[i].frame_count;
    return MX_OK;
}

mx_status sql_data_init(struct sql_data *data, const struct snapshot *snapshot,
                        struct mx_error *err)
{
    *data = (struct sql_data){0};
    plain_init(&data->plain, snapshot);
    data->snapshot = &data->plain.snapshot;
    mx_status status = rank_types(data, err);
    if (!status)
        status = number_frames(data, err);
    if (!status && !sql_data_buffer(data, TEXT_NBYTES))
        status = fail_no_memory(err);
    if (status)
        sql_data_fini(data);
    return status;
}

void sql_data_fini(struct sql_data *data)
{
    for (size_t i = 0; i < data->order_count; i++)
        free(data->orders[i].rows);
    free(data->types);
    free(data->types_by_name);
    free(data->strings);
    free(data->same);
    free(data->frame_first);
    sql_reports_free(&data->reports);
    free(data->buffer);
    plain_free(&data->plain);
    *data = (struct sql_data){0};
}

char *sql_data_buffer(struct sql_data *data, size_t nbytes)
{
    if (nbytes > data->buffer_nbytes) {
        char *grown = realloc(data->buffer, nbytes);
        if (!grown)
            return NULL;
        data->buffer = grown;
        data->buffer_nbytes = nbytes;
    }
    return data->buffer;
}

void sql_cell_text(struct sql_cell *ret, const char *text)
{
    *ret = text ? (struct sql_cell){.kind = CELL_TEXT, .bytes = text, .nbytes = strlen(text)}
                : (struct sql_cell){.kind = CELL_NULL};
}

void sql_cell_integer(struct sql_cell *ret, int64_t number)
{
    *ret = (struct sql_cell){.kind = CELL_INTEGER, .number = number};
}

const char *sql_kind_name(enum sql_kind kind)
{
    switch (kind) {
    case SQL_INTEGER:
        return "INTEGER";
    case SQL_ADDRESS:
        return "ADDRESS";
    case SQL_BOOLEAN:
        return "BOOLEAN";
    case SQL_TYPE:
    case SQL_TEXT:
        return "TEXT";
    case SQL_ANY:
        return "";
    }
    return "";
}
