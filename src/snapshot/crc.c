// crc.c - CRC-32C, with the processor's instruction for it where there is one.
#include "base/cleanup.h"
#include "snapshot/format.h"

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_words(uint32_t crc, const uint8_t *bytes,
                                                            size_t count)
{
    uint64_t wide = crc;
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * i, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    return (uint32_t)wide;
}
#define HAS_WORDS __builtin_cpu_supports("sse4.2")
#else
#define HAS_WORDS 0
#define crc_words(crc, bytes, count) (crc)
#endif

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    return crc;
}

uint32_t crc32c(uint32_t before, const void *bytes, size_t nbytes)
{
    const uint8_t *at = bytes;
    uint32_t crc = ~before;
    size_t words = HAS_WORDS ? nbytes / 8 : 0;
    crc = crc_words(crc, at, words);
    for (size_t i = 8 * words; i < nbytes; i++)
        crc = crc_byte(crc, at[i]);
    return ~crc;
}

const char *format_name(enum format_number number)
{
    static const char *const NAMES[] = {
#define X(name, of, meaning) #name,
        SNAPSHOT_COLUMNS(X)
#undef X
#define X(name, meaning) #name,
            FORMAT_SECTIONS(X)
#undef X
    };
    return NAMES[number];
}
