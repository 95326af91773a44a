// sql_views.c - what the reports show, as views: the queries that people would write first.
#include "query/sql_table.h"

const struct sql_view sql_views[] = {
    {"biggest_types", "types by the bytes of their instances, as `report` has them",
     "SELECT type, objects, bytes, retained, address FROM types WHERE objects > 0 ORDER BY bytes "
     "DESC, type"},
    {"biggest_objects", "objects by what they retain, as `report` has them",
     "SELECT object, address, type, size, retained, preview FROM objects ORDER BY retained DESC"},
    // Columns have the kind that they have in the last of the SELECTs.
    {"referrers", "who refers to an object: `WHERE target_address = 0x...`; roots too",
     "SELECT target, target_address, label, ownership, NULL AS source, NULL AS source_address,"
     " NULL AS source_type, name AS root FROM root_references"
     " UNION ALL SELECT r.target, r.target_address, r.label, r.ownership, r.source,"
     " r.source_address, o.type, NULL"
     " FROM \"references\" AS r JOIN objects AS o ON o.object = r.source"},
    {"referents", "what an object refers to: `WHERE source_address = 0x...`",
     "SELECT r.source, r.source_address, r.label, r.ownership, r.target, r.target_address,"
     " o.type AS target_type, o.preview AS target_preview"
     " FROM \"references\" AS r JOIN objects AS o ON o.object = r.target"},
    {"unexplained", "objects whose references do not explain their count, as `audit` starts from",
     "SELECT object, address, type, refcount, unexplained, possible,"
     " CASE WHEN unexplained > 0 THEN 'surplus' ELSE 'deficit' END AS verdict, preview"
     " FROM objects WHERE unexplained <> 0"},
    {"garbage", "what no root leads to, as `garbage` has it: waiting for the collector",
     "SELECT object, address, type, size, refcount, generation, preview FROM objects"
     " WHERE unreached = 1"},
    {"held_by_native_code", "objects whose count says more than was found",
     "SELECT object, address, type, size, refcount, unexplained, retained, preview FROM objects"
     " WHERE native = 1"},
    {"duplicate_strings", "equal values of str and bytes: how often, and what the copies take",
     "SELECT s.value, s.type, d.copies, d.bytes, d.wasted, s.object"
     " FROM (SELECT same, count(*) AS copies, sum(size) AS bytes, sum(size) - min(size) AS wasted"
     " FROM strings GROUP BY same HAVING count(*) > 1) AS d"
     " JOIN strings AS s ON s.object = d.same ORDER BY d.wasted DESC"},
    {"stacks", "every thread with its frames, the innermost first",
     "SELECT t.thread, t.native_id, f.depth, f.function, f.file, f.line"
     " FROM threads AS t LEFT JOIN frames AS f ON f.thread = t.thread"},
    {"held_by_roots", "what roots refer to: which root, by what name, and what that retains",
     "SELECT r.kind, r.name, r.label, r.ownership, o.object, o.address, o.type, o.retained"
     " FROM root_references AS r JOIN objects AS o ON o.object = r.target"},
    {"root_kinds", "roots and their references by kind",
     "SELECT k.kind, k.roots, count(r.root) AS \"references\""
     " FROM (SELECT kind, count(*) AS roots FROM roots GROUP BY kind) AS k"
     " LEFT JOIN root_references AS r ON r.kind = k.kind GROUP BY k.kind"},
    {"finalizers", "objects of which something is called before they go",
     "SELECT o.object, o.address, o.type, o.finalized, o.retained, o.preview"
     " FROM types AS t JOIN objects AS o ON o.type = t.type AND o.type_id = t.type_id"
     " WHERE t.finalizer = 1"},
    {"generations", "objects by generation of the cycle collector",
     "SELECT generation, count(*) AS objects, sum(size) AS bytes FROM objects"
     " WHERE tracked = 1 GROUP BY generation"},
    {"blocks_by_allocator", "blocks by allocator: those of objects, and those of native code",
     "SELECT allocator, owner IS NOT NULL AS owned, count(*) AS blocks, sum(size) AS bytes"
     " FROM blocks GROUP BY allocator, owned"},
    {"native_blocks", "blocks that no object owns, and who points to them",
     "SELECT block, address, size, allocator, holder FROM blocks WHERE owner IS NULL"
     " ORDER BY size DESC"},
};
const size_t sql_view_count = SQL_COLUMN_COUNT(sql_views);
