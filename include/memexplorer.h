// memexplorer.h - explore the memory of a CPython process: the whole public interface.
//
//   mx_target --mx_heap_capture--> mx_heap --> objects, references, types, threads, roots
//       \-----mx_refs------------> a few addresses, without a copy of the heap
//
// A target is an identified CPython process. A heap is a consistent copy of its memory with every
// object found in it. No code runs in the target, and no function here prints, logs or exits.
//
// Status:    every fallible function returns mx_status; MX_OK is zero. `ret` is written on success
//            only. `err` belongs to the caller and may be NULL.
// Ownership: what `_open` and `_capture` return is freed by the matching `_free`; a `const char *`
//            or `const struct *` handed out lives as long as the object it came from.
// Threads:   a target or heap may be used by one thread at a time; distinct ones are independent.
//            Capturing stops a process with ptrace: only the thread that captures may wait for it.
// Units:     sizes are bytes, times nanoseconds, addresses those of the target.
// Text:      every string is UTF-8 without control characters, whatever bytes the target holds.
#ifndef MEMEXPLORER_H
#define MEMEXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MX_EXPORT __attribute__((visibility("default")))
#else
#define MX_EXPORT
#endif

#define MX_VERSION "0.1.0"

// ---- errors -----------------------------------------------------------------------------------

// name, exit code of the command line, text, Python exception
#define MX_STATUS_MAP(X)                                                                           \
    X(MX_OK, 0, "ok", NULL)                                                                        \
    X(MX_NOT_FOUND, 1, "not found", "LookupError")                                                 \
    X(MX_BAD_ARGUMENT, 2, "bad argument", "ValueError")                                            \
    X(MX_PERMISSION, 3, "permission denied", "PermissionError")                                    \
    X(MX_NO_PROCESS, 4, "no such process", "ProcessLookupError")                                   \
    X(MX_NOT_PYTHON, 5, "not a Python process", "ValueError")                                      \
    X(MX_UNSUPPORTED, 6, "not supported", "NotImplementedError")                                   \
    X(MX_UNREADABLE, 7, "memory cannot be read", "OSError")                                        \
    X(MX_CORRUPT, 8, "memory makes no sense", "ValueError")                                        \
    X(MX_TIMEOUT, 9, "timed out", "TimeoutError")                                                  \
    X(MX_LIMIT, 10, "limit exceeded", "MemoryError")                                               \
    X(MX_NO_MEMORY, 11, "out of memory", "MemoryError")                                            \
    X(MX_IO, 12, "input or output failed", "OSError")

typedef enum mx_status {
#define X(name, exit_code, text, exception) name,
    MX_STATUS_MAP(X)
#undef X
} mx_status;

struct mx_error {
    mx_status status;
    char message[500]; // one line, names the thing that failed and, where there is one, the remedy
};

MX_EXPORT const char *mx_status_text(mx_status status);
MX_EXPORT int mx_status_exit_code(mx_status status);
// Name of a builtin Python exception; NULL for MX_OK.
MX_EXPORT const char *mx_status_exception(mx_status status);

// ---- processes --------------------------------------------------------------------------------

typedef uint64_t mx_addr; // an address in the target, never to be dereferenced

struct mx_process {
    int pid;
    char user[64];        // login name, or the number where it has none
    char python[32];      // "3.11.7"; "" when not known
    char executable[256]; // as the process sees it
    char cmdline[1024];   // arguments joined by spaces, control characters escaped; UTF-8
    uint64_t rss_bytes;   // resident set size
    double uptime_seconds;
    char problem[500]; // "" when it can be explored, else why not, in one line with the remedy
};

// The Python processes of this machine, by PID, those that cannot be read with their `problem`.
// *ret is freed by mx_processes_free. O(processes).
MX_EXPORT mx_status mx_processes(struct mx_process **ret, size_t *ret_count, struct mx_error *err);
MX_EXPORT void mx_processes_free(struct mx_process *processes);

// ---- targets ----------------------------------------------------------------------------------

typedef struct mx_target mx_target;

struct mx_target_info {
    struct mx_process process;
    char implementation[16]; // "cpython"
    uint32_t version_hex;    // PY_VERSION_HEX of the target
    bool free_threaded;
    bool debug;           // configured with --with-pydebug
    char library[256];    // the file that CPython is in: the executable, or a library
    int other_pythons;    // initialised in the same process, and not looked at
    bool layout_verified; // false: a newer version, explored with the nearest known layout
    bool from_core;       // rss_bytes is what was dumped; the uptime is not known, and 0
};

// Identifies the CPython in process `pid`. Does not stop it.
MX_EXPORT mx_status mx_target_open(int pid, mx_target **ret, struct mx_error *err);

// This process itself, read through process_vm_readv: a stale address is an answer, not a crash.
MX_EXPORT mx_status mx_target_open_self(mx_target **ret, struct mx_error *err);

// The CPython in a core file (64-bit ELF, x86-64), as the kernel or gcore writes it. Everything that
// takes a target takes it, with pause_ns 0. What the core leaves out (code, constants) is read from
// the files that were mapped, when their build-id fits; `exe` (may be NULL) is a copy of one of them
// that is not at its place any more. The core must not change while the target or a heap of it is
// open; when it does, or is cut short, answers are incomplete. `path` and `exe` are not kept.
// MX_NOT_FOUND: no such file. MX_BAD_ARGUMENT: not a core, or exe is none of the files.
// MX_UNSUPPORTED: another machine, another Python, or a library built without libelf.
// MX_CORRUPT. MX_UNREADABLE: a file that it needs is gone. MX_NOT_PYTHON.
MX_EXPORT mx_status mx_target_open_core(const char *path, const char *exe, mx_target **ret,
                                        struct mx_error *err);
MX_EXPORT const struct mx_target_info *mx_target_info(const mx_target *target);
MX_EXPORT void mx_target_free(mx_target *target);

// ---- objects ----------------------------------------------------------------------------------

#define MX_NO_GENERATION (-1)
#define MX_PERMANENT_GENERATION 3 // gc.freeze() put it there

struct mx_object {
    mx_addr address;
    bool alive;    // judged by header, type and the allocator's bookkeeping
    bool immortal; // the count is a mark, not a number
    int64_t
        refcount; // what the header says; 0 when not alive, -1 when immortal. Free-threaded: all
                  // counts merged; 0, too, when only stacks that do not count keep it alive
    uint64_t
        size; // what sys.getsizeof says, GC header included; 0 when not alive, and in a heap for
              // the bytes in a bytearray (CPython 3.15), whose size has them
    bool tracked;   // by the cycle collector
    int generation; // 0 to 2, MX_PERMANENT_GENERATION, or MX_NO_GENERATION when not tracked,
                    // in a free-threaded build, which has no others than the permanent one, or
                    // not known (mx_refs does not look for it)
    mx_addr type_address;
    char type[256];    // "module.qualname", "builtins.list"; "" when not alive
    char preview[256]; // the value as Python prints it, cut; UTF-8; "" when not alive
};

