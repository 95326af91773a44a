// target.c - opening a process, and looking at a few addresses in it.
#include "heap/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "decode/decoder.h"
#include "heap/thread_counts.h"

// Reads what is mapped where, once more when it was read before.
static mx_status target_map(struct mx_target *target, struct mx_error *err)
{
    statics_free(&target->statics);
    maps_free(&target->maps);
    mx_status status = target->core ? core_maps(target->core, &target->maps, err)
                                    : maps_read(target->pid, &target->maps, err);
    return status ? status : statics_read(&target->memory, &target->maps, &target->statics, err);
}

static mx_status target_describe(struct mx_target *target, struct mx_error *err)
{
    struct mx_process *process = &target->info.process;
    if (target->core) {
        core_describe(target->core, process);
        target->pid = process->pid;
        memory_init(&target->memory, core_fetch, target->core);
        return MX_OK;
    }
    memory_init(&target->memory, process_fetch, &target->pid);
    mx_status status = process_describe(target->pid, process, err);
    return status || target->self ? status : process_check_access(target->pid, err);
}

void target_tell(const struct runtime *runtime, struct mx_target_info *info)
{
    snprintf(info->process.python, sizeof info->process.python, "%s", runtime->python);
    snprintf(info->implementation, sizeof info->implementation, "cpython");
    info->version_hex = runtime->version_hex;
    info->free_threaded = runtime->layout->free_threaded;
    info->debug = runtime->debug;
    info->other_pythons = runtime->others;
    struct text library;
    text_init(&library, info->library, sizeof info->library);
    text_add_escaped(&library, runtime->file);
    info->layout_verified = runtime->verified;
}

static mx_status target_identify(struct mx_target *target, struct mx_error *err)
{
    struct mx_target_info *info = &target->info;
    mx_status status = target_describe(target, err);
    if (!status)
        status = target_map(target, err);
    if (status)
        return status;
    status = runtime_find(&target->memory, &target->maps, target->pid, info->process.executable,
                          true, &target->runtime, err);
    memory_forget(&target->memory);
    if (status)
        return status;
    target_tell(&target->runtime, info);
    info->from_core = target->core != NULL;
    return MX_OK;
}

static mx_status target_open(int pid, bool self, mx_target **ret, struct mx_error *err)
{
    struct mx_target *target = calloc(1, sizeof *target);
    if (!target)
        return fail_no_memory(err);
    target->pid = pid;
    target->self = self;
    mx_status status = target_identify(target, err);
    if (status) {
        mx_target_free(target);
        return status;
    }
    *ret = target;
    return MX_OK;
}

mx_status mx_target_open(int pid, mx_target **ret, struct mx_error *err)
{
    if (pid <= 0)
        return fail(err, MX_BAD_ARGUMENT, "pid %d: a process id is a positive number", pid);
    return target_open(pid, pid == getpid(), ret, err);
}

mx_status mx_target_open_self(mx_target **ret, struct mx_error *err)
{
    return target_open(getpid(), true, ret, err);
}

// The messages of the rooms below begin with a process id; here the core's name is what people know.
static mx_status fail_in_core(const struct mx_target *target, const char *path, mx_status status,
                              struct mx_error *err)
{
    char missing[400];
    if (!err)
        return status;
    if (core_missing_file(target->core, missing, sizeof missing) &&
        (status == MX_NOT_PYTHON || status == MX_UNSUPPORTED))
        return fail(err, MX_UNREADABLE, "%s: %s", path, missing);
    char prefix[32], message[sizeof err->message];
    size_t nbytes = (size_t)snprintf(prefix, sizeof prefix, "pid %d: ", target->pid);
    bool names_pid = strncmp(err->message, prefix, nbytes) == 0;
    snprintf(message, sizeof message, "%s", err->message + (names_pid ? nbytes : 0));
    return fail(err, status, "%s: %s", path, message);
}

mx_status mx_target_open_core(const char *path, const char *exe, mx_target **ret,
                              struct mx_error *err)
{
    struct mx_target *target = calloc(1, sizeof *target);
    if (!target)
        return fail_no_memory(err);
    mx_status status = core_open(path, exe, &target->core, err);
    if (!status) {
        status = target_identify(target, err);
        if (status)
            fail_in_core(target, path, status, err);
    }
    if (status) {
        mx_target_free(target);
        return status;
    }
    *ret = target;
    return MX_OK;
}

