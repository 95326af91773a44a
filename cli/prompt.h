// prompt.h - lines that somebody types, or that come from a file: with a history and editing where
// there is a terminal.
#ifndef MX_CLI_PROMPT_H
#define MX_CLI_PROMPT_H

#include <stdbool.h>

struct prompt;

// `name` is that of the history, kept in $XDG_STATE_HOME/memexplorer (or ~/.local/state) for this
// user alone. Standard input has to be a terminal, or nothing is edited and kept.
struct prompt *prompt_open(const char *name);

// The next line, without its end; NULL at the end of input. *ret_interrupted is set, and the line
// empty, when Ctrl-C was pressed instead. Valid until the next call.
const char *prompt_read(struct prompt *prompt, const char *text, bool *ret_interrupted);

// Puts it into the history, as one line.
void prompt_remember(struct prompt *prompt, const char *text);
void prompt_close(struct prompt *prompt);

#endif
