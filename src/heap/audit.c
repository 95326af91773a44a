// audit.c - who holds what the reference counts have and the object graph does not.
//
//   unexplained: objects whose count is not the owned references found
//   traces:      words that are the address of one of them, where a reference may be: static data,
//                module state, value stacks, C stacks, registers
//   claims:      each missing reference goes to the surest trace left; the rest is unknown
//   findings:    claims with the same holder, place and type
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "heap/audit.h"

#define LIMIT_TRACES (1u << 22) // words found; a pool of one shared value may be everywhere

struct unexplained {
    uint32_t index;
    int64_t missing; // negative: a deficit
};

struct trace {
    uint32_t subject; // place in `subjects`
    mx_holder holder;
    const char *where; // a root's name, or one of `names`
    mx_addr place;     // of a variable; else 0
};

struct claim {
    struct trace trace; // whose `where` is NULL when nothing was found
    uint32_t type;
    uint64_t references;
};

struct audit {
    struct visitor visitor;
    struct mx_heap *heap;
    VECTOR(struct unexplained) subjects; // by index
    VECTOR(struct trace) traces;
    VECTOR(char *) names;
    VECTOR(struct claim) claims; // as many as traces and subjects at most
    struct findings findings;
    uint32_t from;     // the object being visited
    const char *where; // its name, once it was needed
};

// ---- subjects ---------------------------------------------------------------------------------

static mx_status find_subjects(struct audit *audit, struct mx_error *err)
{
    struct mx_heap *heap = audit->heap;
    for (uint32_t i = 0; i < heap->count; i++) {
        struct header header;
        if (!object_header(&heap->decoder, heap->addresses[i], &header) || header.immortal)
            continue;
        int64_t missing =
            header.refcount - refcount_unowned(heap, &header) - (int64_t)heap->found[i];
        if (missing && !vector_push(&audit->subjects, ((struct unexplained){i, missing})))
            return fail_no_memory(err);
    }
    return MX_OK;
}

