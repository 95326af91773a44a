// cursor.h - a column read from its beginning towards its end, some numbers at once.
#ifndef MX_SNAPSHOT_CURSOR_H
#define MX_SNAPSHOT_CURSOR_H

#include "snapshot/column.h"

#define CURSOR_NUMBERS 1024
#define CURSOR_NEAR 64   // numbers that may be passed over
#define CURSOR_AHEAD 256 // read at once then

// Begins with the column alone.
struct cursor {
    const struct column *column;
    uint64_t begin, end; // of the numbers at hand
    uint64_t numbers[CURSOR_NUMBERS];
};

// The number at `index`, which is below the column's count. Going back costs as much as CURSOR_NUMBERS forward.
static inline uint64_t cursor_at(struct cursor *cursor, uint64_t index)
{
    if (index >= cursor->end || index < cursor->begin) {
        uint64_t left = cursor->column->count - index;
        uint64_t count = left < CURSOR_NUMBERS ? left : CURSOR_NUMBERS;
        column_read(cursor->column, index, count, cursor->numbers);
        cursor->begin = index;
        cursor->end = index + count;
    }
    return cursor->numbers[index - cursor->begin];
}

// The same where the indexes mostly rise, by little or by much: numbers ahead are read when it is by little.
static inline uint64_t cursor_near(struct cursor *cursor, uint64_t index)
{
    if (index >= cursor->begin && index < cursor->end)
        return cursor->numbers[index - cursor->begin];
    uint64_t left = cursor->column->count - index, count = 1;
    if (index - cursor->end < CURSOR_NEAR)
        count = left < CURSOR_AHEAD ? left : CURSOR_AHEAD;
    if (count == 1)
        cursor->numbers[0] = column_at(cursor->column, index);
    else
        column_read(cursor->column, index, count, cursor->numbers);
    cursor->begin = index;
    cursor->end = index + count;
    return cursor->numbers[0];
}

#endif
