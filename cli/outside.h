// outside.h - answers a lesson that asks what its counts look like from another process.
//
//   lesson --"refs 0x7f3a5c2d1e80\n"--> explorer    the lesson then stands still, reading
//   lesson <--"2 1 0\n"-- explorer                  reference count, alive, immortal
//
// Immortal is "-1 1 1", not alive "0 0 0"; what cannot be answered is "error TEXT".
#ifndef MX_CLI_OUTSIDE_H
#define MX_CLI_OUTSIDE_H

#include "memexplorer.h"

// Answers until `in` ends. `pid` is a child of ours. Closes both descriptors.
void outside_serve(int pid, int in, int out);

#endif
