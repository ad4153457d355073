-- The same as sql/tables/called.sql where some are partitions: what is above these may be watched
-- meanwhile, or not any more. To plan that takes twice as long.
-- Parameters: as in sql/words/called.sql.
-- Columns: as there; above text has the triggers on each table, too.
SELECT g.relation, m.name, m.name <> g.called AS renamed, u.above
  FROM @called@
 CROSS JOIN LATERAL (
         SELECT coalesce(pg_catalog.string_agg(pg_catalog.concat(a.relid::oid, ':', (
                  SELECT pg_catalog.string_agg(t.oid::text, ',' ORDER BY t.oid)
                    FROM pg_catalog.pg_trigger t
                   WHERE t.tgrelid = a.relid::oid AND NOT t.tgisinternal)), ' '), '') AS above
           FROM pg_catalog.pg_partition_ancestors(g.relation::oid) a
          WHERE a.relid::oid <> g.relation::oid) u
 WHERE m.name <> g.called OR u.above <> g.above;
