// zstd.c - sections as zstd frames.
#include <stdlib.h>
#include <zstd.h>

#include "base/error.h"
#include "snapshot/output.h"

#define LEVEL 3

const bool zstd_is_there = true;

mx_status zstd_pack(const void *bytes, uint64_t nbytes, uint8_t **ret, uint64_t *ret_nbytes,
                    struct mx_error *err)
{
    size_t room = ZSTD_compressBound(nbytes);
    uint8_t *packed = malloc(room + 1);
    if (!packed)
        return fail_no_memory(err);
    size_t written = ZSTD_compress(packed, room, bytes, nbytes, LEVEL);
    if (ZSTD_isError(written)) {
        free(packed);
        return fail(err, MX_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(written));
    }
    *ret = packed;
    *ret_nbytes = written;
    return MX_OK;
}

bool zstd_unpack(const void *bytes, uint64_t nbytes, void *ret, uint64_t raw_nbytes)
{
    return ZSTD_decompress(ret, raw_nbytes, bytes, nbytes) == raw_nbytes;
}
