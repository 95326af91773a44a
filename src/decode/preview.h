// preview.h - the pieces of preview.c that have a file of their own.
#ifndef MX_DECODE_PREVIEW_H
#define MX_DECODE_PREVIEW_H

#include "decode/decoder.h"

void int_preview(struct decoder *decoder, mx_addr addr, const struct type_info *type,
                 struct text *text);
void float_preview(struct decoder *decoder, mx_addr addr, struct text *text);
void complex_preview(struct decoder *decoder, mx_addr addr, struct text *text);

#endif
