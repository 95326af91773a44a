// blind_spots.c - what was not seen, in words and as JSON.
#include "blind_spots.h"

#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "output.h"
#include "text.h"

// Less is the odd page behind the end of a deleted file, whose size takes more rights to find out, and
// guard pages under Linux 6.13 and 6.14, which do not tell them apart.
#define WORTH_A_WARNING (64u << 10)

void blind_spots_print(const struct mx_blind_spots *spots, const char *heading, const char *indent)
{
    const struct {
        uint64_t number;
        bool is_size;
        const char *text;
    } rows[] = {
        {spots->unreadable_bytes, true, "of memory could not be read: objects may be missing"},
        {spots->unforked_bytes, true,
         "not given to children (MADV_DONTFORK, MADV_WIPEONFORK): --freeze sees it"},
        {spots->undecoded_objects, false, "objects made no sense: what they refer to is not known"},
        {spots->threads_unseen, false, "threads whose registers and C stacks were not seen"},
        {spots->broken_bytes, true,
         "of malloc's memory was in disorder, what follows was left out"},
        {spots->shared_bytes, true, "shared with other processes, not copied"},
        {spots->device_bytes, true, "of devices, not read"},
        {spots->file_bytes, true, "of large mapped files, not read"},
        {spots->scanned_objects, false, "objects of C types that nobody described, looked through"},
        {spots->possible_words, false, "words that may be references, counted where a count asks"},
        {spots->native_bytes, true, "allocated by native code"},
        {spots->lost_bytes, true, "of that, to which nothing that was found points"},
    };
    bool any = spots->allocators[0] != '\0';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        any |= rows[i].number != 0;
    if (!any)
        return;
    printf("\n%s%s%s\n", output_style(STYLE_HEADING), heading, output_style(STYLE_PLAIN));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].number)
            printf("%s%s %s\n", indent,
                   rows[i].is_size ? text_size(rows[i].number).s : text_count(rows[i].number).s,
                   rows[i].text);
    if (spots->allocators[0])
        printf("%sblocks of %s cannot be listed\n", indent, spots->allocators);
}

static json_t *count_json(uint64_t count)
{
    return must(json_integer((json_int_t)count));
}

json_t *blind_spots_json(const struct mx_blind_spots *spots)
{
    return json_make("unreadable_bytes", count_json(spots->unreadable_bytes),   //
                     "unforked_bytes", count_json(spots->unforked_bytes),       //
                     "device_bytes", count_json(spots->device_bytes),           //
                     "shared_bytes", count_json(spots->shared_bytes),           //
                     "file_bytes", count_json(spots->file_bytes),               //
                     "undecoded_objects", count_json(spots->undecoded_objects), //
                     "scanned_types", count_json(spots->scanned_types),         //
                     "scanned_objects", count_json(spots->scanned_objects),     //
                     "possible_words", count_json(spots->possible_words),       //
                     "native_blocks", count_json(spots->native_blocks),         //
                     "native_bytes", count_json(spots->native_bytes),           //
                     "lost_blocks", count_json(spots->lost_blocks),             //
                     "lost_bytes", count_json(spots->lost_bytes),               //
                     "broken_bytes", count_json(spots->broken_bytes),           //
                     "threads_unseen", count_json(spots->threads_unseen),       //
                     "allocators", json_text(spots->allocators), NULL);
}

void blind_spots_warn(const mx_heap *heap)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    if (summary->skipped_bytes < WORTH_A_WARNING && !summary->undecoded)
        return;
    fflush(stdout);
    fprintf(stderr,
            "memexplorer: objects may be missing: %s of memory could not be read, %s objects made "
            "no sense (report says more)\n",
            text_size(summary->skipped_bytes).s, text_count(summary->undecoded).s);
}
