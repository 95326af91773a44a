// arrow.h - what Table is made of.
#ifndef MEMEXPLORER_PYTHON_ARROW_H
#define MEMEXPLORER_PYTHON_ARROW_H

#include "extension.h"

#include <memexplorer.h>

// Rows of a batch from `first` on, `most` at the most, as a list of tuples; NULL with an exception set.
PyObject *arrow_rows(mx_batch *batch, uint64_t first, uint64_t most);

#endif
