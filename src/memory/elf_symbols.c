// elf_symbols.c - dynamic symbols of an ELF image that is mapped in a target.
//
//   base -> ELF header -> program headers -> PT_DYNAMIC -> DT_SYMTAB, DT_STRTAB, DT_GNU_HASH, DT_HASH
//
//   DT_GNU_HASH: [nbuckets, symoffset, bloom_size, bloom_shift | bloom | buckets | chains]
//   DT_HASH:     [nbuckets, nchains | buckets | chains]
//
// All of it is read where the program itself uses it, and may be garbage: every count is checked
// against a limit, every walk is bounded, and what lies outside the memory is a miss.
#include "memory/elf_symbols.h"

#include <elf.h>

#include "base/error.h"

#define PAGE_NBYTES 4096u
#define LIMIT_HEADERS 512  // libraries have a dozen program headers, a kernel core has more
#define LIMIT_DYNAMIC 1024 // entries of PT_DYNAMIC: 30 and one for each library it needs
#define LIMIT_CHAIN 100000 // symbols of one hash bucket: one or two, many only in a broken table
#define LIMIT_SYMBOLS (1u << 20) // of one library; the largest export some 100,000
#define LIMIT_NAME 1024          // bytes of a symbol's name that is looked for

static bool read_bytes(struct memory *memory, mx_addr addr, void *ret, size_t nbytes)
{
    const uint8_t *bytes = memory_at(memory, addr, nbytes);
    if (bytes)
        memcpy(ret, bytes, nbytes);
    return bytes != NULL;
}

// ---- opening ----------------------------------------------------------------------------------

static mx_status header_read(struct memory *memory, mx_addr base, Elf64_Ehdr *ret,
                             struct mx_error *err)
{
    unsigned long long where = base;
    if (!read_bytes(memory, base, ret, sizeof *ret) || memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0)
        return fail(err, MX_NOT_FOUND, "no ELF header at 0x%llx", where);
    if (ret->e_ident[EI_CLASS] != ELFCLASS64 || ret->e_ident[EI_DATA] != ELFDATA2LSB ||
        (ret->e_machine != EM_X86_64 && ret->e_machine != EM_AARCH64))
        return fail(err, MX_UNSUPPORTED,
                    "ELF file at 0x%llx: not 64-bit little-endian x86-64 or aarch64", where);
    return MX_OK;
}

// Writable segments follow each other; what is between them belongs to nobody else.
static void data_extend(struct elf_image *image, const Elf64_Phdr *segment)
{
    mx_addr start = image->bias + segment->p_vaddr, end = start + segment->p_memsz;
    if (!(segment->p_flags & PF_W) || end < start)
        return;
    if (!image->data_start)
        image->data_start = start;
    if (end > image->data_end)
        image->data_end = end;
}

// Finds the first PT_LOAD, which says how far the image was moved, the data, and PT_DYNAMIC.
static bool segments_find(struct memory *memory, const Elf64_Ehdr *header, struct elf_image *image,
                          Elf64_Phdr *ret_dynamic)
{
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > LIMIT_HEADERS)
        return false;
    bool loaded = false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        if (!read_bytes(memory, image->base + header->e_phoff + i * sizeof segment, &segment,
                        sizeof segment))
            return false;
        if (segment.p_type == PT_LOAD && !loaded) {
            image->bias = image->base - (segment.p_vaddr & ~(mx_addr)(PAGE_NBYTES - 1));
            loaded = true;
        }
        if (segment.p_type == PT_LOAD)
            data_extend(image, &segment);
        if (segment.p_type == PT_DYNAMIC)
            *ret_dynamic = segment;
    }
    return loaded;
}

// glibc adds the bias to the addresses in PT_DYNAMIC when it loads a file; musl does not, and in
// [vdso] and read-only sections nobody can.
static mx_addr relocated(const struct elf_image *image, mx_addr value)
{
    return value < image->base ? image->bias + value : value;
}

static void dynamic_entry(struct elf_image *image, const Elf64_Dyn *entry)
{
    if (entry->d_tag == DT_SYMTAB)
        image->symtab = relocated(image, entry->d_un.d_ptr);
    else if (entry->d_tag == DT_STRTAB)
        image->strtab = relocated(image, entry->d_un.d_ptr);
    else if (entry->d_tag == DT_GNU_HASH)
        image->gnu_hash = relocated(image, entry->d_un.d_ptr);
    else if (entry->d_tag == DT_HASH)
        image->sysv_hash = relocated(image, entry->d_un.d_ptr);
    else if (entry->d_tag == DT_STRSZ)
        image->strtab_nbytes = entry->d_un.d_val;
}

mx_status elf_image_open(struct memory *memory, mx_addr base, struct elf_image *ret,
                         struct mx_error *err)
{
    Elf64_Ehdr header;
    Elf64_Phdr dynamic = {0};
    struct elf_image image = {.base = base};
    mx_status status = header_read(memory, base, &header, err);
    if (status)
        return status;
    if (!segments_find(memory, &header, &image, &dynamic))
        return fail(err, MX_NOT_FOUND, "ELF file at 0x%llx: no program headers",
                    (unsigned long long)base);
    size_t count = dynamic.p_memsz / sizeof(Elf64_Dyn);
    for (size_t i = 0; i < count && i < LIMIT_DYNAMIC; i++) {
        Elf64_Dyn entry;
        mx_addr addr = image.bias + dynamic.p_vaddr + i * sizeof entry;
        if (!read_bytes(memory, addr, &entry, sizeof entry) || entry.d_tag == DT_NULL)
            break;
        dynamic_entry(&image, &entry);
    }
    *ret = image;
    return MX_OK;
}

