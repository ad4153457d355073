-- The capture triggers of one table and the partitions below it, or of all tables.
-- Parameters: $1 bigint (the table's oid; NULL: all tables).
-- Columns: oid bigint, schema, table, name text (as in table_name), quoted text, trigger, kind text
-- (what it captures: insert, update, delete, truncate or row), calls text (its function), enabled
-- boolean, always boolean (also where session_replication_role is replica), args text (hex, each
-- ended by a zero byte), altered boolean (not as watch makes it: event, level, condition, columns,
-- transition tables), key text (the columns of the primary key now, separated by \001; NULL: none),
-- columns text (all of them, likewise), uncovered boolean (a partition lacks its trigger for
-- TRUNCATE).
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS "table", @table_name@ AS name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
       t.tgname AS "trigger", w.kind, p.proname AS calls,
       t.tgenabled IN ('O', 'A') AS enabled, t.tgenabled = 'A' AS always,
       @trigger_arguments@ AS args,
       t.tgtype <> w.type OR t.tgqual IS NOT NULL OR pg_catalog.cardinality(t.tgattr::int2[]) > 0
         OR t.tgoldtable::text IS DISTINCT FROM w.old_table
         OR t.tgnewtable::text IS DISTINCT FROM w.new_table AS altered,
       nullif(pg_catalog.array_to_string(@primary_key@, pg_catalog.chr(1)), '') AS key,
       (SELECT pg_catalog.string_agg(x.attname::text, pg_catalog.chr(1) ORDER BY x.attnum)
          FROM pg_catalog.pg_attribute x
         WHERE x.attrelid = c.oid AND x.attnum > 0 AND NOT x.attisdropped) AS columns,
       c.relkind = 'p' AND EXISTS (
         SELECT FROM pg_catalog.pg_partition_tree(CASE c.relkind WHEN 'p' THEN c.oid END) b
          WHERE b.relid::oid <> c.oid
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_class f
                             WHERE f.oid = b.relid::oid AND f.relkind = 'f')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger x WHERE x.tgrelid = b.relid::oid
                               AND x.tgname ~ '^forge_capture_truncate(_partition)?$'
                               AND x.tgenabled IN ('O', 'A'))) AS uncovered
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN (VALUES ('insert', 4, NULL, 'new_rows'),
               ('update', 16, 'old_rows', 'new_rows'),
               ('delete', 8, 'old_rows', NULL),
               ('truncate', 32, NULL, NULL),
               ('row', 29, NULL, NULL)
       ) AS w(kind, type, old_table, new_table)
    ON p.proname ~ ('^forge_capture_' || w.kind || '(_[0-9]+)?$')
  JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgparentid = 0::oid
   AND ($1::bigint IS NULL OR c.oid = $1::bigint::oid
        OR c.oid IN (SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::bigint::oid)))
 ORDER BY name, t.tgname;
