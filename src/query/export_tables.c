// export_tables.c - the tables of a snapshot: which columns, and what stands in them. Knows no format.
#include "query/export_rows.h"

static void cell_object(struct rows *rows, uint32_t object)
{
    if (object < rows->export->snapshot->object_count)
        cell_address(rows, snapshot_address(rows->export->snapshot, object));
    else
        cell_none(rows);
}

// ---- objects ------------------------------------------------------------------------------------

static uint64_t count_objects(const struct snapshot *s)
{
    return s->object_count;
}

static void write_object_counts(struct rows *rows, uint32_t object, uint64_t flags)
{
    const struct snapshot *s = rows->export->snapshot;
    if (flags & OBJECT_IMMORTAL)
        cell_none(rows);
    else
        cell_number(rows, column_at(&s->refcount, object));
    cell_signed(rows, zagzig(column_at(&s->unexplained, object)));
    cell_number(rows, column_at(&s->size, object));
    cell_number(rows, column_at(&s->extra, object));
    cell_number(rows, column_at(&s->retained, object));
    cell_object(rows, snapshot_dominator(s, object));
}

static void write_generation(struct rows *rows, uint64_t generation)
{
    if (generation == MX_PERMANENT_GENERATION)
        cell_text(rows, "permanent");
    else if (generation < MX_PERMANENT_GENERATION)
        cell_number(rows, generation);
    else
        cell_none(rows);
}

static void write_object(struct rows *rows, uint64_t index)
{
    char text[NAME_NBYTES];
    uint32_t object = (uint32_t)index;
    const struct snapshot *s = rows->export->snapshot;
    uint64_t flags = column_at(&s->flags, object);
    row_begin(rows);
    cell_address(rows, snapshot_address(s, object));
    cell_text(rows, snapshot_type_of(s, object)->name);
    cell_text(rows, export_kind(rows->export, object, text));
    write_object_counts(rows, object, flags);
    cell_flag(rows, flags & OBJECT_TRACKED);
    write_generation(rows, column_at(&s->generation, object));
    cell_flag(rows, flags & OBJECT_IMMORTAL);
    cell_flag(rows, flags & OBJECT_FINALIZED);
    cell_flag(rows, flags & OBJECT_NATIVE);
    cell_flag(rows, flags & OBJECT_UNREACHED);
    cell_flag(rows, flags & OBJECT_STATIC);
    cell_text(rows, export_preview(rows->export, object, text));
    cell_references(rows, object);
    row_end(rows);
}

static const char *const object_columns[] = {
    "address",   "type",     "kind",      "refcount", "unexplained", "size",
    "extra",     "retained", "dominator", "tracked",  "generation",  "immortal",
    "finalized", "native",   "unreached", "static",   "preview",     NULL};

// ---- references ---------------------------------------------------------------------------------

static void write_references(struct rows *rows, uint64_t index)
{
    char label[NAME_NBYTES];
    uint32_t object = (uint32_t)index;
    const struct snapshot *s = rows->export->snapshot;
    uint64_t end = column_at(&s->first, index + 1);
    for (uint64_t at = column_at(&s->first, index); at < end; at++) {
        row_begin(rows);
        cell_object(rows, object);
        cell_text(rows, export_label(rows->export, object, at, label));
        cell_object(rows, (uint32_t)column_at(&s->target, at));
        cell_text(rows, mx_ownership_name((mx_ownership)column_at(&s->hold, at)));
        row_end(rows);
    }
}

static const char *const reference_columns[] = {"from", "label", "to", "ownership", NULL};

// ---- types --------------------------------------------------------------------------------------

static uint64_t count_types(const struct snapshot *s)
{
    return s->type_count;
}

