// opened.h - a heap that comes from a snapshot file, and what it answers to the public questions.
//
// Such a heap has `opened`, and nothing else: no memory, no decoder. Each public question asks here first.
#ifndef MX_HEAP_OPENED_H
#define MX_HEAP_OPENED_H

#include "heap/heap.h"
#include "snapshot/file.h"

void opened_facts(const struct mx_heap *heap, uint32_t index, struct mx_object *ret,
                  uint32_t *ret_type_index);
mx_status opened_object(const struct mx_heap *heap, uint32_t index, struct mx_object *ret,
                        struct mx_error *err);
uint32_t opened_found_count(const struct mx_heap *heap, uint32_t index);
mx_status opened_references(const struct mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                            void *data, struct mx_error *err);
mx_status opened_referrers(const struct mx_heap *heap, uint32_t index, mx_reference_fn *fn,
                           void *data, struct mx_error *err);
mx_status opened_count_references(const struct mx_heap *heap, uint32_t index, uint64_t *ret,
                                  struct mx_error *err);
mx_status opened_count_referrers(const struct mx_heap *heap, uint32_t index, uint64_t *ret,
                                 struct mx_error *err);
mx_status opened_cycles(const struct mx_heap *heap, bool garbage, mx_cycles **ret,
                        struct mx_error *err);

#endif
