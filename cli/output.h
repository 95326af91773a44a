// output.h - the terminal: colour, width, progress, and an end of output that is checked.
#ifndef MX_CLI_OUTPUT_H
#define MX_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "memexplorer.h"

// Makes standard input, output and error safe to use. Called once, first.
void output_init(void);

// Prints a status' one line: "memexplorer: pid 812: permission denied; ...".
void output_error(const struct mx_error *err);

// Flushes what was printed: an error when it did not get to where it was sent.
mx_status output_finish(struct mx_error *err);

// Forgets what was printed and is still in the buffer: of a file or pipe the last 256 KiB.
void output_drop(void);

// True when standard output takes no more; for loops that print millions of lines.
bool output_failed(void);

// Escape sequences; "" when standard output is no terminal or NO_COLOR is set.
enum style { STYLE_PLAIN, STYLE_HEADING, STYLE_QUIET, STYLE_WARNING };
const char *output_style(enum style style);

// Columns of the terminal on standard output; 0 when it is none.
size_t output_columns(void);

// One line on standard error, when it is a terminal and more than a second has passed.
struct progress {
    double started, printed; // seconds, monotonic
    bool wanted;
};
void progress_init(struct progress *progress);
void progress_show(const char *phase, uint64_t done, uint64_t total, void *progress);
void progress_clear(struct progress *progress);

#endif
