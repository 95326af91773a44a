// steps.h - one reference on a way, as a person would write it.
//
//   module -> .__dict__ -> ['CACHE']                     .CACHE
//   function -> .__closure__ -> [0] -> .cell_contents    closure seen
//   context -> .ctx_vars -> .h_root -> [3]               variable 'trail'
//   _thread._local -> .dummies -> [...] -> ['history']   .history
#ifndef MX_QUERY_STEPS_H
#define MX_QUERY_STEPS_H

#include "snapshot/snapshot.h"

#define STEP_NBYTES 200

// What the references before it have led into; all zero at a root.
struct step_state {
    bool in_namespace; // the dict behind attributes
    bool in_local;     // the dict of threads of a _thread._local
    uint32_t closure;  // the function + 1 whose cells these are
};

// Writes the step to `label` ("" where it says nothing that the next one does not say), and goes on to
// the state behind it. `last`: nothing comes behind it. O(references of from).
void step_write(const struct snapshot *snapshot, struct step_state *state, uint32_t from,
                uint32_t to, bool last, char *label);

// The label alone, as the snapshot has it.
void step_label(const struct snapshot *snapshot, uint32_t from, uint32_t to, char *label);

#endif
