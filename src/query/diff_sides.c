// diff_sides.c - what is found out of each snapshot on its own: where its objects hang.
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "query/diff.h"

// What reading in any order needs is unpacked for as long as it is read.
static mx_status make_side(void *data, size_t i, struct mx_error *err)
{
    struct mx_diff *diff = data;
    struct plain *plain = &diff->plain[i];
    mx_status status = plain_add(plain, PLAIN_type | PLAIN_dominator | PLAIN_REFERENCES, err);
    if (!status)
        status = hang_make(&plain->snapshot, &diff->hangs[i], err);
    plain_drop(plain, PLAIN_REFERENCES);
    if (!status)
        status = plain_add(plain, PLAIN_BYTES, err);
    if (!status)
        status = fold_make(&diff->hangs[i], &diff->folds[i], err);
    free(diff->hangs[i].order);
    diff->hangs[i].order = NULL;
    return status;
}

// A live heap makes its texts in memory that one thread may use.
static bool are_files(const struct mx_diff *diff)
{
    for (size_t i = 0; i < diff->count; i++)
        if (!diff->of[i]->labels_at_hand)
            return false;
    return true;
}

mx_status diff_make_sides(struct mx_diff *diff, struct mx_error *err)
{
    bool at_once = are_files(diff);
    for (size_t i = 0; i < diff->count; i++) {
        plain_init(&diff->plain[i], diff->of[i]);
        diff->of[i] = &diff->plain[i].snapshot;
    }
    if (at_once)
        return parallel_do(diff->count, make_side, diff, err);
    mx_status status = MX_OK;
    for (size_t i = 0; !status && i < diff->count; i++)
        status = make_side(diff, i, err);
    return status;
}
