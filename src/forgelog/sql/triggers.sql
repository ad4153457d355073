-- The capture triggers of one table ($2) and the partitions below it, or of all tables (NULL). $1 is the log's schema.
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS "table",
       CASE n.nspname WHEN $1 THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
       t.tgname AS "trigger", t.tgenabled IN ('O', 'A') AS enabled, pg_catalog.encode(t.tgargs, 'hex') AS args,
       c.relkind = 'p' AND EXISTS (
         SELECT FROM pg_catalog.pg_partition_tree(CASE c.relkind WHEN 'p' THEN c.oid END) b
          WHERE b.relid <> c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_class f WHERE f.oid = b.relid AND f.relkind = 'f')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger x WHERE x.tgrelid = b.relid
                AND x.tgname = 'forge_capture_truncate_partition' AND x.tgenabled IN ('O', 'A'))) AS uncovered
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
   AND p.proname IN ('forge_capture_insert', 'forge_capture_update', 'forge_capture_delete', 'forge_capture_truncate',
                     'forge_capture_row')
  JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = $1
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgparentid = 0
   AND ($2::bigint IS NULL OR c.oid = $2::bigint::oid OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($2::bigint::oid)))
 ORDER BY name, t.tgname
