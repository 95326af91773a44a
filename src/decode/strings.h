// strings.h - str objects: their values, and where these are.
#ifndef MX_DECODE_STRINGS_H
#define MX_DECODE_STRINGS_H

#include "memexplorer.h"

struct decoder;
struct text;
struct type_info;

// The str object's value as UTF-8 into buffer, cut; false when it is no readable str.
bool str_value(struct decoder *decoder, mx_addr addr, char *buffer, size_t nbytes);
bool str_equals(struct decoder *decoder, mx_addr addr, const char *ascii);
// A str whose characters stand behind its header, one byte each.
bool str_is_ascii(struct decoder *decoder, mx_addr addr);
// Bytes of the struct of an exact str: in front of its characters, where these stand behind it.
uint64_t str_head_nbytes(struct decoder *decoder, mx_addr addr);
#define STR_INTERNED 3 // bits of ascii_state
// 0 not interned, 1 mortal, 2 immortal (pycore_unicodeobject.h, SSTATE_*).
int str_interned(struct decoder *decoder, mx_addr addr);
uint64_t str_size(struct decoder *decoder, mx_addr addr, const struct type_info *type);
// repr() of a str, at most `characters` of it.
void str_repr(struct decoder *decoder, mx_addr addr, uint64_t characters, struct text *text);

#endif
