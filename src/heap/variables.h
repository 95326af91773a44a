// variables.h - which variable of which library an address is in.
#ifndef MX_HEAP_VARIABLES_H
#define MX_HEAP_VARIABLES_H

#include "heap/heap.h"

struct libraries; // names that have been read

// "_datetime.cpython-311-x86_64-linux-gnu.so: CAPI" for a word of static data, and how far into it
// the word is. By symbol where the file or the memory has one, else by section (".bss"), else the
// library alone; "" when addr is in no library's data. Reads a library's file when it is first asked
// for, as it was when the process was copied or not at all.
void variable_name(struct mx_heap *heap, mx_addr place, char *buffer, size_t nbytes,
                   uint64_t *ret_offset);
void libraries_free(struct libraries *libraries); // may be NULL

#endif
