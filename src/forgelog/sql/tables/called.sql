-- Which tables the log may call otherwise by now, where none was a partition: those that have
-- another name, and those that have become one. It is asked again and again, so functions look into
-- the catalog caches: to plan a join of the catalogs takes several times as long.
-- Parameters: as in sql/words/called.sql.
-- Columns: relation bigint, name text (its own, as the log writes it), renamed boolean, above text
-- (the tables that it is a partition of; empty where it is none).
SELECT g.relation, m.name, m.name <> g.called AS renamed, u.above
  FROM @called@
 CROSS JOIN LATERAL (
         SELECT coalesce(pg_catalog.string_agg(a.relid::oid::text, ' '), '') AS above
           FROM pg_catalog.pg_partition_ancestors(g.relation::oid) a
          WHERE a.relid::oid <> g.relation::oid) u
 WHERE m.name <> g.called OR u.above <> g.above;