// Looks at `count` addresses, each any integer whatever; ret has room for `count` objects.
// The target is stopped for the reads only (well under a millisecond each); this process is not.
// An address without a live object is an answer, not an error.
MX_EXPORT mx_status mx_refs(mx_target *target, const mx_addr *addresses, size_t count,
                            struct mx_object *ret, struct mx_error *err);

// ---- heaps ------------------------------------------------------------------------------------

typedef struct mx_heap mx_heap;

// `done` and `total` count what `phase` ("copying", "walking", ...) says; called now and then.
typedef void mx_progress_fn(const char *phase, uint64_t done, uint64_t total, void *data);

// How the memory of a live process is read.
typedef enum mx_capture_mode {
    // It stands still while its memory is copied: 0.2 s a GB. All of one moment.
    MX_CAPTURE_FREEZE,
    // It stands still for a copy-on-write child to be made, which one of its threads is made to fork and
    // which is copied and ended afterwards: 40 ms a GB at most. All of one moment. Until then, each page
    // that the target writes to takes memory once more. No byte of the target's memory is written;
    // the registers of one thread are changed for the time of a system call, and given back.
    // MX_UNSUPPORTED, with the reason, where that is not safe or not possible. This process has a child
    // process of its own meanwhile, and gets SIGCHLD for it.
    MX_CAPTURE_FORK,
    // It is never stopped: every page is of another moment. Objects may be missing or half made, counts
    // may not fit (a deficit says nothing), and C stacks and registers are not looked at.
    MX_CAPTURE_NO_PAUSE,
    // It has explored itself: mx_capture_self. All of one moment, but the registers and C stacks of other
    // threads than the one that asked, which are not looked at.
    MX_CAPTURE_SELF,
} mx_capture_mode;
#define MX_CAPTURE_MODES (MX_CAPTURE_SELF + 1)
// "freeze", "fork", "no pause", "self"; stable, as in JSON.
MX_EXPORT const char *mx_capture_mode_name(mx_capture_mode mode);

// {0} is MX_CAPTURE_FREEZE without progress.
struct mx_capture_options {
    mx_progress_fn *progress; // may be NULL
    void *progress_data;
    mx_capture_mode mode; // for a core file MX_CAPTURE_FREEZE, else MX_BAD_ARGUMENT
};

// Copies the target's memory, then finds every object. `options` may be NULL. The heap does not need
// the target any more. O(bytes copied + references).
MX_EXPORT mx_status mx_heap_capture(mx_target *target, const struct mx_capture_options *options,
                                    mx_heap **ret, struct mx_error *err);
MX_EXPORT void mx_heap_free(mx_heap *heap);

struct mx_generation {
    uint64_t objects;
    int threshold; // 0 for the permanent generation
    int count;
    uint64_t collections, collected, uncollectable;
};

struct mx_heap_summary {
    uint64_t objects;
    uint64_t references; // owned, borrowed and weak ones between objects, and from roots
    uint64_t bytes;      // sum of the objects' sizes
    struct {
        uint64_t explained; // owned references found equal the count
        uint64_t certain;   // of those: without any word that may be a reference or not
        uint64_t surplus;   // the header says more than were found
        uint64_t deficit;   // the header says fewer
        uint64_t immortal;
    } refcounts;
    bool gc_enabled, gc_collecting;
    struct mx_generation generations[4];  // 0, 1, 2, permanent; free-threaded: all objects in 0
    mx_capture_mode mode;                 // how its memory was read; of a core, MX_CAPTURE_FREEZE
    uint64_t pause_ns;                    // how long the target was stopped
    uint64_t copied_bytes, skipped_bytes; // skipped: mapped and writable, but could not be read
    uint64_t walk_ns;                     // finding the objects, counting the references
    uint64_t undecoded;                   // objects whose contents made no sense and were left out
};
MX_EXPORT const struct mx_heap_summary *mx_heap_summary(const mx_heap *heap);
MX_EXPORT const struct mx_target_info *mx_heap_target(const mx_heap *heap);

// Objects are numbered 0 to objects - 1 in order of address. O(1); the preview costs O(its length).
MX_EXPORT mx_status mx_heap_object(const mx_heap *heap, uint32_t index, struct mx_object *ret,
                                   struct mx_error *err);

// The same without `preview` and `type`, for loops over millions. *ret_type_index is the type's
// place in mx_heap_types; ret_type_index may be NULL.
MX_EXPORT void mx_heap_facts(const mx_heap *heap, uint32_t index, struct mx_object *ret,
                             uint32_t *ret_type_index);

// The object at exactly this address; false when there is none. O(1).
MX_EXPORT bool mx_heap_find(const mx_heap *heap, mx_addr address, uint32_t *ret_index);

// Owned references found to the object, from objects and roots. Not for immortal ones.
MX_EXPORT uint32_t mx_heap_found_count(const mx_heap *heap, uint32_t index);

// What the object is, in words: "instance", "class", "function f at app.py:12", "module",
// "frame of f at app.py:14", "thread", ... Written to buffer, always ended by NUL.
MX_EXPORT void mx_heap_kind(const mx_heap *heap, uint32_t index, char *buffer, size_t nbytes);

struct mx_type {
    mx_addr address;
    const char *name; // qualified
    uint64_t count;   // instances of exactly this type
    uint64_t bytes;
};
// All types with at least one instance, in no particular order.
MX_EXPORT size_t mx_heap_types(const mx_heap *heap, const struct mx_type **ret);

// ---- references -------------------------------------------------------------------------------

typedef enum mx_ownership {
    MX_OWNED,    // counted in the refcount
    MX_BORROWED, // not counted
    MX_WEAK,
} mx_ownership;
// "owned", "borrowed", "weak"; stable, as in JSON.
MX_EXPORT const char *mx_ownership_name(mx_ownership ownership);

#define MX_NO_OBJECT UINT32_MAX

struct mx_reference {
    uint32_t from; // object, or MX_NO_OBJECT when a root refers
    uint32_t to;
    mx_ownership ownership;
    char label[200]; // `.attr`, `['key']`, `[3]`, `local x`, `closure x`, `__class__`
    char root[200];  // from a root: what it is ("thread 812 frame f at app.py:14",
                     // "interpreter 0", "libpython3.11.so.1.0: _PyRuntime"), else ""
};

// Return false to stop.
typedef bool mx_reference_fn(const struct mx_reference *reference, void *data);

