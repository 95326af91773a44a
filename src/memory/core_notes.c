// core_notes.c - the notes of a core: who the process was, and which files it had mapped.
//
//   NT_FILE  [count, page size | start, end, offset in pages | ... | path NUL | path NUL ...]
#include <stdlib.h>
#include <sys/procfs.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "memory/core_parts.h"

#define LIMIT_NOTES ((uint64_t)256 << 20) // registers of 20,000 threads
#define LIMIT_FILE_MAPPINGS 4000000

static uint64_t word_of(const uint8_t *bytes, size_t index)
{
    uint64_t word;
    memcpy(&word, bytes + index * sizeof word, sizeof word);
    return word;
}

// Index of the file of that name, a new one at the end when there is none. The mappings of a file
// follow each other, nearly always.
static bool file_index(struct core *core, const char *path, size_t *ret)
{
    static const char deleted[] = " (deleted)";
    size_t nbytes = strlen(path), tail = sizeof deleted - 1;
    bool is_deleted = nbytes > tail && memcmp(path + nbytes - tail, deleted, tail) == 0;
    if (is_deleted)
        nbytes -= tail;
    for (size_t i = core->files.count; i && i + 8 > core->files.count; i--) {
        const struct core_file *file = &core->files.items[i - 1];
        if (strlen(file->path) == nbytes && memcmp(file->path, path, nbytes) == 0) {
            *ret = i - 1;
            return true;
        }
    }
    struct core_file file = {.path = strndup(path, nbytes), .deleted = is_deleted, .fd = -1};
    if (!file.path || !vector_push(&core->files, file)) {
        free(file.path);
        return false;
    }
    *ret = core->files.count - 1;
    return true;
}

// Mappings come in order of address; one that does not is left out.
static mx_status read_files(struct core *core, const uint8_t *bytes, size_t nbytes,
                            struct mx_error *err)
{
    if (nbytes < 16 || core->mappings.count)
        return MX_OK;
    uint64_t count = word_of(bytes, 0), page = word_of(bytes, 1);
    if (count > (nbytes - 16) / 24 || count > LIMIT_FILE_MAPPINGS)
        return fail(err, MX_CORRUPT, "%s: corrupted: its list of mapped files is cut off",
                    core->name);
    const char *path = (const char *)bytes + 16 + count * 24, *end = (const char *)bytes + nbytes;
    for (uint64_t i = 0; i < count; i++) {
        const char *nul = memchr(path, 0, (size_t)(end - path));
        if (!nul)
            break;
        struct core_mapping mapping = {.start = word_of(bytes, 2 + 3 * i),
                                       .end = word_of(bytes, 3 + 3 * i)};
        mx_addr last =
            core->mappings.count ? core->mappings.items[core->mappings.count - 1].end : 0;
        bool fits = mapping.start >= last && mapping.start < mapping.end &&
                    !__builtin_mul_overflow(word_of(bytes, 4 + 3 * i), page, &mapping.offset) &&
                    mapping.offset < INT64_MAX && mapping.end - mapping.start < INT64_MAX;
        if (fits &&
            (!file_index(core, path, &mapping.file) || !vector_push(&core->mappings, mapping)))
            return fail_no_memory(err);
        path = nul + 1;
    }
    return MX_OK;
}

static void read_identity(struct core *core, const uint8_t *bytes, size_t nbytes)
{
    struct elf_prpsinfo info;
    if (nbytes < sizeof info)
        return;
    memcpy(&info, bytes, sizeof info);
    core->pid = info.pr_pid > 0 ? info.pr_pid : core->pid;
    core->uid = info.pr_uid;
    size_t length = strnlen(info.pr_psargs, sizeof info.pr_psargs);
    while (length && info.pr_psargs[length - 1] == ' ')
        length--;
    memcpy(core->arguments, info.pr_psargs, length);
    core->arguments[length] = 0;
}

// One for each thread; the first is that of the thread that was killed, or the main one.
static mx_status read_status(struct core *core, const uint8_t *bytes, size_t nbytes,
                             struct mx_error *err)
{
    struct elf_prstatus status;
    struct thread_registers thread = {.count = sizeof status.pr_reg / 8};
    if (nbytes < sizeof status)
        return MX_OK;
    memcpy(&status, bytes, sizeof status);
    _Static_assert(sizeof status.pr_reg <= sizeof thread.words, "room for all registers");
    memcpy(thread.words, status.pr_reg, sizeof status.pr_reg);
    thread.tid = status.pr_pid;
    thread.stack_pointer = thread.words[STACK_POINTER_REGISTER];
    if (!core->pid && status.pr_pid > 0)
        core->pid = status.pr_pid;
    return vector_push(&core->threads, thread) ? MX_OK : fail_no_memory(err);
}

static void read_auxiliary(struct core *core, const uint8_t *bytes, size_t nbytes)
{
    for (size_t i = 0; i + 2 <= nbytes / 8; i += 2)
        if (word_of(bytes, i) == AT_ENTRY)
            core->entry = word_of(bytes, i + 1);
}

mx_status core_notes_read(struct core *core, Elf *elf, const GElf_Phdr *segment,
                          struct mx_error *err)
{
    uint64_t nbytes = segment->p_filesz;
    if (segment->p_offset >= core->nbytes)
        return MX_OK; // gcore writes notes last: a core that is cut off has none
    if (nbytes > core->nbytes - segment->p_offset)
        nbytes = core->nbytes - segment->p_offset;
    if (nbytes > LIMIT_NOTES)
        return fail(err, MX_LIMIT, "%s: notes of %llu bytes", core->name,
                    (unsigned long long)nbytes);
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, nbytes, ELF_T_NHDR);
    size_t at = 0, name, contents;
    GElf_Nhdr note;
    mx_status status = MX_OK;
    while (data && !status && (at = gelf_getnote(data, at, &note, &name, &contents)) > 0) {
        const uint8_t *bytes = (const uint8_t *)data->d_buf + contents;
        if (note.n_namesz != 5 || memcmp((const char *)data->d_buf + name, "CORE", 5) != 0)
            continue;
        if (note.n_type == NT_FILE)
            status = read_files(core, bytes, note.n_descsz, err);
        else if (note.n_type == NT_PRPSINFO)
            read_identity(core, bytes, note.n_descsz);
        else if (note.n_type == NT_PRSTATUS)
            status = read_status(core, bytes, note.n_descsz, err);
        else if (note.n_type == NT_AUXV)
            read_auxiliary(core, bytes, note.n_descsz);
    }
    return status;
}
