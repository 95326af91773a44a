// audit.h - what audit.c and audit_traces.c share.
#ifndef MX_HEAP_AUDIT_H
#define MX_HEAP_AUDIT_H

#include "base/map.h"
#include "heap/blocks.h"

// An object whose count and whose found references differ, or one that nothing refers to.
struct subject {
    mx_addr addr;
    int64_t missing; // negative: a deficit
    uint32_t type;
    bool unreached;
};

// A word that is a subject's address, where a reference may be.
struct trace {
    uint32_t subject; // place in `subjects`
    mx_holder holder;
    const char *where; // one of `names`: equal ones are the same pointer
    uint64_t offset;   // of the word, in what `where` names; NO_OFFSET where it says nothing
    mx_addr place;     // of the word; 0 for a register, and where it is not known
    uint32_t block;    // that holds the word, or NO_BLOCK
};

#define NO_OFFSET UINT64_MAX
#define NO_BLOCK UINT32_MAX

struct audit {
    struct visitor visitor;
    struct mx_heap *heap;
    const struct blocks *blocks;
    VECTOR(struct subject) subjects; // by address
    VECTOR(struct trace) traces;
    struct audit_names {
        VECTOR(char *) items;
        struct map by_hash; // hash of the text -> number, from 1 on
        uint64_t seed;      // of the hash: a target cannot choose names that collide
    } names;
    bool failed;       // out of memory
    mx_holder holder;  // of what is being visited
    uint32_t from;     // the object
    const char *where; // its name, once it was needed
};

// audit_traces.c: fills `traces`.
void audit_find_traces(struct audit *audit);
// The same text always gives the same pointer; "" when there is no memory for it.
const char *audit_name(struct audit *audit, const char *text);
void audit_names_free(struct audit_names *names);

#endif
