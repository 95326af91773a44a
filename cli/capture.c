// capture.c - saying how a heap was read, and what that means for the answer.
#include "capture.h"

#include <stdio.h>

#include "output.h"

void capture_print_note(const mx_heap *heap)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    if (summary->mode == MX_CAPTURE_NO_PAUSE)
        printf("\n%sRead as it ran, so the view may be torn: objects may be missing or half made, "
               "and a "
               "surplus or deficit is not reliable. C stacks and registers were not looked at.%s\n",
               output_style(STYLE_WARNING), output_style(STYLE_PLAIN));
}

void capture_warn(const mx_heap *heap)
{
    if (mx_heap_summary(heap)->mode != MX_CAPTURE_NO_PAUSE)
        return;
    fflush(stdout);
    fputs("memexplorer: read as it ran: the view may be torn\n", stderr);
}

json_t *capture_json(const mx_heap *heap)
{
    const struct mx_heap_summary *summary = mx_heap_summary(heap);
    bool from_core = mx_heap_target(heap)->from_core;
    bool consistent = summary->mode != MX_CAPTURE_NO_PAUSE;
    return json_make("mode", json_text(from_core ? "core" : mx_capture_mode_name(summary->mode)), //
                     "consistent", json_boolean(consistent),                                      //
                     "pause_ms", json_milliseconds(summary->pause_ns), NULL);
}
