-- The capture triggers of one table ($2) and the partitions below it, or of all tables (NULL). $1 is the log's schema.
-- `altered`: not as watch makes it (event, level, condition, columns, transition tables). `key` is the primary key now.
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS "table",
       CASE n.nspname WHEN $1 THEN '' ELSE n.nspname || '.' END || c.relname AS name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
       t.tgname AS "trigger", t.tgenabled IN ('O', 'A') AS enabled, pg_catalog.encode(t.tgargs, 'hex') AS args,
       t.tgtype <> w.type OR t.tgqual IS NOT NULL OR pg_catalog.cardinality(t.tgattr::int2[]) > 0
         OR t.tgoldtable::text IS DISTINCT FROM w.old_table OR t.tgnewtable::text IS DISTINCT FROM w.new_table AS altered,
       (SELECT pg_catalog.string_agg(a.attname, pg_catalog.chr(1) ORDER BY k.place)
          FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts) AS key,
       c.relkind = 'p' AND EXISTS (
         SELECT FROM pg_catalog.pg_partition_tree(CASE c.relkind WHEN 'p' THEN c.oid END) b
          WHERE b.relid <> c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_class f WHERE f.oid = b.relid AND f.relkind = 'f')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger x WHERE x.tgrelid = b.relid
                AND x.tgname = 'forge_capture_truncate_partition' AND x.tgenabled IN ('O', 'A'))) AS uncovered
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN (VALUES ('forge_capture_insert', 4, NULL, 'new_rows'), ('forge_capture_update', 16, 'old_rows', 'new_rows'),
               ('forge_capture_delete', 8, 'old_rows', NULL), ('forge_capture_truncate', 32, NULL, NULL),
               ('forge_capture_row', 29, NULL, NULL)) AS w(name, type, old_table, new_table) ON w.name = p.proname
  JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = $1
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgparentid = 0
   AND ($2::bigint IS NULL OR c.oid = $2::bigint::oid OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($2::bigint::oid)))
 ORDER BY name, t.tgname
