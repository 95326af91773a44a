// fake_mimalloc.c - a segment of mimalloc at the start of a fake's memory, in the shape of its layout.
//
//   | header | page of GC blocks | page of GC blocks with room in front | page of others | all the rest |
#include "fake.h"

#include "heap/mimalloc.h"

#define SLICE_NBYTES 65536
#define SLICE_COUNT (FAKE_NBYTES / SLICE_NBYTES)

static const struct {
    int tag;
    uint32_t first, slices, block_nbytes;
} PAGES[] = {
    {MIMALLOC_GC, 1, 6, 1024},  {MIMALLOC_GC_PRE, 7, 1, 1024}, {MIMALLOC_OBJECT, 8, 4, 512},
    {MIMALLOC_MEM, 12, 1, 512}, {0, 13, SLICE_COUNT - 13, 0},
};
#define PAGE_COUNT (sizeof PAGES / sizeof PAGES[0])

mx_addr fake_page(const struct fake *fake, mx_addr segment, uint32_t slice)
{
    return segment +
           (uint64_t)(fake->l->mi_segment_slices + (int32_t)slice * fake->l->mi_page_size);
}

void fake_page_write(struct fake *fake, mx_addr segment, uint32_t slice, uint32_t slice_count,
                     uint32_t block_nbytes, int tag)
{
    const struct layout *l = fake->l;
    mx_addr page = fake_page(fake, segment, slice);
    fake_field32(fake, page, l->mi_page_slice_count, slice_count);
    for (uint32_t i = 1; i < slice_count; i++)
        fake_field32(fake, fake_page(fake, segment, slice + i), l->mi_page_slice_offset,
                     i * (uint32_t)l->mi_page_size);
    fake_field32(fake, page, l->mi_page_block_size, block_nbytes);
    fake_field(fake, page, l->mi_page_start, block_nbytes ? fake_page_start(fake, page) : 0);
    fake_field8(fake, page, l->mi_page_tag, (uint8_t)tag);
    if (l->mimalloc_shape == MIMALLOC_START_COMPUTED) // beside is_committed and is_zero_init
        fake_field8(fake, page, l->mi_page_slice_offset + 4, (uint8_t)(1 | tag << 3));
}

// segment.c, _mi_segment_page_start_from_slice; mimalloc 2.5 has other distances, and writes them down.
mx_addr fake_page_start(struct fake *fake, mx_addr page)
{
    const struct layout *l = fake->l;
    mx_addr segment = page & ~0x1FFFFFFull;
    uint64_t slice = (page - segment - (uint64_t)l->mi_segment_slices) / (uint64_t)l->mi_page_size;
    uint32_t nbytes32;
    memcpy(&nbytes32, fake_at(fake, page + (uint64_t)l->mi_page_block_size, 4), 4);
    uint64_t nbytes = nbytes32;
    uint64_t before = nbytes > 512 ? 0 : nbytes > 64 ? nbytes : 3 * nbytes;
    return segment + slice * SLICE_NBYTES +
           (l->mimalloc_shape == MIMALLOC_START_STORED ? 2 * nbytes : before);
}

void fake_page_capacity(struct fake *fake, mx_addr page, uint32_t count)
{
    uint16_t capacity = (uint16_t)count;
    memcpy(fake_at(fake, page + (uint64_t)fake->l->mi_page_capacity, 2), &capacity, 2);
}

void fake_segment(struct fake *fake, mx_addr segment, uint32_t slice_count)
{
    const struct layout *l = fake->l;
    fake_field(fake, segment, l->mi_segment_slice_count, slice_count);
    fake_field(fake, segment, l->mi_segment_slice_entries, slice_count);
    fake_field(fake, segment, l->mi_segment_info_slices, 1);
    fake_field32(fake, fake_page(fake, segment, 0), l->mi_page_slice_count, 1);
}

void fake_mimalloc_init(struct fake *fake)
{
    fake_segment(fake, FAKE_START, SLICE_COUNT);
    for (size_t i = 0; i < PAGE_COUNT; i++)
        fake_page_write(fake, FAKE_START, PAGES[i].first, PAGES[i].slices, PAGES[i].block_nbytes,
                        PAGES[i].tag);
    fake->used = (uint64_t)PAGES[PAGE_COUNT - 1].first * SLICE_NBYTES;
}

// Blocks that are too large, or too many, are of no page.
mx_addr fake_block(struct fake *fake, int tag, uint64_t nbytes)
{
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        uint64_t room = (uint64_t)PAGES[i].slices * SLICE_NBYTES, size = PAGES[i].block_nbytes;
        uint32_t *count = &fake->block_counts[i];
        if (PAGES[i].tag != tag || nbytes > size || (*count + 3) * size > room)
            continue;
        mx_addr page = fake_page(fake, FAKE_START, PAGES[i].first);
        fake_page_capacity(fake, page, ++*count);
        return fake_page_start(fake, page) + (*count - 1) * size;
    }
    return fake_alloc(fake, nbytes);
}

uint64_t fake_segment_place(const struct fake *fake, uint64_t n)
{
    uint64_t header = (uint64_t)fake->l->mi_segment_slices +
                      (uint64_t)fake->l->mi_page_size * PAGES[PAGE_COUNT - 1].first;
    uint64_t total = header;
    for (size_t i = 0; i < PAGE_COUNT; i++)
        total += (uint64_t)fake->block_counts[i] * PAGES[i].block_nbytes;
    n %= 4 * total;
    if (n >= 3 * total)
        return n % header; // a quarter of all: it decides what the rest is
    n %= total;
    if (n < header)
        return n;
    n -= header;
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        uint64_t used = (uint64_t)fake->block_counts[i] * PAGES[i].block_nbytes;
        if (n < used)
            return (uint64_t)PAGES[i].first * SLICE_NBYTES + n;
        n -= used;
    }
    return 0;
}
