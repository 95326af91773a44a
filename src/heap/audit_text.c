// audit_text.c - what each holder means, in words: for whoever wrote the extension.
#include "heap/audit.h"

static const struct {
    const char *name, *confidence;
    bool lost;
    const char *meaning;
} HOLDERS[] = {
    [MX_HOLDER_STATIC] = {"static variable", "likely", false,
                          "a variable of a program or library refers to it: usually meant so; when "
                          "it is never given back, clear it in the module's m_free"},
    [MX_HOLDER_MODULE_STATE] = {"module state", "likely", false,
                                "the C state of a module refers to it: usually meant so"},
    [MX_HOLDER_STRUCT] = {"C struct", "likely", false,
                          "a word in the C struct of an object refers to it: usually meant so; "
                          "when the object outlives its use, look at that type's tp_clear"},
    [MX_HOLDER_BLOCK] = {"malloc block", "likely", false,
                         "memory that native code allocated refers to it, and is still in use: "
                         "meant so, unless whoever owns the memory should have let go"},
    [MX_HOLDER_LOST_BLOCK] = {"lost block", "likely", true,
                              "memory that native code allocated refers to it, and nothing that "
                              "was found points to that memory: it was lost together with its "
                              "references (a missing free and Py_DECREF)"},
    [MX_HOLDER_LEAKED] = {"unreached object", "sure", false,
                          "an object that was lost itself refers to it: see unreached"},
    [MX_HOLDER_MEMORY] = {"memory", "possible", false,
                          "memory that native code allocated refers to it; what points there is "
                          "thread-local or mapped memory, of which nobody knows whether it is "
                          "still in use"},
    [MX_HOLDER_FRAME] = {"value stack", "possible", false,
                         "a running function is working with it, or was: look again when it has "
                         "returned"},
    [MX_HOLDER_REGISTER] = {"register", "possible", false,
                            "a thread has its address in a register: the C function that runs "
                            "there works with it, or did"},
    [MX_HOLDER_STACK] = {"C stack", "possible", false,
                         "its address is on a C stack: a C function that is running now works "
                         "with it, or left the address there; when it stays in audits at other "
                         "moments, take it for a lost reference"},
    [MX_HOLDER_UNKNOWN] = {"unknown", "sure", true,
                           "nothing that refers to it was found: a reference was lost (a missing "
                           "Py_DECREF), unless it is in memory that was not seen"},
    [MX_HOLDER_UNREACHED] = {"unreached", "sure", true,
                             "allocated, and nothing that was found refers to it: the last "
                             "reference was lost (a missing Py_DECREF), unless it is in memory "
                             "that was not seen"},
    [MX_HOLDER_NONE] = {"none", "sure", false,
                        "more references than its count says: one was given up too often (a "
                        "Py_DECREF too many, a borrowed reference taken for one's own), and it "
                        "will be freed too early"},
};

#define KNOWN(holder) ((size_t)(holder) < sizeof HOLDERS / sizeof HOLDERS[0])

const char *mx_holder_name(mx_holder holder)
{
    return KNOWN(holder) ? HOLDERS[holder].name : "?";
}

const char *mx_holder_meaning(mx_holder holder)
{
    return KNOWN(holder) ? HOLDERS[holder].meaning : "?";
}

const char *mx_holder_confidence(mx_holder holder)
{
    return KNOWN(holder) ? HOLDERS[holder].confidence : "?";
}

bool mx_holder_is_lost(mx_holder holder)
{
    return KNOWN(holder) && HOLDERS[holder].lost;
}
