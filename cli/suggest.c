// suggest.c - the name that was probably meant: edit distance, and a word that begins a name.
#include "suggest.h"

#include <stdbool.h>
#include <string.h>

#define LIMIT_WORD 32 // no name of ours is as long: a longer word is near to nothing

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Optimal string alignment: insertions, deletions, substitutions, neighbours swapped.
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][LIMIT_WORD + 1], na = strlen(a), nb = strlen(b);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] =
                smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[nb];
}

static bool begins(const char *name, const char *word)
{
    return strlen(word) >= 3 && strncmp(name, word, strlen(word)) == 0;
}

const char *suggest_nearest(const char *word, const char *const *names, size_t count)
{
    if (strlen(word) > LIMIT_WORD)
        return NULL;
    const char *nearest = NULL;
    size_t best = 3; // two slips are a typo, three another word
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > LIMIT_WORD)
            continue;
        size_t found =
            begins(names[i], word) || begins(word, names[i]) ? 1 : distance(word, names[i]);
        if (found < best && found < strlen(names[i])) {
            best = found;
            nearest = names[i];
        }
    }
    return nearest;
}
