// blind_spots.h - what was not seen is said, not left out.
#ifndef CLI_BLIND_SPOTS_H
#define CLI_BLIND_SPOTS_H

#include "json.h"

// A line for each kind that is not zero, each beginning with `indent`; nothing when all is seen.
void blind_spots_print(const struct mx_blind_spots *spots, const char *heading, const char *indent);
json_t *blind_spots_json(const struct mx_blind_spots *spots);
// One line on standard error, when objects may be missing from an answer.
void blind_spots_warn(const mx_heap *heap);

#endif
