// export_names.h - the strings of a .heapsnapshot: they stand at its end, and their numbers before.
//
// What was given a number waits in an unlinked file, so that memory does not grow with the strings.
// Equal short strings mostly have the same number: the last one met of each hash is remembered.
#ifndef MX_QUERY_EXPORT_NAMES_H
#define MX_QUERY_EXPORT_NAMES_H

#include "query/sink.h"

#define NAMES_REMEMBERED 65536
#define REMEMBERED_NBYTES 58 // longer ones are seldom met again

struct remembered_name {
    uint32_t number;
    uint8_t used, nbytes;
    char bytes[REMEMBERED_NBYTES];
};

struct names {
    int file;
    uint32_t count;
    bool full; // there were more than numbers
    struct sink spool;
    struct remembered_name remembered[NAMES_REMEMBERED];
};

// 4 MiB, to be freed by names_free. MX_IO when there is no place for the file ($TMPDIR, /var/tmp).
mx_status names_new(struct names **ret, struct mx_error *err);
void names_free(struct names *names);
uint32_t names_add(struct names *names, const char *bytes, size_t nbytes);
// All of them, as members of a JSON list.
mx_status names_write(struct names *names, struct sink *sink, struct mx_error *err);

#endif
