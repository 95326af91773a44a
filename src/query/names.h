// names.h - the way to an object, as Python writes it.
#ifndef MX_QUERY_NAMES_H
#define MX_QUERY_NAMES_H

#include "query/fold.h"

#define NAME_NBYTES 600

struct names {
    char holder[NAME_NBYTES]; // app.BUS.subscribers['saved']
    char path[NAME_NBYTES];   // module app -> BUS -> .subscribers -> ['saved']
    char user[NAME_NBYTES];   // app.BUS: the first name of the user's own code; "" for none
    enum root_kind root;
};

// Of the object; `other` is MX_NO_OBJECT, or one that is alike: subscripts that they do not share are
// [...]. Long ways are written without their middle. O(length of the way + references of what is on it).
mx_status names_of(const struct hang *hang, uint32_t object, uint32_t other, struct names *ret,
                   struct mx_error *err);

// A type's name without what everybody knows: "list", "app.Session".
const char *names_type(const struct snapshot *snapshot, uint32_t type);

#endif
