// audit.c - who holds what the reference counts have and the object graph does not.
//
//   subjects: objects whose count is not the owned references found, and unreached ones
//   traces:   words that are the address of one of them, where a reference may be (audit_traces.c)
//   claims:   each missing reference goes to the surest trace left; the rest is unknown
//   findings: claims with the same holder, place and type
#include "heap/audit.h"
#include "heap/opened.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

// Of references to one subject, from one holder.
struct claim {
    struct trace trace; // whose `where` is NULL when nothing was found
    uint32_t type;
    uint64_t references;
};

struct grouping {
    struct audit *audit;
    VECTOR(struct claim) claims; // as many as traces and subjects at most
    VECTOR(struct mx_finding) findings;
};

// ---- subjects ---------------------------------------------------------------------------------

static int compare_subjects(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static mx_status find_subjects(struct audit *audit, struct mx_error *err)
{
    struct mx_heap *heap = audit->heap;
    for (uint32_t i = 0; i < heap->count; i++) {
        struct header header;
        if (!object_header(&heap->decoder, heap->addresses[i], &header) || header.immortal)
            continue;
        int64_t missing = refcount_missing(heap, i, &header);
        if (missing && !vector_push(&audit->subjects, ((struct subject){heap->addresses[i], missing,
                                                                        heap->types[i], false})))
            return fail_no_memory(err);
    }
    for (size_t i = 0; i < audit->blocks->unreached.count; i++) {
        const struct unreached *unreached = &audit->blocks->unreached.items[i];
        if (!vector_push(&audit->subjects, ((struct subject){unreached->addr, unreached->refcount,
                                                             unreached->type, true})))
            return fail_no_memory(err);
    }
    if (audit->subjects.count)
        qsort(audit->subjects.items, audit->subjects.count, sizeof *audit->subjects.items,
              compare_subjects);
    return MX_OK;
}

// ---- claims -----------------------------------------------------------------------------------

// By subject, then from the surest holder to the least sure.
static int compare_traces(const void *a, const void *b)
{
    const struct trace *x = a, *y = b;
    if (x->subject != y->subject)
        return x->subject < y->subject ? -1 : 1;
    if (x->holder != y->holder)
        return (int)x->holder - (int)y->holder;
    return x->place < y->place ? -1 : x->place > y->place;
}

static bool add_claim(struct grouping *grouping, const struct trace *trace, uint64_t references)
{
    uint32_t type = grouping->audit->subjects.items[trace->subject].type;
    return vector_push(&grouping->claims, ((struct claim){*trace, type, references}));
}

// Each trace can be one reference; what no trace is left for is held by something unknown.
static bool explain(struct grouping *grouping, uint32_t number, size_t *next)
{
    const struct audit *audit = grouping->audit;
    const struct subject *subject = &audit->subjects.items[number];
    int64_t left = subject->missing;
    struct trace none = {.subject = number,
                         .holder = subject->unreached ? MX_HOLDER_UNREACHED
                                   : left > 0         ? MX_HOLDER_UNKNOWN
                                                      : MX_HOLDER_NONE,
                         .offset = NO_OFFSET,
                         .block = NO_BLOCK};
    bool ok = true;
    for (; *next < audit->traces.count && audit->traces.items[*next].subject == number; ++*next)
        if (left > 0) {
            ok &= add_claim(grouping, &audit->traces.items[*next], 1);
            left--;
        }
    if (left)
        ok &= add_claim(grouping, &none, (uint64_t)(left > 0 ? left : -left));
    return ok;
}

// ---- findings ---------------------------------------------------------------------------------

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (x->trace.holder != y->trace.holder)
        return (int)x->trace.holder - (int)y->trace.holder;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->trace.where != y->trace.where)
        return x->trace.where < y->trace.where ? -1 : 1;
    if (x->trace.subject != y->trace.subject)
        return x->trace.subject < y->trace.subject ? -1 : 1;
    return x->trace.place < y->trace.place ? -1 : x->trace.place > y->trace.place;
}

static bool same_finding(const struct claim *x, const struct claim *y)
{
    return x->trace.holder == y->trace.holder && x->type == y->type &&
           x->trace.where == y->trace.where;
}

