-- Which tables the log may call otherwise by now: those that have another name, and those above
-- which there are other tables, or other triggers on these. It is asked again and again, so
-- functions look into the catalog caches: to plan a join of the catalogs takes several times as
-- long. What is above a table is only compared; sql/tables/speakers.sql says what follows from it.
-- Parameters: $1 bigint[] (the tables), $2 text[] (how each was called), $3 text[] (what was above
-- each).
-- Columns: relation bigint, name text (its own, as the log writes it), renamed boolean, above text
-- (the tables that it is a partition of, with the triggers on each; empty where it is none).
SELECT g.relation, m.name, m.name <> g.called AS renamed, u.above
  FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]),
                  pg_catalog.unnest($3::text[])) AS g(relation, called, above)
 CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(1259, g.relation::oid, 0) p
 CROSS JOIN LATERAL (
         SELECT @table_name@ AS name
           FROM (SELECT p.object_names[1] AS nspname) n, (SELECT p.object_names[2] AS relname) c) m
 CROSS JOIN LATERAL (
         SELECT coalesce(pg_catalog.string_agg(pg_catalog.concat(a.relid::oid, ':', (
                  SELECT pg_catalog.string_agg(t.oid::text, ',' ORDER BY t.oid)
                    FROM pg_catalog.pg_trigger t
                   WHERE t.tgrelid = a.relid::oid AND NOT t.tgisinternal)), ' '), '') AS above
           FROM pg_catalog.pg_partition_ancestors(g.relation::oid) a
          WHERE a.relid::oid <> g.relation::oid) u
 WHERE m.name <> g.called OR u.above <> g.above;
