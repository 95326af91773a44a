// record.c - dicts and lists of an answer, as `--json` of the commands has them.
#include "record.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// After a failure nothing is asked of Python any more but to let go.
static bool failed(void)
{
    return PyErr_Occurred() != NULL;
}

PyObject *record_text(const char *text)
{
    return failed() ? NULL : PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyObject *record_number(uint64_t number)
{
    return failed() ? NULL : PyLong_FromUnsignedLongLong(number);
}

PyObject *record_signed(int64_t number)
{
    return failed() ? NULL : PyLong_FromLongLong(number);
}

PyObject *record_real(double number)
{
    double rounded = round(number * 1000) / 1000;
    return failed() ? NULL : PyFloat_FromDouble(isfinite(rounded) ? rounded : 0);
}

PyObject *record_flag(bool flag)
{
    return failed() ? NULL : PyBool_FromLong(flag);
}

PyObject *record_none(void)
{
    return failed() ? NULL : compat_new_ref(Py_None);
}

PyObject *record_address(mx_addr address)
{
    char text[24];
    snprintf(text, sizeof text, "0x%" PRIx64, address);
    return record_text(text);
}

void record_set(PyObject *record, const char *key, PyObject *value)
{
    if (record && value && !failed())
        PyDict_SetItemString(record, key, value); // a failure stays set
    Py_XDECREF(value);
}

PyObject *record_make(const char *key, ...)
{
    PyObject *record = failed() ? NULL : PyDict_New();
    va_list pairs;
    va_start(pairs, key);
    for (; key; key = va_arg(pairs, const char *))
        record_set(record, key, va_arg(pairs, PyObject *));
    va_end(pairs);
    return record;
}

PyObject *record_list(void)
{
    return failed() ? NULL : PyList_New(0);
}

void record_append(PyObject *list, PyObject *value)
{
    if (list && value && !failed())
        PyList_Append(list, value);
    Py_XDECREF(value);
}

PyObject *record_capture(const mx_heap *heap)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    bool from_core = mx_heap_target(heap)->from_core;
    bool consistent = summary->mode != MX_CAPTURE_NO_PAUSE;
    return record_make("mode",
                       record_text(from_core ? "core" : mx_capture_mode_name(summary->mode)),
                       "consistent", record_flag(consistent), //
                       "pause_ms", record_real((double)summary->pause_ns / 1e6), NULL);
}

PyObject *record_blind_spots(const struct mx_blind_spots *spots)
{
#define COUNT(name) #name, record_number(spots->name)
    return record_make(COUNT(unreadable_bytes), COUNT(unforked_bytes), COUNT(device_bytes),
                       COUNT(shared_bytes), COUNT(file_bytes), COUNT(undecoded_objects),
                       COUNT(scanned_types), COUNT(scanned_objects), COUNT(possible_words),
                       COUNT(native_blocks), COUNT(native_bytes), COUNT(lost_blocks),
                       COUNT(lost_bytes), COUNT(broken_bytes), COUNT(threads_unseen), //
                       "allocators", record_text(spots->allocators), NULL);
#undef COUNT
}