// What the object refers to, in the order in which it keeps them. O(its references).
MX_EXPORT mx_status mx_heap_references(const mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                                       void *data, struct mx_error *err);

// Everything that refers to the object: objects by address, then roots. O(references of the heap).
MX_EXPORT mx_status mx_heap_referrers(const mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                                      void *data, struct mx_error *err);

// How many these two would tell of, for who stops before the end. Of a file O(1), nearly; else as they.
MX_EXPORT mx_status mx_heap_count_references(const mx_heap *heap, uint32_t index, uint64_t *ret,
                                             struct mx_error *err);
MX_EXPORT mx_status mx_heap_count_referrers(const mx_heap *heap, uint32_t index, uint64_t *ret,
                                            struct mx_error *err);

// ---- audit ------------------------------------------------------------------------------------

// Who holds references that no object and no root with a name accounts for: the surest first. A
// missing reference is put down to the surest trace of it that is left.
typedef enum mx_holder {
    MX_HOLDER_STATIC,       // a variable of a program or library
    MX_HOLDER_MODULE_STATE, // the C state of a module
    MX_HOLDER_STRUCT,       // a word in the C struct of an object, which nobody described
    MX_HOLDER_BLOCK,        // memory that native code allocated, and that something points to
    MX_HOLDER_LOST_BLOCK,   // the same, but nothing that was found points to it
    MX_HOLDER_LEAKED,       // an object of those that are MX_HOLDER_UNREACHED themselves
    MX_HOLDER_MEMORY,    // the same as a block, but only memory of no known allocator points to it
    MX_HOLDER_FRAME,     // the value stack of a running frame
    MX_HOLDER_REGISTER,  // a register of a thread
    MX_HOLDER_STACK,     // the C stack of a thread, from its stack pointer on
    MX_HOLDER_UNKNOWN,   // nothing was found: a lost reference, or memory that was not seen
    MX_HOLDER_UNREACHED, // allocated and met nowhere: not one of the heap's objects
    MX_HOLDER_NONE,      // more references were found than are counted: a deficit
} mx_holder;

// Objects of one type whose counts have the same explanation.
struct mx_finding {
    mx_holder holder;
    char where[300];      // which variable, module, type, frame, thread, block; "" for
                          // MX_HOLDER_UNKNOWN, _UNREACHED and _NONE
    char type[256];       // of the objects
    uint64_t objects;     // how many
    uint64_t references;  // held by this holder (missing ones, for a deficit)
    mx_addr example;      // one of the objects
    mx_addr place;        // of the word that refers to the example; 0 where there is none
    mx_addr block;        // of native code, that holds this word; else 0
    uint64_t block_bytes; // its size
};

// What reference counts have that owned references between objects, and from interpreters, threads
// and frames, do not explain, grouped; what nothing explains comes first, then the most references.
// *ret is freed by mx_findings_free. Names of variables come from the files that were mapped, when
// they still are those (build-id). O(objects + bytes copied).
MX_EXPORT mx_status mx_heap_audit(const mx_heap *heap, struct mx_finding **ret, size_t *ret_count,
                                  struct mx_error *err);
MX_EXPORT void mx_findings_free(struct mx_finding *findings);
// "static variable", "module state", ... ; stable, as in JSON.
MX_EXPORT const char *mx_holder_name(mx_holder holder);
// What it means and what to do, in a sentence.
MX_EXPORT const char *mx_holder_meaning(mx_holder holder);
// Is it a lost reference, as far as can be told: nothing, or nothing that is alive, holds it?
MX_EXPORT bool mx_holder_is_lost(mx_holder holder);
// How far it can be relied on: "sure", "likely" (a word where references are kept), or "possible" (a
// word that may have been left behind, so that a lost reference to the same object looks like this).
MX_EXPORT const char *mx_holder_confidence(mx_holder holder);

// ---- blind spots ------------------------------------------------------------------------------

// What an answer about this heap cannot know.
struct mx_blind_spots {
    uint64_t
        unreadable_bytes; // of private memory that should have been copied: objects may be missing
    uint64_t unforked_bytes;    // MX_CAPTURE_FORK: of mappings that it does not give to children
    uint64_t device_bytes;      // mapped devices, never read
    uint64_t shared_bytes;      // memory shared with other processes, not copied
    uint64_t file_bytes;        // mappings of large files, of which the process changed nothing
    uint64_t undecoded_objects; // whose contents made no sense: what they refer to is not known
    uint64_t scanned_types;     // C types that nobody described: their structs were looked through
    uint64_t scanned_objects;   // for words that may be references. Instances of them.
    uint64_t
        possible_words; // words found that may be references or not, static data and C stacks too
    uint64_t native_blocks; // memory that was allocated and is no object's nor the interpreter's
    uint64_t native_bytes;
    uint64_t lost_blocks; // those among them that nothing which was found points to
    uint64_t lost_bytes;
    uint64_t broken_bytes;   // of malloc's memory whose chunks were in disorder
    uint64_t threads_unseen; // whose registers and C stacks were not seen
    char allocators[200];    // "jemalloc": whose blocks cannot be listed; "" when there is none
};

// Walks the allocators when it is first asked, or mx_heap_audit: O(bytes copied).
MX_EXPORT mx_status mx_heap_blind_spots(const mx_heap *heap, struct mx_blind_spots *ret,
                                        struct mx_error *err);

// ---- cycles -----------------------------------------------------------------------------------

// One object on the example of a group, and the reference from it to the next; the last refers to
// the first.
struct mx_cycle_step {
    mx_addr address;
    const char *type;  // qualified
    const char *label; // `.attr`, `[...]`, `local x`
};

// Cycles of the same shape: the same types, joined by references of the same names.
struct mx_cycle_group {
    const char *shape;           // "app.Node.children -> list[...] -> app.Node.parent -> app.Node"
    uint64_t cycles;             // met with this shape, no object counted twice
    uint64_t shortest, longest;  // objects on one of them
    uint64_t objects, bytes;     // on such cycles
    uint64_t held, held_bytes;   // garbage: on no cycle themselves, referred to by these
    uint64_t freed, freed_bytes; // garbage: not of the collector's, and gone with these
    uint64_t finalizers;         // garbage: objects whose finalizer the collector calls
    uint64_t finalized;          // garbage: objects whose finalizer it has called before
    uint64_t callbacks;          // garbage: calls of weak references' callbacks
    uint64_t legacy;             // garbage: kept in gc.garbage, for a tp_del that C code defines
    mx_addr example; // the first object of `steps`, some of which may be counted with another group
    const struct mx_cycle_step *steps; // one cycle, at most MX_CYCLE_STEPS of it
    size_t step_count;
    const mx_addr *addresses; // [objects + held], those on cycles first
};

