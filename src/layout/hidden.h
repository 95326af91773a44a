// hidden.h - references that an object owns and its type's tp_traverse does not report.
//
// The cycle collector knows of a reference only what tp_traverse tells it: one that is not reported
// keeps its target alive as native code would. Which ones those are is behaviour, not layout, so it
// goes by the exact version of the target. What holds in every version (names, slots, subclasses of
// a type) is the decoder's business.
#ifndef MX_LAYOUT_HIDDEN_H
#define MX_LAYOUT_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

// What lies behind a pointer of the struct, as its decoder tells it.
#define HIDDEN_BEHIND (-1)
#define HIDDEN_ALL (-2) // in the table: every word that the type adds to its base's struct

// The member `name` (NULL where the layout has no name for it), `offset` bytes behind the header, of
// a C type called type_name.
bool layout_hides(uint32_t version_hex, const char *type_name, const char *name, int32_t offset);

// An instance with values inside itself and a __dict__ over them does not report the dict
// (Objects/dictobject.c, PyObject_VisitManagedDict; gh-130327).
bool layout_hides_managed_dict(uint32_t version_hex);

// A free-threaded collector stops tracking dicts that refer to nothing tracked.
bool layout_untracks_dicts(uint32_t version_hex, bool free_threaded);

#endif
