// traverse.c - which references the collector is told of.
#include "decode/decoder.h"

bool edge_is_traversed(struct decoder *decoder, mx_addr from, const struct type_info *type,
                       const struct edge *edge)
{
    (void)decoder, (void)from, (void)type;
    return edge->hold == HOLD_OWNED || edge->hold == HOLD_POSSIBLE;
}