const struct mx_target_info *mx_target_info(const mx_target *target)
{
    return &target->info;
}

void mx_target_free(mx_target *target)
{
    if (!target)
        return;
    memory_fini(&target->memory);
    statics_free(&target->statics);
    maps_free(&target->maps);
    core_release(target->core);
    free(target);
}

// ---- looking at addresses ---------------------------------------------------------------------

struct look {
    struct mx_target *target;
    struct decoder decoder;
    struct allocator allocator;
    bool refreshed; // the maps have been read again
};

// Its neighbours in the collector's list point back at it, where there are lists.
static bool is_linked(struct decoder *decoder, mx_addr addr)
{
    if (decoder->layout->gc_shape == GC_WITHOUT_LISTS)
        return false;
    mx_addr node = addr - (uint64_t)decoder->layout->gc_head_size;
    mx_addr next = word_at(decoder, node) & ~3ull, previous = word_at(decoder, node + 8) & ~3ull;
    return next && previous && (word_at(decoder, next + 8) & ~3ull) == node &&
           (word_at(decoder, previous) & ~3ull) == node;
}

// The allocator has the last word where it has one: a freed object's header may look alive.
static bool allocator_agrees(struct look *look, mx_addr addr, const struct type_info *type)
{
    struct decoder *decoder = &look->decoder;
    mx_addr block = addr - object_prefix(decoder, addr, type);
    enum block_state state = allocator_state(&look->allocator, block);
    if (state != BLOCK_UNKNOWN)
        return state == BLOCK_USED;
    if (object_is_tracked(decoder, addr, type) && is_linked(decoder, addr))
        return true;
    if (!maps_find(&look->target->maps, addr) && !look->refreshed) {
        look->refreshed = true; // libraries and arenas come and go
        target_map(look->target, NULL);
    }
    if (statics_find(&look->target->statics, addr))
        return true; // never allocated: no allocator to ask
    return allocator_confirms(&look->allocator, block,
                              addr - block + (uint64_t)decoder->layout->object_size);
}

static void look_at(struct look *look, mx_addr addr, struct mx_object *ret)
{
    struct decoder *decoder = &look->decoder;
    struct header header;
    *ret = (struct mx_object){.address = addr, .generation = MX_NO_GENERATION};
    decoder_refill(decoder);
    if (!object_header(decoder, addr, &header))
        return;
    const struct type_info *type = decoder->types[header.type];
    if (!allocator_agrees(look, addr, type))
        return;
    ret->alive = true;
    ret->immortal = header.immortal;
    ret->refcount = header.immortal ? -1 : header.refcount;
    ret->size = object_size(decoder, addr, type);
    ret->tracked = object_is_tracked(decoder, addr, type);
    ret->type_address = type->addr;
    struct text name;
    text_init(&name, ret->type, sizeof ret->type);
    text_add_cut(&name, type_qualified_name(decoder, header.type), sizeof ret->type - 1);
    object_preview(decoder, addr, ret->preview, sizeof ret->preview);
}

mx_status mx_refs(mx_target *target, const mx_addr *addresses, size_t count, struct mx_object *ret,
                  struct mx_error *err)
{
    struct look look = {.target = target};
    const struct layout *layout = target->runtime.layout;
    decoder_init(&look.decoder, &target->memory, layout, target->runtime.type_type);
    mx_status status = allocator_init(&look.allocator, &target->memory, layout, err);
    struct freeze freeze = {0};
    bool stops = !target->self && !target->core;
    if (!status && stops) {
        status = target_map(target, err);
        if (!status)
            status = freeze_begin(target->pid, &freeze, err);
        memory_forget(&target->memory); // what was read before it stood still
    }
    if (!status) {
        runtime_probe_allocator(&target->runtime, &look.decoder, &look.allocator);
        thread_counts_read(&look.decoder, target->runtime.addr);
        for (size_t i = 0; i < count; i++)
            look_at(&look, addresses[i], &ret[i]);
        if (stops)
            freeze_end(&freeze);
    }
    memory_forget(&target->memory);
    allocator_fini(&look.allocator);
    decoder_fini(&look.decoder);
    return status;
}
