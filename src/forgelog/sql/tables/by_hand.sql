-- The triggers that somebody has attached by hand, as far as forge_notify_change is forgelog's own.
-- Parameters: none.
-- Columns: oid bigint (of the table), trigger text, args text (hex, each ended by a zero byte),
-- tables text (the oids of the table and its partitions as an SQL array), fresh boolean (the
-- function has statements made for the table as it is now).
SELECT t.tgrelid::bigint AS oid, t.tgname AS "trigger", @trigger_arguments@ AS args,
       all_of.tables,
       pg_catalog.strpos(p.prosrc, pg_catalog.quote_literal(now.shape)) > 0
         AND pg_catalog.strpos(p.prosrc, pg_catalog.quote_literal(all_of.tables)) > 0
         AND pg_catalog.strpos(p.prosrc, '@schema_text@.forge_shape(') > 0 AS fresh
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname = 'forge_notify_change'
   AND pg_catalog.strpos(p.prosrc, '-- forgelog') > 0
  JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
 CROSS JOIN LATERAL (SELECT @schema@.forge_shape(t.tgrelid) AS shape) now
 CROSS JOIN LATERAL (
         SELECT pg_catalog.array_agg(b.relid::oid ORDER BY b.relid::oid)::text AS tables
           FROM (SELECT t.tgrelid AS relid
                  UNION
                 SELECT f.relid::oid FROM pg_catalog.pg_partition_tree(t.tgrelid) f) b) all_of
 WHERE t.tgparentid = 0::oid AND now.shape IS NOT NULL
 ORDER BY t.tgrelid, t.tgname
 LIMIT 40; -- each costs every session memory for every table with such a trigger