#define MX_CYCLE_STEPS 64

typedef struct mx_cycles mx_cycles;

struct mx_cycle_totals {
    uint64_t objects, bytes; // all that the groups have, on cycles and held
    uint64_t freed, freed_bytes;
    bool collecting; // the collector was at work: what it had set aside is not among these
};

// What gc.collect() would find unreachable now, in every interpreter, with the reckoning of
// CPython's own collector. *ret is freed by mx_cycles_free, before the heap. O(references).
MX_EXPORT mx_status mx_heap_garbage(const mx_heap *heap, mx_cycles **ret, struct mx_error *err);

// Cycles that are reachable, among what programs make and drop: not through modules, classes, their
// namespaces and what stands in these directly as a function or descriptor, nor running frames.
MX_EXPORT mx_status mx_heap_cycles(const mx_heap *heap, mx_cycles **ret, struct mx_error *err);

// The groups, the one with the most bytes first; they live as long as `cycles`.
MX_EXPORT size_t mx_cycles_groups(const mx_cycles *cycles, const struct mx_cycle_group **ret);
MX_EXPORT const struct mx_cycle_totals *mx_cycles_totals(const mx_cycles *cycles);
MX_EXPORT void mx_cycles_free(mx_cycles *cycles);

// ---- what holds what --------------------------------------------------------------------------

// An object dominates those to which every way from a root leads through it: they go when it goes.
// What it retains are its own bytes and theirs, blocks of memory included. Exact, over owned
// references; the tree's root, MX_NO_OBJECT, is what holds objects from outside.
typedef struct mx_tree mx_tree;

// *ret is freed by mx_tree_free, before the heap. O(objects + references).
MX_EXPORT mx_status mx_heap_tree(const mx_heap *heap, mx_tree **ret, struct mx_error *err);
MX_EXPORT void mx_tree_free(mx_tree *tree);
// Bytes. O(1), as what follows.
MX_EXPORT uint64_t mx_tree_retained(const mx_tree *tree, uint32_t object);
// Of these its own: mx_object.size, and blocks that it owns.
MX_EXPORT uint64_t mx_tree_bytes(const mx_tree *tree, uint32_t object);
// The object that dominates it directly; MX_NO_OBJECT when only roots do.
MX_EXPORT uint32_t mx_tree_parent(const mx_tree *tree, uint32_t object);
// Fills `ret`, with room for `most`, with those of the objects dominated directly that retain most,
// the largest first; *ret_count of them. Returns how many there are in all. O(these).
MX_EXPORT uint64_t mx_tree_largest(const mx_tree *tree, uint32_t object, uint32_t most,
                                   uint32_t *ret, uint32_t *ret_count);

// Objects of one type.
struct mx_holding {
    const char *type; // qualified
    uint32_t type_index;
    uint64_t count;
    uint64_t bytes;          // their own, and of blocks that they own
    uint64_t retained;       // see below
    const uint32_t *objects; // [count] where it says so, else NULL
};
// Those that the `count` objects dominate directly, by type: `retained` is their sum, and `objects`
// says which they are, so that they can be folded in their turn. `objects` NULL: the root. *ret, as
// those below, is freed by mx_holdings_free, before the tree; the largest come first.
MX_EXPORT mx_status mx_tree_fold(const mx_tree *tree, const uint32_t *objects, size_t count,
                                 struct mx_holding **ret, size_t *ret_count, struct mx_error *err);
// All that the object dominates, itself included, by type; `retained` equals `bytes`.
MX_EXPORT mx_status mx_tree_inside(const mx_tree *tree, uint32_t object, struct mx_holding **ret,
                                   size_t *ret_count, struct mx_error *err);
// All objects by type; `retained` is what would go with one or more of the type's objects, each byte
// counted once: the union, and not the sum.
MX_EXPORT mx_status mx_tree_types(const mx_tree *tree, struct mx_holding **ret, size_t *ret_count,
                                  struct mx_error *err);
MX_EXPORT void mx_holdings_free(struct mx_holding *holdings);
// Proves the tree and its sizes right, without trust in what made them; else *ret_object is one in a
// wrong place. O(objects + references).
MX_EXPORT mx_status mx_tree_verify(const mx_tree *tree, bool *ret_right, uint32_t *ret_object,
                                   struct mx_error *err);

// ---- why ----------------------------------------------------------------------------------------

// One object on a way, and what the one before it calls it.
struct mx_why_step {
    uint32_t object;
    mx_addr address;
    const char *type;  // qualified
    const char *label; // ".session", "[0]"; "" where the next step says it, and for the first
};

// A way from what holds objects to them.
struct mx_chain {
    const char
        *root_kind;   // "module", "frame", "thread", "interpreter", "static type", "native code",
                      // "garbage": nothing holds them, but a cycle that waits for the collector
    const char *root; // "module app", "thread 812 frame f at app.py:14 -> local x",
                      // "native code: libfoo.so: cache"
    const char *text; // "module app -> CACHE -> ['user:17'] -> .session -> [0]"
    uint64_t count;   // objects that it leads to
    bool further;     // one more of the same kind, which shares no object with those before
    const struct mx_why_step *steps; // of one object; NULL of many
    size_t step_count;
};

struct mx_why_totals {
    uint64_t objects; // asked for
    uint64_t garbage; // of them: no root leads to them
    bool
        complete; // false: ways were left out, because too many references would have to be looked at
};

typedef struct mx_why mx_why;

// Why the objects are alive. Of one: the shortest way from each kind of root, then further ones up to
// `paths` in all. Of several: the way from the nearest root of each; those that differ in subscripts
// alone are one. Ways are owned references, and do not go through a module or its namespace. *ret is
// freed by mx_why_free, before the heap. O(references on and beside the ways).
MX_EXPORT mx_status mx_heap_why(const mx_heap *heap, const uint32_t *objects, size_t count,
                                uint32_t paths, mx_why **ret, struct mx_error *err);
// Of one object the shortest first; of several those of most objects.
MX_EXPORT size_t mx_why_chains(const mx_why *why, const struct mx_chain **ret);
MX_EXPORT const struct mx_why_totals *mx_why_totals(const mx_why *why);
MX_EXPORT void mx_why_free(mx_why *why);

// ---- suspects ---------------------------------------------------------------------------------

typedef enum mx_suspect_kind {
    MX_SUSPECT_OBJECT,  // one object in which others accumulate, or which is large itself
    MX_SUSPECT_GROUP,   // many objects alike, in places alike
    MX_SUSPECT_CHAIN,   // objects that hang on each other: a linked list
    MX_SUSPECT_GARBAGE, // objects that nothing holds, and that wait for the collector
    MX_SUSPECT_NATIVE,  // objects that native code holds, or that it has counted too often
} mx_suspect_kind;
// "object", "group", ... ; stable, as in JSON.
MX_EXPORT const char *mx_suspect_kind_name(mx_suspect_kind kind);

