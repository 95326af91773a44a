// preview.h - what preview.c, preview_items.c and numbers.c share. Nobody else includes it.
#ifndef MX_DECODE_PREVIEW_H
#define MX_DECODE_PREVIEW_H

#include "decode/decoder.h"

#define PREVIEW_ITEMS 8        // of one container
#define PREVIEW_CHARACTERS 100 // of one string
#define PREVIEW_DEPTH 3        // of containers in containers
#define PREVIEW_WORK 4096      // items looked at in all: sets and dicts have empty places

// An object on its way into a text.
struct shown {
    struct decoder *decoder;
    mx_addr addr;
    uint32_t type; // number of its type
    const struct type_info *info;
    int depth; // containers around it
    struct text *text;
};

// Writes the object at addr, one container deeper than `around`.
void show_inner(const struct shown *around, mx_addr addr);
// Writes the value of an str object without quotes, "?" when it cannot be read.
void show_name(const struct shown *it, mx_addr str);

void show_int(const struct shown *it);
void show_float(const struct shown *it);
void show_complex(const struct shown *it);

void show_bytes(const struct shown *it);
void show_bytearray(const struct shown *it);
void show_list(const struct shown *it);
void show_tuple(const struct shown *it);
void show_deque(const struct shown *it);
void show_set(const struct shown *it);
void show_dict(const struct shown *it);

#endif