static void write_type(struct rows *rows, uint64_t index)
{
    const struct snapshot *s = rows->export->snapshot;
    const struct snapshot_type *type = &s->types[index];
    row_begin(rows);
    cell_address(rows, type->address);
    cell_text(rows, type->name);
    if (type->base < s->type_count)
        cell_address(rows, s->types[type->base].address);
    else
        cell_none(rows);
    cell_number(rows, rows->instances[index]);
    cell_number(rows, rows->instance_nbytes[index]);
    cell_number(rows, type->basic_nbytes);
    cell_flag(rows, type->flags & TYPE_HEAP);
    cell_flag(rows, type->flags & TYPE_PYTHON);
    cell_flag(rows, type->flags & TYPE_USER);
    cell_flag(rows, type->flags & TYPE_FINALIZER);
    row_end(rows);
}

static const char *const type_columns[] = {"address", "name",       "base", "instances",
                                           "bytes",   "basic_size", "heap", "python",
                                           "user",    "finalizer",  NULL};

// ---- roots --------------------------------------------------------------------------------------

static uint64_t count_root_references(const struct snapshot *s)
{
    return s->root_reference_count;
}

static void write_root_reference(struct rows *rows, uint64_t index)
{
    char label[NAME_NBYTES];
    const struct snapshot *s = rows->export->snapshot;
    const struct snapshot_root_reference *reference = &s->root_references[index];
    const struct snapshot_root *root = &s->roots[reference->root];
    row_begin(rows);
    cell_text(rows, export_root_kind_name(root->kind));
    cell_text(rows, root->name);
    cell_text(rows, export_root_label(rows->export, index, label));
    cell_object(rows, reference->to);
    cell_text(rows, mx_ownership_name((mx_ownership)reference->hold));
    cell_flag(rows, reference->keeps);
    row_end(rows);
}

static const char *const root_columns[] = {"kind",      "root",  "label", "to",
                                           "ownership", "keeps", NULL};

// ---- blocks, frames -----------------------------------------------------------------------------

static uint64_t count_blocks(const struct snapshot *s)
{
    return s->block_count;
}

static void write_block(struct rows *rows, uint64_t index)
{
    const struct snapshot_texts *texts = &rows->export->snapshot->texts;
    struct snapshot_block block;
    texts->block(texts->data, index, &block);
    row_begin(rows);
    cell_address(rows, block.address);
    cell_number(rows, block.nbytes);
    cell_object(rows, block.owner);
    cell_text(rows, block.allocator ? block.allocator : "");
    cell_text(rows, block.holder ? block.holder : "");
    row_end(rows);
}

static const char *const block_columns[] = {"address",   "size",   "owner",
                                            "allocator", "holder", NULL};

static uint64_t count_threads(const struct snapshot *s)
{
    return s->thread_count;
}

static void write_frames(struct rows *rows, uint64_t index)
{
    const struct mx_thread *thread = &rows->export->snapshot->threads[index];
    for (size_t i = 0; i < thread->frame_count; i++) {
        const struct mx_frame *frame = &thread->frames[i];
        row_begin(rows);
        cell_signed(rows, thread->native_id);
        cell_number(rows, thread->ident);
        cell_number(rows, i);
        cell_text(rows, frame->function);
        cell_text(rows, frame->file);
        if (frame->line > 0)
            cell_number(rows, (uint64_t)frame->line);
        else
            cell_none(rows);
        row_end(rows);
    }
}

static const char *const frame_columns[] = {"native_id", "ident", "depth", "function",
                                            "file",      "line",  NULL};

// ---- all of them --------------------------------------------------------------------------------

static const struct table tables[] = {
    [MX_TABLE_OBJECTS] = {"objects", object_columns, count_objects, write_object},
    [MX_TABLE_REFERENCES] = {"references", reference_columns, count_objects, write_references},
    [MX_TABLE_TYPES] = {"types", type_columns, count_types, write_type},
    [MX_TABLE_ROOTS] = {"roots", root_columns, count_root_references, write_root_reference},
    [MX_TABLE_BLOCKS] = {"blocks", block_columns, count_blocks, write_block},
    [MX_TABLE_FRAMES] = {"frames", frame_columns, count_threads, write_frames},
};

const struct table *export_table(mx_export_table table)
{
    return (size_t)table < sizeof tables / sizeof *tables ? &tables[table] : NULL;
}

const char *mx_export_table_name(mx_export_table table)
{
    const struct table *found = export_table(table);
    return found ? found->name : NULL;
}