struct mx_suspect_type {
    const char *name; // qualified
    uint64_t count, bytes;
};

// All strings live as long as `suspects`.
struct mx_suspect {
    mx_suspect_kind kind;
    const char
        *text; // a sentence: "app.CACHE, a dict of 40,000 app.Session, holds 12.3 MiB (81 %)"
    const char *holder;   // as Python would write it: "app.CACHE", "app.BUS.subscribers['saved']"
    const char *path;     // "module app -> BUS -> .subscribers -> ['saved'] -> [...]"
    const char *user;     // the first name of the user's own code on it; "" when there is none
    const char *together; // of several suspects that hang on one object: its name; else ""
    mx_addr address;      // where they accumulate; of a group the largest one
    const char *type;     // of the object at address
    uint64_t count;       // objects alike there: 1, but for groups, garbage and native ones
    const char *of_type;  // of most of what accumulates; "" for one large object
    uint64_t of_count;
    uint64_t objects, bytes; // that hang there, themselves included
    uint64_t retained;       // bytes of those that would be freed with the object at address
    const struct mx_suspect_type *types; // of what hangs there, the most bytes first: at most
    size_t type_count;                   // MX_SUSPECT_TYPES
};
#define MX_SUSPECT_TYPES 8

// Equal strings, or equal tuples (of the same objects, or of equal strings, numbers and tuples).
struct mx_duplicate {
    const char *type, *preview;
    uint64_t count, wasted; // bytes of all but one
    mx_addr example;
    const char *where; // where most of them hang: "app.CACHE[...].user"
    uint64_t where_count;
};

// Dicts, lists and sets in places alike.
struct mx_sparse {
    const char *type, *where;
    uint64_t count;  // of containers there
    uint64_t empty;  // without items
    uint64_t nearly; // with few items, and room for at least four times as many bytes as these need
    uint64_t wasted; // bytes of the empty ones, and what the others have beyond need
    mx_addr example;
};

// A class of the user's code whose instances would be smaller with __slots__.
struct mx_slots {
    const char *type;
    uint64_t instances, attributes; // the most that an instance has
    uint64_t bytes, saved;          // of instances with what keeps their attributes: now, and less
};

struct mx_suspect_totals {
    uint64_t bytes;     // of all objects
    uint64_t baseline;  // of modules, classes, functions and code: no suspects
    uint64_t threshold; // what hangs in one place is no suspect below it
    uint64_t duplicates, duplicate_groups, duplicate_wasted;
    uint64_t empty, nearly, sparse_wasted;
    uint64_t slots_saved;
};

typedef struct mx_suspects mx_suspects;

// What a person who looks for a leak should look at. *ret is freed by mx_suspects_free, before the
// heap. O(objects + references + length of strings).
MX_EXPORT mx_status mx_heap_suspects(const mx_heap *heap, mx_suspects **ret, struct mx_error *err);
MX_EXPORT const struct mx_suspect_totals *mx_suspects_totals(const mx_suspects *suspects);
// The most bytes first, those that hang on one object next to each other; MX_SUSPECT_ROWS at most,
// here and below.
MX_EXPORT size_t mx_suspects_list(const mx_suspects *suspects, const struct mx_suspect **ret);
MX_EXPORT size_t mx_suspects_duplicates(const mx_suspects *suspects,
                                        const struct mx_duplicate **ret);
MX_EXPORT size_t mx_suspects_sparse(const mx_suspects *suspects, const struct mx_sparse **ret);
MX_EXPORT size_t mx_suspects_slots(const mx_suspects *suspects, const struct mx_slots **ret);
MX_EXPORT void mx_suspects_free(mx_suspects *suspects);
#define MX_SUSPECT_ROWS 20

// ---- differences ------------------------------------------------------------------------------

#define MX_DIFF_SNAPSHOTS 16 // compared at once, at most
#define MX_DIFF_ROWS 20      // of a kind, where no number is asked for

typedef enum mx_change {
    MX_CHANGE_BORN, // of three and more: born before the last but one, and still there in the last
    MX_CHANGE_DIED, // in the first, not in the last
    MX_CHANGE_GREW, // in the first and in the last: retains more
    MX_CHANGE_SHRANK, // retains less
    MX_CHANGE_MOVED,  // has another dominator
} mx_change;
#define MX_CHANGES (MX_CHANGE_MOVED + 1)
// "born", "died", "grew", "shrank", "moved"; stable, as in JSON.
MX_EXPORT const char *mx_change_name(mx_change change);

struct mx_diff_sum {
    uint64_t objects, bytes; // bytes: size and blocks of the objects' own
};

struct mx_diff_totals {
    size_t count;                              // heaps compared
    struct mx_diff_sum all[MX_DIFF_SNAPSHOTS]; // of each
    struct mx_diff_sum born, died, moved;      // as mx_change has them
    struct mx_diff_sum grew, shrank; // by size and blocks of their own; bytes: by how many
    struct mx_diff_sum recent;  // of three and more: born between the last but one and the last
    struct mx_diff_sum traffic; // born after the first, and gone before the last
    uint64_t reused;            // addresses that have another object of the same type than before
};

// A type, by its name, or a place. All strings and lists live as long as the diff.
struct mx_diff_row {
    const char *name;              // of a type, qualified; "app.CACHE[...]"
    const char *path;              // of a place: "module app -> CACHE -> [...]"; of a type ""
    const char *type;              // of a place: of the objects there; of a type its name
    const struct mx_diff_sum *all; // of each heap: of a place, with all that hangs there
    struct mx_diff_sum born, died;
    bool every_time; // bytes grew from each heap to the next
};

struct mx_diff_object {
    mx_addr address;
    const char *type, *preview;         // as last seen
    const char *where;                  // where it hangs, when last seen: "app.CACHE['user:17']"
    const char *where_before;           // when first seen, of one that moved; else ""
    uint32_t since;                     // the heap where it was seen first: 0 for the first
    uint64_t bytes_before, bytes_after; // its own and its blocks'; 0 where it is not there
    uint64_t retained_before, retained_after;
    bool every_time; // retained bytes grew from each heap to the next
};

// {0} is right: no type, MX_DIFF_ROWS rows.
struct mx_diff_options {
    const char *type; // rows of this type alone; NULL for all
    size_t rows;      // of each kind; 0 is MX_DIFF_ROWS
};

typedef struct mx_diff mx_diff;

