-- The tables of this database that can be watched, those first of which most may come: with a
-- primary key, and with many rows as far as the planner knows.
-- Parameters: $1 bigint (how many at most).
-- Columns: name text (as SQL has it here), keyed boolean (it has a primary key), captured boolean.
SELECT c.oid::pg_catalog.regclass::text AS name, k.keyed,
       EXISTS (SELECT @captures@ WHERE t.tgrelid = c.oid) AS captured
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
         SELECT EXISTS (SELECT FROM pg_catalog.pg_index i
                         WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed) k
  LEFT JOIN pg_catalog.pg_namespace home ON home.nspname = @schema_name@
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT (n.nspname = @schema_name@ AND c.relname IN (@own_tables@))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.deptype = 'e') -- an extension's
 ORDER BY k.keyed DESC, c.reltuples DESC, 1
 LIMIT $1::bigint;