// The subject at addr, or NULL. Cheap for the many words that are no address of an object.
static struct unexplained *subject_at(struct audit *audit, mx_addr addr)
{
    uint32_t index;
    if (addr % 8 || !mx_heap_find(audit->heap, addr, &index))
        return NULL;
    size_t low = 0, high = audit->subjects.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (audit->subjects.items[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    struct unexplained *subject = &audit->subjects.items[low];
    return low < audit->subjects.count && subject->index == index && subject->missing > 0 ? subject
                                                                                          : NULL;
}

// ---- traces -----------------------------------------------------------------------------------

// Keeps a name; "" when there is no memory for it.
static const char *add_name(struct audit *audit, const char *text)
{
    char *name = strdup(text);
    if (!name || !vector_push(&audit->names, name)) {
        free(name);
        return "";
    }
    return name;
}

static void add_trace(struct audit *audit, mx_addr addr, mx_holder holder, const char *where,
                      mx_addr place)
{
    const struct unexplained *subject = subject_at(audit, addr);
    if (subject && audit->traces.count < LIMIT_TRACES)
        (void)vector_push(
            &audit->traces,
            ((struct trace){(uint32_t)(subject - audit->subjects.items), holder, where, place}));
}

static mx_holder holder_of_root(const struct root_edge *root)
{
    return root->edge.kind == EDGE_STATIC || root->edge.kind == EDGE_BLOCK ? MX_HOLDER_STATIC
           : root->edge.kind == EDGE_NATIVE ? MX_HOLDER_STACK
                                            : MX_HOLDER_FRAME;
}

static void trace_roots(struct audit *audit)
{
    struct mx_heap *heap = audit->heap;
    for (size_t i = 0; i < heap->root_edges.count; i++) {
        const struct root_edge *root = &heap->root_edges.items[i];
        if (root->edge.hold == HOLD_POSSIBLE && subject_at(audit, root->edge.to) &&
            !heap_is_inside_object(heap, root->place))
            add_trace(audit, root->edge.to, holder_of_root(root),
                      heap->roots.items[root->root].name, root->place);
    }
}

// "module _ssl", "frame of f at app.py:12"
static void name_object(struct mx_heap *heap, uint32_t index, char *buffer, size_t nbytes)
{
    struct text text;
    char module[150];
    mx_addr addr = heap->addresses[index];
    if (heap->decoder.types[heap->types[index]]->family == FAMILY_FRAME) {
        object_kind(&heap->decoder, addr, heap->types[index], buffer, nbytes);
        return;
    }
    mx_addr dict = field_at(&heap->decoder, addr, heap->decoder.layout->module_dict);
    text_init(&text, buffer, nbytes);
    text_add(&text, "module ");
    if (str_value(&heap->decoder, dict_get(&heap->decoder, dict, "__name__"), module,
                  sizeof module))
        text_add_escaped(&text, module);
}

static mx_holder holder_of(enum family family)
{
    return family == FAMILY_MODULE  ? MX_HOLDER_MODULE_STATE
           : family == FAMILY_FRAME ? MX_HOLDER_FRAME
                                    : MX_HOLDER_STRUCT;
}

static void possible_edge(struct visitor *visitor, struct edge edge)
{
    struct audit *audit = (struct audit *)visitor;
    struct mx_heap *heap = audit->heap;
    if (edge.hold != HOLD_POSSIBLE || !subject_at(audit, edge.to))
        return;
    uint32_t type = heap->types[audit->from];
    mx_holder holder = holder_of(heap->decoder.types[type]->family);
    if (!audit->where && holder == MX_HOLDER_STRUCT) {
        audit->where = type_qualified_name(&heap->decoder, type);
    } else if (!audit->where) {
        char name[200];
        name_object(heap, audit->from, name, sizeof name);
        audit->where = add_name(audit, name);
    }
    add_trace(audit, edge.to, holder, audit->where, 0);
}

static bool possible_claim(struct visitor *visitor, mx_addr memory, enum claim_kind kind)
{
    return kind == CLAIM_BLOCK && heap_claim(((struct audit *)visitor)->heap, memory);
}

// Words of objects that may be references or not: of modules' state, of C structs that nobody
// described, and, to 3.10, of the value stacks of frames.
static void trace_objects(struct audit *audit)
{
    struct mx_heap *heap = audit->heap;
    audit->visitor.edge = possible_edge;
    audit->visitor.claim = possible_claim;
    heap_claim_root_blocks(heap);
    for (uint32_t i = 0; i < heap->count; i++) {
        if (heap->decoder.types[heap->types[i]]->leaf)
            continue;
        audit->from = i;
        audit->where = NULL;
        object_visit(&heap->decoder, heap->addresses[i], heap->types[i], &audit->visitor);
    }
    heap_unclaim(heap);
}

// ---- findings ---------------------------------------------------------------------------------

// By subject, then from the surest holder to the least sure.
static int compare_traces(const void *a, const void *b)
{
    const struct trace *x = a, *y = b;
    if (x->subject != y->subject)
        return x->subject < y->subject ? -1 : 1;
    return (int)x->holder - (int)y->holder;
}

static bool add_claim(struct audit *audit, const struct trace *trace, uint64_t references)
{
    uint32_t index = audit->subjects.items[trace->subject].index;
    return vector_push(&audit->claims,
                       ((struct claim){*trace, audit->heap->types[index], references}));
}

// Each trace can be one reference; what no trace is left for is held by something unknown.
static bool explain(struct audit *audit, uint32_t number, size_t *next)
{
    int64_t missing = audit->subjects.items[number].missing, left = missing;
    struct trace none = {.subject = number,
                         .holder = missing > 0 ? MX_HOLDER_UNKNOWN : MX_HOLDER_NONE};
    bool ok = true;
    for (; *next < audit->traces.count && audit->traces.items[*next].subject == number; ++*next)
        if (left > 0) {
            ok &= add_claim(audit, &audit->traces.items[*next], 1);
            left--;
        }
    if (left)
        ok &= add_claim(audit, &none, (uint64_t)(left > 0 ? left : -left));
    return ok;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (x->trace.holder != y->trace.holder)
        return (int)x->trace.holder - (int)y->trace.holder;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->trace.where != y->trace.where)
        return x->trace.where < y->trace.where ? -1 : 1;
    return x->trace.subject < y->trace.subject ? -1 : x->trace.subject > y->trace.subject;
}

static bool same_finding(const struct claim *x, const struct claim *y)
{
    return x->trace.holder == y->trace.holder && x->type == y->type &&
           x->trace.where == y->trace.where;
}

static mx_status group_claims(struct audit *audit, struct mx_error *err)
{
    struct mx_heap *heap = audit->heap;
    const struct claim *claims = audit->claims.items;
    for (size_t first = 0, next; first < audit->claims.count; first = next) {
        const struct trace *trace = &claims[first].trace;
        struct mx_finding finding = {
            .holder = trace->holder,
            .place = trace->place,
            .example = heap->addresses[audit->subjects.items[trace->subject].index]};
        snprintf(finding.where, sizeof finding.where, "%s", trace->where ? trace->where : "");
        snprintf(finding.type, sizeof finding.type, "%s",
                 type_qualified_name(&heap->decoder, claims[first].type));
        for (next = first;
             next < audit->claims.count && same_finding(&claims[first], &claims[next]); next++) {
            finding.references += claims[next].references;
            finding.objects +=
                next == first || claims[next].trace.subject != claims[next - 1].trace.subject;
        }
        if (!vector_push(&audit->findings, finding))
            return fail_no_memory(err);
    }
    return MX_OK;
}

static bool is_open(const struct mx_finding *finding)
{
    return finding->holder == MX_HOLDER_UNKNOWN || finding->holder == MX_HOLDER_NONE ||
           finding->holder == MX_HOLDER_UNREACHED;
}

static int compare_findings(const void *a, const void *b)
{
    const struct mx_finding *x = a, *y = b;
    if (is_open(x) != is_open(y))
        return is_open(x) ? -1 : 1;
    if (x->references != y->references)
        return x->references > y->references ? -1 : 1;
    return strcmp(x->type, y->type);
}

static mx_status audit_run(struct audit *audit, struct mx_error *err)
{
    size_t next = 0;
    mx_status status = find_subjects(audit, err);
    if (status)
        return status;
    decoder_refill(&audit->heap->decoder);
    trace_roots(audit);
    trace_objects(audit);
    if (audit->traces.count)
        qsort(audit->traces.items, audit->traces.count, sizeof *audit->traces.items,
              compare_traces);
    for (uint32_t i = 0; i < audit->subjects.count; i++)
        if (!explain(audit, i, &next))
            return fail_no_memory(err);
    if (audit->claims.count)
        qsort(audit->claims.items, audit->claims.count, sizeof *audit->claims.items,
              compare_claims);
    status = group_claims(audit, err);
    if (!status)
        status = heap_find_unreached(audit->heap, &audit->findings, err);
    if (audit->findings.count)
        qsort(audit->findings.items, audit->findings.count, sizeof *audit->findings.items,
              compare_findings);
    return status;
}

mx_status mx_heap_audit(const mx_heap *heap, struct mx_finding **ret, size_t *ret_count,
                        struct mx_error *err)
{
    // Looking decodes on demand, which fills the decoder's tables: no change that a caller can see.
    struct audit audit = {.heap = (struct mx_heap *)(uintptr_t)heap};
    mx_status status = audit_run(&audit, err);
    vector_free(&audit.subjects);
    vector_free(&audit.traces);
    vector_free(&audit.claims);
    for (size_t i = 0; i < audit.names.count; i++)
        free(audit.names.items[i]);
    vector_free(&audit.names);
    if (status) {
        vector_free(&audit.findings);
        return status;
    }
    *ret = audit.findings.items;
    *ret_count = audit.findings.count;
    return MX_OK;
}

void mx_findings_free(struct mx_finding *findings)
{
    free(findings);
}

static const struct {
    const char *name, *meaning;
} HOLDERS[] = {
    [MX_HOLDER_STATIC] = {"static variable",
                          "a variable of a program or library refers to it: usually meant so"},
    [MX_HOLDER_MODULE_STATE] = {"module state",
                                "the C state of a module refers to it: usually meant so"},
    [MX_HOLDER_STRUCT] = {"C struct",
                          "a word in the C struct of an object refers to it: usually meant so"},
    [MX_HOLDER_FRAME] = {"value stack", "a running function is working with it"},
    [MX_HOLDER_STACK] = {"C stack", "a C function that is running now refers to it"},
    [MX_HOLDER_UNKNOWN] = {"unknown",
                           "nothing that refers to it was found: memory of native code does, or a "
                           "reference was lost (a missing Py_DECREF)"},
    [MX_HOLDER_UNREACHED] = {"unreached",
                             "allocated, and nothing that was found refers to it: memory of native "
                             "code does, or the last reference was lost"},
    [MX_HOLDER_NONE] = {"none",
                        "more references than its count says: one was given up too often (a "
                        "Py_DECREF too many), and it will be freed too early"},
};

const char *mx_holder_name(mx_holder holder)
{
    return (size_t)holder < sizeof HOLDERS / sizeof HOLDERS[0] ? HOLDERS[holder].name : "?";
}

const char *mx_holder_meaning(mx_holder holder)
{
    return (size_t)holder < sizeof HOLDERS / sizeof HOLDERS[0] ? HOLDERS[holder].meaning : "?";
}