// What changed between heaps of one process, `count` of them, oldest first. An object is the same when
// address, type and contents are; contents are the value of a str or bytes (256 bytes of it), number,
// tuple or function, and elsewhere cannot tell but when all that an object has, and who holds it, are
// others. `options` may be NULL; the heaps must outlive the diff. *ret is freed by mx_diff_free.
// MX_BAD_ARGUMENT: fewer than two heaps or more than MX_DIFF_SNAPSHOTS, or not all of one process.
// O(objects + references) of each; some 50 bytes an object and 5 a reference meanwhile.
MX_EXPORT mx_status mx_heap_diff(const mx_heap *const *heaps, size_t count,
                                 const struct mx_diff_options *options, mx_diff **ret,
                                 struct mx_error *err);
MX_EXPORT const struct mx_diff_totals *mx_diff_totals(const mx_diff *diff);
// Types with a change, and places: those that grew every time first, then by how many bytes more or
// less. A place is told where the change comes from, not also what that hangs on.
MX_EXPORT size_t mx_diff_types(const mx_diff *diff, const struct mx_diff_row **ret);
MX_EXPORT size_t mx_diff_places(const mx_diff *diff, const struct mx_diff_row **ret);
// Born and died: by retained bytes, without those whose dominator was too, unless a type was asked
// for. Grew, shrank: by what they retain more or less, without that of objects held throughout.
MX_EXPORT size_t mx_diff_objects(const mx_diff *diff, mx_change change,
                                 const struct mx_diff_object **ret);
MX_EXPORT void mx_diff_free(mx_diff *diff);

// ---- what would go ----------------------------------------------------------------------------

// What happens to an object when a reference goes away.
typedef enum mx_drop_fate {
    MX_DROP_FREED,     // its count reaches zero: at once
    MX_DROP_COLLECTED, // only cycles are left to hold it: when the cycle collector looks next
    MX_DROP_LOST,      // the same, but the collector does not look at all of them: never
    MX_DROP_STAYS,
} mx_drop_fate;
// "freed", "collected", "lost", "stays"; stable, as in JSON.
MX_EXPORT const char *mx_drop_fate_name(mx_drop_fate fate);

// Why an object stays that lost a reference.
typedef enum mx_drop_reason {
    MX_STAYS_HELD,     // an object refers to it
    MX_STAYS_ROOT,     // a root does: a frame, the interpreter, a library's variable
    MX_STAYS_NATIVE,   // its count says more than the references that were found
    MX_STAYS_IMMORTAL, // never freed, whatever refers to it
    MX_STAYS_UNKNOWN,  // its count says so, and who holds it was not found
} mx_drop_reason;
// "held", "root", "native", ... ; stable, as in JSON.
MX_EXPORT const char *mx_drop_reason_name(mx_drop_reason reason);

struct mx_drop_object {
    uint32_t object;
    mx_drop_fate fate;
    uint64_t bytes; // its size, and the blocks that it owns
    bool finalizer; // its finalizer is called, and may keep it and what it refers to alive
};

// What runs: a finalizer (__del__, a generator's close, a file's), or the callback of a weak reference.
struct mx_drop_call {
    uint32_t object;  // that is finalized, or that the weak reference refers to
    uint32_t weakref; // whose callback is called; MX_NO_OBJECT: a finalizer
    bool collector;   // when the collector comes, in an order of its own; else in this order
};

struct mx_drop_stay {
    uint32_t object;
    uint64_t lost;    // references that it loses
    int64_t refcount; // that it is left with; -1 when immortal
    mx_drop_reason reason;
    struct mx_reference holder; // one of those left, for MX_STAYS_HELD and MX_STAYS_ROOT
};

// Of what goes, the objects of one type with one fate.
struct mx_drop_type {
    const char *type; // qualified
    mx_drop_fate fate;
    uint64_t count, bytes;
};

struct mx_drop_totals {
    uint32_t object; // that loses the references
    mx_drop_fate fate;
    uint64_t references; // that go: 1, or all that there are
    uint64_t freed, freed_bytes, collected, collected_bytes, lost, lost_bytes;
    uint64_t finalizers, callbacks; // called at once
    uint64_t later;                 // finalizers and callbacks that the collector calls
    uint64_t stays;                 // objects that lose a reference and stay, but immortal ones
    uint64_t immortal;              // immortal ones that lose one
    uint64_t depth; // of objects that free each other; beyond 50 CPython puts some off, and the
                    // order among them may be another
};

typedef struct mx_drop mx_drop;

// What would happen if a reference went away: the one of the object at `address` that is called
// `label` as mx_heap_references does (".attr", "['key']", "[3]"; also through the __dict__ of an
// instance, and "{0x7f...}" for the key or member at that address), or every reference to the object,
// when label is NULL. A simulation on the reference counts, exact as far as no code runs: what a
// finalizer or callback does is not foreseen. *ret is freed by mx_drop_free, before the heap.
// MX_NOT_FOUND: no object there, or no such reference; the message names the nearest.
// MX_BAD_ARGUMENT: several of that name, or one that is not owned. O(what is affected + roots) on a
// snapshot's columns, which a live heap makes when they are first asked for.
MX_EXPORT mx_status mx_heap_drop(const mx_heap *heap, mx_addr address, const char *label,
                                 mx_drop **ret, struct mx_error *err);
MX_EXPORT const struct mx_drop_totals *mx_drop_totals(const mx_drop *drop);
// What goes: those freed at once in this order, then what waits for the collector, then what is lost.
MX_EXPORT size_t mx_drop_objects(const mx_drop *drop, const struct mx_drop_object **ret);
// The same by type and fate, the most bytes first.
MX_EXPORT size_t mx_drop_types(const mx_drop *drop, const struct mx_drop_type **ret);
MX_EXPORT size_t mx_drop_calls(const mx_drop *drop, const struct mx_drop_call **ret);
// The references that go, by place, below totals' `references`.
MX_EXPORT void mx_drop_reference(const mx_drop *drop, size_t place, struct mx_reference *ret);
// What loses a reference and stays, by place, below totals' `stays`: in the order of their losses,
// classes, code, strings and numbers behind the others.
// O(its referrers that go + references of the one that holds it).
MX_EXPORT void mx_drop_stays(const mx_drop *drop, size_t place, struct mx_drop_stay *ret);
MX_EXPORT void mx_drop_free(mx_drop *drop);

// ---- threads ----------------------------------------------------------------------------------

struct mx_frame {
    const char *function; // qualified name
    const char *file;
    int line; // 0 when not known
};

struct mx_thread {
    int64_t native_id;             // 0 where the version does not keep it and it was not found
    uint64_t ident;                // threading.get_ident()
    const struct mx_frame *frames; // innermost first
    size_t frame_count;
};
MX_EXPORT size_t mx_heap_threads(const mx_heap *heap, const struct mx_thread **ret);

