// suggest.h - the name that was probably meant.
#ifndef MX_CLI_SUGGEST_H
#define MX_CLI_SUGGEST_H

#include <stddef.h>

// The nearest of `names` to a mistyped word, or NULL when none is near. O(names).
const char *suggest_nearest(const char *word, const char *const *names, size_t count);

#endif
