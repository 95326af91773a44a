// record.h - dicts and lists of an answer, as `--json` of the commands has them (docs/json.md).
//
// Where one cannot be made an exception is set, and all that follows is NULL: the caller looks once,
// at the end.
#ifndef MEMEXPLORER_PYTHON_RECORD_H
#define MEMEXPLORER_PYTHON_RECORD_H

#include "extension.h"

#include <memexplorer.h>
#include <stdbool.h>

PyObject *record_text(const char *text);
PyObject *record_number(uint64_t number);
PyObject *record_signed(int64_t number);
PyObject *record_real(double number); // to a thousandth
PyObject *record_flag(bool flag);
PyObject *record_none(void);
PyObject *record_address(mx_addr address); // "0x7f3a5c2d1e80"

// A dict with these pairs in this order: record_make("key", record_number(1), ..., NULL). Takes the
// values.
PyObject *record_make(const char *key, ...) __attribute__((sentinel));
// Takes the value.
void record_set(PyObject *record, const char *key, PyObject *value);
PyObject *record_list(void);
void record_append(PyObject *list, PyObject *value);

PyObject *record_capture(const mx_heap *heap);
PyObject *record_blind_spots(const struct mx_blind_spots *spots);

#endif
