// target.h - an identified CPython process, before anything is copied.
#ifndef MX_HEAP_TARGET_H
#define MX_HEAP_TARGET_H

#include "heap/allocator.h"
#include "heap/runtime.h"
#include "heap/statics.h"
#include "memory/core.h"
#include "memory/process.h"

struct mx_target {
    int pid;
    bool self;         // this process: read without stopping
    struct core *core; // a core file instead of a process; else NULL
    struct mx_target_info info;
    struct maps maps;
    struct statics statics;
    struct memory memory; // windows into the process as it runs
    struct runtime runtime;
};

// What the public interface says of it, but for the process and where it was read from.
void target_tell(const struct runtime *runtime, struct mx_target_info *info);

#endif
