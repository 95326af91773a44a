// zstd_none.c - in the place of zstd.c where the library is built without it.
#include "base/error.h"
#include "snapshot/output.h"

const bool zstd_is_there = false;

mx_status zstd_pack(const void *bytes, uint64_t nbytes, uint8_t **ret, uint64_t *ret_nbytes,
                    struct mx_error *err)
{
    (void)bytes, (void)nbytes, (void)ret, (void)ret_nbytes;
    return fail(err, MX_UNSUPPORTED, "this build cannot compress: it was made without zstd");
}

bool zstd_unpack(const void *bytes, uint64_t nbytes, void *ret, uint64_t raw_nbytes)
{
    (void)bytes, (void)nbytes, (void)ret, (void)raw_nbytes;
    return false;
}