// ---- looking up -------------------------------------------------------------------------------

struct wanted {
    const char *name;
    size_t nbytes; // with the NUL
    mx_addr address;
    uint64_t size;
};

// Is symbol `index` the wanted one, and defined?
static bool symbol_matches(struct memory *memory, const struct elf_image *image, uint32_t index,
                           struct wanted *wanted)
{
    Elf64_Sym symbol;
    if (!read_bytes(memory, image->symtab + (uint64_t)index * sizeof symbol, &symbol,
                    sizeof symbol))
        return false;
    unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || type == STT_TLS || type == STT_FILE)
        return false;
    if (symbol.st_name >= image->strtab_nbytes ||
        wanted->nbytes > image->strtab_nbytes - symbol.st_name)
        return false;
    const uint8_t *name = memory_at(memory, image->strtab + symbol.st_name, wanted->nbytes);
    if (!name || memcmp(name, wanted->name, wanted->nbytes) != 0)
        return false;
    wanted->address = symbol.st_shndx == SHN_ABS ? symbol.st_value : image->bias + symbol.st_value;
    wanted->size = symbol.st_size;
    return true;
}

static bool gnu_find(struct memory *memory, const struct elf_image *image, struct wanted *wanted)
{
    struct {
        uint32_t nbuckets, symoffset, bloom_size, bloom_shift;
    } table;
    uint32_t hash = 5381, index, chained;
    for (const char *c = wanted->name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    if (!read_bytes(memory, image->gnu_hash, &table, sizeof table) || !table.nbuckets)
        return false;
    mx_addr buckets = image->gnu_hash + sizeof table + (uint64_t)table.bloom_size * 8;
    mx_addr chains = buckets + (uint64_t)table.nbuckets * 4;
    if (!memory_u32(memory, buckets + (uint64_t)(hash % table.nbuckets) * 4, &index) ||
        index < table.symoffset)
        return false;
    for (unsigned i = 0; i < LIMIT_CHAIN; i++, index++) {
        if (!memory_u32(memory, chains + (uint64_t)(index - table.symoffset) * 4, &chained))
            return false;
        if ((chained | 1) == (hash | 1) && symbol_matches(memory, image, index, wanted))
            return true;
        if (chained & 1) // the last one of the bucket
            return false;
    }
    return false;
}

static bool sysv_find(struct memory *memory, const struct elf_image *image, struct wanted *wanted)
{
    struct {
        uint32_t nbuckets, nchains;
    } table;
    uint32_t hash = 0, index;
    for (const char *c = wanted->name; *c; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        hash = (hash ^ (hash >> 24 & 0xF0)) & 0x0FFFFFFF;
    }
    if (!read_bytes(memory, image->sysv_hash, &table, sizeof table) || !table.nbuckets)
        return false;
    mx_addr buckets = image->sysv_hash + sizeof table;
    mx_addr chains = buckets + (uint64_t)table.nbuckets * 4;
    if (!memory_u32(memory, buckets + (uint64_t)(hash % table.nbuckets) * 4, &index))
        return false;
    for (unsigned i = 0; i < LIMIT_CHAIN && index != STN_UNDEF && index < table.nchains; i++) {
        if (symbol_matches(memory, image, index, wanted))
            return true;
        if (!memory_u32(memory, chains + (uint64_t)index * 4, &index))
            return false;
    }
    return false;
}

bool elf_image_symbol(struct memory *memory, const struct elf_image *image, const char *name,
                      mx_addr *ret, uint64_t *ret_nbytes)
{
    struct wanted wanted = {.name = name, .nbytes = strlen(name) + 1};
    if (wanted.nbytes > LIMIT_NAME || !image->symtab || !image->strtab ||
        !(image->gnu_hash || image->sysv_hash))
        return false;
    bool found =
        image->gnu_hash ? gnu_find(memory, image, &wanted) : sysv_find(memory, image, &wanted);
    if (!found)
        return false;
    *ret = wanted.address;
    if (ret_nbytes)
        *ret_nbytes = wanted.size;
    return true;
}

// How many dynamic symbols there are. DT_GNU_HASH does not say: the chain of the last bucket ends with
// the last symbol.
static uint32_t count_by_hash(struct memory *memory, const struct elf_image *image)
{
    uint32_t table[4], last = 0, index, chained;
    if (!image->gnu_hash)
        return read_bytes(memory, image->sysv_hash, table, 2 * sizeof *table) ? table[1] : 0;
    if (!read_bytes(memory, image->gnu_hash, table, sizeof table))
        return 0;
    mx_addr buckets = image->gnu_hash + sizeof table + (uint64_t)table[2] * 8;
    for (uint32_t i = 0; i < table[0] && i < LIMIT_SYMBOLS; i++)
        if (memory_u32(memory, buckets + 4ull * i, &index) && index > last)
            last = index;
    mx_addr chains = buckets + 4ull * table[0];
    for (unsigned i = 0; last >= table[1] && i < LIMIT_CHAIN; i++, last++)
        if (!memory_u32(memory, chains + 4ull * (last - table[1]), &chained) || chained & 1)
            return last + 1;
    return last;
}

uint32_t elf_image_symbol_count(struct memory *memory, const struct elf_image *image)
{
    uint32_t count = count_by_hash(memory, image);
    return count < LIMIT_SYMBOLS ? count : LIMIT_SYMBOLS;
}
