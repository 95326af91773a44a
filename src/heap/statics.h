// statics.h - the data of a program and its libraries: where objects lie that were never allocated.
#ifndef MX_HEAP_STATICS_H
#define MX_HEAP_STATICS_H

#include "base/vector.h"
#include "memory/maps.h"
#include "memory/memory.h"
#include "memory/process.h"

#define LIMIT_STATIC                                                                               \
    (256u << 20) // bytes of one library's data that are looked through: more is a broken header

struct static_range {
    mx_addr start, end; // .data and .bss of one ELF file
    const char *path;   // lives as long as the maps
    mx_addr base;       // of the file's ELF header; 0 for a stack
};

struct statics {
    VECTOR(struct static_range) ranges; // by start
};

// MX_NO_MEMORY is all that can go wrong: files without an ELF header have no range.
mx_status statics_read(struct memory *memory, const struct maps *maps, struct statics *ret,
                       struct mx_error *err);
// The end of a thread's stack, whose stack pointer is in the mapping.
mx_addr stack_end(const struct thread_registers *thread, const struct mapping *mapping);
// The mappings that hold the threads' stack pointers, up to the stacks' ends, in the same form: ranges
// by start.
mx_status statics_read_stacks(const struct thread_registers *threads, size_t count,
                              const struct maps *maps, struct statics *ret, struct mx_error *err);
void statics_free(struct statics *statics);
// The range that holds addr, or NULL. O(log n).
const struct static_range *statics_find(const struct statics *statics, mx_addr addr);

#endif
