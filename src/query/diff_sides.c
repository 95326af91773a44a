// diff_sides.c - what is found out of each snapshot on its own: where its objects hang.
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "query/diff.h"

// What reading in any order needs is unpacked for as long as it is read.
static mx_status make_side(struct mx_diff *diff, size_t i, struct mx_error *err)
{
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

struct made {
    struct mx_diff *diff;
    struct {
        mx_status status;
        struct mx_error err;
    } of[MX_DIFF_SNAPSHOTS];
};

static void work(void *data, size_t i)
{
    struct made *made = data;
    made->of[i].status = make_side(made->diff, i, &made->of[i].err);
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
    struct made made = {.diff = diff};
    bool at_once = are_files(diff);
    for (size_t i = 0; i < diff->count; i++) {
        plain_init(&diff->plain[i], diff->of[i]);
        diff->of[i] = &diff->plain[i].snapshot;
    }
    if (at_once)
        parallel_do(diff->count, work, &made);
    for (size_t i = 0; i < diff->count; i++) {
        if (!at_once)
            work(&made, i);
        if (!made.of[i].status)
            continue;
        if (err)
            *err = made.of[i].err;
        return made.of[i].status;
    }
    return MX_OK;
}