// ---- snapshots --------------------------------------------------------------------------------

// A heap in a file that stands alone. It holds what the process held: read docs/security.md.

struct mx_save_options {
    bool compress; // zstd; opening takes longer, and memory
    bool redact; // without values: strings, bytes, numbers, keys that are no attributes' names, and
                 // the command line
    bool cut_values; // of str and bytes, to most_value bytes
    uint64_t most_value;
    bool plain; // columns that Arrow shares stand in the file as they are: 40 bytes an object more
};

// What was written, in bytes of the file.
struct mx_saved {
    uint64_t objects, references;
    uint64_t
        graph_bytes; // addresses, types, sizes, counts, references both ways, dominators, retained
    uint64_t label_bytes; // how references are called
    uint64_t text_bytes;  // what previews are made of: values, names
    uint64_t file_bytes;
};

// Writes the heap to `path`, readable and writable by its owner alone: under a temporary name or none,
// synced, then renamed; what was there before is replaced then, and not when it fails. `options` and
// `ret` may be NULL. A heap from a snapshot cannot be saved again: MX_UNSUPPORTED, as is compress in a
// library without zstd. MX_IO: a full disk, a limit. MX_BAD_ARGUMENT, MX_PERMISSION: the path.
// O(bytes copied + references).
MX_EXPORT mx_status mx_heap_save(const mx_heap *heap, const char *path,
                                 const struct mx_save_options *options, struct mx_saved *ret,
                                 struct mx_error *err);

// The heap in a snapshot file: it answers every question above as the one that was saved. The file may be
// anybody's: it cannot do harm, and what is damaged is said where it is noticed. It must not change
// while the heap is open. O(1) in the objects, unless it is compressed. MX_NOT_FOUND, MX_BAD_ARGUMENT: no
// snapshot. MX_CORRUPT: cut short or damaged. MX_UNSUPPORTED: of a newer format. MX_LIMIT: would not
// fit unpacked.
MX_EXPORT mx_status mx_heap_open(const char *path, mx_heap **ret, struct mx_error *err);

#define MX_SELF_TIMEOUT_NS 600000000000 // ten minutes: ten million objects take one

// {0} is right, but where an interpreter must not be held up.
struct mx_self_options {
    struct mx_save_options save;
    uint64_t timeout_ns; // for all of it; 0 is MX_SELF_TIMEOUT_NS
    // An object, and the function that is being called with it to ask about it: the reference that the
    // call has, on the value stack of its caller, is left out, and not counted. Only CPython to 3.10 has
    // one there; later ones hand it over to the function, which may let go of it. 0 for none.
    mx_addr argument, callee;
    // Called once, when the copy is made: a lock that kept objects from changing may go. May be NULL.
    void (*forked)(void *data);
    // Called ten times a second until it is done; false ends it. May be NULL.
    bool (*go_on)(void *data);
    void *data; // for both
};

// Writes the heap of this very process to `path`, without a debugger's rights: a child that is forked for
// it explores its own memory, which is that of this process at the moment of the fork, and ends. No
// other thread may change objects while it forks: the caller holds the interpreter's lock, and may let go
// of it when `forked` is called. `options` and `ret` may be NULL. Errors as mx_heap_save has them, and
// MX_TIMEOUT: too long, or ended by `go_on`. MX_NO_MEMORY, MX_LIMIT: no child, or no room for a copy.
// This process gets SIGCHLD for the child, unless it has that signal ignored; signals and open files
// are left alone. O(bytes copied + references), of which the fork is 10 ms a GB.
MX_EXPORT mx_status mx_capture_self(const char *path, const struct mx_self_options *options,
                                    struct mx_saved *ret, struct mx_error *err);

// Of a heap from a snapshot: was every byte that answers were made of so far as it was written? A page of the
// file is held against its checksum when it is first read; damaged ones read as zeros, and the question that
// came upon one fails: those that return mx_status say so themselves, the others (mx_heap_facts,
// mx_heap_find, mx_tree_..., rows that were told before) leave it to this. MX_CORRUPT, naming the part.
// MX_OK for other heaps. O(1).
MX_EXPORT mx_status mx_heap_intact(const mx_heap *heap, struct mx_error *err);

// Does the file begin like a snapshot? Says nothing of the rest of it.
MX_EXPORT bool mx_file_is_snapshot(const char *path);

// Of a heap from a snapshot: holds every byte against its checksum and every number against its limits.
// MX_CORRUPT, naming the part. MX_OK for others. O(bytes of the file).
MX_EXPORT mx_status mx_heap_verify(const mx_heap *heap, struct mx_error *err);

// ---- SQL --------------------------------------------------------------------------------------

// The heap as tables: objects, "references", types, roots, ... (docs/sql.md). Nothing is copied, and
// nothing but the heap can be read: no file is opened, no extension loaded, no statement writes.
typedef struct mx_sql mx_sql;
typedef struct mx_sql_query mx_sql_query;

struct mx_sql_options {
    uint64_t memory_nbytes; // that SQLite may take for sorting and the like; 0 is 1 GiB
    uint64_t timeout_ns;    // for one query; 0 for none
};

// `options` may be NULL. *ret is freed by mx_sql_free, before the heap. MX_UNSUPPORTED: a library
// built without SQLite. The first to ask about the graph of a live heap: O(references).
MX_EXPORT mx_status mx_sql_open(const mx_heap *heap, const struct mx_sql_options *options,
                                mx_sql **ret, struct mx_error *err);
MX_EXPORT void mx_sql_free(mx_sql *sql);

// The first statement of `text`; *ret_rest (may be NULL) points behind it. *ret is NULL when there
// is none, only space and comments; freed by mx_sql_query_free, before `sql`. MX_BAD_ARGUMENT: not
// SQL, or not reading. MX_LIMIT.
MX_EXPORT mx_status mx_sql_prepare(mx_sql *sql, const char *text, mx_sql_query **ret,
                                   const char **ret_rest, struct mx_error *err);
MX_EXPORT void mx_sql_query_free(mx_sql_query *query);

// The next row; *ret_row is false when there is none. MX_LIMIT: over memory_nbytes, or a value of more
// than 16 MiB. MX_TIMEOUT: over timeout_ns, or interrupted.
MX_EXPORT mx_status mx_sql_step(mx_sql_query *query, bool *ret_row, struct mx_error *err);

MX_EXPORT int mx_sql_column_count(const mx_sql_query *query);
MX_EXPORT const char *mx_sql_column_name(const mx_sql_query *query, int column);

