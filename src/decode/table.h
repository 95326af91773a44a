// table.h - the table of keys and values behind a dict, or behind a class and its instances.
#ifndef MX_DECODE_TABLE_H
#define MX_DECODE_TABLE_H

#include "memexplorer.h"

struct decoder;
struct type_info;

// A dict's table, ready for iteration.
struct table {
    mx_addr keys;
    mx_addr entries;
    mx_addr values; // 0 for a combined table
    uint64_t entry_count;
    uint64_t dk_size;
    uint32_t entry_nbytes, key_offset; // value follows key
    bool unicode;                      // string keys only: tp_traverse does not visit them
};
bool table_open(struct decoder *decoder, mx_addr keys, mx_addr values, struct table *ret);
bool dict_open(struct decoder *decoder, mx_addr dict, struct table *ret);
// Entry i; false when it is unused or unreadable. Key and value are never 0.
bool table_entry(struct decoder *decoder, const struct table *table, uint64_t i, mx_addr *ret_key,
                 mx_addr *ret_value);
// Value of an ASCII string key; 0 when there is none. O(entries).
mx_addr dict_get(struct decoder *decoder, mx_addr dict, const char *key);
uint64_t table_nbytes(struct decoder *decoder, mx_addr keys);
// Many entries, and each an interned string under itself: to 3.11 nothing else tells the dict of
// interned strings. O(1).
bool looks_like_interned(struct decoder *decoder, mx_addr dict);
// __dict__ of an instance, or 0.
mx_addr instance_dict(struct decoder *decoder, mx_addr addr, const struct type_info *type);

#endif
