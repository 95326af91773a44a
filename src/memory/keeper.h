// keeper.h - what fork.c and keeper.c say to each other. Private to src/memory.
#ifndef MX_MEMORY_KEEPER_H
#define MX_MEMORY_KEEPER_H

#include "memory/process.h"

// Sent when the target goes on again. When status is MX_OK, the registers of its threads and the text
// of its mappings follow; the child lives until one byte is sent back. Then one byte comes, if it
// lived until that moment.
struct report {
    mx_status status;
    int child;
    size_t thread_count, register_count, maps_nbytes;
    uint64_t began_ns, ended_ns, foreign_ns;
    struct mx_error err;
};

// The life of the keeper, in a process of its own that ends with it. `parent` is who forked it.
_Noreturn void keeper_run(int pid, int channel, int parent);

#endif
