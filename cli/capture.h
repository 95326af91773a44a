// capture.h - saying how a heap was read, and what that means for the answer.
#ifndef MX_CLI_CAPTURE_H
#define MX_CLI_CAPTURE_H

#include "json.h"
#include "memexplorer.h"

// A line for a person, after an empty one, where the view may be torn; else nothing.
void capture_print_note(const mx_heap *heap);
// The same on standard error, for answers of rows alone.
void capture_warn(const mx_heap *heap);
// The same for programs, always: `capture` of docs/json.md.
json_t *capture_json(const mx_heap *heap);

#endif