// The variable, and how far into it, where that is the same for all of them.
static void write_where(const struct claim *claims, size_t count, char *buffer, size_t nbytes)
{
    const struct trace *trace = &claims[0].trace;
    uint64_t offset = trace->offset;
    for (size_t i = 1; i < count; i++)
        if (claims[i].trace.offset != offset)
            offset = NO_OFFSET;
    if (offset == NO_OFFSET || !offset)
        snprintf(buffer, nbytes, "%s", trace->where ? trace->where : "");
    else
        snprintf(buffer, nbytes, "%s+0x%llx", trace->where, (unsigned long long)offset);
}

static mx_status group_claims(struct grouping *grouping, struct mx_error *err)
{
    struct audit *audit = grouping->audit;
    const struct claim *claims = grouping->claims.items;
    size_t count = grouping->claims.count;
    for (size_t first = 0, next; first < count; first = next) {
        const struct trace *trace = &claims[first].trace;
        struct mx_finding finding = {.holder = trace->holder,
                                     .place = trace->place,
                                     .example = audit->subjects.items[trace->subject].addr};
        if (trace->block != NO_BLOCK) {
            finding.block = audit->blocks->items.items[trace->block].addr;
            finding.block_bytes = audit->blocks->items.items[trace->block].nbytes;
        }
        snprintf(finding.type, sizeof finding.type, "%s",
                 type_qualified_name(&audit->heap->decoder, claims[first].type));
        for (next = first; next < count && same_finding(&claims[first], &claims[next]); next++) {
            finding.references += claims[next].references;
            finding.objects +=
                next == first || claims[next].trace.subject != claims[next - 1].trace.subject;
        }
        write_where(claims + first, next - first, finding.where, sizeof finding.where);
        if (!vector_push(&grouping->findings, finding))
            return fail_no_memory(err);
    }
    return MX_OK;
}

static bool is_open(const struct mx_finding *finding)
{
    return mx_holder_is_lost(finding->holder) || finding->holder == MX_HOLDER_NONE;
}

static int compare_findings(const void *a, const void *b)
{
    const struct mx_finding *x = a, *y = b;
    if (is_open(x) != is_open(y))
        return is_open(x) ? -1 : 1;
    if (x->references != y->references)
        return x->references > y->references ? -1 : 1;
    int types = strcmp(x->type, y->type);
    return types ? types : strcmp(x->where, y->where);
}

static mx_status audit_run(struct audit *audit, struct grouping *grouping, struct mx_error *err)
{
    size_t next = 0;
    mx_status status = heap_blocks(audit->heap, &audit->blocks, err);
    if (!status)
        status = find_subjects(audit, err);
    if (status)
        return status;
    audit_find_traces(audit);
    if (audit->traces.count)
        qsort(audit->traces.items, audit->traces.count, sizeof *audit->traces.items,
              compare_traces);
    for (uint32_t i = 0; i < audit->subjects.count; i++)
        if (!explain(grouping, i, &next))
            return fail_no_memory(err);
    if (grouping->claims.count)
        qsort(grouping->claims.items, grouping->claims.count, sizeof *grouping->claims.items,
              compare_claims);
    status = audit->failed ? fail_no_memory(err) : group_claims(grouping, err);
    if (grouping->findings.count)
        qsort(grouping->findings.items, grouping->findings.count, sizeof *grouping->findings.items,
              compare_findings);
    return status;
}

mx_status mx_heap_audit(const mx_heap *heap, struct mx_finding **ret, size_t *ret_count,
                        struct mx_error *err)
{
    if (heap->opened)
        return file_findings(heap->opened, ret, ret_count, err);
    // Looking decodes on demand, which fills the decoder's tables: no change that a caller can see.
    struct audit audit = {.heap = (struct mx_heap *)(uintptr_t)heap};
    struct grouping grouping = {.audit = &audit};
    mx_status status = audit_run(&audit, &grouping, err);
    vector_free(&audit.subjects);
    vector_free(&audit.traces);
    audit_names_free(&audit.names);
    vector_free(&grouping.claims);
    if (status) {
        vector_free(&grouping.findings);
        return status;
    }
    *ret = grouping.findings.items;
    *ret_count = grouping.findings.count;
    return MX_OK;
}

void mx_findings_free(struct mx_finding *findings)
{
    free(findings);
}
