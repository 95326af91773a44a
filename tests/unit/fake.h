// fake.h - a fake CPython: structures laid out by hand, as a struct layout says, in plain bytes.
//
//   fake_init -> type, object, a memory, a decoder      fake_list(f, ...) -> address of a list
//
// Every object begins with a refcount of 1, and has a GC head and a pre-header where its type asks
// for them. Types are made when they are first asked for, with the sizes that the layout gives.
#ifndef MX_TESTS_FAKE_H
#define MX_TESTS_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decoder.h"

#define FAKE_START 0x7f0000000000ull // 32 MiB aligned, as segments of mimalloc are
#define FAKE_NBYTES (2ull << 20)

struct fake {
    const struct layout *l;
    struct memory memory;
    struct decoder decoder;
    uint8_t *bytes; // [FAKE_NBYTES], at FAKE_START
    uint64_t used;
    struct {
        const char *name;
        mx_addr addr;
    } types[64];
    size_t type_count;
    uint32_t block_counts[5]; // of each page of the segment of mimalloc
};

void fake_init(struct fake *fake, const struct layout *layout);
void fake_fini(struct fake *fake);

// ---- bytes ------------------------------------------------------------------------------------

mx_addr fake_alloc(struct fake *fake, uint64_t nbytes); // zeroed, 16-aligned, with room around it
void *fake_at(struct fake *fake, mx_addr addr, uint64_t nbytes);
void fake_word(struct fake *fake, mx_addr addr, uint64_t value);
// A member of a struct, nothing where the version has none.
void fake_field(struct fake *fake, mx_addr addr, int32_t offset, uint64_t value);
void fake_field32(struct fake *fake, mx_addr addr, int32_t offset, uint32_t value);
void fake_field8(struct fake *fake, mx_addr addr, int32_t offset, uint8_t value);
mx_addr fake_text(struct fake *fake, const char *text); // a C string

// ---- mimalloc: where a free-threaded fake has its objects ---------------------------------------

void fake_mimalloc_init(struct fake *fake);
mx_addr fake_block(struct fake *fake, int tag, uint64_t nbytes); // zeroed
// Pieces, for tests of mimalloc itself. slice_count of the page, and of the segment, are 64 KiB each.
void fake_segment(struct fake *fake, mx_addr segment, uint32_t slice_count);
mx_addr fake_page(const struct fake *fake, mx_addr segment, uint32_t slice); // its mi_page_t
void fake_page_write(struct fake *fake, mx_addr segment, uint32_t slice, uint32_t slice_count,
                     uint32_t block_nbytes, int tag);
mx_addr fake_page_start(struct fake *fake, mx_addr page);
// Offset of the n-th byte, from anew when there are fewer, of the header and the blocks: for fuzzing.
uint64_t fake_segment_place(const struct fake *fake, uint64_t n);
void fake_page_capacity(struct fake *fake, mx_addr page, uint32_t count);

// ---- types ------------------------------------------------------------------------------------

mx_addr fake_type(struct fake *fake, const char *name); // a static type of CPython's
mx_addr fake_static_type(struct fake *fake, const char *name, uint64_t basicsize, uint64_t itemsize,
                         uint64_t flags);
// A class of module "app" as the class statement makes it.
mx_addr fake_class(struct fake *fake, const char *name, mx_addr base, uint64_t basicsize,
                   uint64_t flags);

// ---- objects ----------------------------------------------------------------------------------

mx_addr fake_object(struct fake *fake, mx_addr type, uint64_t nbytes);
uint64_t fake_gc_head(const struct fake *fake); // bytes of it in front of an object
void fake_refcount(struct fake *fake, mx_addr addr, int64_t count);
mx_addr fake_str(struct fake *fake, const char *ascii);
// Compact, not ASCII; width 1, 2 or 4.
mx_addr fake_wide_str(struct fake *fake, uint32_t width, const uint32_t *characters, size_t count);
mx_addr fake_int(struct fake *fake, bool negative, const uint32_t *digits, size_t count);
mx_addr fake_small_int(struct fake *fake, int value);
mx_addr fake_bytes(struct fake *fake, const void *bytes, size_t count);
mx_addr fake_list(struct fake *fake, const mx_addr *items, size_t count);
mx_addr fake_tuple(struct fake *fake, const mx_addr *items, size_t count);

enum fake_keys_kind { FAKE_GENERAL, FAKE_UNICODE, FAKE_SPLIT };
// A table of 8 places, with `count` entries; values may be NULL.
mx_addr fake_keys(struct fake *fake, enum fake_keys_kind kind, const mx_addr *keys,
                  const mx_addr *values, size_t count);
mx_addr fake_dict_of(struct fake *fake, mx_addr keys, mx_addr values, size_t used);
mx_addr fake_dict(struct fake *fake, const mx_addr *keys, const mx_addr *values, size_t count);
// The values of a split table, or of an instance.
mx_addr fake_values(struct fake *fake, const mx_addr *values, size_t count);

// Code with locals `names`, the last of which is free where `free_count` is 1.
mx_addr fake_code(struct fake *fake, const char *name, const char *const *names, size_t count,
                  size_t free_count);
mx_addr fake_function(struct fake *fake, const char *name, mx_addr code);
mx_addr fake_module(struct fake *fake, const char *name);

#define FAKE_STACK 4 // co_stacksize of fake_code
// A running frame with these locals and value stack: an object to 3.10, the thread's own from 3.11 on.
// known: the depth of the stack is in the frame, as while it waits for its callee or is suspended.
mx_addr fake_frame(struct fake *fake, mx_addr code, const mx_addr *slots, size_t local_count,
                   size_t stack_count, bool known);
// Writes the 3.11+ frame to `frame`, which has room.
void fake_iframe(struct fake *fake, mx_addr frame, mx_addr code, int owner, const mx_addr *slots,
                 size_t local_count, size_t stack_count, bool known);
bool fake_has_iframes(const struct fake *fake);

// ---- what the decoder says --------------------------------------------------------------------

#define FAKE_EDGES 400
struct fake_edges {
    struct visitor visitor;
    struct fake *fake;
    size_t count;
    struct edge items[FAKE_EDGES];
    char labels[FAKE_EDGES][200];
    bool claim; // what visitor.claim answers
    bool ok;    // what object_visit answered
};
void fake_visit(struct fake *fake, mx_addr addr, struct fake_edges *ret);
// The edge with this label, to this object; fails the test when there is none.
const struct edge *fake_edge(const struct fake_edges *edges, const char *label, mx_addr to);
size_t fake_count_to(const struct fake_edges *edges, mx_addr to);
// Fails the test unless the preview is this.
void fake_expect_preview(struct fake *fake, mx_addr addr, const char *preview);
void fake_expect_kind(struct fake *fake, mx_addr addr, const char *kind);
const struct type_info *fake_info(struct fake *fake, mx_addr object);

// Runs the body for every layout there is.
#define FOR_EACH_LAYOUT(fake_)                                                                     \
    for (size_t i_ = 0; i_ < layout_count(); i_++)                                                 \
        for (struct fake *fake_##_once = (fake_init(fake_, layout_at(i_)), (fake_)); fake_##_once; \
             fake_fini(fake_), fake_##_once = NULL)

#endif
