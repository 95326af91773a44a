// fake_process.h - a fake CPython with something in it: instances, and a whole process.
#ifndef MX_TESTS_FAKE_PROCESS_H
#define MX_TESTS_FAKE_PROCESS_H

#include "fake.h"
#include "heap/heap.h"

// A class of module "app" whose instances keep attributes as this version keeps them: a __dict__ in
// the struct, managed values, or values behind the object.
mx_addr fake_instance_class(struct fake *fake, const char *name, const mx_addr *names,
                            size_t count);
mx_addr fake_instance(struct fake *fake, mx_addr type, const mx_addr *names, const mx_addr *values,
                      size_t count);
// Suspended at a yield, with these locals; cleared: it has returned.
mx_addr fake_generator(struct fake *fake, mx_addr code, const mx_addr *locals, size_t count,
                       bool cleared);

struct fake_process {
    struct fake fake;
    mx_addr runtime, interp, thread;
    uint64_t objects_start; // offset of what comes behind the states
    mx_addr modules, app, app_dict;
    mx_addr list, session, key, name; // app.list == [name, session]; session.name is name
    mx_addr frame_code, local;        // the running frame's, and what its only local `request` is
    struct maps maps;                 // none
    uint64_t tracked_count;
};

// One interpreter, one thread in one frame, the module app, and an object of every family in
// app.everything. What the collector tracks is in its lists: generation 2, but app.list in 0.
void fake_process_init(struct fake_process *process, const struct layout *layout);
// Puts the object into one of the collector's lists: generation 0 to 2, or 3 for gc.freeze().
void fake_track(struct fake_process *process, int generation, mx_addr object);
void fake_process_fini(struct fake_process *process);
// A heap over any memory of this process (its own, or a changed copy), ready for heap_build. Freed
// by mx_heap_free.
struct mx_heap *fake_process_heap(struct fake_process *process, struct memory *memory);

#endif
