// hidden.c - the table of what tp_traverse leaves out, type by type.
//
// Found by comparing gc.get_referents() with every owned reference, tests/integration/test_garbage.py.
#include "layout/hidden.h"

#include <stddef.h>
#include <string.h>

#define FIRST 0
#define NEVER UINT32_MAX // not to this day

static const struct {
    const char *type_name;
    const char *name; // NULL: by offset
    int32_t offset;
    uint32_t since, until; // versions: from the first on, up to but not including the second
} HIDDEN[] = {
    // Modules/_io/stringio.c: the list of pieces of a write-only StringIO
    {"_io.StringIO", "accu.small", 0, FIRST, 0x030C0000},
    {"_io.StringIO", "accu.large", 0, FIRST, 0x030C0000},
    // Modules/_io/bufferedio.c, bufferedrwpair_traverse: reader and writer
    {"_io.BufferedRWPair", "reader", 0, FIRST, 0x030C0000},
    {"_io.BufferedRWPair", "writer", 0, FIRST, 0x030C0000},
    {"_io.BufferedRWPair", NULL, 0x00, FIRST, 0x030C0000},
    {"_io.BufferedRWPair", NULL, 0x08, FIRST, 0x030C0000},
    // Modules/_pickle.c: the memo (bpo-41422)
    {"_pickle.Pickler", NULL, HIDDEN_BEHIND, FIRST, 0x030B07F0},
    {"_pickle.Pickler", NULL, HIDDEN_BEHIND, 0x030C0000, 0x030C01F0},
    {"_pickle.Unpickler", NULL, HIDDEN_BEHIND, FIRST, 0x030B07F0},
    {"_pickle.Unpickler", NULL, HIDDEN_BEHIND, 0x030C0000, 0x030C01F0},
    // Modules/_threadmodule.c, local_traverse
    {"_thread._local", "wr_callback", 0, FIRST, 0x030D0000},
    // Modules/_operator.c, methodcaller_traverse: vectorcall_kwnames
    {"operator.methodcaller", NULL, HIDDEN_BEHIND, 0x030D0000, 0x030E0000},
    // Modules/_randommodule.c, _random_traverse: of the module's state
    {"module", "Long___abs__", 0, FIRST, NEVER},
    // Objects/genobject.c, gen_traverse: the origin is traced lines
    {"coroutine", "cr_origin", 0, FIRST, NEVER},
    {"coroutine", "cr_origin_or_finalizer", 0, FIRST, NEVER},
    {"generator", "gi_origin_or_finalizer", 0, FIRST, NEVER},
    // Modules/_ctypes/stgdict.c: it inherits the traverse function of dict
    {"StgDict", NULL, HIDDEN_ALL, FIRST, NEVER},
    // Modules/_json.c, scanner_traverse
    {"_json.Scanner", NULL, 0x30, FIRST, 0x03090000},
    // Modules/_ssl.c, PySSL_traverse: ctx and owner
    {"_ssl._SSLSocket", "ctx", 0, FIRST, NEVER},
    {"_ssl._SSLSocket", "owner", 0, FIRST, NEVER},
    {"_ssl._SSLSocket", NULL, 0x10, FIRST, NEVER},
    {"_ssl._SSLSocket", NULL, 0x20, FIRST, NEVER},
    // Modules/pyexpat.c, xmlparse_traverse
    {"pyexpat.xmlparser", "intern", 0, FIRST, NEVER},
    {"pyexpat.xmlparser", NULL, 0x28, FIRST, 0x030D0000},
    {"pyexpat.xmlparser", NULL, 0x30, 0x030D0000, NEVER},
    {"pyexpat.xmlparser", NULL, 0x38, 0x030D0000, NEVER}, // behind `parent`, where there is one
    // Modules/_elementtree.c, xmlparser_gc_traverse: elementtree_module
    {"xml.etree.ElementTree.XMLParser", NULL, 0x70, 0x030D0000, NEVER},
};

bool layout_hides(uint32_t version_hex, const char *type_name, const char *name, int32_t offset)
{
    for (size_t i = 0; i < sizeof HIDDEN / sizeof HIDDEN[0]; i++) {
        if (strcmp(HIDDEN[i].type_name, type_name) != 0 || version_hex < HIDDEN[i].since ||
            version_hex >= HIDDEN[i].until)
            continue;
        if (HIDDEN[i].name && name
                ? strcmp(HIDDEN[i].name, name) == 0
                : !HIDDEN[i].name && (HIDDEN[i].offset == offset ||
                                      (HIDDEN[i].offset == HIDDEN_ALL && offset >= 0)))
            return true;
    }
    return false;
}

bool layout_hides_managed_dict(uint32_t version_hex)
{
    return (version_hex >= 0x030D0000 && version_hex < 0x030D0DF0) ||
           (version_hex >= 0x030E0000 && version_hex < 0x030E04F0);
}

bool layout_untracks_dicts(uint32_t version_hex, bool free_threaded)
{
    return free_threaded && version_hex < 0x030E0000;
}