struct mx_sql_value {
    enum {
        MX_SQL_NULL,
        MX_SQL_INTEGER,
        MX_SQL_ADDRESS, // an integer, as a column of addresses has it; as unsigned
        MX_SQL_REAL,
        MX_SQL_TEXT, // of values of str, control characters are not escaped
        MX_SQL_BLOB,
    } kind;
    int64_t integer;
    double real;
    const char
        *bytes; // valid until the next step; of text, ended by NUL, which it may also have inside
    size_t nbytes;
};
// Of the row that mx_sql_step has found; `column` is below mx_sql_column_count.
MX_EXPORT void mx_sql_value(const mx_sql_query *query, int column, struct mx_sql_value *ret);

// Ends the query that runs, with MX_TIMEOUT. From a signal handler or another thread.
MX_EXPORT void mx_sql_interrupt(mx_sql *sql);

// Does the text end in a whole statement, so that a prompt need not ask for more?
MX_EXPORT bool mx_sql_is_complete(const char *text);

// ---- Arrow ------------------------------------------------------------------------------------

// The C data interface of Apache Arrow, as its specification lays it out: what DuckDB, Polars, pandas
// and PyArrow read. Two of these definitions in a program are the same.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *ret);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *ret);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

// Rows in columns. It stays until mx_batch_free was called and every array of it is released, and
// arrays may be released by any thread at any time.
typedef struct mx_batch mx_batch;
MX_EXPORT uint64_t mx_batch_rows(const mx_batch *batch);
MX_EXPORT mx_status mx_batch_schema(const mx_batch *batch, struct ArrowSchema *ret,
                                    struct mx_error *err);
// A struct array, a child for each column. May be asked more than once.
MX_EXPORT mx_status mx_batch_array(mx_batch *batch, struct ArrowArray *ret, struct mx_error *err);
// One mx_batch_free more is wanted.
MX_EXPORT void mx_batch_keep(mx_batch *batch);
MX_EXPORT void mx_batch_free(mx_batch *batch);

// Keeps a heap open for batches that share its mapped file. `release` is called by whichever thread
// lets go of the last array.
struct mx_keeper {
    void (*keep)(void *data);
    void (*release)(void *data);
    void *data;
};

// A table of docs/sql.md ("objects", "references", ...), by columns: integers are int64, addresses
// uint64, names of types a dictionary; values of bytes have a column `bytes` of their own.
typedef struct mx_arrow mx_arrow;

// Those columns with these names, in this order; all of them when `columns` is NULL. *ret is freed by
// mx_arrow_free, before the heap or after it. MX_BAD_ARGUMENT: no such table or column.
MX_EXPORT mx_status mx_arrow_open(const mx_heap *heap, const char *table,
                                  const char *const *columns, size_t column_count, mx_arrow **ret,
                                  struct mx_error *err);
MX_EXPORT uint64_t mx_arrow_rows(const mx_arrow *arrow);
// `most` rows from `first` on, or fewer: 65,536 at most. None behind the last row. Columns whose numbers
// stand in the file as they are (mx_save_options.plain) are not copied, when there is a keeper; others are
// unpacked here. `keeper` may be NULL.
MX_EXPORT mx_status mx_arrow_read(mx_arrow *arrow, uint64_t first, uint64_t most,
                                  const struct mx_keeper *keeper, mx_batch **ret,
                                  struct mx_error *err);
MX_EXPORT void mx_arrow_free(mx_arrow *arrow);

// All rows of a query that has not begun. MX_LIMIT: more than 2 GiB of them. Errors of mx_sql_step.
MX_EXPORT mx_status mx_sql_read_all(mx_sql_query *query, mx_batch **ret, struct mx_error *err);

// ---- export -----------------------------------------------------------------------------------

typedef enum mx_export_format {
    MX_EXPORT_HEAPSNAPSHOT, // of V8: Chrome DevTools, VS Code and MemLab open it
    MX_EXPORT_DOT,          // of Graphviz: what is around one object
    MX_EXPORT_CSV,          // RFC 4180, a line of names first: one table
    MX_EXPORT_JSONL,        // the same, a JSON object a line; objects with their references
} mx_export_format;
// "heapsnapshot", "dot", "csv", "jsonl"; NULL for what is none, so that they can be counted.
MX_EXPORT const char *mx_export_format_name(mx_export_format format);

typedef enum mx_export_table {
    MX_TABLE_OBJECTS,
    MX_TABLE_REFERENCES, // between objects
    MX_TABLE_TYPES,
    MX_TABLE_ROOTS, // references from roots
    MX_TABLE_BLOCKS,
    MX_TABLE_FRAMES, // of threads, innermost first
} mx_export_table;
// "objects", "references", ...; NULL for what is none.
MX_EXPORT const char *mx_export_table_name(mx_export_table table);

#define MX_EXPORT_DEPTH 2           // of a drawing, where none is asked for
#define MX_EXPORT_DRAWN_OBJECTS 200 // more than that nobody can read

// {0} is right for MX_EXPORT_HEAPSNAPSHOT.
struct mx_export_options {
    mx_export_table table; // of MX_EXPORT_CSV and MX_EXPORT_JSONL
    mx_addr object;        // MX_EXPORT_DOT: the object in the middle
    uint32_t depth;        // MX_EXPORT_DOT: so many references away from it; 0 is MX_EXPORT_DEPTH
    mx_progress_fn *progress; // may be NULL
    void *progress_data;
};

struct mx_export_result {
    uint64_t bytes;
    uint64_t records;    // nodes of a graph, rows of a table
    uint64_t references; // edges of a graph
};

// Takes the next bytes of an export. On failure it returns false and leaves the reason in errno.
typedef bool mx_write_fn(const char *bytes, size_t nbytes, void *data);

// Writes the heap in another format, piece by piece: what it needs of memory does not grow with the
// texts. A .heapsnapshot keeps the ids of its objects over all snapshots of a process; its strings
// wait in a temporary file ($TMPDIR, else /var/tmp) until its end. `options` and `ret` may be NULL.
// MX_IO: `write` failed. MX_NOT_FOUND: no object at options->object. MX_BAD_ARGUMENT: a drawing
// without an object. MX_LIMIT: more objects than the format has room for. O(references).
MX_EXPORT mx_status mx_heap_export(const mx_heap *heap, mx_export_format format,
                                   const struct mx_export_options *options, mx_write_fn *write,
                                   void *data, struct mx_export_result *ret, struct mx_error *err);

// The same to a file that only its owner can read. It gets its name when it is complete and synced:
// until then, and for good when anything fails, what had the name before is left alone. Written in
// place when `path` is no regular file (a pipe, a device).
MX_EXPORT mx_status mx_heap_export_file(const mx_heap *heap, mx_export_format format,
                                        const struct mx_export_options *options, const char *path,
                                        struct mx_export_result *ret, struct mx_error *err);

#ifdef __cplusplus
}
#endif
#endif
